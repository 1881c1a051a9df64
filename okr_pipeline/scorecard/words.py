"""The page's words in Thai and English, and its dates and numbers, in Thai with years of the Buddhist Era."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from babel.dates import format_date, format_time
from babel.numbers import format_decimal, format_percent

from okr_pipeline.config import KeyResult
from okr_pipeline.config.periods import BUDDHIST_ERA, Period
from okr_pipeline.config.words import Amount, Text

Language = Literal["en", "th"]

_PHRASES: dict[str, tuple[str, str]] = {
    # statuses and intervals
    "on_track": ("On track", "เป็นไปตามแผน"),
    "at_risk": ("At risk", "มีความเสี่ยง"),
    "off_track": ("Off track", "ต่ำกว่าแผน"),
    "achieved": ("Achieved", "บรรลุแล้ว"),
    "missed": ("Not achieved", "ไม่บรรลุ"),
    "not_started": ("Not due yet", "ยังไม่ถึงกำหนด"),
    "no_score": ("No score", "ยังไม่มีคะแนน"),
    "interval_kept": ("kept", "ทำได้"),
    "interval_missed": ("missed", "พลาด"),
    "interval_open": ("still open", "ยังไม่จบช่วง"),
    "interval_to_come": ("still to come", "ยังไม่ถึง"),
    "interval_unknown": ("not known", "ไม่ทราบ"),
    # reasons, as the end of a sentence
    "source_unavailable": ("the source did not answer", "แหล่งข้อมูลไม่ตอบ"),
    "source_rejected": ("the source refused the request", "แหล่งข้อมูลปฏิเสธคำขอ"),
    "data_rejected": ("the source sent data that failed the checks", "ข้อมูลที่ได้รับไม่ผ่านการตรวจสอบ"),
    "not_fetched": ("not all of its days have been fetched", "ยังดึงข้อมูลไม่ครบทุกวัน"),
    "stale": ("its newest data are too old", "ข้อมูลล่าสุดเก่าเกินไป"),
    "no_data_yet": ("there are no data yet", "ยังไม่มีข้อมูล"),
    "division_by_zero": ("there is nothing yet to take a share of", "ยังไม่มีฐานให้คำนวณสัดส่วน"),
    "no_complete_interval": ("the first {unit} is not over yet", "ยังไม่ครบ{unit}แรก"),
    "not_begun": ("counting begins on {first}", "เริ่มนับวันที่ {first}"),
    "not_scored": ("it has not been scored yet", "ยังไม่ได้คิดคะแนน"),
    "other_reason": ("something went wrong ({code})", "เกิดข้อผิดพลาด ({code})"),
    "held": ("Held at the number of {day}: {why}.", "คงค่าของวันที่ {day} ไว้ เพราะ{why}"),
    "unscored": ("No score: {why}.", "ไม่มีคะแนน: {why}"),
    # head
    "okrs": ("Objectives and key results", "วัตถุประสงค์และผลลัพธ์สำคัญ"),
    "language": ("Language", "ภาษา"),
    "as_of": ("As of {day}", "ณ วันที่ {day}"),
    "elapsed": ("day {n} of {total}", "วันที่ {n} จาก {total} วัน"),
    "known_at": ("known at {time}, {day}", "ข้อมูลเมื่อ {day} เวลา {time} น."),
    "headline": ("{n} of {total} key results are on track.", "ผลลัพธ์สำคัญ {n} จาก {total} ข้อเป็นไปตามแผน"),
    "headline_end": ("{n} of {total} key results were achieved.", "บรรลุผลลัพธ์สำคัญ {n} จาก {total} ข้อ"),
    "headline_held": ("{n} held at an earlier day’s number", "คงค่าของวันก่อนหน้าไว้ {n} ข้อ"),
    "glance": ("The objectives at a glance", "ภาพรวมวัตถุประสงค์"),
    "troubles": ("Sources that failed last night", "แหล่งข้อมูลที่ล้มเหลวเมื่อคืน"),
    "stop": (".", ""),
    "resting": ("Resting on it: ", "ผลลัพธ์ที่ใช้ข้อมูลนี้: "),
    "resting_none": ("No key result rests on it.", "ไม่มีผลลัพธ์ใดใช้ข้อมูลนี้"),
    # objectives and key results
    "owner": ("Owner", "ผู้รับผิดชอบ"),
    "coverage_all": ("every key result scored", "มีคะแนนครบทุกข้อ"),
    "coverage_some": ("{share} of the weight scored", "มีคะแนนคิดเป็น {share} ของน้ำหนัก"),
    "progress": ("{score} of the way", "สำเร็จ {score}"),
    "expected": ("{expected} expected by now", "ควรได้ {expected} ณ วันนี้"),
    "goal_reach": ("from {baseline} to {target}", "จาก {baseline} เป็น {target}"),
    "goal_at_least": ("at least {target}", "อย่างน้อย {target}"),
    "goal_at_most": ("at most {target}", "ไม่เกิน {target}"),
    "goal_between": ("between {lower} and {upper}", "ระหว่าง {lower} ถึง {upper}"),
    "of_units": ("of {n} {unit}s", "จาก {n} {unit}"),
    "of_intervals": ("of {n} intervals of {count} {unit}s", "จาก {n} ช่วง ช่วงละ {count} {unit}"),
    "every_one": ("{goal} every {unit}", "{goal} ทุก{unit}"),
    "every_many": ("{goal} every {count} {unit}s", "{goal} ทุก {count} {unit}"),
    "alongside": ("{value} in the {window}", "{value} {window}"),
    "data_to": ("Data to {day}", "ข้อมูลถึง {day}"),
    "final": ("final", "ตัวเลขสุดท้าย"),
    "not_final": ("not final yet", "ตัวเลขยังอาจเปลี่ยน"),
    "day": ("day", "วัน"),
    "week": ("week", "สัปดาห์"),
    "month": ("month", "เดือน"),
    "quarter": ("quarter", "ไตรมาส"),
    "period": ("period", "รอบ"),
    "to_date": ("{unit} to date", "ใน{unit}นี้ถึงปัจจุบัน"),
    "last": ("last {unit}", "ใน{unit}ที่แล้ว"),
    "trailing": ("last {days} days", "ใน {days} วันล่าสุด"),
    # charts
    "label_goal": ("target {value}", "เป้าหมาย {value}"),
    "label_start": ("from {value}", "เริ่มที่ {value}"),
    "chart": ("{value} on {day}", "{value} ณ วันที่ {day}"),
    "chart_empty": ("Chart: no value yet", "แผนภูมิ: ยังไม่มีค่า"),
    "trend": ("Score over the period so far", "คะแนนตลอดรอบจนถึงวันนี้"),
    "intervals": ("Intervals", "ช่วงเวลา"),
    # how to read
    "reading": ("How to read this page", "วิธีอ่านหน้านี้"),
    "read_status": (
        "The status compares score and expectation: on track from {on_track} of it, at risk from {at_risk}, else off track.",
        "สถานะเทียบคะแนนกับที่ควรได้ ณ วันนี้: ตั้งแต่ {on_track} คือเป็นไปตามแผน ตั้งแต่ {at_risk} คือมีความเสี่ยง ต่ำกว่านั้นคือต่ำกว่าแผน",
    ),
    "read_bar": (
        "The bar shows how much of the way to the target is done; the mark on it, how much was expected by now.",
        "แถบแสดงระยะทางสู่เป้าหมายที่ทำได้แล้ว ขีดบนแถบคือระยะที่ควรได้ ณ วันนี้",
    ),
    "read_value": ("value as of each day", "ค่า ณ แต่ละวัน"),
    "read_pace": ("expected pace", "จังหวะที่คาดไว้"),
    "read_goal": ("target", "เป้าหมาย"),
    "read_held": ("held, as no new number came; a gap means no number", "คงค่าเดิมเพราะไม่มีค่าใหม่ ช่องว่างคือไม่มีค่า"),
    "read_objective": (
        "An objective’s score is the weighted mean of its key results’ scores. A missing number is never counted as zero.",
        "คะแนนของวัตถุประสงค์คือค่าเฉลี่ยถ่วงน้ำหนักของผลลัพธ์สำคัญ ค่าที่ขาดไปไม่ถูกนับเป็นศูนย์",
    ),
}  # fmt: skip

_PERIOD_TH = {"H": "ครึ่งปีที่ {n} ", "T": "งวดสี่เดือนที่ {n} ", "Q": "ไตรมาส {n} ", "M": "เดือนที่ {n} "}


@dataclass(frozen=True)
class Words:
    """One language of the page. `today` decides which dates need their year."""

    language: Language
    today: date

    def __call__(self, phrase: str, **values: object) -> str:
        """The phrase of that name, filled in."""
        return _PHRASES[phrase][self.language == "th"].format(**values)

    def text(self, text: Text) -> str:
        """A text of the configuration."""
        return text.th if self.language == "th" else text.en

    def day(self, day: date, *, year: bool | None = None) -> str:
        """`15 Nov`, and `15 Nov 2026` where the year is another one than today's or is asked for."""
        shown = str(format_date(day, "d MMM", locale=self.language))
        shows_year = day.year != self.today.year if year is None else year
        return f"{shown} {day.year + (BUDDHIST_ERA if self.language == 'th' else 0)}" if shows_year else shown

    def month(self, day: date) -> str:
        """`Nov`."""
        return str(format_date(day, "LLL", locale=self.language))

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
        return str(format_time(instant, "HH:mm", locale=self.language))

    def period(self, period: Period) -> str:
        """`FY2570-Q1`, `ไตรมาส 1 ปีงบประมาณ 2570`; nothing for a period that is named by its dates."""
        match = re.fullmatch(r"FY(\d{4})(?:-([HTQM])(\d{1,2}))?", period.name)
        if not match or self.language == "en":
            return period.name if match else ""
        part = _PERIOD_TH[match[2]].format(n=int(match[3])) if match[2] else ""
        return f"{part}ปีงบประมาณ {match[1]}"

    def number(self, value: float | None, unit: str | Text = "") -> str:
        """`34.1%`, `1,234.5`, with at most one or two decimals; `–` where there is none."""
        if value is None:
            return "–"
        if unit == "percent":
            return str(format_percent(value, "#,##0.#%", locale=self.language))
        return str(format_decimal(value, "#,##0.##", locale=self.language))

    def amount(self, value: float | Amount | None, unit: str | Text) -> str:
        """A number with its unit: `34.1%`, `6 features`."""
        number = self.number(float(value.value) if isinstance(value, Amount) else value, unit)
        return number if isinstance(unit, str) else f"{number} {self.text(unit)}"

    def share(self, value: float | None) -> str:
        """A score as whole percent; what is not all of the way is never rounded up to it."""
        if value is None:
            return "–"
        return str(format_percent(0.99 if 0.99 < value < 1 else value, "#,##0%", locale=self.language))

    def goal(self, result: KeyResult, row: dict[str, Any]) -> str:
        """What is to be reached: `from 30% to 40%`, `at least 1 every 2 weeks`."""
        spec, unit = result.spec, "percent" if result.metric.unit == "percent" else ""
        bound = spec.target or spec.at_least or spec.at_most
        if spec.between:
            goal = self(
                "goal_between", lower=self.amount(spec.between[0], unit), upper=self.amount(spec.between[1], unit)
            )
        elif spec.baseline:
            goal = self("goal_reach", baseline=self.number(row["baseline"], unit), target=self.amount(bound, unit))
        else:
            goal = self(f"goal_{spec.kind}", target=self.amount(bound, unit))
        if spec.every is None:
            return goal
        name = "every_one" if spec.every.count == 1 else "every_many"
        return self(name, goal=goal, unit=self(spec.every.unit), count=spec.every.count)

    def of(self, result: KeyResult, row: dict[str, Any]) -> str:
        """What the number counts: `features`, or for a cadence `of 14 weeks`; nothing after a percentage."""
        every, unit = result.spec.every, result.metric.unit
        if every is None:
            return "" if isinstance(unit, str) else self.text(unit)
        name = "of_units" if every.count == 1 else "of_intervals"
        return self(name, n=self.number(row["target"]), unit=self(every.unit), count=every.count)

    def window(self, kind: str, unit: str, days: int) -> str:
        """A window in words: `month to date`, `last 28 days`."""
        return self(kind, unit=self(unit), days=days)

    def reason(self, code: str, *, unit: str = "", first: str = "") -> str:
        """A reason code as the end of a sentence."""
        known = code if code in _PHRASES else "other_reason"
        return self(known, unit=unit, first=first, code=code.replace("_", " "))

    def why(self, result: KeyResult, row: dict[str, Any]) -> str:
        """Why there is no new score, as a sentence."""
        spec = result.spec
        unit = self(spec.over.unit) if spec.over else ""
        why = self.reason(row["reason"], unit=unit, first=self.day(spec.during.first) if spec.during else "")
        held = row["held_from"]
        return self("held", day=self.day(held), why=why) if held else self("unscored", why=why)
