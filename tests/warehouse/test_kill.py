"""A run that is killed at any moment, and a warehouse that somebody else holds open."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from okr_pipeline.config import Table
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.errors import WarehouseBusy
from okr_pipeline.ingest import land
from okr_pipeline.warehouse import Change, Warehouse, engine, publish

KILLS = 12
BROUGHT = "unchanged < received"
SCHEMA = pa.schema([("id", pa.int64()), ("day", pa.date32()), ("round", pa.int64()), ("text", pa.string())])
# Forked from a server that has imported everything: a process of its own in milliseconds
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "okr_pipeline.ingest"])


class Counting(Connector):
    """Stands for any source; the test hands its rows over itself."""

    Settings = Settings

    def streams(self) -> Sequence[Stream]:
        return []

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        raise NotImplementedError


TABLE = Table("t", Counting("t", Settings(connector="c")), Stream("t", SCHEMA, ("id",), "day", "rows"), "t.yaml:1")


def size(number: int) -> int:
    return 2_000 + number * 37 % 500


def one_load(connection: duckdb.DuckDBPyConnection, number: int) -> Change:
    """Round `number` replaces one of four days by rows that all differ from those before."""
    day = date(2026, 10, 1) + timedelta(number % 4)
    ids = [number % 4 * 10_000 + each for each in range(size(number))]
    rows = pa.table([ids, [day] * len(ids), [number] * len(ids), ["ไทย"] * len(ids)], schema=SCHEMA)
    return land(connection, TABLE, Window(day, day), rows, Said(day, day, {"round": number})).change


def land_for_ever(home: Path, number: int, told: Path) -> None:
    """Lands round after round, opening the warehouse anew for every fifth, and tells of each when it is done."""
    while True:
        with Warehouse(home).open() as connection:
            for _ in range(5):
                one_load(connection, number)
                with told.open("a") as file:
                    file.write(f"{number}\n")
                number += 1


def rounds(connection: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """Load → the round that it landed, from the ledger; without the loads that brought nothing new."""
    found = connection.execute(f"SELECT load, notes FROM ledger.loads WHERE {BROUGHT} ORDER BY load").fetchall()
    return {load: json.loads(notes)["round"] for load, notes in found}


def assert_every_load_is_whole_or_absent(connection: duckdb.DuckDBPyConnection) -> None:
    ledger = rounds(connection)
    versions = "SELECT round, _load, NULL AS gone FROM raw.t UNION ALL SELECT round, _load, _superseded FROM history.t"
    found = connection.execute(f"SELECT _load, round, gone, COUNT(*) FROM ({versions}) GROUP BY ALL").fetchall()
    # Every round replaced all rows of its day: they came together, and go together with the next round of that day.
    newer = {
        load: next((n for n, r in ledger.items() if n > load and (r - ledger[load]) % 4 == 0), None) for load in ledger
    }
    assert set(found) == {(load, number, newer[load], size(number)) for load, number in ledger.items()}
    counts = f"SELECT load, received, inserted + changed FROM ledger.loads WHERE {BROUGHT} ORDER BY load"
    assert connection.execute(counts).fetchall() == [(load, size(n), size(n)) for load, n in ledger.items()]


@pytest.mark.timeout(120)
def test_a_killed_run_leaves_each_load_whole_or_absent_and_a_retry_mends_it(tmp_path):
    told, warehouse, dice = tmp_path / "told", Warehouse(tmp_path), random.Random(2570)
    told.touch()
    number = heard = 0
    for _ in range(KILLS):
        process = PROCESSES.Process(target=land_for_ever, args=(tmp_path, number, told))
        process.start()
        before = told.stat().st_size
        while told.stat().st_size == before and process.is_alive():  # at least one load, so that every life gets on
            time.sleep(0.005)
        time.sleep(dice.random() * 0.25)
        process.kill()
        process.join()
        assert process.exitcode == -9
        heard = int(told.read_text().split()[-1])

        with warehouse.open() as connection:
            assert_every_load_is_whole_or_absent(connection)
            durable = max(rounds(connection).values())
            assert durable in (heard, heard + 1), "a load that was reported is lost"
            # Whoever retries does not know that the last commit came through.
            retried = one_load(connection, heard + 1)
            whole = size(heard + 1)
            same = Change(whole, 0, 0, 0, whole)
            assert (retried == same) == (durable == heard + 1)
            assert one_load(connection, heard + 1) == same
            assert_every_load_is_whole_or_absent(connection)
        number = heard + 2
    assert heard >= KILLS


def hold(home: Path, opened: Path, close: Path) -> None:
    """Keeps the warehouse open until told to close it."""
    with Warehouse(home).open():
        opened.touch()
        while not close.exists():
            time.sleep(0.01)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Warehouse]:
    """A published warehouse that another process has open for writing."""
    warehouse = Warehouse(tmp_path)
    with warehouse.open() as connection:
        one_load(connection, 0)
    publish(warehouse)
    process = PROCESSES.Process(target=hold, args=(tmp_path, tmp_path / "opened", tmp_path / "close"))
    process.start()
    while not (tmp_path / "opened").exists() and process.is_alive():
        time.sleep(0.01)
    yield warehouse
    (tmp_path / "close").touch()
    process.join(10)
    assert process.exitcode == 0


def test_a_warehouse_that_another_process_holds_is_busy_and_says_what_to_do(held, monkeypatch):
    monkeypatch.setattr(engine, "LOCK_PATIENCE", 0.3)

    with pytest.raises(
        WarehouseBusy, match=r"warehouse\.duckdb is open in another process; close it.*published/okr\.duckdb"
    ):
        held.open().__enter__()


def test_waiting_is_enough_when_the_other_process_closes_in_time(held, monkeypatch):
    monkeypatch.setattr(engine, "LOCK_PATIENCE", 30)
    (held.home / "close").touch()

    with held.open() as connection:
        assert rounds(connection) == {1: 0}


def test_the_published_snapshot_is_read_while_the_warehouse_is_written(held):
    with duckdb.connect(held.home / "published/okr.duckdb", read_only=True) as reader:
        assert reader.execute("SELECT COUNT(*) FROM raw.t").fetchall() == [(size(0),)]


def test_publishing_a_warehouse_that_is_held_says_so(held, monkeypatch):
    monkeypatch.setattr(engine, "LOCK_PATIENCE", 0.3)

    with pytest.raises(WarehouseBusy):
        publish(held)
    with duckdb.connect(held.home / "published/okr.duckdb", read_only=True) as reader:
        assert reader.execute("SELECT COUNT(*) FROM raw.t").fetchall() == [(size(0),)]


def test_somebody_who_reads_the_snapshot_does_not_stop_the_next_one(tmp_path):
    warehouse = Warehouse(tmp_path)
    with warehouse.open() as connection:
        one_load(connection, 0)
    with duckdb.connect(publish(warehouse), read_only=True) as reader:
        with warehouse.open() as connection:
            one_load(connection, 1)
        newer = publish(warehouse)

        assert reader.execute("SELECT COUNT(*) FROM raw.t").fetchall() == [(size(0),)]
        shown = reader.execute("SELECT COUNT(*) FROM ledger.loads").fetchall()
    assert shown == [(1,)]
    with duckdb.connect(newer, read_only=True) as reader:
        assert reader.execute("SELECT COUNT(*) FROM raw.t").fetchall() == [(size(0) + size(1),)]


def test_a_session_on_the_warehouse_reaches_no_file_and_cannot_be_loosened(tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    with Warehouse(tmp_path).open() as connection:
        for hostile in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/other.duckdb'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(hostile).fetchall()
