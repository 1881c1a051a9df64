"""raw → metrics: each metric's parts per day, from the raw tables and the views over them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import duckdb

from okr_pipeline.config import Config, Metric, Part
from okr_pipeline.errors import ConfigError, DataRejected
from okr_pipeline.warehouse import Change, replace
from okr_pipeline.warehouse.engine import quoted, statement, transaction
from okr_pipeline.warehouse.landing import prepare
from okr_pipeline.warehouse.ledger import next_load

_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$|DECIMAL|DOUBLE$|FLOAT$")

# What a part stores per day. Sums are DECIMAL, so that the order of addition never shows.
_STORED = {
    "sum": "SUM(CAST({value} AS DECIMAL(38, 9)))",
    "count": "COUNT({value})",
    "count_distinct": "NULL",
    "min": "MIN({value})",
    "max": "MAX({value})",
    "latest": "SUM(CAST({value} AS DECIMAL(38, 9)))",
}


def bind(connection: duckdb.DuckDBPyConnection, config: Config) -> None:
    """Makes the raw tables that have no load yet, and the views; proves that every part's SQL fits their columns.

    Raises ConfigError naming the place of the view or metric that does not.
    """
    for table in config.tables.values():
        connection.register("declared", table.stream.schema.empty_table())
        try:
            prepare(connection, f"raw.{quoted(table.name)}", table.name, "declared", table.stream.key)
        finally:
            connection.unregister("declared")
    for view in config.views.values():
        try:
            connection.execute(f"CREATE OR REPLACE VIEW views.{quoted(view.name)} AS {view.sql}")
        except duckdb.Error as error:
            place = f"{config.directory.name}/views/{view.name}.sql:1"
            raise ConfigError(f"{place}: {_first_line(error)}; correct the SELECT") from None
    for metric in config.metrics.values():
        for part in metric.parts:
            try:
                connection.execute(f"EXPLAIN {part_sql(config, metric, part)}").fetchall()
            except duckdb.Error as error:
                raise ConfigError(
                    f"{metric.place}: {part.name}: {_first_line(error)}; correct the formula or the column's type"
                ) from None
            _is_number(connection, config, metric, part)
        combined = ", ".join(f"CAST(1 AS DECIMAL(38, 9)) AS {quoted(part.name)}" for part in metric.parts)
        try:
            kind = _type(connection, f"SELECT {metric.value} AS v FROM (SELECT {combined})")
        except duckdb.Error as error:
            raise ConfigError(f"{metric.place}: {_first_line(error)}; correct the formula") from None
        if not _NUMBER.match(kind):
            raise ConfigError(f"{metric.place}: the formula gives {kind}, not a number; write one that can be scored")


def measure(connection: duckdb.DuckDBPyConnection, config: Config, metrics: Iterable[Metric]) -> Change:
    """Brings `metric.parts` up to date for the metrics given. Raises DataRejected when rows do not fit a formula."""
    chosen = list(metrics)
    with transaction(connection):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE measured AS SELECT * EXCLUDE (_load) FROM metric.parts LIMIT 0"
        )
        for metric, part in ((owner, part) for owner in chosen for part in owner.parts):
            try:
                connection.execute(f"INSERT INTO measured {part_sql(config, metric, part)}")
            except (duckdb.DataError, duckdb.ProgrammingError) as error:  # and no fault of the warehouse itself
                raise DataRejected(
                    f"{metric.place}: {_first_line(error)}; look at the rows of {', '.join(metric.tables)}"
                ) from None
        listed = ", ".join(f"'{metric.id}'" for metric in chosen)
        key = ("metric", "part", "day", "counts_from", "item")
        load = next_load(connection)
        scope = f"metric IN ({listed})"
        change = replace(connection, "metric.parts", "measured", key, scope, load, keep_history=False)
        if change.inserted + change.changed + change.vanished:
            compared = change.unchanged + change.changed + change.vanished
            touched = "differing" if compared else "measured"
            connection.execute(f"INSERT INTO metric.unscored SELECT metric, MIN(day) FROM {touched} GROUP BY metric")
            add_up(connection, touched)
        return change


def add_up(connection: duckdb.DuckDBPyConnection, touched: str) -> None:
    """Brings `metric.months` up to date for the months that a relation has rows of (columns `metric` and `day`)."""
    months = f"(SELECT metric, DATE_TRUNC('month', day) FROM {touched})"
    connection.execute(f"DELETE FROM metric.months WHERE (metric, month_first) IN {months}")
    added_up = statement("warehouse/sql/months.sql", which=f"(metric, DATE_TRUNC('month', day)) IN {months}")
    connection.execute(f"INSERT INTO metric.months {added_up}")


def part_sql(config: Config, metric: Metric, part: Part) -> str:
    """The query that makes one part of one metric, per day."""
    return daily_sql(metric.id, part, _source(config, part), of_view=part.source in config.views)


def daily_sql(metric: str, part: Part, source: str, *, of_view: bool) -> str:
    """The same from any relation that has the columns of the part's table or view."""
    aggregate = part.aggregate
    conditions = [part.where or "TRUE", *([f"{aggregate.item} IS NOT NULL"] if aggregate.item else [])]
    return statement(
        "scoring/sql/parts.sql",
        metric=metric,
        part=part.name,
        day=quoted(part.date),
        counts_from=quoted(part.counts_from or part.date),
        item=aggregate.item or "NULL",
        aggregate=_STORED[aggregate.function].format(value=aggregate.value or "*"),
        loads="FLATTEN(LIST(_loads))" if of_view else "LIST(_load)",
        source=source,
        where=" AND ".join(conditions),
    )


def _is_number(connection: duckdb.DuckDBPyConnection, config: Config, metric: Metric, part: Part) -> None:
    """Else it is found while scoring, and takes the other key results with it."""
    if part.aggregate.value is None or part.aggregate.function == "count":
        return
    kind = _type(connection, f"SELECT {part.aggregate.value} AS v FROM {_source(config, part)}")
    if not _NUMBER.match(kind):
        what = part.aggregate.value.replace('"', "`")
        raise ConfigError(
            f"{metric.place}: {part.name}: {what} is {kind}, not a number; count it, or declare its column a number"
        )


def _type(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    return str(connection.execute(f"DESCRIBE {query}").fetchall()[0][1])


def _source(config: Config, part: Part) -> str:
    return f"{'views' if part.source in config.views else 'raw'}.{quoted(part.source)}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
