"""The page says what the score rows say, in both languages, whatever the configuration holds, and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from snapshot import FIRST, INTERVALS, NO_SCORE, SHIPPED, TODAY, agreed_anew, attempt, publish, rows_of

from okr_pipeline.config import Config, load
from okr_pipeline.scorecard import made, write
from okr_pipeline.scorecard.preview import preview
from okr_pipeline.scorecard.words import Words
from okr_pipeline.warehouse import Warehouse
from okr_pipeline.warehouse import publish as publish_warehouse

REASONS = {
    "tools-in-use": ("stale", "its newest data are too old"),
    "features-in-plan": ("no_data_yet", "there are no data yet"),
    "joint-seminars": ("not_fetched", "not all of its days have been fetched"),
    "training-completed": ("source_rejected", "the source refused the request"),
    "programme-roi": ("division_by_zero", "there is nothing yet to take a share of"),
    "seo-practice": ("data_rejected", "the source sent data that failed the checks"),
    "signups": ("no_complete_interval", "the first month is not over yet"),
    "email-open-rate": ("not_begun", "counting begins on 26 Oct"),
    "keywords-in-content": ("a_new_code", "something went wrong (a new code)"),
}


class Read(HTMLParser):
    """What the page holds: its tags, and for each language and key result ("" is the whole page) the text and the numbers."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: dict[tuple[str, str], str] = {}
        self.numbers: dict[str, list[float]] = {}
        self._open: list[tuple[str, str, str]] = []  # tag, its language if it has one, its key result
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if tag in ("meta", "input"):
            return
        _, language, key_result = self._open[-1] if self._open else ("", "", "")
        language = next((name for name in (found.get("class") or "").split() if name in ("en", "th")), language)
        key_result = found.get("data-key-result") or key_result
        if found.get("data-key-result"):
            names = ("data-value", "data-score", "data-expected", "data-alongside")
            self.numbers[key_result] = [float(found[name] or "") for name in names if name in found]
        self._open.append((tag, language, key_result))

    def handle_endtag(self, tag: str) -> None:
        while self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, language, key_result = self._open[-1] if self._open else ("", "", "")
        if tag not in ("script", "style"):
            for said in (language,) if language else ("en", "th"):
                for place in {(said, key_result), (said, "")}:
                    self.text[place] = self.text.get(place, "") + data


@pytest.fixture(scope="module")
def config() -> Config:
    return load(SHIPPED, {}, unset_is_wrong=False)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Path:
    """The page of a night on which everything went well."""
    changes = {"email-open-rate": {"value": 0.3407900207, "score": 0.40790}, "signups": {"alongside": 220.0}}
    changes["quote-requests"] = {"value": 1234.5, "score": 0.9999}
    return write(publish(tmp_path_factory.mktemp("plain"), config, changes), config, TODAY)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Path:
    """The page of a night on which much is missing: a source is down, numbers are held, others never came."""
    missed = [INTERVALS[0] | {"kept": False, "value": None}]
    changes = {name: NO_SCORE | {"reason": reason} for name, (reason, _) in REASONS.items()}
    changes["conversion-rate"] = {
        "reason": "source_unavailable",
        "held_from": TODAY - timedelta(days=2),
        "final": False,
    }
    changes["webinars"] = NO_SCORE | {"reason": "source_unavailable", "intervals": json.dumps(missed)}
    snapshot = publish(tmp_path_factory.mktemp("troubled"), config, changes)
    with duckdb.connect(snapshot) as connection:
        attempt(connection, 2, "crm_leads", "source_unavailable", "crm: the database is down. Try again later.")
        connection.execute(
            f"UPDATE scores.outcomes SET value = NULL WHERE {rows_of('mql-rate')}"
            " AND as_of BETWEEN DATE '2026-10-10' AND DATE '2026-10-20'"
        )
    return write(snapshot, config, TODAY)


def read(page: Path) -> Read:
    return Read(page.read_text(encoding="utf-8"))


