"""`okr explain` in words: every kind of key result can be worked out again with a calculator from the lines that are printed."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from quarter import FIRST
from rich.console import Console
from world import World, configuration

from okr_pipeline.audit.explain import explanation
from okr_pipeline.audit.text import explanation_text, instant
from okr_pipeline.config.words import Text
from okr_pipeline.report import print_scores, score_rows, utc

DAY = timedelta(1)
FEB, THIRD = FIRST + 40 * DAY, Fraction(1, 3)
KINDS = {
    "up": {"metric": "total", "baseline": Fraction(2), "target": Fraction(40)},
    "down": {"metric": "smallest", "baseline": Fraction(5), "target": Fraction(-30)},
    "least": {"metric": "rate", "at_least": Fraction(2), "pace": {FEB: ("share", Fraction(1, 5))}},
    "most": {"metric": "largest", "at_most": Fraction(3), "pace": "constant"},
    "most-from": {"metric": "largest", "at_most": Fraction(3), "baseline": Fraction(9), "type": "aspirational"},
    "within": {"metric": "total", "between": (Fraction(8), Fraction(9))},
    "below": {"metric": "total", "between": (Fraction(11), Fraction(90))},
    "above": {"metric": "rate", "between": (Fraction(1, 8), Fraction(1, 4))},
    "share": {"metric": "in-use", "at_least": Fraction(9, 10), "lag": 1},
    "weekly": {"metric": "total", "at_least": Fraction(3), "every": (1, "week")},
    "steps": {"metric": "distinct", "milestones": [("a", Fraction(1), FIRST), ("b", Fraction(2), FIRST + DAY)]},
    "from-before": {"metric": "total", "at_least": Fraction(40), "baseline": "previous period"},
}


@pytest.fixture
def told(organisation, night):
    """Each kind's explanation, and its text in lines by their first word."""
    world = organisation([{"id": name} | kr for name, kr in KINDS.items()])
    last = night(9)
    first = FIRST - 92 * DAY
    flow = [(FIRST, 4, "a", -7), (last, 5, "c", 3), (first, 1, "b", 2)]
    rows = [{"id": n, "day": d, "n": k, "who": w, "amount": a} for n, (d, k, w, a) in enumerate(flow)]
    world.land("src_flow", first, last, rows)
    world.land("src_other", first, last, [{"id": 1, "day": FIRST, "n": 7}])
    world.land("src_seats", first, last, [{"day": last, "who": "a", "seats": 7, "used": 3}])
    world.scored(last)
    return {name: explanation(world.connection, name, last) for name in KINDS}


def lines(found) -> dict[str, str]:
    return {line.split(" ")[0]: line for line in explanation_text(found).splitlines() if line.strip()}


def on_paper(sum_: str) -> float:
    """A sum as it is printed, worked out."""
    return float(eval(sum_.replace("÷", "/").replace("−", "-").replace(",", "").replace("%", "e-2")))


@pytest.mark.parametrize("kind", KINDS)
def test_each_line_works_out_to_the_number_behind_it(told, kind):
    found, printed = told[kind], lines(told[kind])
    progress = printed["Progress"].removeprefix("Progress").strip()
    if "between" in KINDS[kind]:
        assert progress.startswith(f"{found['progress']:.0f}: ")
    else:
        sum_, result = progress.rsplit(" = ", 1)
        assert on_paper(sum_) == pytest.approx(found["progress"], abs=1e-7)
        assert on_paper(result) == pytest.approx(found["progress"], abs=1e-9)
    score = re.search(r"Score +(\S+), which", printed["Score"])
    assert on_paper(score[1]) == pytest.approx(min(max(found["progress"], 0), 1), abs=1e-9)
    assert f"Status    {found['status']}: " in printed["Status"]
    share = re.search(r": (\S+ ÷ \S+) = (\S+),", printed["Status"])
    if share:
        assert on_paper(share[1]) == pytest.approx(on_paper(share[2]), abs=1e-6)
        assert on_paper(share[2]) == pytest.approx(found["score"] / found["expected"], abs=1e-9)
    value = printed["Value"].removeprefix("Value").strip()
    if " = " in value:
        sum_, result = value.rsplit(" = ", 1)
        assert on_paper(sum_) == pytest.approx(found["value"], abs=1e-6)


def test_the_pace_is_the_one_that_was_agreed(told):
    paces = {name: lines(found)["Expected"].split(": ")[1] for name, found in told.items()}
    assert {name: paces[name] for name in ("up", "least", "most", "share", "weekly", "steps")} == {
        "up": "linear",
        "least": "checkpoints",
        "most": "constant",
        "share": "linear, 1 day later",
        "weekly": "complete intervals",
        "steps": "each step on the day it is due",
    }


def test_what_lies_outside_of_two_bounds_is_told_with_the_distance(told):
    assert "1: 9 lies within 8 and 9" in lines(told["within"])["Progress"]
    assert "0: 9 lies 2 below 11" in lines(told["below"])["Progress"]
    assert "0: 128.571428571% lies 103.571428571% above 25%" in lines(told["above"])["Progress"]


def test_the_table_shows_the_bounds_and_how_far_outside_of_them_a_value_lies(organisation, night):
    world = organisation([{"id": name} | KINDS[name] for name in ("below", "within")])
    last = night(2)
    world.land("src_flow", FIRST, last, [{"id": 1, "day": FIRST, "n": 9}])
    world.scored(last)
    out = io.StringIO()
    print_scores(Console(file=out, width=130), world.connection, last)
    below, within = (re.split(r" {2,}", line.strip()) for line in out.getvalue().splitlines()[-2:])
    assert (below[:4], below[-1]) == (["below", "9", "11", "90"], "things, 2 outside")
    assert (within[:4], within[-1]) == (["within", "9", "8", "9"], "things")
    row = score_rows(world.connection, last, None)["key_results"][0]
    assert (row["lower_bound"], row["upper_bound"], row["distance"]) == (11, 90, 2)


