"""JSON over HTTP, against a server that answers what each test writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError
from stage import Stage, stage
from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response, StreamingResponse

from okr_pipeline.connectors import json_rows, wire
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.credentials import ClientCredentials, basic, bearer
from okr_pipeline.connectors.json_api import ApiSettings, JsonApi
from okr_pipeline.connectors.paging import Paging, Request, by_cursor, by_link_header, by_next_link, by_offset, by_page
from okr_pipeline.connectors.paging import next_link as linked
from okr_pipeline.connectors.reach import endpoint_problem, is_public
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable

SECRET = "s3cret-0123456789"


class Source(Connector):
    Settings = ApiSettings

    def streams(self) -> Sequence[Stream]:
        return []

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        yield from ()


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def api(server: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.clear()
    return server


def source(**settings: Any) -> Source:
    return Source("shop", ApiSettings(**{"connector": "shop", "retry_for": 0, **settings}))


def ask(api: Stage, path: str = "/things", endpoint: str = "", **options: Any) -> Any:
    settings = options.pop("settings", {})
    with JsonApi(source(**settings), "Shop", endpoint or api.url, **options) as client:
        return client.ask(Request(path)).body


def failure(api: Stage, **options: Any) -> OkrError:
    with pytest.raises(OkrError) as caught:
        ask(api, **{"credentials": bearer(SECRET), **options})
    assert str(caught.value).startswith("shop: ")
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("part", [1, 2, 3, 50])
@pytest.mark.parametrize("kind", [str, int])
def test_keys_that_came_twice_are_counted_wherever_they_come(
    monkeypatch: pytest.MonkeyPatch, part: int, kind: Callable[[int], Any]
) -> None:
    monkeypatch.setattr(json_rows, "PART", part)
    keys = json_rows.Keys()
    keys.check("nothing came")
    for number in [*range(250), 3, 120, 120]:  # a page each
        keys.add(pa.table({"a": [kind(number)], "b": [number % 7]}))
    with pytest.raises(DataRejected, match="here: 3 of 253 rows came twice"):
        keys.check("here")
    alone = json_rows.Keys()
    alone.add(pa.table({"a": [kind(number // 2) for number in range(8)], "b": [0, 1] * 4}))
    alone.check("each is there once")


def rows(api: Stage, paging: Paging | None, total: Any = None, **params: Any) -> list[Any]:
    with JsonApi(source(), "Shop", api.url) as client:
        request = Request("/things", params)
        return [row for page in client.pages(request, paging, itemgetter("rows"), total) for row in page.rows]


class Shelf:
    """Seven things, two on a page, by any way of paging."""

    def __call__(self, asked: Asked) -> Response:
        start = int(asked.query_params.get("offset", 0)) or 2 * int(asked.query_params.get("page", 0))
        page = [{"id": n} for n in range(start, min(start + 2, 7))]
        more = start + 2 < 7
        body = {
            "rows": page,
            "next": start + 2 if more else None,
            "link": f"/things?offset={start + 2}" if more else "",
        }
        link = f'</first>; rel="first", </things?offset={start + 2}>; rel="next"' if more else ""
        return JSONResponse({**body, "total": 7}, headers={"Link": link})


@pytest.mark.parametrize(
    ("paging", "params"),
    [
        (by_page("page"), {"page": 0}),
        (by_offset("offset"), {"offset": 0}),
        (by_cursor("offset", itemgetter("next")), {}),
        (by_next_link(itemgetter("link")), {}),
        (by_link_header, {}),
    ],
    ids=["page", "offset", "cursor", "next link", "Link header"],
)
def test_every_way_of_paging_brings_every_row_once(api: Stage, paging: Paging, params: dict[str, Any]) -> None:
    api.handler = Shelf()
    assert [row["id"] for row in rows(api, paging, **params)] == list(range(7))


def test_without_paging_one_answer_is_all(api: Stage) -> None:
    api.handler = Shelf()
    assert len(rows(api, None)) == 2


@pytest.mark.parametrize(
    ("paging", "params"),
    [
        (by_page("number"), {"number": 0}),
        (by_cursor("token", lambda body: "again"), {}),
        (by_next_link(lambda body: "/things"), {}),
    ],
    ids=["a page parameter that is ignored", "a cursor for ever", "a link to itself"],
)
def test_pages_that_repeat_are_rejected(api: Stage, paging: Paging, params: dict[str, Any]) -> None:
    api.answer({"rows": [{"id": 1}]})
    with pytest.raises(DataRejected, match="same page twice"):
        rows(api, paging, **params)
    assert len(api.asked) <= 3


@pytest.mark.parametrize("totals", [(3, 3), (1, 1), (3, 4)], ids=["too few came", "too many came", "it changed"])
def test_rows_must_be_as_many_as_announced(api: Stage, totals: tuple[int, int]) -> None:
    first = {"rows": [{"id": 1}, {"id": 2}], "total": totals[0], "next": 2}
    api.answer(first, {"rows": [], "total": totals[1], "next": None})
    with pytest.raises(DataRejected, match="announced"):
        rows(api, by_cursor("offset", itemgetter("next")), itemgetter("total"))


@pytest.mark.parametrize("body", [{}, [], {"rows": {"id": 1}}, {"rows": None}, "text"])
def test_an_answer_without_rows_where_they_belong_is_rejected(api: Stage, body: Any) -> None:
    api.answer(body)
    with pytest.raises(DataRejected, match="cannot be read"):
        rows(api, None)


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://a.test/x?page=2>; rel="next"', "https://a.test/x?page=2"),
        ("</x>; rel=prev, </y?a=1,2>; rel=next", "/y?a=1,2"),
        ('</x>; title="a, b; rel=next"; rel="prev", </y>; rel="last NEXT"', "/y"),
        ('</x>; rel="prev"', None),
        ("", None),
    ],
)
def test_the_next_link_of_a_header(header: str, target: str | None) -> None:
    assert linked(header) == target


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"rows": [', "application/json"),
        (b"<html>Please log in</html>", "text/html"),
        (b'{"a": NaN}', "application/json"),
        (b'{"a": "\xa1\xa2"}', "application/json"),
        (b"", "application/json"),
    ],
    ids=["truncated", "html", "NaN", "not UTF-8", "empty"],
)
def test_what_is_not_json_is_rejected_with_what_it_was(api: Stage, content: bytes, kind: str) -> None:
    api.answer(content, media_type=kind)
    error = failure(api)
    assert isinstance(error, DataRejected)
    assert kind in str(error)


@pytest.mark.parametrize(
    "body",
    [
        {"message": f"no, {SECRET}"},
        {"title": "no", "detail": SECRET},
        {"error": "no", "error_description": SECRET},
        {"error": {"message": f"no {SECRET}", "code": 3}},
        {"errors": [{"detail": f"no {SECRET}"}]},
    ],
)
def test_a_refusal_is_told_in_the_sources_own_words_without_secrets(api: Stage, body: Any) -> None:
    api.answer(body, status=403)
    error = failure(api, remedies={403: "Ask for the right to read."})
    assert isinstance(error, SourceRejected)
    assert "(no" in str(error)
    assert "Ask for the right to read." in str(error)


def test_a_refusal_that_means_too_many_requests_is_tried_again_later(api: Stage) -> None:
    api.answer({"error": {"code": 17}}, status=400)
    assert isinstance(failure(api), SourceRejected)
    assert isinstance(failure(api, quota=lambda body: body["error"]["code"] == 17), SourceUnavailable)


def test_the_next_try_follows_a_failure(api: Stage) -> None:
    api.handler = lambda _: Response(status_code=503) if len(api.asked) < 2 else JSONResponse({"rows": []})
    assert ask(api, settings={"retry_for": 20}) == {"rows": []}


def test_an_answer_that_is_too_large_is_rejected(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LARGEST", 1000)
    api.answer({"rows": ["x" * 2000]})
    assert isinstance(failure(api), DataRejected)


def test_an_answer_that_drips_in_is_given_up(api: Stage) -> None:
    def drip(_: Asked) -> Response:
        def drops() -> Iterator[bytes]:
            while True:
                time.sleep(0.06)
                yield b" "

        return StreamingResponse(drops(), media_type="application/json")

    api.handler = drip
    assert isinstance(failure(api, settings={"answer_within": 1}), SourceUnavailable)


def test_requests_keep_to_their_rate(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(wire.time, "sleep", slept.append)
    api.answer({"rows": [1]}, {"rows": [2]}, {"rows": []})
    with JsonApi(source(requests_per_minute=6), "Shop", api.url) as client:
        assert [page.rows for page in client.pages(Request("/", {"page": 1}), by_page("page"), itemgetter("rows"))] == [
            [1],
            [2],
            [],
        ]
    assert slept[0] == 0
    assert all(0 < pause <= 10 for pause in slept[1:])


def test_headers_show_who_asks(api: Stage) -> None:
    api.answer({})
    ask(api, credentials={"X-Api-Key": "k"}, headers={"Version": "2"})
    ask(api, credentials=basic("ผู้ใช้", "รหัส"))
    assert (api.asked[0].headers["x-api-key"], api.asked[0].headers["version"]) == ("k", "2")
    assert api.asked[1].headers["authorization"].startswith("Basic 4Lic4Li54")


class Grants:
    """A token endpoint, and an API that takes only the newest token, each of them so many times."""

    def __init__(self, lasts: int, times: int = 9) -> None:
        self.lasts, self.times, self.tokens, self.used = lasts, times, 0, 0

    def __call__(self, asked: Asked) -> Response:
        if asked.url.path == "/token":
            self.tokens, self.used = self.tokens + 1, 0
            return JSONResponse({"access_token": f"token-{self.tokens}", "expires_in": self.lasts})
        self.used += 1
        right = asked.headers.get("authorization") == f"Bearer token-{self.tokens}" and self.used <= self.times
        return JSONResponse({}, 200 if right else 401)


@pytest.mark.parametrize(("lasts", "times", "tokens"), [(3600, 9, 1), (60, 9, 3), (3600, 1, 3)])
def test_a_token_is_asked_for_once_and_renewed_when_it_ends(api: Stage, lasts: int, times: int, tokens: int) -> None:
    api.handler = grants = Grants(lasts, times)
    grant = ClientCredentials(f"{api.url}/token", "me", SECRET, "read")
    with JsonApi(source(), "Shop", api.url, credentials=grant) as client:
        for _ in range(3):
            client.ask(Request("/things"))
    assert grants.tokens == tokens
    assert b"client_credentials" in api.bodies[0]
    assert api.asked[0].headers["authorization"].startswith("Basic ")


def test_a_wrong_client_secret_is_rejected_and_not_shown(api: Stage) -> None:
    api.answer({"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, status=401)
    error = failure(api, credentials=ClientCredentials(f"{api.url}/token", "me", SECRET, in_body=True))
    assert isinstance(error, SourceRejected)
    assert "invalid_client" in str(error)
    assert SECRET.encode() in api.bodies[0]


def test_a_redirect_on_the_same_host_is_followed(api: Stage) -> None:
    api.handler = lambda asked: (
        JSONResponse({"at": "last"})
        if asked.url.path == "/there"
        else Response(status_code=307, headers={"Location": "/there"})
    )
    assert ask(api, credentials=bearer(SECRET)) == {"at": "last"}
    assert api.asked[1].headers["authorization"] == f"Bearer {SECRET}"


def test_a_redirect_without_an_end_is_rejected(api: Stage) -> None:
    api.answer({}, status=302, Location="/things")
    assert "302" in str(failure(api))
    assert len(api.asked) < 10


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "http://localhost:9/", "https://evil.test/", "//evil.test", "ftp://127.0.0.1/"],
)
def test_a_redirect_or_next_link_to_another_host_is_refused(api: Stage, target: str) -> None:
    api.answer({"rows": [1], "next": target}, status=302, Location=target)
    assert isinstance(failure(api), SourceRejected)
    api.answer({"rows": [1], "next": target})
    api.asked.clear()
    with pytest.raises(SourceRejected, match="was sent on to"):
        rows(api, by_next_link(itemgetter("next")))
    assert len(api.asked) == 1


def test_another_host_that_is_named_gets_no_credentials(api: Stage) -> None:
    elsewhere = api.url.replace("127.0.0.1", "localhost")
    api.handler = lambda asked: (
        JSONResponse({})
        if asked.url.hostname == "localhost"
        else Response(status_code=302, headers={"Location": elsewhere})
    )
    assert ask(api, credentials=bearer(SECRET), also=["localhost"]) == {}
    assert "authorization" not in api.asked[1].headers


def test_a_public_name_at_a_private_address_is_refused_before_anything_is_sent(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    real = socket.getaddrinfo
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))
    port = api.url.rpartition(":")[2]
    error = failure(api, endpoint=f"https://api.example.com:{port}")
    assert isinstance(error, SourceRejected)
    assert "api.example.com at 127.0.0.1, which is not a public address" in str(error)
    assert not api.asked
    allowed = failure(api, endpoint=f"https://api.example.com:{port}", settings={"allow_private": True})
    assert isinstance(allowed, SourceUnavailable)  # it connected, and found that nobody speaks TLS there


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.0.0.1", False),
        ("172.16.3.4", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_an_empty_endpoint_is_the_sources_own_or_missing() -> None:
    """`${NAME:-}` makes one, so that the same file serves the sandbox and the source."""
    from okr_pipeline.connectors.brevo import BrevoSettings
    from okr_pipeline.connectors.mailchimp import MailchimpSettings
    from okr_pipeline.connectors.salesforce import SalesforceSettings

    given = {"api_key": "any-us6", "endpoint": ""}
    assert BrevoSettings.model_validate({**given, "connector": "brevo"}).endpoint == "https://api.brevo.com"
    assert MailchimpSettings.model_validate({**given, "connector": "mailchimp"}).endpoint == ""  # from the key's ending
    client = {"connector": "salesforce", "client_id": "me", "client_secret": "any"}
    with pytest.raises(ValidationError, match=r"endpoint\n\s+Field required"):
        SalesforceSettings.model_validate({**client, "endpoint": ""})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://api.example.com/v1", None),
        ("http://127.0.0.1:8000", None),
        ("http://[::1]:8000", None),
        ("http://localhost", None),
        ("http://api.example.com", "write https://api.example.com"),
        ("http://127.0.0.1.example.com", "in the clear"),
        ("https://me:pass@api.example.com", "under `auth`"),
        ("api.example.com", "write for example"),
        ("https://api.example.com:port", "write for example"),
        ("file:///etc/passwd", "write for example"),
    ],
)
def test_what_an_endpoint_may_be(url: str, said: str | None) -> None:
    problem = endpoint_problem(url)
    assert (problem is None) if said is None else (said in (problem or ""))
