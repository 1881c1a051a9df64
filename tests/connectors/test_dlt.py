"""dlt's resources as sources: the contract over the sandbox's review service, and what else they may give."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pytest

from okr_pipeline import sandbox
from okr_pipeline.connectors.contract import Connector, Said, Window
from okr_pipeline.connectors.dlt import Dlt, DltSettings
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable

dlt = pytest.importorskip("dlt", reason="the extra `dlt` is not installed")
Client = pytest.importorskip("dlt.sources.helpers.requests").Client

NOVEMBER = Window(date(2026, 11, 2), date(2026, 11, 3))
REVIEWS = {
    "resource": f"{__name__}:reviews",
    "arguments": {"since": "{first:utc}", "until": "{after:utc}"},
    "columns": {"review_id": "text", "posted_at": "timestamp", "product": "text", "stars": "integer"},
    "paths": {"review_id": "id", "product": "product.sku", "stars": "rating.stars"},
    "days": {"posted_on": "posted_at"},
    "key": ["review_id"],
    "date": "posted_on",
}


@dlt.resource
def reviews(endpoint: str, token: str, since: str, until: str) -> Iterator[Any]:
    """A careful resource over dlt's own session: dlt's RESTClient would follow a page that repeats for ever, and replace
    bytes that are no UTF-8."""
    session = Client(request_max_attempts=1, request_timeout=10, raise_for_status=True).session
    cursors: list[str | None] = [None]
    while True:
        asked = {"posted_from": since, "posted_before": until, "limit": 50, "cursor": cursors[-1]}
        answer = session.get(f"{endpoint}/v1/reviews", params=asked, headers={"Authorization": f"Bearer {token}"})
        body = orjson.loads(answer.content)
        yield body["data"]["items"]
        cursors.append(body["meta"]["next_cursor"])
        if cursors[-1] is None:
            return
        if cursors[-1] in cursors[:-1]:
            raise ValueError("a page came twice")


def connector(*, endpoint: str = "", secrets: Any = None, **stream: Any) -> Dlt:
    written = {"connector": "dlt", "timezone": "Asia/Bangkok", "endpoint": endpoint, "secrets": secrets or {}}
    return Dlt("given", DltSettings.model_validate({**written, "retry_for": 0, "streams": {"rows": stream}}))


class TestReviews(ConnectorContract):
    # How large pages are, and how long an answer may take, is the resource's own affair.
    window = Window(date(2026, 11, 2), date(2026, 11, 12))
    not_applicable = {"pages", "slow-drip"}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connector]:
        with pytest.MonkeyPatch.context() as patch, sandbox.running(tmp_path_factory.mktemp("home")) as variables:
            patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
            secrets = {"token": variables["REVIEWS_TOKEN"]}
            yield connector(endpoint=variables["REVIEWS_ENDPOINT"], secrets=secrets, **REVIEWS)

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls) -> Iterator[Connector]:
        columns = {"id": "integer", "day": "date", "page": "text"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
            yield connector(resource="large:visits", columns=columns, key=["id"], date="day")


def pulled(made: Dlt) -> list[dict[str, Any]]:
    (stream,) = made.streams()
    return pa.Table.from_batches(made.pull(stream, NOVEMBER, Said()), stream.schema).to_pylist()


PLAIN = {"columns": {"day": "date", "visits": "integer"}, "key": ["day"], "date": "day"}
ROWS = [{"day": date(2026, 11, day), "visits": day} for day in (1, 2, 3)]


@dlt.resource
def of_rows() -> Iterator[Any]:
    yield ROWS[0]
    yield ROWS[1:]


@dlt.resource
def of_arrow() -> Iterator[Any]:
    yield pa.Table.from_pylist(ROWS)


@dlt.resource
def of_pandas() -> Iterator[Any]:
    yield pd.DataFrame(ROWS)


@dlt.resource
def of_both() -> Iterator[Any]:
    yield ROWS[1]
    yield pa.Table.from_pylist(ROWS[2:])


@dlt.source
def several() -> Any:
    return of_rows, of_arrow


@pytest.mark.parametrize("name", ["of_rows", "of_arrow", "of_pandas", "of_both"])
def test_a_resource_may_give_rows_lists_and_tables(name):
    assert pulled(connector(resource=f"{__name__}:{name}", **PLAIN)) == ROWS[1:]


def test_one_resource_of_a_source_is_selected_by_its_name():
    assert pulled(connector(resource=f"{__name__}:several", select="of_arrow", **PLAIN)) == ROWS[1:]
    with pytest.raises(SourceRejected, match=r"has the resources of_rows, of_arrow\. Name one in `select`"):
        pulled(connector(resource=f"{__name__}:several", **PLAIN))


@dlt.resource
def since(last_day: Any = dlt.sources.incremental("day", initial_value=date(2026, 11, 3))) -> Iterator[Any]:  # noqa: B008
    """Keeps its place in dlt's state, were it kept."""
    yield ROWS


