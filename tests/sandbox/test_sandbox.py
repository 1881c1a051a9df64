"""The sandbox as a whole: what it hands out, what it lets in, how it breaks, and that its truth stays."""

from __future__ import annotations

import csv
import json
import socket
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from okr_pipeline import sandbox
from okr_pipeline.sandbox import faults, ga4, ga4_report, identity

MORNING = "2026-11-16T05:00:00+07:00"
ANALYTICS = "https://www.googleapis.com/auth/analytics.readonly"
WEBMASTERS = "https://www.googleapis.com/auth/webmasters.readonly"
REPORT = {
    "dimensions": [{"name": "date"}],
    "metrics": [{"name": "sessions"}],
    "dateRanges": [{"startDate": "2026-10-01", "endDate": "2026-10-31"}],
}
VARIABLES = {
    *("GA4_PROPERTY", "GA4_CREDENTIALS", "GA4_ENDPOINT", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"),
    *("SEARCH_CONSOLE_SITE", "SEARCH_CONSOLE_CREDENTIALS", "SEARCH_CONSOLE_ENDPOINT"),
    *("MAILCHIMP_API_KEY", "MAILCHIMP_ENDPOINT", "CRM_DATABASE_URL", "OKR_DROP_FOLDER"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def started(home):
    """One sandbox for the file, GA4 over REST."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GA4_TRANSPORT", "rest")
        patch.setenv("OKR_NOW", MORNING)
        with sandbox.running(home) as environment:
            yield environment


@pytest.fixture
def up(started, monkeypatch):
    """The sandbox at the demo's morning."""
    monkeypatch.setenv("GA4_TRANSPORT", "rest")
    monkeypatch.setenv("OKR_NOW", MORNING)
    return started


def token(environment, scope):
    return bought(environment["GA4_CREDENTIALS"], scope)


@cache
def bought(path, scope):
    key = service_account.Credentials.from_service_account_file(path, scopes=[scope])
    key.refresh(Request())
    return {"Authorization": f"Bearer {key.token}"}


def ask_ga4(environment, headers=None, report=REPORT):
    url = f"{environment['GA4_ENDPOINT']}/v1beta/properties/{environment['GA4_PROPERTY']}:runReport"
    return httpx.post(url, json=report, headers=headers, timeout=5)


def ask_search(environment, headers=None):
    site = environment["SEARCH_CONSOLE_SITE"].replace(":", "%3A").replace("/", "%2F")
    url = f"{environment['SEARCH_CONSOLE_ENDPOINT']}/webmasters/v3/sites/{site}/searchAnalytics/query"
    body = {"startDate": "2026-10-01", "endDate": "2026-10-01", "dimensions": ["date"]}
    return httpx.post(url, json=body, headers=headers, timeout=5)


def ask_email(environment, key=None):
    auth = ("okr", key or environment["MAILCHIMP_API_KEY"])
    return httpx.get(f"{environment['MAILCHIMP_ENDPOINT']}/3.0/reports", auth=auth, timeout=5)


def snapshot(folder):
    """Every file of the truth with its content, but for what stands for this very run."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not path.name.startswith(("account-", "roots-", "crm.sqlite"))}


def test_it_names_what_the_shipped_configuration_asks_for(up):
    assert set(up) >= VARIABLES
    assert all(up[name] for name in VARIABLES)


def test_a_signed_assertion_buys_a_token_that_opens_ga4(up):
    answer = ask_ga4(up, token(up, ANALYTICS))
    assert answer.status_code == 200
    assert answer.json()["rowCount"] == 30


def test_a_token_opens_what_its_scope_says_and_nothing_else(up):
    assert ask_search(up, token(up, WEBMASTERS)).status_code == 200
    assert ask_search(up, token(up, ANALYTICS)).status_code == 403
    assert ask_ga4(up, token(up, WEBMASTERS)).status_code == 403


@pytest.mark.parametrize("headers", [None, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic b2s6b2s="}])
def test_without_a_token_nothing_is_given(up, headers):
    for answer in (ask_ga4(up, headers), ask_search(up, headers)):
        assert answer.status_code == 401
        assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_an_assertion_of_another_key_buys_nothing(up, tmp_path):
    account = json.loads(Path(up["GA4_CREDENTIALS"]).read_text(encoding="utf-8"))
    account["private_key"] = identity.load(tmp_path).private_key
    stranger = service_account.Credentials.from_service_account_info(account, scopes=[ANALYTICS])
    with pytest.raises(Exception, match="invalid_grant"):
        stranger.refresh(Request())


def test_mailchimp_wants_its_key(up):
    assert ask_email(up).status_code == 200
    assert ask_email(up, "wrong-us6").status_code == 401


def test_keys_are_readable_by_their_owner_only(up):
    kept = Path(up["GA4_CREDENTIALS"])
    assert [path.stat().st_mode & 0o077 for path in (kept, kept.with_name("service-account.pem"))] == [0, 0]


def test_a_second_start_keeps_the_truth_and_the_key(home, up):
    before = snapshot(home / "sandbox")
    key = json.loads(Path(up["GA4_CREDENTIALS"]).read_text(encoding="utf-8"))["private_key"]
    with sandbox.running(home) as again:  # while the first one is still up
        assert snapshot(home / "sandbox") == before
        assert json.loads(Path(again["GA4_CREDENTIALS"]).read_text(encoding="utf-8"))["private_key"] == key
        assert ask_ga4(again, token(again, ANALYTICS)).json() == ask_ga4(up, token(up, ANALYTICS)).json()
    assert ask_ga4(up, token(up, ANALYTICS)).status_code == 200


def test_two_seedings_are_the_same_to_the_byte(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ga4.seed(tmp_path / name)
    one, two = (snapshot(tmp_path / name) for name in ("one", "two"))
    assert len(one) == 2
    assert list(one.values()) == list(two.values())


def test_it_leaves_nothing_of_a_run_behind(home, up, monkeypatch):
    with sandbox.running(home) as environment:
        pass
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(environment["GA4_ENDPOINT"]).port)) != 0
    assert not Path(environment["GA4_CREDENTIALS"]).exists()
    assert not Path(environment["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]).exists()


@pytest.mark.parametrize("kind", ["401", "403", "429", "500", "malformed"])
def test_a_fault_breaks_the_named_source_and_no_other(up, kind, monkeypatch):
    good = token(up, WEBMASTERS)
    monkeypatch.setenv("OKR_SANDBOX_FAULTS", f"search={kind}")
    broken = ask_search(up, good)
    if kind == "malformed":
        with pytest.raises(json.JSONDecodeError):
            broken.json()
    else:
        assert broken.status_code == int(kind)
    assert broken.headers.get("retry-after") == ("5" if kind == "429" else None)
    assert ask_email(up).status_code == 200
    monkeypatch.delenv("OKR_SANDBOX_FAULTS")
    assert ask_search(up, good).status_code == 200


def test_a_refused_source_has_nobody_listening(home, monkeypatch):
    monkeypatch.setenv("OKR_SANDBOX_FAULTS", "email=refused, search=refused")
    with sandbox.running(home) as environment:
        for ask in (ask_email, ask_search):
            with pytest.raises(httpx.ConnectError):
                ask(environment)


def test_a_missing_folder_and_database_are_missing(home, monkeypatch):
    monkeypatch.setenv("OKR_SANDBOX_FAULTS", "crm=refused,files=missing")
    with sandbox.running(home) as environment:
        assert not Path(environment["OKR_DROP_FOLDER"]).exists()
        assert not Path(environment["CRM_DATABASE_URL"].removeprefix("sqlite:///")).parent.exists()


def test_an_unknown_fault_is_told(monkeypatch):
    monkeypatch.setenv("OKR_SANDBOX_FAULTS", "ga4=tired")
    with pytest.raises(ValueError, match="tired"):
        faults.of("ga4")


def test_ga4_pages_hold_together_only_in_an_order(up):
    headers = token(up, ANALYTICS)

    def days(**more):
        answers = [
            ask_ga4(up, headers, REPORT | more | {"offset": offset, "limit": 10}).json() for offset in (0, 10, 20)
        ]
        return [row["dimensionValues"][0]["value"] for answer in answers for row in answer["rows"]]

    ordered = days(orderBys=[{"dimension": {"dimensionName": "date"}}])
    assert ordered == sorted(set(ordered))
    assert len(ordered) == 30
    assert len(set(days())) < 30


def test_ga4_gives_nothing_more_when_the_quota_is_spent(up, monkeypatch):
    headers = token(up, ANALYTICS)
    monkeypatch.setitem(ga4_report.TOKENS, "tokens_per_hour", 1)
    monkeypatch.setenv("OKR_NOW", "2026-11-16T07:00:00+07:00")  # a fresh hour
    assert ask_ga4(up, headers).status_code == 200
    spent = ask_ga4(up, headers)
    assert (spent.status_code, spent.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    monkeypatch.setenv("OKR_NOW", "2026-11-16T08:00:00+07:00")
    assert ask_ga4(up, headers).status_code == 200


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"metrics": [{"name": "pageviews"}]}, "Field pageviews is not a valid metric"),
        ({"dimensions": [{"name": "planet"}]}, "Field planet is not a valid dimension"),
        ({"dimensions": [{"name": "date"}, {"name": "eventName"}]}, "remove eventName"),
        ({"dateRanges": [{"startDate": "soon", "endDate": "later"}]}, "'soon' is not a date"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_ga4_names_the_field_that_is_wrong(up, change, told):
    answer = ask_ga4(up, token(up, ANALYTICS), REPORT | change)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert told in answer.json()["error"]["message"]


def served(rows, column, today):
    """What GA4 serves of settled numbers on a day, written out once more: independent of the stand-in."""
    percent = {0: 50, 1: 92, 2: 97, 3: 99}
    ages = [((today - date.fromisoformat(row["day"])).days, row) for row in rows]
    return sum(int(row[column]) * percent.get(age, 100) // 100 for age, row in ages if age >= int(row["arrives"]))


def test_the_demo_shows_the_mix_that_it_is_made_for(home, up):
    today = date(2026, 11, 16)
    with (home / "sandbox" / "ga4_events.csv").open(encoding="utf-8") as file:
        events = [row for row in csv.DictReader(file) if int(row["event_count"]) >= 3]
    with (home / "sandbox" / "ga4_days.csv").open(encoding="utf-8") as file:
        days = [row for row in csv.DictReader(file) if "2026-10-01" <= row["day"] <= "2026-11-15"]
    october = [row for row in events if row["day"].startswith("2026-10") and row["event_name"] != "request_quote"]
    last_week = [
        row for row in events if "2026-11-09" <= row["day"] <= "2026-11-15" and row["event_name"] == "request_quote"
    ]
    assert served(october, "event_count", today) == pytest.approx(455, abs=3)
    assert served(last_week, "event_count", today) == pytest.approx(41, abs=1)
    conversion = served(days, "converting_sessions", today) / served(days, "sessions", today)
    assert conversion == pytest.approx(0.17, abs=0.002)


def test_the_year_is_whole_but_for_the_empty_day(home, up):
    with (home / "sandbox" / "ga4_days.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    days = {date.fromisoformat(row["day"]) for row in rows}
    every = {date(2026, 6, 1) + timedelta(days=n) for n in range((date(2027, 9, 30) - date(2026, 6, 1)).days + 1)}
    assert every - days == {date(2026, 10, 18)}
    assert all(0 < int(row["converting_sessions"]) < int(row["total_users"]) < int(row["sessions"]) for row in rows)
