"""`okr checkin`: what no source knows, said by a person, dated, kept, scored like the rest and marked wherever it is shown."""

from __future__ import annotations

import csv
import json
import re
import shutil
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from okr_pipeline.assets import Project, source_key
from okr_pipeline.assets.nightly import assemble
from okr_pipeline.assets.scores import scores_asset
from okr_pipeline.config import load
from okr_pipeline.published import opened
from okr_pipeline.scorecard.digest import digest
from okr_pipeline.warehouse import Warehouse

SECOND_NIGHT, MORNING = date(2026, 11, 15), "2026-11-16T10:00:00+07:00"
METRICS = """
team_morale: {title: Team morale, unit: percent, from: checkins, value: latest(value)}
press_mentions: {title: Press mentions, unit: {en: mentions}, from: checkins, value: sum(value)}
mentions_per_seminar:
  title: Mentions a seminar
  unit: {en: mentions}
  parts:
    mentions: {from: checkins, formula: latest(value)}
    seminars: {from: joint_seminars, date: held_on, formula: count(distinct seminar_id)}
  value: mentions / seminars
"""
OBJECTIVE = """
id: known-by-people
title: What only people know
period: FY2570-Q1
owner: Team Lead
key_results:
  - {id: morale, metric: team_morale, baseline: 60%, target: 80%}
  - {id: press, metric: press_mentions, baseline: 0, target: 10}
  - {id: press-monthly, metric: press_mentions, at_least: 2, every: month}
  - {id: mixed, metric: mentions_per_seminar, at_least: 4}
"""
MANUAL = ("morale", "press", "press-monthly", "mixed")


@pytest.fixture(scope="module")
def told(demo, night, tmp_path_factory) -> tuple[Path, Path]:
    """(home, configuration): scored with key results of which nobody has said anything yet. Copy the home."""
    root = tmp_path_factory.mktemp("told")
    config = Path(shutil.copytree(Path(__file__).parents[1] / "okr_config", root / "okr_config"))
    for other in (each for each in (config / "objectives").iterdir() if each.stem != "4-pipeline"):
        other.unlink()
    (config / "metrics" / "people.yaml").write_text(METRICS, encoding="utf-8")
    (config / "objectives" / "6-people.yaml").write_text(OBJECTIVE, encoding="utf-8")
    home = demo.copy(root / "home")
    night(home, SECOND_NIGHT, sources=(), config=config)
    return home, config


class Office:
    """Somebody at a terminal."""

    def __init__(self, okr, home: Path, config: Path) -> None:
        self._okr, self.home, self.config = okr, home, config

    def __call__(self, *typed: object, now: str = MORNING):
        return self._okr(*typed, "--home", self.home, "--config", self.config, OKR_NOW=now)

    def say(self, key_result: str, value: object, day: object, by: str = "Nok", note: str = "survey", **more: Any):
        done = self("checkin", key_result, "--value", value, "--note", note, "--by", by, "--day", day, **more)
        assert done.code == 0, done.err
        return done.out

    def row(self, key_result: str, *more: object) -> dict[str, Any]:
        rows = self("score", "--format", "json", *more).json["key_results"]
        return next(row for row in rows if row["key_result"] == key_result)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(self.home / "published" / "okr.duckdb", read_only=True)) as snapshot:
            return snapshot.execute(query).fetchall()


@pytest.fixture
def office(okr, told, tmp_path) -> Office:
    return Office(okr, Path(shutil.copytree(told[0], tmp_path / "home")), told[1])


def test_until_somebody_says_something_there_is_no_score_and_never_0(office):
    rows = {row["key_result"]: row for row in office("score", "--format", "json").json["key_results"]}
    for name in MANUAL:
        assert (rows[name]["value"], rows[name]["score"], rows[name]["reason"]) == (None, None, "no_data_yet")
    assert {name for name, row in rows.items() if row["manual"]} == set(MANUAL)


def test_a_check_in_is_scored_at_once_and_marked_wherever_it_is_shown(office):
    before = office.ask("FROM scores.key_results WHERE NOT manual ORDER BY ALL")
    said = office.say("morale", "70%", "2026-11-10", note="pulse survey, 41 answers")
    assert "Score as of 2026-11-15: 50.0%, on_track" in said
    row = office.row("morale")
    assert (row["value"], row["score"], row["manual"], row["final"]) == (0.7, 0.5, True, True)
    assert row["last_data_day"] == "2026-11-10"
    assert office.ask("FROM scores.key_results WHERE NOT manual ORDER BY ALL") == before
    (line,) = [line for line in office("score").out.splitlines() if line.strip().startswith("morale")]
    assert "manual" in line
    text = office("explain", "morale").out
    for words in ("Manual: people said", "pulse survey, 41 answers", "reported_by=Nok", "checkins"):
        assert words in text
    assert office("explain", "morale", "--format", "json").json["manual"] is True
    header, *lines = csv.reader(office("score", "--format", "csv").out.splitlines())
    marked = {line[0]: line[header.index("manual")] for line in lines}
    assert (marked["morale"], marked["signups"]) == ("true", "false")


