"""The window's days inside the text of a request: `{first}`, `{last}` and `{after}` (the day after the last)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from string import Formatter
from zoneinfo import ZoneInfo

from okr_pipeline.connectors.contract import Window
from okr_pipeline.connectors.settings import is_reference

INSTANTS = ("seconds", "milliseconds", "iso", "utc")
EXAMPLES = "write for example {first}, {last:%d/%m/%Y} or {after:milliseconds}, and double a brace that is meant as one"


def check(text: str) -> str:
    """The text itself; ValueError when something between its braces is not known."""
    if is_reference(text):
        return text
    try:
        names = [
            (name, form or "", conversion) for _, name, form, conversion in Formatter().parse(text) if name is not None
        ]
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; {EXAMPLES}") from None
    for name, form, conversion in names:
        if name not in {"first", "last", "after"} or conversion:
            raise ValueError(f"{{{name}}} is not a day of the window; {EXAMPLES}")
        if form and form not in INSTANTS and "%" not in form:
            raise ValueError(f"{{{name}:{form}}} is not a way to write a day; {EXAMPLES}")
    return text


def fill(text: str, window: Window, timezone: str) -> str:
    """The text with the days of a window: as YYYY-MM-DD, by a strftime format, or as the instant of its midnight."""
    days = {"first": window.first, "last": window.last, "after": window.last + timedelta(days=1)}
    return "".join(
        literal + ("" if name is None else _written(days[name], form or "", timezone))
        for literal, name, form, _ in Formatter().parse(text)
    )


def _written(day: date, form: str, timezone: str) -> str:
    midnight = datetime.combine(day, time(), ZoneInfo(timezone))
    if form == "seconds":
        return str(int(midnight.timestamp()))
    if form == "milliseconds":
        return str(int(midnight.timestamp()) * 1000)
    if form == "iso":
        return midnight.isoformat()
    if form == "utc":
        return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return day.strftime(form) if form else day.isoformat()
