"""connectors → raw: pull a window from a source, and land it. The warehouse is open only while rows go in."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from okr_pipeline.checks import Finding, Subject, inspect, judge
from okr_pipeline.config import Table
from okr_pipeline.connectors.contract import Said, Stream, Window
from okr_pipeline.connectors.http import brief
from okr_pipeline.connectors.own import OWN, blamed
from okr_pipeline.connectors.secrets import Secrets
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected
from okr_pipeline.warehouse import Load, Warehouse, catch_up, record, replace
from okr_pipeline.warehouse.engine import ROW_GROUP, quoted, transaction
from okr_pipeline.warehouse.ledger import next_load


@dataclass(frozen=True)
class Pulled:
    """What a pull gave: rows in a file of `folder`, which `settle` removes, or the error that it ended with."""

    table: Table
    window: Window
    said: Said
    folder: tempfile.TemporaryDirectory[str]
    error: OkrError | None


def ingest(warehouse: Warehouse, table: Table, first: date, last: date, earliest: date) -> Load:
    """Brings `raw.<table>` up to date for the days `first` to `last`, and for what the source restates before them.

    Also pulls days since `earliest` that were never landed. Raises SourceUnavailable, SourceRejected or DataRejected
    after recording the failed attempt; then nothing in the table has changed.
    """
    with warehouse.open() as connection:
        window = due(connection, table, first, last, earliest)
    return settle(warehouse, pull(table, window))


def due(connection: duckdb.DuckDBPyConnection, table: Table, first: date, last: date, earliest: date) -> Window:
    """The days to pull so that the table is up to date for `first` to `last`."""
    # A level may have been reported before any window begins. From one day on, whichever nights failed: else tables would tell.
    begin = earliest - timedelta(days=table.lookback)
    start = min(first, max(first - timedelta(days=table.lookback), begin))
    return Window(catch_up(connection, table.name, begin, start), last)


def pull(table: Table, window: Window) -> Pulled:
    """Pulls a window into a file, so that memory stays bounded, without the warehouse; keeps an error for `settle`."""
    said, folder = Said(), tempfile.TemporaryDirectory(prefix="okr-")
    try:
        if table.unset:
            raise SourceRejected(
                f"{table.name}: the environment variable {table.unset[0]} is not set; set it where the run is started"
            )
        with pa.OSFile(_spool(folder), "wb") as sink, pa.ipc.new_file(sink, table.stream.schema) as writer:
            for batch in _in_row_groups(_batches(table, window, said)):
                writer.write_batch(batch)
    except OkrError as error:
        if isinstance(error, DataRejected):
            error.findings = [Finding("answer", "error", (str(error),))]
        return Pulled(table, window, said, folder, error)
    return Pulled(table, window, said, folder, None)


def _batches(table: Table, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
    """What the connector gives. An error that is none of ours is its own mistake: DataRejected, which the ledger keeps."""
    try:
        yield from table.connector.pull(table.stream, window, said)
    except OkrError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a connector lets through
        kind = type(table.connector)
        told = brief(blamed(kind, error), *Secrets.of(table.connector.settings))
        raise DataRejected(
            f"{table.connector.name}: the connector does not know what to do with what came ({told}). "
            f"Mend {kind.__module__.removeprefix(OWN)}, or tell its author."
        ) from None


def settle(warehouse: Warehouse, pulled: Pulled) -> Load:
    """Lands what was pulled; or records why there is nothing to land, and raises it."""
    table, window, said = pulled.table, pulled.window, pulled.said
    try:
        if pulled.error:
            raise pulled.error
        # Mapped, not read: the rows go from the file into the warehouse without a copy.
        with pulled.folder, pa.memory_map(_spool(pulled.folder)) as source, warehouse.open() as connection:
            return land(connection, table, window, pa.ipc.open_file(source).read_all(), said)
    except OkrError as error:
        failed = Load(
            *(table.name, window.first, window.last, error.reason, str(error)), notes=said.notes, bad_rows=said.bad_rows
        )
        with pulled.folder, warehouse.open() as connection, transaction(connection):
            record(connection, next_load(connection), failed)
            if not any(finding.kind == "fresh" for finding in error.findings):
                error.findings = (*error.findings, *inspect(connection, _subject(table, window), "ledger"))
        raise


def _spool(folder: tempfile.TemporaryDirectory[str]) -> str:
    return str(Path(folder.name) / "rows.arrow")


def _in_row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of whole row groups: DuckDB stores others at half the speed, and rewrites them on closing."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= ROW_GROUP:
            joined, whole = pa.concat_batches(held), rows - rows % ROW_GROUP
            yield joined.slice(0, whole)
            held, rows = [joined.slice(whole)], rows - whole
    if held:
        yield pa.concat_batches(held)


def land(connection: duckdb.DuckDBPyConnection, table: Table, window: Window, rows: pa.Table, said: Said) -> Load:
    """Checks the rows, replaces the window, writes the ledger and checks the table, in one transaction.

    Raises DataRejected with all findings when one of them is an error; then nothing has changed.
    """
    stream = table.stream
    said.available_through = min(said.available_through or window.last, window.last)
    said.final_through = min(
        said.final_through or table.connector.default_final_through(stream), said.available_through
    )
    connection.register("pulled", rows)
    try:
        subject = _subject(table, window)
        findings = [Finding("answer", "error"), *inspect(connection, subject, "staged")]
        judge(table.name, findings)
        scope = _scope(stream, window)
        with transaction(connection):
            number = next_load(connection)
            try:
                change = replace(connection, f"raw.{table.name}", "pulled", stream.key, scope, number)
            except DataRejected as error:
                error.findings = [*findings, Finding("unique", "error", (str(error),))]
                raise
            findings.append(Finding("unique", "error"))
            load = Load(
                table.name,
                window.first,
                window.last,
                "landed",
                None,
                change,
                said.available_through,
                said.final_through,
                said.notes,
                _days_with_rows(connection, table.name, stream, window),
                said.bad_rows,
            )
            record(connection, number, load)
            findings += [*inspect(connection, subject, "landed"), *inspect(connection, subject, "ledger")]
            judge(table.name, findings)
    finally:
        connection.unregister("pulled")
    return dataclasses.replace(load, findings=findings)


def _subject(table: Table, window: Window) -> Subject:
    checks = table.connector.settings.checks.of(table.stream.name)
    return Subject(table.name, table.stream, checks, window.first, window.last)


def _days_with_rows(
    connection: duckdb.DuckDBPyConnection, name: str, stream: Stream, window: Window
) -> list[date] | None:
    """The days of the window that have rows now: the others are empty. None for a list without days."""
    if stream.date is None:
        return None
    day = quoted(stream.date)
    query = f"SELECT LIST(DISTINCT {day} ORDER BY {day}) FROM raw.{quoted(name)} WHERE {day} BETWEEN ? AND ?"
    return connection.execute(query, [window.first, window.last]).fetchall()[0][0] or []


def _scope(stream: Stream, window: Window) -> str:
    """The rows that a pull replaces: its days, and rows of other days whose key it brings (one that was moved, or changed)."""
    if stream.date is None:
        return "TRUE"
    days = f"{quoted(stream.date)} BETWEEN DATE '{window.first}' AND DATE '{window.last}'"
    if stream.date in stream.key:
        return days
    keys = ", ".join(map(quoted, stream.key))
    return f"({days} OR ({keys}) IN (SELECT ({keys}) FROM pulled))"
