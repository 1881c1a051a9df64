"""Formulas and views: what may be written, what it becomes, and what never reaches the warehouse."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import duckdb
import pytest

from okr_pipeline.config import Config, load
from okr_pipeline.config.formula import Aggregate, aggregate, combination, condition, plain, view
from okr_pipeline.errors import ConfigError
from okr_pipeline.scoring import bind, measure
from okr_pipeline.warehouse.engine import create_schema

TABLES = {"crm_leads": frozenset({"id", "day", "stage"}), "crm_deals": frozenset({"id", "day", "amount"})}

HOSTILE = [
    *("read_csv('/etc/passwd')", "sum(x) FROM read_csv('/etc/passwd')", "(SELECT 1)", "sum((SELECT x FROM secrets))"),
    *("COPY t TO '/tmp/x'", "ATTACH 'x.db'", "PRAGMA version", "SET threads = 1", "INSTALL httpfs", "DROP TABLE t"),
    *("CREATE MACRO f(a) AS a", "sum(x); DROP TABLE t", "sum(x) UNION SELECT 1", "getenv('HOME')", "my_macro(x)"),
    *("sum(x) OVER ()", "row_number() OVER ()", "lag(x) OVER (ORDER BY y)", "random()", "current_date", "now()"),
    *("x IN (SELECT y FROM t)", "EXISTS (SELECT 1)", "list_transform([x], lambda y: y)", "[x][1]", "{'a': x}", "*"),
    *("x::VARCHAR", "CAST(x AS INTEGER)", "t.x", "raw.t.x", "$1", "?", "x COLLATE nocase", "regexp_matches(x, 'a')"),
    *("sum(x) FILTER (WHERE y)", "a % b", "a // b", "query('SELECT 1')", "sum(x ORDER BY y)", "INTERVAL 1 DAY"),
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("inside", ["{}", "sum({})", "sum(x) + {}", "case when {} then 1 end"])
def test_a_formula_or_condition_is_refused_when_it_is_more_than_arithmetic(text, inside):
    whole = inside.format(text)
    with pytest.raises(ValueError, match=r".+; .+|.+: .+"):
        combination(whole, ["x", "y", "a", "b"])
    with pytest.raises(ValueError, match=r".+"):
        condition(whole)
    with pytest.raises(ValueError, match=r".+"):
        aggregate(whole)


@pytest.mark.parametrize(
    "text", ["", "   ", "sum(", "sum(x))", "1 +", "'", '"', "--", "/*", "select", "sum(x) sum(y)", "ผลรวม(x"]
)
def test_what_is_no_formula_says_so(text):
    for parse in (aggregate, condition, lambda t: combination(t, ["x"])):
        with pytest.raises(ValueError, match=r".+"):
            parse(text)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ('"a""; DROP TABLE t; --" = 1', '("a""; DROP TABLE t; --" = 1)'),
        ("stage = 'it''s; DROP TABLE t'", "(\"stage\" = 'it''s; DROP TABLE t')"),
        ("stage in ('ลูกค้า', 'b') and not n is null", "(\"stage\" IN ('ลูกค้า', 'b') AND NOT \"n\" IS NULL)"),
        ("select_ = 1", '("select_" = 1)'),
    ],
)
def test_names_are_quoted_and_texts_are_only_texts(text, sql):
    assert f"({condition(text)[0]})" == sql


@pytest.mark.parametrize("comment", ["-- */ ; DROP TABLE t", "/* x */", "/* /* */ */", "-- ' \" ;"])
def test_a_comment_changes_nothing(comment):
    """It may be refused; if it is not, what reaches the warehouse computes the same."""
    try:
        sql, _ = condition(f"a = 1 {comment}\n")
    except ValueError:
        return
    found = duckdb.execute(f"SELECT COUNT(*) FROM (SELECT UNNEST([1, 2]) AS a) WHERE {sql}").fetchall()
    assert found == [(1,)]


def evaluated(text: str, **values: float | None) -> float | None:
    sql, _ = combination(text, list(values))
    columns = ", ".join(f"CAST({'NULL' if v is None else v} AS DECIMAL(38, 9)) AS {name}" for name, v in values.items())
    return duckdb.execute(f"SELECT CAST({sql} AS DOUBLE) FROM (SELECT {columns})").fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("a / b", {"a": 1, "b": 4}, 0.25),
        ("a / b", {"a": 1, "b": 0}, None),
        ("a / b", {"a": 0, "b": 0}, None),
        ("(a - b) / b", {"a": 21, "b": 10}, 1.1),
        ("a / (b - c)", {"a": 1, "b": 2, "c": 2}, None),
        ("a / b / c", {"a": 8, "b": 2, "c": 2}, 2),
        ("a / b / c", {"a": 8, "b": 0, "c": 2}, None),
        ("a / b / c", {"a": 8, "b": 2, "c": 0}, None),
        ("a / (b / c)", {"a": 8, "b": 2, "c": 0}, None),  # inside out: 8 ÷ (2 ÷ 0) must not come out as 0
        ("1 - a / (1 + b / c)", {"a": 8, "b": 2, "c": 0}, None),
        ("case when a / b > 0.5 then 1 else 0 end / 2", {"a": 1, "b": 2}, 0),
        ("coalesce(a, 0) + b", {"a": None, "b": 2}, 2),
        ("a / nullif(b, 0)", {"a": 1, "b": 0}, None),
        ("a / nullif(b, 1)", {"a": 1, "b": 0}, None),
        ("-a * 100", {"a": 3}, -300),
        (
            "a * b * c",
            {"a": 10**12, "b": 10**12, "c": 10**12},
            10**36,
        ),  # as DECIMAL too large, and then nothing is scored
        ("a * a * a * a * a / b", {"a": 2, "b": 4}, 8),
    ],
)
def test_a_combination_computes_and_every_division_is_safe(text, values, result):
    assert evaluated(text, **values) == (None if result is None else pytest.approx(result))


@pytest.mark.parametrize(
    ("text", "function", "value", "item"),
    [
        ("sum(n)", "sum", '"n"', None),
        ("SUM(n * price)", "sum", '"n" * "price"', None),
        ("sum(a / b)", "sum", '"a" / NULLIF("b", 0)', None),
        ("count(*)", "count", None, None),
        ("count(n)", "count", '"n"', None),
        ("count(distinct who)", "count_distinct", None, '"who"'),
        ("count(distinct lower(trim(who)))", "count_distinct", None, 'LOWER(TRIM("who"))'),
        ("min(n)", "min", '"n"', None),
        ("max(n)", "max", '"n"', None),
        ("latest(n)", "latest", '"n"', None),
        ("latest(n, who)", "latest", '"n"', '"who"'),
        ("latest(case when ok then 1 else 0 end, who)", "latest", 'CASE WHEN "ok" THEN 1 ELSE 0 END', '"who"'),
    ],
)
def test_an_aggregate_is_taken_apart(text, function, value, item):
    found = aggregate(text)

    assert (found.function, found.value, found.item) == (function, value, item)
    assert combination(text, [])[1] == {next(iter(combination(text, [])[1])): found}


@pytest.mark.parametrize(
    "text",
    [
        "n",
        "n + 1",
        "avg(n)",
        "sum(n) / sum(m)",
        "sum(sum(n))",
        "latest()",
        "latest(a, b, c)",
        "count(distinct a, b)",
        "sum(*)",
        "median(n)",
    ],
)
def test_a_part_is_one_known_aggregate(text):
    with pytest.raises(ValueError, match=r".+"):
        aggregate(text)


def test_aggregates_inside_a_value_become_parts_of_their_own():
    sql, parts = combination("(sum(a) - cost) / count(distinct a) + sum(a) + sum(A) + sum(a * 2)", ["cost"])

    assert sorted((p.function, p.value or p.item) for p in parts.values()) == [
        *(("count_distinct", '"a"'), ("sum", '"A"'), ("sum", '"a"'), ("sum", '"a" * 2')),
    ]
    assert all(f'"{name}"' in sql for name in [*parts, "cost"])


def test_an_inline_aggregate_does_not_take_the_name_of_a_written_part():
    sql, parts = combination("sum_a + sum(a)", ["sum_a"])

    assert "sum_a" not in parts, "the written part would be counted twice"
    assert sql.count('"sum_a"') == 1


@pytest.mark.parametrize(
    ("text", "message"), [("a + z", "`z` is not a part"), ("n", "must stand in an aggregate"), ("5", "never typed in")]
)
def test_a_value_reads_parts_and_only_parts(text, message):
    with pytest.raises(ValueError, match=message):
        combination(text, ["a"])


@pytest.mark.parametrize(
    ("text", "added_up"),
    [
        ("sum(users)", {"users"}),
        ("sum(users * 1)", {"users"}),
        ("sum(case when new then users end)", {"users", "new"}),
        ("sum(position * impressions)", set()),  # a weighting
        ("max(users)", set()),
        ("latest(users, tool)", set()),
        ("count(distinct users)", set()),
    ],
)
def test_which_columns_an_aggregate_adds_up(text, added_up):
    assert aggregate(text).added_up == added_up


# -- views


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM crm_leads", "has no name"),
        ("SELECT l.* FROM crm_leads AS l", "has no name|does not exist"),
        ("SELECT COUNT(*) FROM crm_leads", "has no name"),
        ("SELECT nothing AS n FROM crm_leads", "does not exist"),
        ("SELECT id AS id FROM nowhere", "not a raw table; tables are: crm_deals, crm_leads"),
        ("SELECT id AS id FROM raw.crm_leads", "not a raw table"),
        ("SELECT x.id AS id FROM crm_leads AS l", "there is no `x`"),
        ("SELECT crm_leads.id AS id FROM crm_leads AS l", "there is no `crm_leads`"),
        ("SELECT id AS id FROM crm_leads AS l JOIN crm_deals AS d ON l.id = d.id", "several tables"),
        ("WITH a AS (SELECT 1) SELECT id AS id FROM crm_leads", "WITH"),
        ("SELECT id AS id FROM crm_leads UNION SELECT id FROM crm_deals", "one SELECT"),
        ("SELECT DISTINCT id AS id FROM crm_leads", "DISTINCT"),
        ("SELECT id AS id FROM (SELECT id FROM crm_leads)", "may not"),
        ("SELECT id AS id FROM crm_leads WHERE id IN (SELECT id FROM crm_deals)", "may not"),
        ("SELECT (SELECT MAX(id) FROM crm_deals) AS id FROM crm_leads", "may not"),
        ("SELECT id AS id FROM crm_leads ORDER BY id", "may not"),
        ("SELECT id AS id FROM crm_leads LIMIT 1", "may not"),
        ("SELECT id AS id FROM crm_leads QUALIFY ROW_NUMBER() OVER () = 1", "may not"),
        ("SELECT ROW_NUMBER() OVER () AS n FROM crm_leads", "may not"),
        ("SELECT id AS id FROM crm_leads TABLESAMPLE 1%", "may not"),
        ("SELECT id AS id FROM read_csv('/etc/passwd')", ".+"),
        ("SELECT id AS id FROM '/etc/passwd'", ".+"),
        ("SELECT id AS id FROM crm_leads; DROP TABLE raw.crm_leads", ".+"),
        ("SELECT getenv('HOME') AS id FROM crm_leads", "may not"),
        ("COPY crm_leads TO '/tmp/x'", ".+"),
        ("DELETE FROM crm_leads", "one SELECT"),
        ("CREATE TABLE x AS SELECT id AS id FROM crm_leads", "one SELECT"),
        ("SELECT '2026-10-01' AS day, 5 AS n", ".+"),  # a score is never typed in
        ("SELECT _load AS id FROM crm_leads", "does not exist"),
    ],
)
def test_a_view_is_one_flat_select_over_raw_tables(sql, message):
    with pytest.raises(ValueError, match=message):
        view("v", sql, TABLES)


def rows(sql: str) -> list[tuple[object, ...]]:
    """A view's rows over two small raw tables: leads 1 and 2 of load 7, a deal of lead 1 of load 9."""
    with duckdb.connect() as connection:
        create_schema(connection)
        connection.execute(
            "CREATE TABLE raw.crm_leads AS SELECT * FROM (VALUES (1, 1, 'a', 7), (2, 1, 'b', 7)) AS t(id, day, stage, _load)"
        )
        connection.execute(
            "CREATE TABLE raw.crm_deals AS SELECT * FROM (VALUES (1, 2, 0, 9)) AS t(id, day, amount, _load)"
        )
        return connection.execute(view("v", sql, TABLES).sql + " ORDER BY ALL").fetchall()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT id AS who FROM crm_leads -- a comment", [(1, [7]), (2, [7])]),
        ("SELECT l.id AS who FROM crm_leads AS l LEFT JOIN crm_deals AS d ON l.id = d.id", [(1, [7, 9]), (2, [7])]),
        ("SELECT COUNT(*) AS n FROM crm_leads", [(2, [7])]),
        ("SELECT day AS day, COUNT(DISTINCT id) AS n FROM crm_leads GROUP BY day HAVING COUNT(*) > 1", [(1, 2, [7])]),
        ("SELECT a.id AS a, b.id AS b FROM crm_leads AS a JOIN crm_leads AS b ON a.id < b.id", [(1, 2, [7, 7])]),
        ("SELECT id / amount AS rate FROM crm_deals", [(None, [9])]),
    ],
)
def test_a_view_adds_the_loads_that_its_rows_rest_on(sql, found):
    assert [(*row[:-1], sorted(set(row[-1]))) for row in rows(sql)] == [
        (*row[:-1], sorted(set(row[-1]))) for row in found
    ]


