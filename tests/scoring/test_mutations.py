"""Each formula broken in turn: the comparison with the naive implementation must see it, or it proves nothing."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest
from comparison import Answers, answers, disagreements, past
from mutations import MUTATIONS
from naive import Row
from world import World

from okr_pipeline.warehouse import engine

AUGUST, FIRST, LAST = (
    date(2026, 8, 14),
    date(2026, 10, 14),
    date(2026, 11, 25),
)  # weeks of Sunday lie half in at both ends
OCT_20, NOV_1, NOV_10, NOV_20 = date(2026, 10, 20), date(2026, 11, 1), date(2026, 11, 10), date(2026, 11, 20)

Organisations = list[tuple[Row, World, Answers]]


def kr(number: int, metric: str, first: date, **agreed: Any) -> Row:
    numbers = {name: Fraction(value) for name, value in agreed.items() if isinstance(value, int) and name != "lag"}
    return {"id": f"kr{number}", "metric": metric, "period": (first, LAST), "weight": Fraction(1)} | agreed | numbers


REACH = {"baseline": 0, "target": 60}
COUNTED = [  # key results on one formula, whose days were all fetched
    ("total", REACH | {"over": ("trailing", 9), "weight": Fraction(3)}),
    ("total", {"baseline": 10, "target": 14, "due": NOV_20}),
    ("money", {"baseline": 50, "target": -20}),
    ("flagged", REACH | {"type": "aspirational"}),
    ("total", {"at_least": 4, "over": ("last", "week"), "pace": "constant"}),
    ("total", {"at_least": 9, "over": ("last", "month")}),
    ("total", {"at_most": 7, "over": ("to_date", "week"), "lag": 9}),
    ("total", {"at_most": 50, "over": ("to_date", "month")}),
    ("total", {"between": (Fraction(2), Fraction(9)), "during": (OCT_20, NOV_10)}),
    ("total", {"at_least": 3, "every": (1, "week")}),
    ("total", {"at_most": 3, "every": (2, "week")}),
    ("total", {"baseline": 20, "target": 9, "every": (1, "week")}),
    ("total", {"between": (Fraction(1), Fraction(9)), "every": (1, "week")}),
    ("total", REACH | {"pace": {NOV_1: ("share", Fraction(1, 10)), NOV_20: ("share", Fraction(9, 10))}}),
    ("total", {"at_least": 60, "pace": "weekly rhythm"}),
    ("total", REACH | {"changes": [{"from": NOV_10, "target": Fraction(30), "weight": Fraction(5)}]}),
    ("total", {"baseline": 0, "target": 90, "over": ("to_date", "quarter")}),
]
MEASURED = [  # key results on every other kind of formula
    ("rate", {"baseline": 0, "target": 2, "alongside": ("trailing", 9)}),
    ("in-use", {"at_least": 1}),
    ("standing", {"baseline": 0, "target": 9}),
    ("distinct", REACH),
    ("smallest", {"baseline": 0, "target": -20}),
    ("largest", {"at_most": 3, "over": ("to_date", "month")}),
    ("cohort", {"at_least": 1}),
    ("distinct", {"milestones": [("ก", Fraction(1), NOV_1), ("b", Fraction(3), NOV_20)]}),
]
BROKEN = [  # key results whose sources were late, failed, or left days out
    ("total", REACH | {"weight": Fraction(2)}),
    ("total", {"at_least": 3, "over": ("last", "week")}),
    ("rate", {"baseline": 0, "target": 2}),
    ("standing", {"baseline": 0, "target": 9, "weight": Fraction(2)}),
    ("staff", {"at_least": 4}),
    ("late", REACH | {"over": ("trailing", 9)}),
    ("total", {"target": 40, "baseline": "previous period"}),
    ("total", {"at_least": 2, "every": (1, "week")}),
]
RARE = [  # key results on rows that come once in a while, and goals that are reached by most of the way
    ("late", REACH),
    ("rows", {"baseline": 0, "target": 13, "type": "aspirational"}),
    ("standing", {"baseline": 0, "target": 9}),
]
SPOKEN = [  # key results on what people say, now and then
    ("told", REACH),
    ("told", {"at_least": 3, "over": ("last", "week")}),
    ("told", {"at_least": 3, "every": (1, "day")}),
    ("most-told", {"at_least": 9, "over": ("to_date", "week")}),
    ("cost-of-one", {"at_most": 30, "every": (1, "day")}),
    ("tellers", {"milestones": [("ก", Fraction(1), NOV_1), ("b", Fraction(3), NOV_20)]}),
    ("per-pair", {"at_least": 1}),
]


def organisation(
    results: list[tuple[str, Row]],
    as_of: date,
    seed: int,
    *,
    gaps: bool = False,
    first: date = FIRST,
    density: float = 1.5,
) -> Row:
    made = [kr(number, metric, first, **agreed) for number, (metric, agreed) in enumerate(results)]
    return {
        "name": f"{first} to {LAST}", "period": (first, LAST), "as_of": as_of, "seed": seed, "density": density, "gaps": gaps,
        "okr": {"week_starts": "sunday", "status": {"on_track": 0.9, "at_risk": 0.5}},
        "thresholds": (Fraction(9, 10), Fraction(1, 2)), "objectives": {"a": made[::2], "b": made[1::2]},
        "parents": {"b": ("a", Fraction(3))},
    }  # fmt: skip


@pytest.fixture(scope="module")
def organisations(tmp_path_factory):
    """(case, world, right answers): all days there (twice), much that went wrong (twice), a first day, few rows, a late night,
    check-ins."""
    cases = (
        organisation(COUNTED, LAST, 4),
        organisation(MEASURED, NOV_10, 4),
        organisation(BROKEN, NOV_20, 5, gaps=True),
        organisation(BROKEN[-2:], NOV_20, 6, gaps=True),
        organisation(BROKEN[-2:], FIRST, 7, gaps=True),
        organisation(RARE, LAST, 4, density=0.2),
        organisation(COUNTED[:3], LAST, 4, first=AUGUST) | {"eve": NOV_20},
        organisation(SPOKEN, LAST, 11, density=0.1),
    )
    worlds = [past(case, tmp_path_factory.mktemp("organisation")) for case in cases]
    made = [(case, world, answers(world, case)) for case, world in zip(cases, worlds, strict=True)]
    measured(made)
    return made


def measured(organisations: Organisations) -> None:
    for _, world, _ in organisations:
        world.measure()


def is_seen(organisations: Organisations, monkeypatch: pytest.MonkeyPatch, *mutation: str) -> bool:
    """Whether any row is another one than it should be, when the SQL is scored with a mutation."""
    is_measured = mutation[:1] == ("parts.sql",)
    with monkeypatch.context() as broken:
        if mutation:
            broken.setattr(engine, "_templates", Broken(*mutation))
        if is_measured:
            measured(organisations)
        seen = any(is_wrong(*each) for each in organisations)
    if is_measured:
        measured(organisations)  # or the next mutation would be seen for the sake of this one
    return seen


def is_wrong(case: Row, world: World, right: Answers) -> bool:
    for table in ("outcomes", "objectives", "baselines"):
        world.connection.execute(f"DELETE FROM scores.{table}")
    world.forget_scorings()
    if "eve" in case:
        world.scored_again(case["eve"])
    return next(disagreements(case, right, *world.scored_again(case["as_of"])), None) is not None


class Broken:
    """The package's statements with one text changed. Fails when the text is not there once."""

    def __init__(self, file: str, old: str, new: str) -> None:
        self.file, self._templates = file, engine._templates
        text = files("okr_pipeline").joinpath(f"scoring/sql/{file}").read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
        self.text = text.replace(old, new)

    def __call__(self, package: str) -> Any:
        self.package = self._templates(package)
        return self

    def get_template(self, name: str) -> Any:
        return self.package.from_string(self.text) if name == f"sql/{self.file}" else self.package.get_template(name)


def test_nothing_is_seen_while_nothing_is_broken(organisations, monkeypatch):
    assert not is_seen(organisations, monkeypatch)


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_broken_formula_is_seen(organisations, monkeypatch, mutation):
    assert is_seen(organisations, monkeypatch, *mutation)
