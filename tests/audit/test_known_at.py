"""What was answered at any instant can be asked for again, bit for bit, whatever happened since."""

from __future__ import annotations

import json
import random
from contextlib import closing
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import duckdb
import pytest
import recompute
from quarter import FIRST
from world import World, configuration

from okr_pipeline.audit.explain import explanation
from okr_pipeline.config.document import fingerprint
from okr_pipeline.report import scores_json

KEY_RESULTS = [
    {"id": "total", "metric": "total", "baseline": Fraction(0), "target": Fraction(60)},
    {"id": "distinct", "metric": "distinct", "at_least": Fraction(4)},
    {"id": "smallest", "metric": "smallest", "at_most": Fraction(3)},
    {"id": "largest", "metric": "largest", "between": (Fraction(2), Fraction(9))},
    {"id": "cohort", "metric": "cohort", "at_least": Fraction(1, 2), "over": ("trailing", 5)},
    {"id": "rate", "metric": "rate", "at_least": Fraction(3, 2)},
    {"id": "standing", "metric": "standing", "at_least": Fraction(8)},
    {"id": "in-use", "metric": "in-use", "at_least": Fraction(1, 2)},
    {"id": "per-head", "metric": "per-head", "at_least": Fraction(2)},
    {"id": "cadence", "metric": "distinct", "at_least": Fraction(2), "every": (1, "week")},
]


def rows(chance: random.Random, day: date) -> dict[str, list[dict[str, Any]]]:
    """What the sources would say of a day, today."""
    number = day.toordinal() * 10
    later = day + timedelta(chance.randint(0, 3)) if chance.random() < 0.6 else None
    return {
        "src_flow": [
            {"id": number + n, "day": day, "n": chance.randint(0, 5), "who": chance.choice("abcde"), "later": later}
            | {"amount": chance.randint(1, 9), "flag": True}
            for n in range(chance.randint(0, 3))
        ],
        "src_other": [{"id": number, "day": day, "n": chance.randint(0, 4)}] if chance.random() < 0.8 else [],
        "src_seats": [
            {"day": day, "who": who, "seats": chance.randint(1, 9), "used": chance.randint(0, 5)}
            for who in chance.sample("abc", chance.randint(0, 2))
        ],
    }


def pull(world, chance: random.Random, day: date) -> None:
    """A night's pulls: four days restated, and now and then a source that is down."""
    first = max(FIRST, day - timedelta(4))
    days = [first + timedelta(n) for n in range((day - first).days + 1)]
    said = [rows(chance, each) for each in days]
    for table in ("src_flow", "src_other", "src_seats"):
        if chance.random() < 0.15:
            world.fail(table, day, "source_unavailable")
        else:
            world.land(table, first, day, [row for each in said for row in each[table]], final=day - timedelta(3))
    world.land("src_people", first, day, [{"who": who, "joined": FIRST} for who in chance.sample("abcd", 3)])


def answers(connection: duckdb.DuckDBPyConnection, days: list[date], known_at: Any = None) -> dict[str, str]:
    """All that can be asked as of some days: the scores to the byte, the explanations but for the SQL that finds the rows."""
    told = {str(day): scores_json(connection, day, known_at) for day in days}
    for key_result in (each["id"] for each in KEY_RESULTS):
        found = explanation(connection, key_result, days[-1], known_at)
        for part in found["rows"]:
            part.pop("sql")
        told[key_result] = json.dumps(found, default=str)
    return told