def test_every_number_of_every_key_result_is_the_one_of_its_score_row(plain: Path, config: Config) -> None:
    found = read(plain)
    with duckdb.connect(plain.with_name("okr.duckdb"), read_only=True) as connection:
        query = "SELECT key_result, value, score, expected, alongside FROM scores.key_results WHERE as_of = ?"
        rows = {name: numbers for name, *numbers in connection.execute(query, [TODAY]).fetchall()}
    assert set(rows) == set(config.key_results)
    for name, numbers in rows.items():
        assert found.numbers[name] == [number for number in numbers if number is not None], name


def test_numbers_read_as_people_write_them(plain: Path) -> None:
    text = read(plain).text
    assert "34.1%" in text["en", "email-open-rate"]
    assert "41% of the way · 49% expected by now" in text["en", "email-open-rate"]
    assert "1,234.5" in text["th", "quote-requests"]
    assert "99% of the way" in text["en", "quote-requests"], "what is not reached is not rounded up to it"
    assert "220 leads in the month to date" in text["en", "signups"]
    assert "220 ราย ในเดือนนี้ถึงปัจจุบัน" in text["th", "signups"]


@pytest.mark.parametrize("unit", ["percent", ""])
@pytest.mark.parametrize("absurd", [-1e30, 1.7e308])
def test_an_absurd_number_is_shown_and_takes_no_page_with_it(absurd: float, unit: str) -> None:
    shown = Words("en", TODAY).number(absurd, unit)
    assert float(shown.replace(",", "").replace("%", "e-2")) == pytest.approx(absurd)


@pytest.mark.parametrize(("baseline", "target", "goal"), [
    ("12.75%", "13.25%", "from 12.75% to 13.25%"),
    ("0.04%", "0.05%", "from 0.04% to 0.05%"),
    ("0%", "100%", "from 0% to 100%"),
])  # fmt: skip
def test_what_was_agreed_reads_as_it_was_written(tmp_path: Path, baseline: str, target: str, goal: str) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "okr_config"))
    launch = folder / "objectives" / "5-launch.yaml"
    text = launch.read_text(encoding="utf-8")
    written = text.replace("15%", baseline).replace("20%", target)
    launch.write_text(written, encoding="utf-8")
    config = load(folder, {}, unset_is_wrong=False)
    found = read(write(publish(tmp_path, config), config, TODAY))
    assert goal in found.text["en", "conversion-rate"]
    assert f"target {target}" in found.text["en", "conversion-rate"], "in the chart, too"


def test_one_of_a_kind_is_told_in_the_singular(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "okr_config"))
    for name, before, after in (
        ("1-teamwork", "baseline: 0\n    target: 5", "milestones: [{step: S-01}]"),
        ("4-pipeline", "alongside: month to date", "alongside: trailing 1 day"),
    ):
        path = folder / "objectives" / f"{name}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    config = load(folder, {}, unset_is_wrong=False)
    text = read(write(publish(tmp_path, config, {"signups": {"alongside": 7.0}}), config, TODAY)).text
    assert "its one step" in text["en", "joint-seminars"]
    assert "7 leads in the last day" in text["en", "signups"]
    assert "7 ราย ในวันล่าสุด" in text["th", "signups"]


def test_a_small_number_is_not_told_as_nothing(tmp_path: Path, config: Config) -> None:
    changes = {"joint-seminars": {"value": 0.0041}, "conversion-rate": {"value": 0.000412}}
    text = read(write(publish(tmp_path, config, changes), config, TODAY)).text
    assert "0.0041 seminars" in text["en", "joint-seminars"]
    assert "0.041%" in text["th", "conversion-rate"]


def test_both_languages_are_there_with_their_own_dates(plain: Path, config: Config) -> None:
    text = read(plain).text
    for words in ("FY2570-Q1", "1 Oct – 31 Dec 2026", "As of 15 Nov 2026", "05:00, 16 Nov", "Siam Example"):
        assert words in text["en", ""]
    for words in ("ไตรมาส 1 ปีงบประมาณ 2570", "1 ต.ค. – 31 ธ.ค. 2569", "15 พ.ย. 2569", "05:00 น.", "สยามตัวอย่าง"):
        assert words in text["th", ""]
    for result in config.key_results.values():
        assert result.title.en in text["en", result.id]
        assert result.title.th in text["th", result.id]
        assert result.owner in text["th", result.id]


