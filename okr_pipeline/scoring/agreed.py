"""What was agreed, from the configuration into the temp tables that the scoring statements read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.config.models import KeyResultYaml
from okr_pipeline.config.periods import WEEKDAY, unit_first
from okr_pipeline.config.words import Amount, Every, Over
from okr_pipeline.scoring.formulas import Formulas, Numbered
from okr_pipeline.warehouse.engine import statement, temporary

_MARGIN = timedelta(days=100)  # an interval may begin before its period, and a running count needs the day before that

_Reach = tuple[date, Over | None, Over | None, Every | None, date | None]
RHYTHM = timedelta(weeks=8)  # of history before a period tell how much of a week each weekday is


_DAY = timedelta(days=1)
_PASSES_AT = {"committed": Decimal("1.0"), "aspirational": Decimal("0.7")}  # a stretch goal is achieved by most of it

# What the SQL reads of a version of a key result.
_KEY_RESULTS = pa.schema(
    [
        ("version", pa.int32()),  # what a key result says between two changes
        ("pace_number", pa.int32()),
        ("metric_number", pa.int32()),
        ("sources", pa.int32()),  # what its metric rests on
        ("key_result", pa.string()),
        ("objective", pa.string()),
        ("metric", pa.string()),
        ("unit", pa.string()),
        ("passes_at", pa.decimal128(2, 1)),
        ("kind", pa.string()),
        ("pace", pa.string()),
        ("configuration", pa.string()),
        ("baseline_id", pa.string()),
        ("baseline", pa.float64()),
        ("target", pa.float64()),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("weight", pa.float64()),
        ("period_first", pa.date32()),
        ("period_last", pa.date32()),
        ("applies_from", pa.date32()),
        ("applies_to", pa.date32()),
        ("due", pa.date32()),
        ("during_first", pa.date32()),
        ("during_last", pa.date32()),
        ("baseline_first", pa.date32()),
        ("baseline_last", pa.date32()),
        ("rhythm_first", pa.date32()),
        ("rhythm_last", pa.date32()),
        ("window_kind", pa.string()),
        ("window_unit", pa.string()),
        ("window_days", pa.int64()),
        ("every_count", pa.int64()),
        ("alongside_kind", pa.string()),
        ("alongside_unit", pa.string()),
        ("alongside_days", pa.int64()),
        ("stale_after", pa.int64()),
        ("lag", pa.int64()),
        ("manual", pa.bool_()),
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
    return _earliest({_reach(version) for version in config.versions}, config)


def _earliest(reaches: set[_Reach], config: Config) -> date:
    return min(_reaches_back_to(*reach, config.organisation.week_starts) for reach in reaches)


def _reach(version: KeyResult) -> _Reach:
    """What decides how far its windows reach back: many key results share it."""
    spec, first = version.spec, version.period.first
    measured_first = version.baseline.period.first if version.baseline else first
    return measured_first, spec.over, spec.alongside, spec.every, first - RHYTHM if _is_rhythmic(version) else None


def _reaches_back_to(
    first: date, over: Over | None, alongside: Over | None, every: Every | None, rhythm: date | None, week_starts: str
) -> date:
    windows = [window for window in (over, alongside) if window]
    units = [window.unit for window in windows if window.kind != "trailing"] + ([every.unit] if every else [])
    starts = [unit_first(first, unit, week_starts) for unit in units]
    trailing = max((window.days for window in windows), default=0)
    return min([first - timedelta(days=max(trailing - 1, 0)), *starts, *([rhythm] if rhythm else [])])


class Agreed(NamedTuple):
    """What the statements are filled in with: the first day that a window can reach back to, and the different formulas over
    parts (`values.sql`), of which many metrics may share one."""

    earliest: date
    shapes: list[dict[str, Any]]


def hand_down(connection: duckdb.DuckDBPyConnection, config: Config, through: date) -> Agreed:
    """Makes the temp tables that the statements read: key_results and what hangs on them, what metrics are made of, calendars."""
    formulas = Formulas(connection, config)
    paces: Numbered[_Pace] = Numbered()
    reaches, said = set(), []
    # All that is read of a version is read at once: thousands of them lie far apart in memory.
    for number, version in enumerate(config.versions):
        metric, _, sources = formulas.numbers(version.metric)
        said.append((number, paces[_pace(version)], metric, sources, *_said(version)))
        reaches.add(_reach(version))
    shapes = formulas.hand_down(connection)
    temporary(connection, "key_results", pa.table([*zip(*said, strict=True)], schema=_KEY_RESULTS))
    tree = [
        {"objective": o.id, "parent": o.parent, "weight": o.weight, "depth": o.depth, "period_first": o.period.first}
        for o in config.objectives
    ]
    temporary(connection, "objective_tree", pa.Table.from_pylist(tree, _OBJECTIVE_TREE))
    checkpoints = [
        {"pace_number": number, "day": day, "share": share}
        for pace, number in paces.items()
        for day, share in pace.checkpoints()
    ]
    temporary(connection, "checkpoints", pa.Table.from_pylist(checkpoints, _CHECKPOINTS))
    steps = [
        {"version": number, "position": position, "step": step.step, "weight": step.weight, "due": step.due}
        for number, version in enumerate(config.versions)
        for position, step in enumerate(version.spec.milestones or ())
    ]
    temporary(connection, "milestones", pa.Table.from_pylist(steps, _MILESTONES))
    last = max(through, *(version.period.last for version in config.versions)) + _MARGIN
    weekday = WEEKDAY[config.organisation.week_starts]
    earliest = _earliest(reaches, config)
    calendar = statement("scoring/sql/calendar.sql", first=earliest - _MARGIN, last=last, weekday=weekday)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calendar AS {calendar}")
    connection.execute("CREATE OR REPLACE TEMP TABLE days AS SELECT day FROM calendar")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE intervals AS {statement('scoring/sql/intervals.sql')}")
    return Agreed(earliest, shapes)


def _said(version: KeyResult) -> tuple[Any, ...]:
    """The values of `_KEY_RESULTS` after the four numbers, in its order; in one go, as a night may hand down ten thousand."""
    spec, metric, period, measured = version.spec, version.metric, version.period, version.baseline
    over, every, during, between, alongside = spec.over, spec.every, spec.during, spec.between, spec.alongside
    window_kind, window_unit = _window(spec)
    rhythmic = _is_rhythmic(version)
    return (
        spec.id,
        version.objective,
        metric.id,
        str(every) if every else "percent" if spec.milestones else metric.unit_name,
        _PASSES_AT[spec.type],
        spec.kind,
        _pace_kind(spec),
        version.configuration,
        measured.id if measured else None,
        _number(spec.start),
        _number(spec.bound),
        _number(between[0]) if between else None,
        _number(between[1]) if between else None,
        float(spec.weight),
        period.first,
        period.last,
        version.applies_from,
        version.applies_to,
        spec.due or period.last,
        during.first if during else None,
        during.last if during else None,
        measured.period.first if measured else None,
        measured.period.last if measured else None,
        period.first - RHYTHM if rhythmic else None,
        period.first - _DAY if rhythmic else None,
        window_kind,
        window_unit,
        over.days if over else None,
        every.count if every else None,
        alongside.kind if alongside else None,
        alongside.unit if alongside else None,
        alongside.days if alongside else None,
        metric.stale_after,
        spec.lag,
        metric.is_manual,
    )


class _Pace(NamedTuple):
    """What decides how much of the way is expected when; `rhythm_of` is the metric whose weekly rhythm is followed, `points`
    are shares due by the end of days between the first and the last."""

    kind: str
    due: date
    lag: int
    period_first: date
    rhythm_of: str | None
    points: tuple[tuple[date, float], ...]

    def checkpoints(self) -> list[tuple[date, float]]:
        """(day, share of the way due by its end), in order; between two the way is straight."""
        return sorted({self.period_first - _DAY: 0.0, self.due: 1.0, **dict(self.points)}.items())


def _pace(version: KeyResult) -> _Pace:
    spec, period = version.spec, version.period
    rhythm_of = version.metric.id if _is_rhythmic(version) else None
    points = tuple(_points(version)) if spec.pace.checkpoints or spec.milestones else ()
    return _Pace(_pace_kind(spec), spec.due or period.last, spec.lag, period.first, rhythm_of, points)


def _pace_kind(spec: KeyResultYaml) -> str:
    """Steps that are due on days of their own are checkpoints."""
    return "checkpoints" if any(step.due for step in spec.milestones or ()) else spec.pace.kind


def _points(result: KeyResult) -> Iterator[tuple[date, float]]:
    spec = result.spec
    for point in spec.pace.checkpoints:
        if point.share is not None:
            yield point.day, float(point.share)
        elif point.value and spec.bound:
            start = spec.start.value if spec.start else Decimal(0)
            yield point.day, float((point.value.value - start) / (spec.bound.value - start))
    steps = [(step.due, step.weight) for step in spec.milestones or () if step.due]
    for day, _ in steps:
        for end in (day - _DAY, day):  # what is due on a day is not due the day before, not even in part
            done = sum((weight for by, weight in steps if by <= end), Decimal(0))
            yield end, float(done / sum(weight for _, weight in steps))
    if steps:
        yield result.period.last, 1.0


def _number(amount: Amount | None) -> float | None:
    return float(amount.value) if amount else None


def _is_rhythmic(version: KeyResult) -> bool:
    return version.spec.pace.kind == "weekly rhythm"


def _window(spec: KeyResultYaml) -> tuple[str, str]:
    """Its kind and its unit."""
    if spec.every:
        return "every", spec.every.unit
    if spec.during:
        return "during", "period"
    return (spec.over.kind, spec.over.unit) if spec.over else ("to_date", "period")
