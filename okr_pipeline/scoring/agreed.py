"""What was agreed, from the configuration into the temp tables that the scoring statements read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.config.periods import WEEKDAY, unit_first
from okr_pipeline.scoring.formulas import hand_down_formulas
from okr_pipeline.warehouse.engine import statement, temporary

_MARGIN = timedelta(days=100)  # an interval may begin before its period, and a running count needs the day before that

RHYTHM = timedelta(weeks=8)  # of history before a period tell how much of a week each weekday is

_KEY_RESULTS = pa.schema(
    [
        ("version", pa.int32()),  # numbers what a key result says between two changes
        ("pace_number", pa.int32()),
        ("metric_number", pa.int32()),
        ("sources", pa.int32()),  # numbers what its metric rests on
        *((name, pa.string()) for name in ("key_result", "objective", "metric", "unit", "type", "kind")),
        *((name, pa.string()) for name in ("pace", "configuration", "baseline_id")),
        *((name, pa.float64()) for name in ("baseline", "target", "lower_bound", "upper_bound", "weight")),
        *((name, pa.date32()) for name in ("period_first", "period_last", "applies_from", "applies_to", "due")),
        *((name, pa.date32()) for name in ("during_first", "during_last", "baseline_first", "baseline_last")),
        *((name, pa.date32()) for name in ("rhythm_first", "rhythm_last")),
        *((name, pa.string()) for name in ("window_kind", "window_unit", "alongside_kind", "alongside_unit")),
        ("is_manual", pa.bool_()),
        *((name, pa.int64()) for name in ("window_days", "alongside_days", "every_count", "stale_after", "lag")),
    ]
)
_CHECKPOINTS = pa.schema([("pace_number", pa.int32()), ("day", pa.date32()), ("share", pa.float64())])
_OBJECTIVE_TREE = pa.schema(
    [
        ("objective", pa.string()),
        ("parent", pa.string()),
        ("weight", pa.decimal128(18, 6)),
        ("depth", pa.int64()),
        ("period_first", pa.date32()),
    ]
)
_MILESTONES = pa.schema(
    [
        ("version", pa.int32()),
        ("position", pa.int64()),
        ("step", pa.string()),
        ("weight", pa.decimal128(18, 6)),
        ("due", pa.date32()),
    ]
)


def earliest_day(config: Config) -> date:
    """The first day that any key result's window can reach back to: where a first ingestion begins."""
    return min(_reaches_back_to(version, config) for version in _versions(config))


def _versions(config: Config) -> list[KeyResult]:
    """Every key result as it is and as it was before each dated change."""
    return [version for result in config.key_results.values() for version in result.versions]


def _reaches_back_to(result: KeyResult, config: Config) -> date:
    spec = result.spec
    first = result.baseline.period.first if result.baseline else result.period.first
    windows = [window for window in (spec.over, spec.alongside) if window]
    units = [window.unit for window in windows if window.kind != "trailing"] + ([spec.every.unit] if spec.every else [])
    starts = [unit_first(first, unit, config.organisation.week_starts) for unit in units]
    trailing = max((window.days for window in windows), default=0)
    rhythm = [result.period.first - RHYTHM] if spec.pace.kind == "weekly rhythm" else []
    return min([first - timedelta(days=max(trailing - 1, 0)), *starts, *rhythm])


class Agreed(NamedTuple):
    """What the statements are filled in with: the first day that a window can reach back to, and the different formulas over
    parts (`values.sql`), of which many metrics may share one."""

    earliest: date
    shapes: list[dict[str, Any]]


def hand_down(connection: duckdb.DuckDBPyConnection, config: Config, through: date) -> Agreed:
    """Makes the temp tables that the statements read: key_results and what hangs on them, what metrics are made of, calendars."""
    versions = _versions(config)
    formulas = hand_down_formulas(connection, config, [*{v.metric.id: v.metric for v in versions}.values()])
    agreed = [_pace(version) for version in versions]
    paces = {pace: number for number, pace in enumerate(dict.fromkeys(agreed))}
    rows = [
        _row(version)
        | {
            "version": number,
            "metric_number": formulas.metrics[version.metric.id],
            "sources": formulas.sources[version.metric.id],
            "pace_number": paces[pace],
        }
        for number, (version, pace) in enumerate(zip(versions, agreed, strict=True))
    ]
    temporary(connection, "key_results", pa.Table.from_pylist(rows, _KEY_RESULTS))
    tree = [
        {"objective": o.id, "parent": o.parent, "weight": o.weight, "depth": o.depth, "period_first": o.period.first}
        for o in config.objectives
    ]
    temporary(connection, "objective_tree", pa.Table.from_pylist(tree, _OBJECTIVE_TREE))
    checkpoints = [
        {"pace_number": number, "day": day, "share": share}
        for pace, number in paces.items()
        for day, share in pace.checkpoints
    ]
    temporary(connection, "checkpoints", pa.Table.from_pylist(checkpoints, _CHECKPOINTS))
    steps = [
        {"version": number, "position": position, "step": step.step, "weight": step.weight, "due": step.due}
        for number, version in enumerate(versions)
        for position, step in enumerate(version.spec.milestones or ())
    ]
    temporary(connection, "milestones", pa.Table.from_pylist(steps, _MILESTONES))
    last = max(through, *(version.period.last for version in versions)) + _MARGIN
    weekday = WEEKDAY[config.organisation.week_starts]
    earliest = earliest_day(config)
    calendar = statement("scoring/sql/calendar.sql", first=earliest - _MARGIN, last=last, weekday=weekday)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calendar AS {calendar}")
    connection.execute("CREATE OR REPLACE TEMP TABLE days AS SELECT day FROM calendar")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE intervals AS {statement('scoring/sql/intervals.sql')}")
    return Agreed(earliest, formulas.shapes)


