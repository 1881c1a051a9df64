"""The page's charts: what is drawn where.

A chart's both axes run from 0 to 1: the page finds a day's place by the same `Frame`. Days are numbered as
`date.toordinal()` does; a value as of a day stands at that day's end. Labels stand in both languages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from okr_pipeline.config import KeyResult
from okr_pipeline.config.periods import Period
from okr_pipeline.config.words import Text
from okr_pipeline.scorecard.drawing import Mark, draw, point, rule, text
from okr_pipeline.scorecard.words import Words

Day = dict[str, Any]  # a row of sql/series.sql
WIDTH, HEIGHT = 300, 84  # of a value chart, in its own units
TREND_WIDTH, TREND_HEIGHT = 132, 34


@dataclass(frozen=True)
class Frame:
    """What a chart's axes span: days (by their number) and heights."""

    first: int
    last: int
    low: float
    high: float

    def x(self, day: float) -> float:
        """The share of the way to the right; to the minute on a year."""
        return round((day - self.first) / (self.last - self.first), 6)

    def y(self, value: float) -> float:
        """The share of the way up."""
        return round((value - self.low) / (self.high - self.low), 6)


@dataclass(frozen=True)
class Chart:
    """A drawing, and the frame by which the page moves the point on it."""

    svg: Markup
    frame: Frame


def value_charts(
    charted: Sequence[tuple[KeyResult, dict[str, Any], Sequence[Day]]], languages: Sequence[Words]
) -> list[Chart]:
    """Each value over its period, with the pace that was expected, and the lines to reach and to start from."""
    framed = [(_frame(result, row, days), result, row, days) for result, row, days in charted]
    marks = [list(_value_marks(*one, languages)) for one in framed]
    drawn = draw(marks, WIDTH, HEIGHT, top=14, bottom=20)
    return [Chart(svg, frame) for svg, (frame, *_) in zip(drawn, framed, strict=True)]


def trend_charts(charted: Sequence[tuple[Period, Sequence[Day]]]) -> list[Chart]:
    """Each objective's score over the period so far, above what was expected."""
    framed = [(Frame(*_ends(period), -0.04, 1.04), _within(period, days)) for period, days in charted]
    marks = []
    for frame, days in framed:
        line = [_point("pace", frame, day["x"], day["expected"], "pace") for day in days if day["expected"] is not None]
        marks.append([*line, *_line(frame, days)])
    drawn = draw(marks, TREND_WIDTH, TREND_HEIGHT, top=4, bottom=4)
    return [Chart(svg, frame) for svg, (frame, _) in zip(drawn, framed, strict=True)]


def day_charts(charted: Sequence[tuple[str | Text, Period, Sequence[tuple[date, float]]]], w: Words) -> list[Chart]:
    """Numbers of single days, with the least and the greatest named; days that follow on each other are joined."""
    marks, frames = [], []
    for unit, period, days in charted:
        heights = [value for _, value in days]
        low, high = min(heights, default=0.0), max(heights, default=1.0)
        margin = (high - low or abs(high) or 1) * 0.08
        frame = Frame(*_ends(period), low - margin, high + margin)
        drawn: list[Mark] = []
        for height in sorted({low, high} if days else set()):
            drawn.append(rule(0, frame.y(height), 1, frame.y(height), "rule"))
            drawn.append(text({w.language: w.number(height, unit)}, 0, frame.y(height), dy=-4))
        for number, (day, value) in enumerate(days):
            run = day.toordinal() - number
            drawn.append(_point("value", frame, day.toordinal(), value, f"{run}"))
        if days:
            drawn.append(_point("now", frame, days[-1][0].toordinal(), days[-1][1]))
        marks.append([*drawn, *_months(frame, period, [w])])
        frames.append(frame)
    drawings = draw(marks, WIDTH, HEIGHT, top=14, bottom=20)
    return [Chart(svg, frame) for svg, frame in zip(drawings, frames, strict=True)]


def _ends(period: Period) -> tuple[int, int]:
    return period.first.toordinal() - 1, period.last.toordinal()


def _within(period: Period, days: Sequence[Day]) -> list[Day]:
    """Without the days that were scored when the period was another one."""
    first, last = _ends(period)
    return [day for day in days if first < day["x"] <= last]


def _goals(row: dict[str, Any]) -> list[float]:
    return [row[name] for name in ("target", "lower_bound", "upper_bound") if row[name] is not None]


