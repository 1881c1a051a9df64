"""Promises about what a night makes of a pull: twice is once, dropped rows go, half a pull is none, days are told apart."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import duckdb

from okr_pipeline import clock
from okr_pipeline.config.resolved import Table
from okr_pipeline.connectors.contract import Connector, Stream, Window
from okr_pipeline.connectors.kit.pages import PAGES
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, promise
from okr_pipeline.connectors.kit.refusals import at, status
from okr_pipeline.connectors.kit.subject import Subject
from okr_pipeline.errors import SourceUnavailable
from okr_pipeline.ingest import ingest, land
from okr_pipeline.warehouse import Load, Warehouse
from okr_pipeline.warehouse.engine import quoted

ONE_DAY = timedelta(days=1)


@promise("Landing the same pull twice writes nothing the second time.")
def idempotent(subject: Subject) -> str:
    """In a warehouse of its own."""
    told = []
    for stream in subject.with_rows():
        with _warehouse() as (_, connection):
            first, second = (_land(connection, subject, stream) for _ in range(2))
        change = second.change
        if change.inserted or change.changed or change.vanished:
            raise Broken(f"{stream.name}: the second time {change} was written")
        told.append(f"{stream.name}: {first.change.inserted} rows, then 0")
    return "; ".join(told)


@promise("A row that the source drops disappears, and is kept in history.")
def dropped_row(subject: Subject) -> str:
    """The pull lands once whole and once without its first row."""
    told = []
    for stream in subject.with_rows():
        with _warehouse() as (_, connection):
            _land(connection, subject, stream)
            change = _land(connection, subject, stream, without=1).change
            left, gone = (
                connection.execute(f"SELECT COUNT(*) FROM {schema}.{quoted(_table(subject, stream).name)}").fetchall()[
                    0
                ][0]
                for schema in ("raw", "history")
            )
        if (change.vanished, change.changed, change.inserted, gone) != (1, 0, 0, 1):
            raise Broken(f"{stream.name}: one row less at the source made {change}, and {gone} in history")
        told.append(f"{stream.name}: {left} left, 1 in history")
    return "; ".join(told)


@promise("A day with rows, an empty day, a day that is not final and a day that was never asked for are told apart.")
def days_told_apart(subject: Subject) -> str:
    """By the ledger, after a night that pulls up to yesterday."""
    told = []
    for stream in subject.streams:
        if stream.date is None:
            continue
        yesterday = clock.today(subject.connector.settings.timezone) - ONE_DAY
        whole = Window(min(subject.window_of(stream).first, yesterday), yesterday)
        table = _table(subject, stream)
        with _warehouse() as (warehouse, connection):
            connection.close()
            load = ingest(warehouse, table, whole.first, whole.last, whole.first)
            with warehouse.open() as connection_:
                told.append(f"{stream.name}: {_days(connection_, table, load, stream)}")
    if not told:
        raise NotApplicable("every stream is a list without days")
    return "; ".join(told)


def _days(connection: duckdb.DuckDBPyConnection, table: Table, load: Load, stream: Stream) -> str:
    """The days by what the ledger calls them; Broken where rows say otherwise."""
    coverage = dict(
        connection.execute("SELECT day, state FROM ledger.coverage WHERE table_name = ?", [table.name]).fetchall()
    )
    counted = f"SELECT {quoted(str(stream.date))}, COUNT(*) FROM raw.{quoted(table.name)} GROUP BY ALL"
    rows = dict(connection.execute(counted).fetchall())
    days = [load.first_day + n * ONE_DAY for n in range((load.last_day - load.first_day).days + 1)]
    if [*sorted(coverage)] != days:
        raise Broken(f"{table.name}: {len(days)} days were asked for, and {len(coverage)} are covered")
    final = load.final_through or load.first_day
    for day in days:
        right = "not_final" if day > final else "rows" if rows.get(day) else "empty"
        if coverage[day] != right:
            raise Broken(f"{table.name}: {day} is {right} and the ledger calls it {coverage[day]}")
    states = {state: [*coverage.values()].count(state) for state in sorted({*coverage.values()})}
    return ", ".join(f"{count} {state}" for state, count in states.items()) + f", none before {days[0]}"


@promise("A failure in the middle of a pull lands nothing, and the ledger says why.")
def nothing_half(subject: Subject) -> str:
    """Rows are there already; each request of the next pull fails in turn."""
    told = []
    for stream in subject.with_rows():
        usual = subject.usual_through_proxy(stream)
        size = {"page_size": max(usual.table.num_rows // 3, 1)} if subject.has("page_size") else {}
        with subject.proxy.faulty(None) as asked:
            subject.through_proxy(stream, **size)
        requests = len(asked)
        with _warehouse() as (warehouse, connection):
            _land(connection, subject, stream)
            connection.close()
            table = _table(subject, stream, subject.changed(endpoint=subject.detour, **size))
            whole = subject.window_of(stream)
            for which in range(min(requests, PAGES)):
                with subject.proxy.faulty(at(which, status(503, "s3cret-key"))), suppress(SourceUnavailable):
                    ingest(warehouse, table, whole.first, whole.last, whole.first)
                    raise Broken(f"{stream.name}: request {which + 1} of {requests} failed, and the pull did not")
            with warehouse.open() as after:
                rows = after.execute(f"SELECT COUNT(*), MAX(_load) FROM raw.{quoted(table.name)}").fetchall()[0]
                why = after.execute("SELECT outcome FROM ledger.trouble").fetchall()
        if rows != (usual.table.num_rows, 1) or why != [("source_unavailable",)]:
            raise Broken(f"{stream.name}: {usual.table.num_rows} rows became {rows}, and the ledger says {why}")
        told.append(f"{stream.name}: {rows[0]} rows as before, after a 503 for each of {min(requests, PAGES)} requests")
    return "; ".join(told)


@contextmanager
def _warehouse() -> Iterator[tuple[Warehouse, duckdb.DuckDBPyConnection]]:
    """An empty warehouse, open."""
    with tempfile.TemporaryDirectory(prefix="okr-kit-") as folder:
        warehouse = Warehouse(Path(folder))
        with warehouse.open() as connection:
            yield warehouse, connection


def _table(subject: Subject, stream: Stream, connector: Connector | None = None) -> Table:
    source = connector or subject.changed()
    return Table(f"{source.name}_{stream.name}".replace("-", "_"), source, stream, "the contract kit")


def _land(connection: duckdb.DuckDBPyConnection, subject: Subject, stream: Stream, without: int = 0) -> Load:
    usual = subject.usual(stream)
    rows = usual.in_order.slice(without)
    return land(connection, _table(subject, stream), subject.window_of(stream), rows, usual.said)
