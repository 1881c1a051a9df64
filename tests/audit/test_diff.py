"""`okr diff`: which scores changed between two instants, by how much, and why."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from quarter import FIRST
from world import World, configuration

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

    def play(act, key_results=(TOTAL, RATE), config=None):
        world = World(config) if config else organisation(list(key_results))
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


@pytest.fixture
def two_nights(organisation, night):
    """The difference as of 1 October between a night and the next, and its text; each night is what happens before it."""

    def play(first, second, key_results=(TOTAL,)):
        world = organisation(list(key_results))
        told = []
        for number, act in enumerate((first, second), 1):
            night(number)
            act(world)
            world.scored(FIRST)
            told.append(scoring_known_at(world.connection))
        found = difference(world.connection, *told, FIRST)
        return found, difference_text(found)

    return play


def test_a_pull_that_only_made_numbers_final_is_named(two_nights):
    same = [flow(1, FIRST, 5)]
    found, text = two_nights(
        lambda world: world.land("src_flow", FIRST, FIRST, same, final=FIRST - timedelta(1)),
        lambda world: world.land("src_flow", FIRST, FIRST, same),
    )
    (total,) = found["key_results"]
    assert total["fields"] == {"final": [False, True]}
    assert [(load["table"], load["new"], load["changed"]) for load in total["because"]["loads"]] == [("src_flow", 0, 0)]
    assert (
        "of src_flow, 2026-10-03 05:00Z: no row changed, delivered through 2026-10-01, final through 2026-10-01" in text
    )


def test_a_day_that_turned_out_to_be_empty_is_named_when_it_gives_a_score(two_nights):
    found, _ = two_nights(
        lambda world: world.fail("src_flow", FIRST, "source_unavailable"),
        lambda world: world.land("src_flow", FIRST, FIRST, []),
    )
    (total,) = found["key_results"]
    assert (total["fields"]["value"], total["fields"]["reason"]) == ([None, 0], ["source_unavailable", None])
    assert [load["table"] for load in total["because"]["loads"]] == ["src_flow"]


def test_a_baseline_that_could_be_measured_is_named(two_nights):
    rows = [flow(1, FIRST - timedelta(9), 5), flow(2, FIRST, 7)]
    first = FIRST - timedelta(92)
    found, text = two_nights(
        lambda world: world.land("src_flow", first, FIRST, rows, final=FIRST - timedelta(9)),
        lambda world: world.land("src_flow", first, FIRST, rows),
        [TOTAL | {"baseline": "previous period"}],
    )
    (total,) = found["key_results"]
    assert total["fields"]["baseline"] == [None, 5]
    assert "because the baseline was measured over 2026-07-01 to 2026-09-30, as known at 2026-10-03 05:00Z" in text


def test_another_threshold_is_told_once_and_not_for_every_key_result(changing, tmp_path):
    def act(world):
        stricter = {"status": {"on_track": 0.95, "at_risk": 0.6}}
        world.config = configuration(tmp_path / "stricter", {"o": [TOTAL, RATE]}, "FY2570-Q1", stricter)

    found, text = changing(act)
    assert all(each["fields"] == {} for each in found["key_results"])
    assert text.count("organisation.status.on_track: 0.9 → 0.95") == 1
    assert "under another configuration, with the same numbers: total, rate" in text


def test_another_version_of_the_pipeline_is_a_cause(changing, monkeypatch):
    def act(world):
        monkeypatch.setattr("okr_pipeline.scoring.scores._method", lambda: "another")
        world.land("src_flow", FIRST, FIRST, [flow(1, FIRST, 6)])

    found, text = changing(act, [TOTAL])
    assert by_id(found)["total"]["because"]["method"][1] == "another"
    assert "because okr-pipeline itself was changed in between" in text


@pytest.fixture
def moved(changing, tmp_path):
    """The difference, and its text, when two parts of one objective become what is given."""

    def play(objectives, parents):
        before = {"all": [], "a": [TOTAL], "b": [RATE]}
        config = configuration(tmp_path / "before", before, "FY2570-Q1", parents=dict.fromkeys("ab", ("all",)))

        def act(world):
            world.config = configuration(tmp_path / "after", objectives, "FY2570-Q1", parents=parents)

        return changing(act, config=config)

    return play


def test_an_objective_whose_part_weighs_more_names_it(moved):
    found, text = moved({"all": [], "a": [TOTAL], "b": [RATE]}, {"a": ("all", 3), "b": ("all",)})
    (objective,) = found["objectives"]
    assert objective["objective"] == "all"
    assert objective["because"] == {"configuration": [{"field": "parts.a", "old": "1", "new": "3"}]}
    assert "because the configuration says parts.a: 1 → 3" in text
    assert found["key_results"] == []


def test_an_objective_that_was_given_other_parts_or_key_results_names_them(moved):
    found, _ = moved({"all": [RATE], "a": [TOTAL], "b": [TOTAL | {"id": "same"}]}, {})
    causes = {each["objective"]: each["because"].get("configuration") for each in found["objectives"]}
    assert causes == {
        "all": [
            {"field": "key_results", "old": [], "new": ["rate"]},
            {"field": "parts.a", "old": "1", "new": None},
            {"field": "parts.b", "old": "1", "new": None},
        ],
        "b": [{"field": "key_results", "old": ["rate"], "new": ["same"]}],
    }


def test_the_next_period_takes_nothing_from_the_one_that_is_over(changing, tmp_path):
    """Its ids are the same, as a rule, and what they are beneath need not be."""
    old, new = (
        configuration(tmp_path / name, {"all": [], name: [TOTAL]}, f"{day} to {day}", parents={name: ("all",)})
        for name, day in (("old", FIRST), ("new", SECOND))
    )
    found, text = changing(lambda world: setattr(world, "config", new), config=old)
    assert (found["objectives"], found["key_results"]) == ([], [])
    assert text.startswith("Nothing changed")


def test_numbers_that_are_the_same_at_nine_places_did_not_change(moved):
    """A mean of three is not that of two to the last bit, though as much is expected of each."""
    found, _ = moved({"all": [TOTAL | {"id": "more"}], "a": [TOTAL], "b": [RATE]}, dict.fromkeys("ab", ("all",)))
    assert not any("expected" in each["fields"] for each in found["objectives"])


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