def _frame(result: KeyResult, row: dict[str, Any], days: Sequence[Day]) -> Frame:
    """Spans all that is drawn, with a margin."""
    heights = [
        day[name] for day in _within(result.period, days) for name in ("y", "first_known") if day[name] is not None
    ]
    heights += [*_goals(row), *([row["baseline"]] if row["baseline"] is not None else [])]
    low, high = min(heights, default=0.0), max(heights, default=1.0)
    margin = (high - low or abs(high) or 1) * 0.08
    return Frame(*_ends(result.period), low - margin, high + margin)


def _value_marks(
    frame: Frame, result: KeyResult, row: dict[str, Any], days: Sequence[Day], languages: Sequence[Words]
) -> Iterator[Mark]:
    start = row["baseline"] if result.spec.baseline else None
    goals = _goals(row)
    yield from (rule(0, frame.y(goal), 1, frame.y(goal), "goal") for goal in goals)
    if start is not None:
        yield rule(0, frame.y(start), 1, frame.y(start), "rule")
    yield from _pace(frame, result, row, days)
    yield from _line(frame, _within(result.period, days))
    near = (frame.high - frame.low) / 5  # what lies nearer has its label on the other side of its line
    crowded = start is not None and bool(goals) and 0 < goals[0] - start < near
    narrow = len(goals) == 2 and goals[1] - goals[0] < near
    falls = bool(goals) and row["baseline"] is not None and goals[0] < row["baseline"]
    # The goal is named where neither the values nor the pace are: on the right until the values have come so far.
    goal_at, goal_align = (1, "right") if not days or frame.x(days[-1]["x"]) < 0.65 else (0, "left")
    said: dict[str, str]
    for goal in goals:
        said = {w.language: w("label_goal", value=w.agreed(goal, result.unit)) for w in languages}
        below = falls or (narrow and goal == goals[0])
        yield text(said, goal_at, frame.y(goal), dy=9 if below else -8, align=goal_align)
    if start is not None:
        number = Words.agreed if result.spec.start else Words.number  # a measured one was not written by anybody
        said = {w.language: w("label_start", value=number(w, start, result.unit)) for w in languages}
        yield text(said, 1, frame.y(start), dy=9 if crowded else -8, align="right")
    yield from _months(frame, result.period, languages)
    yield rule(0, 0, 1, 0, "rule")


def _pace(frame: Frame, result: KeyResult, row: dict[str, Any], days: Sequence[Day]) -> Iterator[Mark]:
    """From baseline to target by the due day, or so far as the scores expected it; a guardrail is expected all the time."""
    start, goal, pace = row["baseline"], row["target"], result.spec.pace
    if start is None or goal is None or pace.kind == "constant":
        return
    stepwise = any(step.due for step in result.spec.milestones or ())
    if pace.kind != "linear" or result.spec.lag or result.earlier or stepwise:
        for day in (each for each in _within(result.period, days) if each["expected"] is not None):
            yield _point("pace", frame, day["x"], start + (goal - start) * day["expected"], "pace")
        return
    due = (result.spec.due or result.period.last).toordinal()
    yield rule(0, frame.y(start), frame.x(due), frame.y(goal), "pace")


def _line(frame: Frame, days: Sequence[Day]) -> Iterator[Mark]:
    """The values, those that were held apart; what people said; what was restated as first known; and the point that moves."""
    for day in days:
        yield _point("held" if day["held"] else "value", frame, day["x"], day["y"], f"{day['run']}")
        if day["said"]:
            yield _point("said", frame, day["x"], day["y"])
        restated = day["first_known"]
        if restated is not None and abs(frame.y(restated) - frame.y(day["y"])) > 0.01:
            yield _point("restated", frame, day["x"], restated)
    if days:
        yield _point("now", frame, days[-1]["x"], days[-1]["y"])


def _months(frame: Frame, period: Period, languages: Sequence[Words]) -> Iterator[Mark]:
    """Months are named below where they begin; a short period has its two ends named."""
    days = (period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1))
    begins = [day for day in days if day.day == 1]
    named = begins[:: 1 + (len(begins) - 1) // 6] if len(begins) > 1 else [period.first, period.last]
    for day in named:
        said: dict[str, str] = {w.language: w.month(day) if len(begins) > 1 else w.day(day) for w in languages}
        align = "right" if day == period.last else "left"
        yield text(said, frame.x(day.toordinal() - 1), 0, dy=14, align=align)


def _point(kind: str, frame: Frame, day: float, value: float, line: str | None = None) -> Mark:
    return point(kind, frame.x(day), frame.y(value), line)
