"""What lies behind each number: the days it rests on, the loads they came with, and the query for the raw rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from okr_pipeline.audit.explain import days_of, formula_of, loads_of, queries
from okr_pipeline.scoring import scoring_known_at
from okr_pipeline.scoring.configurations import recall

_SHOWN_DAYS = 14


@dataclass(frozen=True)
class Ground:
    """`days` are the newest, each with its parts' values; loads and rows as `okr explain --format json` gives them."""

    formula: str
    parts: Mapping[str, float | None]
    part_names: list[str]
    days: list[tuple[date, dict[str, Any]]]
    loads: list[dict[str, Any]]
    rows: list[dict[str, Any]]


def grounds(connection: duckdb.DuckDBPyConnection, scores: Mapping[str, dict[str, Any]]) -> dict[str, Ground]:
    """For each score row, by key result, whose configuration is known."""
    scoring = scoring_known_at(connection)
    made: dict[str, Ground] = {}
    if scoring is None:
        return made
    for name, row in scores.items():
        document = recall(connection, row["configuration"])
        days: dict[date, dict[str, Any]] = {}
        by_day = days_of(connection, document, row, scoring.load)
        for day in by_day:
            days.setdefault(day["day"], {})[day["part"]] = day["value"]
        parts = {} if row["intervals"] else json.loads(row["parts"] or "{}")
        newest = sorted(days.items())[-_SHOWN_DAYS:]
        found = (loads_of(connection, by_day), queries(connection, row, scoring.load))
        made[name] = Ground(formula_of(document), parts, [*document["metric"]["parts"]], newest, *found)
    return made
