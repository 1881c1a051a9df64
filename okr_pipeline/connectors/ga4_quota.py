"""The tokens of a GA4 property: what each answer says is left of them, and no request when too few are.

developers.google.com/analytics/devguides/reporting/data/v1/quotas: a request costs tokens, "fewer than 10" mostly, of three
buckets at once: the property's per day (a standard property's 200,000), per hour (40,000), and per hour for one Cloud project
(14,000). Dashboards of other people spend the same tokens. Hourly buckets are filled "within an hour", daily ones at midnight
Pacific time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from okr_pipeline import clock
from okr_pipeline.connectors.contract import Said
from okr_pipeline.errors import SourceUnavailable

PACIFIC = ZoneInfo("America/Los_Angeles")
HOUR = timedelta(hours=1)
BUCKETS = {  # the field of PropertyQuota -> the note of a load, and what people read
    "tokens_per_day": ("tokens_left_today", "of today"),
    "tokens_per_hour": ("tokens_left_this_hour", "of this hour"),
    "tokens_per_project_per_hour": ("tokens_left_to_the_project_this_hour", "of this hour for its Cloud project"),
}


class Quota:
    """What is left for the connector `name`, which leaves `keep` tokens to others."""

    def __init__(self, name: str, keep: int) -> None:
        self.name = name
        self.keep = keep
        self._spent = ""
        self._until = datetime.min.replace(tzinfo=PACIFIC)

    def note(self, told: Any, said: Said) -> None:
        """Takes in a PropertyQuota (protobuf); what it does not tell is not known."""
        for field, (note, words) in BUCKETS.items():
            if not told.HasField(field):
                continue
            status = getattr(told, field)
            said.notes[note] = status.remaining
            if status.remaining - status.consumed < self.keep:  # the next request may cost as much as this one
                self._spent = (
                    f"{status.remaining:,} tokens {words} are left, and the last request took {status.consumed}"
                )
                self._until = max(self._until, self._filled_again(field))

    def check(self) -> None:
        """Raises SourceUnavailable, with the wait, while a request would take what is kept for others."""
        wait = (self._until - clock.now()).total_seconds()
        if wait > 0:
            raise SourceUnavailable(
                f"{self.name}: too little is left of the GA4 property's quota: {self._spent}; `keep_tokens` leaves"
                f" {self.keep:,} to others. Run the night again in {_in_words(wait)}, or lower `keep_tokens`.",
                wait,
            )

    @staticmethod
    def _filled_again(bucket: str) -> datetime:
        if bucket != "tokens_per_day":
            return clock.now() + HOUR
        tomorrow = clock.now().astimezone(PACIFIC).date() + timedelta(days=1)
        return datetime.combine(tomorrow, datetime.min.time(), PACIFIC)


def _in_words(seconds: float) -> str:
    hours = round(seconds / 3600)
    return f"{hours} hours" if hours > 1 else "an hour"
