"""What OKR products' own documentation works out as examples, and what the pipeline makes of the same numbers.

Facts from public pages, read in November 2026. Where `why` is empty our score is theirs; where it is not, it is another one on
purpose, for that reason.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from world import World, configuration

QUARTER, HALF_WAY = "FY2570-Q1", date(2026, 11, 15)  # day 46 of 92
FIRST = date(2026, 10, 1)

STOPS_AT_1 = "a score stops at 1, or one result's excess would hide another's miss; progress shows it unclamped"
NEAR_MISS = (
    "a bound that is just missed scores by how far it was missed, so that a trend shows; it is not all or nothing"
)
BOUND_COUNTS = "reaching the bound counts as reached"
STRAIGHT = "as far above the bound as below is as far from it: a straight line, where a quotient of the two is bent"


GOOGLE = "https://rework.withgoogle.com/guides/set-goals-with-okrs/steps/grade-OKRs/"
QUANTIVE = "https://help.quantive.com/en/articles/3849793-how-kr-progress-is-calculated-in-quantive"
CASCADE = "https://help.cascade.app/en/articles/4253695-where-does-complete-come-from"
LEAPSOME = "https://leapsome.zendesk.com/hc/en-us/articles/115003565713-How-progress-is-calculated"
FEEDBACK4E = (
    "https://feedback4e.freshdesk.com/support/solutions/articles/80001132301-how-is-key-result-progress-calculated-"
)
PROFIT = "https://www.profit.co/answers/okrs/how-does-the-progress-calculation-distance-from-target-as-of-the-check-in-date-in-control-kpi-works/"
PROFIT_SHARE = "https://www.profit.co/answers/kpis/how-does-the-two-progress-calculations-for-the-control-kpi-key-result-work-in-profit-co/"
UPRAISE = "https://amoeboids.atlassian.net/wiki/spaces/UPFJ/pages/3942580247"
FIFTEEN_FIVE = "https://success.15five.com/hc/en-us/articles/360019261211-Measure-objectives-metrics-and-targets"
PERDOO = "https://support.perdoo.com/en/articles/4898961-understand-how-progress-is-calculated-for-okrs"
MOONCAMP = "https://help.mooncamp.com/en/measurement-of-goal-progress-in-mooncamp"
MOONCAMP_STATUS = "https://help.mooncamp.com/en/traffic-lights-system-and-status-of-goals"
LATTICE = "https://help.lattice.com/hc/en-us/articles/360059451414-Understand-Progress-Calculation-in-Lattice"
GTMHUB = "https://help.gtmhub.com/en/articles/4867334-objective-progress-based-on-the-average-of-its-key-results-and-child-objectives"
SYNERGITA = "https://support.synergita.com/support/solutions/articles/4000185474-how-does-the-system-calculate-the-objective-progress-"
ENGAGEDLY = "https://help.engagedly.com/how-is-goal-progress-calculated"
VIVA = "https://support.microsoft.com/en-gb/topic/phased-targets-8d0587f7-016c-4e00-9c5d-9fc411c219e2"
ALLY = "https://help.ally.io/en/articles/5158411-targets-in-ally-io"
PLANVIEW = "https://success.planview.com/Planview_LeanKit/OKRs/075_OKR_Health"


class Example(NamedTuple):
    """A key result whose metric stands at `value`. `theirs` is what the page prints; `progress` and `score` are ours."""

    product: str
    source: str
    agreed: dict[str, Any]
    value: str
    theirs: str
    progress: float
    score: float
    why: str = ""


def reach(baseline: str, target: str) -> dict[str, Any]:
    return {"baseline": Fraction(baseline), "target": Fraction(target)}


def at_least(bound: str) -> dict[str, Any]:
    return {"at_least": Fraction(bound)}


def at_most(bound: str) -> dict[str, Any]:
    return {"at_most": Fraction(bound)}


def between(lower: str, upper: str) -> dict[str, Any]:
    return {"between": (Fraction(lower), Fraction(upper))}


KEY_RESULTS = [
    # product, source, agreement, value, theirs, our progress, our score, why another one
    Example("Google re:Work", GOOGLE, reach("0", "6"), "3", "50%", 0.5, 0.5),
    Example("Quantive", QUANTIVE, reach("100", "60"), "80", "50%", 0.5, 0.5),
    Example("Quantive", QUANTIVE, reach("100", "60"), "70", "75%", 0.75, 0.75),
    Example("Quantive", QUANTIVE, reach("100", "60"), "50", "125%", 1.25, 1, STOPS_AT_1),
    Example("Quantive", QUANTIVE, at_most("0.25"), "0.27", "0%", 0.92, 0.92, NEAR_MISS),
    Example("Quantive", QUANTIVE, at_most("0.25"), "0.24", "100%", 1.04, 1),
    Example("Quantive", QUANTIVE, at_most("0.25"), "0.25", "0%", 1, 1, BOUND_COUNTS),
    Example("Cascade", CASCADE, reach("0", "10000"), "1500", "15%", 0.15, 0.15),
    Example("Cascade", CASCADE, reach("1500", "10000"), "1500", "0%", 0, 0),
    Example("Cascade", CASCADE, reach("1500", "10000"), "3000", "18%", 0.1765, 0.1765),
    Example("Cascade", CASCADE, reach("3", "3.75"), "5", "267%", 2.6667, 1, STOPS_AT_1),
    Example("Leapsome", LEAPSOME, reach("203", "280"), "280", "100%", 1, 1),
    Example("Feedback4e", FEEDBACK4E, reach("10", "20"), "16", "60%", 0.6, 0.6),
    Example("Feedback4e", FEEDBACK4E, reach("10", "20"), "22", "120%", 1.2, 1, STOPS_AT_1),
    Example("Feedback4e", FEEDBACK4E, at_least("20"), "16", "80%", 0.8, 0.8),
    Example("Feedback4e", FEEDBACK4E, at_most("15"), "16", "93.75%", 0.9333, 0.9333, STRAIGHT),
    Example("Feedback4e", FEEDBACK4E, at_most("15"), "8", "187.5%", 1.4667, 1, STOPS_AT_1),
    Example("Profit.co", PROFIT, at_most("1"), "0.8", "120%", 1.2, 1, STOPS_AT_1),
    Example("Profit.co", PROFIT, at_most("1"), "1", "100%", 1, 1),
    Example("Profit.co", PROFIT, at_most("1"), "1.35", "65%", 0.65, 0.65),
    Example("Profit.co", PROFIT, at_most("1"), "1.75", "25%", 0.25, 0.25),
    Example("UpRaise", UPRAISE, between("5", "7"), "2", "0%", 0, 0),
    Example("UpRaise", UPRAISE, between("5", "7"), "5", "100%", 1, 1),
    Example("UpRaise", UPRAISE, between("5", "7"), "7.5", "0%", 0, 0),
    Example("15Five", FIFTEEN_FIVE, reach("0", "95"), "97", "100%", 1.0211, 1),
    Example("15Five", FIFTEEN_FIVE, reach("5", "2"), "1.5", "100%", 1.1667, 1),
]


class Average(NamedTuple):
    """An objective over key results that are so far on their way, with these weights."""

    product: str
    source: str
    ways: list[float]
    weights: list[int]
    theirs: float


OBJECTIVES = [
    Average("Perdoo", PERDOO, [1, 0, 0], [1, 1, 1], 0.33),
    Average("Perdoo, what is negative counts as 0", PERDOO, [1, 0, -2], [1, 1, 1], 0.33),
    Average("Mooncamp", MOONCAMP, [1, 0, 0], [1, 1, 1], 0.33),
    Average("Lattice", LATTICE, [1, 0, 0], [1, 1, 1], 0.33),
    Average("Quantive", GTMHUB, [0.27, 0.18, 0.73], [1, 1, 1], 0.39),
    Average("Synergita", SYNERGITA, [0.3, 0.3, 0.4], [40, 20, 40], 0.34),
    Average("Planview", PLANVIEW, [0.6, 0.2, 0.5], [1, 1, 1], 0.43),
    Average("15Five, no objective above 100 %", FIFTEEN_FIVE, [1.5, 1], [1, 1], 1),
]


class Pace(NamedTuple):
    """What is expected by a day of a period."""

    product: str
    source: str
    period: str
    as_of: date
    theirs: float


PACES = [
    Pace("Engagedly", ENGAGEDLY, "2026-04-01 to 2026-04-30", date(2026, 4, 15), 0.5),
    Pace("Ally.io", ALLY, "2026-01-01 to 2026-03-31", date(2026, 1, 30), 0.33),
]


class Status(NamedTuple):
    """A key result so far on its way on a day of the quarter. `theirs` and `ours` are words for the same question."""

    product: str
    source: str
    way: str
    as_of: date
    theirs: str
    ours: str
    thresholds: dict[str, float]
    why: str = ""


THEIR_90, ALL_OF_IT = {"on_track": 0.9, "at_risk": 0.6}, {"on_track": 1.0, "at_risk": 0.6}
DAY_31, DAY_37, LAST = date(2026, 10, 31), date(2026, 11, 6), date(2026, 12, 31)
GRADED = "when the period is over there is nothing left to be on track for: it is achieved or missed"
STATUSES = [
    Status("Mooncamp", MOONCAMP_STATUS, "50", HALF_WAY, "on track", "on_track", THEIR_90),
    Status("Mooncamp", MOONCAMP_STATUS, "50", LAST, "off track", "missed", THEIR_90, GRADED),
    Status("Viva Goals", VIVA, "34", DAY_31, "on track", "on_track", ALL_OF_IT),
    Status("Viva Goals", VIVA, "32", DAY_31, "behind", "at_risk", ALL_OF_IT),
    Status("Planview", PLANVIEW, "20", DAY_37, "behind", "off_track", THEIR_90),
]


def world(folder, objectives, values, period=QUARTER, first=FIRST, okr=None) -> World:
    """Each key result has a metric of its own that stands at a value from the first day on."""
    metrics = {name: {"from": "src_flow", "value": "sum(amount)", "where": f"who = '{name}'"} for name in values}
    made = World(configuration(folder, objectives, period, okr, metrics))
    rows = [{"id": n, "day": first, "who": name, "amount": Decimal(values[name])} for n, name in enumerate(values)]
    made.land("src_flow", first, date(2027, 1, 3), rows)
    return made


def one(folder, way: str, period: str, first: date, as_of: date, okr=None) -> dict[str, Any]:
    agreed = {"id": "kr", "metric": "m", **reach("0", "100")}
    return world(folder, {"o": [agreed]}, {"m": way}, period, first, okr).scored(as_of)[0]["kr", as_of]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Every example as a key result, every average as an objective, scored together half-way through a quarter."""
    examples = {f"m{n}": each for n, each in enumerate(KEY_RESULTS)}
    objectives = {"o": [{"id": name, "metric": name, **each.agreed} for name, each in examples.items()]}
    values = {name: each.value for name, each in examples.items()}
    for n, average in enumerate(OBJECTIVES):
        ways = {f"o{n}m{i}": way for i, way in enumerate(average.ways)}
        values |= {name: str(round(way * 100)) for name, way in ways.items()}
        objectives[f"o{n}"] = [
            {"id": name, "metric": name, "weight": weight, **reach("0", "100")}
            for name, weight in zip(ways, average.weights, strict=True)
        ]
    return world(tmp_path_factory.mktemp("products"), objectives, values).scored(HALF_WAY)


