"""The scoring contract a second time, written from the design's table alone: plain loops over plain rows, exact fractions.

`Known` is what a warehouse holds; `scores` and `objective` say what the pipeline must make of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

DAY = timedelta(days=1)
Row = dict[str, Any]
QUIET = {"no_data_yet", "division_by_zero"}  # in a cadence's interval: it was simply not kept
SAID = "checkins"  # what people say: nothing of it can be missing, late or not final


@dataclass
class Part:
    """`value` and `item` read a row; `day` and `counts_from` name its columns. `tables` are what a view is made of."""

    function: str
    table: str
    value: Callable[[Row], Any] = lambda row: 1
    item: Callable[[Row], Any] | None = None
    where: Callable[[Row], bool] = lambda row: True
    day: str = "day"
    counts_from: str | None = None
    tables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.tables = self.tables or (self.table,)


@dataclass
class Metric:
    """`combine` gets the parts' values by position; a ZeroDivisionError is a division by zero."""

    parts: list[Part]
    combine: Callable[..., Any] = lambda value: value
    stale_after: int | None = None

    def fetched(self) -> dict[str, bool]:
        """The tables that it rests on and that are fetched; True for one that only its last day is looked at of."""
        tables = {table for p in self.parts for table in p.tables if table != SAID}
        return {t: all(p.function == "latest" for p in self.parts if t in p.tables) for t in tables}


