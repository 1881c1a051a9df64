"""The sql connector against real SQLite files, and its statements for the other dialects."""
# ruff: noqa: DTZ001, DTZ901 - instants in the warehouse are naive, in UTC

import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pydantic import ValidationError
from sqlalchemy.dialects import mysql, postgresql

from okr_pipeline.connectors import sql as module
from okr_pipeline.connectors.columns import conform
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.database import Database
from okr_pipeline.connectors.sql import SQL, SqlSettings
from okr_pipeline.connectors.tables import days_of
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable
from okr_pipeline.sandbox import crm

LEADS = {
    "table": "leads",
    "key": ["lead_id"],
    "date": "created_on",
    "columns": {"lead_id": "text", "created_at": "timestamp", "score": "decimal"},
    "days": {"created_on": "created_at"},
}
CREATE = "CREATE TABLE leads (lead_id TEXT, created_at TEXT, score NUMERIC)"


def database(folder: Path, *statements: str) -> str:
    path = folder / "source.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return f"sqlite:///{path}"


def connector(url: str, stream: dict | None = None, **settings) -> SQL:
    data = {
        "connector": "sql",
        "url": url,
        "timezone": "Asia/Bangkok",
        "retry_for": "1 second",
        "streams": {"s": stream or LEADS},
    }
    return SQL("crm", SqlSettings.model_validate(data | settings))


def pull(source: SQL, first: str = "2026-10-01", last: str = "2026-10-01", said: Said | None = None) -> list[dict]:
    (stream,) = source.streams()
    window = Window(date.fromisoformat(first), date.fromisoformat(last))
    return pa.Table.from_batches(source.pull(stream, window, said or Said()), stream.schema).to_pylist()


@pytest.mark.parametrize(
    ("created_at", "belongs"),
    [
        ("2026-09-30 16:59:59", False),  # still 30 September in Bangkok
        ("2026-09-30 17:00:00", True),  # its midnight
        ("2026-09-30 17:00:00.000000", True),
        ("2026-09-30T17:00:00Z", True),
        ("2026-10-01 00:00:00+07:00", True),
        ("2026-10-01 16:59:59.999999", True),
        ("2026-10-01 17:00:00", False),  # already 2 October
    ],
)
def test_a_day_is_the_time_zones_and_not_that_of_utc(tmp_path, created_at, belongs):
    url = database(tmp_path, CREATE, f"INSERT INTO leads VALUES ('L-1', '{created_at}', 1)")

    rows = pull(connector(url))

    assert [row["created_on"] for row in rows] == ([date(2026, 10, 1)] if belongs else [])


def test_a_window_by_a_date_column_includes_both_its_days(tmp_path):
    values = ", ".join(f"('{day}')" for day in ("2026-09-30", "2026-10-01", "2026-10-02", "2026-10-03"))
    url = database(tmp_path, "CREATE TABLE visits (day TEXT)", f"INSERT INTO visits VALUES {values}")
    visits = {"table": "visits", "key": ["day"], "date": "day", "columns": {"day": "date"}}

    rows = pull(connector(url, visits), "2026-10-01", "2026-10-02")

    assert [row["day"] for row in rows] == [date(2026, 10, 1), date(2026, 10, 2)]


def test_a_stream_without_date_is_delivered_whole(tmp_path):
    url = database(tmp_path, CREATE, "INSERT INTO leads VALUES ('L-2', '1999-01-01', NULL), ('L-1', NULL, 2)")
    whole = {name: value for name, value in LEADS.items() if name != "date"}

    rows = pull(connector(url, whole))

    assert [(row["lead_id"], row["created_on"]) for row in rows] == [("L-1", None), ("L-2", date(1999, 1, 1))]


def test_types_of_all_kinds_come_through(tmp_path):
    url = database(
        tmp_path,
        "CREATE TABLE kinds (id TEXT, n INTEGER, amount NUMERIC, ok BOOLEAN, day DATE, at DATETIME, none INTEGER)",
        "INSERT INTO kinds VALUES ('ก', 42, 1250.75, 1, '2026-10-01', '2026-10-01 12:00:00.5', NULL)",
    )
    columns = {
        "id": "text", "n": "integer", "amount": "decimal", "ok": "boolean", "day": "date", "at": "timestamp", "none": "integer",
    }  # fmt: skip

    (row,) = pull(connector(url, {"table": "kinds", "key": ["id"], "columns": columns}))

    assert row == {
        "id": "ก", "n": 42, "amount": Decimal("1250.750000000"), "ok": True, "day": date(2026, 10, 1),
        "at": datetime(2026, 10, 1, 12, 0, 0, 500_000), "none": None,
    }  # fmt: skip