def test_a_held_number_says_of_which_day_it_is_and_why(troubled: Path) -> None:
    text = read(troubled).text
    assert "Held at the number of 13 Nov: the source did not answer." in text["en", "conversion-rate"]
    assert "may still change" in text["en", "conversion-rate"]
    assert "คงค่าของวันที่ 13 พ.ย. ไว้ เพราะแหล่งข้อมูลไม่ตอบ" in text["th", "conversion-rate"]
    assert "1 held at an earlier day’s number" in text["en", ""]


@pytest.mark.parametrize("key_result", REASONS)
def test_a_missing_score_has_its_reason_and_no_number(troubled: Path, key_result: str) -> None:
    found = read(troubled)
    assert f"No score: {REASONS[key_result][1]}." in found.text["en", key_result]
    assert found.text["th", key_result].count("ไม่มีคะแนน: ") == 1
    assert len(found.numbers[key_result]) == 1, "what was expected is known; a missing number is not zero"


def test_the_summary_counts_the_statuses(troubled: Path) -> None:
    text = " ".join(read(troubled).text["en", ""].split())
    assert "5 of 15 key results are on track." in text
    assert re.findall(r"(\d+) (On track|At risk|Off track|No score)", text)[:4] == [
        ("5", "On track"),
        ("0", "At risk"),
        ("0", "Off track"),
        ("10", "No score"),
    ]


def test_days_without_a_value_are_a_gap_in_the_chart(troubled: Path) -> None:
    html = troubled.read_text(encoding="utf-8")

    def pieces(name: str) -> int:
        figure = re.search(rf'id="{name}".*?<div class="chart">.*?</div>', html, re.DOTALL)
        assert figure
        (line,) = re.findall(r'<g class="value">(.*?)</g>', figure[0])
        return line.count("<path")

    assert (pieces("mql-rate"), pieces("quote-requests")) == (2, 1)


@pytest.mark.parametrize(("day", "title", "goal"), [
    (TODAY, "More sign-ups", "from 400 to 600"),
    (TODAY + timedelta(days=1), "Sign-ups and enquiries", "from 400 to 500"),
])  # fmt: skip
def test_what_is_agreed_for_a_later_day_is_not_told_before_it(
    tmp_path: Path, config: Config, day: date, title: str, goal: str
) -> None:
    page = write(publish(tmp_path, config), agreed_anew(tmp_path, day), TODAY)
    text = read(page).text["en", "signups"]
    assert (title in text, goal in text) == (True, True), text


def test_a_cadence_shows_each_interval(plain: Path) -> None:
    text = " ".join(read(plain).text["en", "webinars"].split())
    for words in (
        "1 of 3 months",
        "at least 1 every month",
        "Oct kept (2 attendances)",
        "Nov still open",
        "Dec still to come",
    ):
        assert words in text