@dataclass
class Known:
    """Rows by table, per table and day whether it is (available, final), allowed delay, failure; and views over the rows."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    views: dict[str, Callable[..., list[Row]]] = field(default_factory=dict)
    coverage: dict[str, dict[date, tuple[bool, bool]]] = field(default_factory=dict)
    delay: dict[str, int] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)

    def read(self, p: Part) -> list[Row]:
        """The rows that a part is made of."""
        rows = [self.rows.get(table, []) for table in p.tables]
        return self.views[p.table](*rows) if p.table in self.views else rows[0]


# -- windows


def unit_first(day: date, unit: str, week_starts: str) -> date:
    """The first day of the calendar unit that a day lies in."""
    if unit == "week":
        while day.strftime("%A").lower() != week_starts:
            day -= DAY
    elif unit == "month":
        day = day.replace(day=1)
    elif unit == "quarter":
        day = day.replace(month={1: 1, 2: 4, 3: 7, 4: 10}[(day.month + 2) // 3], day=1)
    return day


def unit_last(first: date, unit: str, week_starts: str) -> date:
    """The last day of the unit that begins on a day."""
    day = first
    while unit_first(day + DAY, unit, week_starts) == first:
        day += DAY
    return day


def intervals(period: tuple[date, date], unit: str, count: int, week_starts: str) -> list[tuple[date, date]]:
    """The intervals that belong to a period, by their middle day; `count` units make one, from the period's first."""
    first, units = unit_first(period[0], unit, week_starts), []
    while first <= period[1]:
        last = unit_last(first, unit, week_starts)
        days = [first + DAY * n for n in range((last - first).days + 1)]
        if period[0] <= days[len(days) // 2] <= period[1]:
            units.append((first, last))
        first = last + DAY
    return [(units[n][0], units[min(n + count, len(units)) - 1][1]) for n in range(0, len(units), count)]


def window(kr: Row, as_of: date, week_starts: str) -> tuple[date, date] | str:
    """The days that count on an as-of day, or the reason why there are none yet."""
    kind, unit = kr.get("over") or ("to_date", "period")
    if kr.get("during"):
        first, last = kr["during"]
        return (first, min(last, as_of)) if as_of >= first else "not_begun"
    if kind == "trailing":
        return as_of - DAY * (unit - 1), as_of
    if kind == "last":
        complete = [i for i in intervals(kr["period"], unit, 1, week_starts) if i[1] <= as_of]
        return complete[-1] if complete else "no_complete_interval"
    return (kr["period"][0] if unit == "period" else unit_first(as_of, unit, week_starts)), as_of


# -- values


def counting(p: Part, known: Known, first: date, last: date, as_of: date) -> list[Row]:
    """The rows of a part that count on an as-of day."""
    rows = [r for r in known.read(p) if r[p.day] is not None and r[p.day] <= last and p.where(r)]
    if p.counts_from:
        rows = [r for r in rows if r[p.counts_from] is not None and r[p.counts_from] <= as_of]
    if p.item:
        rows = [r for r in rows if p.item(r) is not None]
    if p.function == "latest":
        newest: dict[Any, date] = {}
        for r in rows:
            who = p.item(r) if p.item else None
            newest[who] = max(newest.get(who, r[p.day]), r[p.day])
        rows = [r for r in rows if r[p.day] == newest[p.item(r) if p.item else None]]
    else:
        rows = [r for r in rows if r[p.day] >= first]
    return rows


def part(p: Part, known: Known, first: date, last: date, as_of: date) -> tuple[Any, date | None]:
    """A part's value over a window, and the last day it saw anything."""
    rows = counting(p, known, first, last, as_of)
    values = [p.value(r) for r in rows if p.value(r) is not None]
    value: Any = None
    if p.table == SAID and not rows:
        pass  # nobody has said anything, which is not 0
    elif p.function == "count_distinct":
        value = len({p.item(r) for r in rows}) if p.item else None
    elif p.function == "count":
        value = len(values)
    elif values:
        value = {"sum": sum, "latest": sum, "min": min, "max": max}[p.function](map(Fraction, values))
    elif p.function == "sum" and not rows:
        value = 0
    return value, max((r[p.day] for r in rows), default=None)


def refused(metric: Metric, known: Known, first: date, last: date) -> set[str]:
    """Why the data of a window may not be scored: every reason that holds."""
    reasons = set()
    for table, level in metric.fetched().items():
        covered, day = known.coverage.get(table, {}), last if level else first
        missing = False
        while day <= last:
            missing, day = missing or day not in covered, day + DAY
        delivered = [d for d, (available, _) in covered.items() if available and d <= last]
        if missing:
            reasons.add(known.trouble.get(table, "not_fetched"))
        elif not delivered or (last - max(delivered)).days > known.delay[table]:
            reasons.add("stale")
    return reasons


def is_final(metric: Metric, known: Known, first: date, last: date) -> bool:
    """True when no day that the window rests on will change any more."""
    for table, level in metric.fetched().items():
        day = last if level else first
        while day <= last:
            if known.coverage.get(table, {}).get(day, (False, False)) != (True, True):
                return False
            day += DAY
    return True


def measure(metric: Metric, known: Known, first: date, last: date, as_of: date) -> Row:
    """value, reasons and final of a metric over a window."""
    found = [part(p, known, first, last, as_of) for p in metric.parts]
    values, seen = [f[0] for f in found], [f[1] for f in found if f[1]]
    reasons, value = refused(metric, known, first, last), None
    if metric.stale_after is not None and seen and (last - min(seen)).days > metric.stale_after:
        reasons.add("stale")
    if not reasons:
        try:
            value = metric.combine(*values) if None not in values else None
            reasons = set() if value is not None else {"no_data_yet"}
        except ZeroDivisionError:
            reasons = {"division_by_zero"}
    return {"value": value, "reasons": reasons, "final": is_final(metric, known, first, last)}


# -- scores


def rises(kr: Row) -> bool:
    """Whether more is better, so that an open interval may be kept already."""
    return "at_least" in kr or ("target" in kr and kr["target"] > kr["baseline"])


def kept(kr: Row, value: Any) -> bool:
    """Whether a condition holds, bounds included."""
    if value is None:
        return False
    if "target" in kr:
        return bool(value >= kr["target"] if rises(kr) else value <= kr["target"])
    if "between" in kr:
        return bool(kr["between"][0] <= value <= kr["between"][1])
    return bool(value >= kr["at_least"]) if "at_least" in kr else bool(value <= kr["at_most"])


def progress(kr: Row, value: Any) -> Any:
    """How far the value has come from the baseline to the target; unclamped."""
    if "between" in kr:
        return Fraction(kept(kr, value))
    if "baseline" in kr:
        target = kr.get("target", kr.get("at_least", kr.get("at_most")))
        return (value - kr["baseline"]) / Fraction(target - kr["baseline"])
    return (
        Fraction(value) / kr["at_least"] if "at_least" in kr else 1 + (kr["at_most"] - value) / Fraction(kr["at_most"])
    )


def status(score: Any, expected: Any, over: bool, passes_at: Any, thresholds: tuple[Any, Any]) -> str:
    """The word for a score on a day."""
    if score is None:
        return "no_score"
    if over:
        return "achieved" if score >= passes_at else "missed"
    if expected == 0:
        return "not_started"
    on_track, at_risk = thresholds
    return "on_track" if score / expected >= on_track else "at_risk" if score / expected >= at_risk else "off_track"


def version(kr: Row, as_of: date) -> Row:
    """The key result as its dated changes leave it on a day; None drops a field."""
    for change in kr.get("changes", []):
        if change["from"] <= as_of:
            kr = {k: v for k, v in {**kr, **change}.items() if v is not None}
    return kr


def baseline(kr: Row, metric: Metric, known: Known, week_starts: str) -> Row:
    """The key result with its measured baseline as a number; None where it cannot be measured yet."""
    if not isinstance(kr.get("baseline"), str):
        return kr
    days = window(kr | {"period": kr["before"]}, kr["before"][1], week_starts)
    found = {"value": None} if isinstance(days, str) else measure(metric, known, *days, kr["before"][1])
    return kr | {"baseline": found["value"] if found["value"] is not None and found["final"] else None}


def on_weekdays(metric: Metric, known: Known, first: date) -> list[Any] | None:
    """What the eight weeks before a period had on each weekday; None where that shows no rhythm."""
    start, end = first - DAY * 56, first - DAY
    if measure(metric, known, start, end, end)["reasons"]:
        return None
    values = [Fraction(0)] * 7
    for n in range(56):
        day = start + DAY * n
        values[day.weekday()] += part(metric.parts[0], known, day, day, end)[0] or 0
    return values if min(values) >= 0 and sum(values) > 0 else None


def expected(kr: Row, metric: Metric, known: Known, as_of: date) -> Any:
    """The share of the way due by the end of a day."""
    first, last = kr["period"]
    due, day, pace = kr.get("due", last), as_of - DAY * kr.get("lag", 0), kr.get("pace", "linear")
    if pace == "constant":
        return Fraction(1)
    if day < first:
        return Fraction(0)
    if any(step[2] for step in kr.get("milestones", [])):
        whole = sum(step[1] for step in kr["milestones"])
        return sum((step[1] for step in kr["milestones"] if step[2] <= day), Fraction(0)) / whole
    if day > due:
        return Fraction(1)
    if pace == "weekly rhythm" and (values := on_weekdays(metric, known, first)):
        days = [first + DAY * n for n in range((due - first).days + 1)]
        if whole := sum(values[d.weekday()] for d in days):
            return sum(values[d.weekday()] for d in days if d <= day) / whole
    points = {first - DAY: Fraction(0), due: Fraction(1)}
    if isinstance(pace, dict):
        target, start = kr.get("target", kr.get("at_least", kr.get("at_most"))), kr.get("baseline", Fraction(0))
        for by, (kind, what) in pace.items():
            points[by] = what if kind == "share" else (what - start) / (target - start)
    before, after = max(p for p in points if p < day), min(p for p in points if p >= day)
    return points[before] + (points[after] - points[before]) * Fraction((day - before).days, (after - before).days)


def one_day(kr: Row, metric: Metric, known: Known, as_of: date, week_starts: str) -> Row:
    """value, expected, reasons and so on of one day, before holding."""
    if not kr.get("every"):
        row: Row = {"expected": expected(kr, metric, known, as_of)}
        days = window(kr, as_of, week_starts)
        if isinstance(days, str):
            return row | {"value": None, "reasons": {days}, "final": False, "days": (None, None)}
        row |= measure(metric, known, *days, as_of) | {"days": days}
        if row["value"] is not None and "milestones" in kr:
            done = {metric.parts[0].item(r) for r in counting(metric.parts[0], known, *days, as_of)}
            whole = sum(step[1] for step in kr["milestones"])
            row["value"] = sum((step[1] for step in kr["milestones"] if step[0] in done), Fraction(0)) / whole
        if row["value"] is not None and "before" in kr:
            target, start = kr.get("target", kr.get("at_least", kr.get("at_most"))), kr["baseline"]
            if start is None:
                row |= {"value": None, "reasons": {"no_baseline"}}
            elif start == target or ("at_least" in kr and start > target) or ("at_most" in kr and start < target):
                row |= {"value": None, "reasons": {"baseline_past_target"}}
        return row
    # The period's end closes the last interval. Whether a value stays below a bound is known when the interval is over.
    planned = [
        (a, min(b, kr["period"][1])) for a, b in intervals(kr["period"], kr["every"][1], kr["every"][0], week_starts)
    ]
    begun = [(i, (i[0], min(i[1], as_of))) for i in planned if i[0] <= as_of]
    found = [measure(metric, known, *days, as_of) for _, days in begun]
    reasons = set().union(*(f["reasons"] for f in found)) - QUIET if begun else {"not_begun"}
    if SAID in {p.table for p in metric.parts} and all(f["reasons"] == {"no_data_yet"} for f in found):
        reasons |= {"no_data_yet"}  # until anybody has said anything nothing is known to be missed
    met = [kept(kr, f["value"]) and (rises(kr) or i[1] <= as_of) for (i, _), f in zip(begun, found, strict=True)]
    return {
        "value": None if reasons else sum(met),
        "reasons": reasons,
        "expected": Fraction(sum(i[1] <= as_of for i, _ in begun), len(planned)),
        "planned": len(planned),
        "final": all(f["final"] for f in found),
        "days": (begun[0][1][0], begun[-1][1][1]) if begun else (None, None),
    }


def scores(kr: Row, metric: Metric, known: Known, through: date, week_starts: str, thresholds: Any) -> list[Row]:
    """A row for every day of the period so far; `kr` is as written, amounts as fractions, plus `period`."""
    rows, good, day, written = [], None, kr["period"][0], kr
    while day <= min(through, kr["period"][1]):
        kr = baseline(version(written, day), metric, known, week_starts)
        row = one_day(kr, metric, known, day, week_starts) | {"as_of": day, "held_from": None}
        if row["value"] is not None:
            share = kr.get("every") or kr.get("milestones")
            row["progress"] = Fraction(row["value"]) / row.get("planned", 1) if share else progress(kr, row["value"])
            row["score"] = min(max(row["progress"], Fraction(0)), Fraction(1))
            passes_at = Fraction(7, 10) if kr.get("type") == "aspirational" else 1
            row["status"] = status(row["score"], row["expected"], day >= kr["period"][1], passes_at, thresholds)
            good = row
        elif good:
            held = {k: good[k] for k in ("value", "progress", "score", "status", "days")}
            row |= held | {"held_from": good["as_of"], "final": False}
        else:
            row |= {"progress": None, "score": None, "status": "no_score", "final": False}
        rows.append(row)
        day += DAY
    return rows


def objective(rows: list[tuple[Row, Row]], thresholds: Any) -> Row:
    """The roll-up of one day's (key result or objective beneath, row)s: score, coverage, expected and status."""
    whole = sum(kr["weight"] for kr, _ in rows)
    scored = [(kr["weight"], row["score"]) for kr, row in rows if row["score"] is not None]
    coverage = Fraction(sum(w for w, _ in scored)) / whole
    mean = sum(w * s for w, s in scored) / sum(w for w, _ in scored) if coverage >= Fraction(1, 2) else None
    expected = sum(kr["weight"] * row["expected"] for kr, row in rows) / whole
    at = {"aspirational": Fraction(7, 10), "committed": 1}
    passes_at = sum(kr["weight"] * kr.get("passes_at", at[kr.get("type", "committed")]) for kr, _ in rows) / whole
    over = rows[0][1]["as_of"] >= rows[0][0]["period"][1]
    found = status(mean, expected, over, passes_at, thresholds)
    return {"score": mean, "coverage": coverage, "expected": expected, "status": found, "passes_at": passes_at}
