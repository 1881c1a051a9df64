"""What may stand in `okr_config/*.yaml`: the shapes that people write, strict, before any name is looked up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from okr_pipeline.config.periods import FiscalYear
from okr_pipeline.config.words import (
    Amount,
    AmountField,
    BaselineField,
    EveryField,
    Id,
    Measured,
    OverField,
    Pace,
    PaceField,
    PartName,
    SpanField,
    Text,
)
from okr_pipeline.connectors.settings import Days, Seconds, TimeZone

Weight = Annotated[
    Decimal, Field(gt=0, le=1000), Field(ge=Decimal("0.001"))
]  # lighter ones would be rounded to nothing


class Strict(BaseModel):
    """Unknown fields are mistakes, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Status(Strict):
    """Thresholds on score ÷ expected: at or above `on_track`, else at or above `at_risk`, else off track."""

    on_track: Annotated[float, Field(gt=0, le=2)] = 0.9
    at_risk: Annotated[float, Field(gt=0, le=2)] = 0.6

    @model_validator(mode="after")
    def _in_order(self) -> Status:
        if self.at_risk >= self.on_track:
            raise ValueError(f"at_risk ({self.at_risk}) must be below on_track ({self.on_track})")
        return self


class AlertsYaml(Strict):
    """What the message after a night says, and when; where it goes stands in the environment (OKR_ALERTS).

    `link` is where the page can be read. Trouble that lasts is told again after `remind_every` (0 days: never). A night
    that is not scored `late_after` its start is told by the daemon.
    """

    languages: Annotated[tuple[Literal["th", "en"], ...], Field(min_length=1)] = ("th", "en")
    link: str | None = None
    remind_every: Days = 7
    late_after: Seconds = 6 * 3600


class OrganisationYaml(Strict):
    """`okr.yaml`. `language` is that of descriptions in Dagster; `repository` is where the folder above is read in a browser."""

    organisation: Text
    language: Literal["en", "th"] = "en"
    repository: Annotated[str, Field(pattern=r"^https?://\S+[^/\s]$")] | None = None
    timezone: TimeZone
    fiscal_year: FiscalYear = FiscalYear()
    week_starts: Literal["monday", "sunday", "saturday"] = "monday"
    status: Status = Status()
    alerts: AlertsYaml = AlertsYaml()

    @cached_property
    def decides(self) -> dict[str, Any]:
        """What of it decides every score, as plain data."""
        return self.model_dump(include={"timezone", "fiscal_year", "week_starts", "status"})


class PartYaml(Strict):
    """One part of a metric: an aggregate over the rows of a table or view, per day."""

    formula: str
    from_: Annotated[str | None, Field(alias="from")] = None
    date: str | None = None
    where: str | None = None
    counts_from: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _formula_alone(cls, value: Any) -> Any:
        return {"formula": value} if isinstance(value, str) else value


class MetricYaml(Strict):
    """One entry of `metrics/*.yaml`. Either `value`, or `numerator` and `denominator`; `parts` name what `value` combines.

    A day whose value lies outside `range` is warned of; a percentage of two parts is expected within 0% and 100%.
    """

    title: Text
    unit: Literal["percent"] | Text
    description: Text | None = None
    owner: Annotated[str, Field(pattern=r"^[\w-]+$|^[^@\s]+@[^@\s]+$")] | None = (
        None  # a team's name or an e-mail address
    )
    from_: Annotated[str | None, Field(alias="from")] = None
    date: str | None = None
    where: str | None = None
    counts_from: str | None = None
    value: str | None = None
    numerator: PartYaml | None = None
    denominator: PartYaml | None = None
    parts: dict[PartName, PartYaml] = {}
    stale_after: Days | None = None
    range: tuple[AmountField, AmountField] | None = None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The lowest and the highest value that a day may have, if anything is known of it."""
        if self.range:
            return float(self.range[0].value), float(self.range[1].value)
        return (0.0, 1.0) if self.numerator and self.unit == "percent" else None

    @model_validator(mode="after")
    def _one_formula(self) -> MetricYaml:
        ratio = (self.numerator is not None, self.denominator is not None)
        if any(ratio) and (not all(ratio) or self.value or self.parts):
            raise ValueError(
                "a ratio has `numerator` and `denominator` and nothing else; other formulas use `value` and `parts`"
            )
        if not any(ratio) and not self.value:
            raise ValueError("a metric needs a formula; write `numerator:` and `denominator:`, or `value:`")
        if self.range and self.range[0].value > self.range[1].value:
            raise ValueError("`range` takes the lower bound first")
        return self


class MilestoneYaml(Strict):
    """One step of `milestones`: done on the first day that the metric's rows name it."""

    step: str
    title: Text | None = None
    weight: Weight = Decimal(1)
    due: date | None = None


class ChangeYaml(BaseModel):
    """What is agreed anew: beside `from`, any field of a key result but its id."""

    model_config = ConfigDict(extra="allow", frozen=True)
    from_: Annotated[date, Field(alias="from")]


