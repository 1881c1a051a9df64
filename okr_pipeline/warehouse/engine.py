"""Opening the warehouse: late, briefly, one writer at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
import pyarrow as pa
import stamina

from okr_pipeline.errors import OkrError, WarehouseBusy

if TYPE_CHECKING:
    from jinja2 import Environment

T = TypeVar("T")
LOCK_PATIENCE = 60  # seconds to wait for another writer before giving up
ROW_GROUP = 122_880  # rows that DuckDB stores together


def statement(path: str, **names: object) -> str:
    """A `.sql` file of the package (`scoring/sql/values.sql`) with its placeholders filled in by already quoted text."""
    package, _, name = path.partition("/")
    return _templates(package).get_template(name).render(**names)


@cache
def _templates(package: str) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(  # noqa: S701 - SQL, not HTML
        loader=PackageLoader("okr_pipeline", package), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


class Warehouse:
    """`<home>/warehouse.duckdb`. Readers of the finished numbers use the published snapshot instead."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "warehouse.duckdb"

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse for writing, with external access off and the configuration locked; waits for another writer.

        Raises WarehouseBusy when another process keeps it open for longer than a minute, and OkrError when what is in it
        cannot be read, or nothing can be written to it any more.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        connection = self.when_free(lambda: duckdb.connect(self.path))
        try:
            create_schema(connection)
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        except duckdb.Error as error:
            if not _is_of_the_file(error):
                raise
            raise OkrError(
                f"{self.path} cannot be used: {error}; see that its disk has room, and if it is damaged, restore it from "
                f"{self.home}/published/okr.duckdb"
            ) from None
        finally:
            connection.close()

    def when_free(self, opened: Callable[[], T]) -> T:
        """What `opened` returns, tried again while another process holds the warehouse; WarehouseBusy after a minute."""
        try:
            for attempt in stamina.retry_context(on=_is_locked, attempts=None, timeout=LOCK_PATIENCE, wait_max=2):
                with attempt:
                    return opened()
        except duckdb.Error as error:
            if _is_locked(error):
                raise WarehouseBusy(
                    f"{self.path} is open in another process; close it there (to look at the numbers, open "
                    f"{self.home}/published/okr.duckdb instead) and run again"
                ) from None
            raise OkrError(
                f"{self.path} cannot be opened: {error}; restore it from {self.home}/published/okr.duckdb"
            ) from None
        raise AssertionError("unreachable: stamina re-raises the last error")


def create_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes all schemas, the ledger and the score tables where they are missing, and what an earlier version made anew."""
    schema = statement("warehouse/sql/schema.sql", months=statement("warehouse/sql/months.sql", which="TRUE"))
    wide = _schemas_with(connection, "key_results", "as_of")
    wider = _schemas_with(connection, "outcomes", "key_result")
    if "scores" not in wide + wider:
        connection.execute(schema)
        return
    with transaction(connection):
        for each in wide:
            connection.execute(f"ALTER TABLE {each}.key_results RENAME TO wide")
        for each in wider:
            connection.execute(f"CREATE TABLE {each}.wide AS FROM {each}.key_results")
        for each in wider:
            connection.execute(f"DROP VIEW {each}.key_results; DROP TABLE {each}.outcomes")
        if wider:
            connection.execute("DROP TABLE scores.agreements")
        connection.execute(schema)
        agreed, outcomes = (
            [name for name in columns_of(connection, f"scores.{table}") if name != "agreement"]
            for table in ("agreements", "outcomes")
        )
        connection.execute(statement("warehouse/sql/narrow.sql", wide=wide or wider, agreed=agreed, outcomes=outcomes))


def columns_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """The names of its columns, in order, with their types."""
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {relation}").fetchall()}


def _schemas_with(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> list[str]:
    """Of the scores and their history, those in which a table (not a view) of this name has this column."""
    query = (
        "SELECT schema_name FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, schema_name, table_name)"
        " WHERE database_name = CURRENT_DATABASE() AND schema_name IN ('scores', 'history')"
        " AND table_name = ? AND column_name = ?"
    )
    return [row[0] for row in connection.execute(query, [table, column]).fetchall()]


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def temporary(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """A temp table of these rows, in place of one of that name."""
    connection.register("handed_down", rows)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM handed_down")
    connection.unregister("handed_down")


def _is_locked(error: Exception) -> bool:
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _is_of_the_file(error: duckdb.Error) -> bool:
    """A disk without room, or a broken block, which DuckDB gives no class of its own."""
    return isinstance(error, (duckdb.IOException, duckdb.FatalException)) or type(error) is duckdb.Error


def quoted(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'
