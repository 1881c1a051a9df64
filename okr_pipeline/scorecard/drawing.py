"""Marks → a drawing for each chart, by Vega-Lite. Colours are the page's CSS variables.

All charts of one size are drawn at once, on top of each other, and taken apart by the number that each mark carries: starting
takes Vega-Lite longer than drawing. What a label says is written in afterwards, in every language, as Vega-Lite would measure it
first, and that takes a millisecond for a word of Thai.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import vl_convert
from markupsafe import Markup, escape

Mark = dict[str, Any]
_DASHES = {"pace": [3, 3]}


def point(kind: str, x: float, y: float, line: str | None = None) -> Mark:
    """A point, or one of those, in order, that a line of that name joins. Places run from 0 to 1, to the right and up."""
    return {"kind": kind, "x": x, "y": y} | ({"line": line} if line else {})


def rule(x: float, y: float, x2: float, y2: float, kind: str) -> Mark:
    """A straight line in the colour of that name."""
    ends = {"x": x, "y": y, "x2": x2, "y2": y2}
    return {"kind": "rule", **ends, "stroke": f"var(--{kind})", "dash": _DASHES.get(kind, [])}


def text(said: Mapping[str, str], x: float, y: float, *, dy: int, align: str = "left") -> Mark:
    """A label by language; `dy` pixels below its place."""
    return {"kind": "text", "said": said, "x": x, "y": y, "dy": dy, "align": align}


_PLACED = {
    axis: {"field": axis, "type": "quantitative", "axis": None, "scale": {"domain": [0, 1]}} for axis in ("x", "y")
}
_OWN = {"description": {"field": "chart"}}  # becomes the mark's `aria-label`
_RUNS = {"detail": {"field": "line"}}
_ROUND = {"strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round"}
_LAYERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rule": (
        {"type": "rule", "strokeDash": {"expr": "datum.dash"}},
        {"x2": {"field": "x2"}, "y2": {"field": "y2"}, "stroke": {"field": "stroke", "scale": None, "type": "nominal"}},
    ),
    "pace": ({"type": "line", "stroke": "var(--pace)", "strokeWidth": 1, "strokeDash": _DASHES["pace"]}, _RUNS),
    "value": ({"type": "line", "stroke": "var(--line)"} | _ROUND, _RUNS),
    "held": ({"type": "line", "stroke": "var(--line)", "strokeDash": [0.5, 4]} | _ROUND, _RUNS),
    "restated": ({"type": "point", "size": 14, "stroke": "var(--line)", "strokeWidth": 1, "opacity": 1}, {}),
    "said": ({"type": "point", "shape": "diamond", "size": 44, "stroke": "var(--line)", "strokeWidth": 1.5, "opacity": 1}, {}),
    "now": ({"type": "point", "size": 52, "fill": "var(--status)", "stroke": "var(--status)", "opacity": 1}, {}),
    "text": (
        {"type": "text", "fill": "var(--soft)", "fontSize": 11, "align": {"expr": "datum.align"}, "dy": {"expr": "datum.dy"}},
        {"text": {"field": "said", "type": "nominal"}},
    ),
}  # fmt: skip
_SVG = "{http://www.w3.org/2000/svg}"


def draw(charts: Sequence[Sequence[Mark]], width: int, height: int, *, top: int = 0, bottom: int = 0) -> list[Markup]:
    """An SVG for each chart, `width` × `height` pixels with room above and below; a group for each kind of mark in it."""
    if not any(charts):
        return [Markup("<svg></svg>") for _ in charts]
    labels: list[Mapping[str, str]] = []
    layers = [_layer(kind, marks, labels) for kind, marks in _by_kind(charts).items()]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": height,
        "autosize": "none",
        "background": None,
        "config": {"view": {"stroke": None}},
        "layer": layers,
    }
    root = ET.fromstring(vl_convert.vegalite_to_svg(spec))  # noqa: S314 - our own drawing
    drawn: list[dict[str, list[str]]] = [{} for _ in charts]
    for kind, mark in _marks(root):
        groups = drawn[int(mark.get("aria-label", ""))]
        if kind == "text":
            for language, said in labels[int(mark.text or "")].items():
                groups.setdefault(language, []).append(_lean(mark, said))
        else:
            groups.setdefault(kind, []).append(_lean(mark))
    box = f'viewBox="-5 {-top} {width + 13} {height + top + bottom}"'
    return [Markup(f'<svg aria-hidden="true" {box}>{_grouped(groups)}</svg>') for groups in drawn]  # noqa: S704 - escaped below


def _by_kind(charts: Sequence[Sequence[Mark]]) -> dict[str, list[tuple[int, Mark]]]:
    """The marks with the number of their chart, in the order in which kinds are drawn."""
    kinds: dict[str, list[tuple[int, Mark]]] = {kind: [] for kind in _LAYERS}
    for number, marks in enumerate(charts):
        for mark in marks:
            kinds[mark["kind"]].append((number, mark))
    return {kind: marks for kind, marks in kinds.items() if marks}


def _layer(kind: str, marks: Sequence[tuple[int, Mark]], labels: list[Mapping[str, str]]) -> dict[str, Any]:
    """All marks of a kind. A label gives way to its number, under which `labels` keeps it."""
    values = []
    for number, mark in marks:
        shown = mark | {"chart": f"{number}"}
        if kind == "text":
            shown["said"] = f"{len(labels)}"
            labels.append(mark["said"])
        elif "line" in mark:
            shown["line"] = f"{number} {mark['line']}"
        values.append(shown)
    style, encoding = _LAYERS[kind]
    data = {"values": [*_bends(values)]}
    return {"name": kind, "data": data, "mark": style, "encoding": _PLACED | _OWN | encoding}


def _bends(marks: Sequence[Mark]) -> Iterator[Mark]:
    """Without the points that a line passes anyway."""
    for before, mark, after in zip([{}, *marks], marks, [*marks[1:], {}], strict=False):
        if "line" in mark and before.get("line") == mark["line"] == after.get("line"):
            along = (mark["x"] - before["x"]) / (after["x"] - before["x"])
            if abs(before["y"] + along * (after["y"] - before["y"]) - mark["y"]) < _SEEN:
                continue
        yield mark


_SEEN = 2e-6  # of a chart's height: less is what rounding leaves


def _marks(root: ET.Element) -> Iterator[tuple[str, ET.Element]]:
    """Each mark with its kind, in the order of the layers."""
    for group in root.iter(f"{_SVG}g"):
        name = group.get("class", "").rpartition(" ")[2]
        if name.endswith("_marks"):
            for mark in group:
                yield name.removesuffix("_marks"), mark


def _grouped(groups: Mapping[str, Sequence[str]]) -> str:
    return "".join(f'<g class="{name}">{"".join(marks)}</g>' for name, marks in groups.items())


_KEPT = {
    "d": "",
    "transform": "translate(0,0)",
    "x2": "",
    "y2": "0",
    "stroke": "",
    "stroke-dasharray": "",
    "text-anchor": "start",
}


def _lean(mark: ET.Element, said: str = "") -> str:
    """What is seen of a mark; its own style and its names for readers would only weigh."""
    kept = {name: value for name, value in mark.attrib.items() if name in _KEPT and value != _KEPT[name]}
    attributes = "".join(f' {name}="{escape(_short(value))}"' for name, value in kept.items())
    tag = mark.tag.removeprefix(_SVG)
    return f"<{tag}{attributes}>{escape(said)}</{tag}>" if said else f"<{tag}{attributes}/>"


def _short(value: str) -> str:
    """A tenth of a pixel is as much as is seen."""
    return _LONG.sub(lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), value)


_LONG = re.compile(r"\d+\.\d\d+")