@pytest.mark.parametrize("text", ["(a - b) / b", "100 * a / (b * a)", "a * b * a / b", "a"])
def test_a_formula_is_told_as_it_was_written(text):
    assert plain(combination(text, ["a", "b"])[0]) == text


def test_a_view_knows_which_raw_columns_each_of_its_columns_is_made_of():
    made = view(
        "v",
        "SELECT l.day AS day, SUM(d.amount * l.id) AS total FROM crm_leads l JOIN crm_deals d ON l.id = d.id GROUP BY l.day",
        TABLES,
    )

    assert made.tables == ("crm_leads", "crm_deals")
    assert made.columns == {"day": {("crm_leads", "day")}, "total": {("crm_deals", "amount"), ("crm_leads", "id")}}


# -- through a whole configuration


def configuration(folder: Path, metric: object, name: str = "m", views: dict[str, str] | None = None) -> Config:
    columns = {"id": "integer", "day": "date", "users": "integer", "n": "integer", "it's": "integer"}
    stream = {
        "files": "t.csv",
        "key": ["id"],
        "date": "day",
        "columns": columns,
        "not_additive": {"users": "they come again"},
    }
    unit = {"title": "M", "unit": {"en": "x"}}
    texts = {
        "okr": {"organisation": "Test", "timezone": "UTC"},
        "connectors/src": {"connector": "files", "folder": "nowhere", "streams": {"t": stream}},
        "metrics/all": {name: unit | metric},
        "objectives/o": {
            "id": "o",
            "title": "O",
            "period": "FY2026-Q1",
            "owner": "x",
            "key_results": [{"id": "k", "metric": name, "at_least": 1}],
        },
    }
    for file, text in texts.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{file}.yaml").write_text(json.dumps(text), encoding="utf-8")
    (folder / "views").mkdir()
    for file, sql in (views or {}).items():
        (folder / "views" / f"{file}.sql").write_text(sql, encoding="utf-8")
    return load(folder, {})


