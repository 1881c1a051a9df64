"""What metrics are made of, as the scoring statements read it: their formulas, parts and tables."""

from __future__ import annotations

from operator import attrgetter
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
# What of a part decides how it is put together.
_FORM = attrgetter("name", "aggregate.function", "source", "tables", "counts_from")


class Numbered(dict[T, int]):
    """Each different thing that was asked for, with a number."""

    def __missing__(self, key: T) -> int:
        self[key] = number = len(self)
        return number


class Formulas:
    """What metrics are made of, told apart and numbered: many metrics share a formula, or the tables that they rest on."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, config: Config) -> None:
        self._config = config
        self._gaps: dict[str, frozenset[str]] = {
            metric: frozenset(parts)
            for metric, parts in connection.execute(
                "SELECT metric, LIST(DISTINCT part) FROM metric.parts WHERE value IS NULL GROUP BY metric"
            ).fetchall()
        }
        self._metrics: dict[str, tuple[int, int, int]] = {}
        self._forms: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._shapes: Numbered[_Shape] = Numbered()
        self._sources: Numbered[tuple[_Read, ...]] = Numbered()

    def numbers(self, metric: Metric) -> tuple[int, int, int]:
        """Of the metric, of its formula, and of what it rests on."""
        if metric.id not in self._metrics:
            gaps = self._gaps.get(metric.id, frozenset())
            form = (metric.value, metric.stale_after is None, gaps, *map(_FORM, metric.parts))
            if form not in self._forms:
                self._forms[form] = self._shapes[_shape(metric, gaps)], self._sources[_read(self._config, metric)]
            self._metrics[metric.id] = (len(self._metrics), *self._forms[form])
        return self._metrics[metric.id]

    def hand_down(self, connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
        """Makes the temp tables `formulas` and `source_tables` (what a formula rests on), and both together as `metric_tables`.

        Returns the different formulas, for values.sql.
        """
        columns = [[*self._metrics], *zip(*self._metrics.values(), strict=True)]
        temporary(connection, "formulas", pa.table(columns, schema=_FORMULAS))
        tables = [{"sources": number} | table._asdict() for tables, number in self._sources.items() for table in tables]
        temporary(connection, "source_tables", pa.Table.from_pylist(tables, _SOURCE_TABLES))
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW metric_tables AS"
            " SELECT f.metric, t.* FROM formulas AS f JOIN source_tables AS t ON t.sources = f.sources"
        )
        return [shape._asdict() | {"number": number} for shape, number in self._shapes.items()]


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


def _shape(metric: Metric, with_gaps: frozenset[str]) -> _Shape:
    dated = metric.stale_after is not None or metric.is_manual
    parts = []
    for number, part in enumerate(metric.parts):
        function = part.aggregate.function
        is_level = function == "latest"
        # What is added up day by day; where rows count only later, sums depend on the as-of day too.
        running = function in ("sum", "count", "latest") and part.counts_from is None
        tracked = dated or (not is_level and part.name in with_gaps)
        is_manual = part.source == checkins.TABLE
        parts.append(PartOfShape(number, part.name, None if running else function, is_level, is_manual, tracked))
    return _Shape(metric.value, tuple(parts), dated)
