"""Search Console, against the sandbox's stand-in and against answers made up to go wrong."""

from __future__ import annotations

import csv
import json
import socket
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router

from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.http import seconds_to_wait
from okr_pipeline.connectors.search_console import SCOPE, SearchConsole, SearchConsoleSettings
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable
from okr_pipeline.sandbox import faults, identity, servers
from okr_pipeline.sandbox import search_console as stand_in
from okr_pipeline.sandbox.keywords import TARGET_KEYWORDS

HEADER = "day,query,clicks,impressions,position,anonymised\n"
TRUTH = (
    HEADER + "2026-10-01,air fryer,6,100,2.0,false\n"
    "2026-10-01,หม้อทอดไร้น้ำมัน,3,50,5.0,false\n"
    "2026-10-01,somchai's fryer,1,50,9.0,true\n"
    "2026-10-03,air fryer,5,80,2.5,false\n"
    "2026-10-04,air fryer,7,90,2.5,false\n"
    "2026-10-05,air fryer,10,101,2.5,false\n"
)
METHOD = "/webmasters/v3/sites/{site:path}/searchAnalytics/query"


class Stage:
    """One HTTP server for the whole file; each test puts its own routes on it."""

    def __init__(self) -> None:
        self.port = 0
        self.folder = Path()
        self.account = identity.Identity("")
        self.asked_from: list[int] = []
        self.app = Starlette()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def play(self, *search: BaseRoute) -> None:
        guarded = identity.Guarded(Router(search), self.account, frozenset({SCOPE}))
        self.app = Starlette(routes=[*self.account.routes(), Mount("/search", guarded)])

    def answer(self, content: str | bytes | dict[str, Any], status: int = 200, **headers: str) -> None:
        """Every request to the source is answered by this."""
        body = json.dumps(content) if isinstance(content, dict) else content

        async def answered(request: Request) -> Response:
            assert request.client
            self.asked_from.append(request.client.port)
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return Response(body, status, names, media_type="application/json")

        self.play(Route(METHOD, answered, methods=["POST"]))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage()
    stage.account = identity.load(tmp_path_factory.mktemp("identity"))
    with socket.create_server(("127.0.0.1", 0)) as listening, servers.http(listening, stage):
        stage.port = listening.getsockname()[1]
        yield stage


