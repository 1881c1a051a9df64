"""The mail after a night says what changed, what is held and why, and what is behind; in both languages, as text."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from snapshot import NO_SCORE, SHIPPED, TODAY, agreed_anew, attempt, publish, rows_of

from okr_pipeline.config import Config, load
from okr_pipeline.scorecard.digest import Mail
from okr_pipeline.scorecard.digest import digest as digest_of

YESTERDAY = TODAY - timedelta(days=1)


def digest(snapshot: Path, config: Config, *day: Any, **how: Any) -> Mail:
    with duckdb.connect(snapshot, read_only=True) as connection:
        return digest_of(connection, config, *day, **how)


def night(connection: duckdb.DuckDBPyConnection, load: int, day: Any) -> None:
    attempt(connection, load, "scores.key_results", "landed")
    at = f"TIMESTAMP '{day}' + INTERVAL 22 HOUR"
    connection.execute(f"UPDATE ledger.loads SET last_day = ?, known_at = {at} WHERE load = ?", [day, load])


@pytest.fixture(scope="module")
def config() -> Config:
    return load(SHIPPED, {}, unset_is_wrong=False)


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Mail:
    """After a night on which one fell off track, one is held, one is lost, and a source was down."""
    changes = {
        "signups": {"status": "off_track", "score": 0.2, "value": 420.0},
        "conversion-rate": {"reason": "source_unavailable", "held_from": YESTERDAY, "final": False},
        "joint-seminars": NO_SCORE | {"reason": "not_fetched"},
    }
    snapshot = publish(tmp_path_factory.mktemp("night"), config, changes)
    with duckdb.connect(snapshot) as connection:
        night(connection, 2, YESTERDAY)
        night(connection, 3, TODAY)
        connection.execute("UPDATE scores.outcomes SET _load = CASE WHEN as_of = ? THEN 3 ELSE 2 END", [TODAY])
        attempt(connection, 4, "crm_leads", "source_unavailable", "crm: the database is down. Try again later.")
    return digest(snapshot, config, TODAY, link="https://okr.example.com/")


def text_of(html: str) -> str:
    class Text(HTMLParser):
        found = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += " " * (tag == "br")

        def handle_data(self, data: str) -> None:
            self.found += data

    parser = Text()
    parser.feed(html)
    return " ".join(parser.found.split())


@pytest.mark.parametrize("form", ["text", "html"])
def test_it_says_what_changed_what_is_held_and_what_is_behind_in_both_languages(mail: Mail, form: str) -> None:
    said = text_of(mail.html) if form == "html" else " ".join(mail.text.split())
    for words in (
        "13 of 15 key results are on track.",
        "Changed since 14 Nov",
        "Sign-ups and enquiries on the website in a month: On track → Off track",
        "Teams hold seminars together: On track → No score",
        "Visits to the website convert: held since then",
        "Visits to the website convert: Held at the number of 14 Nov: the source did not answer.",
        "crm: the source did not answer. crm: the database is down. Try again later.",
        "420 leads, 1 Oct – 15 Nov; from 400 to 500; 20% of the way · 49% expected by now",
        "การสมัครและสอบถามผ่านเว็บไซต์ต่อเดือน: เป็นไปตามแผน → ต่ำกว่าแผน",
        "https://okr.example.com/",
    ):
        assert words in said
    assert mail.subject == "สยามตัวอย่าง · 15 พ.ย. 2569: ไม่มีข้อมูลใหม่จาก crm · ผลลัพธ์สำคัญ 13 จาก 15 ข้อเป็นไปตามแผน"
    assert mail.is_news


def test_a_night_on_which_nothing_changed_is_no_news(tmp_path: Path, config: Config) -> None:
    snapshot = publish(tmp_path, config)
    with duckdb.connect(snapshot) as connection:
        night(connection, 2, YESTERDAY)
        connection.execute("UPDATE scores.outcomes SET _load = 2")
    quiet = digest(snapshot, config, TODAY, languages=["en"])
    assert not quiet.is_news
    assert "No status changed." in quiet.text
    assert quiet.subject == "Siam Example · 15 Nov 2026: 15 of 15 key results are on track."


def test_what_changed_is_told_against_what_was_known_the_night_before(tmp_path: Path, config: Config) -> None:
    """The source restated: yesterday, too, is on track by now, yet yesterday's mail said at risk."""
    snapshot = publish(tmp_path, config)
    with duckdb.connect(snapshot) as connection:
        night(connection, 2, YESTERDAY)
        night(connection, 3, TODAY)
        connection.execute(f"UPDATE scores.outcomes SET _load = 3 WHERE {rows_of('mql-rate')}")
        connection.execute(
            "INSERT INTO history.outcomes SELECT * REPLACE ('at_risk' AS status, 2 AS _load), 3 AS _superseded"
            f" FROM scores.outcomes WHERE {rows_of('mql-rate')} AND as_of < ?",
            [TODAY],
        )
    assert "marketing-qualified: At risk → On track" in digest(snapshot, config, TODAY, languages=["en"]).text


def test_a_long_list_is_cut_and_says_how_much_there_is_more(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("okr_pipeline.scorecard.digest._TOLD", 4)
    changes = {name: {"status": "off_track", "reason": "stale", "held_from": YESTERDAY} for name in config.key_results}
    snapshot = publish(tmp_path, config, changes)
    with duckdb.connect(snapshot) as connection:
        night(connection, 2, YESTERDAY)
        night(connection, 3, TODAY)
        connection.execute("UPDATE scores.outcomes SET _load = CASE WHEN as_of = ? THEN 3 ELSE 2 END", [TODAY])
    sent = digest(snapshot, config, TODAY, languages=["en"])
    for said in (" ".join(sent.text.split()), text_of(sent.html)):
        assert said.count("and 11 more") == 3, "of what changed, of what is held, of what is behind"
        assert said.count("On track → Off track") == 4


def test_hostile_words_are_text_in_the_html_and_cannot_add_a_header_to_the_mail(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "okr_config"))
    hostile = json.dumps("<img src=x onerror=alert(1)>\r\nBcc: all@example.com")
    okr = folder / "okr.yaml"
    okr.write_text(okr.read_text(encoding="utf-8").replace("en: Siam Example", f"en: {hostile}"), encoding="utf-8")
    config = load(folder, {}, unset_is_wrong=False)
    sent = digest(publish(tmp_path, config), config, TODAY, languages=["en"])
    assert "<img" not in sent.html
    assert "<img src=x onerror=alert(1)>" in sent.text
    assert "\n" not in sent.subject
    assert "\r" not in sent.subject


def test_what_is_agreed_for_a_later_day_is_not_told_before_it(tmp_path: Path, config: Config) -> None:
    snapshot = publish(tmp_path, config, {"signups": {"status": "off_track", "score": 0.2, "value": 420.0}})
    text = digest(snapshot, agreed_anew(tmp_path, TODAY + timedelta(days=1)), TODAY, languages=("en",)).text
    assert "Sign-ups and enquiries on the website in a month (420 leads, 1 Oct – 15 Nov; from 400 to 500;" in text
    assert "More sign-ups" not in text
