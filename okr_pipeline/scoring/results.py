"""Reading scores back: as of any day, as known at any instant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config
from okr_pipeline.scoring.configurations import scored_ever
from okr_pipeline.warehouse.engine import statement


@dataclass(frozen=True)
class Scoring:
    """One scoring, which stands until the next: what it scored is listed in the configuration that it used."""

    load: int
    known_at: datetime  # naive, in UTC
    configuration: str
    listing: dict[str, Any]
    method: str = ""  # the hash of the statements that it was made with

    @cached_property
    def objectives(self) -> dict[str, dict[str, Any]]:
        """Each objective's entry in the listing."""
        return {each["objective"]: each for each in self.listing["objectives"]}

    @cached_property
    def key_results(self) -> dict[str, dict[str, Any]]:
        """Each key result's entry in the listing."""
        return {each["key_result"]: each for o in self.listing["objectives"] for each in o["key_results"]}


def scoring_known_at(
    connection: duckdb.DuckDBPyConnection, known_at: datetime | None = None, key_result: str | None = None
) -> Scoring | None:
    """The newest scoring known at an instant (naive UTC; None: now), or the newest by then that scored a key result.

    None when there is none: so a key result that was removed is found as it last was.
    """
    found = connection.execute(statement("scoring/sql/scorings.sql"), [known_at, known_at]).fetchall()
    for load, instant, configuration, method, document in found:
        scoring = Scoring(load, instant, configuration, json.loads(document), method or "")
        if key_result is None or key_result in scoring.key_results:
            return scoring
    return None


def with_removed(connection: duckdb.DuckDBPyConnection, scoring: Scoring, as_of: date) -> Scoring:
    """A scoring that also lists, marked as `removed`, the key results that were scored as of that day and later left out.

    They stand as they were last scored; an objective that still stands is scored without them.
    """
    gone = [name for name in scored_ever(connection) if name not in scoring.key_results]
    stood = _versions(connection, "key_results", "key_result", gone, as_of, scoring.load) if gone else None
    listed = {name: each | {"key_results": [*each["key_results"]]} for name, each in scoring.objectives.items()}
    for row in stood.to_pylist() if stood else ():
        last = scoring_known_at(connection, scoring.known_at, row["key_result"])
        if row["as_of"] == as_of and last:
            objective = last.objectives[row["objective"]] | {"key_results": []}
            removed = last.key_results[row["key_result"]] | {"removed": True}
            listed.setdefault(row["objective"], objective)["key_results"].append(removed)
    return replace(scoring, listing={"objectives": [*listed.values()]})


def scores_at(connection: duckdb.DuckDBPyConnection, scoring: Scoring, as_of: date) -> pa.Table:
    """One row for each key result of a scoring: the last one scored on or before `as_of`, as it stood then.

    Columns are those of `scores.key_results` and `known_at`. Key results stand in the order of the configuration.
    """
    return _versions(connection, "key_results", "key_result", [*scoring.key_results], as_of, scoring.load)


def objectives_at(connection: duckdb.DuckDBPyConnection, scoring: Scoring, as_of: date) -> pa.Table:
    """The same for objectives."""
    return _versions(connection, "objectives", "objective", [*scoring.objectives], as_of, scoring.load)


def days_scored(connection: duckdb.DuckDBPyConnection, known_at: datetime | None = None) -> tuple[date, date] | None:
    """The first and the last day that had a score at an instant (naive UTC; None: now); None when none had."""
    query = (
        "SELECT MIN(first_day), MAX(last_day) FROM ledger.loads"
        " WHERE table_name = 'scores.key_results' AND (known_at <= ? OR CAST(? AS TIMESTAMP) IS NULL)"
    )
    first, last = connection.execute(query, [known_at, known_at]).fetchall()[0]
    return (first, last) if last else None


def scores_as_of(
    connection: duckdb.DuckDBPyConnection, config: Config, as_of: date, known_at: datetime | None = None
) -> pa.Table:
    """The rows of the key results that are configured now, in their order; columns as in `scores_at`."""
    return _versions(connection, "key_results", "key_result", [*config.key_results], as_of, _load(connection, known_at))


def objectives_as_of(
    connection: duckdb.DuckDBPyConnection, config: Config, as_of: date, known_at: datetime | None = None
) -> pa.Table:
    """The same for objectives."""
    order = [objective.id for objective in config.objectives]
    return _versions(connection, "objectives", "objective", order, as_of, _load(connection, known_at))


def _load(connection: duckdb.DuckDBPyConnection, known_at: datetime | None) -> int:
    query = "SELECT COALESCE(MAX(load), 0) FROM ledger.loads WHERE known_at <= ? OR CAST(? AS TIMESTAMP) IS NULL"
    return int(connection.execute(query, [known_at, known_at]).fetchall()[0][0])


def _versions(
    connection: duckdb.DuckDBPyConnection, table: str, key: str, order: Sequence[str], as_of: date, load: int
) -> pa.Table:
    query = statement("scoring/sql/versions.sql", table=table, key=key)
    return connection.sql(query, params={"order": order, "load": load, "as_of": as_of}).to_arrow_table()
