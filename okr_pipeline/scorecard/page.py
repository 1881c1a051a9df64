"""The page: read once from a snapshot, then written out in both languages."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from markupsafe import Markup

from okr_pipeline import clock
from okr_pipeline.config import Config, Objective
from okr_pipeline.scorecard import charts
from okr_pipeline.scorecard.cards import Card, card, not_scored
from okr_pipeline.scorecard.changes import Change, changes
from okr_pipeline.scorecard.grounds import grounds
from okr_pipeline.scorecard.phrases import PHRASES
from okr_pipeline.scorecard.sources import Source, failed_sources
from okr_pipeline.scorecard.templates import template
from okr_pipeline.scorecard.timeline import Timeline, timeline
from okr_pipeline.scorecard.words import Words
from okr_pipeline.scoring import objectives_as_of, scores_as_of
from okr_pipeline.warehouse.engine import statement

_ALWAYS_COUNTED = ("on_track", "at_risk", "off_track", "no_score")
_STATUSES = ("achieved", "on_track", "at_risk", "off_track", "missed", "not_started", "no_score")
_SCRIPTS = ("words.js", "timeline.js", "ground.js", "scorecard.js")
_BEHIND = ("off_track", "missed", "at_risk")  # the worst first
_WEEK = timedelta(days=7)
_TOLD = 8  # of those that changed, of those behind


@dataclass(frozen=True)
class Section:
    """An objective, the row of its score, and its key results."""

    objective: Objective
    row: dict[str, Any]
    trend: charts.Chart
    cards: Sequence[Card]


@dataclass(frozen=True)
class Page:
    """All that the page says, before it is said in a language."""

    config: Config
    as_of: date
    known_at: datetime
    sections: Sequence[Section]
    sources: Sequence[Source]
    changed: Sequence[Change]
    timeline: Timeline
    grounds: Mapping[str, Any]
    languages: Sequence[Words]

    @property
    def cards(self) -> list[Card]:
        """Every key result in order."""
        return [card for section in self.sections for card in section.cards]

    @property
    def teams(self) -> list[str]:
        """Each once, in order; none where there is but one to tell apart."""
        found = list(dict.fromkeys(section.objective.team for section in self.sections if section.objective.team))
        return found if len(found) > 1 else []

    @property
    def told(self) -> int:
        """How long a list above the objectives may be."""
        return _TOLD

    @property
    def since(self) -> date:
        """The day that changes are told against."""
        return self.as_of - _WEEK

    @property
    def behind(self) -> list[Card]:
        """The key results below what was expected: the worst status first, then in order."""
        found = [card for card in self.cards if card.row["status"] in _BEHIND]
        return sorted(found, key=lambda card: _BEHIND.index(card.row["status"]))

    @property
    def legend(self) -> list[str]:
        """What the charts show that has to be told apart: marks that are rare only where there are any."""
        drawn = [card.chart.svg for card in self.cards if card.chart]
        rare = (name for name in ("restated", "said") if any(f'<g class="{name}">' in svg for svg in drawn))
        return ["value", "pace", "goal", "held", *rare]

    @property
    def boxed(self) -> list[str]:
        """The states of a cadence's intervals and of steps, where there are any."""
        return ["kept", "missed", "open", "to_come"] if any(card.intervals or card.steps for card in self.cards) else []

    @property
    def statuses(self) -> list[str]:
        """Of every key result."""
        return [card.row["status"] for card in self.cards]

    @property
    def counts(self) -> dict[str, int]:
        """How many key results have each status; the page shows those that are there or always matter."""
        found = Counter(self.statuses)
        return {name: found[name] for name in _STATUSES}

    @property
    def always_counted(self) -> tuple[str, ...]:
        """The statuses that are shown with a 0, too."""
        return _ALWAYS_COUNTED

    @property
    def data(self) -> dict[str, Markup]:
        """What the scripts read, by the name of its element."""
        drawn = {card.result.id: card.chart for card in self.cards if card.chart}
        drawn |= {section.objective.id: section.trend for section in self.sections}
        boxes = {card.result.id: [interval.first for interval in card.intervals] for card in self.cards}
        said = {card.result.id: self._said(card) for card in self.cards}
        months = {w.language: [w.month(date(2026, n, 1)) for n in range(1, 13)] for w in self.languages}
        spoken = {w.language: {n: texts[w.language == "th"] for n, texts in PHRASES.items()} for w in self.languages}
        return {
            "timeline": embedded(self.timeline.json(self.config, drawn, boxes, said)),
            "words": embedded(json.dumps({"phrases": spoken, "months": months}, ensure_ascii=False)),
            "grounds": embedded(json.dumps(self.grounds, ensure_ascii=False, allow_nan=False)),
        }

    def _said(self, card: Card) -> dict[str, Any]:
        """What only Python can say of a key result: of each version its goal, and what was agreed for which day."""
        versions = card.result.versions
        told = {
            "goals": [{w.language: w.goal(v, card.row) for w in self.languages} for v in versions if len(versions) > 1],
            "points": [{w.language: w.points(v) for w in self.languages} for v in versions],
        }
        return {name: found for name, found in told.items() if any(any(each.values()) for each in found)}


