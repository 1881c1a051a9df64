"""What was agreed, from the configuration into the temp tables that the scoring statements read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.config.periods import WEEKDAY, unit_first
from okr_pipeline.config.words import Amount
from okr_pipeline.scoring.formulas import hand_down_formulas, numbered
from okr_pipeline.warehouse.engine import statement, temporary

_MARGIN = timedelta(days=100)  # an interval may begin before its period, and a running count needs the day before that

RHYTHM = timedelta(weeks=8)  # of history before a period tell how much of a week each weekday is


def _unit(version: KeyResult) -> str:
    spec = version.spec
    return str(spec.every) if spec.every else "percent" if spec.milestones else version.metric.unit_name


# What the SQL reads of a version of a key result: column, type, and where the configuration says it.
_KEY_RESULTS: tuple[tuple[str, pa.DataType, Callable[[KeyResult], Any]], ...] = (
    ("key_result", pa.string(), lambda v: v.id),
    ("objective", pa.string(), lambda v: v.objective),
    ("metric", pa.string(), lambda v: v.metric.id),
    ("unit", pa.string(), _unit),
    ("type", pa.string(), lambda v: v.spec.type),
    ("kind", pa.string(), lambda v: v.spec.kind),
    ("pace", pa.string(), lambda v: v.spec.pace.kind),
    ("configuration", pa.string(), lambda v: v.configuration),
    ("baseline_id", pa.string(), lambda v: v.baseline and v.baseline.id),
    ("baseline", pa.float64(), lambda v: _number(v.spec.start)),
    ("target", pa.float64(), lambda v: _number(v.spec.bound)),
    ("lower_bound", pa.float64(), lambda v: v.spec.between and _number(v.spec.between[0])),
    ("upper_bound", pa.float64(), lambda v: v.spec.between and _number(v.spec.between[1])),
    ("weight", pa.float64(), lambda v: float(v.spec.weight)),
    ("period_first", pa.date32(), lambda v: v.period.first),
    ("period_last", pa.date32(), lambda v: v.period.last),
    ("applies_from", pa.date32(), lambda v: v.applies_from),
    ("applies_to", pa.date32(), lambda v: v.applies_to),
    ("due", pa.date32(), lambda v: v.spec.due or v.period.last),
    ("during_first", pa.date32(), lambda v: v.spec.during and v.spec.during.first),
    ("during_last", pa.date32(), lambda v: v.spec.during and v.spec.during.last),
    ("baseline_first", pa.date32(), lambda v: v.baseline and v.baseline.period.first),
    ("baseline_last", pa.date32(), lambda v: v.baseline and v.baseline.period.last),
    ("rhythm_first", pa.date32(), lambda v: v.period.first - RHYTHM if _is_rhythmic(v) else None),
    ("rhythm_last", pa.date32(), lambda v: v.period.first - timedelta(days=1) if _is_rhythmic(v) else None),
    ("window_kind", pa.string(), lambda v: _window(v)[0]),
    ("window_unit", pa.string(), lambda v: _window(v)[1]),
    ("window_days", pa.int64(), lambda v: v.spec.over and v.spec.over.days),
    ("every_count", pa.int64(), lambda v: v.spec.every and v.spec.every.count),
    ("alongside_kind", pa.string(), lambda v: v.spec.alongside and v.spec.alongside.kind),
    ("alongside_unit", pa.string(), lambda v: v.spec.alongside and v.spec.alongside.unit),
    ("alongside_days", pa.int64(), lambda v: v.spec.alongside and v.spec.alongside.days),
    ("stale_after", pa.int64(), lambda v: v.metric.stale_after),
    ("lag", pa.int64(), lambda v: v.spec.lag),
    ("is_manual", pa.bool_(), lambda v: v.metric.is_manual),
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
    rhythm = [result.period.first - RHYTHM] if _is_rhythmic(result) else []
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
    paces = numbered(agreed)
    numbered_by = {
        "version": range(len(versions)),  # what a key result says between two changes
        "pace_number": [paces[pace] for pace in agreed],
        "metric_number": [formulas.metrics[version.metric.id] for version in versions],
        "sources": [formulas.sources[version.metric.id] for version in versions],  # what its metric rests on
    }
    said = {name: pa.array([say(version) for version in versions], kind) for name, kind, say in _KEY_RESULTS}
    numbers = {name: pa.array(found, pa.int32()) for name, found in numbered_by.items()}
    temporary(connection, "key_results", pa.table(numbers | said))
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
    rhythm_of = result.metric.id if _is_rhythmic(result) else None
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


def _number(amount: Amount | None) -> float | None:
    return float(amount.value) if amount else None


def _is_rhythmic(version: KeyResult) -> bool:
    return version.spec.pace.kind == "weekly rhythm"


def _window(version: KeyResult) -> tuple[str, str]:
    """Its kind and its unit."""
    spec = version.spec
    if spec.every:
        return "every", spec.every.unit
    if spec.over and not spec.during:
        return spec.over.kind, spec.over.unit
    return "during" if spec.during else "to_date", spec.over.unit if spec.over else "period"
