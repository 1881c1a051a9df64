"""`rest`: the example of docs/rest.md against the sandbox, and answers made up to go wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML
from stage import Stage, stage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from okr_pipeline.config import load
from okr_pipeline.config.source import Problems, read
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.rest import Rest
from okr_pipeline.connectors.rest_settings import RestSettings
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected
from okr_pipeline.sandbox import reviews

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
EXAMPLE, METRIC = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
OCTOBER = Window(date(2026, 10, 1), date(2026, 10, 31))


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def api(server: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
    server.clear()
    return server


def source(api: Stage, **changed: Any) -> Rest:
    """One stream of things, changed in some fields."""
    declared = {
        "get": "/things",
        "rows": "$.things",
        "columns": {"id": "text", "day": "date", "size": "integer"},
        "paths": {"size": "$.measures.size"},
        "key": ["id"],
        "date": "day",
        **changed,
    }
    timezone, size = declared.pop("timezone", "Asia/Bangkok"), declared.pop("page_size", None)
    settings = {"connector": "rest", "endpoint": api.url, "timezone": timezone, "retry_for": 0, "page_size": size}
    settings["auth"] = declared.pop("auth", None)
    return Rest("shop", RestSettings(**settings, streams={"things": declared}))


def pull(made: Rest, window: Window = OCTOBER, said: Said | None = None) -> list[dict[str, Any]]:
    (stream,) = made.streams()
    batches = list(made.pull(stream, window, said or Said()))
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, stream.schema).to_pylist()
    return rows


def thing(**changed: Any) -> dict[str, Any]:
    return {"id": "a", "day": "2026-10-05", "measures": {"size": 3}, **changed}


def failure(api: Stage, *things: Any, **changed: Any) -> str:
    api.answer({"things": list(things)})
    with pytest.raises(DataRejected) as caught:
        pull(source(api, **changed))
    return str(caught.value)


@pytest.fixture
def reviewed(api: Stage, tmp_path: Path) -> tuple[Stage, Rest]:
    reviews.seed(tmp_path)
    app = Starlette(routes=reviews.routes(tmp_path))

    class Served:
        def __call__(self, _: Any) -> Any:
            return app

    api.handler = Served()
    text = EXAMPLE
    for name, value in reviews.env(api.url).items():
        text = text.replace(f"${{{name}}}", value)
    return api, Rest("reviews", RestSettings(**YAML(typ="safe").load(text)))


def test_the_example_of_the_manual_pulls_every_review_of_the_windows_days(
    reviewed: tuple[Stage, Rest], tmp_path: Path
) -> None:
    api, made = reviewed
    said = Said()
    rows = pull(made, said=said)
    truth = [line.split(",") for line in (tmp_path / reviews.FILE).read_text().splitlines()[1:]]
    october = [row for row in truth if "2026-09-30T17:00:00Z" <= row[1] < "2026-10-31T17:00:00Z"]
    assert [row["review_id"] for row in rows] == [row[0] for row in october]
    assert [row["stars"] for row in rows] == [int(row[3]) for row in october]
    assert {row["posted_on"] for row in rows} == {date(2026, 10, day) for day in range(1, 32)}
    assert api.params[0] == {
        "posted_from": "2026-09-30T17:00:00Z",
        "posted_before": "2026-10-31T17:00:00Z",
        "limit": "50",
    }
    assert said.notes["rows"] == len(rows) > 2 * reviews.LARGEST_PAGE
    assert said.notes["pages"] == len(api.asked) > 2
    assert any(row["replied_at"] is None for row in rows)


def test_the_example_passes_okr_check(config: Path) -> None:
    (config / "connectors" / "reviews.yaml").write_text(EXAMPLE, encoding="utf-8")
    (config / "metrics" / "reviews.yaml").write_text(METRIC, encoding="utf-8")
    loaded = load(config, {}, unset_is_wrong=False)
    assert loaded.tables["reviews_reviews"].stream.date == "posted_on"
    assert "review_stars" in loaded.metrics


def test_rows_come_as_the_declared_types(api: Stage) -> None:
    row = {
        "id": 7,
        "n": "12",
        "money": 0.1,
        "yes": "true",
        "at": 1_791_158_400_000,
        "when": "2026-10-05T01:00:00+07:00",
    }
    types = {"id": "text", "n": "integer", "money": "decimal", "yes": "boolean", "at": "timestamp", "when": "timestamp"}
    api.answer([row, {**dict.fromkeys(row), "id": "b", "more": [1]}])
    made = source(api, rows="$", columns=types, paths={}, epochs={"at": "milliseconds"}, date=None)
    first, second = pull(made)
    assert (first["id"], first["n"], str(first["money"]), first["yes"]) == ("7", 12, "0.100000000", True)
    assert first["at"] == datetime(2026, 10, 5, 0, 0)  # noqa: DTZ001 - naive UTC is what is stored
    assert first["when"] == datetime(2026, 10, 4, 18, 0)  # noqa: DTZ001
    assert second == {**dict.fromkeys(types), "id": "b"}


@pytest.mark.parametrize(
    ("rows", "body"),
    [
        ("$", [thing()]),
        ("$.things", {"things": [thing()]}),
        ("things", {"things": [thing()]}),
        ("$.things[*]", {"things": [thing()]}),
        ("$.groups[*].things[*]", {"groups": [{"things": []}, {"things": [thing()]}]}),
        ("$.things[?@.id == 'a']", {"things": [thing(), thing(id="b")]}),
    ],
)
def test_rows_are_where_their_path_leads(api: Stage, rows: str, body: Any) -> None:
    api.answer(body)
    assert [row["id"] for row in pull(source(api, rows=rows))] == ["a"]


@pytest.mark.parametrize(
    ("path", "row", "value"),
    [
        ("size", {"size": 1}, 1),
        ("a.b", {"a": {"b": 2}}, 2),
        ("a.b", {"a": None}, None),
        ("$['odd name'][1]", {"odd name": [0, 3]}, 3),
        ("$.fields[?@.name == 'size'].value", {"fields": [{"name": "x", "value": 0}, {"name": "size", "value": 4}]}, 4),
    ],
)
def test_columns_are_where_their_paths_lead(api: Stage, path: str, row: Any, value: int | None) -> None:
    api.answer({"things": [{"id": "a", "day": "2026-10-05", **row}]})
    assert [row["size"] for row in pull(source(api, paths={"size": path}))] == [value]


def test_rows_of_other_days_are_left_out(api: Stage) -> None:
    api.answer({"things": [thing(id="a", day="2026-09-30"), thing(id="b"), thing(id="c", day="2026-11-01")]})
    assert [row["id"] for row in pull(source(api))] == ["b"]


def test_an_empty_list_is_no_rows(api: Stage) -> None:
    api.answer({"things": []})
    assert pull(source(api)) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measures": {}}, "column size: there is no `$.measures.size`"),
        ({"measures": {"size": "big"}}, "column size: 'big' is not of type integer"),
        ({"measures": {"size": 1.5}}, "column size: 1.5 is not of type integer"),
        ({"measures": {"size": True}}, "column size: True is not what this column holds"),
        ({"measures": {"size": 10**30}}, "column size"),
        ({"measures": {"size": 2**63}}, "column size"),
        ({"measures": {"size": {"cm": 3}}}, "column size: {'cm': 3} is not a single value"),
        ({"measures": {"size": [3]}}, "column size: [3] is not a single value"),
        ({"day": 20261005}, "column day: '20261005' is not of type date"),
        ({"day": "2569-10-05"}, "column day"),
        ({"id": None}, "column id is empty"),
        ({"id": 10**22}, "column id: 1e+22 has more digits"),
    ],
)
def test_a_value_that_is_not_as_declared_is_told_with_its_place(api: Stage, changed: Any, said: str) -> None:
    message = failure(api, thing(id="first"), thing(**changed))
    assert message.startswith("shop: things, page 1, row 2: ")
    assert said in message


def test_a_number_among_texts_and_a_row_that_is_none_are_told(api: Stage) -> None:
    assert "column size: {'a': 1} is not a single" in failure(
        api, thing(), thing(measures={"size": "x"}), thing(measures={"size": {"a": 1}})
    )
    assert "'text', not a row" in failure(api, thing(), "text")


def test_a_missing_field_is_null_only_where_it_is_optional(api: Stage) -> None:
    assert "If it was renamed" in failure(api, thing(), {"id": "b", "day": "2026-10-06"})
    assert [row["size"] for row in pull(source(api, optional=["size"]))] == [3, None]


def test_a_row_on_two_pages_stops_a_pull_that_counts_rows_off(api: Stage) -> None:
    pages = [{"things": [thing(id="a"), thing(id="b")]}, {"things": [thing(id="b"), thing(id="c")]}, {"things": []}]
    api.answer(*pages)
    with pytest.raises(DataRejected, match="1 of 4 rows came twice"):
        pull(source(api, pages={"by": "offset", "param": "skip"}))
    assert [params["skip"] for params in api.params] == ["0", "2", "4"]


def test_pages_are_numbered_from_one_or_from_where_they_start(api: Stage) -> None:
    for start, asked in ((None, ["1", "2"]), (0, ["0", "1"])):
        api.clear()
        api.answer({"things": [thing()]}, {"things": []})
        pull(source(api, pages={"by": "page", "param": "p", **({} if start is None else {"start": start})}))
        assert [params["p"] for params in api.params] == asked


def _shelf(asked: Request) -> Response:
    """Seven things, two on a page, by whichever way of paging is asked for."""
    query = asked.query_params
    start = int(query.get("from", query.get("skip", 0))) or 2 * (int(query.get("p", 1)) - 1)
    things = [thing(id=f"{number}") for number in range(start, min(start + 2, 7))]
    following = start + 2 if start + 2 < 7 else None
    link = following and f"/things?from={following}"
    if not things and "strict" in query:
        return JSONResponse({"message": "There is no such page."}, 404)
    body = {
        "things": things,
        "meta": {"next": following, "link": link, "count": 7, "pages": 4, "more": following is not None},
    }
    headers = {
        "X-Total-Count": "7",
        "X-Total-Pages": "4",
        "X-Next": str(following or ""),
        "X-More": str(bool(following)),
    }
    links = {"Link": f'</things>; rel="first", <{link}>; rel="next"'} if link else {}
    return JSONResponse(body, headers=headers | links)


@pytest.mark.parametrize(
    "total",
    [{}, {"total": "$.meta.count"}, {"total": "header X-Total-Count"}],
    ids=["to the last page", "to the total", "to the total in a header"],
)
@pytest.mark.parametrize(
    ("pages", "requests"),
    [
        ({"by": "page", "param": "p"}, 5),
        ({"by": "offset", "param": "skip"}, 5),
        ({"by": "cursor", "param": "from", "at": "$.meta.next"}, 4),
        ({"by": "cursor", "param": "from", "at": "header x-next"}, 4),
        ({"by": "next_link", "at": "$.meta.link"}, 4),
        ({"by": "link_header"}, 4),
    ],
    ids=lambda value: value["by"] if isinstance(value, dict) else "",
)
def test_every_way_of_paging_that_the_manual_names(api: Stage, pages: Any, requests: int, total: Any) -> None:
    api.handler = _shelf
    assert [row["id"] for row in pull(source(api, pages={**pages, **total}))] == list("0123456")
    assert len(api.asked) == (4 if total else requests)


@pytest.mark.parametrize(
    "told",
    [
        {"more": "$.meta.more"},
        {"count": "$.meta.pages"},
        {"more": "$.meta.more", "count": "$.meta.pages"},
        {"more": "header X-More"},
        {"count": "header X-Total-Pages"},
    ],
)
@pytest.mark.parametrize("start", [{}, {"start": 1}])
def test_the_page_after_the_last_is_not_asked_for_where_a_service_says_which_is_the_last(
    api: Stage, told: Any, start: Any
) -> None:
    api.handler = _shelf
    pages = {"by": "page", "param": "p", **start, **told}
    assert len(pull(source(api, params={"strict": "yes"}, pages=pages))) == 7
    assert len(api.asked) == 4
    with pytest.raises(SourceRejected, match="There is no such page"):
        pull(source(api, params={"strict": "yes"}, pages={"by": "page", "param": "p"}))


def test_as_many_rows_as_wanted_are_asked_for_at_once(api: Stage) -> None:
    api.answer({"things": []})
    pull(source(api, page_size=30, pages={"by": "page", "param": "p", "size": "per_page"}))
    assert api.params == [{"p": "1", "per_page": "30"}]


@pytest.mark.parametrize(
    ("size", "told"), [({"size": "per_page"}, "there is no `page_size`"), ({"page_size": 30}, "page_size goes nowhere")]
)
def test_a_page_size_and_its_parameter_belong_together(api: Stage, size: Any, told: str) -> None:
    pages = {"by": "page", "param": "p", "size": size.get("size")}
    with pytest.raises(ValidationError, match=told):
        source(api, page_size=size.get("page_size"), pages=pages)


@pytest.mark.parametrize(
    ("told", "meta", "said"),
    [
        ({"more": "$.meta.more"}, {}, r"at \$\.meta\.more is nothing, which is no bool"),
        ({"more": "$.meta.more"}, {"more": "false"}, "is 'false', which is no bool"),
        ({"count": "$.meta.pages"}, {"pages": "4"}, "is '4', which is no int"),
        ({"more": "$.meta.more"}, {"more": True}, "the same page twice"),
        ({"count": "header X-Pages"}, {}, "at header X-Pages is nothing, which is no int"),
        ({"count": "header Content-Type"}, {}, "is 'application/json', which is no int"),
        ({"total": "header X-Total"}, {}, "where the number of all rows should be is None"),
        ({"total": "$.meta.count"}, {}, "where the number of all rows should be is None"),
    ],
)
def test_what_a_service_says_of_its_pages_must_be_right(api: Stage, told: Any, meta: Any, said: str) -> None:
    api.answer({"things": [thing()], "meta": meta})
    with pytest.raises(DataRejected, match=said):
        pull(source(api, pages={"by": "page", "param": "p", **told}))


def test_more_that_never_comes_is_not_the_end(api: Stage) -> None:
    api.answer({"things": [thing()], "meta": {"more": True}}, {"things": [], "meta": {"more": True}})
    with pytest.raises(DataRejected, match="it says that there is more, and not where"):
        pull(source(api, pages={"by": "page", "param": "p", "more": "$.meta.more"}))


@pytest.mark.parametrize("in_body", [False, True])
def test_client_credentials_are_changed_for_a_token(api: Stage, in_body: bool) -> None:
    def door(asked: Request) -> Response:
        if asked.url.path == "/token":
            return JSONResponse({"access_token": "t0ken-abc", "token_type": "Bearer", "expires_in": 3600})
        return _shelf(asked) if asked.headers.get("authorization") == "Bearer t0ken-abc" else Response(status_code=401)

    api.handler = door
    client = {"token_url": f"{api.url}/token", "client_id": "me", "client_secret": "s3cret-abc", "scope": "read"}
    made = source(api, auth={"oauth2": {**client, "in_body": in_body}}, pages={"by": "link_header"})
    assert len(pull(made)) == 7
    assert [asked.url.path for asked in api.asked] == ["/token", *["/things"] * 4]
    form = parse_qs(api.bodies[0].decode())
    assert (form["grant_type"], form["scope"]) == (["client_credentials"], ["read"])
    assert form.get("client_secret") == (["s3cret-abc"] if in_body else None)
    assert ("authorization" in api.asked[0].headers) is not in_body


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("{first}", "2026-10-01"),
        ("{last:%d/%m/%Y}", "31/10/2026"),
        ("{after}", "2026-11-01"),
        ("{first:iso}", "2026-10-01T00:00:00+07:00"),
        ("{after:utc}", "2026-10-31T17:00:00Z"),
        ("{first:seconds}", "1790787600"),
        ("{first:milliseconds}", "1790787600000"),
        ('{{"from": "{first}"}}', '{"from": "2026-10-01"}'),
    ],
)
def test_the_windows_days_go_into_the_request(api: Stage, written: str, asked: str) -> None:
    api.answer({"things": []})
    pull(source(api, get="/of/{first:%Y}", params={"since": written, "all": True, "n": 5}))
    assert api.params == [{"since": asked, "all": "true", "n": "5"}]
    assert api.asked[0].url.path == "/of/2026"


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "t0ken-abc"}, "authorization", "Bearer t0ken-abc"),
        ({"headers": {"X-Key": "k3y-abc"}}, "x-key", "k3y-abc"),
        ({"basic": {"user": "me", "password": "pass-abc"}}, "authorization", "Basic bWU6cGFzcy1hYmM="),
    ],
)
def test_each_way_to_show_who_asks(api: Stage, auth: Any, header: str, value: str) -> None:
    api.answer({"message": f"unknown: {value}"}, status=401)
    with pytest.raises(SourceRejected) as caught:
        pull(source(api, auth=auth))
    assert api.asked[0].headers[header] == value
    assert "unknown: ***" in str(caught.value)
    assert value.rpartition(" ")[2] not in str(caught.value) + repr(source(api, auth=auth).settings)


WRONG = [
    ("at: $.meta.next_cursor", "att: $.x", 12, "pages.att: unknown field `att`; did you mean `at`?"),
    (", at: $.meta.next_cursor", "", 12, "by cursor also needs at"),
    ("by: cursor", "by: link_header", 12, "by link_header has no use for at and param"),
    ("by: cursor", "count: $.meta.pages, by: cursor", 12, "by cursor has no use for count"),
    ("{first:utc}", "{frist:utc}", 10, "posted_from: {frist} is not a day of the window"),
    ("{first:utc}", "{first:dd}", 10, "posted_from: {first:dd} is not a way to write a day"),
    ("{first:utc}", "{first", 10, "posted_from"),
    ('"{first:utc}"', "{first}", 10, "put quotes around it"),
    ('"{after:utc}"', "[50]", 10, "params.posted_before: is neither text nor a number"),
    ("$.data.items", "$.data.[", 11, "rows: '$.data.[' is not a JSONPath"),
    ("stars: integer", "stars: int", 13, "columns.stars: input should be 'text'"),
    ("stars: rating.stars", "star: rating.stars", 14, "paths: star is not a column; write one of review_id"),
    ("key: [review_id]", "key: [id]", 16, "key: id is not a column"),
    ("date: posted_on", "date: posted_at", 17, "date: posted_at is not a column of type date"),
    ("date: posted_on", "optional: [review_id]", 17, "optional: review_id is part of the key"),
    ("date: posted_on", "epochs: {stars: seconds}", 17, "epochs: stars is not a timestamp"),
    ("${REVIEWS_ENDPOINT}", "http://api.example.com", 2, "in the clear; write https://api.example.com"),
    ("${REVIEWS_ENDPOINT}", "https://u:hidden@api.example.com", 2, "has a user or a password in it"),
    ('{bearer: "${REVIEWS_TOKEN}"}', "hidden", 3, "auth: is not a mapping"),
    ('{bearer: "${REVIEWS_TOKEN}"}', "{bearer: hidden, basic: {user: a, password: b}}", 3, "exactly one of"),
    ("get: /v1/reviews", "get: v1/reviews", 9, "get:"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "said"), WRONG, ids=[wrong or "left out" for _, wrong, *_ in WRONG])
def test_a_mistake_is_told_once_with_its_line(tmp_path: Path, right: str, wrong: str, line: int, said: str) -> None:
    assert right in EXAMPLE
    problems = Problems()
    (tmp_path / "reviews.yaml").write_text(EXAMPLE.replace(right, wrong), encoding="utf-8")
    written = read(tmp_path / "reviews.yaml", "reviews.yaml", problems)
    assert written
    written.validate(RestSettings, written.resolve({})[0], problems)
    (only,) = problems.found
    assert only.startswith(f"reviews.yaml:{line}: ")
    assert said in only
    assert "hidden" not in only


def test_every_error_is_one_of_ours(api: Stage) -> None:
    api.answer({"things": {}})
    with pytest.raises(OkrError, match=r"no list at \$\.things"):
        pull(source(api))
