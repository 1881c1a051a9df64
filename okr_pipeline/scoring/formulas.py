"""What metrics are made of, as the scoring statements read it: their formulas, parts and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config, Metric, checkins
from okr_pipeline.warehouse.engine import temporary

T = TypeVar("T")
_FORMULAS = pa.schema(
    [("metric", pa.string()), ("metric_number", pa.int32()), ("shape", pa.int32()), ("sources", pa.int32())]
)
_SOURCE_TABLES = pa.schema(
    [("sources", pa.int32()), ("table_name", pa.string()), ("delay", pa.int64()), ("is_level", pa.bool_())]
)


class Formulas(NamedTuple):
    """Numbers of metrics and of what they rest on, by the metric's id, and the different formulas: many metrics share one."""

    metrics: dict[str, int]
    sources: dict[str, int]
    shapes: list[dict[str, Any]]  # for values.sql


def hand_down_formulas(connection: duckdb.DuckDBPyConnection, config: Config, metrics: Sequence[Metric]) -> Formulas:
    """Makes the temp tables `formulas` and `source_tables` (what a formula rests on), and both together as `metric_tables`."""
    read = [_read(config, metric) for metric in metrics]
    gaps = set(connection.execute("SELECT DISTINCT metric, part FROM metric.parts WHERE value IS NULL").fetchall())
    shapes = [_shape(metric, gaps) for metric in metrics]
    sources, forms = numbered(read), numbered(shapes)
    names, rests_on = [metric.id for metric in metrics], [sources[tables] for tables in read]
    columns = [names, range(len(names)), [forms[shape] for shape in shapes], rests_on]
    temporary(connection, "formulas", pa.table(columns, schema=_FORMULAS))
    tables = [{"sources": number} | table._asdict() for tables, number in sources.items() for table in tables]
    temporary(connection, "source_tables", pa.Table.from_pylist(tables, _SOURCE_TABLES))
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW metric_tables AS"
        " SELECT f.metric, t.* FROM formulas AS f JOIN source_tables AS t ON t.sources = f.sources"
    )
    return Formulas(
        {name: number for number, name in enumerate(names)},
        dict(zip(names, rests_on, strict=True)),
        [shape._asdict() | {"number": number} for shape, number in forms.items()],
    )


def numbered(those: Iterable[T]) -> dict[T, int]:
    """Each different one, with a number."""
    return {each: number for number, each in enumerate(dict.fromkeys(those))}


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
    """What decides how a part is put together: by running sums, or a `function` of its rows; `tracked` where its days matter."""

    number: int
    name: str
    function: str | None
    is_level: bool
    is_manual: bool
    tracked: bool

    @property
    def running(self) -> bool:
        """Whether the value over a window is the difference of two running sums."""
        return self.function is None


class _Shape(NamedTuple):
    """A formula over parts. `dated`: the day of the newest observation is asked for."""

    value: str
    parts: tuple[PartOfShape, ...]
    dated: bool


def _shape(metric: Metric, with_gaps: set[tuple[str, str]]) -> _Shape:
    dated = metric.stale_after is not None or metric.is_manual
    parts = []
    for number, part in enumerate(metric.parts):
        function = part.aggregate.function
        is_level = function == "latest"
        # What is added up day by day; where rows count only later, sums depend on the as-of day too.
        running = function in ("sum", "count", "latest") and part.counts_from is None
        tracked = dated or (not is_level and (metric.id, part.name) in with_gaps)
        is_manual = part.source == checkins.TABLE
        parts.append(PartOfShape(number, part.name, None if running else function, is_level, is_manual, tracked))
    return _Shape(metric.value, tuple(parts), dated)
