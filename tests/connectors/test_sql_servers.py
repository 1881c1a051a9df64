"""The sql connector against real PostgreSQL and MariaDB servers, each started once for this file."""
# ruff: noqa: DTZ001 - instants in the warehouse are naive, in UTC

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from database_servers import PASSWORD, Server, mariadb, postgresql

from okr_pipeline.config import Table
from okr_pipeline.connectors import sql as module
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.database import Database
from okr_pipeline.connectors.sql import SQL, SqlSettings
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable
from okr_pipeline.ingest import ingest
from okr_pipeline.warehouse import Warehouse

LEADS: dict[str, Any] = {
    "table": "leads",
    "key": ["lead_id"],
    "date": "created_on",
    "columns": {
        "lead_id": "text",
        "created_at": "timestamp",
        "amount": "decimal",
        "qualified": "boolean",
        "due": "date",
    },
    "days": {"created_on": "created_at"},
}
CREATE = {
    "postgresql": (
        "CREATE TABLE leads (lead_id TEXT PRIMARY KEY, created_at TIMESTAMPTZ, amount NUMERIC(20, 4), qualified BOOLEAN,"
        " due DATE, updated_at TIMESTAMP)"
    ),
    "mysql": (
        "CREATE TABLE leads (lead_id VARCHAR(700) PRIMARY KEY, created_at TIMESTAMP(6) NULL, amount DECIMAL(20, 4),"
        " qualified BOOLEAN, due DATE, updated_at DATETIME)"
    ),
}
UTC = {"postgresql": "SET TIME ZONE 'UTC'", "mysql": "SET time_zone = '+00:00'"}


