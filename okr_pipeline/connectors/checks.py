"""`checks:` of a connector's YAML: how grave each kind of finding is, and where its thresholds lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


class ChecksByStream(Checks):
    """Of a connector. What one of its `streams` says of a kind holds instead of what is said for all."""

    streams: dict[str, Checks] = {}

    def of(self, stream: str) -> Checks:
        """What holds for one stream."""
        own = self.streams.get(stream, Checks())
        said = {name: getattr(own if name in own.model_fields_set else self, name) for name in Checks.model_fields}
        return Checks.model_construct(**said)

    def mistakes(self, columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[tuple[str, ...], str, Sequence[str]]]:
        """Names that no stream has: where they stand, what is wrong, and what there is. `columns` are those of each stream."""
        everywhere = sorted({name for names in columns.values() for name in names})
        bounds: list[tuple[tuple[str, ...], Range, Sequence[str]]] = [((), self.range, everywhere)]
        for name, own in self.streams.items():
            if name in columns:
                bounds.append((("streams", name), own.range, columns[name]))
            else:
                yield ("streams", name), f"there is no stream `{name}`", [*columns]
        for where, chosen, known in bounds:
            for side in ("at_least", "at_most"):
                for column in getattr(chosen, side):
                    if column not in known:
                        yield (*where, "range", side, column), f"there is no column `{column}`", known
