"""metrics → scores: every key result on every day of its period so far, and the objectives above them."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any

import duckdb

from okr_pipeline.config import Config
from okr_pipeline.scoring.agreed import hand_down
from okr_pipeline.scoring.configurations import remember
from okr_pipeline.warehouse import Change, Load, record, replace
from okr_pipeline.warehouse.engine import columns_of, statement, transaction
from okr_pipeline.warehouse.ledger import next_load


def score(connection: duckdb.DuckDBPyConnection, config: Config, as_of: date) -> tuple[Change, int]:
    """Scores all key results up to `as_of`, and later days already scored, in one transaction.

    Returns what changed and the number of the load. Rows that come out the same stay as they are; changed ones move to
    `history.outcomes`.
    """
    last_scored = connection.execute("SELECT MAX(as_of) FROM scores.outcomes").fetchall()[0][0]
    through = max(as_of, last_scored or as_of)
    with _uncollected():
        agreed = hand_down(connection, config, through)
    deepest, thresholds = max(objective.depth for objective in config.objectives), config.organisation.status
    status = statement("scoring/sql/status.sql", on_track=thresholds.on_track, at_risk=thresholds.at_risk)
    columns = ", ".join(name for name in columns_of(connection, "scores.agreements") if name != "agreement")
    make = partial(_make, connection)
    make("rescored", last=_last_scoring(connection, config), earliest=agreed.earliest)
    make("asked", through=through)
    make("windows")
    make("grounds")
    make("judged", values=statement("scoring/sql/values.sql", shapes=agreed.shapes))
    make("new_baselines")
    make("baselines")
    make("expected")
    make("agreed")
    make("outcomes", kind="VIEW", status=status)  # the rows go into the warehouse without a copy
    make("answers", kind="VIEW", columns=columns)
    make("doubtful")
    make("last_good")
    make("held")
    with transaction(connection):
        load = next_load(connection)
        # What is no longer configured, lies after `through`, or cannot have changed stays as it was. The first of all days
        # is said by itself: DuckDB then skips the blocks of rows before it.
        first_again = connection.execute("SELECT MIN(since) FROM rescored").fetchall()[0][0]
        scope = f"as_of BETWEEN DATE '{first_again}' AND DATE '{through}' AND as_of >= "
        own = (
            "(SELECT MIN(r.since) FROM rescored AS r JOIN scores.agreements AS a ON a.key_result = r.key_result"
            " WHERE a.agreement = outcomes.agreement)"
        )
        agreements = statement("scoring/sql/agreements.sql", columns=columns)
        connection.execute(f"INSERT INTO scores.agreements BY NAME {agreements}")
        make("new_outcomes", kind="VIEW", columns=columns)
        change = replace(
            connection,
            "scores.outcomes",
            "new_outcomes",
            ("agreement", "as_of"),
            scope + own,
            load,
            distinct=True,  # the versions of a key result hold for days of their own
            one="(SELECT a.key_result FROM scores.agreements AS a WHERE a.agreement = differing.agreement), as_of",
        )
        # Objectives are put together anew from the first day that any key result is scored again.
        theirs = "(SELECT MIN(t.period_first) FROM objective_tree AS t WHERE t.objective = objectives.objective)"
        configured = " AND objective IN (SELECT objective FROM objective_tree)"
        make("new_objectives", status=status, deepest=deepest, first=first_again, last=through)
        replace(
            connection, "scores.objectives", "new_objectives", ("objective", "as_of"), scope + theirs + configured, load
        )
        connection.execute("DELETE FROM metric.unscored")
        connection.execute(f"INSERT INTO scores.baselines SELECT *, {load} FROM new_baselines")
        first = min(result.period.first for result in config.key_results.values())
        notes = {"configuration": config.hash, "method": _method()}
        record(connection, load, Load("scores.key_results", first, through, change=change, notes=notes))
        with _uncollected():
            remember(connection, config, load)
    return change, load


def _make(connection: duckdb.DuckDBPyConnection, name: str, *, kind: str = "TABLE", **placeholders: object) -> None:
    """A temp table or view of what the statement of that name says."""
    query = statement(f"scoring/sql/{name}.sql", **placeholders)
    connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {query}")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's garbage collector, which would search the plain rows for cycles for as long as it takes to make them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _last_scoring(connection: duckdb.DuckDBPyConnection, config: Config) -> dict[str, Any] | None:
    """`load` and `last_day` of the last scoring; None where it was another configuration's, or made in another way."""
    found = connection.execute(
        "SELECT load, last_day, notes FROM ledger.loads WHERE table_name = 'scores.key_results' ORDER BY load DESC LIMIT 1"
    ).fetchall()
    if not found:
        return None
    load, last_day, notes = found[0]
    said = json.loads(notes)
    same = (said.get("configuration"), said.get("method")) == (config.hash, _method())
    return {"load": load, "last_day": last_day} if same else None


@cache
def _method() -> str:
    """The hash of all that decides a score beside data and configuration: where it changed, everything is scored anew."""
    package, found = files("okr_pipeline"), sha256()
    for folder in ("config", "scoring", "scoring/sql", "warehouse/sql"):
        for path in sorted(package.joinpath(folder).iterdir(), key=lambda path: path.name):
            found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()[:12]