@pytest.mark.parametrize("source", ["src_t", "seen"])
def test_days_of_what_is_not_additive_are_not_added_up_not_even_through_a_view(tmp_path, source):
    views = {"seen": "SELECT t.day AS day, t.users AS users FROM src_t AS t"}
    with pytest.raises(
        ConfigError, match=r"metrics/all.yaml:1: m\.value: `users` must not be added up: they come again; use"
    ):
        configuration(tmp_path, {"from": source, "date": "day", "value": "sum(users)"}, views=views)


@pytest.mark.parametrize(
    ("summed", "is_refused"), [("SUM(t.users)", True), ("SUM(t.users + t.n)", True), ("SUM(t.users * t.n)", False)]
)
def test_a_view_does_not_add_them_up_either(tmp_path, summed, is_refused):
    """The metric takes the largest of what the view has added up already."""
    views = {"seen": f"SELECT t.day AS day, {summed} AS users FROM src_t AS t GROUP BY t.day"}
    with pytest.raises(ConfigError) if is_refused else contextlib.nullcontext() as told:
        configuration(tmp_path, {"from": "seen", "date": "day", "value": "max(users)"}, views=views)
    if is_refused:
        assert "views/seen.sql:1: `users` of src_t must not be added up: they come again; use max" in str(told.value)


