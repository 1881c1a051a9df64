"""The pipeline's answer to a case beside the naive one. A case is an organisation, a random past of it, and a day."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import naive
from naive import DAY, Row
from world import MANUAL, METRICS, World, configuration

NEAR = Fraction(1, 10**9)
OUTCOMES = ["source_unavailable", "source_rejected", "data_rejected"]
Answers = dict[str, dict[date, list[tuple[Row, Row]]]]  # objective → day → (key result, its right row)


def _rows(table: str, day: date, dice: random.Random, density: float) -> list[Row]:
    many = int(density) + (dice.random() < density % 1)
    who = dice.choice(["ก", "b", "c", None])
    rows = []
    for each in range(many):
        row = {"id": day.toordinal() * 10 + each, "day": day, "n": dice.choice([None, 0, 1, 2, 3, 5, -1])}
        later = dice.choice([None, day, day + DAY * dice.randrange(40)])
        more = {
            "amount": Decimal(dice.randrange(-99, 999)) / 8,
            "who": who,
            "later": later,
            "flag": dice.random() < 0.7,
        }
        seats = {
            "day": day,
            "who": "ก" if each else "b",
            "seats": dice.randrange(6),
            "used": dice.choice([None, 0, 2, 3]),
        }
        rows.append({"src_flow": row | more, "src_other": row, "src_seats": seats}[table])
    return rows


def past(case: Row, folder: Path, night: Callable[[World, date], object] = lambda world, day: None) -> World:
    """A warehouse in which a case has happened; with a `night` after each pull."""
    bare = {o: [{k: v for k, v in kr.items() if k != "period"} for kr in krs] for o, krs in case["objectives"].items()}
    world = World(configuration(folder, bare, case["name"], case["okr"], parents=case.get("parents")))
    fill(world, case, lambda day: night(world, day))
    return world


def fill(world: World, case: Row, night: Callable[[date], object]) -> None:
    """Lands each table in a few overlapping windows, with restated rows, gaps, late days and failures."""
    dice, (first, last) = random.Random(case["seed"]), case["period"]
    start, end = first - DAY * 130, min(case["as_of"], last) + DAY * dice.randrange(3)
    for table in ["src_flow", "src_other", "src_seats"]:
        windows = [(start, end)]
        if case["gaps"] and dice.random() < 0.5:
            windows = [(first, first + DAY * 20), (first + DAY * 23, end)]
        windows += [(d, d + DAY * dice.randrange(15)) for d in [end - DAY * dice.randrange(30) for _ in range(2)]]
        for begin, finish in windows:
            if finish < begin:
                continue
            days = [begin + DAY * n for n in range((finish - begin).days + 1)]
            kept = [r for r in world.known.rows.get(table, []) if begin <= r["day"] <= finish and dice.random() < 0.7]
            taken = {r["day"] for r in kept}
            fresh = [r for d in days if d not in taken for r in _rows(table, d, dice, case["density"])]
            delivered = finish - DAY * dice.choice([0, 0, 0, 1, 4, 9]) if case["gaps"] else finish
            world.land(table, begin, finish, kept + fresh, delivered, delivered - DAY * dice.randrange(4))
            night(finish)
        if case["gaps"] and dice.random() < 0.3:
            world.fail(table, end, dice.choice(OUTCOMES))
            night(end)
    for said in range(dice.choice([0, 3, 30])):
        day = start + DAY * dice.randrange((end - start).days + 1)
        world.say(dice.choice(MANUAL), day, Decimal(dice.randrange(-20, 200)) / 4, dice.choice("กbc"))
        if said % 10 == 0:
            night(end)
    people = [{"who": who, "joined": start + DAY * dice.randrange(200)} for who in "กbcde"]
    world.land("src_people", start if dice.random() < 0.8 else end, end, people)


def same(found: Any, right: Any) -> bool:
    if right is None or found is None:
        return found is None and right is None
    return math.isclose(found, right, rel_tol=1e-9, abs_tol=1e-9)


def near(right: Row, *bounds: Any) -> bool:
    """True beside the edge between two words, nearer than the 9 places at which numbers are told apart; not on it."""
    score, expected = right["score"], right["expected"]
    return score is not None and any(0 < abs(score - b) < NEAR or 0 < abs(score - b * expected) < NEAR for b in bounds)


def differences(found: Row, right: Row, kr: Row, case: Row) -> list[str]:
    """The columns of a score row that are not what they should be."""
    wrong = [key for key in ("value", "progress", "score", "expected") if not same(found[key], right[key])]
    if found["status"] != right["status"] and not near(right, *case["thresholds"], Fraction(7, 10)):
        wrong.append("status")
    if found["reason"] not in (right["reasons"] or {None}):  # where several reasons hold, any of them will do
        wrong.append("reason")
    wrong += [key for key in ("held_from", "final") if found[key] != right[key]]
    if (found["first_day"], found["last_day"]) != right["days"]:
        wrong.append("days")
    if "alongside" in kr and not same(found["alongside"], right["beside"]):
        wrong.append("alongside")
    return wrong


def answers(world: World, case: Row) -> Answers:
    """What the naive implementation makes of a world."""
    week_starts = case["okr"]["week_starts"]
    found: Answers = {}
    for objective, results in case["objectives"].items():
        for kr in results:
            metric, baseline = METRICS[kr["metric"]][1], world.config.key_results[kr["id"]].baseline
            if baseline:
                kr["before"] = baseline.period.first, baseline.period.last
            for right in naive.scores(kr, metric, world.known, case["as_of"], week_starts, case["thresholds"]):
                if "alongside" in kr:
                    days = naive.window({"over": kr["alongside"], "period": kr["period"]}, right["as_of"], week_starts)
                    none = isinstance(days, str)
                    right["beside"] = (
                        None if none else naive.measure(metric, world.known, *days, right["as_of"])["value"]
                    )
                found.setdefault(objective, {}).setdefault(right["as_of"], []).append((kr, right))
    return found


def disagreements(
    case: Row, right: Answers, found: dict[Any, Row], rolled_up: dict[Any, Row]
) -> Iterator[tuple[Any, ...]]:
    """Where the pipeline's rows are not the right ones, with both; rows that nobody expected, too."""
    found, rolled_up = dict(found), dict(rolled_up)
    for by_day in right.values():
        for day, rows in by_day.items():
            for kr, row in rows:
                got = found.pop((kr["id"], day), None)
                if got is None or (wrong := differences(got, row, kr, case)):
                    yield wrong if got else "no row", kr, METRICS[kr["metric"]][0], got, row
    for objective, by_day in right.items():
        for day in by_day:
            got, whole = rolled_up.pop((objective, day)), roll_up(case, right, objective, day)
            if whole["half_covered"]:
                continue
            numbers = all(same(got[key], whole[key]) for key in ("score", "coverage", "expected"))
            edge = near(whole, *case["thresholds"], whole["passes_at"])
            if not numbers or (got["status"] != whole["status"] and not edge):
                yield objective, day, got, whole
    yield from found
    yield from rolled_up


def roll_up(case: Row, right: Answers, objective: str, day: date) -> Row:
    """An objective's row from its key results and the objectives beneath; `half_covered` where one may go either way."""
    rows = [(naive.version(kr, day), row) for kr, row in right[objective][day]]
    beneath = {name: weight for name, (parent, weight) in case.get("parents", {}).items() if parent == objective}
    parts = {name: roll_up(case, right, name, day) for name in beneath}
    rows += [
        ({"weight": weight, "passes_at": parts[name]["passes_at"]}, parts[name]) for name, weight in beneath.items()
    ]
    whole = naive.objective(rows, case["thresholds"])
    either = abs(whole["coverage"] - Fraction(1, 2)) <= NEAR or any(part["half_covered"] for part in parts.values())
    return whole | {"half_covered": either}
