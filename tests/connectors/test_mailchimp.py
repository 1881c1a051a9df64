"""Mailchimp, against the sandbox's stand-in and against answers made up to go wrong."""

from __future__ import annotations

import csv
import json
import re
import socket
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.mailchimp import CAMPAIGNS, Mailchimp, MailchimpSettings
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable
from okr_pipeline.sandbox import faults, servers
from okr_pipeline.sandbox import mailchimp as stand_in

TRUTH = """\
id,title,send_time,emails_sent,hard_bounces,soft_bounces,opens_total,unique_opens,proxy_excluded_unique_opens,clicks_total,unique_clicks
a1,Before midnight in Bangkok,2026-10-25T16:59:59+00:00,1000,10,20,900,500,400,90,70
b2,After midnight in Bangkok,2026-10-25T17:00:00+00:00,2000,20,30,1800,1000,,180,140
c3,ปลายสัปดาห์,2026-11-01T16:59:59+00:00,3000,30,40,2700,1500,1100,270,210
d4,The next week,2026-11-01T17:00:00+00:00,4000,40,50,3600,2000,1500,360,280
"""


class Stage:
    """One HTTP server for the whole file; each test puts its own routes on it."""

    def __init__(self) -> None:
        self.port = 0
        self.folder = Path()
        self.asked: list[dict[str, str]] = []
        self.app = Starlette()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def play(self, *email: BaseRoute) -> None:
        self.app = Starlette(routes=[Mount("/email", routes=list(email))])

    def answer(self, *contents: Any, status: int = 200, **headers: str) -> None:
        """One request after the other is answered by these, the last one for ever."""

        async def answered(request: Request) -> Response:
            content = contents[min(len(self.asked), len(contents) - 1)]
            self.asked.append(dict(request.query_params))
            body = json.dumps(content) if isinstance(content, dict) else content
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return Response(body, status, names, media_type="application/json")

        self.play(Route("/3.0/reports", answered))


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    stage = Stage()
    with socket.create_server(("127.0.0.1", 0)) as listening, servers.http(listening, stage):
        stage.port = listening.getsockname()[1]
        yield stage


