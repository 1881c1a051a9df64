"""The connector under test: pulled over a window of settled days, with changed settings, or through the fault proxy."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline import clock
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.http import within
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable
from okr_pipeline.connectors.kit.proxy import FaultProxy
from okr_pipeline.connectors.reach import is_loopback
from okr_pipeline.connectors.secrets import Secrets

FOUR_WEEKS, YEAR = timedelta(days=27), timedelta(days=364)


@dataclass(frozen=True)
class Pulled:
    """What one pull gave: the batches as they came, and what the source said."""

    stream: Stream
    window: Window
    batches: list[pa.RecordBatch]
    said: Said

    @cached_property
    def table(self) -> pa.Table:
        """The rows in the order in which they came; Broken when a batch is not of the stream's schema."""
        for batch in self.batches:
            if not isinstance(batch, pa.RecordBatch) or not batch.schema.equals(self.stream.schema):
                found = getattr(batch, "schema", type(batch).__name__)
                raise Broken(f"{self.stream.name}: declared {_brief(self.stream.schema)}, got {_brief(found)}")
        table = pa.Table.from_batches(self.batches, self.stream.schema)
        # Rows of other days that changed meanwhile come too where a stream has `changed`; they are no part of the window.
        return table.filter(within(table[self.stream.date], self.window)) if self.stream.changed else table

    @cached_property
    def in_order(self) -> pa.Table:
        """The rows by their key, for comparing pulls."""
        return self.table.sort_by([(column, "ascending") for column in self.stream.key])


