"""Reading scores back: as of any day, as known at any instant."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pyarrow as pa

from okr_pipeline.config import Config
from okr_pipeline.warehouse.engine import statement


def scores_as_of(
    connection: duckdb.DuckDBPyConnection, config: Config, as_of: date, known_at: datetime | None = None
) -> pa.Table:
    """One row for each configured key result: the last one scored on or before `as_of`, as known at an instant (naive UTC).

    Columns are those of `scores.key_results` and `known_at`. Key results stand in the order of the configuration.
    """
    return _versions(connection, "key_results", "key_result", list(config.key_results), as_of, known_at)


def objectives_as_of(
    connection: duckdb.DuckDBPyConnection, config: Config, as_of: date, known_at: datetime | None = None
) -> pa.Table:
    """The same for objectives."""
    return _versions(connection, "objectives", "objective", [o.id for o in config.objectives], as_of, known_at)


def _versions(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    key: str,
    order: list[str],
    as_of: date,
    known_at: datetime | None,
) -> pa.Table:
    has_history = connection.execute(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'history' AND table_name = ?", [table]
    ).fetchall()[0][0]
    query = statement("scoring/sql/versions.sql", table=table, key=key, has_history=bool(has_history))
    connection.register("configured", pa.table({"id": order, "position": list(range(len(order)))}))
    try:
        known = known_at or datetime(9999, 12, 31)  # noqa: DTZ001 - naive UTC, as the ledger stores it
        return connection.sql(query, params=[known, known, as_of]).to_arrow_table()
    finally:
        connection.unregister("configured")
