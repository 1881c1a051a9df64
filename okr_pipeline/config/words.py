"""The small words that marketing people write in YAML (amounts, windows, intervals, spans), each parsed to one value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=80)]
PartName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]  # it stands in a formula
Unit = Literal["day", "week", "month", "quarter"]

DIGITS = 18  # before the point; sums, which are exact, hold little more


class Text(BaseModel):
    """A text in both languages; where one is missing, the other is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    en: str
    th: str

    @model_validator(mode="before")
    @classmethod
    def _one_for_both(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"en": value, "th": value}
        if isinstance(value, dict) and len(value) == 1 and set(value) <= {"en", "th"}:
            return dict.fromkeys(("en", "th"), next(iter(value.values())))
        return value


@dataclass(frozen=True)
class Amount:
    """A number as written: `45`, `-1.5` or `30%` (kept as 0.30, with the sign remembered)."""

    value: Decimal
    percent: bool

    def __str__(self) -> str:
        text = f"{self.value * 100 if self.percent else self.value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) + ("%" if self.percent else "")


def amount(value: object) -> object:
    """`30%` → Amount(0.30, percent); a plain number → Amount(number)."""
    if isinstance(value, Amount):
        return value
    text = str(value).strip() if not isinstance(value, bool) else ""
    plain = text.removesuffix("%").strip()
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a number; write for example `45` or `30%`")
    if number.adjusted() >= DIGITS:
        raise ValueError(
            f"{value!r} is larger than can be scored; write it in a larger unit, with at most {DIGITS} digits"
        )
    return Amount(number / 100, True) if text.endswith("%") else Amount(number, False)


@dataclass(frozen=True)
class Over:
    """Which days count on an as-of day: to date (of the period, week or month), the last complete interval, or trailing."""

    kind: Literal["to_date", "last", "trailing"]
    unit: Literal["period", "day", "week", "month", "quarter"]
    days: int = 0

    def __str__(self) -> str:
        if self.kind == "trailing":
            return f"trailing {self.days} days"
        return f"last {self.unit}" if self.kind == "last" else f"{self.unit} to date"


def over(value: object) -> object:
    """`last week`, `month to date`, `trailing 28 days` → Over."""
    if isinstance(value, Over):
        return value
    text = str(value).strip().lower()
    if match := re.fullmatch(r"trailing ([1-9]\d{0,4}) days?", text):
        return Over("trailing", "day", int(match[1]))
    if match := re.fullmatch(r"last (week|month|quarter)", text):
        return Over("last", match[1])  # type: ignore[arg-type]
    if match := re.fullmatch(r"(period|week|month|quarter) to date", text):
        return Over("to_date", match[1])  # type: ignore[arg-type]
    raise ValueError(
        f"{value!r} is not a window; write `period to date`, `month to date`, `last week`, `last month` or `trailing 28 days`"
    )


@dataclass(frozen=True)
class Every:
    """A cadence's interval: `count` whole units."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"


def every(value: object) -> object:
    """`week`, `2 weeks`, `month` → Every."""
    if isinstance(value, Every):
        return value
    match = re.fullmatch(r"(?:([1-9]\d?) )?(day|week|month|quarter)s?", str(value).strip().lower())
    if not match:
        raise ValueError(f"{value!r} is not an interval; write `day`, `week`, `2 weeks`, `month` or `quarter`")
    return Every(int(match[1] or 1), match[2])  # type: ignore[arg-type]


@dataclass(frozen=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def span(value: object) -> object:
    """`week 2 from 2026-10-19` or `2026-10-26 to 2026-11-01` → Span."""
    if isinstance(value, Span):
        return value
    text = str(value).strip().lower()
    try:
        if match := re.fullmatch(r"week ([1-9]\d?) from (\d{4}-\d\d-\d\d)", text):
            first = date.fromisoformat(match[2]) + timedelta(weeks=int(match[1]) - 1)
            return Span(first, first + timedelta(days=6))
        if match := re.fullmatch(r"(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)", text):
            days = Span(date.fromisoformat(match[1]), date.fromisoformat(match[2]))
            if days.first <= days.last:
                return days
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{value!r} is not a span of days; write `week 2 from 2026-10-19` or `2026-10-26 to 2026-11-01`")


@dataclass(frozen=True)
class Measured:
    """A baseline that is measured, not written: what the key result's own window showed at the end of another period."""

    period: Literal["previous period", "same period last year"]


def baseline(value: object) -> object:
    """`previous period` or `same period last year` → Measured; else an amount."""
    if isinstance(value, Measured):
        return value
    if isinstance(value, str) and value.strip().lower() in get_args(get_type_hints(Measured)["period"]):
        return Measured(value.strip().lower())  # type: ignore[arg-type]
    try:
        return amount(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is not a baseline; write a number like `30%`, `previous period` or `same period last year`"
        ) from None


@dataclass(frozen=True)
class Checkpoint:
    """How far the way should have come by the end of a day: a share of it (0…1), or the value itself."""

    day: date
    share: Decimal | None
    value: Amount | None


@dataclass(frozen=True)
class Pace:
    """What is expected by when. Between checkpoints the way is straight; a weekly rhythm follows the weekdays' own shares."""

    kind: Literal["linear", "constant", "weekly rhythm", "checkpoints"]
    checkpoints: tuple[Checkpoint, ...] = ()

    def __str__(self) -> str:
        return self.kind


def pace(value: object) -> object:
    """`linear`, `constant`, `weekly rhythm`, or `{2026-10-31: 20% of the way, 2026-11-30: 440}` → Pace."""
    if isinstance(value, Pace):
        return value
    if isinstance(value, dict) and value:
        return Pace("checkpoints", tuple(sorted((_checkpoint(*pair) for pair in value.items()), key=lambda c: c.day)))
    if (word := str(value).strip().lower()) in ("linear", "constant", "weekly rhythm"):
        return Pace(word)  # type: ignore[arg-type]
    raise ValueError(
        f"{value!r} is not a pace; write `linear`, `constant`, `weekly rhythm` or days with what is due by them,"
        " as in `{2026-10-31: 20% of the way, 2026-11-30: 440}`"
    )


def _checkpoint(day: object, due: object) -> Checkpoint:
    try:
        by = date.fromisoformat(str(day))
    except ValueError:
        raise ValueError(f"{day!r} is not a day; write for example `2026-10-31: 20% of the way`") from None
    share = re.fullmatch(r"(\d+(?:\.\d+)?)% of the way", str(due).strip().lower())
    if not share:
        return Checkpoint(by, None, amount(due))  # type: ignore[arg-type]
    if Decimal(share[1]) > 100:
        raise ValueError(f"{due!r} is more than the whole way; write at most `100% of the way`")
    return Checkpoint(by, Decimal(share[1]) / 100, None)


AmountField = Annotated[Amount, BeforeValidator(amount), Field(json_schema_extra={"type": ["string", "number"]})]
BaselineField = Annotated[Amount | Measured, BeforeValidator(baseline)]
PaceField = Annotated[Pace, BeforeValidator(pace)]
OverField = Annotated[Over, BeforeValidator(over)]
EveryField = Annotated[Every, BeforeValidator(every)]
SpanField = Annotated[Span, BeforeValidator(span)]