def test_a_cadence_of_many_intervals_is_a_calendar_that_names_its_months(tmp_path: Path, config: Config) -> None:
    mondays = [FIRST - timedelta(days=3) + timedelta(weeks=n) for n in range(7)]
    weeks = [{"first": f"{day}", "last": f"{day}", "value": 1, "kept": True, "complete": True} for day in mondays]
    changes = {"weekly-targets": {"intervals": json.dumps(weeks), "value": 7.0, "target": 53.0}}
    page = write(publish(tmp_path, config, changes), config, TODAY)
    card = re.search(r'id="weekly-targets".*?</ol>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert card
    months = re.findall(r'class="turns" aria-hidden="true">\s*<span class="en" lang="en">(\w+)</span>', card[0])
    assert months == ["Sep", "Oct", "Nov", "Dec", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep"]
    assert card[0].count("<li ") == 53


def test_the_legend_explains_rare_marks_only_where_there_are_any(tmp_path: Path, config: Config, plain: Path) -> None:
    first_known = "as it was first known, before the source restated it"
    assert first_known not in read(plain).text["en", ""]
    snapshot = publish(tmp_path, config)
    with duckdb.connect(snapshot) as connection:
        connection.execute(
            "INSERT INTO history.outcomes SELECT * REPLACE (value * 0.8 AS value, 0 AS _load), 1 AS _superseded"
            f" FROM scores.outcomes WHERE {rows_of('signups')} AND as_of = DATE '2026-11-01'"
        )
    page = write(snapshot, config, TODAY)
    assert first_known in read(page).text["en", ""]
    assert page.read_text(encoding="utf-8").count('<g class="restated"><path') == 1


def test_an_objective_says_what_is_expected_of_it_by_now(plain: Path) -> None:
    html = plain.read_text(encoding="utf-8")
    for said in ("50% expected by now", "ควรได้ 50% ณ วันนี้"):
        assert html.count(f'data-say="expected">{said}<') == 5


MANY = """
id: team-{n}
title: {{en: Goal {n}, th: เป้าหมาย {n}}}
period: FY2570-Q1
owner: Lead {n}
team: Team {n}
key_results:
  - {{id: seminars-{n}, metric: joint_seminars, baseline: 0, target: 5}}
"""


def test_what_needs_attention_stands_above_a_long_list_of_objectives_which_tells_their_teams(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "okr_config"))
    few = write(
        publish(tmp_path, load(folder, {}, unset_is_wrong=False)), load(folder, {}, unset_is_wrong=False), TODAY
    )
    order = r'aria-labelledby="(glance|attention|changed)"'
    assert re.findall(order, few.read_text(encoding="utf-8")) == ["glance", "attention", "changed"]
    for n in range(4):
        (folder / "objectives" / f"9-{n}.yaml").write_text(MANY.format(n=n), encoding="utf-8")
    config = load(folder, {}, unset_is_wrong=False)
    (tmp_path / "many").mkdir()
    html = write(publish(tmp_path / "many", config), config, TODAY).read_text(encoding="utf-8")
    assert re.findall(order, html) == ["attention", "changed", "glance"]
    assert html.count("<bdi>Team 2</bdi> · <bdi>Lead 2</bdi>") == 1
    assert '<bdi class="facts">Team 2</bdi>' in html
    assert "<option>Team 2</option>" in html


def test_several_periods_stand_apart_in_the_title(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "okr_config"))
    (folder / "objectives" / "9.yaml").write_text(MANY.format(n=9).replace("Q1", "Q2"), encoding="utf-8")
    config = load(folder, {}, unset_is_wrong=False)
    text = read(write(publish(tmp_path, config), config, TODAY)).text
    assert "FY2570-Q1 1 Oct – 31 Dec 2026 · FY2570-Q2 1 Jan – 31 Mar 2027" in " ".join(text["en", ""].split())


def test_an_interval_that_nobody_could_look_at_was_not_missed(troubled: Path) -> None:
    text = read(troubled).text["en", "webinars"]
    assert "not known" in text
    assert "missed" not in text


def test_sources_that_failed_are_named_with_what_rests_on_them(plain: Path, troubled: Path, config: Config) -> None:
    text = read(troubled).text
    for language, why in (("en", "crm: the source did not answer."), ("th", "crm: แหล่งข้อมูลไม่ตอบ")):
        assert why in text[language, ""]
        assert "crm: the database is down." in text[language, ""]
    section = re.search(r'aria-labelledby="sources".*?</section>', troubled.read_text(encoding="utf-8"), re.DOTALL)
    assert section
    assert re.findall(r'<a href="#([\w-]+)"', section[0]) == ["mql-rate"] * 2
    assert "Sources that failed" not in read(plain).text["en", ""]


def test_a_day_before_any_score_has_a_page_too(tmp_path: Path, config: Config) -> None:
    text = read(write(publish(tmp_path, config), config, FIRST - timedelta(days=1))).text
    assert "No score: it has not been scored yet." in text["en", "mql-rate"]
    assert "15 No score" in " ".join(text["en", ""].split())
    assert "of –" not in " ".join(text["en", "webinars"].split()), "how many months it has is not known yet"