class KeyResultYaml(Strict):
    """One key result: reach (`baseline` → `target`), `at_least`, `at_most` or `between`, each also with `every`; or `milestones`.

    With `every`, an interval is kept that reaches the target, from the side on which the baseline lies.
    `changes` are what is agreed anew in mid-period: `from` a day on, the fields given replace those above; `null` drops one.
    """

    id: Id
    metric: str
    title: Text | None = None
    baseline: BaselineField | None = None
    target: AmountField | None = None
    at_least: AmountField | None = None
    at_most: AmountField | None = None
    between: tuple[AmountField, AmountField] | None = None
    milestones: Annotated[tuple[MilestoneYaml, ...], Field(min_length=1)] | None = None
    every: EveryField | None = None
    over: OverField | None = None
    during: SpanField | None = None
    alongside: OverField | None = None
    pace: PaceField = Pace("linear")
    lag: Days = 0
    due: date | None = None
    weight: Weight = Decimal(1)
    type: Literal["committed", "aspirational"] = "committed"
    owner: str | None = None
    changes: tuple[ChangeYaml, ...] = ()

    @cached_property
    def kind(self) -> str:
        """reach, at_least, at_most, between or milestones."""
        others = ("at_least", "at_most", "between", "milestones")
        return next((name for name in others if getattr(self, name) is not None), "reach")

    @property
    def bound(self) -> Amount | None:
        """The target, or the bound of at_least and at_most."""
        return self.target or self.at_least or self.at_most

    @property
    def start(self) -> Amount | None:
        """The baseline as far as it is a written number."""
        return self.baseline if isinstance(self.baseline, Amount) else None

    @model_validator(mode="after")
    def _makes_sense(self) -> KeyResultYaml:
        kinds = [n for n in ("target", "at_least", "at_most", "between", "milestones") if getattr(self, n) is not None]
        if len(kinds) != 1:
            given = " and ".join(kinds) or "none"
            listed = "target, at_least, at_most, between, milestones"
            raise ValueError(f"exactly one of {listed} is wanted; this one has {given}")
        start = self.start.value if self.start else None
        end = self.bound.value if self.bound else None
        way = end - start if start is not None and end is not None else None
        mistakes = {
            "`target` needs the `baseline` it is reached from; add it, or use at_least/at_most for a bound alone": (
                self.target is not None and self.baseline is None
            ),
            f"`{self.kind}` is kept or not: it has no `baseline`; leave it out": (
                self.kind in ("between", "milestones") and self.baseline is not None
            ),
            "`between` takes the lower bound first": (
                self.between is not None and self.between[0].value > self.between[1].value
            ),
            "with `every` a bound has no `baseline`, as intervals are counted; leave it out": (
                self.every is not None and self.baseline is not None and self.target is None
            ),
            "with `every` each interval is to reach the target from a number; write the baseline as one": (
                self.every is not None and isinstance(self.baseline, Measured)
            ),
            "with `every` the complete intervals are what is expected; leave out `pace`, `lag` and `due`": (
                self.every is not None and bool({"pace", "lag", "due"} & self.model_fields_set)
            ),
            "steps are done once, in the period to date; leave out `every`, `over`, `during` and `alongside`": (
                self.milestones is not None and any((self.every, self.over, self.during, self.alongside))
            ),
            "the steps' own `due` days are the pace; leave out `pace` and `due`, or the steps' `due`": (
                any(step.due for step in self.milestones or ()) and bool({"pace", "due"} & self.model_fields_set)
            ),
            "give every step a `due` day, or none": (len({step.due is None for step in self.milestones or ()}) > 1),
            "two steps have the same name; steps are told apart by it": (
                len({step.step for step in self.milestones or ()}) < len(self.milestones or ())
            ),
            "`between` is kept or not, so only `linear` and `constant` say what is expected of it": (
                self.between is not None and self.pace.kind not in ("linear", "constant")
            ),
            "`constant` expects all of it from the first day; leave out `lag` and `due`": (
                self.pace.kind == "constant" and bool({"lag", "due"} & self.model_fields_set)
            ),
            "`during` shows other days than a measured baseline's period has; write the baseline as a number": (
                self.during is not None and isinstance(self.baseline, Measured)
            ),
            "with a measured baseline checkpoints are shares; write `20% of the way`": (
                isinstance(self.baseline, Measured) and any(point.value for point in self.pace.checkpoints)
            ),
            "without a written baseline checkpoints are shares; write `20% of the way`": (
                self.kind in ("at_most", "milestones")
                and self.baseline is None
                and any(point.value for point in self.pace.checkpoints)
            ),
            "baseline and target are equal, so there is no way to go; use at_least (or at_most) without baseline": (
                way == 0
            ),
            "`at_least` lies below its `baseline`, so it is kept from the start; leave the baseline out": (
                self.at_least is not None and way is not None and way < 0
            ),
            "`at_most` lies above its `baseline`, so it is kept from the start; leave the baseline out": (
                self.at_most is not None and way is not None and way > 0
            ),
            f"{self.kind} a bound of zero or less has no share to score; give it a `baseline`": (
                self.target is None and self.every is None and self.baseline is None and end is not None and end <= 0
            ),
            "`during` already says which days count; leave out `over` and `every`": (
                self.during is not None and (self.over is not None or self.every is not None)
            ),
            "`every` already says which days count; leave out `over`": self.every is not None and self.over is not None,
        }
        for message, is_made in mistakes.items():
            if is_made:
                raise ValueError(message)
        return self


class ObjectiveYaml(Strict):
    """One file of `objectives/`."""

    id: Id
    title: Text
    period: str
    owner: str
    team: str | None = None
    parent: Id | None = None  # the objective that this one is part of
    weight: Weight = Decimal(1)  # in its parent
    key_results: list[KeyResultYaml] = []
