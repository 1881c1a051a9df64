"""A published snapshot with made-up scores of the shipped key results, for the tests of what people read."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config, load
from okr_pipeline.warehouse.engine import create_schema

SHIPPED = Path(__file__).parents[2] / "okr_config"
FIRST, TODAY = date(2026, 10, 1), date(2026, 11, 15)
NO_SCORE = {"value": None, "progress": None, "score": None, "status": "no_score", "final": False, "last_data_day": None}
INTERVALS = [
    {"first": "2026-10-01", "last": "2026-10-31", "value": 2, "kept": True, "complete": True},
    {"first": "2026-11-01", "last": "2026-11-15", "value": 0, "kept": False, "complete": False},
]

AGREED = "key_result, objective, metric, unit, baseline, target, weight, configuration, manual"
KEY_RESULTS = (
    f"INSERT INTO scores.agreements BY NAME SELECT ROW_NUMBER() OVER () AS agreement, *"
    f" FROM (SELECT DISTINCT {AGREED} FROM rows)",
    f"INSERT INTO scores.outcomes BY NAME SELECT r.* EXCLUDE ({AGREED}), agreement"
    f" FROM rows AS r JOIN (SELECT agreement, ROW({AGREED}) AS agreed FROM scores.agreements) AS a"
    f" ON a.agreed IS NOT DISTINCT FROM ROW(r.{AGREED.replace(', ', ', r.')})",
)
OBJECTIVES = ("INSERT INTO scores.objectives BY NAME SELECT * FROM rows",)


def rows_of(key_result: str) -> str:
    """The condition for the rows of a key result in scores.outcomes."""
    return f"agreement IN (SELECT agreement FROM scores.agreements WHERE key_result = '{key_result}')"


def score_row(config: Config, key_result: str, day: date, **changes: Any) -> dict[str, Any]:
    """A row of `scores.key_results`: another value for every key result and every day."""
    result, share = config.key_results[key_result], (day - FIRST).days / 92
    number = list(config.key_results).index(key_result)
    bound = result.spec.target or result.spec.at_least
    baseline = float(result.spec.baseline.value) if result.spec.baseline else 0.0
    target = 3.0 if result.spec.every else float(bound.value) if bound else 1.0
    score = 1.0 if result.spec.every else round(0.9 * share + number / 97, 4)
    return {
        "key_result": key_result, "objective": result.objective, "metric": result.metric.id, "unit": result.metric.unit_name,
        "as_of": day, "value": 1.0 if result.spec.every else baseline + score * (target - baseline),
        "intervals": json.dumps(INTERVALS) if result.spec.every else None, "baseline": baseline, "target": target,
        "progress": score, "score": score, "expected": share, "status": "on_track", "reason": None, "held_from": None,
        "final": True, "last_data_day": day, "first_day": FIRST, "last_day": day, "alongside": None, "weight": 1.0,
        "configuration": "0", "manual": False, "_load": 1,
    } | changes  # fmt: skip


def publish(folder: Path, config: Config, changes: dict[str, dict[str, Any]] | None = None) -> Path:
    """A snapshot with a row for every key result and day; `changes` are to the rows of today."""
    days = [FIRST + timedelta(days=n) for n in range((TODAY - FIRST).days + 1)]
    rows = [
        score_row(config, name, day, **((changes or {}).get(name, {}) if day == TODAY else {}))
        for name in config.key_results
        for day in days
    ]
    objectives = [
        {
            "objective": o.id,
            "as_of": day,
            "score": 0.5,
            "coverage": 1.0,
            "expected": 0.5,
            "status": "on_track",
            "_load": 1,
        }
        for o in config.objectives
        for day in days
    ]
    snapshot = folder / "okr.duckdb"
    with duckdb.connect(snapshot) as connection:
        create_schema(connection)
        attempt(connection, 1, "ga4_events", "landed")
        for content, statements in ((rows, KEY_RESULTS), (objectives, OBJECTIVES)):
            connection.register("rows", pa.Table.from_pylist(content))
            for statement in statements:
                connection.execute(statement)
            connection.unregister("rows")
    return snapshot


def attempt(
    connection: duckdb.DuckDBPyConnection, load: int, table: str, outcome: str, message: str | None = None
) -> None:
    known = datetime(2026, 11, 15, 22, 0)  # noqa: DTZ001 - naive UTC, as the ledger stores it
    connection.execute(
        "INSERT INTO ledger.loads BY NAME SELECT ? AS load, ? AS table_name, ? AS first_day, ? AS last_day, ? AS known_at,"
        " ? AS outcome, ? AS message, 0 AS received, 0 AS inserted, 0 AS changed, 0 AS vanished, 0 AS unchanged, '{}' AS notes",
        [load, table, FIRST, TODAY, known, outcome, message],
    )


def agreed_anew(folder: Path, day: date) -> Config:
    """The shipped configuration, in which the sign-ups have another title and another target from a day on."""
    changed = Path(shutil.copytree(SHIPPED, folder / "okr_config"))
    objective = changed / "objectives" / "4-pipeline.yaml"
    anew = f"    target: 500\n    changes: [{{from: {day}, title: More sign-ups, target: 600}}]\n"
    objective.write_text(objective.read_text(encoding="utf-8").replace("    target: 500\n", anew), encoding="utf-8")
    return load(changed, {}, unset_is_wrong=False)
