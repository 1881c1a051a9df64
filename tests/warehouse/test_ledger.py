"""What the ledger says about each day of a table, and where the next night has to begin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from okr_pipeline.warehouse import Change, Load, catch_up, coverage, record
from okr_pipeline.warehouse.engine import create_schema
from okr_pipeline.warehouse.ledger import next_load


def day(number: int) -> date:
    """Day 1 is 1 October."""
    return date(2026, 9, 30) + timedelta(number)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        create_schema(made)
        yield made


def landed(
    connection, first: int, last: int, available: int | None = None, final: int | None = None, table="t"
) -> None:
    through = day(last if available is None else available), day(last if final is None else final)
    load = Load(table, day(first), day(last), available_through=through[0], final_through=through[1])
    record(connection, next_load(connection), load)


def failed(connection, first: int, last: int, outcome: str = "source_unavailable", table="t") -> None:
    record(connection, next_load(connection), Load(table, day(first), day(last), outcome, "It is down. Wait."))


BAD = {"failed": "failed", "never_fetched": "never fetched"}
WORDS = {(False, False): "not available", (True, False): "not final", (True, True): "final"}


def said(connection, days: range, table: str = "t") -> list[str]:
    found = connection.execute(
        "SELECT day, state, available, final FROM ledger.coverage WHERE table_name = ?", [table]
    ).fetchall()
    words = {day: BAD.get(state) or WORDS[tuple(known)] for day, state, *known in found}
    assert len(words) == len(found)
    return [words.get(day(number), "never fetched") for number in days]


def says(connection, number: int, table: str = "t") -> str:
    return said(connection, range(number, number + 1), table)[0]


def test_four_things_that_a_day_can_be_are_told_apart(connection):
    landed(connection, 1, 4, available=3, final=2)  # without a single row: an empty day is a fetched day

    assert [says(connection, number) for number in (0, 1, 2, 3, 4, 5)] == [
        *("never fetched", "final", "final", "not final", "not available", "never fetched")
    ]
    assert says(connection, 1, "another") == "never fetched"


def test_a_day_with_rows_is_told_from_an_empty_one(connection):
    load = Load("t", day(1), day(4), available_through=day(4), final_through=day(3), days_with_rows=[day(1), day(4)])
    record(connection, next_load(connection), load)
    failed(connection, 4, 5)

    states = connection.execute("SELECT day, state FROM ledger.coverage ORDER BY day").fetchall()
    assert states == [
        (day(number), state) for number, state in enumerate(("rows", "empty", "empty", "not_final", "failed"), start=1)
    ]


def test_a_day_that_one_table_was_asked_for_and_another_never_was_is_told_as_such(connection):
    landed(connection, 1, 4)
    landed(connection, 2, 2, table="late")
    record(connection, next_load(connection), Load("scores.key_results", day(-30), day(4)))  # scoring fetches nothing

    assert coverage(connection, "late") == dict(
        zip(map(day, range(2, 5)), ("empty", "never_fetched", "never_fetched"), strict=True)
    )
    assert coverage(connection, "never ran") == {}


def test_a_list_without_days_has_rows_on_every_day_when_it_has_any(connection):
    record(connection, 1, Load("t", day(1), day(2), "landed", None, Change(3, 3, 0, 0, 0), day(2), day(2)))
    record(connection, 2, Load("empty", day(1), day(2), available_through=day(2), final_through=day(2)))

    found = connection.execute("SELECT table_name, state FROM ledger.coverage ORDER BY ALL").fetchall()
    assert found == [("empty", "empty")] * 2 + [("t", "rows")] * 2


def test_what_is_not_delivered_is_not_final_whatever_is_claimed(connection):
    landed(connection, 1, 4, available=2, final=4)

    assert says(connection, 3) == "not available"


def test_the_newest_load_of_a_day_wins_even_when_it_knows_less(connection):
    landed(connection, 1, 10)
    landed(connection, 5, 7, available=6, final=5)

    assert [says(connection, n) for n in (4, 5, 6, 7, 8)] == ["final", "final", "not final", "not available", "final"]


def test_a_failed_attempt_covers_nothing_and_takes_nothing_away(connection):
    landed(connection, 1, 3)
    failed(connection, 1, 6)

    assert (says(connection, 3), says(connection, 4), says(connection, 7)) == ("final", "failed", "never fetched")


def test_a_table_is_in_trouble_while_its_newest_attempt_failed(connection):
    def trouble() -> list[tuple[str, str]]:
        return connection.execute("SELECT table_name, outcome FROM ledger.trouble ORDER BY 1").fetchall()

    failed(connection, 1, 3)
    failed(connection, 1, 3, "data_rejected", "other")
    assert trouble() == [("other", "data_rejected"), ("t", "source_unavailable")]
    landed(connection, 1, 3)
    assert trouble() == [("other", "data_rejected")]
    failed(connection, 4, 4, "source_rejected")
    assert trouble() == [("other", "data_rejected"), ("t", "source_rejected")]


def test_loads_are_numbered_one_by_one(connection):
    landed(connection, 1, 1)
    failed(connection, 1, 1)

    assert next_load(connection) == 3


@pytest.mark.parametrize(
    ("loads", "first", "start"),
    [
        ([], 10, 1),  # nothing yet: from the beginning
        ([(1, 12)], 10, 10),  # no gap: what was asked for
        ([(1, 9)], 10, 10),  # the next day
        ([(1, 6)], 10, 7),  # three nights were missed
        ([(1, 3), (6, 12)], 10, 4),  # a hole in the middle
        ([(4, 12)], 10, 1),  # the period was begun earlier than the first pull
        ([(1, 12)], 0, 0),  # asked for more than needed
        ([(1, 5), (1, 3)], 5, 5),
    ],
)
def test_the_next_pull_begins_at_the_first_gap(connection, loads, first, start):
    for begin, end in loads:
        landed(connection, begin, end)
    landed(connection, 1, 30, table="another")
    failed(connection, 1, 30)

    assert catch_up(connection, "t", day(1), day(first)) == day(start)


def test_days_that_the_source_had_not_delivered_are_asked_for_again(connection):
    """A source that delivers late, and later than its look-back, must not leave a hole for ever."""
    landed(connection, 1, 8, available=5, final=5)

    assert catch_up(connection, "t", day(1), day(9)) == day(6)


def test_days_that_were_not_final_are_asked_for_again(connection):
    """Four nights without the source, and a look-back of two days: day 4 would stay as it was at first, for ever."""
    landed(connection, 1, 5, final=3)

    assert catch_up(connection, "t", day(1), day(8)) == day(4)


windows = st.tuples(st.integers(1, 20), st.integers(0, 8), st.integers(-2, 8), st.integers(-2, 8), st.booleans())


@settings(max_examples=25, deadline=None)
@given(st.lists(windows, max_size=8), st.integers(1, 30))
def test_coverage_and_catching_up_are_what_a_loop_over_the_loads_says(loads, first):
    known: dict[int, str] = {}
    with duckdb.connect() as connection:
        create_schema(connection)
        for begin, days, available, final, fails in loads:
            if fails:
                failed(connection, begin, begin + days)
                known = {**dict.fromkeys(range(begin, begin + days + 1), "failed"), **known}
                continue
            landed(connection, begin, begin + days, begin + available, begin + final)
            for number in range(begin, begin + days + 1):
                delivered, settled = number <= begin + available, number <= begin + final
                known[number] = "not available" if not delivered else "final" if settled else "not final"
        assert said(connection, range(31)) == [known.get(n, "never fetched") for n in range(31)]
        start = catch_up(connection, "t", day(1), day(first))
        assert day(1) <= start <= day(first)
        assert all(known.get(n) == "final" for n in range(1, first) if day(n) < start)
        assert start == day(first) or known.get((start - day(0)).days) != "final"


def test_a_warehouse_of_an_earlier_version_keeps_its_scores_and_loses_the_columns_that_are_no_more(connection):
    """Each row of scores once held what it says of its key result, and a list of loads, but not whether people said it."""
    row = (
        "SELECT 'k' AS key_result, 'o' AS objective, 'm' AS metric, 'leads' AS unit, DATE '2026-11-01' AS as_of, 0.5 AS score,"
        " 'on_track' AS status, TRUE AS final, {} AS lower_bound, NULL::DOUBLE AS upper_bound, 1.0 AS weight,"
        " '{}' AS configuration, [1, 2] AS loads, {} AS _load"
    )
    before = {
        "scores": [row.format("NULL::DOUBLE", "new", 4), row.format(0.25, "new", 5).replace("-01'", "-02'")],
        "history": [row.format("NULL::DOUBLE", "old", 3).replace("_load", "_load, 4 AS _superseded")],
    }
    for schema, rows in before.items():
        connection.execute(f"DROP VIEW {schema}.key_results")
        connection.execute(f"CREATE TABLE {schema}.key_results AS {' UNION ALL '.join(rows)}")
    held = {
        schema: connection.sql(f"FROM {schema}.key_results ORDER BY as_of").to_arrow_table().to_pylist()
        for schema in before
    }
    for _ in range(2):
        create_schema(connection)
        for schema, rows in held.items():
            found = connection.sql(f"FROM {schema}.key_results ORDER BY as_of").to_arrow_table().to_pylist()
            assert found == [
                dict.fromkeys(found[0]) | row | {"manual": False} for row in rows if row.pop("loads", True)
            ]
    assert connection.execute("SELECT COUNT(*) FROM scores.agreements").fetchall() == [(3,)]


def test_a_warehouse_whose_rows_of_scores_said_their_way_themselves_keeps_them(connection):
    """Its key result, baseline, target and pace once stood in each row of scores.outcomes, not in its agreement."""
    agreed = (
        "1 AS agreement, 'o' AS objective, 'm' AS metric, 'leads' AS unit, NULL::DOUBLE AS lower_bound,"
        " NULL::DOUBLE AS upper_bound, 1.0 AS weight, 'c' AS configuration, FALSE AS manual"
    )
    row = (
        "SELECT 'k' AS key_result, 1 AS agreement, DATE '2026-11-{:02}' AS as_of, {}::DOUBLE AS baseline, 9.5 AS target,"
        " 'linear' AS pace, 'on_track' AS status, TRUE AS final, '{{}}' AS parts, {} AS _load"
    )
    before = {
        "scores": [row.format(1, "0.1", 4), row.format(2, "NULL", 4)],
        "history": [row.format(2, "0.2", 3) + ", 4 AS _superseded"],
    }
    connection.execute(f"DROP TABLE scores.agreements; CREATE TABLE scores.agreements AS SELECT {agreed}")
    held = {}
    for schema, rows in before.items():
        connection.execute(
            f"DROP TABLE {schema}.outcomes; CREATE TABLE {schema}.outcomes AS {' UNION ALL '.join(rows)}"
        )
        connection.execute(
            f"CREATE OR REPLACE VIEW {schema}.key_results AS SELECT o.key_result, a.* EXCLUDE (agreement),"
            f" o.* EXCLUDE (key_result, agreement) FROM {schema}.outcomes AS o JOIN scores.agreements AS a USING (agreement)"
        )
        held[schema] = connection.sql(f"FROM {schema}.key_results ORDER BY as_of").to_arrow_table().to_pylist()
    for _ in range(2):
        create_schema(connection)
        for schema, rows in held.items():
            found = connection.sql(f"FROM {schema}.key_results ORDER BY as_of").to_arrow_table().to_pylist()
            assert found == [dict.fromkeys(found[0]) | each for each in rows]
    assert connection.execute("SELECT COUNT(*) FROM scores.agreements").fetchall() == [(3,)]
