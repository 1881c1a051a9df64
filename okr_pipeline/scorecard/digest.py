"""The mail after a night: what changed status, what is held and why, what is behind; as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.scorecard.changes import Change, Row, changes
from okr_pipeline.scorecard.sources import Source, failed_sources
from okr_pipeline.scorecard.templates import template
from okr_pipeline.scorecard.words import Language, Words
from okr_pipeline.scoring import scores_as_of

_BEHIND = ("off_track", "at_risk", "missed")
_TOLD = 20  # of each list: a mail is read on a phone; the rest stands on the page


@dataclass(frozen=True)
class Alarm:
    """Something wrong with the nights themselves: one `failed` (`detail` says why), or they are `late` since a `day`."""

    kind: str
    day: date
    detail: str = ""


@dataclass(frozen=True)
class Told:
    """What people know already: the scores and sources as of a day, as known at an instant (naive UTC), and the alarms."""

    as_of: date
    known_at: datetime
    alarms: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mail:
    """Ready to send. `is_news`: since people were told last, a status changed, a score is held or no longer, a source or
    the night failed or is back. `is_trouble`: a source or the night is failing, whether they know or not."""

    subject: str
    text: str
    html: str
    is_news: bool
    is_trouble: bool


@dataclass(frozen=True)
class Digest:
    """What the mail says, before it is said in a language."""

    config: Config
    as_of: date
    since: date | None
    scored: Sequence[tuple[KeyResult, Row]]
    changed: Sequence[Change]
    sources: Sequence[Source]
    sources_before: Sequence[Source]
    alarms: Sequence[Alarm]
    alarms_before: frozenset[str]

    @property
    def back(self) -> list[str]:
        """The sources that had failed and did not this time."""
        failing = {source.name for source in self.sources}
        return [*dict.fromkeys(each.name for each in self.sources_before if each.name not in failing)]

    @property
    def nights_back(self) -> bool:
        """Whether the nights are as they should be again."""
        return bool(self.alarms_before) and not self.alarms

    @property
    def is_news(self) -> bool:
        """Whether it says anything that people were not told."""
        known = {(source.name, source.reason) for source in self.sources_before}
        new = {(source.name, source.reason) for source in self.sources} - known
        return bool(self.changed or new or self.back or self.alarms_before != {alarm.kind for alarm in self.alarms})

    @property
    def told(self) -> int:
        """How long a list may be."""
        return _TOLD

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
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    as_of: date,
    *,
    languages: Sequence[Language] = ("th", "en"),
    link: str | None = None,
    told: Told | None = None,
    alarms: Sequence[Alarm] = (),
) -> Mail:
    """The mail about a day, from the published snapshot, in the languages given one after the other.

    What changed is told against what was `told` last, or else what the night before said, as it was known then. `link`
    is where the page can be read.
    """
    said = _read(connection, config, as_of, told, alarms)
    spoken = [Words(language, as_of) for language in languages]
    text, html = (
        template(f"digest.{kind}.j2").render(digest=said, languages=spoken, link=link) for kind in ("txt", "html")
    )
    w = spoken[0]
    headline = w.headline(said.statuses) if said.scored else ""
    if failing := ", ".join(dict.fromkeys(source.name for source in said.sources)):
        headline = (
            f"{w('mail_failing', sources=failing)} · {headline}"  # on a telephone the subject is all that is read
        )
    headline = w(f"alarm_{alarms[0].kind}", day=w.day(alarms[0].day)) if alarms else headline
    subject = f"{w.text(config.organisation.organisation)} · {w.day(as_of, year=True)}: {headline}"
    return Mail(" ".join(subject.split()), text, html, said.is_news, bool(said.sources or alarms))


def _read(
    connection: duckdb.DuckDBPyConnection, config: Config, as_of: date, told: Told | None, alarms: Sequence[Alarm]
) -> Digest:
    config = config.on(as_of)
    now = {row["key_result"]: row for row in scores_as_of(connection, config, as_of).to_pylist()}
    told = told or _night_before(connection, as_of)
    earlier: list[dict[str, Any]] = []
    if told:
        earlier = scores_as_of(connection, config, told.as_of, told.known_at).to_pylist()
    before = {row["key_result"]: row for row in earlier}
    return Digest(
        config,
        as_of,
        told.as_of if told else None,
        scored=[(result, now[result.id]) for result in config.key_results.values() if result.id in now],
        changed=changes(config, before, now),
        sources=list(failed_sources(connection, config)),
        sources_before=list(failed_sources(connection, config, told.known_at)) if told else [],
        alarms=alarms,
        alarms_before=told.alarms if told else frozenset(),
    )


def _night_before(connection: duckdb.DuckDBPyConnection, as_of: date) -> Told | None:
    night_before = (
        "SELECT MAX(last_day), MAX(known_at) FROM ledger.loads"
        " WHERE table_name = 'scores.key_results' AND outcome = 'landed' AND last_day < ?"
    )
    since, known_at = connection.execute(night_before, [as_of]).fetchall()[0]
    return Told(min(since, as_of - timedelta(days=1)), known_at) if since else None
