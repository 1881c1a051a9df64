"""Streams that YAML declares over rows of JSON or of Python (rest and dlt): where each column's field is in a row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from pydantic import Field, ValidationInfo, field_validator

from okr_pipeline.connectors.json_path import PathText
from okr_pipeline.connectors.json_rows import Epoch, JsonRows
from okr_pipeline.connectors.tables import Name, TableStream

T = TypeVar("T", bound=Collection[str])


class JsonStream(TableStream):
    """`paths` say where a column's field is in a row, unless it is named as the column is. A column in `optional` may be
    missing from a row; one in `epochs` is a timestamp that comes as seconds or milliseconds since 1970."""

    paths: dict[Name, PathText] = Field(default={})
    optional: tuple[Name, ...] = ()
    epochs: dict[Name, Epoch] = Field(default={})

    @field_validator("paths", "optional", "epochs")
    @classmethod
    def _of_columns(cls, names: T, info: ValidationInfo) -> T:
        columns: Mapping[str, str] = info.data.get("columns", {})
        if unknown := [name for name in names if columns and name not in columns]:
            raise ValueError(f"{', '.join(unknown)} is not a column; write one of {', '.join(columns)}")
        if info.field_name == "epochs" and (wrong := [name for name in names if columns.get(name) != "timestamp"]):
            raise ValueError(f"{', '.join(wrong)} is not a timestamp; give it that type under `columns`")
        if info.field_name == "optional" and (wrong := [name for name in names if name in info.data.get("key", ())]):
            raise ValueError(f"{', '.join(wrong)} is part of the key, which every row must have")
        return names

    def typed(self) -> JsonRows:
        """How its rows become columns."""
        return JsonRows(self.source_schema(), self.paths, frozenset(self.optional), self.epochs)
