"""The small words of the YAML: what each may say, what it means, and what to write instead."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from okr_pipeline.config.models import KeyResultYaml
from okr_pipeline.config.words import Amount, Every, Over, Span, Text, amount, every, over, span


@pytest.mark.parametrize(
    ("written", "value", "percent"),
    [
        *((45, "45", False), (0, "0", False), (-1.5, "-1.5", False), (0.1, "0.1", False), ("45", "45", False)),
        *(("30%", "0.3", True), ("30 %", "0.3", True), (" 30.5% ", "0.305", True), ("-5%", "-0.05", True)),
        *(
            ("110%", "1.1", True),
            ("0.001%", "0.00001", True),
            ("1,250", "1250", False),
            ("1,000,000.5", "1000000.5", False),
        ),
        *(("๔๕", "45", False), ("๓๐%", "0.3", True)),
    ],
)
def test_an_amount_is_exact(written, value, percent):
    assert amount(written) == Amount(Decimal(value), percent)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "%",
        "many",
        "30%%",
        "%30",
        "30 percent",
        "nan",
        "inf",
        "-Infinity",
        "NaN%",
        True,
        None,
        [1],
        "1 2",
        "0x10",
        "--1",
    ],
)
def test_what_is_no_amount_is_refused_with_an_example(written):
    with pytest.raises(ValueError, match=r"is not a number; write for example `45` or `30%`"):
        amount(written)


@pytest.mark.parametrize("written", ["1,5", "12,34", ",5", "1,2,3", "1,5%"])
def test_a_comma_that_separates_no_thousands_is_not_swallowed(written):
    """`1,5` is one and a half to some and must not become fifteen."""
    with pytest.raises(ValueError, match="is not a number"):
        amount(written)


@pytest.mark.parametrize("written", [1e18, "-1e18", "999999999999999999999", "1e1000000%", 10**40])
def test_an_amount_that_no_sum_can_hold_is_refused(written):
    """Else it would stop the night, and with it every other score."""
    with pytest.raises(ValueError, match="is larger than can be scored; write it in a larger unit"):
        amount(written)


@given(st.decimals(-(10**9), 10**9, places=6))
def test_an_amount_reads_back_what_was_written(number):
    assert amount(f"{number}") == Amount(number, False)
    assert amount(f"{number}%") == Amount(number / 100, True)
    assert amount(amount(f"{number}%")) == Amount(number / 100, True)


@pytest.mark.parametrize(
    ("written", "parsed"),
    [
        ("period to date", Over("to_date", "period")),
        ("week to date", Over("to_date", "week")),
        ("Month To Date", Over("to_date", "month")),
        ("quarter to date", Over("to_date", "quarter")),
        *((f"last {unit}", Over("last", unit)) for unit in ("week", "month", "quarter")),
        ("trailing 28 days", Over("trailing", "day", 28)),
        ("trailing 1 day", Over("trailing", "day", 1)),
    ],
)
def test_a_window_is_read_and_written_back_in_the_same_words(written, parsed):
    assert over(written) == parsed
    assert over(str(parsed)) == parsed


@pytest.mark.parametrize(
    "written",
    [
        "last day",
        "last year",
        "trailing 0 days",
        "trailing days",
        "trailing -1 days",
        "trailing 100000 days",
        "to date",
        "week",
        "last  week",
        "",
        None,
        7,
    ],
)
def test_what_is_no_window_is_refused_with_examples(written):
    with pytest.raises(ValueError, match=r"is not a window; write `period to date`"):
        over(written)


@pytest.mark.parametrize(
    ("written", "parsed"),
    [
        *((unit, Every(1, unit)) for unit in ("day", "week", "month", "quarter")),
        *(
            ("2 weeks", Every(2, "week")),
            ("1 month", Every(1, "month")),
            ("10 days", Every(10, "day")),
            ("Week", Every(1, "week")),
        ),
    ],
)
def test_an_interval_is_read_and_written_back_in_the_same_words(written, parsed):
    assert every(written) == parsed
    assert every(str(parsed)) == parsed


@pytest.mark.parametrize(
    "written", ["", "0 weeks", "fortnight", "-1 week", "1.5 weeks", "year", "two weeks", None, "100 days"]
)
def test_what_is_no_interval_is_refused_with_examples(written):
    with pytest.raises(ValueError, match=r"is not an interval; write `day`, `week`, `2 weeks`"):
        every(written)


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("week 2 from 2026-10-19", date(2026, 10, 26), date(2026, 11, 1)),
        ("week 1 from 2026-10-21", date(2026, 10, 21), date(2026, 10, 27)),
        ("2026-10-26 to 2026-11-01", date(2026, 10, 26), date(2026, 11, 1)),
        ("2026-10-26 to 2026-10-26", date(2026, 10, 26), date(2026, 10, 26)),
    ],
)
def test_a_span_has_both_ends(written, first, last):
    assert span(written) == Span(first, last)


@pytest.mark.parametrize(
    "written",
    [
        "week 0 from 2026-10-19",
        "week 2 from 2026-02-30",
        "2026-11-01 to 2026-10-26",
        "2026-10-26",
        "2569-10-26 - 2569-11-01",
        "week 9 from 9999-12-01",
        "",
        None,
    ],
)
def test_what_is_no_span_is_refused_with_examples(written):
    with pytest.raises(ValueError, match=r"is not a span of days; write `week 2 from"):
        span(written)


def test_a_text_in_one_language_stands_for_both():
    read = TypeAdapter(Text).validate_python

    assert (read("Hi").en, read("Hi").th) == ("Hi", "Hi")
    assert (read({"th": "สวัสดี"}).en, read({"en": "Hi", "th": "สวัสดี"}).th) == ("สวัสดี", "สวัสดี")
    with pytest.raises(ValidationError):
        read({"de": "Hallo"})


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ({"target": 5, "baseline": 5}, "use at_least"),
        ({"target": "50%", "baseline": "50%"}, "use at_least"),
        ({"at_least": 5, "baseline": 5}, "baseline and target are equal"),
        ({"target": 5}, "needs the `baseline`"),
        ({}, "exactly one of target, at_least, at_most, between"),
        ({"at_least": 5, "at_most": 9}, "exactly one of"),
        ({"at_least": 0}, "zero or less"),
        ({"at_most": -3}, "zero or less"),
        ({"between": [5, 3]}, "lower bound first"),
        ({"at_least": 1, "pace": "constant", "lag": "7 days"}, "leave out `lag` and `due`"),
        ({"at_least": 1, "pace": "constant", "due": "2026-10-09"}, "leave out `lag` and `due`"),
        ({"between": [1, 3], "baseline": 0}, "no `baseline`"),
        ({"at_least": 1, "every": "week", "baseline": 0}, "no `baseline`"),
        ({"at_least": 1, "every": "week", "over": "last week"}, "leave out `over`"),
        ({"at_least": 1, "every": "week", "during": "2026-10-01 to 2026-10-02"}, "leave out `over` and `every`"),
        ({"at_least": 1, "weight": 0}, "greater than or equal to 0.001"),
        ({"at_least": 1, "weight": 0.0000001}, "greater than or equal to 0.001"),  # would be rounded to nothing
        ({"milestones": [{"step": "a", "due": "2026-10-31"}], "due": "2026-10-15"}, "leave out `pace` and `due`"),
        ({"at_least": 1, "wieght": 1}, "xtra"),
    ],
)
def test_a_key_result_that_has_no_score_is_refused(written, remedy):
    with pytest.raises(ValidationError, match=remedy):
        KeyResultYaml.model_validate({"id": "k", "metric": "m"} | written)


@pytest.mark.parametrize(
    "written", [{"at_least": 5, "baseline": 9}, {"at_most": 9, "baseline": 5}], ids=["at_least below", "at_most above"]
)
def test_a_bound_on_the_wrong_side_of_its_baseline_is_refused(written):
    """At least 5 from 9: 7 keeps the bound, and is half of the way to it."""
    with pytest.raises(ValidationError):
        KeyResultYaml.model_validate({"id": "k", "metric": "m"} | written)


@pytest.mark.parametrize("ignored", [{"pace": "constant"}, {"due": "2026-10-31"}], ids=["pace", "due"])
def test_a_cadence_refuses_what_it_would_ignore(ignored):
    """With `every`, complete intervals are what is expected: a pace or a day of its own would say nothing."""
    with pytest.raises(ValidationError):
        KeyResultYaml.model_validate({"id": "k", "metric": "m", "at_least": 1, "every": "week"} | ignored)