def test_a_part_has_a_name_that_can_stand_in_a_formula(tmp_path):
    parts = {"sign-ups": "sum(n)"}
    with pytest.raises(ConfigError, match=r"m\.parts\.sign-ups"):
        configuration(tmp_path, {"from": "src_t", "parts": parts, "value": '"sign-ups"'})


def test_an_unknown_column_of_a_view_is_a_mistake_with_its_file(tmp_path):
    with pytest.raises(ConfigError, match=r"views/seen\.sql:1: .*`visits` does not exist"):
        configuration(tmp_path, {"from": "src_t", "value": "sum(n)"}, views={"seen": "SELECT visits AS v FROM src_t"})


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ({"value": 'sum("it\'s")'}, "m"),
        ({"value": "sum(n)"}, "o'hare"),
        ({"value": "sum(n)"}, "x'; DROP TABLE raw.src_t; SELECT '"),
        ({"value": "sum(n)", "where": "n < 5 -- few"}, "m"),
    ],
    ids=["column with an apostrophe", "metric with an apostrophe", "metric with a statement", "comment"],
)
def test_names_and_comments_are_refused_or_harmless(tmp_path, metric, name):
    with duckdb.connect() as connection:
        create_schema(connection)
        connection.execute(
            'CREATE TABLE raw.src_t (id BIGINT, day DATE, users BIGINT, n BIGINT, "it\'s" BIGINT, _load BIGINT)'
        )
        with contextlib.suppress(ConfigError):
            config = configuration(tmp_path, {"from": "src_t"} | metric, name)
            bind(connection, config)
            measure(connection, config, config.metrics.values())
        assert connection.execute("SELECT COUNT(*) FROM raw.src_t").fetchall() == [(0,)]


@pytest.mark.parametrize("value", ["case when sum(n) > 1 then 'many' else 'few' end", "lower(sum(n)) + 1"])
def test_a_value_that_is_no_number_is_a_mistake_of_the_configuration(tmp_path, value):
    """Else it is found while scoring, and takes the scores of all other key results with it."""

    def checked() -> None:
        config = configuration(tmp_path, {"from": "src_t", "value": value})
        with duckdb.connect() as connection:
            create_schema(connection)
            bind(connection, config)

    with pytest.raises(ConfigError, match=r"metrics/all\.yaml"):
        checked()


def test_the_parts_of_an_aggregate_are_frozen():
    assert aggregate("sum(n)") == Aggregate("sum", '"n"', None, frozenset({"n"}), frozenset({"n"}))
