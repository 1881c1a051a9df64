"""Windows are differences of sums that run on over all metrics, one after the other: DuckDB must keep the rows in order."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest

from okr_pipeline.scoring.formulas import PartOfShape
from okr_pipeline.warehouse.engine import create_schema, statement

METRICS, FIRST, LAST = 1_500, date(2026, 1, 1), date(2026, 9, 27)  # more rows than DuckDB stores together, many times
SHAPE = {
    "number": 0,
    "value": 'a / NULLIF("b", 0)',
    "dated": False,
    "parts": [
        PartOfShape(number, name, function=None, is_level=False, is_manual=False, tracked=False)
        for number, name in enumerate("ab")
    ],
}


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        create_schema(connection)
        calendar = statement("scoring/sql/calendar.sql", first=FIRST - timedelta(days=99), last=LAST, weekday=0)
        connection.execute(f"""
            CREATE TEMP TABLE calendar AS {calendar};
            CREATE TEMP TABLE formulas AS
                SELECT 'm' || range AS metric, CAST(range AS INTEGER) AS metric_number, 0 AS shape FROM range({METRICS});
            CREATE TEMP TABLE asked AS
                SELECT metric_number, metric_number % 2 AS span,
                       DATE '{FIRST}' AS first_as_of, DATE '{LAST}' AS last_as_of
                FROM formulas;
            CREATE TEMP TABLE windows AS
                SELECT s.range AS span, day AS as_of, day - CAST(s.range * 27 AS INTEGER) AS first_day, day AS last_day
                FROM calendar, range(2) AS s WHERE day >= DATE '{FIRST}';
            -- Some metrics have no rows on some days, and rows come in no order at all.
            INSERT INTO metric.parts
                SELECT m.metric, p.part, d.day, d.day, NULL, HASH(m.metric, p.part, d.day) % 1000 / 7, 1, [1], 1
                FROM formulas AS m, (VALUES ('a'), ('b')) AS p (part), calendar AS d
                WHERE HASH(d.day, m.metric) % 5 > 0
                ORDER BY HASH(p.part, m.metric, d.day);
        """)
        yield connection


def test_a_window_holds_its_own_days_of_its_own_metric_and_nothing_else(connection):
    values = statement("scoring/sql/values.sql", shapes=[SHAPE])
    differing = connection.execute(
        f"""
        WITH plain AS (
            SELECT a.metric_number, w.as_of, COALESCE(SUM(p.value) FILTER (p.part = 'a'), 0) AS a,
                   COALESCE(SUM(p.value) FILTER (p.part = 'b'), 0) AS b
            FROM asked AS a
            JOIN windows AS w ON w.span = a.span
            LEFT JOIN metric.parts AS p ON p.metric = 'm' || a.metric_number AND p.day BETWEEN w.first_day AND w.last_day
            GROUP BY a.metric_number, w.as_of
        )
        SELECT COUNT(*), COUNT(*) FILTER (
            v.value IS DISTINCT FROM p.a / NULLIF(p.b, 0) OR CAST(v.parts ->> 'a' AS DOUBLE) <> CAST(p.a AS DOUBLE)
        )
        FROM plain AS p
        LEFT JOIN ({values}) AS v ON v.metric_number = p.metric_number AND v.as_of = p.as_of
        """
    ).fetchall()
    assert differing == [(METRICS * ((LAST - FIRST).days + 1), 0)]
