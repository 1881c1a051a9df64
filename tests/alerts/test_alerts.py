"""People are told once when something changes, fails or is back; a quiet night is quiet; no token is ever shown."""

from __future__ import annotations

import logging
import shutil
import socket
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from receiver import TOKEN, Receiver, receiving

from okr_pipeline import clock
from okr_pipeline.alerts.news import Outcome, tell
from okr_pipeline.config import Config, load

ZONE = "Asia/Bangkok"
DAY = date(2026, 11, 15)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as up:
        monkeypatch.setenv("OKR_ALERTS", up.url)
        yield up


@pytest.fixture
def home(demo: Any, tmp_path: Path) -> Path:
    return Path(demo.copy(tmp_path / "home"))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_to(instant: datetime) -> None:
        monkeypatch.setenv("OKR_NOW", instant.isoformat())

    set_to(clock.night_after(DAY, ZONE))
    return set_to


class Nights:
    """The snapshot of the demo, in which further nights are written by hand: what a night leaves in the ledger."""

    def __init__(self, home: Path, at: Any, config: Config) -> None:
        self.home, self.at, self.config, self.day = home, at, config, DAY

    def night(
        self, down: str | None = None, change: str = "", failed: str | None = None, scored: bool = True
    ) -> Outcome:
        self.day += timedelta(days=1)
        now = clock.night_after(self.day, ZONE)
        self.at(now)
        with duckdb.connect(self.home / "published" / "okr.duckdb") as snapshot:
            if down or self.day != DAY:
                outcome = ("source_unavailable", f"{down} is down.") if down else ("landed", None)
                self._load(snapshot, "crm_leads", now, *outcome)
            if scored:
                load = self._load(snapshot, "scores.key_results", now, "landed", None)
                row = f"SELECT * REPLACE (DATE '{self.day}' AS as_of, {load} AS _load {change})"
                snapshot.execute(
                    f"INSERT INTO scores.outcomes {row} FROM scores.outcomes WHERE as_of = ?",
                    [self.day - timedelta(days=1)],
                )
        return tell(self.config, self.home, failed=failed)

    def _load(self, snapshot: Any, table: str, now: datetime, outcome: str, message: str | None) -> int:
        load = snapshot.execute("SELECT MAX(load) + 1 FROM ledger.loads").fetchall()[0][0]
        snapshot.execute(
            "INSERT INTO ledger.loads SELECT * REPLACE (? AS load, ? AS known_at, ? AS last_day, ? AS outcome, ? AS message)"
            " FROM ledger.loads WHERE table_name = ? ORDER BY load DESC LIMIT 1",
            [load, now.astimezone(tz=None).replace(tzinfo=None), self.day, outcome, message, table],
        )
        return int(load)


@pytest.fixture
def nights(home: Path, at: Any, shipped: Config, receiver: Receiver) -> Nights:
    """The first message, which shows that the address works, is out already."""
    made = Nights(home, at, shipped)
    assert tell(shipped, home).summary.startswith("told 1 of 1 addresses")
    assert len(receiver.take()) == 1
    return made


def test_the_first_night_is_told_and_a_quiet_one_is_not(nights: Nights, receiver: Receiver) -> None:
    assert nights.night().summary == "nothing to tell: nothing changed since people were told last"
    assert receiver.take() == []


def test_a_status_that_changes_is_told_once(nights: Nights, receiver: Receiver) -> None:
    signups = "agreement IN (SELECT agreement FROM scores.agreements WHERE key_result = 'signups')"
    nights.night(change=f", CASE WHEN {signups} THEN 'off_track' ELSE status END AS status")
    (said,) = receiver.take()
    assert said["title"].startswith("สยามตัวอย่าง · 16 พ.ย. 2569")
    assert "Sign-ups and enquiries on the website in a month: On track → Off track" in said["message"]
    assert tell(nights.config, nights.home).summary.startswith("nothing to tell")
    nights.night()
    assert receiver.take() == []


def test_a_source_down_for_three_nights_is_told_on_the_first_and_when_it_is_back(
    nights: Nights, receiver: Receiver
) -> None:
    told = []
    for down in ("crm", "crm", "crm", None, None):
        nights.night(down)
        told.append([said["title"] + "\n" + said["message"] for said in receiver.take()])
    assert [len(each) for each in told] == [1, 0, 0, 1, 0]
    assert ": ไม่มีข้อมูลใหม่จาก crm · ผลลัพธ์สำคัญ" in told[0][0]
    assert "crm: the source did not answer. crm is down." in told[0][0]
    assert "crm: answers again." in told[3][0]
    assert "ไม่มีข้อมูลใหม่จาก" not in told[3][0].splitlines()[0]


def test_trouble_that_lasts_is_told_again_by_the_rule(nights: Nights, receiver: Receiver, config: Path) -> None:
    organisation = config / "okr.yaml"
    organisation.write_text(
        organisation.read_text("utf-8") + "alerts: {remind_every: 3 days, languages: [en]}\n", "utf-8"
    )
    nights.config = load(config, {}, unset_is_wrong=False)
    told = []
    for _ in range(7):
        nights.night("crm")
        told.append(len(receiver.take()))
    assert told == [1, 0, 0, 1, 0, 0, 1]


