"""What metrics are made of, as the scoring statements read it: their formulas, parts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config, Metric, Part, checkins
from okr_pipeline.warehouse.engine import statement, temporary

_METRIC_PARTS = pa.schema(
    [
        ("metric", pa.string()),
        ("metric_number", pa.int32()),
        ("shape", pa.int32()),
        ("part", pa.string()),
        ("position", pa.int32()),  # in its formula
        ("function", pa.string()),
        ("running", pa.bool_()),
        ("is_manual", pa.bool_()),
    ]
)
_METRIC_TABLES = pa.schema(
    [
        ("metric", pa.string()),
        ("sources", pa.int32()),
        ("table_name", pa.string()),
        ("delay", pa.int64()),
        ("is_level", pa.bool_()),
    ]
)


class Formulas(NamedTuple):
    """Numbers of metrics and of what they rest on, by the metric's id, and the different formulas: many metrics share one."""

    metrics: dict[str, int]
    sources: dict[str, int]
    shapes: list[dict[str, Any]]  # for values.sql


def hand_down_formulas(connection: duckdb.DuckDBPyConnection, config: Config, metrics: Sequence[Metric]) -> Formulas:
    """Makes the temp tables `metric_parts` and `metric_tables`."""
    read = {metric.id: _read(config, metric) for metric in metrics}
    numbers = {tables: number for number, tables in enumerate(dict.fromkeys(read.values()))}
    sources = {metric: numbers[tables] for metric, tables in read.items()}
    tables = [
        {"metric": metric, "sources": sources[metric]} | table._asdict()
        for metric, tables in read.items()
        for table in tables
    ]
    temporary(connection, "metric_tables", pa.Table.from_pylist(tables, _METRIC_TABLES))
    gaps = set(connection.execute("SELECT DISTINCT metric, part FROM metric.parts WHERE value IS NULL").fetchall())
    shapes = {metric.id: _shape(metric, gaps) for metric in metrics}
    shape_numbers = {shape: number for number, shape in enumerate(dict.fromkeys(shapes.values()))}
    parts = [
        {
            "metric": metric.id,
            "metric_number": number,
            "shape": shape_numbers[shapes[metric.id]],
            "part": part.name,
            "position": position,
            "function": part.aggregate.function,
            "running": _running(part),
            "is_manual": part.source == checkins.TABLE,
        }
        for number, metric in enumerate(metrics)
        for position, part in enumerate(metric.parts)
    ]
    temporary(connection, "metric_parts", pa.Table.from_pylist(parts, _METRIC_PARTS))
    return Formulas(
        {metric.id: number for number, metric in enumerate(metrics)},
        sources,
        [shape._asdict() | {"number": number} for shape, number in shape_numbers.items()],
    )


def over_windows(connection: duckdb.DuckDBPyConnection, shapes: Sequence[dict[str, Any]]) -> str:
    """The query for the value of each metric that `asked` names over each of its `windows`, see values.sql.

    The days are added up one shape after the other, into temp tables: several at a time would push each other out of the
    processor's cache.
    """
    for shape in shapes:
        if any(part.running for part in shape["parts"]):
            daily = statement("scoring/sql/daily.sql", shape=shape)
            connection.execute(f"CREATE OR REPLACE TEMP TABLE daily_{shape['number']} AS {daily}")
    return " UNION ALL BY NAME ".join(f"({statement('scoring/sql/values.sql', shape=shape)})" for shape in shapes)


class _Read(NamedTuple):
    """A table that a metric rests on. What people say is not fetched, so no day of it can be missing."""

    table_name: str
    delay: int
    is_level: bool


def _read(config: Config, metric: Metric) -> tuple[_Read, ...]:
    return tuple(
        _Read(
            name,
            config.tables[name].stream.delay,
            all(part.aggregate.function == "latest" for part in metric.parts if name in part.tables),
        )
        for name in metric.tables
        if name != checkins.TABLE
    )


class PartOfShape(NamedTuple):
    """What decides how a part is put together: `running` where running sums serve it, `tracked` where its days do too."""

    number: int
    name: str
    running: bool
    is_level: bool
    is_manual: bool
    tracked: bool


class _Shape(NamedTuple):
    """A formula over parts. `dated`: the day of the newest observation is asked for."""

    value: str
    parts: tuple[PartOfShape, ...]
    dated: bool


def _shape(metric: Metric, with_gaps: set[tuple[str, str]]) -> _Shape:
    dated = metric.stale_after is not None or metric.is_manual
    parts = []
    for number, part in enumerate(metric.parts):
        is_level, has_gaps = part.aggregate.function == "latest", (metric.id, part.name) in with_gaps
        parts.append(
            PartOfShape(
                number,
                part.name,
                _running(part),
                is_level,
                is_manual=part.source == checkins.TABLE,
                tracked=dated or (has_gaps and not is_level),
            )
        )
    return _Shape(metric.value, tuple(parts), dated)


def _running(part: Part) -> bool:
    """What is added up day by day; where rows count only later, sums depend on the as-of day too."""
    return part.aggregate.function in ("sum", "count", "latest") and part.counts_from is None
