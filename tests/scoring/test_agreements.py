"""What a team agrees beyond a target: when how much is due, where the way begins, which steps there are, what changes later."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import pytest
from naive import DAY, Row
from test_windows import FIRST, LAST, rows_of, world
from world import configuration

from okr_pipeline.audit.explain import explanation
from okr_pipeline.audit.text import explanation_text
from okr_pipeline.config import load
from okr_pipeline.errors import ConfigError
from okr_pipeline.scoring import earliest_day, score
from okr_pipeline.scoring.scores import _method
from okr_pipeline.warehouse import Change

HUNDRED = {"metric": "total", "baseline": Fraction(0), "target": Fraction(100)}
OCT_31, NOV_1, NOV_15, NOV_30 = date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 15), date(2026, 11, 30)


def scored(folder: Path, kr: Row, *rows: tuple[date, int], as_of: date = LAST) -> dict[date, Row]:
    made = world(folder, kr)
    made.land("src_flow", FIRST, LAST, rows_of(*rows))
    return {day: row for (_, day), row in made.scored(as_of)[0].items()}


# -- pace: when how much is due


def test_between_checkpoints_the_way_is_straight(tmp_path):
    due = {OCT_31: ("share", Fraction(1, 5)), NOV_30: ("value", Fraction(50))}
    rows = scored(tmp_path, HUNDRED | {"pace": due})
    expected = {day: rows[day]["expected"] for day in (OCT_31, NOV_15, NOV_30, LAST)}
    assert expected == pytest.approx({OCT_31: 0.2, NOV_15: 0.35, NOV_30: 0.5, LAST: 1.0})
    assert rows[LAST]["pace"] == "checkpoints"


def test_a_checkpoint_that_asks_for_nothing_asks_for_exactly_nothing(tmp_path):
    shares = {FIRST + DAY * 5: Fraction(1, 5), FIRST + DAY * 8: Fraction(0)}
    row = scored(tmp_path, HUNDRED | {"pace": {day: ("share", share) for day, share in shares.items()}}, (FIRST, 3))
    assert row[FIRST + DAY * 8]["expected"] == 0
    assert row[FIRST + DAY * 8]["status"] == "not_started"


def test_checkpoints_are_written_as_days_are_written_in_yaml(tmp_path):
    folder = world(tmp_path, HUNDRED).config.directory
    (folder / "objectives" / "o.yaml").write_text(
        "id: o\ntitle: O\nowner: x\nperiod: FY2570-Q1\nkey_results:\n"
        "  - {id: k, metric: total, baseline: 0, target: 100, pace: {2026-10-31: 20% of the way, 2026-11-30: 50}}\n",
        encoding="utf-8",
    )
    assert [point.day for point in load(folder, {}).key_results["k"].spec.pace.checkpoints] == [OCT_31, NOV_30]


def test_a_checkpoint_on_the_last_day_may_ask_for_less_than_all(tmp_path):
    rows = scored(tmp_path, HUNDRED | {"pace": {LAST: ("share", Fraction(4, 5))}})
    assert rows[LAST]["expected"] == 0.8


def test_what_lags_is_expected_later(tmp_path):
    prompt, late = (scored(tmp_path / name, HUNDRED | more) for name, more in (("a", {}), ("b", {"lag": 10})))
    assert late[FIRST + DAY * 9]["expected"] == 0
    assert late[FIRST + DAY * 9]["status"] == "not_started"
    assert late[NOV_15]["expected"] == prompt[NOV_15 - DAY * 10]["expected"]


def test_by_its_weekly_rhythm_nothing_is_due_on_the_days_that_never_bring_anything(tmp_path):
    workdays = [FIRST - DAY * n for n in range(1, 57) if (FIRST - DAY * n).weekday() < 5]
    made = world(tmp_path, HUNDRED | {"pace": "weekly rhythm"})
    made.land("src_flow", FIRST - DAY * 56, LAST, rows_of(*((day, 3) for day in workdays)))
    rows = {day: row for (_, day), row in made.scored(LAST)[0].items()}
    friday, sunday, monday = date(2026, 11, 13), NOV_15, date(2026, 11, 16)
    assert rows[friday]["expected"] == rows[sunday]["expected"] < rows[monday]["expected"]
    done = sum(1 for n in range(46) if (FIRST + DAY * n).weekday() < 5)
    assert rows[sunday]["expected"] == pytest.approx(
        done / sum(1 for n in range(92) if (FIRST + DAY * n).weekday() < 5)
    )
    assert rows[LAST]["expected"] == 1


def test_without_history_the_rhythm_is_not_guessed(tmp_path):
    rows = scored(tmp_path, HUNDRED | {"pace": "weekly rhythm"})
    assert (rows[NOV_15]["pace"], rows[NOV_15]["expected"]) == ("linear", 0.5)


def test_a_rhythm_that_asks_for_nothing_until_the_due_day_is_none(tmp_path):
    wednesdays = [FIRST - DAY * n for n in range(1, 57) if (FIRST - DAY * n).weekday() == 2]
    made = world(tmp_path, HUNDRED | {"pace": "weekly rhythm", "due": FIRST + DAY * 2})  # from Thursday to Saturday
    made.land("src_flow", FIRST - DAY * 56, LAST, rows_of(*((day, 3) for day in wednesdays)))
    row = next(row for (_, day), row in made.scored(LAST)[0].items() if day == FIRST)
    assert (row["pace"], row["expected"]) == ("linear", pytest.approx(1 / 3))


def test_a_rhythm_makes_the_first_ingestion_reach_back_eight_weeks(tmp_path):
    assert earliest_day(world(tmp_path, HUNDRED | {"pace": "weekly rhythm"}).config) == FIRST - DAY * 56


# -- baselines that are measured

UP_TO_90 = {"metric": "total", "baseline": "previous period", "target": Fraction(90)}


def test_a_baseline_is_what_the_period_before_ended_with(tmp_path):
    made = world(tmp_path, UP_TO_90)
    made.land("src_flow", date(2026, 7, 1), LAST, rows_of((date(2026, 8, 3), 50), (date(2026, 9, 30), 20), (NOV_1, 80)))
    row = made.scored(NOV_15)[0]["kr0", NOV_15]
    assert (row["baseline"], row["target"], row["progress"]) == (70, 90, pytest.approx(0.5))


def test_it_is_measured_once_whatever_the_source_restates_later(tmp_path):
    made = world(tmp_path, UP_TO_90)
    for before in (70, 10):
        made.land("src_flow", date(2026, 7, 1), LAST, rows_of((date(2026, 8, 3), before), (NOV_1, 80)))
        assert made.scored(NOV_15)[0]["kr0", NOV_15]["baseline"] == 70
    stored = made.connection.execute("SELECT value, first_day, last_day FROM scores.baselines").fetchall()
    assert stored == [(70, date(2026, 7, 1), date(2026, 9, 30))]


@pytest.mark.parametrize(
    "anew",
    [
        {"okr": {"status": {"on_track": 0.8, "at_risk": 0.5}, "alerts": {"remind_every": "3 days"}}},
        {"metrics": {"total": {"from": "src_flow", "value": "sum(n)", "title": "Another title", "owner": "someone"}}},
        {"kr": {"changes": [{"from": NOV_1, "target": Fraction(95)}]}},
    ],
    ids=lambda anew: next(iter(anew)),
)
def test_it_is_measured_once_whatever_else_is_agreed_later(tmp_path, anew):
    made = world(tmp_path / "first", UP_TO_90)
    made.land("src_flow", date(2026, 7, 1), LAST, rows_of((date(2026, 8, 3), 70), (NOV_1, 80)))
    made.scored(NOV_15)
    kr = {"id": "kr0"} | UP_TO_90 | anew.get("kr", {})
    made.config = configuration(tmp_path / "anew", {"o": [kr]}, "FY2570-Q1", anew.get("okr"), anew.get("metrics"))
    made.land("src_flow", date(2026, 7, 1), LAST, rows_of((date(2026, 8, 3), 10), (NOV_1, 80)))
    assert made.scored(NOV_15)[0]["kr0", NOV_15]["baseline"] == 70


def test_what_decides_no_score_leaves_the_hash_of_the_configuration_alone(tmp_path):
    kr = HUNDRED | {"id": "kr0", "alongside": ("trailing", 7)}
    total = {"from": "src_flow", "value": "sum(n)"}
    titled = {
        "total": total | {"title": {"en": "Titled", "th": "ชื่อ"}, "description": "What it is.", "owner": "someone"}
    }
    deeds = [({}, None), ({"title": "Titled", "owner": "someone"}, titled), ({"target": Fraction(99)}, titled)]
    plain, told, other = (
        configuration(tmp_path / f"{n}", {"o": [kr | more]}, "FY2570-Q1", None, metrics)
        for n, (more, metrics) in enumerate(deeds)
    )
    hashes = [config.key_results["kr0"].configuration for config in (plain, told, other)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    "name", ["config/models.py", "scoring/agreed.py", "scoring/sql/values.sql", "warehouse/sql/months.sql"]
)
def test_a_version_of_the_pipeline_that_scores_otherwise_has_another_method(tmp_path, monkeypatch, name):
    shutil.copytree(files("okr_pipeline"), tmp_path / "okr_pipeline")
    monkeypatch.setattr("okr_pipeline.scoring.scores.files", tmp_path.joinpath)
    before = _method.__wrapped__()
    with (tmp_path / "okr_pipeline" / name).open("a", encoding="utf-8") as changed:
        changed.write("\n")
    assert _method.__wrapped__() != before


def test_a_cadence_of_what_people_say_is_missed_only_once_anybody_has_spoken(tmp_path):
    weekly = {"metric": "cost-of-one", "at_most": Fraction(9), "every": (1, "week")}
    made = world(tmp_path, weekly)
    made.land("src_flow", FIRST, LAST, [])
    row = made.scored(NOV_15)[0]["kr0", NOV_15]
    assert (row["value"], row["reason"]) == (None, "no_data_yet")
    made.say(
        "cost-of-one", NOV_1, Decimal(40), "ก"
    )  # of nothing: what one cost cannot be said, so that week was not kept
    row = made.scored(NOV_15)[0]["kr0", NOV_15]
    assert (row["value"], row["reason"]) == (0, None)


def test_a_cadence_of_what_people_say_knows_the_last_day_of_which_they_spoke(tmp_path):
    made = world(tmp_path, {"metric": "told", "at_least": Fraction(9), "every": (1, "week")})
    for day in (NOV_1, NOV_15):
        made.say("told", day, Decimal(9), "ก")
    row = made.scored(NOV_30)[0]["kr0", NOV_30]
    assert (row["value"], row["last_data_day"]) == (2, NOV_15)


def test_where_and_when_it_was_measured_is_told(tmp_path):
    made = world(tmp_path, UP_TO_90)
    made.land("src_flow", date(2026, 7, 1), LAST, rows_of((date(2026, 8, 3), 70), (NOV_1, 80)))
    made.scored(NOV_15)
    found = explanation(made.connection, "kr0", NOV_15)
    measured = found["measured_baseline"]
    days = measured["first_day"], measured["last_day"]
    assert (measured["value"], *days) == (70, date(2026, 7, 1), date(2026, 9, 30))
    assert measured["parts"] == {"sum_n": 70}
    assert "Baseline  70, measured over 2026-07-01 to 2026-09-30, as known at 20" in explanation_text(found)


def test_until_its_days_are_final_there_is_no_baseline_and_no_score(tmp_path):
    made = world(tmp_path, UP_TO_90)
    made.land("src_flow", date(2026, 7, 1), FIRST, rows_of((date(2026, 8, 3), 70)), final=date(2026, 9, 28))
    row = made.scored(FIRST)[0]["kr0", FIRST]
    assert (row["score"], row["reason"]) == (None, "no_baseline")


@pytest.mark.parametrize(
    ("kr", "before"),
    [({"target": Fraction(70)}, 70), ({"at_least": Fraction(60)}, 70), ({"at_most": Fraction(80)}, 70)],
)
def test_a_start_at_or_beyond_the_target_leaves_no_way_to_score(tmp_path, kr, before):
    made = world(tmp_path, {"metric": "total", "baseline": "previous period"} | kr)
    made.land("src_flow", date(2026, 7, 1), LAST, rows_of((date(2026, 8, 3), before)))
    row = made.scored(NOV_15)[0]["kr0", NOV_15]
    assert (row["score"], row["reason"]) == (None, "baseline_past_target")


def test_the_same_period_last_year_is_pulled_for_it(tmp_path):
    made = world(tmp_path, UP_TO_90 | {"baseline": "same period last year"})
    assert earliest_day(made.config) == date(2025, 10, 1)


# -- milestones

STEPS = [("ก", Fraction(1), None), ("b", Fraction(2), None), ("c", Fraction(5), None)]


def test_a_step_is_done_on_the_first_day_that_the_rows_name_it(tmp_path):
    made = world(tmp_path, {"metric": "distinct", "milestones": STEPS})
    named = [
        (date(2026, 10, 5), "ก"),
        (date(2026, 10, 9), "b"),
        (date(2026, 10, 12), "b"),
        (date(2026, 10, 13), "else"),
    ]
    made.land("src_flow", FIRST, LAST, [{"id": n, "day": day, "who": who} for n, (day, who) in enumerate(named)])
    rows = {day: row["score"] for (_, day), row in made.scored(NOV_15)[0].items()}
    assert [rows[date(2026, 10, day)] for day in (4, 5, 8, 9, 13)] == [0, 1 / 8, 1 / 8, 3 / 8, 3 / 8]


def test_what_is_due_are_the_steps_whose_day_has_come(tmp_path):
    due = [("ก", Fraction(1), OCT_31), ("b", Fraction(3), NOV_30)]
    rows = scored(tmp_path, {"metric": "distinct", "milestones": due})
    assert [rows[day]["expected"] for day in (OCT_31 - DAY, OCT_31, NOV_15, NOV_30, LAST)] == [0, 0.25, 0.25, 1, 1]
    assert rows[LAST]["pace"] == "checkpoints"


# -- cadences: what is known when


def test_what_must_stay_below_a_bound_is_known_when_its_interval_is_over(tmp_path):
    rows = scored(
        tmp_path, {"metric": "total", "at_most": Fraction(5), "every": (1, "month")}, (OCT_31, 2), (NOV_15, 9)
    )
    kept = {day: rows[day]["value"] for day in (FIRST, OCT_31 - DAY, OCT_31, NOV_1, NOV_30, LAST)}
    assert kept == {FIRST: 0, OCT_31 - DAY: 0, OCT_31: 1, NOV_1: 1, NOV_30: 1, LAST: 2}


@pytest.mark.parametrize(
    ("baseline", "target", "kept"),
    [(3, 10, {NOV_15: 0, NOV_15 + DAY: 1, NOV_30: 1}), (30, 10, {OCT_31: 1, NOV_15 + DAY: 1, NOV_30: 1, LAST: 2})],
    ids=["up", "down"],
)
def test_an_interval_that_is_to_reach_a_target_is_kept_by_reaching_it_from_its_side(tmp_path, baseline, target, kept):
    kr = {"metric": "total", "baseline": Fraction(baseline), "target": Fraction(target), "every": (1, "month")}
    rows = scored(tmp_path, kr, (FIRST, 4), (NOV_1, 9), (NOV_15 + DAY, 2))
    assert {day: rows[day]["value"] for day in kept} == kept
    assert (rows[LAST]["baseline"], rows[LAST]["target"]) == (0, 3)


def test_the_end_of_the_period_closes_its_last_week(tmp_path):
    rows = scored(tmp_path, {"metric": "total", "at_most": Fraction(5), "every": (1, "week")})
    assert (rows[LAST]["score"], rows[LAST]["expected"], rows[LAST]["status"]) == (1, 1, "achieved")


# -- changes in mid-period


def test_a_dated_change_leaves_earlier_scores_as_they_were(tmp_path):
    changed = HUNDRED | {"changes": [{"from": NOV_1, "target": Fraction(200)}]}
    before, after = (scored(tmp_path / name, kr, (FIRST, 50)) for name, kr in (("a", HUNDRED), ("b", changed)))
    assert {day: row for day, row in after.items() if day < NOV_1} == {d: r for d, r in before.items() if d < NOV_1}
    assert (after[OCT_31]["score"], after[NOV_1]["score"]) == (0.5, 0.25)
    assert after[OCT_31]["configuration"] != after[NOV_1]["configuration"]


def test_the_next_period_under_the_same_name_leaves_the_last_one_as_it_was(tmp_path):
    made = world(tmp_path / "q1", HUNDRED)
    made.land("src_flow", FIRST, LAST, rows_of((FIRST, 50)))
    last_period = made.scored(LAST)
    made.config = configuration(tmp_path / "q2", {"o": [HUNDRED | {"id": "kr0"}]}, "FY2570-Q2")
    made.land("src_flow", LAST + DAY, LAST + DAY * 5, rows_of((LAST + DAY, 20)))
    results, objectives = made.scored(LAST + DAY * 5)
    assert {key: row for key, row in results.items() if key[1] <= LAST} == last_period[0]
    assert {key: row for key, row in objectives.items() if key[1] <= LAST} == last_period[1]
    assert results["kr0", LAST + DAY]["value"] == 20


def test_a_score_that_is_held_over_a_change_is_held_whole(tmp_path):
    made = world(
        tmp_path, {"metric": "total", "at_least": Fraction(10), "changes": [{"from": NOV_1, "metric": "standing"}]}
    )
    made.land("src_flow", FIRST, LAST, rows_of((FIRST, 5)))
    row = made.scored(NOV_15)[0]["kr0", NOV_15]
    assert (row["metric"], row["value"], row["target"], row["held_from"]) == ("total", 5, 10, OCT_31)


WRONG = [
    (
        {"changes": [{"from": "2027-05-01", "target": "9"}]},
        "changes[0].from: 2027-05-01 is not after 2026-10-01 and within",
    ),
    ({"changes": [{"from": "2026-11-01", "targt": "9"}]}, "unknown field `targt`; did you mean `target`?"),
    ({"changes": [{"from": "2026-11-01", "id": "other"}]}, "a change cannot change `id`"),
    ({"changes": [{"from": "2026-11-01", "target": "0"}]}, "baseline and target are equal"),
    ({"changes": [{"target": "9"}]}, "the field `from` is missing"),
    ({"pace": {"2026-10-31": "half"}}, "'half' is not a number"),
    ({"pace": {"soon": "20% of the way"}}, "'soon' is not a day"),
    ({"pace": {"2027-10-31": "20% of the way"}}, "2027-10-31 lies outside 2026-10-01 to 2026-12-31"),
    ({"pace": {"2026-10-31": "101% of the way"}}, "more than the whole way"),
    ({"pace": {"2026-10-31": "120"}}, "what is due by 2026-10-31 does not lie between the baseline and the target"),
    ({"pace": {"2026-10-31": "12%"}}, "is in things; write `12` without %"),
    (
        {"pace": "weekly rhythm", "over": ("last", "week")},
        "only what adds up day by day over the period has a weekly rhythm",
    ),
    ({"baseline": "last period"}, "'last period' is not a baseline"),
    ({"baseline": "previous period", "during": (FIRST, NOV_1)}, "write the baseline as a number"),
    ({"target": None, "baseline": None, "milestones": STEPS}, "use a metric that is one `count(distinct <column>)`"),
    ({"target": None, "baseline": None, "milestones": [*STEPS, STEPS[0]]}, "two steps have the same name"),
]


@pytest.mark.parametrize(("more", "message"), WRONG)
def test_an_agreement_that_makes_no_sense_is_told_with_its_line_and_a_remedy(tmp_path, more, message):
    kr = {name: value for name, value in (HUNDRED | more).items() if value is not None}
    with pytest.raises(ConfigError) as told:
        world(tmp_path, kr)
    assert message in str(told.value)
    assert "objectives/o.yaml:1: key_results[0]" in str(told.value)


def test_a_score_whose_agreement_changed_has_changed_and_is_no_other(tmp_path):
    made = world(tmp_path / "before", HUNDRED)
    made.land("src_flow", FIRST, LAST, rows_of((FIRST, 3)))
    days = len(made.scored(LAST)[0])
    made.config = world(tmp_path / "after", HUNDRED | {"target": Fraction(90)}).config
    change, _ = score(made.connection, made.config, LAST)
    assert change == Change(received=days, inserted=0, changed=days, vanished=0, unchanged=0)
