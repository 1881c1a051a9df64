"""Random key results over random data: every score row is what the naive implementation of the policy says.

`OKR_EXAMPLES` is how many (key result, warehouse) pairs are tried; a pair has a row for each day of its period so far.
"""

from __future__ import annotations

import os
import tempfile
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path

import naive
import pytest
from comparison import answers, disagreements, past
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from naive import DAY, Row
from world import LEVELS, METRICS, configuration

from okr_pipeline.warehouse.engine import statement

MONTHS = statement("warehouse/sql/months.sql", which="TRUE")
RESULTS = 30  # key results on each warehouse
EXAMPLES = max(int(os.environ.get("OKR_EXAMPLES", "450")) // RESULTS, 1)
PERIODS = ["FY2570-Q1", "FY2570-Q2", "FY2571-Q3", "FY2570-M05", "FY2570-T2", "2026-10-14 to 2026-12-09"]
CADENCES = [(1, "day"), (1, "week"), (2, "week"), (3, "week"), (1, "month"), (2, "month"), (1, "quarter")]
UNITS = ["week", "month", "quarter"]
pytestmark = pytest.mark.timeout(300 + EXAMPLES * 20)  # however many are asked for, on however busy a machine
ADDED_UP = {"total", "money", "rows", "known", "flagged", "late", "twice", "told"}
RATES = {"rate", "roi", "cohort", "in-use", "per-head", "per-pair", "cost-of-one"}


def ends(unit: str, period: tuple[date, date], week_starts: str) -> bool:
    """Whether a calendar unit of the period is over with it."""
    return any(last <= period[1] for _, last in naive.intervals(period, unit, 1, week_starts))


@st.composite
def key_results(draw: st.DrawFn, number: int, period: tuple[date, date], week_starts: str) -> Row:
    if draw(st.integers(0, 9)) == 0:
        return draw(milestones(number, period))
    metric = draw(st.sampled_from(sorted(METRICS)))
    low, high, step = (-4, 40, 20) if metric in RATES else (-40, 400, 2)
    kr: Row = {"id": f"kr{number}", "metric": metric, "period": period}
    kind = draw(st.sampled_from(["target", "target", "at_least", "at_most", "between"]))
    amounts = st.integers(low, high).map(lambda n: Fraction(n, step))
    days = st.integers(0, (period[1] - period[0]).days).map(lambda n: period[0] + DAY * n)
    shape = draw(st.sampled_from(["plain", "plain", "over", "during", "every"]))
    if kind == "between":
        kr["between"] = tuple(sorted([draw(amounts), draw(amounts)]))
    else:
        kr[kind] = bound = draw(
            st.integers(1, 6 * step).map(lambda n: Fraction(n, step)) if shape == "every" else amounts
        )
        if kind == "target" or (shape != "every" and draw(st.booleans())):
            sides = {"target": 0, "at_least": -1, "at_most": 1}[kind]  # where the baseline of a bound may lie
            away = draw(st.integers(1, high)) * (sides or draw(st.sampled_from([-1, 1])))
            kr["baseline"] = bound + Fraction(away, step)
        elif bound <= 0:
            kr[kind] = draw(st.integers(1, high).map(lambda n: Fraction(n, step)))
    if kind != "between" and shape in ("plain", "over") and draw(st.integers(0, 4)) == 0:
        kr["baseline"] = draw(st.sampled_from(["previous period", "same period last year"]))
    if shape == "over" and metric not in LEVELS:
        kr["over"] = draw(
            st.tuples(st.just("to_date"), st.sampled_from(["period", *UNITS]))
            | st.tuples(st.just("last"), st.sampled_from(UNITS)).filter(lambda over: ends(over[1], period, week_starts))
            | st.tuples(st.just("trailing"), st.integers(1, 120))
        )
    if shape == "during":
        kr["during"] = tuple(sorted([draw(days), draw(days)]))
    if shape == "every":
        fitting = [each for each in CADENCES if naive.intervals(period, each[1], each[0], week_starts)]
        kr["every"] = draw(st.sampled_from(fitting))
    else:
        kr |= draw(paces(kr, shape, days))
    if metric not in LEVELS and shape != "every" and draw(st.booleans()):
        kr["alongside"] = draw(
            st.sampled_from([("to_date", "month"), ("last", "week"), ("last", "quarter"), ("trailing", 9)])
        )
    kr["weight"] = Fraction(draw(st.sampled_from([1, 1, 2, 3, 8, 25])), draw(st.sampled_from([1, 4])))
    kr["type"] = draw(st.sampled_from(["committed", "aspirational"]))
    if draw(st.integers(0, 3)) == 0:
        kr["changes"] = draw(changes(kr))
    return kr


@st.composite
def milestones(draw: st.DrawFn, number: int, period: tuple[date, date]) -> Row:
    steps = draw(st.lists(st.sampled_from(["ก", "b", "c", "never"]), min_size=1, unique=True))
    days = st.integers(0, (period[1] - period[0]).days).map(lambda n: period[0] + DAY * n)
    dated = draw(st.booleans())
    weighed = [(step, Fraction(draw(st.integers(1, 8)), 4), draw(days) if dated else None) for step in steps]
    kr = {"id": f"kr{number}", "metric": draw(st.sampled_from(["distinct", "tellers"])), "period": period}
    kr |= {"milestones": weighed, "weight": Fraction(1)}
    return kr | ({"lag": draw(st.integers(1, 9))} if draw(st.booleans()) else {})


@st.composite
def paces(draw: st.DrawFn, kr: Row, shape: str, days: st.SearchStrategy[date]) -> Row:
    made: Row = {}
    if draw(st.booleans()):
        made["due"] = draw(days)
    if draw(st.integers(0, 2)) == 0:
        made["lag"] = draw(st.integers(0, 30))
    bound = next((kr[name] for name in ("target", "at_least", "at_most") if name in kr), None)
    kinds = ["linear", "constant"]
    if bound is not None:
        kinds += ["shares"]
        kinds += (
            ["values"]
            if isinstance(kr.get("baseline"), Fraction) or ("at_least" in kr and "baseline" not in kr)
            else []
        )
        kinds += ["weekly rhythm"] if kr["metric"] in ADDED_UP and shape == "plain" else []
    kind = draw(st.sampled_from([kind for kind in kinds if kind != "constant" or not made]))
    if kind in ("constant", "weekly rhythm"):
        made["pace"] = kind
    elif kind in ("shares", "values"):
        start, due = kr.get("baseline", Fraction(0)), made.get("due", kr["period"][1])
        points = draw(st.dictionaries(days.filter(lambda day: day <= due), st.integers(0, 20), min_size=1, max_size=3))
        share = {day: Fraction(n, 20) for day, n in points.items()}
        made["pace"] = {
            d: ("share", s) if kind == "shares" else ("value", start + (bound - start) * s) for d, s in share.items()
        }
    return made


@st.composite
def changes(draw: st.DrawFn, kr: Row) -> list[Row]:
    first, last = kr["period"]
    days = draw(
        st.lists(
            st.integers(1, (last - first).days).map(lambda n: first + DAY * n), min_size=1, max_size=2, unique=True
        )
    )
    made: list[Row] = []
    for day in sorted(days):
        change: Row = {"from": day, "weight": Fraction(draw(st.sampled_from([1, 5])))}
        bound = next((name for name in ("target", "at_least", "at_most") if name in kr), None)
        if bound and draw(st.booleans()) and not isinstance(kr.get("pace"), dict):
            start = kr["baseline"] if isinstance(kr.get("baseline"), Fraction) else Fraction(0)
            change[bound] = start + (kr[bound] - start) * draw(st.sampled_from([Fraction(1, 2), Fraction(3)]))
        if kr.get("over") and draw(st.booleans()):
            change["over"] = draw(st.sampled_from([None, ("last", "week"), ("trailing", 11)]))
        made.append(change)
    return made


@st.composite
def organisations(draw: st.DrawFn) -> Row:
    period = draw(st.sampled_from(PERIODS))
    week_starts = draw(st.sampled_from(["monday", "sunday", "saturday"]))
    on_track = draw(st.sampled_from([0.9, 0.7, 1.0]))
    okr = {"week_starts": week_starts, "status": {"on_track": on_track, "at_risk": 0.5}}
    days = _period(period)
    results = [draw(key_results(number, days, week_starts)) for number in range(RESULTS)]
    objectives: dict[str, list[Row]] = {}
    for kr in results:
        objectives.setdefault(draw(st.sampled_from(["a", "b", "c", "d"])), []).append(kr)
    there, weights = sorted(objectives), st.sampled_from([Fraction(1), Fraction(3), Fraction(1, 2)])
    parents = {
        name: (draw(st.sampled_from(there[:above])), draw(weights))
        for above, name in enumerate(there)
        if above and draw(st.booleans())
    }
    as_of = days[0] + DAY * draw(st.integers(0, (days[1] - days[0]).days + 9))
    return {
        "name": period,
        "okr": okr,
        "objectives": objectives,
        "parents": parents,
        "as_of": as_of,
        "period": days,
        "thresholds": (Fraction(str(on_track)), Fraction(1, 2)),
        "seed": draw(st.integers(0, 2**32)),
        "density": draw(st.sampled_from([0.02, 0.3, 1.5])),
        "gaps": draw(st.booleans()),
    }


@cache
def _period(name: str) -> tuple[date, date]:
    with tempfile.TemporaryDirectory() as folder:
        one = {"o": [{"id": "k", "metric": "total", "at_least": Fraction(1)}]}
        found = configuration(Path(folder), one, name).objectives[0].period
    return found.first, found.last


randomly = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    derandomize="OKR_EXAMPLES" not in os.environ,
)


@randomly
@given(organisations())
def test_every_row_is_what_the_policy_says(case: Row) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = past(case, Path(folder))
    right = answers(world, case)
    found = world.scored(case["as_of"])
    assert not list(disagreements(case, right, *found))


@settings(randomly, max_examples=max(EXAMPLES // 5, 1))
@given(organisations())
def test_nights_that_score_only_what_may_have_changed_give_the_rows_of_a_scoring_of_all(case: Row) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = past(case, Path(folder), lambda world, day: world.scored(min(day, case["as_of"])))
    by_night = world.scored(case["as_of"])
    added_up = [set(world.connection.execute(query).fetchall()) for query in ("FROM metric.months", MONTHS)]
    assert added_up[0] == added_up[1]
    world.forget_scorings()
    assert world.scored(case["as_of"]) == by_night  # to the load that each row came with
