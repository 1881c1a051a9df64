"""Every day of the page as compact JSON, so that its slider can show any of them without a server.

A column is kept as the days on which it changes and what it is from then on, and columns that are equal are kept once: most
key results of a period share what is expected of them. Days are counted from the first one scored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.scorecard.charts import Chart
from okr_pipeline.warehouse.engine import statement

_DAY = "CAST({} - $first AS INTEGER)"
_AS_THEY_ARE = (
    *("status", "value", "score", "expected", "reason", "final", "manual", "alongside", "parts", "steps", "pace"),
)
_RESULT = {name: name for name in _AS_THEY_ARE} | {
    "start": "baseline",
    "goal": "target",
    "held": _DAY.format("held_from"),
    "to": _DAY.format("last_data_day"),
    "since": _DAY.format("first_day"),
    "until": _DAY.format("last_day"),
}
_OBJECTIVE = {name: name for name in ("status", "score", "expected", "coverage")}
_INTERVAL = {"value": "value", "state": "state"}


@dataclass
class Timeline:
    """The days from `first` to `last`, and for each key result, objective and interval the numbers of its columns."""

    first: date
    last: date
    columns: dict[str, int] = field(default_factory=dict)
    results: dict[str, dict[str, int]] = field(default_factory=dict)
    objectives: dict[str, dict[str, int]] = field(default_factory=dict)
    intervals: dict[str, dict[str, int]] = field(default_factory=dict)

    def json(
        self,
        config: Config,
        charts: Mapping[str, Chart],
        boxes: Mapping[str, Sequence[date]],
        said: Mapping[str, Mapping[str, Any]],
    ) -> str:
        """What the page's script reads: every column, and what does not change from day to day.

        `charts` by key result or objective; by key result `boxes`, the first days of a cadence's intervals, and `said`, texts.
        """
        everything: dict[str, Any] = {
            "first": self.first.isoformat(),
            "days": (self.last - self.first).days + 1,
            "columns": "@",
            "results": [
                {
                    **self._static(result),
                    **self.results.get(result.id, {}),
                    "frame": self._frame(charts.get(result.id)),
                    "boxes": [self.intervals.get(f"{result.id}/{first}") for first in boxes.get(result.id, ())],
                    "changes": [self._day(version.applies_from) for version in result.versions],
                    **said.get(result.id, {}),
                }
                for result in config.key_results.values()
            ],
            "objectives": [
                {
                    "id": o.id,
                    "owner": o.owner,
                    "team": o.team,
                    "frame": self._frame(charts.get(o.id)),
                    "first": self._day(o.period.first),
                    "last": self._day(o.period.last),
                    **self.objectives.get(o.id, {}),
                }
                for o in config.objectives
            ],
        }
        written = json.dumps(everything, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return written.replace('"@"', f"[{','.join(self.columns)}]", 1).replace("<", "\\u003c")

    def _day(self, day: date | None) -> int | None:
        return (day - self.first).days if day else None

    def _frame(self, chart: Chart | None) -> list[float] | None:
        start = self.first.toordinal()
        return [f.first - start, f.last - start, f.low, f.high] if (f := chart and chart.frame) else None

    def _static(self, result: KeyResult) -> dict[str, Any]:
        """What does not change from day to day, as far as its words depend on it."""
        spec, unit = result.spec, result.unit
        window = spec.over if spec.over and spec.over.kind != "to_date" else None
        return {
            "id": result.id,
            "objective": result.objective,
            "kind": spec.kind,
            "baseline": spec.baseline is not None,
            "lag": spec.lag,
            "owner": result.owner,
            "unit": unit if isinstance(unit, str) else {"en": unit.en, "th": unit.th},
            "every": bool(spec.every),
            "window": bool(spec.during or window),
            "reason_unit": spec.over.unit if spec.over else None,
            "begins": self._day(spec.during.first if spec.during else None),
            "beside": [spec.alongside.kind, spec.alongside.unit, spec.alongside.days] if spec.alongside else None,
        }


def timeline(connection: duckdb.DuckDBPyConnection, as_of: date) -> Timeline:
    """All days that are scored up to one."""
    first = connection.execute("SELECT MIN(as_of) FROM scores.key_results WHERE as_of <= ?", [as_of]).fetchall()[0][0]
    made = Timeline(first or as_of, as_of)
    intervals = f"({statement('scorecard/sql/intervals.sql')})"
    for table, key, columns, into in (
        ("scores.key_results", "key_result", _RESULT, made.results),
        ("scores.objectives", "objective", _OBJECTIVE, made.objectives),
        (intervals, "box", _INTERVAL, made.intervals),
    ):
        query = statement("scorecard/sql/columns.sql", table=table, key=key, columns=columns)
        for name, *found in connection.execute(query, {"first": made.first, "last": as_of}).fetchall():
            pairs = zip(columns, found[::2], found[1::2], strict=True)
            into[name] = {column: _kept(made.columns, column, days, values) for column, days, values in pairs if days}
    return made


def _kept(pool: dict[str, int], column: str, days: list[int], values: list[Any]) -> int:
    """The number of a column in the pool, where it is put if it is new."""
    if column in ("parts", "steps"):
        values = [None if text is None else json.loads(text) for text in values]
    written = json.dumps([days, values], ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return pool.setdefault(written.replace(".0,", ",").replace(".0]", "]").replace(".0}", "}"), len(pool))