@pytest.fixture
def stage(server: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stand-in with four campaigns, long after they were sent."""
    monkeypatch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / stand_in.FILE).write_text(TRUTH, encoding="utf-8")
    server.folder = tmp_path
    server.asked = []
    server.play(*stand_in.routes(tmp_path))
    return server


def connector(stage: Stage, **changed: Any) -> Mailchimp:
    settings = {
        "connector": "mailchimp",
        "api_key": stand_in.API_KEY,
        "endpoint": f"http://127.0.0.1:{stage.port}/email",
        "timezone": "Asia/Bangkok",
        "retry_for": 0,
    }
    return Mailchimp("email", MailchimpSettings(**{**settings, **changed}))


def pull(source: Mailchimp, first: str = "2026-10-26", last: str = "2026-11-01") -> list[dict[str, Any]]:
    window = Window(date.fromisoformat(first), date.fromisoformat(last))
    batches = list(source.pull(CAMPAIGNS, window, Said()))
    assert all(batch.schema == CAMPAIGNS.schema for batch in batches)
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, CAMPAIGNS.schema).to_pylist()
    return rows


def failure(source: Mailchimp) -> OkrError:
    with pytest.raises(OkrError) as caught:
        pull(source)
    assert str(caught.value).startswith("email: ")
    assert stand_in.API_KEY not in str(caught.value)
    return caught.value


def test_the_window_is_cut_at_midnight_of_the_configured_zone(stage: Stage) -> None:
    assert {row["campaign_id"] for row in pull(connector(stage))} == {"b2", "c3"}
    assert {row["campaign_id"] for row in pull(connector(stage, timezone="UTC"))} == {"c3", "d4"}


def test_a_campaign_is_stored_as_counts_with_its_local_day_and_its_utc_instant(stage: Stage) -> None:
    (row,) = pull(connector(stage), "2026-11-01", "2026-11-01")
    assert row == {
        "campaign_id": "c3",
        "send_date": date(2026, 11, 1),
        "send_time": datetime(2026, 11, 1, 16, 59, 59),  # noqa: DTZ001 - naive UTC is what is stored
        "title": "ปลายสัปดาห์",
        "emails_sent": 3000,
        "hard_bounces": 30,
        "soft_bounces": 40,
        "delivered": 2930,
        "opens_total": 2700,
        "unique_opens": 1500,
        "unique_opens_without_proxy": 1100,
        "clicks_total": 270,
        "unique_clicks": 210,
    }


def test_opens_without_proxy_are_null_where_mailchimp_has_none(stage: Stage) -> None:
    (row,) = pull(connector(stage), "2026-10-26", "2026-10-26")
    assert (row["unique_opens"], row["unique_opens_without_proxy"]) == (1000, None)


def test_opens_keep_coming_for_seven_days(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for now in ("2026-11-01T17:00:00Z", "2026-11-04T17:00:00Z", "2026-11-08T16:59:59Z", "2026-12-01T00:00:00Z"):
        monkeypatch.setenv("OKR_NOW", now)
        seen.append(pull(connector(stage), "2026-11-01", "2026-11-01")[0]["unique_opens"])
    assert seen == [690, 1305, 1500, 1500]


def test_a_campaign_does_not_exist_before_it_is_sent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKR_NOW", "2026-11-01T16:59:00Z")
    assert [row["campaign_id"] for row in pull(connector(stage))] == ["b2"]


@pytest.mark.parametrize("there", [0, 1, 4, 5, 6])
def test_pages_are_put_together(stage: Stage, there: int) -> None:
    header, *_ = TRUTH.splitlines()
    lines = [f"id{n},Campaign {n},2026-10-28T0{n}:00:00+00:00,100,1,2,50,40,30,9,8" for n in range(there)]
    (stage.folder / stand_in.FILE).write_text("\n".join([header, *lines]), encoding="utf-8")
    rows = pull(connector(stage, page_size=5))
    assert sorted(row["campaign_id"] for row in rows) == [f"id{n}" for n in range(there)]


def report(identifier: str = "x", **changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": identifier,
        "campaign_title": "A title",
        "send_time": "2026-10-28T03:00:00+00:00",
        "emails_sent": 100,
        "bounces": {"hard_bounces": 1, "soft_bounces": 2},
        "opens": {"opens_total": 50, "unique_opens": 40, "open_rate": "41.2%"},
        "clicks": {"clicks_total": 9, "unique_clicks": 8},
    }
    return {**made, **changed}


@pytest.mark.parametrize(
    "pages",
    [
        [{"reports": [report("a")], "total_items": 2}, {"reports": [], "total_items": 2}],
        [{"reports": [report("a")], "total_items": 2}, {"reports": [report("a")], "total_items": 2}],
        [{"reports": [report("a")], "total_items": 2}, {"reports": [report("b")], "total_items": 3}],
        [{"reports": [report("a"), report("b")], "total_items": 1}],
    ],
    ids=["too few", "one twice", "one more meanwhile", "too many"],
)
def test_pages_that_do_not_add_up_are_rejected(stage: Stage, pages: list[Any]) -> None:
    stage.answer(*pages)
    error = failure(connector(stage))
    assert isinstance(error, DataRejected)
    assert re.search("announced|the same page twice", str(error))


def test_a_rate_that_is_a_string_does_not_matter(stage: Stage) -> None:
    stage.answer({"reports": [report()], "total_items": 1})
    assert pull(connector(stage))[0]["unique_opens"] == 40


def without(*path: str) -> dict[str, Any]:
    made = json.loads(json.dumps(report()))
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return {"reports": [made], "total_items": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"reports": [', "cannot be read"),
        ({"reports": []}, "total_items"),
        ({"total_items": 0}, "reports"),
        (without("id"), "campaign_id in 1 of 1 rows"),
        (without("send_time"), "send_time in 1 of 1 rows"),
        (without("bounces"), "hard_bounces in 1 of 1 rows"),
        (without("opens", "unique_opens"), "unique_opens in 1 of 1 rows"),
        ({"reports": [report(send_time="last week")], "total_items": 1}, "last week"),
        ({"reports": [report(send_time="2026-10-28T03:00:00")], "total_items": 1}, "zone offset"),
        ({"reports": [report(emails_sent="many")], "total_items": 1}, "many"),
        ({"reports": [report(emails_sent=1.5)], "total_items": 1}, "1.5"),
        ({"reports": ["x"], "total_items": 1}, "cannot be read"),
    ],
)
def test_reports_that_break_the_apis_promise_are_rejected(stage: Stage, body: Any, said: str) -> None:
    stage.answer(body)
    error = failure(connector(stage))
    assert isinstance(error, DataRejected)
    assert said in str(error)


PROBLEM = {
    "type": "…",
    "title": "Not today",
    "status": 0,
    "detail": f"The key {stand_in.API_KEY} is bad.",
    "instance": "",
}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, PROBLEM, SourceRejected),
        (401, PROBLEM, SourceRejected),
        (403, PROBLEM, SourceRejected),
        (404, "<html>nothing here</html>", SourceRejected),
        (302, "", SourceRejected),
        (429, PROBLEM, SourceUnavailable),
        (500, PROBLEM, SourceUnavailable),
        (503, "<html>busy</html>", SourceUnavailable),
    ],
)
def test_a_refusal_says_who_can_mend_it(stage: Stage, status: int, body: Any, kind: type[OkrError]) -> None:
    stage.answer(body, status=status)
    error = failure(connector(stage))
    assert type(error) is kind
    assert str(status) in str(error)
    assert ("Not today" in str(error)) == (body is PROBLEM)


@pytest.mark.parametrize(("header", "wait"), [({"Retry_After": "7"}, 7.0), ({}, None)])
def test_the_wait_that_mailchimp_asks_for_is_handed_on(
    stage: Stage, header: dict[str, str], wait: float | None
) -> None:
    stage.answer(PROBLEM, status=429, **header)
    error = failure(connector(stage))
    assert isinstance(error, SourceUnavailable)
    assert error.retry_after == wait


def test_an_unavailable_source_is_asked_again(stage: Stage) -> None:
    stage.answer(PROBLEM, status=429, Retry_After="0.2")
    with pytest.raises(SourceUnavailable):
        pull(connector(stage, retry_for=1))
    assert len(stage.asked) > 1


def test_a_source_that_is_away_is_unavailable(stage: Stage) -> None:
    error = failure(connector(stage, endpoint=f"http://127.0.0.1:{faults.closed_port()}"))
    assert isinstance(error, SourceUnavailable)
    assert "127.0.0.1" in str(error)


def test_a_wrong_key_is_rejected_with_what_to_do(stage: Stage) -> None:
    error = failure(connector(stage, api_key="0000-us6"))
    assert isinstance(error, SourceRejected)
    assert "API Key Invalid" in str(error)
    assert "new API key" in str(error)


def test_without_an_endpoint_the_keys_ending_names_the_data_centre(stage: Stage) -> None:
    assert connector(stage, endpoint="")._endpoint("abc-us19") == "https://us19.api.mailchimp.com"


@pytest.mark.parametrize("key", ["abc", "-us6", "abc-us6.evil.example/"])
def test_a_key_without_a_data_centre_is_rejected_and_not_shown(stage: Stage, key: str) -> None:
    error = failure(connector(stage, endpoint="", api_key=key))
    assert isinstance(error, SourceRejected)
    assert "data centre" in str(error)
    assert f"{key} " not in str(error)


def test_the_seeded_launch_week_has_an_open_rate_of_34_percent_without_proxies(tmp_path: Path) -> None:
    stand_in.seed(tmp_path)
    with (tmp_path / stand_in.FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    week = [row for row in rows if "2026-10-25T17:00" <= row["send_time"] < "2026-11-01T17:00"]
    known = [row for row in week if row["proxy_excluded_unique_opens"]]
    delivered = sum(int(row["emails_sent"]) - int(row["hard_bounces"]) - int(row["soft_bounces"]) for row in known)

    def rate(name: str) -> float:
        return sum(int(row[name]) for row in known) / delivered

    assert (len(week), len(known)) == (4, 3)
    assert min(row["send_time"] for row in week) < "2026-10-26"  # midnight has passed in Bangkok, not in UTC
    assert rate("proxy_excluded_unique_opens") == pytest.approx(0.34, abs=0.005)
    assert rate("unique_opens") == pytest.approx(0.47, abs=0.005)


def test_the_truth_is_seeded_once(tmp_path: Path) -> None:
    (tmp_path / stand_in.FILE).write_text(TRUTH, encoding="utf-8")
    stand_in.seed(tmp_path)
    assert (tmp_path / stand_in.FILE).read_text(encoding="utf-8") == TRUTH
