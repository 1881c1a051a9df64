"""`okr diff`: which scores changed between two instants, by how much, and why."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from conftest import FIRST

from okr_pipeline.audit.diff import difference
from okr_pipeline.audit.diff_text import difference_text
from okr_pipeline.scoring import scoring_known_at

TOTAL = {"id": "total", "metric": "total", "baseline": Fraction(0), "target": Fraction(20)}
RATE = {"id": "rate", "metric": "rate", "at_least": Fraction(2)}
SECOND = FIRST + timedelta(1)


def flow(number: int, day, n: int) -> dict:
    return {"id": number, "day": day, "n": n}


@pytest.fixture
def changing(organisation, night):
    """Two nights; the `act` lies between them. Gives the difference as of 1 October, and its text."""

    def play(act, key_results=(TOTAL, RATE)):
        world = organisation(list(key_results))
        night(1)
        world.land("src_flow", FIRST, FIRST, [flow(1, FIRST, 5), flow(2, FIRST, 3)])
        world.land("src_other", FIRST, FIRST, [flow(1, FIRST, 4)])
        world.scored(FIRST)
        before = scoring_known_at(world.connection)
        night(2)
        act(world)
        world.scored(FIRST)
        found = difference(world.connection, before, scoring_known_at(world.connection), FIRST)
        return found, difference_text(found)

    return play


def by_id(found) -> dict:
    return {each["key_result"]: each for each in found["key_results"]}


def test_the_load_that_restated_a_number_is_named_with_what_it_did(changing):
    found, text = changing(
        lambda world: world.land("src_flow", FIRST, FIRST, [flow(1, FIRST, 6), flow(3, FIRST, 4), flow(4, FIRST, 0)])
    )
    total = by_id(found)["total"]
    assert total["fields"]["value"] == [8, 10]
    assert total["fields"]["score"] == [pytest.approx(0.4), pytest.approx(0.5)]
    (load,) = total["because"]["loads"]
    assert (load["table"], load["new"], load["changed"], load["gone"]) == ("src_flow", 2, 1, 1)
    assert total["because"]["days"] == [{"day": FIRST, "part": "sum_n", "old": 8, "new": 10}]
    assert "configuration" not in total["because"]
    assert "total: score +0.1000" in text
    assert "because of load 4 of src_flow" in text
    assert "2 new, 1 changed, 1 gone" in text


def test_only_what_rests_on_it_is_told(changing):
    found, _ = changing(lambda world: world.land("src_other", FIRST, FIRST, [flow(1, FIRST, 8)]))
    assert set(by_id(found)) == {"rate"}
    assert [load["table"] for load in by_id(found)["rate"]["because"]["loads"]] == ["src_other"]
    assert [each["objective"] for each in found["objectives"]] == ["o"]


def test_a_change_of_the_configuration_is_told_field_by_field(changing, organisation):
    found, text = changing(lambda world: organisation([{**TOTAL, "target": Fraction(10)}, RATE], world))
    total = by_id(found)["total"]
    assert total["because"] == {"configuration": [{"field": "key_result.target", "old": "20", "new": "10"}]}
    assert total["fields"]["score"] == [pytest.approx(0.4), pytest.approx(0.8)]
    assert "because the configuration says key_result.target: 20 → 10" in text


def test_a_source_that_failed_is_named_with_its_message(changing, organisation):
    def act(world):
        world.fail("src_other", FIRST, "source_unavailable")
        organisation([TOTAL, {**RATE, "over": ("trailing", 3)}], world)  # two more days, which nobody could fetch

    found, text = changing(act)
    rate = by_id(found)["rate"]
    assert rate["fields"]["reason"][1] is not None
    assert rate["because"]["failures"][0]["message"] == "It failed. Mend it."
    assert "because src_other failed: It failed. Mend it." in text


def test_what_came_and_what_went_is_told(changing, organisation):
    found, text = changing(lambda world: organisation([TOTAL, {**RATE, "id": "share"}], world))
    assert {name: each["change"] for name, each in by_id(found).items()} == {"share": "new", "rate": "removed"}
    assert "share: new" in text
    assert "rate: removed" in text


def test_when_nothing_changed_it_says_so(changing):
    found, text = changing(lambda world: None)
    assert (found["key_results"], found["objectives"]) == ([], [])
    assert text.startswith("Nothing changed")


def test_the_command_compares_the_demos_two_nights(demo, okr):
    asked = ("diff", "--home", demo.home, "--from-known", "2026-11-15T12:00")
    told = okr(*asked)
    assert told.code == 0, told.err
    assert "conversion-rate: score +0.0002" in told.out
    assert "of ga4_traffic, 2026-11-15 22:00Z: 3 changed" in told.out
    found = okr(*asked, "--format", "json").json
    assert {each["key_result"] for each in found["key_results"]} == {"conversion-rate"}
    assert found["as_of"] == "2026-11-14"
    assert okr(*asked, "--to-known", "2026-11-15T13:00").out.startswith("Nothing changed: at both instants")


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (("--from-known", "2026-11-16", "--to-known", "2026-11-15"), "swap them"),
        (("--from-known", "2026-11-01"), "name a later instant"),
        (("--from-known", "2026-11-16", "--as-of", "2027-01-01"), "is not scored"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_remedy(demo, okr, given, remedy):
    told = okr("diff", "--home", demo.home, *given)
    assert told.code == 1
    assert remedy in told.err
    assert "Traceback" not in told.err
