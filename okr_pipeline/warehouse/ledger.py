"""The ledger: every attempt to bring a table up to date, and what it says about each day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import duckdb

from okr_pipeline import clock
from okr_pipeline.connectors.contract import BadRow
from okr_pipeline.warehouse.landing import NOTHING, Change

if TYPE_CHECKING:
    from okr_pipeline.checks import Finding


@dataclass(frozen=True)
class Load:
    """One row of `ledger.loads`, and the rows of `ledger.quarantine` that belong to it."""

    table_name: str
    first_day: date
    last_day: date
    outcome: str = "landed"
    message: str | None = None
    change: Change = NOTHING
    available_through: date | None = None
    final_through: date | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    days_with_rows: list[date] | None = None  # None for lists without days
    bad_rows: Sequence[BadRow] = ()
    findings: Sequence[Finding] = ()  # of the checks; what failed stands in `message`


def next_load(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of the load that is about to be written; there is one writer, so it is the highest plus one."""
    return int(connection.execute("SELECT COALESCE(MAX(load), 0) + 1 FROM ledger.loads").fetchall()[0][0])


def record(connection: duckdb.DuckDBPyConnection, number: int, load: Load) -> None:
    """Writes one load into the ledger, in the caller's transaction.

    No two loads are known from the same instant, and none before an earlier one, whatever the clock did: so an instant
    names one state of the warehouse for ever.
    """
    connection.execute(
        "INSERT INTO ledger.loads SELECT ?, ?, ?, ?,"
        " GREATEST(CAST(? AS TIMESTAMP), (SELECT MAX(known_at) + INTERVAL 1 MICROSECOND FROM ledger.loads)),"
        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?",
        [
            *(number, load.table_name, load.first_day, load.last_day, clock.now().astimezone(UTC).replace(tzinfo=None)),
            *(load.outcome, load.message, load.change.received, load.change.inserted, load.change.changed),
            *(load.change.vanished, load.change.unchanged, load.available_through, load.final_through),
            json.dumps(load.notes, ensure_ascii=False, sort_keys=True, default=str),
            load.days_with_rows,
        ],
    )
    if load.bad_rows:
        connection.executemany(
            "INSERT INTO ledger.quarantine VALUES (?, ?, ?, ?, ?, ?)",
            [(number, load.table_name, bad.place, bad.line, bad.problem, bad.content) for bad in load.bad_rows],
        )


# Of a day, see ledger.coverage; and what people read.
STATES = {
    "rows": "with rows",
    "empty": "empty",
    "not_final": "not final",
    "failed": "failed",
    "never_fetched": "never fetched",
}


def coverage(connection: duckdb.DuckDBPyConnection, table_name: str) -> dict[date, str]:
    """The state of each day of a table, in order; nothing when it was never pulled."""
    query = "SELECT day, state FROM ledger.coverage WHERE table_name = ? ORDER BY day"
    return dict(connection.execute(query, [table_name]).fetchall())


def catch_up(connection: duckdb.DuckDBPyConnection, table_name: str, earliest: date, first: date) -> date:
    """The day from which to pull so that no gap stays behind `first`: the first since `earliest` that was never landed,
    or was not delivered or not final when it last was.

    A source that was down for longer than its look-back is caught up by the next night that reaches it, by itself.
    """
    missing = connection.execute(
        "SELECT MIN(d.day) FROM (SELECT CAST(UNNEST(GENERATE_SERIES(?::DATE, ?::DATE, INTERVAL 1 DAY)) AS DATE) AS day) AS d"
        " ANTI JOIN (SELECT day FROM ledger.coverage WHERE table_name = ? AND final) AS c ON c.day = d.day",
        [earliest, first, table_name],
    ).fetchall()[0][0]
    return min(first, missing) if missing else first
