"""Which day it is: in any time zone, over clock changes, and where a country once skipped a day."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from okr_pipeline import clock
from okr_pipeline.errors import ConfigError


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-11-15T16:59:59+00:00", "Asia/Bangkok", date(2026, 11, 15)),
        ("2026-11-15T17:00:00+00:00", "Asia/Bangkok", date(2026, 11, 16)),
        ("2026-11-15T18:14:59+00:00", "Asia/Kathmandu", date(2026, 11, 15)),  # +05:45
        ("2026-11-15T18:15:00+00:00", "Asia/Kathmandu", date(2026, 11, 16)),
        # New York turns its clocks on 8 March and 1 November 2026: the day of 23 hours, and that of 25
        ("2026-03-08T04:59:59+00:00", "America/New_York", date(2026, 3, 7)),
        ("2026-03-09T03:59:59+00:00", "America/New_York", date(2026, 3, 8)),
        ("2026-03-09T04:00:00+00:00", "America/New_York", date(2026, 3, 9)),
        ("2026-11-01T04:00:00+00:00", "America/New_York", date(2026, 11, 1)),
        ("2026-11-02T04:59:59+00:00", "America/New_York", date(2026, 11, 1)),
        ("2026-11-02T05:00:00+00:00", "America/New_York", date(2026, 11, 2)),
        (
            "2026-09-05T03:59:59+00:00",
            "America/Santiago",
            date(2026, 9, 4),
        ),  # where midnight itself is skipped a day later
        ("2026-09-06T04:00:00+00:00", "America/Santiago", date(2026, 9, 6)),
        ("2011-12-30T09:59:59+00:00", "Pacific/Apia", date(2011, 12, 29)),  # Samoa had no 30 December 2011
        ("2011-12-30T10:00:00+00:00", "Pacific/Apia", date(2011, 12, 31)),
        ("2028-02-29T15:00:00+00:00", "UTC", date(2028, 2, 29)),
    ],
)
def test_the_day_is_that_of_the_organisations_clocks(monkeypatch, instant, zone, day):
    monkeypatch.setenv("OKR_NOW", instant)
    assert clock.today(zone) == day


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        (date(2026, 3, 7), "America/New_York", "2026-03-08T09:00:00+00:00"),
        (date(2026, 10, 31), "America/New_York", "2026-11-01T10:00:00+00:00"),
        (date(2026, 9, 5), "America/Santiago", "2026-09-06T08:00:00+00:00"),
        (date(2028, 2, 28), "Asia/Bangkok", "2028-02-28T22:00:00+00:00"),
    ],
)
def test_the_night_after_a_day_begins_at_five_whatever_the_clocks_did(day, zone, instant):
    assert clock.night_after(day, zone) == datetime.fromisoformat(instant)


@pytest.mark.parametrize("instant", ["yesterday", "2026-11-31T00:00:00+00:00"])
def test_a_clock_that_is_stopped_at_no_instant_is_told(monkeypatch, instant):
    monkeypatch.setenv("OKR_NOW", instant)
    with pytest.raises(ConfigError, match=r"OKR_NOW is '.*', not an instant; write for example 2026-11-15T22:00:00"):
        clock.now()