def test_brackets_in_titles_and_units_are_text_in_the_table(tmp_path, night):
    net = {"from": "src_flow", "value": "sum(n)", "unit": {"en": "leads [net]"}}
    config = configuration(tmp_path, {"o": [{"id": "up"} | KINDS["up"]]}, "FY2570-Q1", metrics={"total": net})
    objective = replace(config.objectives[0], title=Text(en="Cost [/lead]", th="ต้นทุน"))
    world, last = World(replace(config, objectives=(objective,))), night(2)
    world.land("src_flow", FIRST, last, [{"id": 1, "day": FIRST, "n": 9}])
    world.scored(last)
    out = io.StringIO()
    print_scores(Console(file=out, width=130), world.connection, last)
    assert "Cost [/lead]" in out.getvalue()
    assert "leads [net]" in out.getvalue()


def test_only_what_is_counted_once_is_new_on_a_day(told):
    """Of a level each day says what so many had last."""
    days = {name: explanation_text(told[name]).partition("Parts by day")[2] for name in ("steps", "share")}
    assert re.search(r"count_distinct_who +1 new of 1  from", days["steps"])
    assert re.search(r"denominator +7 of 1  from", days["share"])


def test_an_interval_is_told_with_what_keeps_it(told):
    text = explanation_text(told["weekly"])
    assert "Intervals (each is kept by at least 3):" in text
    assert re.search(r"2026-09-28 to 2026-10-04 +4  kept\n", text)


def test_the_instant_that_is_printed_can_be_asked_for(organisation, monkeypatch):
    """A scoring is known in the middle of a second; the second before it would be another answer."""
    world = organisation([{"id": "up"} | KINDS["up"]])
    for number, moment in enumerate(("03.250000", "03.750000")):
        monkeypatch.setenv("OKR_NOW", f"2026-10-02T05:00:{moment}+00:00")
        world.land("src_flow", FIRST, FIRST, [{"id": 1, "day": FIRST, "n": number}])
        world.scored(FIRST)
    found = explanation(world.connection, "up", FIRST)
    printed = re.search(r"as known at (.+)\.", explanation_text(found))
    again = explanation(world.connection, "up", FIRST, utc(datetime.fromisoformat(printed[1])))
    assert instant(found["scored_at"]) == printed[1]
    assert again["value"] == found["value"] == 1


def test_a_past_score_is_told_with_what_was_agreed_then(organisation, night):
    changed = KINDS["up"] | {"changes": [{"from": FIRST + DAY, "target": Fraction(80)}]}
    world = organisation([{"id": "up"} | changed])
    last = night(2)
    world.land("src_flow", FIRST, last, [{"id": 1, "day": FIRST, "n": 3}])
    world.scored(last)
    then, now = (explanation(world.connection, "up", day)["sentence"] for day in (FIRST, last))
    assert "from 2 things to 40 things" in then
    assert "from 2 things to 80 things" in now


def test_a_measured_baseline_is_told_with_its_own_days_and_instant_though_another_has_the_same_value(
    organisation, night
):
    before = {"metric": "total", "baseline": "previous period", "target": Fraction(40)}
    world, first = organisation([{"id": "up"} | before]), FIRST - 92 * DAY
    for number in (1, 2):
        last = night(number)
        world.land("src_flow", first, last, [{"id": 1, "day": first, "n": 3, "amount": 3}])
        world.scored(last)
        organisation([{"id": "up"} | before | {"changes": [{"from": FIRST + DAY, "metric": "money"}]}], world)
    then, now = (explanation(world.connection, "up", day)["measured_baseline"] for day in (FIRST, last))
    assert (then["value"], then["parts"], then["known_at"].day) == (3, {"sum_n": 3}, 2)
    assert (now["value"], now["parts"], now["known_at"].day) == (3, {"sum_amount": 3}, 3)


def test_a_held_score_keeps_the_word_of_its_own_day(organisation, night):
    world, last = organisation([{"id": "up"} | KINDS["up"]]), night(9)
    world.land("src_flow", FIRST, last, [{"id": 1, "day": FIRST, "n": 5, "who": "a", "amount": 1}])
    world.scored(last)
    world.scored(last + DAY)
    word = lines(explanation(world.connection, "up", last))["Status"].split(":")[0]
    held = lines(explanation(world.connection, "up", last + DAY))["Status"]
    assert held == f"{word}, as on {last}: what is held is not judged anew"


@pytest.mark.parametrize("window", [("to_date", "month"), ("last", "week"), ("trailing", 7)])
def test_the_table_names_the_window_that_is_shown_alongside(organisation, night, window):
    world = organisation([{"id": "second", "metric": "total", "at_least": Fraction(3), "alongside": window}])
    last = night(20)
    world.land("src_flow", FIRST, last, [{"id": n, "day": FIRST + n * DAY, "n": 1} for n in range(20)])
    world.scored(last)
    out = io.StringIO()
    print_scores(Console(file=out, width=130), world.connection, last)
    kind, unit = window
    named = {"to_date": f"{unit} to date", "last": f"last {unit}", "trailing": f"trailing {unit} days"}[kind]
    assert f"in the {named}" in out.getvalue()