def test_names_are_quoted(tmp_path):
    url = database(
        tmp_path,
        'CREATE TABLE "le""ads; DROP TABLE x" ("the ""id" TEXT, "order" INTEGER)',
        """INSERT INTO "le""ads; DROP TABLE x" VALUES ('L-1', 7)""",
    )
    odd = {"table": 'le"ads; DROP TABLE x', "key": ['the "id'], "columns": {'the "id': "text", "order": "integer"}}

    assert pull(connector(url, odd)) == [{'the "id': "L-1", "order": 7}]


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()], ids=lambda dialect: dialect.name)
def test_other_databases_get_bound_instants_and_typed_columns(dialect):
    settings = connector("sqlite://", {**LEADS, "schema": "Sales"}).settings.streams["s"]
    selection = settings.selection(Window(date(2026, 10, 1), date(2026, 10, 2)), "Asia/Bangkok")

    compiled = selection.statement(dialect.name).compile(dialect=dialect)

    assert set(compiled.params.values()) == {datetime(2026, 9, 30, 17), datetime(2026, 10, 2, 17)}
    assert "2026" not in str(compiled)
    quote = "`" if dialect.name == "mysql" else '"'
    assert f"{quote}Sales{quote}.leads" in str(compiled)
    assert str(compiled).endswith("lead_id")  # the key orders the rows


def test_rows_come_in_batches_of_the_streams_schema(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 100)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)"
    url = database(tmp_path, CREATE, f"INSERT INTO leads {many} SELECT printf('L-%03d', i), '2026-10-01', i FROM n")
    source, said = connector(url), Said()
    (stream,) = source.streams()

    batches = list(source.pull(stream, Window(date(2026, 10, 1), date(2026, 10, 1)), said))

    assert [len(batch) for batch in batches] == [100, 100, 50]
    assert all(batch.schema == stream.schema for batch in batches)
    assert said.notes == {"rows": 250}
    ids = pa.Table.from_batches(batches)["lead_id"].to_pylist()
    assert ids == sorted(ids)


def test_the_source_is_read_and_not_written(tmp_path):
    database_ = Database("crm", database(tmp_path, CREATE))
    stream = connector("sqlite://").settings.streams["s"]
    selection = stream.selection(Window(date(2026, 10, 1), date(2026, 10, 1)), "UTC")
    opened = []

    with database_.asked(selection, 10, lambda ask: opened.append(ask()) or opened[0]) as partitions:
        list(partitions)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            opened[0][0].connection.cursor().execute("DELETE FROM leads")
    database_.close()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"table": "lead"}, r"^crm: there is no table lead\. .*: leads\.$"),
        (
            {"columns": {**LEADS["columns"], "stage": "text"}},
            r"^crm: table leads has no column stage\. .*lead_id, created_at, score\.$",
        ),
    ],
)
def test_a_missing_table_or_column_is_named(tmp_path, changed, message):
    with pytest.raises(SourceRejected, match=message):
        pull(connector(database(tmp_path, CREATE), LEADS | changed))


def test_a_missing_sqlite_file_is_an_error_and_not_made(tmp_path):
    with pytest.raises(SourceRejected, match=r"nothing\.sqlite does not exist\. Mend the path in url"):
        pull(connector(f"sqlite:///{tmp_path}/nothing.sqlite"))

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_rejected(tmp_path):
    (tmp_path / "text.sqlite").write_text("not a database at all, whatever its name says")

    with pytest.raises(SourceRejected, match="file is not a database"):
        pull(connector(f"sqlite:///{tmp_path}/text.sqlite"))


