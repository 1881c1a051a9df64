"""metrics → scores: every key result on every day of its period so far, and the objectives above them."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import duckdb

from okr_pipeline.config import Config
from okr_pipeline.scoring.agreed import earliest_day, hand_down
from okr_pipeline.scoring.configurations import remember
from okr_pipeline.warehouse import Change, Load, record, replace
from okr_pipeline.warehouse.engine import statement, transaction
from okr_pipeline.warehouse.ledger import next_load


def score(connection: duckdb.DuckDBPyConnection, config: Config, as_of: date) -> tuple[Change, int]:
    """Scores all key results up to `as_of`, and later days already scored, in one transaction.

    Returns what changed and the number of the load. Rows that come out the same stay as they are; changed ones move to
    `history.key_results`.
    """
    last_scored = connection.execute("SELECT MAX(as_of) FROM scores.key_results").fetchall()[0][0]
    through = max(as_of, last_scored or as_of)
    with _uncollected():
        combined = hand_down(connection, config, through)
    status, deepest = config.organisation.status, max(objective.depth for objective in config.objectives)
    for name, path, placeholders in (
        ("rescored", "rescored.sql", {"last": _last_scoring(connection, config), "earliest": earliest_day(config)}),
        ("asked", "asked.sql", {"through": through}),
        ("windows", "windows.sql", {}),
        ("grounds", "grounds.sql", {}),
        ("judged", "judged.sql", {"values": statement("scoring/sql/values.sql", shapes=combined)}),
        ("new_baselines", "baselines.sql", {}),
        ("baselines", "known_baselines.sql", {}),
        ("expected", "expected.sql", {}),
        ("outcomes", "scores.sql", {"on_track": status.on_track, "at_risk": status.at_risk}),
        ("answers", "answers.sql", {}),
        ("last_good", "last_good.sql", {}),
        ("held", "held.sql", {}),
        ("new_scores", "new_scores.sql", {}),
        (
            "new_objectives",
            "objectives.sql",
            {"on_track": status.on_track, "at_risk": status.at_risk, "deepest": deepest},
        ),
    ):
        # Most rows go from `outcomes` into the warehouse without a copy.
        kind = "VIEW" if name in ("answers", "new_scores") else "TABLE"
        connection.execute(
            f"CREATE OR REPLACE TEMP {kind} {name} AS {statement(f'scoring/sql/{path}', **placeholders)}"
        )
    with transaction(connection):
        load = next_load(connection)
        # What is no longer configured, lies after `through`, or cannot have changed stays as it was. The first of all days
        # is said by itself: DuckDB then skips the blocks of rows before it.
        first_again = connection.execute("SELECT MIN(since) FROM rescored").fetchall()[0][0]
        scope = f"as_of BETWEEN DATE '{first_again}' AND DATE '{through}' AND as_of >= "
        own = "(SELECT MIN(r.since) FROM rescored AS r WHERE r.key_result = key_results.key_result)"
        key = ("key_result", "as_of")  # once each: the versions of a key result hold for days of their own
        change = replace(connection, "scores.key_results", "new_scores", key, scope + own, load, distinct=True)
        # Objectives are put together anew from the first day that any key result is scored again.
        theirs = "(SELECT MIN(t.period_first) FROM objective_tree AS t WHERE t.objective = objectives.objective)"
        configured = " AND objective IN (SELECT objective FROM objective_tree)"
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
    """The hash of the statements that score: where one of them changed, everything is scored anew."""
    texts = sorted(files("okr_pipeline").joinpath("scoring/sql").iterdir(), key=lambda path: path.name)
    return sha256(b"".join(path.read_bytes() for path in texts)).hexdigest()[:12]
