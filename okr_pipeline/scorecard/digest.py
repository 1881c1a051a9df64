"""The mail after a night: what changed status, what is held and why, what is behind; as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.scorecard.changes import Change, Row, changes
from okr_pipeline.scorecard.sources import Source, failed_sources
from okr_pipeline.scorecard.templates import template
from okr_pipeline.scorecard.words import Language, Words
from okr_pipeline.scoring import scores_as_of

_BEHIND = ("off_track", "at_risk", "missed")


@dataclass(frozen=True)
class Mail:
    """Ready to send. `is_news` is false after a night that changed no status, held nothing back and lost no source."""

    subject: str
    text: str
    html: str
    is_news: bool


@dataclass(frozen=True)
class Digest:
    """What the mail says, before it is said in a language."""

    config: Config
    as_of: date
    since: date | None
    scored: Sequence[tuple[KeyResult, Row]]
    changed: Sequence[Change]
    sources: Sequence[Source]

    @property
    def statuses(self) -> list[str]:
        """Of every key result."""
        return [row["status"] for _, row in self.scored]

    @property
    def held(self) -> list[tuple[KeyResult, Row]]:
        """Those with a reason why there is no new score."""
        return [(result, row) for result, row in self.scored if row["reason"]]

    @property
    def behind(self) -> list[tuple[KeyResult, Row]]:
        """Those below what was expected, the worst status first."""
        found = [(result, row) for result, row in self.scored if row["status"] in _BEHIND]
        return sorted(found, key=lambda pair: pair[1]["status"] == "at_risk")


def digest(
    snapshot: Path,
    config: Config,
    as_of: date,
    *,
    languages: Sequence[Language] = ("th", "en"),
    link: str | None = None,
) -> Mail:
    """The mail about a day, from the published `okr.duckdb`, in the languages given one after the other.

    What changed is told against what the night before said, as it was known then. `link` is where the page can be read.
    """
    connection = duckdb.connect(snapshot, read_only=True)
    try:
        said = _read(connection, config, as_of)
    finally:
        connection.close()
    spoken = [Words(language, as_of) for language in languages]
    text, html = (
        template(f"digest.{kind}.j2").render(digest=said, languages=spoken, link=link) for kind in ("txt", "html")
    )
    w = spoken[0]
    headline = w.headline(said.statuses)
    subject = f"{w.text(config.organisation.organisation)} · {w.day(as_of, year=True)}: {headline}"
    return Mail(" ".join(subject.split()), text, html, bool(said.changed or said.held or said.sources))


def _read(connection: duckdb.DuckDBPyConnection, config: Config, as_of: date) -> Digest:
    now = {row["key_result"]: row for row in scores_as_of(connection, config, as_of).to_pylist()}
    night_before = (
        "SELECT MAX(last_day), MAX(known_at) FROM ledger.loads"
        " WHERE table_name = 'scores.key_results' AND outcome = 'landed' AND last_day < ?"
    )
    since, known_at = connection.execute(night_before, [as_of]).fetchall()[0]
    since = min(since, as_of - timedelta(days=1)) if since else None
    earlier: list[dict[str, Any]] = scores_as_of(connection, config, since, known_at).to_pylist() if since else []
    before = {row["key_result"]: row for row in earlier}
    scored = [(result, now[result.id]) for result in config.key_results.values() if result.id in now]
    return Digest(config, as_of, since, scored, changes(config, before, now), list(failed_sources(connection, config)))
