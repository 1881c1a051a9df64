"""dlt: any resource of dlt (dlthub.com, 1.x) as a source. It is iterated; dlt's own loading, schema and state are not used."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import chain, groupby, islice
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import AfterValidator, Field, SecretStr

from okr_pipeline.connectors import days_in_text
from okr_pipeline.connectors.columns import conform
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.dlt_errors import told
from okr_pipeline.connectors.json_stream import JsonStream
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.tables import Name
from okr_pipeline.errors import SourceRejected

BATCH = 5_000  # rows of Python that become one table


def _argument(value: Any) -> Any:
    return days_in_text.check(value) if isinstance(value, str) else value


class DltStream(JsonStream):
    """`resource` is a function `package.module:name` that gives a resource, or a source of several, of which `select` names
    one. In the texts among its `arguments` the days asked for are {first}, {last} and {after}."""

    resource: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    select: str | None = None
    arguments: dict[Name, Annotated[Any, AfterValidator(_argument)]] = Field(default={})


class DltSettings(Settings):
    """`secrets` are arguments that every resource is given and that must not be told; so is `endpoint`, if there is one."""

    endpoint: str = ""
    secrets: dict[Name, SecretStr] = Field(default={})
    streams: dict[Name, DltStream] = Field(min_length=1)


class Dlt(Connector):
    """Resources of dlt."""

    Settings: ClassVar[type[Settings]] = DltSettings

    def streams(self) -> Sequence[Stream]:
        """One stream for each declared resource."""
        return [each.stream(name, f"dlt resource {each.resource}") for name, each in self.settings.streams.items()]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The window's rows, some thousands at a time; rows of other days that the resource gives are left out.

        What fails before the first row is tried again; after it, the resource would begin anew.
        """
        declared: DltStream = self.settings.streams[stream.name]
        said.notes.update(rows=0)
        for table in self._tables(declared, stream.name, window):
            dated = declared.dated(table, self.settings.timezone)
            if stream.date and (undated := dated.column(stream.date).null_count):
                said.notes["rows_without_day"] = said.notes.get("rows_without_day", 0) + undated
            said.notes["rows"] += dated.num_rows
            yield from declared.within(dated, window).to_batches()

    def _tables(self, declared: DltStream, stream: str, window: Window) -> Iterator[pa.Table]:
        """The items as tables of the declared columns: rows of Python in batches, tables of Arrow and pandas as they are."""
        typed, schema, before = declared.typed(), declared.source_schema(), 0
        items = self._items(declared, window)

        def where(row: int) -> str:
            return f"{self.name}: {stream}, row {before + row + 1}"

        for tabular, run in groupby(items, _is_table):
            if tabular:
                tables = (conform(_arrow(item), schema, where) for item in run)
            else:
                tables = (typed.table(rows, where) for rows in iter(lambda run=run: [*islice(run, BATCH)], []))  # type: ignore[misc]
            for table in tables:
                yield table
                before += table.num_rows

    def _items(self, declared: DltStream, window: Window) -> Iterator[Any]:
        """What the resource gives, its errors told as ours."""
        hidden = {name: value.get_secret_value() for name, value in self.settings.secrets.items()}

        def begun() -> Iterator[Any]:
            try:
                items = iter(self._resource(declared, window, hidden))
                return chain([*islice(items, 1)], items)
            except Exception as error:  # noqa: BLE001 - whatever a resource raises
                raise told(self.name, declared.resource, error, [*hidden.values()]) from None

        items = self.patiently(begun)
        while True:
            try:
                item = next(items)
            except StopIteration:
                return
            except Exception as error:  # noqa: BLE001 - whatever a resource raises
                raise told(self.name, declared.resource, error, [*hidden.values()]) from None
            yield item

    def _resource(self, declared: DltStream, window: Window, hidden: dict[str, str]) -> Any:
        function = self._function(declared.resource)
        days = {
            name: days_in_text.fill(value, window, self.settings.timezone) if isinstance(value, str) else value
            for name, value in declared.arguments.items()
        }
        endpoint = {"endpoint": self.settings.endpoint} if self.settings.endpoint else {}
        arguments = {**endpoint, **hidden, **days}
        try:
            inspect.signature(function).bind(**arguments)
        except TypeError as error:
            raise SourceRejected(f"{self.name}: {declared.resource} {error}. Mend `arguments`.") from None
        found = function(**arguments)
        several = getattr(found, "selected_resources", None)
        if several is None:
            return found
        name = declared.select or (next(iter(several)) if len(several) == 1 else "")
        if name not in several:
            there = ", ".join(several)
            raise SourceRejected(f"{self.name}: {declared.resource} has the resources {there}. Name one in `select`.")
        return several[name]

    def _function(self, written: str) -> Callable[..., Any]:
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # nothing is sent to anyone
        try:
            import_module("dlt")
        except ModuleNotFoundError as error:
            raise SourceRejected(
                f"{self.name}: {error.name} is not installed. Install it with `pip install 'okr-pipeline[dlt]'`."
            ) from None
        module, _, name = written.partition(":")
        try:
            function: Callable[..., Any] = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise SourceRejected(
                f"{self.name}: `{written}` cannot be imported ({error}). Mend `resource`, or install its package."
            ) from None
        return function


def _is_table(item: Any) -> bool:
    return isinstance(item, pa.Table | pa.RecordBatch) or hasattr(item, "columns")  # the latter of pandas


def _arrow(item: Any) -> pa.Table:
    if isinstance(item, pa.RecordBatch):
        return pa.Table.from_batches([item])
    return item if isinstance(item, pa.Table) else pa.Table.from_pandas(item, preserve_index=False)