class _Pace(NamedTuple):
    """What decides how much of the way is expected when; `rhythm_of` is the metric whose weekly rhythm is followed."""

    kind: str
    due: date
    lag: int
    period_first: date
    rhythm_of: str | None
    checkpoints: tuple[tuple[date, float], ...]


def _pace(result: KeyResult) -> _Pace:
    spec, first = result.spec, result.period.first
    rhythm_of = result.metric.id if spec.pace.kind == "weekly rhythm" else None
    due = spec.due or result.period.last
    return _Pace(spec.pace.kind, due, spec.lag, first, rhythm_of, tuple(_checkpoints(result)))


def _checkpoints(result: KeyResult) -> Iterator[tuple[date, float]]:
    """(day, share of the way due by its end), in order; between two the way is straight."""
    spec, eve = result.spec, result.period.first - timedelta(days=1)
    due = spec.due or result.period.last
    shares: dict[date, float] = {eve: 0.0, due: 1.0}
    for point in spec.pace.checkpoints:
        if point.share is not None:
            shares[point.day] = float(point.share)
        elif point.value and spec.bound:
            start = spec.start.value if spec.start else Decimal(0)
            shares[point.day] = float((point.value.value - start) / (spec.bound.value - start))
    steps = [(step.due, step.weight) for step in spec.milestones or () if step.due]
    for day, _ in steps:
        for end in (day - timedelta(days=1), day):  # what is due on a day is not due the day before, not even in part
            done = sum((weight for by, weight in steps if by <= end), Decimal(0))
            shares[end] = float(done / sum(weight for _, weight in steps))
    if steps:
        shares[result.period.last] = 1.0
    yield from sorted(shares.items())


def _row(result: KeyResult) -> dict[str, Any]:
    """A version of a key result as the flat row that the SQL reads."""
    spec, over, beside = result.spec, result.spec.over, result.spec.alongside
    lower, upper = spec.between or (None, None)
    return {
        "key_result": result.id,
        "objective": result.objective,
        "metric": result.metric.id,
        "unit": str(spec.every) if spec.every else "percent" if spec.milestones else result.metric.unit_name,
        "type": spec.type,
        "kind": spec.kind,
        "pace": spec.pace.kind,
        "configuration": result.configuration,
        "baseline_id": result.baseline.id if result.baseline else None,
        "baseline": float(spec.start.value) if spec.start else None,
        "target": float(spec.bound.value) if spec.bound else None,
        "lower_bound": float(lower.value) if lower else None,
        "upper_bound": float(upper.value) if upper else None,
        "weight": float(spec.weight),
        "period_first": result.period.first,
        "period_last": result.period.last,
        "applies_from": result.applies_from,
        "applies_to": result.applies_to,
        "due": spec.due or result.period.last,
        "during_first": spec.during.first if spec.during else None,
        "during_last": spec.during.last if spec.during else None,
        "baseline_first": result.baseline.period.first if result.baseline else None,
        "baseline_last": result.baseline.period.last if result.baseline else None,
        "rhythm_first": result.period.first - RHYTHM if spec.pace.kind == "weekly rhythm" else None,
        "rhythm_last": result.period.first - timedelta(days=1) if spec.pace.kind == "weekly rhythm" else None,
        "window_kind": "every" if spec.every else "during" if spec.during else over.kind if over else "to_date",
        "window_unit": spec.every.unit if spec.every else over.unit if over else "period",
        "window_days": over.days if over else None,
        "every_count": spec.every.count if spec.every else None,
        "alongside_kind": beside.kind if beside else None,
        "alongside_unit": beside.unit if beside else None,
        "alongside_days": beside.days if beside else None,
        "stale_after": result.metric.stale_after,
        "lag": spec.lag,
        "is_manual": result.metric.is_manual,
    }
