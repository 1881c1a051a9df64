"""Objectives are part of others: parents come before their parts, and a tree that is none is told with its line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from shutil import copytree

import pytest
from test_windows import FIRST, LAST, rows_of
from world import World, configuration

from okr_pipeline.config import load
from okr_pipeline.errors import ConfigError

Q1 = "FY2570-Q1"


def key_result(name: str) -> dict[str, object]:
    return {"id": name, "metric": "total", "baseline": Fraction(0), "target": Fraction(10)}


def objectives(**parents: tuple[str, Fraction]):
    return {name: [key_result(f"{name}-{n}") for n in range(2)] for name in ("team", "company", "department")}, parents


def test_a_parent_comes_before_its_parts_which_say_how_deep_they_lie(tmp_path):
    written, parents = objectives(team=("department", Fraction(1)), department=("company", Fraction(1)))
    found = configuration(tmp_path, written, Q1, parents=parents).objectives
    assert [(each.id, each.depth) for each in found] == [("company", 0), ("department", 1), ("team", 2)]


def test_an_objective_without_key_results_of_its_own_is_the_weighted_mean_of_its_parts(tmp_path):
    written = {"company": [], "sales": [key_result("s")], "brand": [key_result("b") | {"target": Fraction(20)}]}
    parents = {"sales": ("company", Fraction(3)), "brand": ("company", Fraction(1))}
    world = World(configuration(tmp_path, written, Q1, parents=parents))
    world.land("src_flow", FIRST, LAST, rows_of((FIRST, 5)))
    row = world.scored(FIRST)[1]["company", FIRST]
    assert (row["score"], row["coverage"]) == (pytest.approx((3 * 5 / 10 + 5 / 20) / 4), 1)


WRONG = [
    ({"team": ("compny", Fraction(1))}, "there is no objective `compny`; did you mean `company`?"),
    ({"team": ("team", Fraction(1))}, "team → team goes round in a circle; leave one `parent` out"),
    (
        {"team": ("company", Fraction(1)), "company": ("team", Fraction(1))},
        "company → team → company goes round in a circle",
    ),
]


@pytest.mark.parametrize(("parents", "message"), WRONG)
def test_a_parent_that_cannot_be_is_told_with_its_file(tmp_path, parents, message):
    with pytest.raises(ConfigError) as told:
        configuration(tmp_path, objectives()[0], Q1, parents=parents)
    assert message in str(told.value)
    assert ".yaml:1: parent: " in str(told.value)


def test_a_part_has_the_period_of_its_parent(tmp_path):
    written, parents = objectives(team=("company", Fraction(1)))
    configuration(tmp_path, written, Q1, parents=parents)
    path = tmp_path / "objectives" / "team.yaml"
    path.write_text(path.read_text("utf-8").replace("FY2570-Q1", "FY2570-Q2"), "utf-8")
    with pytest.raises(ConfigError, match="`company` has the period FY2570-Q1, this one FY2570-Q2; give both the same"):
        load(tmp_path, {})


def test_an_objective_of_nothing_is_told(tmp_path):
    with pytest.raises(ConfigError, match="there are none, and no objective says `parent: company`"):
        configuration(tmp_path, {"company": []}, Q1)


def test_the_documented_portfolio_is_one(tmp_path):
    root = Path(__file__).parents[2]
    copytree(root / "okr_config", tmp_path / "okr_config")
    blocks = (root / "docs" / "portfolio.md").read_text("utf-8").split("```yaml\n")[1:]
    for block in blocks:
        text = block.split("```")[0]
        path = tmp_path / text.splitlines()[0].removeprefix("# ")
        listed = path.read_text("utf-8").partition("key_results:\n")[2] if path.exists() else ""
        path.write_text(text + listed, "utf-8")
    found = load(tmp_path / "okr_config", {}, unset_is_wrong=False)
    (part,) = (each for each in found.objectives if each.parent)
    assert (part.parent, part.weight, part.depth) == ("grow", 2, 1)
    assert (found.objectives[0].id, found.objectives[0].key_results) == ("grow", ())
    assert len(part.key_results) == 3
