"""The page's charts as pictures that stand alone, with their colours and their style written in."""

from __future__ import annotations

import base64
import re
from functools import cache
from importlib.resources import files

from okr_pipeline.scorecard.charts import Chart

_STATUS = {"on_track": "good", "achieved": "good", "at_risk": "warn", "off_track": "bad", "missed": "bad"}
_STYLE = (
    "text{font:11px system-ui,'Noto Sans Thai',sans-serif;fill:var(--soft)}path,line{fill:none;stroke-width:1}"
    ".value path,.held path{stroke-width:2}.now path{fill:var(--status)}"
)


def picture(chart: Chart, status: str = "") -> str:
    """A chart as the address of an image that holds it whole; the last point has the colour of a status."""
    colours = _colours()
    colours |= {"status": colours[_STATUS.get(status, "line")]}
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="470" style="background:var(--paper)"><style>{_STYLE}</style>'
    )
    alone = re.sub(r"<svg( [^>]*)>", lambda found: head.replace("<svg", f"<svg{found[1]}", 1), chart.svg, count=1)
    drawn = re.sub(r"var\(--(\w+)\)", lambda found: colours[found[1]], alone)
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode()


@cache
def _light() -> tuple[tuple[str, str], ...]:
    style = files("okr_pipeline").joinpath("scorecard/scorecard.css").read_text(encoding="utf-8")
    return tuple(re.findall(r"--(\w+): light-dark\((#[0-9a-f]{6}),", style))


def _colours() -> dict[str, str]:
    """The page's light colours, by name."""
    return dict(_light())
