"""The page of the demo in a browser: any day of it, both languages, keyboard, screen readers, a phone, and paper."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest

from okr_pipeline.config import Config, load
from okr_pipeline.report import score_rows
from okr_pipeline.scorecard import write
from okr_pipeline.scorecard.words import Words
from okr_pipeline.scoring import scores_as_of

SHIPPED = Path(__file__).parents[2] / "okr_config"
LAST = date(2026, 11, 15)
DAYS = [LAST - timedelta(days=n) for n in (0, 1, 2, 3, 5, 7, 8, 10, 13, 14, 15, 17, 20, 21, 24, 28, 33, 38, 44, 45)]
NUMBERS = ("value", "score", "expected", "alongside")
GO = """
const slider = document.querySelector("#day");
slider.value = arguments[0];
slider.dispatchEvent(new Event("input"));
window.dispatchEvent(new Event("beforeprint")); // has all of the page shown, not only what is in view
const said = (card, lang) => Object.fromEntries([...card.querySelectorAll(`.${lang}[data-say], .${lang} [data-say]`)]
  .map((slot) => [slot.dataset.say, slot.textContent]));
return Object.fromEntries([...document.querySelectorAll("[data-key-result]")].map((card) =>
  [card.dataset.keyResult, {numbers: {...card.dataset}, status: card.className, en: said(card, "en"), th: said(card, "th")}]));
"""


@pytest.fixture(scope="module")
def page(demo: Any, shipped: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    snapshot = tmp_path_factory.mktemp("page") / "okr.duckdb"
    shutil.copy(demo.home / "published" / "okr.duckdb", snapshot)
    return write(snapshot, shipped, LAST)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    switches = "headless=new no-sandbox disable-gpu disable-background-networking disable-component-update disable-sync"
    profile = tmp_path_factory.mktemp("profile")
    for argument in (*switches.split(), "no-first-run", "disable-quic", f"user-data-dir={profile}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    opened.set_script_timeout(120)  # axe has much to look at, and a busy machine takes its time
    yield opened
    opened.quit()


@pytest.fixture
def shown(browser: Any, page: Path) -> Any:
    """The page, freshly opened on a wide screen, in English."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.set_window_size(1280, 1000)
    browser.get(page.as_uri())
    choose(browser, "choose-en")
    yield browser
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def choose(browser: Any, radio: str) -> None:
    browser.execute_script("document.getElementById(arguments[0]).click()", radio)


def test_any_day_shows_the_numbers_and_the_words_of_that_day(shown: Any, page: Path, shipped: Config) -> None:
    """For every key result and twenty days: the numbers of `okr score --format json`, the words that Python says."""
    with duckdb.connect(page.with_name("okr.duckdb"), read_only=True) as connection:
        statuses = connection.execute(
            "SELECT key_result, as_of, status FROM scores.key_results ORDER BY ALL"
        ).fetchall()
        turned: dict[tuple[str, date], date] = {}
        for (name, day, status), (before, _, was) in zip(statuses, [("", LAST, ""), *statuses], strict=False):
            turned[name, day] = turned[name, day - timedelta(days=1)] if (name, status) == (before, was) else day
        first = connection.execute("SELECT MIN(as_of) FROM scores.key_results").fetchall()[0][0]
        for day in DAYS:
            found = shown.execute_script(GO, (day - first).days)
            answer = {row["key_result"]: row for row in score_rows(connection, day, None)["key_results"]}
            rows = {row["key_result"]: row for row in scores_as_of(connection, shipped, day).to_pylist()}
            assert set(found) == set(answer) == set(shipped.key_results)
            for name, result in shipped.key_results.items():
                told, row = found[name], rows[name]
                numbers = {key: float(told["numbers"][key]) for key in NUMBERS if key in told["numbers"]}
                assert numbers == {key: answer[name][key] for key in NUMBERS if answer[name][key] is not None}, (
                    name,
                    day,
                )
                assert f"is-{answer[name]['status']}" in told["status"].split()
                for language in ("en", "th"):
                    w = Words(language, day)
                    expected = {
                        "status": w(row["status"]), "why": w.why(result, row), "value": w.value(result, row),
                        "of": w.of(result, row), "way": w.way(row), "beside": w.beside(result, row), "data": w.data(row),
                        "goal": w.goal(result, row), "turned": w.turned(turned[name, day]),
                    }  # fmt: skip
                    assert {key: told[language][key] for key in expected} == expected, (name, day)