def test_markup_in_the_configuration_and_in_messages_is_shown_as_text(tmp_path: Path) -> None:
    hostile = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7*7 }}"
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "okr_config"))
    for path, before in (
        ("okr.yaml", "en: Siam Example"),
        ("objectives/1-teamwork.yaml", "owner: Head of Marketing"),
        ("objectives/1-teamwork.yaml", "en: Our teams work as one"),
        ("objectives/1-teamwork.yaml", "en: Teams hold seminars together"),
        ("metrics/teamwork.yaml", "en: seminars"),
    ):
        text = (folder / path).read_text(encoding="utf-8")
        assert before in text
        changed = text.replace(before, f"{before.split(':')[0]}: {json.dumps(hostile)}")
        (folder / path).write_text(changed, encoding="utf-8")
    config = load(folder, {}, unset_is_wrong=False)
    snapshot = publish(tmp_path, config)
    with duckdb.connect(snapshot) as connection:
        attempt(connection, 2, "crm_leads", "source_rejected", hostile)
    found = read(write(snapshot, config, TODAY))
    assert found.tags.count("script") == 4
    assert "img" not in found.tags
    assert found.text["en", "joint-seminars"].count(hostile) == 3, "title, unit, owner"
    for place in ("Objectives and key results", "every key result scored", "Sources that failed last night"):
        assert place in found.text["en", ""]
    assert found.text["en", ""].count(hostile) >= 10


def test_the_page_is_one_file_that_loads_nothing_and_runs_its_own_script_only(plain: Path) -> None:
    html = plain.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        inline = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
        assert len(inline) == 1
        assert f"{directive} 'sha256-{digest}'" in policy[1].replace("&#39;", "'")
    assert "default-src 'none'" in policy[1].replace("&#39;", "'")
    assert "unsafe" not in policy[1]
    for reference in ("http:", "https:", " src=", "@import", "url(h", "<link", "<iframe"):
        assert reference not in html
    assert not re.search(r"<[a-z][^>]*\s(?:on\w+|style)=", html.split("<script")[0])


def test_the_page_replaces_the_one_before_and_leaves_the_snapshot_alone(plain: Path, config: Config) -> None:
    snapshot = plain.with_name("okr.duckdb")
    before, page = snapshot.read_bytes(), plain.read_bytes()
    plain.write_text("yesterday's", encoding="utf-8")
    assert write(snapshot, config, TODAY) == plain
    assert {path.name for path in plain.parent.iterdir()} == {
        *("okr.duckdb", "scorecard.html", "scores.csv", "scores.json", "scores.parquet")
    }
    assert (snapshot.read_bytes(), plain.read_bytes()) == (before, page)


def test_dagster_shows_the_page_in_a_few_lines(plain: Path, config: Config) -> None:
    text = preview(plain.with_name("okr.duckdb"), config, TODAY)
    assert text.startswith("As of 15 Nov 2026: 15 of 15 key results are on track.")
    assert "| Our teams work as one | 50% | 50% | On track |" in text
    assert text.count("\n| ") == 1 + len(config.objectives)


def test_the_page_and_the_snapshot_change_together_or_not_at_all(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the page cannot be made, people go on reading last night's page beside last night's snapshot."""
    warehouse = Warehouse(tmp_path)
    shutil.copy(publish(tmp_path, config), warehouse.path)
    published = publish_warehouse(warehouse, lambda unfinished: made(unfinished, config, TODAY))
    assert "15 of 15 key results are on track" in published.with_name("scorecard.html").read_text(encoding="utf-8")
    before = {path.name: path.read_bytes() for path in published.parent.iterdir()}
    assert set(before) == {"okr.duckdb", "scorecard.html", "scores.csv", "scores.json", "scores.parquet"}
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("DELETE FROM scores.outcomes WHERE as_of = ?", [TODAY])
    monkeypatch.setattr("okr_pipeline.scorecard.page.render", lambda page: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish_warehouse(warehouse, lambda unfinished: made(unfinished, config, TODAY))
    assert {name: (published.parent / name).read_bytes() for name in before} == before
