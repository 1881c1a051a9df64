"""The page's words in Thai and English, and its dates and numbers, in Thai with years of the Buddhist Era."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import localcontext
from typing import Any, Literal

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_decimal, format_percent, parse_pattern

from okr_pipeline.config import KeyResult
from okr_pipeline.config.models import MilestoneYaml
from okr_pipeline.config.periods import BUDDHIST_ERA, Period
from okr_pipeline.config.words import Amount, Text
from okr_pipeline.digits import MOST, decimals
from okr_pipeline.scorecard.changes import Change
from okr_pipeline.scorecard.phrases import PHRASES

Language = Literal["en", "th"]

# Read once: babel reads a locale and a pattern anew for each number that is given their names.
_LOCALES = {name: Locale.parse(name) for name in ("en", "th")}
_SHARE = parse_pattern("#,##0%")
_NUMBER, _PERCENT = ([parse_pattern(f"#,##0.{'#' * digits}{sign}") for digits in range(MOST + 1)] for sign in ("", "%"))
_PRECISION = 350  # more digits than any DOUBLE has: one absurd number is shown as it is, and the page is still made
_PERIOD_TH = {"H": "ครึ่งปีที่ {n} ", "T": "งวดสี่เดือนที่ {n} ", "Q": "ไตรมาส {n} ", "M": "เดือนที่ {n} "}


@dataclass(frozen=True)
class Words:
    """One language of the page. `today` decides which dates need their year."""

    language: Language
    today: date

    def __call__(self, phrase: str, **values: object) -> str:
        """The phrase of that name, filled in."""
        return PHRASES[phrase][self.language == "th"].format(**values)

    def text(self, text: Text) -> str:
        """A text of the configuration."""
        return text.th if self.language == "th" else text.en

    def day(self, day: date, *, year: bool | None = None) -> str:
        """`15 Nov`, and `15 Nov 2026` where the year is another one than today's or is asked for."""
        shown = str(format_date(day, "d MMM", locale=_LOCALES[self.language]))
        shows_year = day.year != self.today.year if year is None else year
        return f"{shown} {day.year + (BUDDHIST_ERA if self.language == 'th' else 0)}" if shows_year else shown

    def month(self, day: date) -> str:
        """`Nov`."""
        return str(format_date(day, "LLL", locale=_LOCALES[self.language]))

    def span(self, first: date, last: date, *, year: bool = False) -> str:
        """`9–15 Nov`, `1 Oct – 31 Dec 2026`: what both ends share is said once."""
        end = self.day(last, year=year or first.year != last.year or None)
        if first == last:
            return end
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{end}"
        return f"{self.day(first, year=first.year != last.year)} – {end}"

    def time(self, instant: datetime) -> str:
        """`05:00`."""
        return str(format_time(instant, "HH:mm", locale=_LOCALES[self.language]))

    def period(self, period: Period) -> str:
        """`FY2570-Q1`, `ไตรมาส 1 ปีงบประมาณ 2570`; nothing for a period that is named by its dates."""
        match = re.fullmatch(r"FY(\d{4})(?:-([HTQM])(\d{1,2}))?", period.name)
        if not match or self.language == "en":
            return period.name if match else ""
        part = _PERIOD_TH[match[2]].format(n=int(match[3])) if match[2] else ""
        return f"{part}ปีงบประมาณ {match[1]}"

    def number(self, value: float | None, unit: str | Text = "") -> str:
        """`34.1%`, `1,234.5`, `0.004`: with one or two decimals, more only where it is small; `–` where there is none."""
        if value is None:
            return "–"
        return self._number(value, unit, decimals(value * 100, 1) if unit == "percent" else decimals(value, 2))

    def agreed(self, value: float | Amount, unit: str | Text = "") -> str:
        """A number that people wrote, as they wrote it: `13.25%`."""
        return self._number(float(value.value) if isinstance(value, Amount) else value, unit, MOST)

    def _number(self, value: float, unit: str | Text, digits: int) -> str:
        with localcontext(prec=_PRECISION):
            if unit == "percent":
                return str(format_percent(value, _PERCENT[digits], locale=_LOCALES[self.language]))
            return str(format_decimal(value, _NUMBER[digits], locale=_LOCALES[self.language]))

    def amount(self, value: float | Amount | None, unit: str | Text) -> str:
        """A number with its unit: `34.1%`, `6 features`."""
        number = self.agreed(value, unit) if isinstance(value, Amount) else self.number(value, unit)
        return number if isinstance(unit, str) else f"{number} {self.text(unit)}"

    def share(self, value: float | None) -> str:
        """A score as whole percent; what is not all of the way is never rounded up to it."""
        if value is None:
            return "–"
        return str(format_percent(0.99 if 0.99 < value < 1 else value, _SHARE, locale=_LOCALES[self.language]))

    def goal(self, result: KeyResult, row: dict[str, Any]) -> str:
        """What is to be reached: `from 30% to 40%`, `at least 1 every 2 weeks`."""
        spec, unit = result.spec, "percent" if result.unit == "percent" else ""
        bound = spec.bound
        if spec.milestones:
            goal = self("goal_milestones" if len(spec.milestones) > 1 else "goal_milestone", n=len(spec.milestones))
        elif spec.between:
            goal = self(
                "goal_between", lower=self.amount(spec.between[0], unit), upper=self.amount(spec.between[1], unit)
            )
        elif spec.baseline:
            start = self.amount(spec.start or row["baseline"], unit)
            goal = self("goal_reach", baseline=start, target=self.amount(bound, unit))
        else:
            goal = self(f"goal_{spec.kind}", target=self.amount(bound, unit))
        if spec.every is None:
            return goal
        name = "every_one" if spec.every.count == 1 else "every_many"
        return self(name, goal=goal, unit=self(spec.every.unit), count=spec.every.count)

    def value(self, result: KeyResult, row: dict[str, Any]) -> str:
        """The number alone; a cadence's is the number of intervals kept."""
        return self.number(row["value"], "" if result.spec.every else result.unit)

    def of(self, result: KeyResult, row: dict[str, Any]) -> str:
        """What the number counts and when: `requests, 9–15 Nov`, or for a cadence `of 14 weeks`."""
        spec, unit = result.spec, result.unit
        if every := spec.every:
            if row["target"] is None:  # before the first score nobody has counted them
                return ""
            name = "of_intervals" if every.count > 1 else "of_units" if row["target"] != 1 else "of_unit"
            return self(name, n=self.number(row["target"]), unit=self(every.unit), count=every.count)
        moves = spec.during or (spec.over and spec.over.kind != "to_date")
        window = self.span(row["first_day"], row["last_day"]) if moves and row["first_day"] else ""
        counted = "" if isinstance(unit, str) else self.text(unit)
        return ", ".join(said for said in (counted, window) if said)

    def full_value(self, result: KeyResult, row: dict[str, Any]) -> str:
        """Number and what it counts: `34.1%, 26 Oct – 1 Nov`, `5 of 14 weeks`."""
        of = self.of(result, row)
        apart = ", " if result.unit == "percent" and not result.spec.every else " "
        return f"{self.value(result, row)}{apart if of else ''}{of}"

    def way(self, row: dict[str, Any]) -> str:
        """How far, and how far it should be: `41% of the way · 50% expected by now`."""
        if row["score"] is None:
            return self.expected(row)
        return self("way", score=self.share(row["score"]), expected=self.share(row["expected"]))

    def beside(self, result: KeyResult, row: dict[str, Any]) -> str:
        """The value over the window that is shown and not scored: `220 leads in the month to date`."""
        window = result.spec.alongside
        if row["alongside"] is None or window is None:
            return ""
        name = "trailing_one" if window.days == 1 else window.kind
        named = self(name, unit=self(window.unit), days=window.days)
        return self("alongside", value=self.amount(row["alongside"], result.unit), window=named)

    def data(self, row: dict[str, Any]) -> str:
        """Of when the data are, and whether people said them: `Data to 13 Nov · not final yet`, `… · final · manual`."""
        said = [self("data_to", day=self.day(row["last_data_day"]))] if row["last_data_day"] else []
        said += [self("final" if row["final"] else "not_final")] if row["value"] is not None else []
        said += [self("manual")] if row["manual"] else []
        return " · ".join(said)

    def points(self, result: KeyResult) -> str:
        """What is agreed for certain days: `20% by 31 Oct, 440 by 30 Nov`; nothing where nothing is."""
        unit = result.unit
        due = [
            (point.day, self.amount(point.value, unit) if point.value else self.share(float(point.share or 0)))
            for point in result.spec.pace.checkpoints
        ]
        due += [(step.due, self.step(step)) for step in result.spec.milestones or () if step.due]
        return ", ".join(self("pace_point", due=said, day=self.day(day)) for day, said in due)

    def step(self, step: MilestoneYaml) -> str:
        """A step by its title, or the name that the data have for it."""
        return self.text(step.title) if step.title else step.step

    def step_state(self, step: Any) -> str:
        """`done on 3 Nov`, `due on 30 Nov`."""
        return self(f"step_{step.state}", day=self.day(step.day) if step.day else "")

    def reason(self, code: str, *, unit: str = "", first: str = "") -> str:
        """A reason code as the end of a sentence."""
        known = code if code in PHRASES else "other_reason"
        return self(known, unit=unit, first=first, code=code.replace("_", " "))

    def why(self, result: KeyResult, row: dict[str, Any]) -> str:
        """Why there is no new score, as a sentence; nothing where there is one."""
        if not row["reason"]:
            return ""
        spec = result.spec
        unit = self(spec.over.unit) if spec.over else ""
        why = self.reason(row["reason"], unit=unit, first=self.day(spec.during.first) if spec.during else "")
        held = row["held_from"]
        return self("held", day=self.day(held), why=why) if held else self("unscored", why=why)

    def turned(self, day: date | None) -> str:
        """Since when it has its status: `since 3 Nov`."""
        return self("turned", day=self.day(day)) if day else ""

    def change(self, change: Change) -> str:
        """What is different: `At risk → On track`, `held since then`, `On track, up from 48% to 60% of the way`."""
        moved, rows = change.kind == "score", (change.before, change.now)
        before, now = (self.share(row["score"]) if moved else self(row["status"]) for row in rows)
        rises = (change.now["score"] or 0) > (change.before["score"] or 0)
        kind = ("up" if rises else "down") if moved else change.kind
        said = self(f"changed_{kind}", before=before, now=now, status=self(change.now["status"]))
        return said + self.mark(change.now)

    def mark(self, row: Mapping[str, Any]) -> str:
        """What stands after a score that people said some or all of: `, manual`."""
        return f", {self('manual')}" if row["manual"] else ""

    def expected(self, row: Mapping[str, Any]) -> str:
        """`50% expected by now`; nothing where nothing is known of it."""
        return self("expected", expected=self.share(row["expected"])) if row["expected"] is not None else ""

    def coverage(self, row: Mapping[str, Any]) -> str:
        """How much of an objective its score rests on."""
        whole = row["coverage"] >= 1
        return self("coverage_all") if whole else self("coverage_some", share=self.share(row["coverage"]))

    def as_of(self, day: date, period: Period | None) -> str:
        """`As of 15 Nov 2026 (day 46 of 92)`; without the count where there are several periods, or it lies outside."""
        said = self("as_of", day=self.day(day, year=True))
        if period is None or not period.first <= day <= period.last:
            return said
        total, n = (period.last - period.first).days + 1, (day - period.first).days + 1
        return f"{said} ({self('elapsed', n=n, total=total)})"

    def interval(self, result: KeyResult, interval: Any) -> str:
        """One box of a cadence for those who hear it: `kept (2 seminars)`; its first day stands before it."""
        said = self(f"interval_{interval.state}")
        counted = f" ({self.amount(interval.value, result.unit)})" if interval.value is not None else ""
        return f"{said}{counted}"

    def headline(self, statuses: Sequence[str]) -> str:
        """How many of these are well: on track, or achieved once all is over."""
        over = all(status in ("achieved", "missed") for status in statuses)
        good = sum(status in ("on_track", "achieved") for status in statuses)
        return self("headline_end" if over else "headline", n=self.number(good), total=self.number(len(statuses)))
