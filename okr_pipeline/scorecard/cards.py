"""A key result as the page shows it: its score row, its chart, a cadence's intervals, a milestone's steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from okr_pipeline.config import KeyResult
from okr_pipeline.scorecard.charts import Chart

_NOTHING = (
    *("value", "score", "expected", "held_from", "last_data_day", "first_day", "last_day", "alongside"),
    *("intervals", "parts", "steps"),
)


@dataclass(frozen=True)
class Interval:
    """One box of a cadence. `state` is kept, missed, open, to_come or unknown; `value` is what was counted in it."""

    first: date
    state: str
    value: float | None


@dataclass(frozen=True)
class Step:
    """A milestone. `state` is kept (done, on `day`), missed (was due on `day`), to_come (due on `day`) or open."""

    title: dict[str, str]
    state: str
    day: date | None


@dataclass(frozen=True)
class Card:
    """A key result and the row of its score. `turned` is the day since which it has its status."""

    result: KeyResult
    row: dict[str, Any]
    turned: date | None
    chart: Chart | None
    intervals: Sequence[Interval]
    steps: Sequence[Step]


def card(result: KeyResult, row: dict[str, Any], turned: date | None, chart: Chart | None, as_of: date) -> Card:
    """A key result's card, as of a day."""
    return Card(result, row, turned, chart, list(_intervals(result, row)), list(_steps(result, row, as_of)))


def _intervals(result: KeyResult, row: dict[str, Any]) -> Iterator[Interval]:
    """Those of a cadence that have begun, as they were scored, and as many to come as are planned."""
    begun = json.loads(row["intervals"] or "[]")
    for interval in begun:
        missed = "missed" if row["value"] is not None else "unknown"
        state = "kept" if interval["kept"] else missed if interval["complete"] else "open"
        yield Interval(date.fromisoformat(interval["first"]), state, interval["value"])
    for number in range(len(begun), int(row["target"] or 0) if begun else 0):
        yield Interval(_begins(result, date.fromisoformat(begun[0]["first"]), number), "to_come", None)


def _steps(result: KeyResult, row: dict[str, Any], as_of: date) -> Iterator[Step]:
    done = {step["step"]: step["done_on"] for step in json.loads(row["steps"] or "[]")}
    for step in result.spec.milestones or ():
        title = {"en": step.title.en, "th": step.title.th} if step.title else {"en": step.step, "th": step.step}
        if done.get(step.step):
            yield Step(title, "kept", date.fromisoformat(done[step.step]))
        else:
            late = step.due is not None and step.due < as_of
            yield Step(title, "missed" if late else "to_come" if step.due else "open", step.due)


def _begins(result: KeyResult, first: date, number: int) -> date:
    """The first day of a cadence's interval, counted from its first one."""
    every = result.spec.every
    if every is None:
        return first
    if every.unit in ("day", "week"):
        return first + timedelta(days=number * every.count * (7 if every.unit == "week" else 1))
    months = first.year * 12 + first.month - 1 + number * every.count * (3 if every.unit == "quarter" else 1)
    return date(months // 12, months % 12 + 1, 1)


def not_scored(result: KeyResult) -> dict[str, Any]:
    """What stands for a score row on a day before there is any."""
    spec = result.spec
    amounts = {
        "baseline": None if spec.every else spec.start,
        "target": None if spec.every else spec.bound,
        "lower_bound": spec.between[0] if spec.between else None,
        "upper_bound": spec.between[1] if spec.between else None,
    }
    nothing = dict.fromkeys(_NOTHING)
    written = {name: float(amount.value) if amount else None for name, amount in amounts.items()}
    return nothing | written | {"status": "no_score", "reason": "not_scored", "final": False, "manual": False}