NUMBERS_OF_ALL_SIZES = (
    0,
    0.004,
    -0.0041,
    0.024252,
    0.05,
    0.0999,
    0.5,
    1,
    12.345,
    1234.567,
    27578932588510,
    5e-17,
    0.0025,
    0.1325,
)


@pytest.mark.parametrize("language", ["en", "th"])
@pytest.mark.parametrize("unit", ["", "percent"])
def test_the_script_writes_numbers_of_all_sizes_as_python_does(shown: Any, language: str, unit: str) -> None:
    told = shown.execute_script(
        """const [language, unit, numbers] = arguments, w = new Words(language, LAST, dateOf);
        return numbers.map((number) => [w.number(number, unit), w.agreed(number, unit)]);""",
        *(language, unit, NUMBERS_OF_ALL_SIZES),
    )
    w = Words(language, LAST)
    assert told == [[w.number(number, unit), w.agreed(number, unit)] for number in NUMBERS_OF_ALL_SIZES]


OBJECTIVES = """return Object.fromEntries([...document.querySelectorAll("[data-objective]")].map((section) => {
  const glance = document.querySelector(`[data-glance="${section.dataset.objective}"]`);
  const said = (lang) => Object.fromEntries([...section.querySelectorAll(`header .${lang}[data-say]`)]
    .map((slot) => [slot.dataset.say, slot.textContent]));
  return [section.dataset.objective, {en: said("en"), th: said("th"), status: [section.className, glance.className],
    score: [section.querySelector("header .number").textContent, glance.querySelector(".number").textContent]}];}));"""


def test_any_day_shows_the_objectives_of_that_day(shown: Any, page: Path) -> None:
    """At a glance and at the head of each: the score, the coverage, what was expected and the status of `okr score`."""
    with duckdb.connect(page.with_name("okr.duckdb"), read_only=True) as connection:
        for day in DAYS:
            shown.execute_script(GO, 45 - (LAST - day).days)
            found = shown.execute_script(OBJECTIVES)
            answer = {row["objective"]: row for row in score_rows(connection, day, None)["objectives"]}
            assert set(found) == set(answer)
            for name, row in answer.items():
                told = found[name]
                assert told["score"] == [Words("en", day).share(row["score"])] * 2, (name, day)
                assert all(f"is-{row['status']}" in each.split() for each in told["status"]), (name, day)
                for language in ("en", "th"):
                    w = Words(language, day)
                    expected = {"status": w(row["status"]), "coverage": w.coverage(row), "expected": w.expected(row)}
                    assert told[language] == expected, (name, day)


def test_the_slider_gives_back_the_page_as_it_was_written(shown: Any) -> None:
    text = "return document.querySelector('main').innerText"
    written = shown.execute_script(text)
    shown.execute_script(GO, 3)
    past = shown.execute_script(text)
    assert "4 Oct 2026" in past
    assert past != written
    shown.execute_script("document.querySelector('#latest').click()")
    shown.execute_script(GO, 45)
    assert shown.execute_script(text) == written


def test_what_changed_since_a_week_before_any_day_is_what_the_page_of_that_day_says(
    shown: Any, page: Path, shipped: Config, tmp_path: Path
) -> None:
    changed = "return document.querySelector('.changed').innerText"
    shown.execute_script(GO, 30)
    slid = shown.execute_script(changed)
    shutil.copy(page.with_name("okr.duckdb"), tmp_path / "okr.duckdb")
    shown.get(write(tmp_path / "okr.duckdb", shipped, LAST - timedelta(days=15)).as_uri())
    assert shown.execute_script(changed) == slid
    assert "What changed since 24 Oct" in slid


def test_one_language_at_a_time_with_its_own_dates(shown: Any) -> None:
    body = "return document.body.innerText"
    assert "1 Oct – 31 Dec 2026" in shown.execute_script(body)
    assert "ไตรมาส" not in shown.execute_script(body)
    choose(shown, "choose-th")
    assert "ไตรมาส 1 ปีงบประมาณ 2570" in shown.execute_script(body)
    assert "1 Oct" not in shown.execute_script(body)
    assert shown.execute_script("return document.documentElement.lang") == "th"
    choose(shown, "choose-en")


