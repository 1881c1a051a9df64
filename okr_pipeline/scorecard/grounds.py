"""What lies behind each number, as the page's script shows it: the days it rests on, their loads, the query for the raw rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import duckdb

from okr_pipeline.audit.explain import loads_of, queries, windows_of
from okr_pipeline.audit.rows import parts_of, rows_of, standing_at
from okr_pipeline.config import Config
from okr_pipeline.config.formula import plain
from okr_pipeline.scorecard.charts import Day
from okr_pipeline.scoring import scoring_known_at
from okr_pipeline.scoring.configurations import recall_all
from okr_pipeline.warehouse.engine import statement

_SHOWN = 14  # days: the newest

Row = dict[str, Any]  # of scores.key_results
Found = dict[str, Any]  # what stands in JSON


def grounds(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    scores: Mapping[str, Row],
    series: Mapping[str, Sequence[Day]],
) -> Found:
    """`results` by key result, whose `loads` are numbers of those in `loads`. Without rows whose configuration is not known.

    `series` are the key results' values day by day.
    """
    scoring = scoring_known_at(connection)
    if scoring is None:
        return {"loads": {}, "results": {}}
    documents = recall_all(connection, {row["configuration"] for row in scores.values()})
    known = {
        name: (row, documents[row["configuration"]])
        for name, row in scores.items()
        if row["configuration"] in documents
    }
    days, loads = _days(connection, config, known)
    said = _said(connection, max((row["as_of"] for row, _ in known.values()), default=date.min))
    standing = standing_at(connection, scoring.load)
    results = {
        name: {
            "formula": plain(found["metric"]["formula"]),
            "parts": [*found["metric"]["parts"]],
            "days": [[f"{day}", *values.values()] for day, values in days.get(name, {}).items()],
            "restated": _restated(series.get(name, ())),
            "said": said.get(row["metric"], [])[-_SHOWN:],
            "loads": sorted(loads[name]),
            "queries": [[each["part"], each["what"], each["sql"]] for each in queries(found, row, standing)],
        }
        for name, (row, found) in known.items()
    }
    return {"loads": _ledger(connection, loads), "results": results}


def _days(
    connection: duckdb.DuckDBPyConnection, config: Config, known: Mapping[str, tuple[Row, Found]]
) -> tuple[dict[str, dict[date, dict[str, float | None]]], dict[str, set[int]]]:
    """The newest days of each key result with the value of each part, and the loads that they came with.

    They are read from what was measured last; so there are none where a held score was made with another formula.
    """
    alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)  # those that rest on the same days are asked about once
    functions = set()
    for name, (row, found) in known.items():
        metric = found["metric"]
        if metric == json.loads(config.key_results[name].document)["metric"]:
            functions |= {(metric["id"], part.name, part.aggregate.function) for part in parts_of(found)}
            alike[(metric["id"], row["held_from"] or row["as_of"], *windows_of(row))].append(name)
    names = list(alike.values())
    asked = [
        (number, metric, first, last, as_of)
        for number, (metric, as_of, *windows) in enumerate(alike)
        for first, last in windows
    ]
    days: dict[str, dict[date, dict[str, float | None]]] = {}
    loads: dict[str, set[int]] = defaultdict(set)
    if asked:
        given = {"measured": ["SELECT * EXCLUDE (_load) FROM metric.parts"], "functions": sorted(functions)}
        query = statement("audit/sql/days.sql", **given, windows=asked, beside=["id"], newest=_SHOWN)
        for each in rows_of(connection.execute(query)):
            for name in names[int(each["id"])]:
                parts = known[name][1]["metric"]["parts"]
                days.setdefault(name, {}).setdefault(each["day"], dict.fromkeys(parts))[each["part"]] = each["value"]
                loads[name].update(each["loads"])
    return days, loads


def _said(connection: duckdb.DuckDBPyConnection, as_of: date) -> dict[str, list[list[Any]]]:
    """Check-ins by metric: day, number, who said it, and the note."""
    query = (
        "SELECT metric, STRFTIME(day, '%Y-%m-%d'), CAST(value AS DOUBLE), reported_by, note FROM raw.checkins"
        " WHERE day <= ? ORDER BY day"
    )
    said: dict[str, list[list[Any]]] = defaultdict(list)
    for metric, *found in connection.execute(query, [as_of]).fetchall():
        said[metric].append(found)
    return said


def _restated(days: Sequence[Day]) -> list[list[Any]]:
    """The newest days of which another number was known first: the day, that number, and the one known now."""
    changed = [day for day in days if day["first_known"] is not None]
    return [[f"{date.fromordinal(day['x'])}", day["first_known"], day["y"]] for day in changed[-_SHOWN:]]


def _ledger(connection: duckdb.DuckDBPyConnection, loads: Mapping[str, set[int]]) -> dict[int, list[str | None]]:
    """Of each load: its table, since when it is known (UTC), and through which day it is final."""
    return {
        each["load"]: [
            each["table_name"],
            f"{each['known_at']:%Y-%m-%d %H:%M}",
            f"{each['final_through']}" if each["final_through"] else None,
        ]
        for each in loads_of(connection, [{"loads": of_one} for of_one in loads.values()])
    }
