"""Streams that YAML declares as a table's columns (sql and files): the declaration, its days and its windows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from okr_pipeline.connectors.columns import ARROW, ColumnType
from okr_pipeline.connectors.contract import Stream, Window
from okr_pipeline.connectors.settings import Days

Name = Annotated[str, Field(min_length=1)]


class TableStream(BaseModel):
    """`columns` are the source's; `days` adds the DATE of a timestamp column in the source's time zone.

    Without `date` it is a list, delivered whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    columns: dict[Name, ColumnType] = Field(min_length=1)
    days: dict[Name, str] = {}
    key: tuple[str, ...] = Field(min_length=1)
    date: str | None = None
    restates: Days = 0
    delay: Days = 0
    not_additive: dict[str, str] = {}

    @field_validator("days")
    @classmethod
    def _of_timestamps(cls, days: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        columns = info.data.get("columns", {})
        for day, column in days.items() if columns else ():
            if day in columns:
                raise ValueError(f"{day} is the name of a column already; give the day another name")
            if columns.get(column) != "timestamp":
                raise ValueError(f"{day}: {column} is not a column of type timestamp; {one_of(columns, 'timestamp')}")
        return days

    @field_validator("key", "not_additive")
    @classmethod
    def _known(cls, names: tuple[str, ...] | dict[str, str], info: ValidationInfo) -> tuple[str, ...] | dict[str, str]:
        known = _types(info)
        if unknown := [name for name in names if known and name not in known]:
            raise ValueError(f"{', '.join(unknown)} is not a column of this stream; write one of {', '.join(known)}")
        return names

    @field_validator("date")
    @classmethod
    def _is_a_day(cls, name: str | None, info: ValidationInfo) -> str | None:
        known = _types(info)
        if name is not None and known and known.get(name) != "date":
            raise ValueError(
                f"{name} is not a column of type date; {one_of(known, 'date')}, or derive one under `days`"
            )
        return name

    def source_schema(self) -> pa.Schema:
        """The source's columns in their order; columns of the key are not nullable."""
        return pa.schema([pa.field(name, ARROW[kind], name not in self.key) for name, kind in self.columns.items()])

    def stream(self, name: str, description: str) -> Stream:
        """The stream as the contract has it; `description` where the YAML has none."""
        schema = self.source_schema()
        for day in self.days:
            schema = schema.append(pa.field(day, pa.date32()))
        return Stream(
            name,
            schema,
            self.key,
            self.date,
            self.description or description,
            self.restates,
            self.delay,
            self.not_additive,
        )

    def dated(self, table: pa.Table, timezone: str) -> pa.Table:
        """Rows of `source_schema` with their derived days."""
        for day, column in self.days.items():
            table = table.append_column(day, days_of(table.column(column), timezone))
        return table

    def within(self, table: pa.Table, window: Window) -> pa.Table:
        """The rows whose day is in the window, in one chunk; all rows of a list without days."""
        if self.date is not None:
            days = table.column(self.date)
            table = table.filter(pc.and_(pc.greater_equal(days, window.first), pc.less_equal(days, window.last)))
        return table.combine_chunks()


def _types(info: ValidationInfo) -> dict[str, str]:
    """The types of all columns that validated so far; nothing when these have a mistake of their own."""
    return (
        {**info.data["columns"], **dict.fromkeys(info.data["days"], "date")}
        if {"columns", "days"} <= {*info.data}
        else {}
    )


def one_of(columns: Mapping[str, str], kind: str) -> str:
    """The remedy for a column of the wrong type: those of the right one."""
    names = [name for name, type_ in columns.items() if type_ == kind]
    return f"write one of {', '.join(names)}" if names else f"declare a column of type {kind}"


def midnight(day: date, timezone: str) -> datetime:
    """The instant at which a day begins in a time zone, naive, in UTC."""
    local = datetime.combine(day, time.min)
    return local - (local.replace(tzinfo=ZoneInfo(timezone)).utcoffset() or timedelta())


def days_of(instants: pa.ChunkedArray, timezone: str) -> pa.Array:
    """The day in a time zone of naive UTC instants.

    By the midnights around them, because Arrow would ask the operating system for the zone, and not every one has it.
    """
    valid = instants.is_valid().to_numpy(zero_copy_only=False)
    known = instants.drop_null().cast(pa.int64()).to_numpy().view("datetime64[us]")
    near = np.unique(known.astype("datetime64[D]"))
    days = np.unique(np.concatenate([near - 1, near, near + 1]))
    days = days[(days > np.datetime64(date.min)) & (days <= np.datetime64(date.max))]
    starts = np.array([midnight(day, timezone) for day in days.tolist()], "datetime64[us]")
    found: npt.NDArray[np.datetime64] = np.zeros(len(valid), "datetime64[D]")
    found[valid] = np.concatenate([[np.datetime64(date.min)], days])[np.searchsorted(starts, known, side="right")]
    return pa.array(found, pa.date32(), mask=~valid)
