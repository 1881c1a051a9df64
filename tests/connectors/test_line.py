"""The LINE connector: the contract against the sandbox's account, and the oddities of its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError
from stage import stage, standing

from okr_pipeline.connectors.contract import Said, Stream, Window
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.connectors.line import DELIVERIES, FOLLOWERS, Line, LineSettings
from okr_pipeline.errors import DataRejected, SourceRejected
from okr_pipeline.sandbox import line as stand_in

DAY = Window(date(2026, 10, 5), date(2026, 10, 5))
SETTINGS = {"connector": "line", "access_token": "ch4nnel-token", "retry_for": 0}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Line]]:
    """Makes a connector to the sandbox's account, with settings changed as told."""
    with (
        pytest.MonkeyPatch.context() as patch,
        standing(stand_in, tmp_path_factory.mktemp("line")) as given,
    ):
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("NO_PROXY", "127.0.0.1")
        settings = {**SETTINGS, "endpoint": given["LINE_ENDPOINT"], "access_token": given["LINE_ACCESS_TOKEN"]}
        yield lambda **changes: Line("line", LineSettings.model_validate({**settings, **changes}))


class TestTheContract(ConnectorContract):
    """An answer is one day, and does not say which: there are no pages that could repeat."""

    not_applicable = {"pages", "repeated-page", "time-zone", "bounded-memory"}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, account: Callable[..., Line]) -> Line:
        return account()


def pull(connector: Line, stream: Stream, window: Window, said: Said | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.Table.from_batches(
        connector.pull(stream, window, said or Said()), stream.schema
    ).to_pylist()
    return rows


@pytest.mark.parametrize("stream", [DELIVERIES, FOLLOWERS], ids=lambda stream: stream.name)
def test_days_come_until_the_first_that_is_not_counted_yet(account: Callable[..., Line], stream: Stream) -> None:
    said = Said()
    rows = pull(account(), stream, Window(date(2026, 11, 10), date(2026, 11, 16)), said)
    assert [row["day"].day for row in rows] == [10, 11, 12, 13, 14]
    assert said.available_through == said.final_through == date(2026, 11, 14)


def test_days_before_the_service_began_have_no_row_and_a_note(account: Callable[..., Line]) -> None:
    said = Said()
    rows = pull(account(), DELIVERIES, Window(date(2026, 5, 30), date(2026, 6, 2)), said)
    assert [row["day"] for row in rows] == [date(2026, 6, 1), date(2026, 6, 2)]
    assert said.notes["days_before_service"] == 2
    assert said.final_through == date(2026, 6, 2)


def test_followers_do_not_add_up(account: Callable[..., Line]) -> None:
    assert set(FOLLOWERS.not_additive) == set(FOLLOWERS.schema.names) - {"day"}
    (row,) = pull(account(), FOLLOWERS, DAY)
    assert row["followers"] > row["targeted_reaches"] > row["blocks"] > 0


@pytest.fixture
def answered() -> Iterator[Callable[..., Any]]:
    """Pulls two days with the given answers: `answered(answer, …)` gives the rows and the requests' parameters."""
    with stage() as api:

        def read(*answers: Any) -> tuple[list[dict[str, Any]], Any]:
            api.answer(*answers)
            connector = Line("line", LineSettings.model_validate({**SETTINGS, "endpoint": api.url}))
            rows = pull(connector, DELIVERIES, Window(date(2026, 10, 5), date(2026, 10, 6)))
            assert {each.headers["authorization"] for each in api.asked} == {"Bearer ch4nnel-token"}
            return rows, api.params

        yield read


def test_each_day_is_asked_for_by_its_date_and_a_kind_that_is_not_named_is_null(answered: Callable[..., Any]) -> None:
    ready = {"status": "ready", "broadcast": 5385, "targeting": 522}
    rows, asked = answered(ready, {**ready, "apiPush": 0})
    assert asked == [{"date": "20261005"}, {"date": "20261006"}]
    assert [row["api_push"] for row in rows] == [None, 0]
    assert [row["broadcast"] for row in rows] == [5385, 5385]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"status": "perhaps"}, "perhaps"),
        ({"broadcast": 1}, "status"),
        ({"status": "ready"}, "column broadcast"),
        ({"status": "ready", "broadcast": "many", "targeting": 1}, "2026-10-05: column broadcast"),
        ({"status": "ready", "broadcast": 1.5, "targeting": 1}, "2026-10-05: column broadcast"),
        ({"status": "ready", "broadcast": {"of": 1}, "targeting": 1}, "2026-10-05: column broadcast"),
        ({"status": "ready", "broadcast": 10**30, "targeting": 1}, "broadcast|cannot be read"),
        (b'{"status": "ready", "broadcast": NaN, "targeting": 1}', "cannot be read"),
        (b'{"status": "ready", "broadcast": 1, "targeting": 1, "of": "\xff"}', "cannot be read"),
    ],
)
def test_an_answer_that_breaks_the_apis_promise_is_rejected(answered: Callable[..., Any], body: Any, said: str) -> None:
    with pytest.raises(DataRejected, match=said):
        answered(body)


def test_another_time_zone_is_refused_with_the_right_one() -> None:
    assert LineSettings.model_validate(SETTINGS).timezone == "Asia/Tokyo"
    with pytest.raises(ValidationError, match="write `timezone: Asia/Tokyo`"):
        LineSettings.model_validate({**SETTINGS, "timezone": "Asia/Bangkok"})


def test_a_wrong_token_is_rejected_with_what_to_do(account: Callable[..., Line]) -> None:
    with pytest.raises(SourceRejected, match="Issue a new channel access token") as told:
        pull(account(access_token="wr0ng-token"), DELIVERIES, DAY)
    assert "wr0ng-token" not in str(told.value)
