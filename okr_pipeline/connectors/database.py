"""One SQL database: opened read-only, asked, closed, and its errors told in our words. Imports SQLAlchemy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable

STATEMENT_SECONDS = 600
# By driver, unless the URL's own query sets them: how long connecting may take, in seconds.
TIMEOUTS: dict[str, dict[str, int]] = {
    "pysqlite": {"timeout": 15},
    "psycopg": {"connect_timeout": 15},
    "psycopg2": {"connect_timeout": 15},
    "pymysql": {"connect_timeout": 15, "read_timeout": STATEMENT_SECONDS},
    "mysqldb": {"connect_timeout": 15, "read_timeout": STATEMENT_SECONDS},
}
# By server: read only, instants in UTC whatever the server's zone, and no statement without an end.
SESSION: dict[str, tuple[str, ...]] = {
    "sqlite": ("PRAGMA query_only = ON",),
    "postgresql": (
        "SET TRANSACTION READ ONLY",
        "SET TIME ZONE 'UTC'",
        f"SET statement_timeout = '{STATEMENT_SECONDS}s'",
    ),
    "mysql": (
        "SET SESSION TRANSACTION READ ONLY",
        "SET time_zone = '+00:00'",
        f"SET max_execution_time = {STATEMENT_SECONDS * 1000}",
    ),
    "mariadb": (
        "SET SESSION TRANSACTION READ ONLY",
        "SET time_zone = '+00:00'",
        f"SET max_statement_time = {STATEMENT_SECONDS}",
    ),
}
TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "decimal": sa.Numeric(38, 9),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(),
}
PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
Asked = tuple[sa.Connection, sa.CursorResult[Any]]
Parts = Iterator[Sequence[sa.Row[Any]]]
REFUSED = re.compile(
    r"authentication failed|(access|permission|command) denied|no password supplied|login failed|unknown database"
    r'|(role|database) ".*" does not exist|file is not a database',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Selection:
    """Columns (name -> type in YAML) of a table, ordered by the key.

    `bounds` keeps first ≤ column < last; `changed` adds the rows of other days in which column ≥ since.
    """

    table: str
    schema: str | None
    columns: Mapping[str, str]
    order: tuple[str, ...]
    bounds: tuple[str, date | datetime, date | datetime] | None
    changed: tuple[str, datetime] | None = None

    def statement(self, dialect: str) -> sa.Select[Any]:
        """The SELECT: names quoted, values bound.

        SQLite has no types for days: there all columns come as text, and days that it cannot read come in every window,
        so that they are refused and not overlooked.
        """
        columns = {name: sa.column(name, TYPES[kind]) for name, kind in self.columns.items()}
        sqlite = dialect == "sqlite"
        chosen = [sa.cast(column, sa.Text).label(name) if sqlite else column for name, column in columns.items()]
        table = sa.table(self.table, *columns.values(), schema=self.schema)
        query = sa.select(*chosen).select_from(table).order_by(*(columns[name] for name in self.order))
        if self.bounds is None:
            return query
        name, first, after = self.bounds
        instant = (
            sa.func.datetime if sqlite else lambda value: value
        )  # in one form and in UTC, whatever the rows' form is
        day = instant(columns[name])
        wanted = sa.and_(day >= instant(_bound(first, sqlite)), day < instant(_bound(after, sqlite)))
        if self.changed is not None:
            column, since = self.changed
            later = instant(columns[column]) >= instant(_bound(since, sqlite))
            wanted = sa.or_(wanted, sa.and_(later, columns[name].is_not(None)))
        if sqlite:
            wanted = sa.or_(wanted, sa.and_(columns[name].is_not(None), day.is_(None)))
        return query.where(wanted)


def _bound(instant: date | datetime, sqlite: bool) -> Any:
    return str(instant) if sqlite else instant


class Database:
    """A database by its URL; `name` is the connector's, for messages. Close it when done."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.engine = _engine(name, url)

    def close(self) -> None:
        """Gives the connections back."""
        self.engine.dispose()

    @contextmanager
    def asked(
        self, selection: Selection, rows: int, patiently: Callable[[Callable[[], Asked]], Asked]
    ) -> Iterator[Parts]:
        """The answer, streamed in parts of so many rows; only asking is repeated, by `patiently`."""
        connection, result = patiently(lambda: self._ask(selection, rows))
        with connection, self._told(selection), closing(result):
            yield result.partitions()

    def _ask(self, selection: Selection, rows: int) -> Asked:
        with self._told(None):
            connection = self.engine.connect()
        dialect = self.engine.dialect.name
        # Most write mysql+pymysql:// for MariaDB too; which of the two it is, is known once connected.
        server = "mariadb" if getattr(self.engine.dialect, "is_mariadb", False) else dialect
        try:
            with self._told(selection):
                for setting in SESSION.get(server, ()):
                    connection.exec_driver_sql(setting)
                return connection, connection.execution_options(yield_per=rows).execute(selection.statement(dialect))
        except BaseException:
            connection.close()
            raise

    @contextmanager
    def _told(self, selection: Selection | None) -> Iterator[None]:
        """SQLAlchemy's errors as ours; give what was asked for once there is a connection."""
        try:
            yield
        except exc.SQLAlchemyError as error:
            raise self._meaning(error, selection) from None  # without the cause, which may hold the URL

    def _meaning(self, error: exc.SQLAlchemyError, selection: Selection | None) -> OkrError:
        url = self.engine.url
        at = f"{self.name}: {url.set(query={}).render_as_string(hide_password=True)}"
        text = " ".join(_words(error).split()).rstrip(".?")
        secrets = [url.password, *(str(value) for name, value in url.query.items() if re.search("pass|key|tok", name))]
        for secret in filter(None, secrets):
            text = text.replace(str(secret), "***")
        if isinstance(error, exc.DataError):
            return DataRejected(f"{at}: {text}. Look at the rows, or declare the column as text.")
        lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
        if selection and not lost and (missing := self._missing(selection)):
            return SourceRejected(f"{self.name}: {missing}")
        if REFUSED.search(text):
            return SourceRejected(f"{at}: {text}. Mend the user, the password, the database or the permission.")
        if lost or isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError):
            return SourceUnavailable(f"{at}: {text}. Check that the database runs and can be reached from here.")
        return SourceRejected(f"{at}: {text}. Mend url, or the stream's declaration.")

    def _missing(self, selection: Selection) -> str | None:
        """Which table or column the database does not have, if that is what was wrong."""
        table, schema = selection.table, selection.schema
        try:
            look = sa.inspect(self.engine)
            if not look.has_table(table, schema=schema):
                there = sorted([*look.get_table_names(schema), *look.get_view_names(schema)])
                return f"there is no table {table}. Write one that is there: {', '.join(there) or 'none is'}."
            found = [column["name"] for column in look.get_columns(table, schema=schema)]
        except exc.SQLAlchemyError:
            return None
        absent = [name for name in selection.columns if name not in found]
        if not absent:
            return None
        return f"table {table} has no column {', '.join(absent)}. Write one that is there: {', '.join(found)}."


