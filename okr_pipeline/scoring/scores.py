"""metrics → scores: every key result on every day of its period so far, and the objectives above them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.config.periods import WEEKDAY, unit_first
from okr_pipeline.scoring.configurations import remember
from okr_pipeline.warehouse import Change, Load, record, replace
from okr_pipeline.warehouse.engine import statement, transaction
from okr_pipeline.warehouse.ledger import next_load

_MARGIN = timedelta(days=100)  # an interval may begin before its period, and a running count needs the day before that

_KEY_RESULTS = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("key_result", "objective", "metric", "unit", "type", "kind", "pace", "configuration")
        ),
        *((name, pa.float64()) for name in ("baseline", "target", "lower_bound", "upper_bound", "weight")),
        *((name, pa.date32()) for name in ("period_first", "period_last", "due", "during_first", "during_last")),
        *((name, pa.string()) for name in ("window_kind", "window_unit", "alongside_kind", "alongside_unit")),
        *((name, pa.int64()) for name in ("window_days", "alongside_days", "every_count", "stale_after")),
    ]
)


def score(connection: duckdb.DuckDBPyConnection, config: Config, as_of: date) -> tuple[Change, int]:
    """Scores all key results up to `as_of`, and later days already scored, in one transaction.

    Returns what changed and the number of the load. Rows that come out the same stay as they are; changed ones move to
    `history.key_results`.
    """
    last_scored = connection.execute("SELECT MAX(as_of) FROM scores.key_results").fetchall()[0][0]
    through = max(as_of, last_scored or as_of)
    _inputs(connection, config, through)
    status = config.organisation.status
    shapes = _shapes(config)
    for name, path, placeholders in (
        ("windows", "windows.sql", {"through": through}),
        ("window_values", "values.sql", {"shapes": shapes}),
        ("grounds", "grounds.sql", {}),
        ("new_scores", "scores.sql", {"on_track": status.on_track, "at_risk": status.at_risk}),
        ("new_objectives", "objectives.sql", {"on_track": status.on_track, "at_risk": status.at_risk}),
    ):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {statement(f'scoring/sql/{path}', **placeholders)}")
    with transaction(connection):
        load = next_load(connection)
        # What is no longer configured, or lies after `through`, stays as it was.
        scope = f"as_of <= DATE '{through}' AND {{}} IN (SELECT {{}} FROM {{}})"
        change = replace(
            connection, "scores.key_results", "new_scores", ("key_result", "as_of"),
            scope.format("key_result", "key_result", "key_results"), load,
        )  # fmt: skip
        replace(
            connection, "scores.objectives", "new_objectives", ("objective", "as_of"),
            scope.format("objective", "objective", "key_results"), load,
        )  # fmt: skip
        first = min(result.period.first for result in config.key_results.values())
        notes = {"configuration": config.hash}
        record(connection, load, Load("scores.key_results", first, through, change=change, notes=notes))
        remember(connection, config, load)
    return change, load


def earliest_day(config: Config) -> date:
    """The first day that any key result's window can reach back to: where a first ingestion begins."""
    return min(_reaches_back_to(result, config) for result in config.key_results.values())


def _reaches_back_to(result: KeyResult, config: Config) -> date:
    spec, first = result.spec, result.period.first
    windows = [window for window in (spec.over, spec.alongside) if window]
    units = [window.unit for window in windows if window.kind != "trailing"] + ([spec.every.unit] if spec.every else [])
    starts = [unit_first(first, unit, config.organisation.week_starts) for unit in units]
    trailing = max((window.days for window in windows), default=0)
    return min([first - timedelta(days=max(trailing - 1, 0)), *starts])


def _inputs(connection: duckdb.DuckDBPyConnection, config: Config, through: date) -> None:
    """The temp tables that the statements read: key_results, metric_parts, metric_tables, days, intervals."""
    results = pa.Table.from_pylist([_row(result) for result in config.key_results.values()], schema=_KEY_RESULTS)
    _temporary(connection, "key_results", results)
    number = {(shape["value"], shape["parts"]): index for index, shape in enumerate(_shapes(config))}
    used = {result.metric.id: result.metric for result in config.key_results.values()}.values()
    parts = [
        {
            "metric": m.id,
            "part": p.name,
            "function": p.aggregate.function,
            "shape": number[m.value, tuple(q.name for q in m.parts)],
        }
        for m in used
        for p in m.parts
    ]
    _temporary(connection, "metric_parts", pa.Table.from_pylist(parts))
    tables = [
        {
            "metric": metric.id,
            "table_name": name,
            "delay": config.tables[name].stream.delay,
            "is_level": all(p.aggregate.function == "latest" for p in metric.parts if name in p.tables),
        }
        for metric in used
        for name in metric.tables
    ]
    _temporary(connection, "metric_tables", pa.Table.from_pylist(tables))
    trailing = max(
        (w.days for r in config.key_results.values() for w in (r.spec.over, r.spec.alongside) if w), default=0
    )
    first = min(result.period.first for result in config.key_results.values()) - _MARGIN - timedelta(days=trailing)
    last = max(through, *(result.period.last for result in config.key_results.values())) + _MARGIN
    weekday = WEEKDAY[config.organisation.week_starts]
    calendar = statement("scoring/sql/calendar.sql", first=first, last=last, weekday=weekday)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calendar AS {calendar}")
    connection.execute("CREATE OR REPLACE TEMP TABLE days AS SELECT day FROM calendar")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE intervals AS {statement('scoring/sql/intervals.sql')}")


def _temporary(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    connection.register("handed_down", rows)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM handed_down")
    connection.unregister("handed_down")


def _shapes(config: Config) -> list[dict[str, Any]]:
    """The different formulas over parts: many metrics share one (`numerator / denominator`), so each is written once."""
    shapes = {
        (m.value, tuple(part.name for part in m.parts)): None for m in (r.metric for r in config.key_results.values())
    }
    return [{"value": value, "parts": parts} for value, parts in shapes]


def _row(result: KeyResult) -> dict[str, Any]:
    """A key result as the flat row that the SQL reads."""
    spec = result.spec
    amounts = {
        name: float(amount.value)
        for name in ("baseline", "target", "at_least", "at_most")
        if (amount := getattr(spec, name))
    }
    target = amounts.get("target", amounts.get("at_least", amounts.get("at_most")))
    over, beside, lower_upper = spec.over, spec.alongside, spec.between or (None, None)
    kind = "every" if spec.every else "during" if spec.during else over.kind if over else "to_date"
    return {
        "key_result": result.id,
        "objective": result.objective,
        "metric": result.metric.id,
        "unit": str(spec.every) if spec.every else result.metric.unit_name,
        "type": spec.type,
        "kind": spec.kind,
        "pace": spec.pace,
        "configuration": result.configuration,
        "baseline": amounts.get("baseline"),
        "target": target,
        "lower_bound": float(lower_upper[0].value) if lower_upper[0] else None,
        "upper_bound": float(lower_upper[1].value) if lower_upper[1] else None,
        "weight": float(spec.weight),
        "period_first": result.period.first,
        "period_last": result.period.last,
        "due": spec.due or result.period.last,
        "during_first": spec.during.first if spec.during else None,
        "during_last": spec.during.last if spec.during else None,
        "window_kind": kind,
        "window_unit": spec.every.unit if spec.every else over.unit if over else "period",
        "window_days": over.days if over else None,
        "every_count": spec.every.count if spec.every else None,
        "alongside_kind": beside.kind if beside else None,
        "alongside_unit": beside.unit if beside else None,
        "alongside_days": beside.days if beside else None,
        "stale_after": result.metric.stale_after,
    }
