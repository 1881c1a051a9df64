"""The page: read once from a snapshot, then written out in both languages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from markupsafe import Markup

from okr_pipeline import clock
from okr_pipeline.config import Config, KeyResult, Objective
from okr_pipeline.scorecard import charts
from okr_pipeline.scorecard.sources import Source, failed_sources
from okr_pipeline.scorecard.templates import template
from okr_pipeline.scorecard.words import Words
from okr_pipeline.scoring import objectives_as_of, scores_as_of
from okr_pipeline.warehouse.engine import statement

_ALWAYS_COUNTED = ("on_track", "at_risk", "off_track", "no_score")
_NOTHING = (
    "value",
    "score",
    "expected",
    "held_from",
    "last_data_day",
    "first_day",
    "last_day",
    "alongside",
    "intervals",
)
_STATUSES = ("achieved", "on_track", "at_risk", "off_track", "missed", "not_started", "no_score")


@dataclass(frozen=True)
class Interval:
    """One box of a cadence. `state` is kept, missed, open, to_come or unknown; `value` is what was counted in it."""

    first: date
    state: str
    value: float | None


@dataclass(frozen=True)
class Card:
    """A key result and the row of its score."""

    result: KeyResult
    row: dict[str, Any]
    chart: Markup | None
    intervals: Sequence[Interval]


@dataclass(frozen=True)
class Section:
    """An objective, the row of its score, and its key results."""

    objective: Objective
    row: dict[str, Any]
    trend: Markup
    cards: Sequence[Card]


@dataclass(frozen=True)
class Page:
    """All that the page says, before it is said in a language."""

    config: Config
    as_of: date
    known_at: datetime
    sections: Sequence[Section]
    sources: Sequence[Source]
    languages: Sequence[Words]

    @property
    def cards(self) -> list[Card]:
        """Every key result in order."""
        return [card for section in self.sections for card in section.cards]

    @property
    def counts(self) -> dict[str, int]:
        """How many key results have each status; those that always matter are there with 0, too."""
        found = Counter(card.row["status"] for card in self.cards)
        return {name: found[name] for name in _STATUSES if found[name] or name in _ALWAYS_COUNTED}


def read(connection: duckdb.DuckDBPyConnection, config: Config, as_of: date) -> Page:
    """Everything for the page, as of a day, with the charts drawn."""
    Thread(target=charts.warm_up, daemon=True).start()
    languages = (Words("en", as_of), Words("th", as_of))
    scores = {row["key_result"]: row for row in scores_as_of(connection, config, as_of).to_pylist()}
    objectives = {row["objective"]: row for row in objectives_as_of(connection, config, as_of).to_pylist()}
    values = _series(
        connection, as_of, table="key_results", key="key_result", value="value", held="held_from IS NOT NULL"
    )
    trends = _series(connection, as_of, table="objectives", key="objective", value="score", held="FALSE")
    known = connection.execute("SELECT MAX(known_at) FROM ledger.loads").fetchall()[0][0] or clock.now()
    sections = []
    for objective in config.objectives:
        row = objectives.get(objective.id, {"status": "no_score", "score": None, "expected": None, "coverage": 0.0})
        cards = [
            _card(result, scores.get(result.id) or _not_scored(result), values.get(result.id, []), languages)
            for result in objective.key_results
        ]
        trend = charts.trend_chart(objective.period, row, trends.get(objective.id, []))
        sections.append(Section(objective, row, trend, cards))
    zone = ZoneInfo(config.organisation.timezone)
    local = known.replace(tzinfo=UTC).astimezone(zone)
    return Page(config, as_of, local, sections, list(failed_sources(connection, config)), languages)


def render(page: Page) -> str:
    """The page as one file that loads nothing."""
    style = files("okr_pipeline").joinpath("scorecard/scorecard.css").read_text(encoding="utf-8")
    return template("scorecard.html.j2").render(page=page, style=Markup(style))  # noqa: S704 - a file of the package


def _series(connection: duckdb.DuckDBPyConnection, as_of: date, **names: str) -> Mapping[str, list[charts.Day]]:
    rows = connection.execute(statement("scorecard/sql/series.sql", **names), [as_of]).fetchall()
    return dict(rows)


def _card(result: KeyResult, row: dict[str, Any], days: Sequence[charts.Day], languages: Sequence[Words]) -> Card:
    if result.spec.every:
        return Card(result, row, None, list(_intervals(result, row)))
    return Card(result, row, charts.value_chart(result, row, days, languages), ())


def _intervals(result: KeyResult, row: dict[str, Any]) -> Iterator[Interval]:
    """Those that have begun, as they were scored, and as many to come as are planned."""
    begun = json.loads(row["intervals"] or "[]")
    for interval in begun:
        missed = "missed" if row["value"] is not None else "unknown"
        state = "kept" if interval["kept"] else missed if interval["complete"] else "open"
        yield Interval(date.fromisoformat(interval["first"]), state, interval["value"])
    for number in range(len(begun), int(row["target"] or 0) if begun else 0):
        yield Interval(_begins(result, date.fromisoformat(begun[0]["first"]), number), "to_come", None)


def _begins(result: KeyResult, first: date, number: int) -> date:
    """The first day of a cadence's interval, counted from its first one."""
    every = result.spec.every
    if every is None:
        return first
    if every.unit in ("day", "week"):
        return first + timedelta(days=number * every.count * (7 if every.unit == "week" else 1))
    months = first.year * 12 + first.month - 1 + number * every.count * (3 if every.unit == "quarter" else 1)
    return date(months // 12, months % 12 + 1, 1)


def _not_scored(result: KeyResult) -> dict[str, Any]:
    """What stands for a score row on a day before there is any."""
    spec = result.spec
    amounts = {
        "baseline": spec.start,
        "target": None if spec.every else spec.bound,
        "lower_bound": spec.between[0] if spec.between else None,
        "upper_bound": spec.between[1] if spec.between else None,
    }
    nothing = dict.fromkeys(_NOTHING)
    written = {name: float(amount.value) if amount else None for name, amount in amounts.items()}
    return nothing | written | {"status": "no_score", "reason": "not_scored", "final": False}