def test_how_people_are_told_does_not_change_what_scores_rest_on(config: Path, shipped: Config) -> None:
    organisation = config / "okr.yaml"
    organisation.write_text(organisation.read_text("utf-8") + "alerts: {link: https://okr.example.com}\n", "utf-8")
    assert load(config, {}, unset_is_wrong=False).hash == shipped.hash


def test_a_night_that_fails_is_told_once_with_its_reason_and_so_is_its_end(nights: Nights, receiver: Receiver) -> None:
    full = "publish: No space left on device"
    told = []
    for failed in (full, full, None):
        nights.night(failed=failed, scored=not failed)
        told.append(receiver.take())
    assert [len(each) for each in told] == [1, 0, 1]
    assert "The night failed; the scores are not new. publish: No space left on device" in told[0][0]["message"]
    assert told[0][0]["title"].endswith("การทำงานเมื่อคืนล้มเหลว คะแนนจึงยังไม่ใช่ล่าสุด")
    assert "The nights are scored again." in told[2][0]["message"]


def test_before_the_first_night_there_is_nothing_to_tell(
    tmp_path: Path, at: Any, shipped: Config, receiver: Receiver
) -> None:
    assert tell(shipped, tmp_path / "new").summary == "nothing to tell: nothing is scored yet"
    assert receiver.take() == []


def test_a_first_night_that_fails_before_there_is_any_score_is_told(
    tmp_path: Path, at: Any, shipped: Config, receiver: Receiver
) -> None:
    tell(shipped, tmp_path / "new", failed="scores: No space left on device")
    assert "No space left on device" in receiver.take()[0]["message"]


def test_nights_that_stop_are_told_as_late_once(nights: Nights, receiver: Receiver) -> None:
    told = []
    for hours in (5, 7, 31, 55):  # after the night that should have scored 16 November began
        nights.at(clock.night_after(DAY + timedelta(days=1), ZONE) + timedelta(hours=hours))
        tell(nights.config, nights.home)
        told.append([said["message"] for said in receiver.take()])
    assert [len(each) for each in told] == [0, 1, 0, 0]
    assert "No night since 15 Nov" in told[1][0]


def test_a_receiver_that_is_down_is_tried_again_and_the_news_is_not_lost(nights: Nights, receiver: Receiver) -> None:
    receiver.status = 503
    failed = nights.night("crm")
    assert failed.summary.startswith("told 0 of 1 addresses")
    assert failed.problems == (failed.problems[0],) or len(failed.problems) == 1
    assert "address 1 of OKR_ALERTS (JSON) did not take the message" in failed.problems[0]
    receiver.status = 200
    assert tell(nights.config, nights.home).summary.startswith("the last message was not taken")
    nights.at(clock.night_after(nights.day, ZONE) + timedelta(hours=1))
    assert tell(nights.config, nights.home).summary.startswith("told 1 of 1")
    assert "crm is down." in receiver.take()[0]["message"]


def test_one_dead_address_does_not_keep_the_others_from_being_told(
    nights: Nights, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"json://127.0.0.1:{free.getsockname()[1]}/{TOKEN}"
        monkeypatch.setenv("OKR_ALERTS", f"{dead}, {receiver.url} nonsense://{TOKEN}")
        told = nights.night("crm")
    assert told.summary.startswith("told 1 of 3")
    assert [problem[:24] for problem in told.problems] == ["address 1 of OKR_ALERTS ", "address 3 of OKR_ALERTS "]
    assert len(receiver.take()) == 1


def test_no_token_is_ever_shown(
    nights: Nights, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OKR_ALERTS", f"json://127.0.0.1:1/{TOKEN} slack://{TOKEN} nonsense://{TOKEN}")
    with caplog.at_level(logging.WARNING):
        told = nights.night("crm")
    assert len(told.problems) == 3
    assert TOKEN not in told.summary + " ".join(told.problems) + caplog.text
    for kept in nights.home.rglob("*"):
        assert not kept.is_file() or TOKEN.encode() not in kept.read_bytes(), kept


def test_a_night_of_the_command_line_tells_and_succeeds_though_nobody_takes_it(
    tmp_path: Path, okr: Any, config: Path, receiver: Receiver
) -> None:
    for path in [*config.glob("connectors/*"), *config.glob("metrics/*"), *config.glob("objectives/*")]:
        if path.name not in ("files.yaml", "learning.yaml", "2-learning.yaml"):
            path.unlink()
    shutil.rmtree(config / "views")
    night = ("run", "--sandbox", "--home", tmp_path / "home", "--config", config)
    told = okr(*night, "--date", "2026-11-14", OKR_ALERTS=receiver.url)
    assert (told.code, len(receiver.take())) == (0, 1)
    assert "Alerts    told 1 of 1 addresses" in told.out
    receiver.status = 500
    untold = okr("alert", "--home", tmp_path / "home", "--config", config, OKR_ALERTS=receiver.url)
    assert (untold.code, TOKEN in untold.out + untold.err) == (2, False)
    assert "did not take the message" in untold.out
    quiet = okr(*night, "--date", "2026-11-15", OKR_ALERTS=receiver.url)
    assert quiet.code == 0
    assert okr("alert", "--home", tmp_path / "home", OKR_ALERTS="").code == 1
    wrong = okr("check", "--sandbox", OKR_ALERTS=f"nonsense://{TOKEN}")
    assert (wrong.code, TOKEN in wrong.out + wrong.err) == (1, False)
    assert "address 1 of OKR_ALERTS is not a URL that Apprise knows" in wrong.err
