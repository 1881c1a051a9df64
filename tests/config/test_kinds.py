"""What a condition may compare with what: the rest would pass until one night a row does not fit, and nothing is scored."""

from __future__ import annotations

import pyarrow as pa
import pytest

from okr_pipeline.config.formula import condition
from okr_pipeline.config.kinds import kinds_in_view, kinds_of, wrong_comparison, wrong_condition

SCHEMA = pa.schema(
    [
        ("stage", pa.string()),
        ("amount", pa.int64()),
        ("paid", pa.decimal128(38, 9)),
        ("day", pa.date32()),
        ("won", pa.bool_()),
    ]
)


def wrong(text: str) -> str | None:
    return wrong_condition(condition(text)[0], kinds_of(SCHEMA))


@pytest.mark.parametrize(
    "text",
    [
        *("stage = '3'", "stage in ('won', 'lost')", "stage > 'a'", "lower(stage) = 'won'", "stage like 'w%'"),
        *(
            "amount = 3",
            "amount = '3'",
            "amount > -1.5",
            "amount = paid",
            "amount between 1 and '9'",
            "length(stage) > 3",
        ),
        *(
            "day > '2026-10-01'",
            "day = '2026-1-1'",
            "day >= '2026-10-01 08:00:00'",
            "won",
            "not won",
            "won = 'yes'",
            "won = true",
        ),
        *(
            "stage is null",
            "coalesce(stage, 'won') = 'won'",
            "stage = upper('won')",
            "(stage = 'won' or won) and amount > 1",
        ),
    ],
)
def test_what_is_of_one_kind_may_be_compared(text):
    assert wrong(text) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stage = 3", "`stage = 3` compares a text with a number; write '…' around"),
        ("won and stage in ('won', 3)", "`stage IN ('won', 3)` compares a text with a number"),
        ("stage between 1 and 3", "`stage BETWEEN 1 AND 3` compares a text with a number"),
        ("case when lower(stage) = 3 then won else false end", "`LOWER(stage) = 3` compares a text with a number"),
        ("stage = day", "`stage = day` compares a text with a day"),
        ("stage = true", "`stage = TRUE` compares a text with a yes or no"),
        ("amount = 'many'", "`amount = 'many'` compares a number with 'many'; write for example 45"),
        ("day > '31/10/2026'", "`day > '31/10/2026'` compares a day with '31/10/2026'; write for example '2026-10-31'"),
        ("day = '2026-02-30'", "`day = '2026-02-30'` compares a day with"),
        ("won = 'perhaps'", "`won = 'perhaps'` compares a yes or no with 'perhaps'; write for example true"),
        ("stage", "`stage` is a text, not a condition; compare it with one: `stage = '…'`"),
        ("won or not (stage)", "`(stage)` is a text, not a condition"),
        ("stage = null", "`stage = NULL` is true of no row; write `is null` or `is not null`"),
    ],
)
def test_what_is_of_another_kind_is_refused_with_what_would_be_right(text, told):
    assert (wrong(text) or "").startswith(told)


def test_a_view_has_the_kinds_of_what_it_is_made_of():
    text = "SELECT stage AS s, COUNT(*) AS n, day FROM deals WHERE amount = 3 GROUP BY stage, day"
    assert kinds_in_view(text, kinds_of(SCHEMA)) == {"s": "text", "n": "number", "day": "day"}
    assert wrong_comparison(text, kinds_of(SCHEMA)) is None


def test_a_column_that_is_of_two_kinds_in_two_tables_is_of_none():
    assert kinds_of(SCHEMA, pa.schema([("stage", pa.int64())]))["stage"] is None