def test_the_state_of_dlt_is_not_used():
    made = connector(resource=f"{__name__}:since", **PLAIN)
    assert pulled(made) == pulled(made) == ROWS[2:]


FAILURES = [
    (KeyError("visits"), DataRejected, "KeyError: 'visits'"),
    (ValueError("no number"), DataRejected, "ValueError: no number"),
    (TimeoutError(), SourceUnavailable, "cannot reach its source (TimeoutError)"),
    (DataRejected("given: it said so. Look there."), DataRejected, "given: it said so. Look there."),
]


@dlt.resource
def failing(which: int, after: int = 0) -> Iterator[Any]:
    yield from ROWS[:after]
    raise FAILURES[which][0]


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("which", range(len(FAILURES)))
def test_what_a_resource_raises_is_told_by_who_can_mend_it(which, after):
    _, kind, words = FAILURES[which]
    with pytest.raises(OkrError) as found:
        pulled(connector(resource=f"{__name__}:failing", arguments={"which": which, "after": after}, **PLAIN))
    assert type(found.value) is kind
    assert words in str(found.value)
    assert str(found.value).startswith("given: ")


MISTAKES = [
    ({"resource": "nowhere_at_all:rows"}, "No module named 'nowhere_at_all'"),
    ({"resource": f"{__name__}:none"}, "has no attribute 'none'"),
    (
        {"resource": f"{__name__}:of_rows", "arguments": {"days": 3}},
        "unexpected keyword argument 'days'. Mend `arguments`.",
    ),
]


@pytest.mark.parametrize(("written", "words"), MISTAKES)
def test_a_resource_that_cannot_be_called_is_a_mistake_to_mend(written, words):
    with pytest.raises(SourceRejected) as found:
        pulled(connector(**written, **PLAIN))
    assert words in str(found.value)


def test_instants_with_a_zone_become_days_of_the_sources():
    columns = {"posted_at": "timestamp"}
    made = connector(
        resource=f"{__name__}:instants", columns=columns, days={"day": "posted_at"}, key=["posted_at"], date="day"
    )
    assert [row["day"] for row in pulled(made)] == [date(2026, 11, 2)]


@dlt.resource
def instants() -> Iterator[Any]:
    yield {"posted_at": datetime.fromisoformat("2026-11-02T00:30:00+07:00")}


def test_without_dlt_the_remedy_is_told_and_nothing_else_needs_it(tmp_path: Path):
    """In a process where dlt cannot be imported."""
    (tmp_path / "dlt.py").write_text("raise ModuleNotFoundError(\"No module named 'dlt'\", name='dlt')", "utf-8")
    code = (
        "from datetime import date\n"
        "from okr_pipeline.connectors.contract import Said, Window\n"
        "from okr_pipeline.connectors.dlt import Dlt, DltSettings\n"
        "stream = {'resource': 'a:b', 'columns': {'day': 'date'}, 'key': ['day'], 'date': 'day'}\n"
        "made = Dlt('given', DltSettings(connector='dlt', streams={'rows': stream}))\n"
        "try:\n    list(made.pull(made.streams()[0], Window(date(2026, 11, 2), date(2026, 11, 2)), Said()))\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    path = f"{tmp_path}:{Path(__file__).parents[2]}"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        "SourceRejected given: dlt is not installed. Install it with `pip install 'okr-pipeline[dlt]'`."
    )