def test_a_locked_database_is_unavailable(tmp_path):
    url = database(tmp_path, CREATE)
    with closing(sqlite3.connect(tmp_path / "source.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceUnavailable, match="locked"):
            pull(connector(f"{url}?timeout=0"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("crm.example.com", "not a database URL"),
        ("", "not a database URL"),
        ("postgresql+psycopg://me:s3cret@host:port/crm", "In a password write @ as %40, : as %3A and / as %2F"),
        ("nosuchbase://me:s3cret@host/crm", "knows no nosuchbase"),
        ("mysql+cymysql://me:s3cret@host/crm", "pip install 'cymysql'"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_would_be_right_without_the_password(url, message):
    with pytest.raises(SourceRejected, match=message) as caught:
        pull(connector(url))

    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_what_a_driver_says_is_told_without_password_and_query(tmp_path):
    from sqlalchemy import exc

    source = Database("crm", database(tmp_path, CREATE))
    source.engine.url = source.engine.url.set(username="me", password="s3cret", host="db", query={"sslpassword": "t0p"})

    with pytest.raises(SourceUnavailable) as caught, source._told(None):
        raise exc.OperationalError("SELECT 1", {}, Exception("no connection with password=s3cret sslpassword=t0p"))

    assert "s3cret" not in str(caught.value)
    assert "t0p" not in str(caught.value)
    assert "no connection with password=*** sslpassword=***" in str(caught.value)
    assert "me:***@db" in str(caught.value)


@pytest.mark.parametrize("value", ["01/10/2026", "1790787600", "2569-10-01 00:00:00"])
def test_an_unreadable_day_is_refused_and_not_overlooked(tmp_path, value):
    url = database(tmp_path, CREATE, f"INSERT INTO leads VALUES ('L-7', '{value}', 1)")
    windows = {"last": "2026-10-01"} if value[0] != "2" else {"first": "2569-10-01", "last": "2569-10-01"}

    with pytest.raises(DataRejected, match=f"table leads, row lead_id 'L-7': column created_at: '{value}' is not"):
        pull(connector(url), **windows)


def test_a_bad_number_is_told_with_row_and_column(tmp_path):
    url = database(tmp_path, CREATE, "INSERT INTO leads VALUES ('L-1', '2026-10-01', 1), ('L-2', '2026-10-01', 'many')")

    with pytest.raises(DataRejected, match=r"row lead_id 'L-2': column score: 'many' is not of type decimal\. Write"):
        pull(connector(url))


def test_a_row_without_its_key_is_refused(tmp_path):
    url = database(tmp_path, CREATE, "INSERT INTO leads VALUES (NULL, '2026-10-01', 1)")

    with pytest.raises(DataRejected, match="column lead_id is empty, and it is part of the key"):
        pull(connector(url))


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([datetime(2026, 10, 1, tzinfo=ZoneInfo("Asia/Bangkok"))], pa.timestamp("us"), datetime(2026, 9, 30, 17)),
        ([Decimal("0.33333333333333")], pa.decimal128(38, 9), Decimal("0.333333333")),
        ([Decimal("7")], pa.int64(), 7),
        ([7, 7.5], pa.decimal128(38, 9), Decimal("7.000000000")),
        ([1, 0], pa.bool_(), True),
        ([datetime(2026, 10, 1)], pa.date32(), date(2026, 10, 1)),
        ([7, "x"], pa.string(), "7"),
    ],
)
def test_values_of_other_drivers_become_the_declared_type(values, kind, expected):
    table = pa.table({"c": module._column(values, kind)})

    assert conform(table, pa.schema([("c", kind)]), str)["c"][0].as_py() == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [(datetime(2026, 10, 1, 9), pa.date32()), (7.5, pa.int64()), (20261001, pa.date32()), (2**70, pa.int64())],
)
def test_nothing_is_cut_off_to_fit(value, kind):
    with pytest.raises(DataRejected, match=r"^row 0: column c"):
        conform(pa.table({"c": module._column([value], kind)}), pa.schema([("c", kind)]), lambda row: f"row {row}")


@pytest.mark.parametrize("zone", ["Asia/Bangkok", "America/New_York", "Africa/Cairo", "Pacific/Apia", "UTC"])
def test_days_agree_with_the_time_zone_around_every_change_of_clocks(zone):
    instants = pa.array(range(1_300_000_000, 1_420_000_000, 1_800 * 7), pa.int64())  # 2011 to 2014
    instants = pa.chunked_array([pa.concat_arrays([instants, pa.nulls(1, pa.int64())])])
    expected = [
        None if second is None else datetime.fromtimestamp(second, ZoneInfo(zone)).date()
        for second in instants.to_pylist()
    ]

    found = days_of(instants.cast(pa.timestamp("s")).cast(pa.timestamp("us")), zone)

    assert found.to_pylist() == expected


def test_days_at_the_ends_of_the_calendar_do_not_fail():
    ends = pa.chunked_array([pa.array([datetime.min, datetime.max, datetime(2026, 10, 1)], pa.timestamp("us"))])

    assert days_of(ends, "America/New_York").to_pylist() == [date.min, date(9999, 12, 31), date(2026, 9, 30)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"key": ["id"]}, "id is not a column of this stream; write one of lead_id, created_at, score, created_on"),
        ({"date": "created_at"}, "created_at is not a column of type date; write one of created_on"),
        ({"days": {"created_on": "lead_id"}}, "lead_id is not a column of type timestamp; write one of created_at"),
        ({"days": {"score": "created_at"}}, "score is the name of a column already"),
        ({"not_additive": {"users": "people come again"}}, "users is not a column of this stream"),
        ({"columns": {"lead_id": "string"}}, "'text', 'integer'"),
        ({"changed": "updated_at"}, "updated_at is not a column of type timestamp; write one of created_at"),
        ({"changed": "created_at", "key": ["lead_id", "created_on"]}, "declare `date`, and leave it out of `key`"),
        ({"tabel": "leads"}, "Extra inputs"),
    ],
)
def test_a_wrong_declaration_says_what_would_be_right(changed, message):
    with pytest.raises(ValidationError, match=message) as caught:
        connector("sqlite://", LEADS | changed)

    assert len(caught.value.errors()) == 1