@pytest.fixture
def stage(server: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stand-in with a small truth, at noon Pacific on 6 October: the 4th is there and incomplete."""
    monkeypatch.setenv("OKR_NOW", "2026-10-06T12:00:00-07:00")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / stand_in.FILE).write_text(TRUTH, encoding="utf-8")
    server.folder = tmp_path
    server.asked_from = []
    server.account.write_account(tmp_path / "key.json", f"http://127.0.0.1:{server.port}/token")
    key = json.loads((tmp_path / "key.json").read_text())
    key.pop("universe_domain", None)  # as a key from Google has it: exchanged for a token at token_uri
    (tmp_path / "key.json").write_text(json.dumps(key))
    server.play(*stand_in.routes(tmp_path))
    return server


def connector(stage: Stage, **changed: Any) -> SearchConsole:
    settings = {
        "connector": "search_console",
        "site": stand_in.SITE,
        "credentials": str(stage.folder / "key.json"),
        "endpoint": f"http://127.0.0.1:{stage.port}/search",
        "retry_for": 0,
    }
    return SearchConsole("search", SearchConsoleSettings(**{**settings, **changed}))


def pull(source: SearchConsole, name: str, first: str, last: str) -> tuple[list[dict[str, Any]], Said]:
    said = Said()
    stream = next(stream for stream in source.streams() if stream.name == name)
    window = Window(date.fromisoformat(first), date.fromisoformat(last))
    batches = list(source.pull(stream, window, said))
    assert all(batch.schema == stream.schema for batch in batches)
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, stream.schema).to_pylist()
    return rows, said


def failure(source: SearchConsole) -> OkrError:
    with pytest.raises(OkrError) as caught:
        pull(source, "days", "2026-10-01", "2026-10-03")
    assert str(caught.value).startswith("search: ")
    assert "PRIVATE KEY" not in str(caught.value)
    return caught.value


def test_a_day_counts_every_search_and_weights_its_position_by_impressions(stage: Stage) -> None:
    rows, _ = pull(connector(stage), "days", "2026-10-01", "2026-10-01")
    position = (2.0 * 100 + 5.0 * 50 + 9.0 * 50) / 200
    assert rows == [{"day": date(2026, 10, 1), "clicks": 10, "impressions": 200, "position": position}]


def test_anonymised_queries_are_missing_among_the_queries_and_their_impressions_are_noted(stage: Stage) -> None:
    rows, said = pull(connector(stage), "queries", "2026-10-01", "2026-10-01")
    assert [row["query"] for row in rows] == ["air fryer", "หม้อทอดไร้น้ำมัน"]
    assert said.notes["impressions_of_anonymised_queries"] == 50


@pytest.mark.parametrize("name", ["days", "queries"])
def test_only_the_days_of_the_window_come(stage: Stage, name: str) -> None:
    rows, _ = pull(connector(stage), name, "2026-10-02", "2026-10-03")
    assert {row["day"] for row in rows} == {date(2026, 10, 3)}


@pytest.mark.parametrize(
    ("first", "last", "available"),
    [
        ("2026-10-01", "2026-10-03", date(2026, 10, 3)),
        ("2026-10-02", "2026-10-02", date(2026, 10, 2)),  # an empty day that the source is past
        ("2026-10-01", "2026-10-06", date(2026, 10, 4)),  # the source has not got further
        ("2026-10-06", "2026-10-06", date(2026, 10, 4)),  # nothing of the window is there yet
    ],
)
def test_an_empty_day_is_not_a_day_that_is_not_there_yet(stage: Stage, first: str, last: str, available: date) -> None:
    _, said = pull(connector(stage), "days", first, last)
    assert said.available_through == available


def test_the_day_before_the_first_incomplete_one_is_the_last_final_one(stage: Stage) -> None:
    rows, said = pull(connector(stage), "days", "2026-10-03", "2026-10-04")
    assert [row["clicks"] for row in rows] == [5, 4]  # 6 tenths of 7, cut
    assert said.final_through == date(2026, 10, 3)


def test_the_reference_spelling_of_the_first_incomplete_day_is_understood(stage: Stage) -> None:
    stage.answer({"metadata": {"first_incomplete_date": "2026-10-03"}})
    rows, said = pull(connector(stage), "days", "2026-10-01", "2026-10-02")
    assert (rows, said.final_through) == ([], date(2026, 10, 2))


def test_a_configured_time_until_final_goes_before_what_the_source_says(stage: Stage) -> None:
    _, said = pull(connector(stage, final_after=10), "days", "2026-10-01", "2026-10-04")
    assert said.final_through is None


def test_a_restated_day_is_seen_whole_a_day_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKR_NOW", "2026-10-07T00:00:01-07:00")
    rows, _ = pull(connector(stage), "days", "2026-10-04", "2026-10-04")
    assert rows[0]["clicks"] == 7


@pytest.mark.parametrize("rows_there", [0, 1, 4, 5, 6])
def test_pages_are_put_together(stage: Stage, rows_there: int) -> None:
    lines = [f"2026-10-01,query {n},{n},{n + 1},1.0,false\n" for n in range(rows_there)]
    (stage.folder / stand_in.FILE).write_text(HEADER + "".join(lines), encoding="utf-8")
    rows, _ = pull(connector(stage, page_size=5), "queries", "2026-10-01", "2026-10-02")
    assert sorted(row["query"] for row in rows) == [f"query {n}" for n in range(rows_there)]


def test_a_day_at_googles_row_limit_is_noted_as_truncated(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("okr_pipeline.connectors.search_console.ROWS_PER_DAY", 2)
    _, said = pull(connector(stage), "queries", "2026-10-01", "2026-10-03")
    assert said.notes["truncated_days"] == ["2026-10-01"]


def test_an_edit_of_the_truth_counts_at_once(stage: Stage) -> None:
    pull(connector(stage), "days", "2026-10-03", "2026-10-03")
    (stage.folder / stand_in.FILE).write_text(TRUTH.replace(",5,80,", ",4,800,"), encoding="utf-8")
    rows, _ = pull(connector(stage), "days", "2026-10-03", "2026-10-03")
    assert rows[0]["impressions"] == 800


def test_nobody_is_asked_but_the_endpoint_and_the_token_uri(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, resolve = set(), socket.getaddrinfo

    def noted(host: Any, *rest: Any, **named: Any) -> Any:
        asked.add(host)
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    before = set(threading.enumerate())
    pull(connector(stage), "days", "2026-10-01", "2026-10-01")
    for thread in set(threading.enumerate()) - before:  # a look-up of google-auth's would be in the background
        thread.join(5)
    assert asked == {"127.0.0.1"}


GOOGLE = {"error": {"code": 0, "message": "Too bad", "errors": [{"message": "Too bad", "domain": "global"}]}}
QUOTA = {"error": {"code": 403, "message": "Too bad", "errors": [{"message": "Too bad", "reason": "quotaExceeded"}]}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, GOOGLE, SourceRejected),
        (401, GOOGLE, SourceRejected),
        (403, GOOGLE, SourceRejected),
        (404, GOOGLE, SourceRejected),
        (403, QUOTA, SourceUnavailable),
        (429, GOOGLE, SourceUnavailable),
        (500, GOOGLE, SourceUnavailable),
        (503, "<html>" + "busy " * 1000, SourceUnavailable),
    ],
)
def test_a_refusal_says_who_can_mend_it(stage: Stage, status: int, body: Any, kind: type[OkrError]) -> None:
    stage.answer(body, status)
    error = failure(connector(stage))
    assert type(error) is kind
    assert str(status) in str(error)
    assert len(str(error)) < 500


@pytest.mark.parametrize(("header", "wait"), [({"Retry_After": "7"}, 7.0), ({}, None)])
def test_the_wait_that_google_asks_for_is_handed_on(stage: Stage, header: dict[str, str], wait: float | None) -> None:
    stage.answer(GOOGLE, 429, **header)
    error = failure(connector(stage))
    assert isinstance(error, SourceUnavailable)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("header", "wait"),
    [(None, None), ("", None), ("12", 12.0), ("0", None), ("-3", None), ("nan", None), ("soon", None)],
)
def test_retry_after_is_a_number_that_is_no_wait_when_it_is_nothing(header: str | None, wait: float | None) -> None:
    assert seconds_to_wait(header) == wait


def test_retry_after_may_be_a_date() -> None:
    assert (seconds_to_wait("Fri, 31 Dec 2999 23:59:59 GMT") or 0) > 3600
    assert seconds_to_wait("Wed, 21 Oct 2015 07:28:00 GMT") is None


GOOD = {"keys": ["2026-10-01"], "clicks": 1, "impressions": 2, "position": 1.5}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"rows": [{"keys": ', "not the documented JSON object"),
        (b"\xff\xfe", "cannot be read"),
        ({"rows": {}}, "not the documented JSON object"),
        ({"rows": [{**GOOD, "keys": []}]}, "keys"),
        ({"rows": [{**GOOD, "keys": ["yesterday"]}]}, "yesterday"),
        ({"rows": [{name: value for name, value in GOOD.items() if name != "clicks"}]}, "clicks in 1 of 1 rows"),
        ({"rows": [{**GOOD, "clicks": "1"}]}, "cannot be read"),
        ({"rows": [{**GOOD, "clicks": 1.5}]}, "cannot be read"),
        ({"rows": [GOOD], "metadata": {"firstIncompleteDate": "soon"}}, "soon"),
    ],
)
def test_rows_that_break_the_apis_promise_are_rejected(stage: Stage, body: Any, said: str) -> None:
    stage.answer(body)
    error = failure(connector(stage))
    assert isinstance(error, DataRejected)
    assert said in str(error)


def test_a_source_that_is_away_is_unavailable(stage: Stage) -> None:
    assert isinstance(failure(connector(stage, endpoint=f"http://127.0.0.1:{faults.closed_port()}")), SourceUnavailable)


def test_a_token_endpoint_that_is_away_is_unavailable(stage: Stage) -> None:
    stage.account.write_account(stage.folder / "away.json", f"http://127.0.0.1:{faults.closed_port()}/token")
    key = json.loads((stage.folder / "away.json").read_text())
    key.pop("universe_domain", None)
    (stage.folder / "away.json").write_text(json.dumps(key))
    assert isinstance(failure(connector(stage, credentials=str(stage.folder / "away.json"))), SourceUnavailable)


def test_a_key_that_google_no_longer_knows_is_rejected(stage: Stage) -> None:
    key = json.loads((stage.folder / "key.json").read_text())
    (stage.folder / "key.json").write_text(json.dumps({**key, "client_email": "somebody@else.example"}))
    error = failure(connector(stage))
    assert isinstance(error, SourceRejected)
    assert "invalid_grant" in str(error)


def test_a_site_that_the_account_may_not_see_is_rejected_with_what_to_do(stage: Stage) -> None:
    error = failure(connector(stage, site="sc-domain:example.com"))
    assert isinstance(error, SourceRejected)
    assert "Add the service account" in str(error)


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_a_credentials_file_that_is_missing_or_not_a_key_is_rejected(stage: Stage, content: str | None) -> None:
    if content is None:
        (stage.folder / "key.json").unlink()
    else:
        (stage.folder / "key.json").write_text(content)
    error = failure(connector(stage))
    assert isinstance(error, SourceRejected)
    assert "JSON key" in str(error)


def test_a_key_that_was_pasted_in_place_of_its_path_is_not_shown(stage: Stage) -> None:
    error = failure(connector(stage, credentials=(stage.folder / "key.json").read_text()))
    assert isinstance(error, SourceRejected)
    assert "client_email" not in str(error)


def test_an_unavailable_source_is_asked_again_over_a_new_connection(stage: Stage) -> None:
    stage.answer(GOOGLE, 429, Retry_After="0.2")
    with pytest.raises(SourceUnavailable):
        pull(connector(stage, retry_for=1), "days", "2026-10-01", "2026-10-01")
    assert len(stage.asked_from) > 1
    assert len(set(stage.asked_from)) == len(stage.asked_from)


def test_the_seeded_truth_is_written_once_and_has_an_empty_day(tmp_path: Path) -> None:
    stand_in.seed(tmp_path)
    path = tmp_path / stand_in.FILE
    first = path.read_text(encoding="utf-8")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    days = {date.fromisoformat(row["day"]) for row in rows}
    year = {stand_in.FIRST + timedelta(days=n) for n in range((stand_in.LAST - stand_in.FIRST).days + 1)}
    assert year - days == {stand_in.EMPTY_DAY}
    path.write_text(HEADER, encoding="utf-8")
    stand_in.seed(tmp_path)
    assert path.read_text(encoding="utf-8") == HEADER
    path.unlink()
    stand_in.seed(tmp_path)
    assert path.read_text(encoding="utf-8") == first


def test_half_of_the_target_keywords_are_seen_in_the_first_week_and_more_by_the_demo_date(tmp_path: Path) -> None:
    stand_in.seed(tmp_path)
    targets = {keyword.strip().lower() for keyword in TARGET_KEYWORDS}
    with (tmp_path / stand_in.FILE).open(encoding="utf-8", newline="") as file:
        shown = [(row["day"], row["query"]) for row in csv.DictReader(file) if row["anonymised"] == "false"]

    def seen(last: str) -> int:
        return len({query for day, query in shown if "2026-10-01" <= day <= last} & targets)

    assert len(targets) == 60
    assert (seen("2026-10-07"), seen("2026-11-13")) == (30, 37)