@dataclass
class Subject:
    """One configured connector. `window` is looked for where it is None: the last four weeks that are settled, else a year.

    `many`: the same connector over a stand-in with a million rows, or 80 MB of them, for the promise on memory.
    Use it in a `with`: what it opened is closed then.
    """

    connector: Connector
    window: Window | None = None
    many: Connector | None = None
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _usual: dict[tuple[str, bool], Pulled] = field(default_factory=dict, init=False)
    _windows: dict[str, Window] = field(default_factory=dict, init=False)
    _requests: dict[str, int] = field(default_factory=dict, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def streams(self) -> list[Stream]:
        """The connector's streams."""
        return list(self.connector.streams())

    @cached_property
    def secrets(self) -> Secrets:
        """What must not be told."""
        return Secrets.of(self.connector.settings)

    def changed(self, **settings: Any) -> Connector:
        """The connector anew, with some settings changed; without retries unless they are asked for."""
        kind = type(self.connector.settings)
        given = self.connector.settings.model_dump(by_alias=True, exclude_unset=True)
        return type(self.connector)(self.connector.name, kind.model_validate({**given, "retry_for": 0, **settings}))

    def has(self, setting: str) -> bool:
        """Whether there is such a setting, and it is in use."""
        return getattr(self.connector.settings, setting, None) is not None

    def pull(
        self, stream: Stream, window: Window | None = None, source: Connector | None = None, **changed: Any
    ) -> Pulled:
        """All batches of a pull of `window` (the stream's own where None) by a new connector with changed settings."""
        said = Said()
        source = source or self.changed(**changed)
        window = window or self.window_of(stream)
        return Pulled(stream, window, list(source.pull(stream, window, said)), said)

    def window_of(self, stream: Stream) -> Window:
        """Days whose numbers stand still, so that two pulls can be compared: as given, or four weeks, or a year."""
        if stream.name not in self._windows:
            self._windows[stream.name] = self.window or self._settled(stream)
        return self._windows[stream.name]

    def _settled(self, stream: Stream) -> Window:
        yesterday = clock.today(self.connector.settings.timezone) - timedelta(days=1)
        last = min(self.connector.default_final_through(stream), yesterday - timedelta(days=stream.delay))
        near = Window(last - FOUR_WEEKS, last)
        found = self.pull(stream, near)
        if stream.date is None or found.table.num_rows:
            self._usual[stream.name, False] = found
            return near
        return Window(last - YEAR, last)

    def usual(self, stream: Stream) -> Pulled:
        """The pull that others are compared with."""
        window = self.window_of(stream)
        if (stream.name, False) not in self._usual:
            self._usual[stream.name, False] = self.pull(stream, window)
        return self._usual[stream.name, False]

    def with_rows(self, rows: int = 1) -> list[Stream]:
        """The streams that have so many rows; NotApplicable when none has."""
        found = [stream for stream in self.streams if self.usual(stream).table.num_rows >= rows]
        if not found:
            raise NotApplicable(f"no stream has {rows} rows in {self.window_of(self.streams[0])}; name other days")
        return found

    @property
    def over_grpc(self) -> bool:
        """Whether the source is asked over gRPC."""
        return getattr(self.connector.settings, "transport", "") == "grpc"

    def only_over_http(self, what: str) -> None:
        """NotApplicable where there is no such thing, as over gRPC."""
        if self.over_grpc:
            raise NotApplicable(f"the source is asked over gRPC, which has no {what}")

    @cached_property
    def endpoint(self) -> str:
        """The address that requests go to; NotApplicable where the fault proxy cannot stand in front of it."""
        address = str(getattr(self.connector.settings, "endpoint", "") or getattr(self.connector, "address", ""))
        if self.over_grpc and not is_loopback(address.rpartition(":")[0]):
            raise NotApplicable(
                "over gRPC the fault proxy stands in front of the sandbox only, whose certificate it has"
            )
        if not self.over_grpc and not address.startswith(("http://", "https://")):
            raise NotApplicable("the source is not asked over HTTP, and the fault proxy speaks nothing else")
        return address

    @cached_property
    def proxy(self) -> FaultProxy:
        """The fault proxy in front of the source, from now until the subject is left."""
        if self.over_grpc:
            from okr_pipeline.connectors.kit.grpc_proxy import GrpcFaultProxy

            return self._stack.enter_context(GrpcFaultProxy(self.endpoint, self.secrets))
        parts = urlsplit(self.endpoint)
        return self._stack.enter_context(FaultProxy(f"{parts.scheme}://{parts.netloc}", self.secrets))

    @property
    def detour(self) -> str:
        """What `endpoint` is when it leads through the proxy."""
        return self.proxy.url if self.over_grpc else self.proxy.url + urlsplit(self.endpoint).path

    def through_proxy(self, stream: Stream, **changed: Any) -> Pulled:
        """A pull by way of the proxy, with whatever fault it has at the time."""
        return self.pull(stream, endpoint=self.detour, **changed)

    def usual_through_proxy(self, stream: Stream) -> Pulled:
        """The pull by way of the proxy without a fault, in the order of the answers; Broken when it differs."""
        if (stream.name, True) not in self._usual:
            with self.proxy.faulty(None) as asked:
                pulled = self.through_proxy(stream)
            if not asked:
                raise Broken("the setting `endpoint` is not honoured: no request came to the address it names")
            if not pulled.in_order.equals(self.usual(stream).in_order):
                raise Broken(
                    f"{stream.name}: the same answers gave other rows: {difference(self.usual(stream), pulled)}"
                )
            self._usual[stream.name, True], self._requests[stream.name] = pulled, len(asked)
        return self._usual[stream.name, True]

    def requests(self, stream: Stream) -> int:
        """How many requests the usual pull by way of the proxy takes."""
        self.usual_through_proxy(stream)
        return self._requests[stream.name]


def difference(expected: Pulled, found: Pulled) -> str:
    """How two pulls of one stream differ, in a few words."""
    before, after = expected.in_order, found.in_order
    if before.num_rows != after.num_rows:
        return f"{before.num_rows} rows and then {after.num_rows}"
    for name in before.column_names:
        same = pc.equal(before[name], after[name])
        both_null = pc.and_(before[name].is_null(), after[name].is_null())
        row = pc.index(pc.or_(pc.fill_null(same, False), both_null), False).as_py()
        if row >= 0:
            return f"{name} was {before[name][row].as_py()!r} and then {after[name][row].as_py()!r}"
    return "nothing"


def _brief(schema: Any) -> str:
    if not isinstance(schema, pa.Schema):
        return str(schema)
    return ", ".join(f"{field.name} {field.type}{'' if field.nullable else ' not null'}" for field in schema)
