"""SQL: tables and views of any database that SQLAlchemy speaks to, read in windows of days and never written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import Field, SecretStr

from okr_pipeline.connectors.columns import conform
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.tables import Name, TableStream, midnight

if TYPE_CHECKING:
    from okr_pipeline.connectors.database import Selection

BATCH = 50_000  # rows


class SqlStream(TableStream):
    """One table or view; its timestamps are in UTC."""

    table: Name
    schema_: str | None = Field(default=None, alias="schema")  # pydantic's models have a `schema` of their own

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
        order = tuple(dict.fromkeys(self.days.get(name, name) for name in self.key))
        return Selection(self.table, self.schema_, self.columns, order, bounds)


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
        selection = declared.selection(window, self.settings.timezone)
        said.notes["rows"] = 0
        database = Database(self.name, self.settings.url.get_secret_value())
        try:
            connection, result = self.patiently(lambda: database.ask(selection, BATCH))
            with connection, database.told(selection):
                for rows in result.partitions():
                    typed = self._typed(declared, list(zip(*rows, strict=True)))
                    table = declared.within(declared.dated(typed, self.settings.timezone), window)
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