def test_the_page_and_the_mail_say_that_it_is_manual(office):
    office.say("morale", "62%", "2026-11-10")
    page = (office.home / "published" / "scorecard.html").read_text(encoding="utf-8")
    cards = dict(re.findall(r'data-key-result="([\w-]+)"(.*?)</li>', page, re.DOTALL))
    assert "Data to 10 Nov · final · manual" in cards["morale"]
    assert "บันทึกด้วยตนเอง" in cards["morale"]
    assert "manual" not in cards["signups"]
    config = load(office.config, {}, unset_is_wrong=False)
    with opened(office.home) as snapshot:
        mail = digest(snapshot, config, SECOND_NIGHT)
    for text in (mail.text, mail.html):
        assert "Team morale, manual" in text
        assert "Press mentions, manual: " in text  # no score yet
        assert text.count("manual") == len(MANUAL)


def test_dagster_marks_it_in_the_metadata_of_its_score(office):
    office.say("morale", "70%", "2026-11-10")
    project = Project(load(office.config, {}, unset_is_wrong=False), Warehouse(office.home))
    done = dg.materialize([scores_asset(project)], partition_key=str(SECOND_NIGHT))
    marked = {
        event.asset_key.path[1]: event.metadata["manual"].value
        for event in done.asset_materializations_for_node("scores")
        if event.asset_key.path[0] == "key_result"
    }
    assert {name for name, manual in marked.items() if manual} == set(MANUAL)
    assert not marked["signups"]


def test_it_stands_from_its_day_on(office):
    office.say("morale", "70%", "2026-11-10")
    assert office.row("morale", "--as-of", "2026-11-09")["value"] is None
    assert office.row("morale", "--as-of", "2026-11-10")["value"] == 0.7


def test_numbers_add_up_count_by_interval_and_combine_with_what_is_measured(office):
    for value, day in ((3, "2026-10-20"), (2, "2026-11-02")):
        office.say("press", value, day)
    office.say("mixed", 6, "2026-11-12")
    assert office.row("press")["value"] == 5
    assert office.row("press-monthly")["value"] == 2  # both months
    assert (office.row("mixed")["value"], office.row("mixed")["parts"]) == (3, {"mentions": 6, "seminars": 2})


def test_a_night_leaves_it_alone(office, night):
    office.say("morale", "70%", "2026-11-10")
    kept, row = office.ask("FROM raw.checkins"), office.row("morale")
    night(office.home, date(2026, 11, 16), sources=("files",), config=office.config)
    assert office.ask("FROM raw.checkins") == kept
    assert office.ask("FROM history.checkins") == []
    assert office.row("morale")["value"] == row["value"]


def test_a_correction_supersedes_and_what_was_said_before_is_kept(office):
    office.say("morale", "70%", "2026-11-10", by="Nok")
    known = office("score", "--format", "json").json["known_at"]
    then = office("score", "--as-of", SECOND_NIGHT, "--format", "json").out
    corrected = office.say("morale", "66%", "2026-11-10", by="Lek", note="three answers were counted twice")
    assert "It stands instead of 70.0%, said by Nok: a metric has one number a day" in corrected
    assert office.row("morale")["value"] == 0.66
    assert office.ask("SELECT value, reported_by FROM history.checkins") == [(Decimal("0.7"), "Nok")]
    assert office("score", "--as-of", SECOND_NIGHT, "--format", "json", "--known-at", known).out == then
    difference = office("diff", "--from-known", known).out
    assert "morale: score -0.2000" in difference
    assert "of checkins" in difference
    assert "1 changed, said by Lek" in difference
    past = office("explain", "morale", "--known-at", known, "--format", "json").json
    assert past["rows"][0]["first"][0]["note"] == "survey"


def test_a_difference_names_what_was_said_of_the_metric_and_of_no_other(office):
    known = office("score", "--format", "json").json["known_at"]
    office.say("morale", "70%", "2026-11-10")
    office.say("press", 3, "2026-11-10")
    found = office("diff", "--from-known", known, "--format", "json").json["key_results"]
    causes = {each["key_result"]: [load["notes"]["key_result"] for load in each["because"]["loads"]] for each in found}
    assert causes == {"morale": ["morale"], "press": ["press"], "press-monthly": ["press"]}


