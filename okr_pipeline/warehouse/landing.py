"""Replacing a window of a table by what was just pulled, in one transaction, writing only what differs.

Rows that did not change keep the load they came with; rows that changed or vanished move to history with the load that
superseded them. So a quiet night writes nothing, a retry is idempotent, and the past stays askable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from okr_pipeline.errors import ConfigError, DataRejected
from okr_pipeline.warehouse.engine import columns_of, quoted


@dataclass(frozen=True)
class Change:
    """How many rows a replace touched."""

    received: int
    inserted: int
    changed: int
    vanished: int
    unchanged: int


WIDER = ("BIGINT", "DECIMAL(38,9)")  # the one change of type in which no row of the past changes
NOTHING = Change(0, 0, 0, 0, 0)


def replace(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    staged: str,
    key: Sequence[str],
    scope: str,
    load: int,
    *,
    keep_history: bool = True,
    distinct: bool = False,
    one: str | None = None,
) -> Change:
    """Makes the rows of `table` (`schema.name`) within `scope` (an SQL condition) equal to the rows of the relation `staged`.

    Runs inside the caller's transaction. Raises DataRejected when two staged rows share a key and differ, which is looked for
    unless they are `distinct` by the way they were made. Rows that have the key, or `one` (SQL over their columns), in common are
    versions of one row: it changed.
    """
    schema, _, name = table.partition(".")
    place = f"{schema}.{quoted(name)}"
    columns = prepare(connection, place, name, staged, key)
    listed = ", ".join(map(quoted, columns))
    doubles = 0
    if not distinct:
        staged, doubles = _without_duplicates(connection, table, staged, key, listed)
    existing = _count(connection, f"SELECT COUNT(*) FROM {place} WHERE {scope}")
    insert = f"INSERT INTO {place} ({listed}, _load) SELECT {listed}, {load} FROM"
    if not existing:
        # The first load of a window: nothing to compare with, so the columns go straight in.
        inserted = _count(connection, f"{insert} {staged}")
        return Change(inserted + doubles, inserted, 0, 0, 0)
    differing = _differing(connection, place, staged, scope, columns)
    gone = _count(connection, "SELECT COUNT(_row) FROM differing")
    changed = _count(
        connection,
        f"SELECT COUNT(*) FROM (SELECT 1 FROM differing GROUP BY {one or ', '.join(map(quoted, key))}"
        " HAVING COUNT(_row) BETWEEN 1 AND COUNT(*) - 1)",
    )
    if gone:
        if keep_history:
            leaving = "FROM differing WHERE _row IS NOT NULL"
            connection.execute(
                f"INSERT INTO history.{quoted(name)} BY NAME SELECT * EXCLUDE (_row), {load} AS _superseded {leaving}"
            )
        connection.execute(f"DELETE FROM {place} WHERE rowid IN (SELECT _row FROM differing)")
    if added := differing - gone:
        connection.execute(f"{insert} differing WHERE _row IS NULL")
    return Change(existing - gone + added + doubles, added - changed, changed, gone - changed, existing - gone)


def _differing(
    connection: duckdb.DuckDBPyConnection, place: str, staged: str, scope: str, columns: Sequence[str]
) -> int:
    """Makes the temp table `differing`, counts its rows: those that must go, whole, by `_row`, and those to come, without one.

    Whole rows are compared, not keys: one pass finds both sides, and a stream whose key is declared anew heals itself.
    """
    same = " AND ".join(f"s.{quoted(c)} IS NOT DISTINCT FROM c.{quoted(c)}" for c in columns)
    either = ", ".join(f"COALESCE(s.{quoted(c)}, c.{quoted(c)}) AS {quoted(c)}" for c in columns)
    staged_no_more = f"c.* EXCLUDE (rowid, {', '.join(map(quoted, columns))})"  # and _load
    return _count(
        connection,
        f"CREATE OR REPLACE TEMP TABLE differing AS SELECT c.rowid AS _row, {either}, {staged_no_more}"
        f" FROM (SELECT rowid, * FROM {place} WHERE {scope}) AS c"
        f" FULL JOIN (SELECT *, TRUE AS _staged FROM {staged}) AS s ON {same}"
        " WHERE c.rowid IS NULL OR s._staged IS NULL",
    )


def prepare(connection: duckdb.DuckDBPyConnection, place: str, name: str, staged: str, key: Sequence[str]) -> list[str]:
    """Makes the table and its history where they are missing, adds new columns, lets whole numbers have fractions from now on,
    and returns the staged columns."""
    types = columns_of(connection, f"SELECT * FROM {staged}")
    columns = ", ".join(f"{quoted(c)} {t}{' NOT NULL' if c in key else ''}" for c, t in types.items())
    connection.execute(f"CREATE TABLE IF NOT EXISTS {place} ({columns}, _load BIGINT NOT NULL)")
    for where in (place, f"history.{quoted(name)}"):
        if where != place:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {where} AS SELECT *, _load AS _superseded FROM {place} LIMIT 0"
            )
        present = columns_of(connection, where)
        for column, kind in types.items():
            if column not in present:
                connection.execute(f"ALTER TABLE {where} ADD COLUMN {quoted(column)} {kind}")
            elif (present[column], kind) == WIDER:
                connection.execute(f"ALTER TABLE {where} ALTER COLUMN {quoted(column)} TYPE {kind}")
            elif present[column] != kind:
                raise ConfigError(
                    f"the column `{column}` of {place} is {present[column]} in the warehouse and {kind} in the configuration;"
                    " declare the new type under a new column name, or rename the stream, whose table is then made anew"
                )
    return list(types)


def _without_duplicates(
    connection: duckdb.DuckDBPyConnection, table: str, staged: str, key: Sequence[str], listed: str
) -> tuple[str, int]:
    """`staged`, or its distinct rows where some came twice (as paging under changing data does); and how many fewer."""
    keys = ", ".join(map(quoted, key))
    # As many hashes as rows prove that no key is there twice, without holding a million keys; equal hashes prove nothing.
    if not _count(connection, f"SELECT COUNT(*) - COUNT(DISTINCT HASH({keys})) FROM {staged}"):
        return staged, 0
    twice = f"SELECT {keys} FROM {{}} GROUP BY ALL HAVING COUNT(*) > 1 LIMIT 1"
    if not connection.execute(twice.format(staged)).fetchall():
        return staged, 0
    sent = _count(connection, f"SELECT COUNT(*) FROM {staged}")
    kept = _count(connection, f"CREATE OR REPLACE TEMP TABLE deduplicated AS SELECT DISTINCT {listed} FROM {staged}")
    if conflict := connection.execute(twice.format("deduplicated")).fetchall():
        which = ", ".join(f"{column} {value}" for column, value in zip(key, conflict[0], strict=True))
        raise DataRejected(
            f"{table}: two different rows have the key ({which}); correct the source, or the `key` of the stream"
        )
    return "deduplicated", sent - kept


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchall()[0]
    return int(row[0])