@pytest.mark.parametrize("number", range(len(KEY_RESULTS)), ids=[f"{e.product} {e.value}" for e in KEY_RESULTS])
def test_a_key_result_scores_as_the_product_says_or_otherwise_for_a_reason(scored, number):
    example, row = KEY_RESULTS[number], scored[0][f"m{number}", HALF_WAY]
    assert (row["progress"], row["score"]) == pytest.approx((example.progress, example.score), abs=5e-5)
    shown = len(example.theirs.partition(".")[2].removesuffix("%"))  # as many digits as they print
    same = f"{row['score']:.{shown}%}" == example.theirs
    assert same == (not example.why)


@pytest.mark.parametrize("number", range(len(OBJECTIVES)), ids=[each.product for each in OBJECTIVES])
def test_an_objective_is_the_weighted_mean_that_the_product_says(scored, number):
    assert scored[1][f"o{number}", HALF_WAY]["score"] == pytest.approx(OBJECTIVES[number].theirs, abs=0.005)


@pytest.mark.parametrize("pace", PACES, ids=[each.product for each in PACES])
def test_what_is_expected_by_a_day_is_what_the_product_says(tmp_path, pace):
    first = date.fromisoformat(pace.period[:10])
    assert one(tmp_path, "1", pace.period, first, pace.as_of)["expected"] == pytest.approx(pace.theirs, abs=0.005)


