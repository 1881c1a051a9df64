"""What time it is. `OKR_NOW` (an ISO instant) stops the clock, so that a night can be played again; the sandbox sets it."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from okr_pipeline.errors import ConfigError


def now() -> datetime:
    """The current instant, aware, in UTC."""
    stopped = os.environ.get("OKR_NOW")
    try:
        return datetime.fromisoformat(stopped).astimezone(UTC) if stopped else datetime.now(UTC)
    except ValueError:
        raise ConfigError(
            f"OKR_NOW is {stopped!r}, not an instant; write for example 2026-11-15T22:00:00+00:00"
        ) from None


def today(timezone: str) -> date:
    """The calendar day that it is now in an IANA time zone."""
    return now().astimezone(ZoneInfo(timezone)).date()


def night_after(day: date, timezone: str) -> datetime:
    """The instant at which the nightly run for `day` starts: 05:00 on the next day, clear of every DST change."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(timezone)).replace(hour=5)