def known(instant: str) -> datetime:
    """As the ledger stores it."""
    return datetime.fromisoformat(instant).replace(tzinfo=None)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Six nights; on the fourth a target and a formula change, and a key result goes. What was answered after each."""
    folder, chance, given = tmp_path_factory.mktemp("nights"), random.Random(3), []
    changed = [{**KEY_RESULTS[0], "target": Fraction(80)}, {**KEY_RESULTS[3], "metric": "money"}]
    world = World(configuration(folder / "a", {"o": KEY_RESULTS}, "FY2570-Q1"))
    with pytest.MonkeyPatch.context() as patch:
        for number in range(1, 7):
            if number == 4:
                later = [*changed, *KEY_RESULTS[1:3], *KEY_RESULTS[4:9]]
                world.config = configuration(folder / "b", {"o": later}, "FY2570-Q1")
            day = FIRST + timedelta(number - 1)
            patch.setenv("OKR_NOW", f"{day + timedelta(1)}T05:00:00+00:00")
            for _ in range(chance.choice((1, 1, 2))):  # sometimes once more, by day
                pull(world, chance, day)
                world.scored(day)
            days = [FIRST, day]
            given.append(
                (
                    json.loads(scores_json(world.connection, day, None))["known_at"],
                    days,
                    answers(world.connection, days),
                )
            )
    return world, given


def test_every_answer_can_be_had_again_to_the_byte(nights, tmp_path):
    world, given = nights
    compacted = tmp_path / "snapshot.duckdb"
    world.connection.execute(f"ATTACH '{compacted}' AS snapshot")
    world.connection.execute("COPY FROM DATABASE memory TO snapshot")
    world.connection.execute("DETACH snapshot")
    with closing(duckdb.connect(compacted, read_only=True)) as snapshot:
        for instant, days, told in given:
            assert answers(snapshot, days, known(instant)) == told
            for connection in (world.connection, snapshot):  # until the next night it is what is known
                assert scores_json(connection, days[0], known(instant) + timedelta(hours=10)) == told[str(FIRST)]
    assert len({told[str(FIRST)] for _, _, told in given}) > 4, "nothing was restated"


def test_what_a_past_explanation_prints_recomputes_to_the_past_score(nights):
    _, given = nights
    scored = 0
    for _, _, told in given:
        for name, text in told.items():
            found = json.loads(text)
            if name[0].isdigit() or found.get("value") is None or found.get("held_from"):
                continue
            value, score = recompute.score(found)
            assert (found["value"], found["score"]) == pytest.approx((value, score), abs=1e-9), name
            scored += 1
    assert scored > 30


def test_a_key_result_that_was_removed_is_told_for_the_time_that_it_stood(nights):
    world, given = nights
    instants = [instant for instant, _, _ in given]

    def listed(as_of: date, instant: str | None) -> dict[str, bool]:
        told = json.loads(scores_json(world.connection, as_of, known(instant) if instant else None))
        return {row["key_result"]: row["removed"] for row in told["key_results"]}

    assert listed(FIRST, instants[2])["cadence"] is False
    assert listed(FIRST, instants[3])["cadence"] is True
    assert listed(FIRST, None)["cadence"] is True
    assert "cadence" not in listed(FIRST + timedelta(3), None)
    found = explanation(world.connection, "cadence", FIRST + timedelta(20))
    assert found is not None
    assert (found["as_of"], found["configured"]["every"]) == (FIRST + timedelta(2), "week")


def test_a_period_that_is_over_is_told_with_what_was_agreed_in_it(tmp_path, monkeypatch):
    """The next period has the same ids, as a rule: for another target, and perhaps beneath another objective."""
    second, third = FIRST + timedelta(1), FIRST + timedelta(2)
    then, now = ([{**KEY_RESULTS[0], "target": Fraction(target)}] for target in (20, 90))
    world = World(
        configuration(tmp_path / "a", {"all": [], "old": then}, f"{FIRST} to {second}", parents={"old": ("all",)})
    )
    monkeypatch.setenv("OKR_NOW", f"{third}T05:00:00+00:00")
    world.land("src_flow", FIRST, second, [{"id": 1, "day": FIRST, "n": 5}])
    world.scored(second)
    told = scores_json(world.connection, second, None)
    world.config = configuration(tmp_path / "b", {"new": [*now, KEY_RESULTS[1]]}, f"{third} to {third}")
    monkeypatch.setenv("OKR_NOW", f"{third + timedelta(1)}T05:00:00+00:00")
    world.land("src_flow", third, third, [{"id": 2, "day": third, "n": 9}])
    world.scored(third)

    world.land("src_flow", FIRST, third, [{"id": 1, "day": FIRST, "n": 8}, {"id": 2, "day": third, "n": 9}])
    world.scored(third)

    standing = explanation(world.connection, "total", second)
    assert (
        (standing["value"], standing["score"])
        == (5, 0.25)
        == recompute.score(json.loads(json.dumps(standing, default=str)))
    )
    sentences = [explanation(world.connection, "total", day)["sentence"] for day in (second, third)]
    assert ["20 things" in sentence for sentence in sentences] == [True, False]
    assert [f"{FIRST} to {second}" in sentence for sentence in sentences] == [True, False]

    def listed(as_of: date) -> tuple[list[str], list[tuple[str, str, bool]]]:
        found = json.loads(scores_json(world.connection, as_of, None))
        rows = [(row["key_result"], row["objective"], row["removed"]) for row in found["key_results"]]
        return [each["objective"] for each in found["objectives"]], rows

    assert listed(second) == (["all", "old"], [("total", "old", False)])
    assert listed(third) == (["new"], [("total", "new", False), ("distinct", "new", False)])
    assert json.loads(scores_json(world.connection, second, None))["key_results"] == json.loads(told)["key_results"]


def test_each_score_names_a_configuration_that_is_kept(nights):
    world, _ = nights
    used = world.connection.execute(
        "SELECT configuration FROM scores.key_results UNION SELECT configuration FROM history.key_results"
        " EXCEPT SELECT hash FROM ledger.configurations"
    ).fetchall()
    assert used == []
    kept = world.connection.execute(
        "SELECT hash, document FROM ledger.configurations WHERE key_result IS NOT NULL"
    ).fetchall()
    assert all(fingerprint(json.loads(document)) == name for name, document in kept), (
        "a hash is not that of what is shown"
    )
    kept = world.connection.execute("SELECT COUNT(*), COUNT(DISTINCT hash) FROM ledger.configurations").fetchall()[0]
    assert kept == (14, 14)  # ten key results, two of them changed, and two whole configurations
