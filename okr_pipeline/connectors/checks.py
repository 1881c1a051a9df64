"""`checks:` of a connector's YAML: how grave each kind of finding is, and where its thresholds lie."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Severity = Literal["off", "warn", "error"]


class Check(BaseModel):
    """`error` rejects the pull before anything is committed, `warn` only says so. `fresh: error` is short for its severity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Severity = "error"

    @model_validator(mode="before")
    @classmethod
    def _severity_alone(cls, value: Any) -> Any:
        return {"severity": value} if isinstance(value, str) else value


class Caution(Check):
    """A check that warns unless it is told otherwise."""

    severity: Severity = "warn"


class Range(Caution):
    """Bounds by column, both included. A whole number that has none must not be negative, unless it is part of the key."""

    at_least: dict[str, float] = {}
    at_most: dict[str, float] = {}


class Volume(Caution):
    """A day against the same weekday of the `weeks` before: at least and at most so many times their median.

    Medians below `smallest` are too few to tell anything.
    """

    at_least: Annotated[float, Field(ge=0, lt=1)] = 0.25
    at_most: Annotated[float, Field(gt=1)] = 4.0
    weeks: Annotated[int, Field(ge=4, le=53)] = 8
    smallest: Annotated[float, Field(ge=1)] = 10


class Checks(BaseModel):
    """What may be chosen. That keys are there and unique, and days the ones asked for, is not a matter of choice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    range: Range = Range()
    columns: Caution = Caution()
    fresh: Caution = Caution()
    volume: Volume = Volume()