def embedded(text: str) -> Markup:
    """JSON that may stand within a script element: no `<` of it can end the element."""
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - made safe here


def read(connection: duckdb.DuckDBPyConnection, config: Config, as_of: date) -> Page:
    """Everything for the page, as of a day, with the charts drawn."""
    config, languages = config.on(as_of), (Words("en", as_of), Words("th", as_of))
    scores = _by("key_result", scores_as_of(connection, config, as_of))
    objectives = _by("objective", objectives_as_of(connection, config, as_of))
    before = _by("key_result", scores_as_of(connection, config, as_of - _WEEK))
    values = values_by_day(connection, as_of)
    trends = _series(connection, as_of, table="objectives", key="objective", value="score", held="FALSE", said="FALSE")
    rows = {result.id: scores.get(result.id) or not_scored(result) for result in config.key_results.values()}
    plain = [result for result in config.key_results.values() if not result.spec.every]
    drawn = charts.value_charts([(result, rows[result.id], values.get(result.id, [])) for result in plain], languages)
    charted = {result.id: chart for result, chart in zip(plain, drawn, strict=True)}
    trended = charts.trend_charts([(o.period, trends.get(o.id, [])) for o in config.objectives])
    turned = dict(connection.execute(statement("scorecard/sql/turned.sql"), {"as_of": as_of}).fetchall())
    behind = grounds(connection, config, scores, values)
    nothing = {"status": "no_score", "score": None, "expected": None, "coverage": 0.0}
    sections = [
        Section(
            objective,
            objectives.get(objective.id, nothing),
            trend,
            [card(r, rows[r.id], turned.get(r.id), charted.get(r.id), as_of) for r in objective.key_results],
        )
        for objective, trend in zip(config.objectives, trended, strict=True)
    ]
    known = connection.execute("SELECT MAX(known_at) FROM ledger.loads").fetchall()[0][0] or clock.now()
    local = known.replace(tzinfo=UTC).astimezone(ZoneInfo(config.organisation.timezone))
    changed = changes(config, before, scores, moves=True)
    failed = list(failed_sources(connection, config))
    return Page(config, as_of, local, sections, failed, changed, timeline(connection, as_of), behind, languages)


def render(page: Page) -> str:
    """The page as one file that loads nothing; its policy lets run what stands in it and nothing else."""
    style, *scripts = (_file(name) for name in ("scorecard.css", *_SCRIPTS))
    script = "\n".join(scripts)
    policy = f"script-src '{_digest(script)}'; style-src '{_digest(style)}'"
    ours = {name: Markup(text) for name, text in (("style", style), ("script", script))}  # noqa: S704 - the package's files
    return template("scorecard.html.j2").render(page=page, policy=policy, data=page.data, **ours)


def _file(name: str) -> str:
    return files("okr_pipeline").joinpath(f"scorecard/{name}").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _by(key: str, rows: Any) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in rows.to_pylist()}


def values_by_day(connection: duckdb.DuckDBPyConnection, as_of: date) -> Mapping[str, list[charts.Day]]:
    """The days of each key result's chart, as of a day, see sql/series.sql."""
    said, held = "(metric, as_of) IN (SELECT (metric, day) FROM raw.checkins)", "held_from IS NOT NULL"
    return _series(connection, as_of, table="key_results", key="key_result", value="value", held=held, said=said)


def _series(
    connection: duckdb.DuckDBPyConnection, as_of: date, *, table: str, **names: str
) -> Mapping[str, list[charts.Day]]:
    asked = statement("scorecard/sql/series.sql", table=table, **names)
    return dict(connection.execute(asked, {"as_of": as_of}).fetchall())
