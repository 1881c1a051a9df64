"""`okr explain`: all that a score rests on, as it was when it was scored. What stands in it recomputes to the score."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import duckdb

from okr_pipeline.audit.rows import Standing, Window, days, parts_of, rows_of, rows_query, standing_at
from okr_pipeline.config.document import measured_baseline
from okr_pipeline.config.formula import plain
from okr_pipeline.scoring import Scoring, scores_at, scoring_known_at
from okr_pipeline.scoring.configurations import recall
from okr_pipeline.warehouse.engine import statement

FIRST_ROWS = 5
_SCORE = (
    *("as_of", "known_at", "unit", "value", "baseline", "target", "lower_bound", "upper_bound", "distance", "progress"),
    *("score", "expected", "status", "reason", "held_from", "final", "last_data_day", "first_day", "last_day"),
    *("alongside", "weight", "configuration", "manual"),
)


def explanation(
    connection: duckdb.DuckDBPyConnection, key_result: str, as_of: date, known_at: datetime | None = None
) -> dict[str, Any] | None:
    """Where a key result's score as of a day came from, as known at an instant (naive UTC); None when it was never scored."""
    scoring = scoring_known_at(connection, known_at, key_result)
    if scoring is None:
        return None
    row = score_row(connection, scoring, key_result, as_of)
    day = row["held_from"] or row["as_of"] if row else as_of
    # In a later period it says something else, and what is restated of this one changes its scores no more.
    scoring = scoring_known_at(connection, known_at, key_result, day) or scoring
    found = {"key_result": key_result, "sentence": _sentence(scoring.key_results[key_result], day)}
    if row is None:
        return found | {"score": None}
    document = recall(connection, row["configuration"])
    intervals = json.loads(row["intervals"]) if row["intervals"] else None
    parts = parts_of(document)
    by_day = days_of(connection, document, row, scoring.load)
    return {
        **found,
        "scored_at": scoring.known_at,
        **{name: row[name] for name in _SCORE},
        "configured": document["key_result"],
        "period": document["period"],
        "thresholds": document["organisation"]["status"],
        "metric": row["metric"],
        "metric_unit": document["metric"]["unit"],
        "formula": plain(document["metric"]["formula"]),
        "parts": json.loads(row["parts"] or "{}"),
        "aggregates": {part.name: part.aggregate.function for part in parts},
        "intervals": intervals,
        "steps": json.loads(row["steps"]) if row["steps"] else None,
        "pace": row["pace"],
        "measured_baseline": baseline_of(connection, document, scoring.load),
        "days": by_day,
        "loads": loads_of(connection, by_day),
        "failures": failures(connection, sorted({table for part in parts for table in part.tables}), scoring.load),
        "rows": [
            each | _first_rows(connection, each["sql"])
            for each in queries(document, row, standing_at(connection, scoring.load))
        ],
    }


def _sentence(listed: dict[str, Any], day: date) -> str:
    """What a key result said on a day, whatever was agreed later."""
    then = (each["sentence"] for each in listed.get("earlier", ()) if f"{day}" <= each["through"])
    return str(next(then, listed["sentence"]))


def queries(document: dict[str, Any], row: dict[str, Any], standing: Standing) -> list[dict[str, Any]]:
    """For each part of a score row: what it is, and the SQL for its raw rows as they stood."""
    if row["last_day"] is None:
        return []
    as_of = row["held_from"] or row["as_of"]
    return [
        {
            "part": part.name,
            "what": document["metric"]["parts"][part.name]["formula"].replace('"', ""),
            "table": part.source,
            "sql": rows_query(document, part, window_of(row), as_of, standing) + ";",
        }
        for part in parts_of(document)
    ]


def score_row(
    connection: duckdb.DuckDBPyConnection, scoring: Scoring, key_result: str, as_of: date
) -> dict[str, Any] | None:
    """The score of one key result as of a day, as it stood at a scoring."""
    rows = scores_at(connection, scoring, as_of).to_pylist()
    return next((row for row in rows if row["key_result"] == key_result), None)


def days_of(
    connection: duckdb.DuckDBPyConnection, document: dict[str, Any], row: dict[str, Any], load: int
) -> list[dict[str, Any]]:
    """The parts of a score by day, for a cadence by interval and day."""
    if not (windows := windows_of(row)):
        return []
    as_of = row["held_from"] or row["as_of"]
    return days(connection, document, windows, as_of, load, by_interval=bool(row["intervals"]))


def windows_of(row: dict[str, Any]) -> list[Window]:
    """The days that a score row counts: a window, for a cadence each interval; none where none does."""
    if row["last_day"] is None:
        return []
    intervals = json.loads(row["intervals"]) if row["intervals"] else []
    return [(each["first"], each["last"]) for each in intervals] or [window_of(row)]


def failures(connection: duckdb.DuckDBPyConnection, tables: list[str], load: int) -> list[dict[str, Any]]:
    """The tables whose newest attempt by then had failed."""
    return rows_of(connection.execute(statement("audit/sql/failures.sql"), [tables, load]))


def window_of(row: dict[str, Any]) -> Window:
    """The days that count, the first and the last."""
    return row["first_day"], row["last_day"]


def loads_of(connection: duckdb.DuckDBPyConnection, by_day: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the ledger says of the loads that the rows of these days came with."""
    numbers = sorted({load for day in by_day for load in day["loads"]})
    found = connection.execute(
        "SELECT load, table_name, known_at, first_day, last_day, available_through, final_through, notes"
        " FROM ledger.loads WHERE load IN (SELECT UNNEST(?)) ORDER BY load",
        [numbers],
    )
    return [load | {"notes": json.loads(load["notes"])} for load in rows_of(found)]


def baseline_of(connection: duckdb.DuckDBPyConnection, document: dict[str, Any], load: int) -> dict[str, Any] | None:
    """The days and the instant of a baseline that was measured, with its parts; None for one that is written."""
    if not (measured := measured_baseline(document)):
        return None
    found = rows_of(connection.execute(statement("audit/sql/measured_baseline.sql"), [measured.id, load]))
    return next((each | {"parts": json.loads(each["parts"])} for each in found), None)


def _first_rows(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """How many raw rows there are, and the first of them."""
    query = query.removesuffix(";")
    count = connection.execute(f"SELECT COUNT(*) FROM ({query})").fetchall()[0][0]
    return {"count": count, "first": rows_of(connection.execute(f"{query} LIMIT {FIRST_ROWS}"))}
