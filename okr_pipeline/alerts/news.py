"""Whether there is anything to tell, and telling it: once, however many look."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from okr_pipeline import clock
from okr_pipeline.alerts import ADDRESSES
from okr_pipeline.alerts.memory import Memory, memory
from okr_pipeline.alerts.post import send
from okr_pipeline.config import Config
from okr_pipeline.scorecard.digest import Alarm, Mail, Told, digest
from okr_pipeline.scoring import days_scored
from okr_pipeline.warehouse.engine import create_schema

TRY_AGAIN = timedelta(hours=1)  # with a message that nobody took
_NEVER = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as the ledger stores it


@dataclass(frozen=True)
class Outcome:
    """What telling came to: a sentence for people, and one for each address that did not take the message."""

    summary: str
    problems: Sequence[str] = ()


def tell(config: Config, home: Path, *, failed: str | None = None, always: bool = False) -> Outcome:
    """Tells what is new since people were told last, to every address in OKR_ALERTS; raises nothing when none takes it.

    `failed` says why the newest night failed in a step of our own. Told are: a status that changed, a score that is held
    or no longer, a source or a night that failed, is late, or is back; and `remind_every` so many days what still fails.
    The first message is sent in any case, so that one sees that the addresses work, and so is one asked for by `always`.
    """
    if not os.environ.get(ADDRESSES, "").strip():
        return Outcome(f"nobody is told: {ADDRESSES} is not set")
    with memory(home) as kept, _snapshot(home) as connection:
        scored = days_scored(connection)
        as_of = scored[1] if scored else clock.today(config.organisation.timezone) - timedelta(days=1)
        alarms = list(_alarms(config, as_of, scored is not None, failed))
        if not (scored or alarms):
            return Outcome("nothing to tell: nothing is scored yet")
        known_at = connection.execute("SELECT MAX(known_at) FROM ledger.loads").fetchall()[0][0] or _NEVER
        now = Told(as_of, known_at, frozenset(alarm.kind for alarm in alarms))
        last, tried = kept.last(), kept.last(delivered=False)
        if not always and tried and tried[1] == now and last != tried and clock.now() - tried[0] < TRY_AGAIN:
            return Outcome("the last message was not taken; it is tried again within the hour")
        settings = config.organisation.alerts
        mail = digest(
            *(connection, config, as_of), languages=settings.languages, link=settings.link,
            told=last[1] if last else None, alarms=alarms,
        )  # fmt: skip
        if not (always or last is None or mail.is_news or _is_due(config, mail, last[0])):
            return Outcome("nothing to tell: nothing changed since people were told last")
        return _post(kept, now, mail)


def _post(kept: Memory, now: Told, mail: Mail) -> Outcome:
    delivered, problems = send(mail)
    kept.keep(now, mail.subject, delivered)
    return Outcome(f"told {delivered} of {delivered + len(problems)} addresses: {mail.subject}", problems)


def _alarms(config: Config, as_of: date, scored: bool, failed: str | None) -> Iterator[Alarm]:
    if failed:
        yield Alarm("failed", as_of, failed)  # and therefore late
        return
    zone = config.organisation.timezone
    begun = clock.now() - timedelta(seconds=config.organisation.alerts.late_after)
    due = begun.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    if clock.night_after(due, zone) > begun:
        due -= timedelta(days=1)
    if scored and as_of < due:
        yield Alarm("late", as_of)


def _is_due(config: Config, mail: Mail, last: datetime) -> bool:
    """Whether to remind of trouble that lasts: counted in days, since nights do not end at the same minute."""
    every = config.organisation.alerts.remind_every
    zone = ZoneInfo(config.organisation.timezone)
    return (
        bool(every)
        and mail.is_trouble
        and (clock.now().astimezone(zone).date() - last.astimezone(zone).date()).days >= every
    )


@contextmanager
def _snapshot(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """What was published last, or nothing yet."""
    published = home / "published" / "okr.duckdb"
    connection = duckdb.connect(published, read_only=True) if published.exists() else duckdb.connect(":memory:")
    try:
        if not published.exists():
            create_schema(connection)
        yield connection
    finally:
        connection.close()
