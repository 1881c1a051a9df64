"""The page's charts: Vega-Lite, drawn once to SVG. Colours are the page's CSS variables, labels stand in both languages.

Days are numbered as `date.toordinal()` does; a value as of a day stands at that day's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import vl_convert
from markupsafe import Markup

from okr_pipeline.config import KeyResult
from okr_pipeline.config.periods import Period
from okr_pipeline.scorecard.words import Words

Day = dict[str, Any]  # a row of sql/series.sql
_WIDTH, _HEIGHT = 300, 84
_X, _Y = {"field": "x", "type": "quantitative", "axis": None}, {"field": "y", "type": "quantitative", "axis": None}
_BESIDE = {  # where a label stands to its line
    "baseline": {"expr": "datum.below ? 'top' : 'bottom'"},
    "dy": {"expr": "datum.below ? 4 : -3"},
}


def warm_up() -> None:
    """Has the first chart drawn, which starts the drawing engine: half a second that can be spent while reading."""
    _draw([_lines([], None)], (0, 1), (0, 1), 1, 1)


def value_chart(result: KeyResult, row: dict[str, Any], days: Sequence[Day], languages: Sequence[Words]) -> Markup:
    """The value over the period, the pace that was expected, and the lines to reach and to start from."""
    first, last = _ends(result.period)
    days = _within(result.period, days)
    start = row["baseline"] if result.spec.baseline else None
    goals = [row[name] for name in ("target", "lower_bound", "upper_bound") if row[name] is not None]
    pace = _pace(result, row, days)
    heights = [day["y"] for day in days] + [point["y"] for point in pace] + goals
    low, high = min(heights), max(heights)
    margin = (high - low or abs(high) or 1) * 0.08
    labels = [_label("label_goal", goal, first, "left", result, languages) for goal in goals]
    if start is not None:
        crowded = bool(goals) and 0 < goals[0] - start < (high - low) / 5
        labels.append(_label("label_start", start, last, "right", result, languages, below=crowded))
    layers = [
        _lines([_point(x, height) for height in goals for x in (first, last)], "y", stroke="var(--goal)"),
        _lines([_point(x, start) for x in (first, last)] if start is not None else [], "y", stroke="var(--rule)"),
        _lines(pace, None, stroke="var(--pace)", strokeDash=[3, 3]),
        *_values(days, row["status"]),
        *_months(result.period, languages),
        *(_text(f"{w.language}_labels", [label[w.language] for label in labels], **_BESIDE) for w in languages),
    ]
    return _draw(layers, (first, last), (low - margin, high + margin), _WIDTH, _HEIGHT)


def trend_chart(period: Period, row: dict[str, Any], days: Sequence[Day]) -> Markup:
    """An objective's score over the period so far, above what was expected."""
    days = _within(period, days)
    expected = [_point(day["x"], day["expected"]) for day in days]
    layers = [_lines(expected, None, stroke="var(--pace)", strokeDash=[3, 3]), *_values(days, row["status"])]
    return _draw(layers, _ends(period), (-0.04, 1.04), 132, 34, bottom=4, top=4)


def _ends(period: Period) -> tuple[int, int]:
    return period.first.toordinal() - 1, period.last.toordinal()


def _within(period: Period, days: Sequence[Day]) -> list[Day]:
    """Without the days that were scored when the period was another one."""
    first, last = _ends(period)
    return [day for day in days if first < day["x"] <= last]


def _point(x: float, y: float) -> dict[str, float]:
    return {"x": x, "y": y}


def _pace(result: KeyResult, row: dict[str, Any], days: Sequence[Day]) -> list[dict[str, float]]:
    """From baseline to target by the due day, or so far as the scores expected it; a guardrail is expected all the time."""
    start, goal, pace = row["baseline"], row["target"], result.spec.pace
    if start is None or goal is None or pace.kind == "constant":
        return []
    if pace.kind != "linear" or result.spec.lag or result.earlier:
        return [_point(day["x"], start + (goal - start) * day["expected"]) for day in days]
    first, last = _ends(result.period)
    due = (result.spec.due or result.period.last).toordinal()
    return [_point(first, start), _point(due, goal), *([_point(last, goal)] if due < last else [])]