@pytest.mark.parametrize("status", STATUSES, ids=[f"{each.product} {each.way} {each.as_of}" for each in STATUSES])
def test_a_status_is_what_the_product_says_by_another_name(tmp_path, status):
    row = one(tmp_path, status.way, QUARTER, FIRST, status.as_of, {"status": status.thresholds})
    assert row["status"] == status.ours
    well = status.theirs == "on track"
    assert well == (row["status"] in ("on_track", "achieved"))


def test_a_weekly_guardrail_is_the_share_of_the_weeks_in_which_it_held(tmp_path):
    """Profit.co: between 4 and 5 in each of 13 weeks; the sixth has no number; nine held, 69 %."""
    weeks = ["4.8", "4.2", "4.5", "3.5", "4.25", None, "4.5", "2", "3", "4.5", "4.6", "5", "4.5"]
    held = [8, 15, 23, 23, 31, 31, 38, 38, 38, 46, 54, 62, 69]  # percent by the end of each week
    first, last = date(2026, 10, 5), date(2027, 1, 3)
    agreed = {"id": "kr", "metric": "smallest", "every": (1, "week"), **between("4", "5")}
    made = World(configuration(tmp_path, {"o": [agreed]}, f"{first} to {last}"))
    sundays = [date.fromordinal(first.toordinal() + 7 * n + 6) for n in range(13)]
    measured = [(n, day, amount) for n, (day, amount) in enumerate(zip(sundays, weeks, strict=True)) if amount]
    made.land(
        "src_flow", first, last, [{"id": n, "day": day, "amount": Decimal(amount)} for n, day, amount in measured]
    )
    rows = made.scored(last)[0]
    assert [round(rows["kr", day]["score"] * 100) for day in sundays] == held


def test_at_least_eight_products_are_compared_and_every_page_is_named():
    everything = [*KEY_RESULTS, *OBJECTIVES, *PACES, *STATUSES]
    assert len({each.source.split("/")[2] for each in everything}) >= 8
    assert all(each.source.startswith("https://") for each in everything)
