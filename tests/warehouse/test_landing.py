"""Landing windows against a model of two dictionaries: what stands now, and what stood after each load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from okr_pipeline import ingest
from okr_pipeline.config import Table
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.errors import DataRejected, OkrError
from okr_pipeline.ingest import land
from okr_pipeline.warehouse import Change, Load
from okr_pipeline.warehouse.engine import create_schema

DAY0 = date(2026, 9, 28)
SCHEMA = pa.schema(
    [
        *(("key", pa.string()), ("day", pa.date32()), ("number", pa.float64())),
        *(("money", pa.decimal128(38, 9)), ("text", pa.string()), ("count", pa.int64())),
    ]
)
Row = tuple[Any, ...]


class Handed(Connector):
    """A connector whose rows the test hands over itself."""

    Settings = Settings

    def streams(self) -> Sequence[Stream]:
        return []

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        raise NotImplementedError


def table(schema: pa.Schema = SCHEMA, day: str | None = "day", key: tuple[str, ...] = ("key", "day")) -> Table:
    return Table("t", Handed("t", Settings(connector="handed")), Stream("t", schema, key, day, "rows"), "t.yaml:1")


def window(first: int = 0, days: int = 3) -> Window:
    return Window(DAY0 + timedelta(first), DAY0 + timedelta(first + days - 1))


def row(
    key: str = "a", day: int = 0, number: float | None = 1.0, money: str | None = "1", text: str = "", n: int = 0
) -> Row:
    return (key, DAY0 + timedelta(day), number, Decimal(money) if money else None, text, n)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        create_schema(made)
        yield made


def put(connection: duckdb.DuckDBPyConnection, rows: list[Row], where: Window, into: Table | None = None) -> Change:
    into = into or table()
    columns = list(zip(*rows, strict=True)) or [()] * len(into.stream.schema)
    arrow = pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, into.stream.schema, strict=True)], into.stream.schema
    )
    return land(connection, into, where, arrow, Said(where.last, where.last)).change


def shown(value: Any) -> Any:
    """A value that equals itself: NaN does not, and −0.0 is 0.0 to an engine."""
    return "NaN" if value != value else value + 0.0 if isinstance(value, float) else value


def current(connection: duckdb.DuckDBPyConnection) -> dict[Row, int]:
    """Row → the load it came with."""
    found = connection.execute('SELECT key, day, number, money, text, "count", _load FROM raw.t').fetchall()
    assert len({r[:2] for r in found}) == len(found), "a key stands twice"
    return {tuple(map(shown, r[:-1])): r[-1] for r in found}


def as_known_at(connection: duckdb.DuckDBPyConnection, load: int) -> set[Row]:
    found = connection.execute(
        'SELECT key, day, number, money, text, "count" FROM raw.t WHERE _load <= $1 UNION ALL '
        'SELECT key, day, number, money, text, "count" FROM history.t WHERE _load <= $1 AND _superseded > $1',
        [load],
    ).fetchall()
    assert len(set(found)) == len(found) or any(r[2] != r[2] for r in found)
    return {tuple(map(shown, r)) for r in found}


def ledger(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    return connection.execute(
        "SELECT load, received, inserted, changed, vanished, unchanged FROM ledger.loads ORDER BY load"
    ).fetchall()


values = st.tuples(
    st.sampled_from([None, 0.0, -0.0, 1.5, float("nan"), float("inf"), -1e300]),
    st.sampled_from([None, Decimal(0), Decimal("0.000000001"), Decimal("-12345678901234567890.123456789")]),
    st.sampled_from([None, "", " ", "สวัสดี", "เปิดตัว\n", "it's", "NULL"]),
    st.sampled_from([None, 0, -1, 2**62]),
)
loads = st.tuples(
    st.integers(0, 4),
    st.integers(1, 4),
    st.dictionaries(st.tuples(st.sampled_from("กbc"), st.integers(0, 3)), values, max_size=6),
    st.lists(st.integers(0, 5), max_size=2),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(loads, min_size=1, max_size=7))
def test_any_sequence_of_windows_leaves_what_landed_last_and_all_that_stood_before(sequence: list[Any]) -> None:
    model: dict[tuple[str, date], tuple[Row, int]] = {}
    stood: dict[int, set[Row]] = {}
    with duckdb.connect() as connection:
        create_schema(connection)
        for number, (first, days, found, twice) in enumerate(sequence, 1):
            where = window(first, days)
            rows = [(k, DAY0 + timedelta(first + d), *v) for (k, d), v in found.items() if d < days]
            sent = rows + [rows[n] for n in twice if n < len(rows)]
            change = put(connection, sent, where)

            new = {(r[0], r[1]): tuple(map(shown, r)) for r in rows}
            old = {key: kept for key, kept in model.items() if key[1] in where}
            same = {key for key in new if key in old and old[key][0] == new[key]}
            counts = (len(new.keys() - old), len((new.keys() & old.keys()) - same), len(old.keys() - new), len(same))
            assert change == Change(len(sent), *counts)
            assert ledger(connection)[-1] == (number, len(sent), *counts)
            assert change.received - (len(sent) - len(rows)) == change.inserted + change.changed + change.unchanged

            model = {key: kept for key, kept in model.items() if key not in old}
            model |= {key: (r, old[key][1] if key in same else number) for key, r in new.items()}
            assert current(connection) == dict(model.values())
            stood[number] = {r for r, _ in model.values()}
        for number, then in stood.items():
            assert as_known_at(connection, number) == then


def test_history_says_which_load_superseded_a_row(connection):
    put(connection, [row("kept"), row("changed"), row("gone")], window())
    put(connection, [row("kept"), row("changed", number=2.0)], window())

    history = connection.execute("SELECT key, _load, _superseded FROM history.t ORDER BY key").fetchall()
    assert history == [("changed", 1, 2), ("gone", 1, 2)]
    assert {r[0]: load for r, load in current(connection).items()} == {"kept": 1, "changed": 2}


def test_landing_the_same_again_writes_only_the_ledger(connection):
    rows = [row("a", number=float("nan")), row("b", number=None, text="ไทย")]
    put(connection, rows, window())
    before = current(connection)

    assert put(connection, rows, window()) == Change(2, 0, 0, 0, 2)
    assert current(connection) == before
    assert connection.execute("SELECT COUNT(*) FROM history.t").fetchall() == [(0,)]


def test_an_empty_window_on_a_full_table_makes_only_its_rows_vanish(connection):
    put(connection, [row("a", 0), row("b", 5)], window(0, 6))

    assert put(connection, [], window(0, 3)) == Change(0, 0, 0, 1, 0)
    assert [r[0] for r in current(connection)] == ["b"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("a", number=1.0), row("a", number=2.0)], "key"),
        ([(None, *row()[1:])], "`key`"),
        ([("a", None, *row()[2:])], "`day`"),
        ([row("a", -1)], "2026-09-27"),
        ([row("a", 0), row("b", 3)], "2026-10-01"),
    ],
)
def test_rows_that_break_the_streams_promise_are_refused_and_nothing_changes(connection, rows, message):
    put(connection, [row("a", money="7"), row("z")], window())
    before, loads_before = current(connection), ledger(connection)

    with pytest.raises(DataRejected, match=message):
        put(connection, rows, window())

    assert (current(connection), ledger(connection)) == (before, loads_before)
    assert connection.execute("SELECT COUNT(*) FROM history.t").fetchall() == [(0,)]


def test_what_fails_halfway_leaves_everything_as_it_was(connection, monkeypatch):
    put(connection, [row("a"), row("z")], window())
    before, loads_before = current(connection), ledger(connection)
    full = RuntimeError("the disk is full")

    def fail(*_: object) -> None:
        raise full

    monkeypatch.setattr(ingest, "record", fail)  # the last step of a load
    with pytest.raises(RuntimeError, match="the disk is full"):
        put(connection, [row("a", number=2.0), row("b")], window())

    assert (current(connection), ledger(connection)) == (before, loads_before)
    assert connection.execute("SELECT COUNT(*) FROM history.t").fetchall() == [(0,)]


def test_a_key_lives_on_one_day_or_is_refused(connection):
    """A seminar that was moved to a day outside the window it first came in must not count twice."""
    one_key = table(key=("key",))
    put(connection, [row("seminar", 0)], window(0, 3), one_key)
    try:
        put(connection, [row("seminar", 4)], window(3, 3), one_key)
    except DataRejected:
        return

    assert connection.execute("SELECT COUNT(*) FROM raw.t WHERE key = 'seminar'").fetchall() == [(1,)]


def test_a_list_without_days_is_replaced_whole(connection):
    listed = table(day=None, key=("key",))
    put(connection, [row("a", 0), row("b", 300)], window(), listed)

    assert put(connection, [row("b", 300)], window(50), listed) == Change(1, 0, 0, 1, 1)
    assert [r[0] for r in current(connection)] == ["b"]


def test_a_new_column_is_added_and_the_past_stays_askable(connection):
    put(connection, [row("a"), row("b"), row("c")], window())
    wider = table(SCHEMA.append(pa.field("grade", pa.int64())))

    assert put(connection, [(*row("a"), None), (*row("b"), 7)], window(), wider) == Change(2, 0, 1, 1, 1)
    assert put(connection, [(*row("b"), 8)], window(), wider) == Change(1, 0, 1, 1, 0)

    history = connection.execute("SELECT key, grade, _load, _superseded FROM history.t ORDER BY key, _load").fetchall()
    assert history == [("a", None, 1, 3), ("b", None, 1, 2), ("b", 7, 2, 3), ("c", None, 1, 2)]
    assert {r[0] for r in as_known_at(connection, 1)} == {"a", "b", "c"}


def test_a_column_that_is_no_longer_declared_stays_and_says_nothing_new(connection):
    put(connection, [row("a", n=5)], window())
    narrower = table(pa.schema(list(SCHEMA)[:-1]))

    put(connection, [row("a")[:-1], row("b")[:-1]], window(), narrower)

    assert {r[0]: r[-1] for r in current(connection)} == {"a": 5, "b": None}


def test_whole_numbers_may_have_fractions_from_now_on_and_the_past_stays_as_it_was(connection):
    put(connection, [row("a", n=5), row("b", n=2**62)], window())
    put(connection, [row("a", n=6), row("b", n=2**62)], window())
    connection.execute("CREATE VIEW views.of_it AS SELECT count FROM raw.t")
    fractions = table(SCHEMA.set(SCHEMA.get_field_index("count"), pa.field("count", pa.decimal128(38, 9))))

    rows = [row("a", n=6), (*row("b")[:-1], Decimal("6.5"))]
    assert put(connection, rows, window(), fractions) == Change(2, 0, 1, 0, 1)

    assert {r[0]: r[-1] for r in as_known_at(connection, 1)} == {"a": 5, "b": 2**62}
    assert {r[0]: r[-1] for r in current(connection)} == {"a": 6, "b": Decimal("6.5")}


def test_a_changed_type_is_refused_with_a_remedy_and_nothing_changes(connection):
    put(connection, [row("a")], window())
    position = SCHEMA.get_field_index("number")
    before = current(connection)

    with pytest.raises(OkrError, match=r"`number`.*DOUBLE.*VARCHAR.*under a new column name, or rename the stream"):
        put(
            connection,
            [("a", DAY0, "1", None, "", 0)],
            window(),
            table(SCHEMA.set(position, pa.field("number", pa.string()))),
        )

    assert current(connection) == before
    assert len(ledger(connection)) == 1


def test_names_of_columns_are_only_names(connection):
    odd = pa.schema([('ชื่อ "; DROP TABLE raw.t; --', pa.string()), ("day", pa.date32()), ("select", pa.int64())])
    put(connection, [("x", DAY0, 1)], window(), table(odd, key=(odd.names[0],)))

    assert put(connection, [("x", DAY0, 2)], window(), table(odd, key=(odd.names[0],))) == Change(1, 0, 1, 0, 0)


def test_a_ledger_row_tells_what_the_source_had_and_what_is_final(connection, monkeypatch):
    monkeypatch.setenv("OKR_NOW", "2026-10-01T01:00:00+00:00")
    said = Said(available_through=date(2099, 1, 1), final_through=None, notes={"sampled": True})
    made = land(connection, table(), window(0, 3), SCHEMA.empty_table(), said)

    assert isinstance(made, Load)
    found = connection.execute("SELECT available_through, final_through, notes, outcome FROM ledger.loads").fetchall()
    assert found == [(date(2026, 9, 30), date(2026, 9, 30), '{"sampled": true}', "landed")]