def test_a_stream_carries_what_was_declared():
    (stream,) = connector(
        "sqlite://", LEADS | {"restates": "3 days", "delay": "1 day", "not_additive": {"score": "a standing"}}
    ).streams()

    assert (stream.key, stream.date, stream.restates, stream.delay) == (("lead_id",), "created_on", 3, 1)
    assert stream.schema.names == ["lead_id", "created_at", "score", "created_on"]
    assert not stream.schema.field("lead_id").nullable
    assert stream.not_additive == {"score": "a standing"}


def test_the_sandboxs_crm_shows_a_lead_as_it_was_known_then(tmp_path):
    crm.seed(tmp_path)
    with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as truth, truth:
        truth.execute("DELETE FROM crm_leads")
        truth.execute(
            "INSERT INTO crm_leads VALUES ('L-1', '2026-10-01 02:00:00', 'event', 'mql', '2026-10-05 02:00:00', NULL),"
            " ('L-2', '2026-10-01 03:00:00', 'event', 'new', NULL, '2026-10-03 03:00:00')"
        )
    stream = {
        **LEADS,
        "columns": {"lead_id": "text", "created_at": "timestamp", "stage": "text", "mql_at": "timestamp"},
    }
    source = connector(crm.env(tmp_path)["CRM_DATABASE_URL"], stream)

    def known(at: str) -> list[tuple[str, str, bool]]:
        crm.deliver(tmp_path, datetime.fromisoformat(at))
        return [(row["lead_id"], row["stage"], row["mql_at"] is not None) for row in pull(source)]

    assert known("2026-10-01T08:59+07:00") == []
    assert known("2026-10-02T05:00+07:00") == [("L-1", "new", False)]
    assert known("2026-10-04T05:00+07:00") == [("L-1", "new", False), ("L-2", "new", False)]
    assert known("2026-10-05T09:00+07:00") == [("L-1", "mql", True), ("L-2", "new", False)]


def test_the_sandboxs_crm_is_seeded_once_and_always_alike(tmp_path):
    for folder in ("a", "b"):
        crm.seed(tmp_path / folder)

    def leads(folder: str) -> list[tuple]:
        with closing(sqlite3.connect(tmp_path / folder / "crm.sqlite")) as truth:
            return truth.execute("SELECT * FROM crm_leads").fetchall()

    assert leads("a") == leads("b")
    with closing(sqlite3.connect(tmp_path / "a" / "crm.sqlite")) as truth, truth:
        truth.execute("DELETE FROM crm_leads WHERE lead_id > 'L-00001'")
    crm.seed(tmp_path / "a")
    assert len(leads("a")) == 1
