"""Reading scores back: as of any day, as known at any instant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
    connection: duckdb.DuckDBPyConnection,
    known_at: datetime | None = None,
    key_result: str | None = None,
    day: date | None = None,
) -> Scoring | None:
    """The newest scoring known at an instant (naive UTC; None: now), or the newest by then that scored a key result.

    None when there is none: so a key result that was removed is found as it last was, and with a day as it was in a period
    that had begun by then: an id may stand for something else in each quarter.
    """
    for scoring in _scorings(connection, known_at):
        if key_result is None or _tells_of(scoring.key_results.get(key_result), day):
            return scoring
    return None


def _scorings(connection: duckdb.DuckDBPyConnection, known_at: datetime | None) -> Iterator[Scoring]:
    """Of every configuration the newest scoring by an instant; newest first."""
    found = connection.execute(statement("scoring/sql/scorings.sql"), [known_at, known_at]).fetchall()
    for load, instant, configuration, method, document in found:
        yield Scoring(load, instant, configuration, json.loads(document), method or "")


def _tells_of(listed: dict[str, Any] | None, day: date | None) -> bool:
    """Whether an entry of a listing is of a period that had begun on a day."""
    return listed is not None and (day is None or f"{day}" >= listed.get("since", ""))


def listed_on(connection: duckdb.DuckDBPyConnection, scoring: Scoring, as_of: date, *, removed: bool = True) -> Scoring:
    """A scoring that lists what was scored as of a day, each as it was listed last in a period that had begun by then.

    What has been left out since is marked as `removed`, or not listed. It stands as it was last scored; an objective that
    still stands is scored without it.
    """
    wanted = {name for name, each in scoring.key_results.items() if _tells_of(each, as_of)}
    known = scored_ever(connection) if removed else scoring.key_results
    others = [name for name in known if name not in wanted]
    stood = (
        _versions(connection, "key_results", "key_result", others, as_of, scoring.load).to_pylist() if others else []
    )
    wanted |= {row["key_result"] for row in stood if row["as_of"] == as_of or row["key_result"] in scoring.key_results}
    listed: dict[str, dict[str, Any]] = {}
    for each in _scorings(connection, scoring.known_at):
        told = {name for name in wanted & each.key_results.keys() if _tells_of(each.key_results[name], as_of)}
        shown = {*each.objectives} if not listed else _with_those_above(each, told)
        for name, objective in each.objectives.items():
            if name in shown and _tells_of(objective, as_of):
                theirs = [
                    _marked(result, scoring) for result in objective["key_results"] if result["key_result"] in told
                ]
                listed.setdefault(name, objective | {"key_results": []})["key_results"] += theirs
        wanted -= told
        if not wanted:
            break
    return replace(scoring, listing={"objectives": [*listed.values()]})


def _marked(result: dict[str, Any], scoring: Scoring) -> dict[str, Any]:
    return result if result["key_result"] in scoring.key_results else result | {"removed": True}


def _with_those_above(scoring: Scoring, key_results: set[str]) -> set[str]:
    """The objectives of some key results, and what these are part of."""
    above = {name: each["parent"] for name, each in scoring.objectives.items() if each.get("parent")}
    found = {
        name for name, each in scoring.objectives.items() for r in each["key_results"] if r["key_result"] in key_results
    }
    while parents := {above[name] for name in found if name in above} - found:
        found |= parents
    return found


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
