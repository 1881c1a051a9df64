"""Windows that a total is asked for whole, because its days must not be added up: one for each day, which it ends on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from okr_pipeline.connectors.contract import Window

ONE_DAY = timedelta(days=1)
WRITTEN = "`week to date`, `month to date`, `quarter to date`, `trailing 28 days` or `since 2026-10-01`"


@dataclass(frozen=True)
class Windows:
    """Weeks begin on Monday, quarters in January, April, July and October."""

    kind: Literal["week", "month", "quarter", "trailing", "since"]
    days: int = 0
    since: date = date.min

    @classmethod
    def parse(cls, text: str) -> Windows:
        """From what stands in the YAML. ValueError with what may stand there."""
        words = text.strip().lower()
        if match := re.fullmatch(r"(week|month|quarter) to date", words):
            return cls(match[1])  # type: ignore[arg-type]
        if match := re.fullmatch(r"trailing ([1-9]\d{0,2}) days?", words):
            return cls("trailing", days=int(match[1]))
        try:
            return cls("since", since=date.fromisoformat(words.removeprefix("since ")))
        except ValueError:
            raise ValueError(f"{text!r} is not a window; write {WRITTEN}") from None

    @property
    def is_calendar(self) -> bool:
        """Whether they are weeks, months or quarters, which are complete at their ends."""
        return self.kind in ("week", "month", "quarter")

    def ending(self, day: date) -> Window | None:
        """The window that ends with `day`; None before the first."""
        if self.kind == "since":
            return Window(self.since, day) if day >= self.since else None
        if self.kind == "trailing":
            return Window(day - timedelta(days=self.days - 1), day)
        if self.kind == "week":
            return Window(day - timedelta(days=day.weekday()), day)
        month = day.month if self.kind == "month" else day.month - (day.month - 1) % 3
        return Window(date(day.year, month, 1), day)

    def is_complete(self, day: date) -> bool:
        """Whether the week, month or quarter that `day` lies in ends with it."""
        following = self.ending(day + ONE_DAY)
        return following is not None and following.first > day
