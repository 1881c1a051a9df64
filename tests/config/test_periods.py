"""Periods by the names that people use."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from okr_pipeline.config.periods import FiscalYear, Period

THAI = FiscalYear(starts="10-01", era="buddhist")


@pytest.mark.parametrize(
    ("year", "name", "first", "last"),
    [
        (THAI, "FY2570", date(2026, 10, 1), date(2027, 9, 30)),
        (THAI, "FY2570-Q1", date(2026, 10, 1), date(2026, 12, 31)),
        (THAI, "FY2570-Q2", date(2027, 1, 1), date(2027, 3, 31)),
        (THAI, "FY2570-Q4", date(2027, 7, 1), date(2027, 9, 30)),
        (THAI, "FY2570-H2", date(2027, 4, 1), date(2027, 9, 30)),
        (THAI, "FY2570-T1", date(2026, 10, 1), date(2027, 1, 31)),
        (THAI, "FY2570-T3", date(2027, 6, 1), date(2027, 9, 30)),
        (THAI, "FY2570-M05", date(2027, 2, 1), date(2027, 2, 28)),
        (THAI, "FY2571-M5", date(2028, 2, 1), date(2028, 2, 29)),
        (FiscalYear(), "FY2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        (FiscalYear(), "FY2026", date(2026, 1, 1), date(2026, 12, 31)),
        (FiscalYear(starts="04-01"), "FY2027-Q1", date(2026, 4, 1), date(2026, 6, 30)),
        (FiscalYear(starts="10-01"), "FY2027-Q1", date(2026, 10, 1), date(2026, 12, 31)),
        (FiscalYear(starts="01-01", era="buddhist"), "FY2569-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        (FiscalYear(starts="04-06"), "FY2027", date(2026, 4, 6), date(2027, 4, 5)),
        # a year that starts on a day which not every month, or not every year, has
        (FiscalYear(starts="02-29"), "FY2028", date(2027, 2, 28), date(2028, 2, 28)),
        (FiscalYear(starts="02-29"), "FY2029", date(2028, 2, 29), date(2029, 2, 27)),
        (FiscalYear(starts="02-29"), "FY2029-M02", date(2028, 3, 29), date(2028, 4, 28)),
        (FiscalYear(starts="08-31"), "FY2028-M07", date(2028, 2, 29), date(2028, 3, 30)),
        (FiscalYear(starts="12-31"), "FY2027-M03", date(2027, 2, 28), date(2027, 3, 30)),
        (THAI, "2026-10-14 to 2026-12-09", date(2026, 10, 14), date(2026, 12, 9)),
    ],
)
def test_a_name_means_these_days(year, name, first, last):
    assert year.period(name) == Period(name, first, last)


@pytest.mark.parametrize(
    "name", ["FY2570-Q5", "FY2570-Q0", "FY2570-H3", "FY2570-T4", "FY2570-M13", "FY2570-M0"], ids=str
)
def test_a_part_that_a_year_has_not_says_how_many_there_are(name):
    with pytest.raises(ValueError, match=r"does not exist: a year has \d+ of `[HTQM]`"):
        THAI.period(name)


@pytest.mark.parametrize(
    "name", ["", "Q1", "FY70-Q1", "FY2570Q1", "FY2570-W1", "fy2570-q1", "2026", "2026-12-31 to 2026-10-01"]
)
def test_what_is_no_period_is_refused_with_examples(name):
    with pytest.raises(
        ValueError, match=r"is not a period; write for example `FY2570-Q1` or `2026-10-01 to 2026-12-31`"
    ):
        THAI.period(name)


@pytest.mark.parametrize(("era", "name"), [("buddhist", "FY2027-Q1"), ("common", "FY2570-Q1")])
def test_a_year_of_the_other_era_is_refused(era, name):
    with pytest.raises(ValueError, match=rf"is not a year of the {era} era"):
        FiscalYear(starts="10-01", era=era).period(name)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("2569-10-01 to 2569-12-31", "write the year of the Common Era, 543 less"),
        ("2026-10-01 to 2226-12-31", "mend the year"),
        ("0001-01-01 to 0001-12-31", "mend the year"),
    ],
)
def test_days_of_a_year_that_nobody_means_are_refused(name, remedy):
    """The first is a quarter of the Buddhist era, and would begin in five centuries."""
    with pytest.raises(ValueError, match=rf"lies outside 1900 to 2200; {remedy}"):
        THAI.period(name)


@pytest.mark.parametrize("starts", ["02-30", "13-01", "00-01", "1-1", "01/10", "10-00", ""])
def test_a_year_starts_on_a_month_and_a_day(starts):
    with pytest.raises(ValidationError, match="is not a month and day"):
        FiscalYear(starts=starts)


years = st.builds(
    lambda day, era: FiscalYear(starts=f"{day:%m-%d}", era=era),
    st.dates(date(2024, 1, 1), date(2024, 12, 31)), st.sampled_from(["common", "buddhist"]),
)  # fmt: skip


@given(years, st.integers(1950, 2150), st.sampled_from([("H", 2), ("T", 3), ("Q", 4), ("M", 12)]))
def test_the_parts_tile_the_year_and_the_years_tile_time(year, ends_in, part):
    label = ends_in + (543 if year.era == "buddhist" else 0)
    letter, many = part
    whole, after = year.period(f"FY{label}"), year.period(f"FY{label + 1}")
    parts = [year.period(f"FY{label}-{letter}{number}") for number in range(1, many + 1)]

    assert (parts[0].first, parts[-1].last) == (whole.first, whole.last)
    for one, two in zip([*parts, whole], [*parts[1:], after, after], strict=False):
        assert two.first == one.last + timedelta(days=1)
    assert whole.last.year == ends_in
    assert f"{whole.first:%m-%d}" == year.starts or (year.starts, whole.first.day) == ("02-29", 28)
    lengths = [(p.last - p.first).days + 1 for p in parts]
    assert max(lengths) - min(lengths) <= 4


@given(years, st.integers(1950, 2150), st.sampled_from(["", "-H2", "-T1", "-Q1", "-Q3", "-M01", "-M12"]))
def test_the_period_before_ends_where_a_period_begins_and_a_year_before_is_the_same_part(year, ends_in, part):
    label = ends_in + (543 if year.era == "buddhist" else 0)
    period = year.period(f"FY{label}{part}")
    before, last_year = year.before(period), year.year_before(period)

    assert before.last == period.first - timedelta(days=1)
    assert year.period(before.name) == before
    assert last_year == year.period(f"FY{label - 1}{part}")
    assert (period.first - last_year.first).days in (364, 365, 366, 367)


@pytest.mark.parametrize(
    ("period", "before", "year_before"),
    [
        ("2028-02-29 to 2028-03-31", "2028-01-28 to 2028-02-28", "2027-02-28 to 2027-03-31"),
        ("2026-10-14 to 2026-12-09", "2026-08-18 to 2026-10-13", "2025-10-14 to 2025-12-09"),
    ],
)
def test_before_two_dates_lie_as_many_days_and_a_year_earlier_the_same_ones(period, before, year_before):
    found = THAI.period(period)
    assert (THAI.before(found).name, THAI.year_before(found).name) == (before, year_before)
