"""SQL: tables and views of any database that SQLAlchemy speaks to, read in windows of days and never written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from okr_pipeline.connectors.columns import conform
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.http import within
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.tables import Name, TableStream, midnight, one_of

if TYPE_CHECKING:
    from okr_pipeline.connectors.database import Selection

BATCH = 50_000  # rows


class SqlStream(TableStream):
    """One table or view; its timestamps are in UTC.

    `changed` names the column that says when a row last changed: then a small `lookback` is enough, since rows of earlier
    days come again when they change. Rows that the source deletes vanish while their day is within the look-back.
    """

    table: Name
    schema_: str | None = Field(default=None, alias="schema")  # pydantic's models have a `schema` of their own
    changed: str | None = None

    @field_validator("changed")
    @classmethod
    def _is_an_instant(cls, name: str | None, info: ValidationInfo) -> str | None:
        columns, key, day = (info.data.get(field) for field in ("columns", "key", "date"))
        if name is None or columns is None or key is None:
            return name
        if columns.get(name) != "timestamp":
            raise ValueError(f"{name} is not a column of type timestamp; {one_of(columns, 'timestamp')}")
        if day is None or {day, info.data.get("days", {}).get(day)} & {*key}:
            raise ValueError(
                "changed rows are found again by their key, whatever their day; declare `date`, and leave it out of `key`"
            )
        return name

    def selection(self, window: Window, timezone: str) -> Selection:
        """What to ask for; the window of a derived day is bounded by the midnights of its time zone."""
        from okr_pipeline.connectors.database import Selection

        bounds: Any = None
        if self.date is not None:
            first, after = window.first, window.last + timedelta(days=1)
            column = self.days.get(self.date)
            bounds = (
                (column, midnight(first, timezone), midnight(after, timezone)) if column else (self.date, first, after)
            )
        changed = (self.changed, midnight(window.first, timezone)) if self.changed else None
        order = tuple(dict.fromkeys(self.days.get(name, name) for name in self.key))
        return Selection(self.table, self.schema_, self.columns, order, bounds, changed)

    def stream(self, name: str, description: str) -> Stream:
        """The stream as the contract has it, with the column of changes."""
        return replace(super().stream(name, description), changed=self.changed)

    def wanted(self, table: pa.Table, window: Window, timezone: str) -> pa.Table:
        """The rows that a pull of the window brings: those of its days, and those that changed since it began."""
        if self.changed is None:
            return self.within(table, window)
        since = pa.scalar(midnight(window.first, timezone), pa.timestamp("us"))
        later = pc.greater_equal(table.column(self.changed), since)
        return table.filter(pc.or_kleene(within(table.column(self.date), window), later)).combine_chunks()


class SqlSettings(Settings):
    """`okr_config/connectors/<name>.yaml` of a database."""

    url: SecretStr
    streams: dict[Name, SqlStream] = Field(min_length=1)


class SQL(Connector):
    """A database."""

    Settings = SqlSettings

    def streams(self) -> Sequence[Stream]:
        """One stream for each declared table."""
        return [each.stream(name, f"Table {each.table}") for name, each in self.settings.streams.items()]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The window's rows in the key's order, by one statement."""
        from okr_pipeline.connectors.database import Database

        declared: SqlStream = self.settings.streams[stream.name]
        zone = self.settings.timezone
        selection = declared.selection(window, zone)
        said.notes["rows"] = 0
        database = Database(self.name, self.settings.url.get_secret_value())
        try:
            with database.asked(selection, BATCH, self.patiently) as partitions:
                for rows in partitions:
                    typed = self._typed(declared, list(zip(*rows, strict=True)))
                    table = declared.wanted(declared.dated(typed, zone), window, zone)
                    said.notes["rows"] += table.num_rows
                    yield from table.to_batches()
        finally:
            database.close()

    def _typed(self, declared: SqlStream, values: Sequence[Sequence[Any]]) -> pa.Table:
        schema = declared.source_schema()
        columns = [_column(each, field.type) for each, field in zip(values, schema, strict=True)]
        named = dict(zip(schema.names, columns, strict=True))

        def where(row: int) -> str:
            key = ", ".join(f"{name} {named[name][row].as_py()!r}" for name in declared.key if name in named)
            return f"{self.name}: table {declared.table}, row {key or row}"

        return conform(pa.table(named), schema, where)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """One column of a batch; values that Arrow does not take as they are go on as text."""
    try:
        return pa.array(values, kind if kind == pa.string() else None)
    except (pa.ArrowException, TypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