def test_one_of_today_counts_from_tonight(office):
    assert "It counts from the run for 2026-11-16 on" in office.say("morale", "70%", "2026-11-16")
    assert office.row("morale")["value"] is None


REFUSED = [
    (("moral", "--value", "70%"), "did you mean `morale`?"),
    (("signups", "--value", "450"), "is measured from ga4_events, and nobody types a number over a measurement"),
    (("morale", "--value", "lots"), "'lots' is not a number"),
    (("morale", "--value", "nan"), "is not a number"),
    (("morale", "--value", "70"), "write `70%`"),
    (("press", "--value", "7%"), "write `7` without %"),
    (("morale", "--value", "33.33333333%"), "33.33333333% has more digits than are kept; write at most 7 decimals"),
    (("press", "--value", "0.1234567891"), "write at most 9 decimals"),
    (("press", "--value", "1e28"), "with at most 18 digits"),
    (("press", "--value", "1e400"), "with at most 18 digits"),
    (("press", "--value", "123456789012345678.0123456789"), "write at most 9 decimals"),
    (("press", "--value", "7", "--day", "2026-11-17"), "is still to come in Asia/Bangkok; today is 2026-11-16"),
    (("press", "--value", "7", "--day", "2026-01-01"), "counts for nothing"),
    (("press", "--value", "7", "--day", "yesterday"), "%Y-%m-%d"),
    (("press", "--value", "7", "--by", " "), "--by is empty"),
    (("press", "--value", "7", "--note", ""), "--note is empty"),
]


@pytest.mark.parametrize(("typed", "remedy"), REFUSED, ids=[" ".join(typed) for typed, _ in REFUSED])
def test_what_cannot_be_said_is_refused_with_a_remedy(okr, told, typed, remedy):
    office = Office(okr, *told)
    rest = [word for option, text in (("--note", "n"), ("--by", "b")) if option not in typed for word in (option, text)]
    done = office("checkin", *typed, *rest)
    assert (done.code, done.out) == (1, "")
    assert remedy in done.err
    assert "Traceback" not in done.err
    assert office.ask("FROM raw.checkins") == []


def test_a_day_that_only_what_is_measured_by_another_metric_looks_at_counts_for_nothing(okr, told, tmp_path):
    config = Path(shutil.copytree(told[1], tmp_path / "okr_config"))
    with (config / "objectives" / "6-people.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {id: a-year-ago, metric: quote_requests, baseline: same period last year, target: 900}\n")
    said = ("--value", "7", "--note", "n", "--by", "b")
    done = Office(okr, told[0], config)("checkin", "press", *said, "--day", "2025-11-10")
    assert done.code == 1
    assert "2025-11-10 counts for nothing; `press` looks at 2026-10-01 to 2026-12-31" in done.err


def test_a_hostile_note_is_text(office):
    office.say("press", 1, "2026-11-10", note="'); DROP TABLE raw.checkins; --<script>", by="Robert'; --")
    assert office.ask("SELECT note, reported_by FROM raw.checkins") == [
        ("'); DROP TABLE raw.checkins; --<script>", "Robert'; --")
    ]


WRONG = [
    ("metrics/seo.yaml", "count(distinct audit_id)", "sum(amount)", "`checkins` has no column `amount`"),
    ("metrics/seo.yaml", "files_seo_audits", "checkin", "did you mean `checkins`?"),
]


@pytest.mark.parametrize(("file", "right", "wrong", "remedy"), WRONG)
def test_a_mistake_in_a_metric_of_check_ins_is_told(okr, config, file, right, wrong, remedy):
    text = (config / file).read_text(encoding="utf-8")
    if "no column" in remedy:
        text = text.replace("files_seo_audits", "checkins")
    (config / file).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    checked = okr("check", "--sandbox", "--config", config)
    assert checked.code == 1
    assert remedy in checked.err


def test_dagster_shows_where_it_comes_from(told, monkeypatch):
    config = load(told[1], {}, unset_is_wrong=False)
    graph = assemble(Project(config, Warehouse(told[0]))).resolve_asset_graph()
    metric = graph.get(next(key for key in graph.get_all_asset_keys() if key.path == ["metric", "team_morale"]))
    assert metric.parent_keys == {source_key(config, "checkins")}
    assert json.dumps([key.path for key in graph.external_asset_keys]) == '[["checkins"]]'