@pytest.fixture(scope="module", params=[postgresql, mariadb], ids=["postgresql", "mariadb"])
def started(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as server:
        yield server


@pytest.fixture
def server(started: Server) -> Server:
    """The server with an empty table of leads."""
    started.run("DROP TABLE IF EXISTS leads", CREATE[dialect(started)])
    return started


def dialect(server: Server) -> str:
    return server.url.partition("+")[0]


def fill(server: Server, *rows: str) -> None:
    server.run(UTC[dialect(server)], f"INSERT INTO leads VALUES {', '.join(rows)}")


def connector(url: str, **changed: Any) -> SQL:
    streams = {"s": LEADS | changed}
    settings = {"connector": "sql", "url": url, "timezone": "Asia/Bangkok", "retry_for": 0, "streams": streams}
    settings["lookback"] = "1 day"
    return SQL("crm", SqlSettings.model_validate(settings))


def batches(source: SQL, first: str, last: str, said: Said | None = None) -> Iterator[pa.RecordBatch]:
    (stream,) = source.streams()
    return source.pull(stream, Window(date.fromisoformat(first), date.fromisoformat(last)), said or Said())


def pull(source: SQL, first: str = "2026-10-01", last: str = "2026-10-01") -> list[dict[str, Any]]:
    (stream,) = source.streams()
    return pa.Table.from_batches(batches(source, first, last), stream.schema).to_pylist()


def test_every_type_arrives_as_declared(server):
    fill(server, "('ก-๑ 😀', '2026-09-30 17:00:00.25', 1250.7500, TRUE, '2026-10-31', NULL)")
    fill(server, "('L-2', '2026-10-01 03:00:00', NULL, NULL, NULL, NULL)")

    assert pull(connector(server.url)) == [
        {
            "lead_id": "L-2", "created_at": datetime(2026, 10, 1, 3), "amount": None, "qualified": None, "due": None,
            "created_on": date(2026, 10, 1),
        },
        {
            "lead_id": "ก-๑ 😀", "created_at": datetime(2026, 9, 30, 17, 0, 0, 250_000), "qualified": True,
            "amount": Decimal("1250.750000000"), "due": date(2026, 10, 31), "created_on": date(2026, 10, 1),
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("instant", "belongs"),
    [
        ("2026-09-30 16:59:59.999999", False),  # still 30 September in Bangkok
        ("2026-09-30 17:00:00", True),
        ("2026-10-01 16:59:59.999999", True),
        ("2026-10-01 17:00:00", False),
    ],
)
def test_a_day_is_the_settings_zones_whatever_the_servers_zone_is(server, instant, belongs):
    fill(server, f"('L-1', '{instant}', 1, TRUE, NULL, NULL)")

    assert [row["created_on"] for row in pull(connector(server.url))] == ([date(2026, 10, 1)] if belongs else [])


def test_a_window_by_a_date_column_includes_both_its_days(server):
    fill(server, *(f"('L-{n}', NULL, 1, TRUE, '2026-10-0{n}', NULL)" for n in range(1, 5)))

    rows = pull(connector(server.url, date="due", days={}), "2026-10-02", "2026-10-03")

    assert [row["lead_id"] for row in rows] == ["L-2", "L-3"]


def test_a_row_that_the_source_dropped_is_gone_at_the_next_pull(server):
    fill(server, *(f"('L-{n}', '2026-10-01', 1, TRUE, NULL, NULL)" for n in (1, 2)))
    source = connector(server.url)
    before = pull(source)
    server.run("DELETE FROM leads WHERE lead_id = 'L-1'")

    assert [row["lead_id"] for row in before] == ["L-1", "L-2"]
    assert [row["lead_id"] for row in pull(source)] == ["L-2"]


CHANGING = {"changed": "updated_at", "columns": {**LEADS["columns"], "updated_at": "timestamp"}}


def test_a_row_that_changes_long_after_its_day_comes_again_and_its_old_version_is_kept(server, tmp_path):
    fill(server, "('old', '2026-01-05', 1, FALSE, NULL, '2026-01-05')", "('same', '2026-01-05', 1, FALSE, NULL, NULL)")
    fill(server, "('L-1', '2026-10-01', 1, FALSE, NULL, '2026-10-01')", "('L-2', '2026-10-01', 1, FALSE, NULL, NULL)")
    source = connector(server.url, **CHANGING)
    (stream,) = source.streams()
    table, warehouse = Table("crm_s", source, stream, "crm.yaml:1"), Warehouse(tmp_path)
    ingest(warehouse, table, date(2026, 1, 1), date(2026, 10, 1), date(2026, 1, 1))
    server.run("UPDATE leads SET amount = 2, updated_at = '2026-10-01 20:00:00' WHERE lead_id = 'old'")
    server.run("DELETE FROM leads WHERE lead_id IN ('L-2', 'same')")

    load = ingest(warehouse, table, date(2026, 10, 2), date(2026, 10, 2), date(2026, 10, 1))

    with warehouse.open() as connection:
        raw = connection.execute("SELECT lead_id, amount, _load FROM raw.crm_s ORDER BY lead_id").fetchall()
        history = connection.execute("SELECT lead_id, amount, _superseded FROM history.crm_s ORDER BY 1").fetchall()
    # The window is 1 to 2 October. What was deleted within it is gone; what was deleted before it, nobody could tell.
    assert raw == [("L-1", 1, 1), ("old", 2, 2), ("same", 1, 1)]
    assert history == [("L-2", 1, 2), ("old", 1, 2)]
    assert (load.change.changed, load.change.vanished, load.change.unchanged) == (1, 1, 1)


def test_without_a_column_of_changes_the_look_back_says_how_late_a_change_is_seen(server):
    fill(server, "('old', '2026-01-05', 1, FALSE, NULL, '2026-10-02')")

    assert pull(connector(server.url), "2026-10-01", "2026-10-02") == []


SERIES = {
    "postgresql": "SELECT repeat('x', 650) || i, TIMESTAMP '2026-10-01', i, TRUE, NULL::DATE, NULL::TIMESTAMP"
    " FROM generate_series(1, 60000) AS g(i)",
    "mysql": "SELECT CONCAT(REPEAT('x', 650), seq), '2026-10-01', seq, TRUE, NULL, NULL FROM seq_1_to_60000",
}


def resident() -> int:
    """Bytes of memory that this process holds, what the drivers' C libraries buffer included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured where Linux shows it")
def test_rows_are_streamed_and_not_held(server, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2_000)
    server.run(f"INSERT INTO leads {SERIES[dialect(server)]}")
    pulled = batches(connector(server.url), "2026-09-30", "2026-10-01")
    rows = sum(batch.num_rows for batch in (next(pulled) for _ in range(4)))
    before = resident()
    rows += sum(batch.num_rows for batch in pulled)

    assert rows == 60_000
    assert resident() - before < 20 * 2**20  # the rows are 40 MB as the server sends them, and more as Python objects


def test_a_pull_that_is_abandoned_gives_its_connection_back(server, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 10)
    fill(server, *(f"('L-{n}', '2026-10-01', 1, TRUE, NULL, NULL)" for n in range(100)))
    for _ in range(12):  # more than the server has connections
        pulled = batches(connector(server.url), "2026-10-01", "2026-10-01")
        next(pulled)
        pulled.close()

    assert len(pull(connector(server.url))) == 100


def test_the_source_cannot_be_written_to(server):
    database = Database("crm", server.url)
    stream = connector(server.url).settings.streams["s"]
    selection = stream.selection(Window(date(2026, 10, 1), date(2026, 10, 1)), "UTC")
    opened: list[Any] = []

    with database.asked(selection, 10, lambda ask: opened.append(ask()) or opened[0]) as partitions:
        list(partitions)
        with pytest.raises(Exception, match=r"(?i)read.only"):
            opened[0][0].connection.cursor().execute("DELETE FROM leads")
    database.close()


def told(url: str, **changed: Any) -> OkrError:
    with pytest.raises(OkrError) as caught:
        pull(connector(url, **changed))
    assert PASSWORD not in str(caught.value)
    assert str(caught.value).startswith("crm: ")
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__
    return caught.value


def test_a_wrong_password_is_refused_and_not_told(server):
    error = told(server.url.replace(PASSWORD, "wr0ng"))

    assert isinstance(error, SourceRejected)
    assert "wr0ng" not in str(error)
    assert str(error).endswith("Mend the user, the password, the database or the permission.")


def test_an_absent_database_is_named(server):
    error = told(server.url.replace("/crm", "/nowhere"))

    assert isinstance(error, SourceRejected)
    assert "nowhere" in str(error)


def test_an_absent_table_is_named_with_those_that_are_there(server):
    error = told(server.url, table="lead")

    assert isinstance(error, SourceRejected)
    assert str(error) == "crm: there is no table lead. Write one that is there: leads."


def test_an_absent_column_is_named_with_those_that_are_there(server):
    error = told(server.url, columns={**LEADS["columns"], "stage": "text"})

    assert isinstance(error, SourceRejected)
    assert str(error).startswith("crm: table leads has no column stage. Write one that is there: lead_id, created_at,")


def test_a_table_that_may_not_be_read_is_refused(server):
    if dialect(server) == "postgresql":
        server.run("DROP ROLE IF EXISTS clerk", f"CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}'")
    else:
        where = "@'127.0.0.1'"
        server.run(f"DROP USER IF EXISTS clerk{where}", f"CREATE USER clerk{where} IDENTIFIED BY '{PASSWORD}'")
        server.run("CREATE TABLE IF NOT EXISTS other (a INT)", f"GRANT SELECT ON crm.other TO clerk{where}")

    error = told(server.url.replace("crm:", "clerk:", 1))

    assert isinstance(error, SourceRejected)
    assert "denied" in str(error)


def test_a_server_that_is_not_there_is_unavailable(server):
    error = told(server.url.replace(str(server.port), "1"))

    assert isinstance(error, SourceUnavailable)
    assert str(error).endswith("Check that the database runs and can be reached from here.")


def test_a_value_of_another_type_than_declared_is_told_by_its_row(server):
    fill(server, "('L-1', '2026-10-01', 1.5, TRUE, NULL, NULL)")

    error = told(server.url, columns={**LEADS["columns"], "amount": "integer"})

    assert isinstance(error, DataRejected)
    assert "table leads, row lead_id 'L-1': column amount: Decimal('1.5000') is not of type integer" in str(error)
