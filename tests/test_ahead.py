"""Pulls of one run: sources side by side, each source one stream after the other, the warehouse one writer."""

from __future__ import annotations

import threading
from datetime import date

import pyarrow as pa
import pytest

from okr_pipeline.ahead import Ahead
from okr_pipeline.config import Table
from okr_pipeline.connectors.contract import Connector, Stream
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.errors import DataRejected, SourceUnavailable
from okr_pipeline.warehouse import Warehouse, coverage

DAY = date(2026, 11, 14)
NAMES = ("first", "second")
PATIENCE = 20  # seconds until two sources that should meet are taken to be one after the other


def declared(name: str) -> Stream:
    columns = [pa.field("day", pa.date32(), nullable=False), pa.field("value", pa.int64())]
    return Stream(name, pa.schema(columns), ("day",), "day", "A number a day.")


class Source(Connector):
    """A slow source: it answers its first stream only while another source is being asked as well."""

    Settings = Settings

    def __init__(self, name: str, meeting: threading.Barrier) -> None:
        super().__init__(name, Settings(connector="test"))
        self.meeting, self.pulled, self.threads = meeting, [], set()

    def streams(self):
        return [declared(name) for name in NAMES]

    def pull(self, stream, window, said):
        self.pulled.append(stream.name)
        self.threads.add(threading.current_thread().name)
        if stream.name == "first":
            try:
                self.meeting.wait(PATIENCE)
            except threading.BrokenBarrierError:
                raise SourceUnavailable(f"{self.name}: nobody else was asked meanwhile. Ask side by side.") from None
        yield pa.RecordBatch.from_pylist([{"day": window.last, "value": 1}], stream.schema)


def tables(*sources: Connector) -> list[Table]:
    return [
        Table(f"{source.name}_{stream.name}", source, stream, "x.yaml:1")
        for source in sources
        for stream in source.streams()
    ]


def test_two_slow_sources_are_pulled_at_the_same_time_and_each_in_order(tmp_path):
    meeting = threading.Barrier(2)
    one, other = Source("one", meeting), Source("other", meeting)
    wanted = tables(one, other)
    pulls = Ahead(Warehouse(tmp_path), wanted, DAY, DAY, DAY)
    loads = [pulls.landed(table) for table in reversed(wanted)]  # in whatever order the steps come
    assert [load.change.inserted for load in loads] == [1, 1, 1, 1]
    for source in (one, other):
        assert source.pulled == list(NAMES)
        assert source.threads == {f"okr-pull-{source.name}"}


def test_a_source_that_fails_holds_up_no_other_and_its_failure_is_recorded_once(tmp_path):
    alone = Source("alone", threading.Barrier(2))
    alone.meeting.abort()
    wanted = tables(alone)
    warehouse = Warehouse(tmp_path)
    pulls = Ahead(warehouse, wanted, DAY, DAY, DAY)
    with pytest.raises(SourceUnavailable, match="nobody else"):
        pulls.landed(wanted[0])
    assert pulls.landed(wanted[1]).outcome == "landed"
    with warehouse.open() as connection:
        assert coverage(connection, "alone_first") == {DAY: "failed"}
        assert connection.execute("SELECT COUNT(*) FROM ledger.loads").fetchall() == [(2,)]


def test_a_step_that_is_tried_again_pulls_again(tmp_path):
    source = Source("one", threading.Barrier(1))
    wanted = tables(source)
    pulls = Ahead(Warehouse(tmp_path), wanted, DAY, DAY, DAY)
    assert [pulls.landed(wanted[0]).change.inserted for _ in range(2)] == [1, 0]


def test_what_a_connector_lets_through_fails_its_step_and_no_other(tmp_path):
    class Careless(Source):
        def pull(self, stream, window, said):
            if stream.name == "first":
                raise ZeroDivisionError
            yield from super().pull(stream, window, said)

    wanted = tables(Careless("one", threading.Barrier(1)))
    warehouse = Warehouse(tmp_path)
    pulls = Ahead(warehouse, wanted, DAY, DAY, DAY)
    with pytest.raises(DataRejected, match=r"\(ZeroDivisionError at test_ahead\.py:\d+\)\. Mend test_ahead"):
        pulls.landed(wanted[0])
    assert pulls.landed(wanted[1]).change.inserted == 1
    with warehouse.open() as connection:
        assert coverage(connection, "one_first") == {DAY: "failed"}


def test_dagster_is_told_what_is_known_of_a_streams_days(demo, monkeypatch):
    import dagster as dg

    monkeypatch.setenv("DAGSTER_HOME", str(demo.home / "dagster"))
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["ga4", "traffic"]))
    told = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    days = {name: value for name, value in told.items() if name.startswith("days ")}
    assert days == {
        "days with rows": 49,  # from the 4 days that GA4 restates before the first day of the earliest period
        "days empty": 1,
        "days not final": 3,
        "days failed": 0,
        "days never fetched": 0,
    }
