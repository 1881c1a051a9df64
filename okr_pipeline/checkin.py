"""Manual check-ins: a number that somebody says, landed like a source's and scored in the same way."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import duckdb
import pyarrow as pa

from okr_pipeline import clock
from okr_pipeline.config import Config, KeyResult, Metric, Objective, checkins
from okr_pipeline.config.words import Amount, amount
from okr_pipeline.errors import ConfigError
from okr_pipeline.scorecard import made
from okr_pipeline.scoring import bind, days_scored, earliest_day, measure, score
from okr_pipeline.warehouse import Load, Warehouse, publish, record, replace
from okr_pipeline.warehouse.engine import transaction
from okr_pipeline.warehouse.ledger import next_load

_DECIMALS = 9  # of `raw.checkins`


@dataclass(frozen=True)
class CheckIn:
    """One observation: what somebody says that a key result's metric was on a day."""

    result: KeyResult
    day: date
    value: Decimal
    note: str
    by: str


def checked(config: Config, result: KeyResult, value: str, note: str, by: str, day: date | None) -> CheckIn:
    """What was typed, as a check-in; without a day it is of today. Raises ConfigError with what would be right."""
    today = clock.today(config.organisation.timezone)
    day = day or today
    metric = result.on(day).metric
    if not metric.is_manual:
        raise ConfigError(
            f"`{result.id}` is measured from {', '.join(metric.tables)}, and nobody types a number over a measurement;"
            " a key result takes check-ins when its metric is `from: checkins`"
        )
    try:
        typed = amount(value)
    except ValueError as error:
        raise ConfigError(f"--value: {error}") from None
    percent = metric.unit == "percent"
    if not isinstance(typed, Amount) or typed.percent != percent:
        right = f"`{value.strip()}%`" if percent else f"`{value.strip().removesuffix('%')}` without %"
        raise ConfigError(f"--value: `{metric.id}` is in {metric.unit_name}; write {right}")
    if typed.value != round(typed.value, _DECIMALS):  # what is scored is what was said
        decimals = _DECIMALS - 2 if percent else _DECIMALS
        raise ConfigError(f"--value: {value.strip()} has more digits than are kept; write at most {decimals} decimals")
    if day > today:
        raise ConfigError(f"--day: {day} is still to come in {config.organisation.timezone}; today is {today}")
    first = date.min if metric.is_level else earliest_day(_measured_by(metric, config))
    if not first <= day <= result.period.last:
        raise ConfigError(f"--day: {day} counts for nothing; `{result.id}` looks at {first} to {result.period.last}")
    for option, text in (("--note", note), ("--by", by)):
        if not text.strip():
            raise ConfigError(f"{option} is empty; a check-in says who said it and why")
    return CheckIn(result, day, typed.value, note.strip(), by.strip())


def _measured_by(metric: Metric, config: Config) -> Config:
    """The configuration without the key results that have nothing to do with a metric."""

    def rest_on_it(objective: Objective) -> tuple[KeyResult, ...]:
        return tuple(r for r in objective.key_results if any(version.metric.id == metric.id for version in r.versions))

    objectives = (dataclasses.replace(each, key_results=rest_on_it(each)) for each in config.objectives)
    return dataclasses.replace(config, objectives=tuple(objectives))


class Landed(NamedTuple):
    """The last day scored with a check-in (None: a night is still to come), and what it stands instead of, if anything."""

    scored: date | None
    before: tuple[Decimal, str] | None  # the value, and who had said it


def check_in(warehouse: Warehouse, config: Config, said: CheckIn) -> Landed:
    """Lands a check-in, scores anew with it and publishes. What was said before of the same day moves to history."""
    with warehouse.open() as connection:
        bind(connection, config)
        before = land_said(connection, said)
        scored = days_scored(connection)
        if scored:
            measure(connection, config, config.metrics.values())  # a formula may have changed since the night
            score(connection, config, scored[1])
    if not scored:
        return Landed(None, before)
    publish(warehouse, lambda unfinished: made(unfinished, config))
    return Landed(scored[1], before)


def land_said(connection: duckdb.DuckDBPyConnection, said: CheckIn) -> tuple[Decimal, str] | None:
    """Lands a check-in in the raw table. Returns what it stands instead of, if anything: the value, and who had said it."""
    metric = said.result.on(said.day).metric
    row = {"metric": metric.id, "day": said.day, "key_result": said.result.id, "value": said.value}
    row |= {"note": said.note, "reported_by": said.by, "reported_at": clock.now().replace(tzinfo=None)}
    connection.register("said", pa.Table.from_pylist([row], checkins.SCHEMA))
    with transaction(connection):
        load = next_load(connection)
        scope = f"metric = '{metric.id}' AND day = DATE '{said.day}'"
        query = f"SELECT value, reported_by FROM raw.{checkins.TABLE} WHERE {scope}"
        before = next(iter(connection.execute(query).fetchall()), None)
        change = replace(connection, f"raw.{checkins.TABLE}", "said", checkins.KEY, scope, load)
        notes = {"key_result": said.result.id, "by": said.by, "note": said.note}
        landed = Load(checkins.TABLE, said.day, said.day, "landed", None, change, said.day, said.day, notes)
        record(connection, load, landed)
    connection.unregister("said")
    return before
