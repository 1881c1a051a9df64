"""The design's scoring table, line by line, in numbers that a reader can check by hand; and which days count."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from naive import DAY, Row
from world import World, configuration

from okr_pipeline.errors import ConfigError
from okr_pipeline.scoring import earliest_day, scores_as_of

FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)  # FY2570-Q1
MONEY = {
    "spend-per-head": {"value": "sum(amount) / sum(n)", "from": "src_flow", "unit": {"en": "baht"}, "title": "Spend"}
}


def rows_of(*days: tuple[date, int]) -> list[Row]:
    return [{"id": number, "day": day, "n": n, "who": "a"} for number, (day, n) in enumerate(days)]


def world(
    folder: Path, *key_results: Row, period: str = "FY2570-Q1", metrics: Row | None = None, **okr: object
) -> World:
    named = [{"id": f"kr{number}"} | kr for number, kr in enumerate(key_results)]
    made = World(configuration(folder, {"o": named}, period, okr, metrics))
    first = min(result.period.first for result in made.config.key_results.values()) - DAY * 100
    made.land("src_flow", first, first + DAY * 400, [])
    made.land("src_other", first, first + DAY * 400, [])
    return made


def percent(number: str) -> Fraction:
    return Fraction(number) / 100


MID, FROM_30_TO_40 = date(2026, 11, 15), {"baseline": "30", "target": "40"}
STATUS = [  # as-of day, value in %, more, expected, status; from 30 % to 40 %, half of the period is over on 15 November
    (FIRST, "34", {}, 1 / 92, "on_track"),
    (date(2026, 10, 10), "34", {"due": date(2026, 10, 20)}, 0.5, "at_risk"),
    (date(2026, 10, 20), "34", {"due": date(2026, 10, 20)}, 1.0, "off_track"),
    (MID, "34", {}, 0.5, "at_risk"),  # 0.4 ÷ 0.5 = 0.8
    (MID, "35", {}, 0.5, "on_track"),
    (MID, "32", {}, 0.5, "off_track"),
    (MID, "34", {"pace": "constant"}, 1.0, "off_track"),
    (LAST, "40", {}, 1.0, "achieved"),
    (LAST, "39", {}, 1.0, "missed"),
    (LAST, "38", {"type": "aspirational"}, 1.0, "achieved"),
    (LAST, "36", {"type": "aspirational"}, 1.0, "missed"),
    # exactly on the bound: 0.7 is achieved, 0.9 and 0.6 of what was expected are on track and at risk
    (LAST, "37", {"type": "aspirational"}, 1.0, "achieved"),
    (MID, "34.5", {}, 0.5, "on_track"),
    (MID, "33", {}, 0.5, "at_risk"),
    (MID, "39", {"pace": "constant"}, 1.0, "on_track"),
    (MID, "36", {"pace": "constant"}, 1.0, "at_risk"),
]
PROGRESS = [  # key result in %, value in %, progress, score
    # reach: (value − baseline) ÷ (target − baseline), in percentage points
    ({"baseline": "30", "target": "40"}, "34", 0.4, 0.4),
    ({"baseline": "15", "target": "20"}, "17", 0.4, 0.4),
    ({"baseline": "40", "target": "30"}, "37", 0.3, 0.3),
    ({"baseline": "40", "target": "30"}, "45", -0.5, 0.0),
    ({"baseline": "80", "target": "110"}, "125", 1.5, 1.0),
    ({"baseline": "-20", "target": "-10"}, "-15", 0.5, 0.5),
    ({"baseline": "-10", "target": "-20"}, "-15", 0.5, 0.5),
    ({"baseline": "-10", "target": "30"}, "0", 0.25, 0.25),
    ({"baseline": "10", "target": "-30"}, "0", 0.25, 0.25),
    ({"baseline": "0", "target": "100"}, "0", 0.0, 0.0),
    # bounds alone
    ({"at_least": "95"}, "88", 88 / 95, 88 / 95),
    ({"at_least": "95"}, "95", 1.0, 1.0),
    ({"at_least": "95"}, "-19", -0.2, 0.0),
    ({"at_least": "95", "baseline": "90"}, "94", 0.8, 0.8),
    ({"at_most": "5"}, "5", 1.0, 1.0),
    ({"at_most": "5"}, "6", 0.8, 0.8),
    ({"at_most": "5"}, "12", -0.4, 0.0),
    ({"at_most": "5"}, "0", 2.0, 1.0),
    ({"at_most": "5", "baseline": "9"}, "6", 0.75, 0.75),
]
BETWEEN = [  # value in %, score, distance; between 20 % and 30 %
    *(("20", 1, 0), ("30", 1, 0), ("25", 1, 0)),
    *(("19", 0, 0.01), ("32", 0, 0.02), ("-5", 0, 0.25)),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, date], Row]:
    """The score rows of all cases above; the value of each is that of a day of its own."""
    cases = [(FROM_30_TO_40 | more, value) for _, value, more, _, _ in STATUS]
    cases += [(kr, value) for kr, value, _, _ in PROGRESS]
    cases += [({"between": ("20", "30")}, value) for value, _, _ in BETWEEN]
    results, flow, other = [], [], []
    for number, (written, value) in enumerate(cases):
        day, kr = FIRST + DAY * number, {}
        for name, amount in written.items():
            kr[name] = percent(amount) if name in ("baseline", "target", "at_least", "at_most") else amount
            kr[name] = tuple(map(percent, amount)) if name == "between" else kr[name]
        results.append({"metric": "rate", "during": (day, day)} | kr)
        flow.append((day, percent(value).numerator))
        other.append((day, percent(value).denominator))
    made = world(tmp_path_factory.mktemp("table"), *results)
    made.land("src_flow", FIRST, LAST, rows_of(*flow))
    made.land("src_other", FIRST, LAST, rows_of(*other))
    return made.scored(LAST)[0]


@pytest.mark.parametrize(("number", "case"), list(enumerate(STATUS)))
def test_expected_and_status(table, number, case):
    as_of, _, _, expected, status = case
    row = table[f"kr{number}", as_of]

    assert (row["expected"], row["status"]) == (pytest.approx(expected), status)


@pytest.mark.parametrize(("number", "case"), list(enumerate(PROGRESS, len(STATUS))))
def test_progress_is_unclamped_and_score_is_not(table, number, case):
    _, value, progress, score = case
    row = table[f"kr{number}", LAST]

    assert row["value"] == pytest.approx(float(percent(value)))
    assert (row["progress"], row["score"]) == (pytest.approx(progress, abs=1e-12), pytest.approx(score, abs=1e-12))


@pytest.mark.parametrize(("number", "case"), list(enumerate(BETWEEN, len(STATUS) + len(PROGRESS))))
def test_between_is_kept_or_not_and_tells_the_distance(table, number, case):
    _, score, distance = case
    row = table[f"kr{number}", LAST]

    assert (row["score"], row["distance"]) == (score, pytest.approx(distance, abs=1e-12))


def test_a_bound_that_money_reaches_exactly_is_reached(tmp_path):
    kr = {"metric": "spend-per-head", "at_least": Fraction(1, 10)}
    made = world(tmp_path, kr, kr | {"every": (1, "month")}, metrics=MONEY)
    made.land("src_flow", FIRST, LAST, [{"id": 1, "day": FIRST, "amount": Decimal("0.3"), "n": 3}])
    found, _ = made.scored(LAST)

    assert found["kr0", LAST]["status"] == "achieved"  # 0.3 ÷ 3 is 0.1
    assert json.loads(found["kr1", LAST]["parts"])["kept"] == 1


def test_three_webinars_in_one_month_do_not_make_up_for_two_empty_ones(tmp_path):
    made = world(tmp_path, {"metric": "rows", "at_least": Fraction(1), "every": (1, "month")})
    made.land("src_flow", FIRST, LAST, rows_of(*[(date(2026, 10, day), 1) for day in (5, 6, 7)]))
    found, _ = made.scored(LAST)

    assert found["kr0", LAST]["score"] == pytest.approx(1 / 3)
    assert found["kr0", LAST]["status"] == "missed"


def test_an_open_interval_counts_once_it_is_met_and_complete_ones_are_expected(tmp_path):
    made = world(tmp_path, {"metric": "rows", "at_least": Fraction(2), "every": (1, "month")})
    made.land("src_flow", FIRST, LAST, rows_of((date(2026, 10, 5), 1), (date(2026, 10, 7), 1), (date(2026, 11, 3), 1)))
    found, _ = made.scored(date(2026, 11, 30))

    def on(day: date) -> tuple[float, float, str]:
        row = found["kr0", day]
        return round(row["score"], 9), round(row["expected"], 9), row["status"]

    third = round(1 / 3, 9)
    assert on(date(2026, 10, 6)) == (0, 0, "not_started")
    assert on(date(2026, 10, 7)) == (third, 0, "not_started")  # met early; nothing was expected yet
    assert on(date(2026, 10, 31)) == (third, third, "on_track")
    assert on(date(2026, 11, 30)) == (third, round(2 / 3, 9), "off_track")


@pytest.mark.parametrize(
    ("period", "every", "week_starts", "first", "last", "planned"),
    [
        # Thursday 1 October: most days of the week from 28 September lie in FY2570-Q1, as of the week from 28 December
        ("FY2570-Q1", (1, "week"), "monday", date(2026, 9, 28), date(2027, 1, 3), 14),
        ("FY2570-Q1", (2, "week"), "monday", date(2026, 9, 28), date(2027, 1, 3), 7),
        ("FY2570-Q1", (1, "week"), "sunday", date(2026, 10, 4), date(2027, 1, 2), 13),
        ("FY2570-Q1", (2, "week"), "sunday", date(2026, 10, 4), date(2027, 1, 2), 7),
        ("FY2570-Q2", (1, "week"), "monday", date(2027, 1, 4), date(2027, 3, 28), 12),
        ("FY2570-Q1", (1, "month"), "monday", FIRST, LAST, 3),
        ("FY2570-Q1", (2, "month"), "monday", FIRST, LAST, 2),
        ("FY2570-Q1", (1, "quarter"), "monday", FIRST, LAST, 1),
        ("FY2570-H1", (1, "quarter"), "monday", FIRST, date(2027, 3, 31), 2),
        ("FY2570-M01", (1, "day"), "monday", FIRST, date(2026, 10, 31), 31),
    ],
)
def test_intervals_belong_to_the_period_of_most_of_their_days(
    tmp_path, period, every, week_starts, first, last, planned
):
    kr = {"metric": "rows", "at_least": Fraction(1), "every": every}
    made = world(tmp_path, kr, period=period, week_starts=week_starts)
    end = made.config.key_results["kr0"].period.last
    row = made.scored(end)[0]["kr0", end]
    shown = json.loads(row["intervals"])

    assert (shown[0]["first"], json.loads(row["parts"])["planned"]) == (f"{first}", planned)
    assert (row["first_day"], row["last_day"]) == (first, min(last, end))


def test_days_before_the_first_interval_begins_have_a_row_without_a_score(tmp_path):
    weekly = {"metric": "rows", "at_least": Fraction(1), "every": (1, "week")}
    made = world(tmp_path, weekly, {"metric": "total", "at_least": Fraction(1)}, period="FY2570-Q2")
    new_year = date(2027, 1, 1)  # a Friday: its week belongs to the quarter before
    found, objectives = made.scored(new_year)

    row = found["kr0", new_year]
    assert (row["score"], row["status"]) in [(None, "no_score"), (None, "not_started"), (0, "not_started")]
    assert row["score"] is not None or row["reason"]
    assert objectives["o", new_year]["coverage"] == (0.5 if row["score"] is None else 1)
    assert scores_as_of(made.connection, made.config, new_year).num_rows == 2


def test_a_cadence_without_an_interval_in_its_period_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="every"):
        world(
            tmp_path,
            {"metric": "rows", "at_least": Fraction(1), "every": (1, "month")},
            period="2026-10-05 to 2026-10-09",
        )


@pytest.mark.parametrize(
    ("unit", "period", "is_refused"),
    [
        ("month", "2026-10-05 to 2026-10-30", True),  # most of October, but not its end
        ("month", "2026-10-05 to 2026-10-31", False),
        ("quarter", "FY2570-M05", True),
        ("quarter", "FY2570-Q1", False),
        ("week", "2026-10-05 to 2026-10-10", True),
    ],
)
def test_a_window_that_no_period_ever_completes_is_refused(tmp_path, unit, period, is_refused):
    kr = {"metric": "rows", "at_least": Fraction(1), "over": ("last", unit)}
    with pytest.raises(ConfigError, match=f"no {unit} of .* is over before") if is_refused else nullcontext():
        world(tmp_path, kr, period=period)


@pytest.mark.parametrize(
    ("kr", "as_of", "days"),
    [
        ({}, date(2026, 11, 11), (FIRST, date(2026, 11, 11))),
        ({"over": ("to_date", "week")}, date(2026, 11, 11), (date(2026, 11, 9), date(2026, 11, 11))),
        ({"over": ("to_date", "month")}, date(2026, 11, 11), (date(2026, 11, 1), date(2026, 11, 11))),
        ({"over": ("to_date", "quarter")}, date(2026, 11, 11), (FIRST, date(2026, 11, 11))),
        ({"over": ("last", "week")}, date(2026, 11, 11), (date(2026, 11, 2), date(2026, 11, 8))),
        ({"over": ("last", "week")}, date(2026, 11, 8), (date(2026, 11, 2), date(2026, 11, 8))),
        ({"over": ("last", "week")}, date(2026, 10, 4), (date(2026, 9, 28), date(2026, 10, 4))),
        ({"over": ("last", "week")}, date(2026, 10, 3), (None, None)),
        ({"over": ("last", "month")}, date(2026, 11, 11), (FIRST, date(2026, 10, 31))),
        ({"over": ("trailing", 28)}, date(2026, 10, 1), (date(2026, 9, 4), FIRST)),
        ({"during": (date(2026, 10, 26), date(2026, 11, 1))}, date(2026, 10, 25), (None, None)),
        (
            {"during": (date(2026, 10, 26), date(2026, 11, 1))},
            date(2026, 10, 28),
            (date(2026, 10, 26), date(2026, 10, 28)),
        ),
        ({"during": (date(2026, 10, 26), date(2026, 11, 1))}, LAST, (date(2026, 10, 26), date(2026, 11, 1))),
    ],
)
def test_the_days_that_count(tmp_path, kr, as_of, days):
    made = world(tmp_path, {"metric": "rows", "at_least": Fraction(1)} | kr)
    row = made.scored(as_of)[0]["kr0", as_of]

    assert (row["first_day"], row["last_day"]) == days
    assert (row["reason"] in ("no_complete_interval", "not_begun")) == (days[0] is None)
    assert earliest_day(made.config) <= (days[0] or FIRST)


def test_every_window_that_may_be_written_has_its_own_days_beside_the_score(tmp_path):
    kr = {"metric": "total", "at_least": Fraction(1)}
    made = world(tmp_path, kr | {"alongside": ("to_date", "month")}, kr | {"alongside": ("last", "month")})
    made.land("src_flow", FIRST, LAST, rows_of((date(2026, 10, 5), 4), (date(2026, 11, 3), 3)))
    found, _ = made.scored(date(2026, 11, 11))

    assert [found[kr, date(2026, 11, 11)]["alongside"] for kr in ("kr0", "kr1")] == [3, 4]


def test_a_source_that_is_down_holds_the_last_good_score_and_says_why(tmp_path):
    made = World(
        configuration(tmp_path, {"o": [{"id": "kr0", "metric": "total", "at_least": Fraction(10)}]}, "FY2570-Q1")
    )
    made.land("src_flow", FIRST, date(2026, 10, 5), rows_of((FIRST, 5)))
    made.fail("src_flow", date(2026, 10, 6), "source_unavailable")
    found, _ = made.scored(date(2026, 10, 6))
    good, held = (found["kr0", date(2026, 10, day)] for day in (5, 6))

    assert (good["score"], good["reason"], good["held_from"], good["final"]) == (0.5, None, None, True)
    assert (held["score"], held["reason"], held["held_from"]) == (0.5, "source_unavailable", date(2026, 10, 5))
    assert held["final"] is False


def test_what_was_never_fetched_scores_nothing_and_never_zero(tmp_path):
    made = World(
        configuration(tmp_path, {"o": [{"id": "kr0", "metric": "total", "at_least": Fraction(10)}]}, "FY2570-Q1")
    )
    found, objectives = made.scored(FIRST)
    row = found["kr0", FIRST]

    assert (row["score"], row["value"], row["reason"], row["status"]) == (None, None, "not_fetched", "no_score")
    assert (objectives["o", FIRST]["score"], objectives["o", FIRST]["coverage"]) == (None, 0)


@pytest.mark.parametrize(
    ("weights", "score", "coverage"),
    [((1, 1), 1.0, 0.5), ((1, 3), None, 0.25), ((Fraction(3, 10), Fraction(3, 10)), 1.0, 0.5)],
)
def test_an_objective_needs_half_of_its_weight_scored(tmp_path, weights, score, coverage):
    sure = {"metric": "total", "at_least": Fraction(1), "weight": weights[0]}
    made = world(tmp_path, sure, {"metric": "rate", "at_least": Fraction(1), "weight": weights[1]})
    made.land("src_flow", FIRST, LAST, rows_of((FIRST, 1)))
    _, objectives = made.scored(LAST)

    assert (objectives["o", LAST]["score"], objectives["o", LAST]["coverage"]) == (score, pytest.approx(coverage))


def test_half_the_weight_is_half_in_tenths_too(tmp_path):
    weights = [Fraction(1, 10), Fraction(2, 10), Fraction(3, 10)]
    krs = [
        {"metric": m, "at_least": Fraction(1), "weight": w}
        for m, w in zip(("rate", "rate", "total"), weights, strict=True)
    ]
    made = world(tmp_path, *krs)
    made.land("src_flow", FIRST, LAST, rows_of((FIRST, 1)))
    _, objectives = made.scored(LAST)

    assert objectives["o", LAST]["score"] == 1


def test_a_rescored_past_is_askable_as_it_was_known(tmp_path, monkeypatch):
    monkeypatch.setenv("OKR_NOW", "2026-10-01T05:00:00+00:00")
    made = world(tmp_path, {"metric": "total", "at_least": Fraction(10)})
    day = date(2026, 10, 5)
    for night, n in ((6, 5), (7, 8)):
        monkeypatch.setenv("OKR_NOW", f"2026-10-0{night}T05:00:00+00:00")
        made.land("src_flow", FIRST, day, rows_of((FIRST, n)))
        made.scored(day)

    def known(*at: int) -> list[float | None]:
        instant = datetime(2026, 10, *at) if at else None  # noqa: DTZ001 - naive UTC, as the ledger stores it
        return scores_as_of(made.connection, made.config, day, instant).column("value").to_pylist()

    assert known(6, 12) == [5]
    assert known(7, 12) == known() == [8]
    assert known(5, 12) == []