def test_filters_leave_what_fits_and_say_when_nothing_does(shown: Any) -> None:
    pick = """const select = document.querySelector(`[data-pick=${arguments[0]}]`);
        select.value = arguments[1];
        select.dispatchEvent(new Event("change"));"""
    left = "return [...document.querySelectorAll('[data-key-result]')].filter(e => e.checkVisibility()).map(e => e.id)"
    headline = "return document.querySelector('#headline').innerText"
    shown.execute_script(pick, "owner", "Launch Lead")
    assert shown.execute_script(left) == ["email-open-rate", "conversion-rate"]
    assert shown.execute_script(headline) == "0 of 2 key results are on track."
    shown.execute_script(pick, "status", "achieved")
    assert shown.execute_script(left) == []
    assert "No key result matches" in shown.execute_script("return document.querySelector('main').innerText")
    for name in ("owner", "status"):
        shown.execute_script(pick, name, "")
    assert len(shown.execute_script(left)) == 15


def test_the_keyboard_alone_reaches_the_slider_the_filters_and_the_ground_of_a_number(shown: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    focus = "const e = document.activeElement; return e.id || e.dataset?.pick || e.tagName"
    reached = []
    for _ in range(9):
        ActionChains(shown).send_keys(Keys.TAB).perform()
        reached.append(shown.execute_script(focus))
        if reached[-1] == "day":
            ActionChains(shown).send_keys(Keys.ARROW_LEFT).perform()
    assert [name for name in reached if name in ("choose-en", "day", "latest", "owner", "status")] == [
        *("choose-en", "day", "latest", "owner", "status")
    ]
    assert shown.execute_script("return document.querySelector('#day').getAttribute('aria-valuetext')") == "14 Nov 2026"
    shown.execute_script("document.querySelector('#mql-rate summary').focus()")
    ActionChains(shown).send_keys(Keys.ENTER).perform()
    assert "numerator / denominator = " in grounds(shown)["mql-rate"]


def grounds(browser: Any) -> dict[str, str]:
    """What every key result rests on, as it is told when somebody asks."""
    return browser.execute_async_script(
        """const [done] = arguments;
        for (const details of document.querySelectorAll(".ground")) details.open = true;
        setTimeout(() => done(Object.fromEntries([...document.querySelectorAll("[data-key-result]")].map((card) =>
          [card.id, card.querySelector("details").textContent]))), 100);"""
    )


def test_behind_each_number_stand_its_formula_its_days_its_loads_and_what_was_restated(
    shown: Any, page: Path, shipped: Config
) -> None:
    """In both languages, of the day that is shown; it recomputes to the value and to the score."""
    told = grounds(shown)
    with duckdb.connect(page.with_name("okr.duckdb"), read_only=True) as connection:
        rows = {row["key_result"]: row for row in scores_as_of(connection, shipped, LAST).to_pylist()}
    w = Words("en", LAST)
    for name, result in shipped.key_results.items():
        assert f"= {w.share(rows[name]['score'])}" in told[name]
        if not result.spec.every:
            parts = json.loads(rows[name]["parts"])
            for part in result.metric.parts:
                assert w.number(parts[part.name]) in told[name], (name, part.name)
            assert f"= {w.value(result, rows[name])}" in told[name]
        assert set(result.metric.tables) & set(re.findall(r"[a-z0-9]+_[a-z_]+", told[name])), name
    mql = told["mql-rate"]
    for words in ("(56.1% − 50%) ÷ (60% − 50%) = 61%", "1 Oct – 15 Nov", "50% · evenly, day by day", "15 Nov 2026"):
        assert words in mql
    assert "first known as" in told["conversion-rate"], "Analytics has restated days since the first night"
    restated = shown.execute_script(
        """return [...[...document.querySelectorAll("#conversion-rate table")].find((table) => /Restated/.test(table.textContent))
          .querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent))"""
    )
    assert [day for day, *_ in restated] == ["12 Nov 2026", "13 Nov 2026", "14 Nov 2026"]
    assert all(first != now for _, first, now in restated), "as many digits as it takes to see the difference"
    choose(shown, "choose-th")
    assert "15 พ.ย. 2569" in grounds(shown)["mql-rate"]
    choose(shown, "choose-en")
    shown.execute_script(GO, 20)
    assert "Days, loads and queries are those of 15 Nov 2026." in grounds(shown)["mql-rate"]
    assert "1–21 Oct" in grounds(shown)["mql-rate"]


def test_the_query_behind_a_number_runs_against_the_published_database(shown: Any, page: Path) -> None:
    grounds(shown)
    queries = shown.execute_script("return [...document.querySelectorAll('.ground pre')].map(e => e.textContent)")
    assert len(queries) >= 15
    with duckdb.connect(page.with_name("okr.duckdb"), read_only=True) as connection:
        assert all(connection.execute(query).fetchall() for query in queries)


PHONE = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}


