"""The configuration with every name looked up: what the rest of the package works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from okr_pipeline.config import checkins
from okr_pipeline.config.formula import Aggregate, View
from okr_pipeline.config.models import KeyResultYaml, OrganisationYaml
from okr_pipeline.config.periods import Period
from okr_pipeline.config.words import Text
from okr_pipeline.connectors.contract import Connector, Stream


@dataclass(frozen=True)
class Table:
    """A raw table `raw.<connector>_<stream>`, and the connector that fills it."""

    name: str
    connector: Connector
    stream: Stream
    place: str
    unset: tuple[str, ...] = ()  # environment variables that its connector needs and that are not set

    @property
    def lookback(self) -> int:
        """How many days every night pulls again."""
        configured = self.connector.settings.lookback
        return configured if configured is not None else self.stream.restates


@dataclass(frozen=True)
class Part:
    """One part of a metric: an aggregate over rows of `source` (a raw table or a view), per day of its `date` column."""

    name: str
    aggregate: Aggregate
    source: str
    date: str
    where: str | None
    counts_from: str | None
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Metric:
    """A formula (`value`, SQL over part names) of parts. `unit` is "percent" or the word for what is counted.

    `bounds`: the lowest and the highest value that a day may have.
    """

    id: str
    title: Text
    unit: str | Text
    description: Text | None
    owner: str | None
    parts: tuple[Part, ...]
    value: str
    stale_after: int | None
    bounds: tuple[float, float] | None
    place: str

    @property
    def unit_name(self) -> str:
        """`percent`, or the English word."""
        return self.unit if isinstance(self.unit, str) else self.unit.en

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The raw tables it rests on."""
        return tuple(dict.fromkeys(table for part in self.parts for table in part.tables))

    @property
    def is_manual(self) -> bool:
        """True when people say some or all of it, by `okr checkin`."""
        return checkins.TABLE in self.tables

    @property
    def is_level(self) -> bool:
        """True when it is a standing (all parts `latest`) and not a flow of days."""
        return all(part.aggregate.function == "latest" for part in self.parts)


@dataclass(frozen=True)
class MeasuredBaseline:
    """The period at whose end a baseline is measured; `id` names what is measured, so that it is measured once."""

    period: Period
    id: str


@dataclass(frozen=True)
class KeyResult:
    """A key result with its metric and period looked up. `document` is all that decides its score, as JSON (`document.py`),
    and `configuration` its hash.

    What it said before each dated change stands in `earlier`, oldest first; each holds from `applies_from` to `applies_to`.
    """

    spec: KeyResultYaml
    objective: str
    title: Text
    owner: str
    metric: Metric
    period: Period
    applies_from: date
    applies_to: date
    baseline: MeasuredBaseline | None
    document: str
    configuration: str
    place: str
    earlier: tuple[KeyResult, ...] = ()

    @property
    def id(self) -> str:
        """Unique in the whole configuration."""
        return self.spec.id

    @property
    def unit(self) -> str | Text:
        """What a value of it is in: the metric's unit, or with milestones the share that is done."""
        return "percent" if self.spec.milestones else self.metric.unit

    @property
    def versions(self) -> tuple[KeyResult, ...]:
        """All that it said and says, oldest first."""
        return (*self.earlier, self)

    def on(self, day: date) -> KeyResult:
        """What it said on an as-of day."""
        return next((v for v in reversed(self.versions) if v.applies_from <= day), self.versions[0])


@dataclass(frozen=True)
class Objective:
    """An objective and its key results, in the order written. `weight` is its own in its parent; the topmost have depth 0."""

    id: str
    title: Text
    owner: str
    team: str | None
    period: Period
    parent: str | None
    weight: Decimal
    key_results: tuple[KeyResult, ...]
    place: str
    depth: int = 0


@dataclass(frozen=True)
class Config:
    """The whole of `okr_config/`. `hash` names this state of it."""

    directory: Path
    organisation: OrganisationYaml
    tables: Mapping[str, Table]
    views: Mapping[str, View]
    metrics: Mapping[str, Metric]
    objectives: tuple[Objective, ...]
    hash: str

    @cached_property
    def key_results(self) -> Mapping[str, KeyResult]:
        """Every key result by its id."""
        return {result.id: result for objective in self.objectives for result in objective.key_results}

    @cached_property
    def versions(self) -> tuple[KeyResult, ...]:
        """Every key result as it is and as it was before each dated change."""
        return tuple(version for result in self.key_results.values() for version in result.versions)

    def on(self, day: date) -> Config:
        """With what each key result said on an as-of day: a change that lies ahead is not told yet."""
        said = (replace(each, key_results=tuple(r.on(day) for r in each.key_results)) for each in self.objectives)
        return replace(self, objectives=tuple(said))