def _values(days: Sequence[Day], status: str) -> Iterator[dict[str, Any]]:
    yield _lines([day for day in days if not day["held"]], "run", stroke="var(--line)", strokeWidth=2)
    yield _lines([day for day in days if day["held"]], "run", stroke="var(--line)", strokeWidth=2, strokeDash=[0.5, 4])
    newest = days[-1:]
    fill = "var(--paper)" if newest and newest[0]["held"] else f"var(--{status})"
    mark = {"type": "point", "size": 52, "filled": True, "opacity": 1, "fill": fill, "stroke": f"var(--{status})"}
    yield {"data": {"values": newest}, "mark": mark | {"strokeWidth": 2}}


def _lines(points: Sequence[dict[str, Any]], apart: str | None, **style: object) -> dict[str, Any]:
    mark = {"type": "line", "strokeWidth": 1, "strokeCap": "round", "strokeJoin": "round"} | style
    encoding = {"detail": {"field": apart, "type": "nominal"}} if apart else {}
    return {"data": {"values": points}, "mark": mark, "encoding": encoding}


def _months(period: Period, languages: Sequence[Words]) -> Iterator[dict[str, Any]]:
    """The line below, with the months named where they begin; a short period has its two ends named."""
    first, last = _ends(period)
    days = (period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1))
    begins = [day for day in days if day.day == 1]
    named = begins[:: 1 + (len(begins) - 1) // 6] if len(begins) > 1 else [period.first, period.last]
    foot = {"y": {"value": _HEIGHT}}
    yield _lines([_point(first, 0), _point(last, 0)], None, stroke="var(--rule)") | {"encoding": foot}
    for words in languages:
        texts = [
            {
                "x": day.toordinal() - 1,
                "text": words.month(day) if len(begins) > 1 else words.day(day),
                "align": "right" if day == period.last else "left",
            }
            for day in named
        ]
        layer = _text(f"{words.language}_months", texts, baseline="top")
        yield layer | {"encoding": {"text": {"field": "text"}, "y": {"value": _HEIGHT + 5}}}


def _label(
    phrase: str,
    value: float,
    x: int,
    align: str,
    result: KeyResult,
    languages: Sequence[Words],
    *,
    below: bool = False,
) -> dict[str, dict[str, Any]]:
    where = {"x": x, "y": value, "align": align, "below": below}
    return {w.language: where | {"text": w(phrase, value=w.number(value, result.metric.unit))} for w in languages}


def _text(name: str, texts: list[dict[str, Any]], **style: object) -> dict[str, Any]:
    """Text marks of one language: the page's style shows those of the language that is chosen."""
    mark = {"type": "text", "fill": "var(--soft)", "fontSize": 11, "align": {"expr": "datum.align"}} | style
    return {"name": name, "data": {"values": texts}, "mark": mark, "encoding": {"text": {"field": "text"}}}


def _draw(
    layers: list[dict[str, Any]],
    days: tuple[int, int],
    heights: tuple[float, float],
    width: int,
    height: int,
    *,
    top: int = 14,
    bottom: int = 20,
) -> Markup:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": height,
        "background": None,
        "autosize": "none",
        "padding": {"left": 5, "right": 8, "top": top, "bottom": bottom},
        "config": {"view": {"stroke": None}},
        "encoding": {
            "x": _X | {"scale": {"domain": days, "nice": False, "zero": False}},
            "y": _Y | {"scale": {"domain": heights, "nice": False, "zero": False}},
        },
        "layer": layers,
    }
    svg: str = vl_convert.vegalite_to_svg(spec)
    # The figure around it says in words what it shows; names of parts and namespaces would only weigh.
    svg = re.sub(r' (?:xmlns(?::xlink)?|version|role|aria-\w+|font-family)="[^"]*"', "", svg)
    return Markup(svg.replace("<svg", '<svg aria-hidden="true"', 1))  # noqa: S704 - numbers and our own words only
