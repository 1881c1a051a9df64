"""Periods of the organisation's fiscal year, by the names that people use: FY2570, FY2570-H1, -T2, -Q3, -M04, or two dates."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from okr_pipeline.config import words

BUDDHIST_ERA = 543  # years that the Buddhist Era is ahead of the Common Era
YEARS = range(1900, 2201)  # that periods lie in
_MONTHS = {"H": 6, "T": 4, "Q": 3, "M": 1}


@dataclass(frozen=True)
class Period:
    """The days of an objective, both ends included."""

    name: str
    first: date
    last: date

    def has_whole(self, unit: str, week_starts: str, *, ended: bool = False) -> bool:
        """Whether any day, week, month or quarter belongs to the period: one whose middle day lies in it.

        `ended`: whether one does that is over when the period is.
        """
        return any(
            self.first <= first + timedelta(days=((next_first - first).days // 2)) <= self.last
            and not (ended and next_first - timedelta(days=1) > self.last)
            for first, next_first in _units(self.first, self.last, unit, week_starts)
        )


WEEKDAY = {"monday": 0, "saturday": 5, "sunday": 6}


def unit_first(day: date, unit: str, week_starts: str) -> date:
    """The first day of the day, week, month or (calendar) quarter that a day lies in."""
    if unit == "week":
        return day - timedelta(days=(day.weekday() - WEEKDAY[week_starts]) % 7)
    if unit == "month":
        return day.replace(day=1)
    return day.replace(day=1, month=day.month - (day.month - 1) % 3) if unit == "quarter" else day


def _units(first: date, last: date, unit: str, week_starts: str) -> Iterator[tuple[date, date]]:
    """(first day, first day of the next) of every unit that touches the days given."""
    start = unit_first(first, unit, week_starts)
    while start <= last:
        longest = {"day": 1, "week": 7, "month": 31, "quarter": 92}[unit]
        following = unit_first(start + timedelta(days=longest), unit, week_starts)
        yield start, following
        start = following


def _month_and_day(value: str) -> str:
    match = re.fullmatch(r"(\d\d)-(\d\d)", value)
    if (
        not match
        or not 1 <= int(match[1]) <= 12
        or not 1 <= int(match[2]) <= calendar.monthrange(2024, int(match[1]))[1]
    ):
        raise ValueError(f'{value!r} is not a month and day; write for example "10-01"')
    return value


class FiscalYear(BaseModel):
    """A fiscal year is named after the calendar year in which it ends, in the era that the organisation writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    starts: Annotated[str, AfterValidator(_month_and_day)] = "01-01"
    era: Literal["common", "buddhist"] = "common"

    def period(self, name: str) -> Period:
        """The days of `FY2570-Q1` and the like, or of `2026-10-01 to 2026-12-31`; ValueError with a remedy otherwise."""
        match = re.fullmatch(r"FY(\d{4})(?:-([HTQM])(\d{1,2}))?", name.strip())
        if not match:
            return self._explicit(name)
        months, number = _MONTHS.get(match[2], 12), int(match[3] or 1)
        if not 1 <= number <= 12 // months:
            raise ValueError(f"{name!r} does not exist: a year has {12 // months} of `{match[2]}`")
        year = self._year(int(match[1]))
        first = self._month_first(year, months * (number - 1))
        return Period(name.strip(), first, self._month_first(year, months * number) - timedelta(days=1))

    def before(self, period: Period) -> Period:
        """The period of the same kind before this one: the quarter before a quarter; as many days before other days."""
        if match := re.fullmatch(r"FY(\d{4})(?:-([HTQM])(\d{1,2}))?", period.name):
            many = 12 // _MONTHS.get(match[2], 12)
            year, number = divmod(int(match[1]) * many + int(match[3] or 1) - 2, many)
            return self.period(f"FY{year}-{match[2]}{number + 1}" if match[2] else f"FY{year}")
        first = period.first - (period.last - period.first) - timedelta(days=1)
        last = period.first - timedelta(days=1)
        return Period(f"{first} to {last}", first, last)

    def year_before(self, period: Period) -> Period:
        """The same period of the fiscal year before; other days are the same days of the calendar year before."""
        if match := re.fullmatch(r"FY(\d{4})(.*)", period.name):
            return self.period(f"FY{int(match[1]) - 1}{match[2]}")
        first, last = (_in_month(day.year - 1, day.month - 1, day.day) for day in (period.first, period.last))
        return Period(f"{first} to {last}", first, last)

    def _year(self, label: int) -> int:
        year = label - (BUDDHIST_ERA if self.era == "buddhist" else 0)
        if year not in YEARS:
            raise ValueError(
                f"FY{label} is not a year of the {self.era} era; a fiscal year is named after the calendar year it ends in"
            )
        return year if self.starts == "01-01" else year - 1

    def _month_first(self, year: int, months: int) -> date:
        """The first day of a fiscal month; where a month is shorter than the year's first day says, its last day."""
        month, day = map(int, self.starts.split("-"))
        return _in_month(year, month - 1 + months, day)

    @staticmethod
    def _explicit(name: str) -> Period:
        try:
            days = words.span(name)
        except ValueError:
            days = None
        if not isinstance(days, words.Span):
            raise ValueError(f"{name!r} is not a period; write for example `FY2570-Q1` or `2026-10-01 to 2026-12-31`")
        for day in (days.first, days.last):
            if day.year not in YEARS:
                era = (
                    f"write the year of the Common Era, {BUDDHIST_ERA} less"
                    if day.year - BUDDHIST_ERA in YEARS
                    else "mend the year"
                )
                raise ValueError(f"{day} lies outside {YEARS.start} to {YEARS.stop - 1}; {era}")
        return Period(name, days.first, days.last)


def _in_month(year: int, months: int, day: int) -> date:
    """A day of the month that lies so many months after January of a year, or the month's last day where it is shorter."""
    year, month = year + months // 12, months % 12 + 1
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