@pytest.mark.parametrize("language", ["choose-en", "choose-th"])
@pytest.mark.parametrize(("theme", "screen"), [("theme-light", None), ("theme-dark", None), ("theme-dark", PHONE)])
def test_axe_finds_no_violation(shown: Any, language: str, theme: str, screen: dict[str, Any] | None) -> None:
    if screen:
        shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    for radio in (language, theme):
        choose(shown, radio)
    grounds(shown)
    shown.execute_script((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = shown.execute_async_script("axe.run().then(arguments[0])")
    assert [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found["violations"]] == []
    choose(shown, "theme-auto")


def test_a_phone_of_360_pixels_needs_no_sideways_scrolling(shown: Any) -> None:
    shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    for radio in ("choose-en", "choose-th"):
        choose(shown, radio)
        grounds(shown)
        assert shown.execute_script("return document.documentElement.scrollWidth") <= 360


HOSTILE = {
    "markup": "\"><script>alert(1)</script><img src=x onerror='alert(2)'></textarea>{{ 7*7 }}</script>",
    "quotes": 'O\'Reilly said "ไม่ใช่" & `left` \\u003c <!-- \u2028 ]]>',
    "long": "Donaudampfschifffahrtsgesellschaft" * 12,
    "right to left": "هدف الربع \u202eevil\u202c עברית 123",
    "emoji": "🚀👩‍👩‍👧‍👦🏳️‍🌈 ก็น้ำ",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_in_configuration_and_data_is_shown_as_text(
    shown: Any, page: Path, config: Path, tmp_path: Path, text: str
) -> None:
    """Nothing of it runs, nothing is thrown out of its place, and a phone still needs no sideways scrolling."""
    for name, before in (
        ("okr.yaml", "en: Siam Example"),
        ("objectives/4-pipeline.yaml", "owner: Growth Lead"),
        ("objectives/4-pipeline.yaml", "en: Good leads come to us by themselves"),
        ("objectives/4-pipeline.yaml", "en: Share of new leads that become marketing-qualified"),
        ("metrics/pipeline.yaml", "en: requests"),
    ):
        written = (config / name).read_text(encoding="utf-8")
        assert before in written
        quoted = json.dumps(text, ensure_ascii=max(text) < "\U00010000")  # YAML knows no surrogate pairs
        (config / name).write_text(written.replace(before, f"{before.split(':')[0]}: {quoted}"), encoding="utf-8")
    snapshot = tmp_path / "okr.duckdb"
    shutil.copy(page.with_name("okr.duckdb"), snapshot)
    with duckdb.connect(snapshot) as connection:
        connection.execute(
            "INSERT INTO raw.checkins VALUES ('mql_rate', DATE '2026-11-02', 'mql-rate', 1, ?, ?, now()::TIMESTAMP, 1)",
            [text, text],
        )
    shown.get(write(snapshot, load(config, {}, unset_is_wrong=False), LAST).as_uri())
    choose(shown, "choose-en")
    shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    shown.execute_script(GO, 40)
    assert text in grounds(shown)["mql-rate"], "a note of a check-in"
    found = shown.execute_script(
        """const text = (selector) => document.querySelector(selector).textContent;
        return [text(".en.organisation"), text("#lead-pipeline h2 .en"), text("#mql-rate h3 .en"),
          text("#quote-requests .en .of"), text("#mql-rate > .facts"), document.title, text("[data-pick=owner]")];"""
    )
    assert [text in each for each in found] == [True] * len(found), found
    assert shown.execute_script("return document.querySelectorAll('img, iframe, body script').length") == 4
    assert shown.execute_script("return document.documentElement.scrollWidth") <= 360


AGREED = """
id: agreed
title: Agreed otherwise
period: FY2570-Q1
owner: Launch Lead
key_results:
  - id: steps
    metric: features_prioritised
    milestones:
      - {step: F-01, title: {en: Remote start, th: เปิดเครื่องจากมือถือ}, weight: 3, due: 2026-10-20}
      - {step: F-12, due: 2026-11-30}
      - {step: F-20, due: 2026-11-01}
  - id: changed
    metric: joint_seminars
    baseline: 0
    target: 8
    pace: {2026-10-31: 20% of the way}
    changes: [{from: 2026-11-01, target: 4, pace: {2026-11-30: 70% of the way}}]
  - {id: morale, metric: team_morale, at_most: 80%}
  - {id: not-too-many, metric: joint_seminars, at_most: 5, every: month}
"""


@pytest.fixture(scope="module")
def agreed(demo: Any, night: Any, okr: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of key results with milestones, a target that was changed, and a number that somebody said."""
    root = tmp_path_factory.mktemp("agreed")
    config = Path(shutil.copytree(SHIPPED, root / "okr_config"))
    for other in (config / "objectives").iterdir():
        other.unlink()
    (config / "objectives" / "1.yaml").write_text(AGREED, encoding="utf-8")
    morale = "team_morale: {title: Team morale, unit: percent, from: checkins, value: latest(value)}"
    (config / "metrics" / "people.yaml").write_text(morale, encoding="utf-8")
    home = demo.copy(root / "home")
    night(home, LAST, sources=(), config=config)
    said = ("--value", "72%", "--note", "survey", "--by", "Nok", "--day", "2026-11-02")
    where = ("--home", home, "--config", config)
    done = okr("checkin", "morale", *said, *where, OKR_NOW="2026-11-16T10:00:00+07:00")
    assert done.code == 0, done.err
    return home / "published" / "scorecard.html"


def test_steps_changed_targets_and_what_people_said_are_those_of_the_day(shown: Any, agreed: Path) -> None:
    shown.get(agreed.as_uri())
    choose(shown, "choose-en")
    text = "return document.getElementById(arguments[0]).innerText"
    for day, steps, goal, pace in (
        (
            45,
            ("Remote start", "F-12 done on 10 Nov", "F-20 due on 1 Nov, not done", "all 3 steps"),
            "from 0 to 4",
            "70% by 30 Nov",
        ),
        (31, ("F-12 due on 30 Nov", "F-20 due on 1 Nov"), "from 0 to 4", "70% by 30 Nov"),
        (30, ("F-12 due on 30 Nov",), "from 0 to 8", "20% by 31 Oct"),
    ):
        found = shown.execute_script(GO, day)
        told = " ".join(shown.execute_script(text, "steps").split())
        for words in steps:
            assert words in told, (day, told)
        assert found["changed"]["en"]["goal"] == goal, day
        assert f"as agreed for certain days: {pace}" in grounds(shown)["changed"], day
    shown.execute_script(GO, 45)
    told = grounds(shown)
    assert "Remote start by 20 Oct, F-12 by 30 Nov, F-20 by 1 Nov" in told["steps"]
    assert "survey" in told["morale"]
    assert "1 + (80% − 72%) ÷ 80% = 110%, which counts as 100%" in told["morale"]
    assert "intervals kept = 1Score1 ÷ 3 = 33%" in told["not-too-many"], "a cadence counts, whatever keeps an interval"
    assert "manual" in shown.execute_script(text, "morale")
    marks = "return document.querySelectorAll('#morale .chart .said path').length"
    assert shown.execute_script(marks) == 1


def test_it_prints_on_a_few_sheets_of_a4(shown: Any) -> None:
    printed = shown.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    pdf = base64.b64decode(printed["data"])
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 6
    assert re.search(rb"/MediaBox \[0 0 59[45][\d.]* 84[12]", pdf)