def _words(error: exc.SQLAlchemyError) -> str:
    """The driver's own words; MySQL's drivers put the error's number before them."""
    match getattr(getattr(error, "orig", None), "args", ()):
        case (int(), str(words)):
            return words
    return str(getattr(error, "orig", None) or error)


def _engine(name: str, address: str) -> sa.Engine:
    remedy = "Write it as dialect+driver://user:password@host/database."
    try:
        url = sa.make_url(address)
    except (exc.ArgumentError, ValueError):  # a password's own : or @ is taken for that before a port
        raise SourceRejected(
            f"{name}: url is not a database URL. {remedy} In a password write @ as %40, : as %3A and / as %2F."
        ) from None
    path = url.database if url.get_backend_name() == "sqlite" else None
    if path and path != ":memory:" and not path.startswith("file:") and not Path(path).is_file():
        # SQLite would create it, and an empty database would look like a source without tables
        raise SourceRejected(f"{name}: the SQLite file {path} does not exist. Mend the path in url.")
    try:
        limits = TIMEOUTS.get(url.get_driver_name(), {})
        arguments = {argument: value for argument, value in limits.items() if argument not in url.query}
        return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True, connect_args=arguments)
    except exc.NoSuchModuleError:
        raise SourceRejected(
            f"{name}: SQLAlchemy knows no {url.drivername}. {remedy} Some databases need a dialect installed with pip."
        ) from None
    except ModuleNotFoundError as error:
        package = PACKAGES.get(error.name or "", error.name)
        raise SourceRejected(
            f"{name}: the driver for {url.drivername} is not installed. Run: pip install '{package}'"
        ) from None
