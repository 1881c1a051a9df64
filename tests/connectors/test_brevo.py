"""The Brevo connector: the contract against the sandbox's account, and the oddities of its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import large
import pyarrow as pa
import pytest
from stage import stage, standing

from okr_pipeline.connectors.brevo import CAMPAIGNS, COUNTS, Brevo, BrevoSettings
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.errors import DataRejected, SourceRejected
from okr_pipeline.sandbox import brevo as stand_in

OCTOBER = Window(date(2026, 10, 1), date(2026, 10, 31))
SETTINGS = {"connector": "brevo", "api_key": "xkeysib-k3y", "timezone": "Asia/Bangkok", "retry_for": 0}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Brevo]]:
    """Makes a connector to the sandbox's account, with settings changed as told."""
    with (
        pytest.MonkeyPatch.context() as patch,
        standing(stand_in, tmp_path_factory.mktemp("brevo")) as given,
    ):
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("NO_PROXY", "127.0.0.1")
        settings = {**SETTINGS, "endpoint": given["BREVO_ENDPOINT"], "api_key": given["BREVO_API_KEY"]}
        yield lambda **changes: Brevo("brevo", BrevoSettings.model_validate({**settings, **changes}))


class TestTheContract(ConnectorContract):
    """All promises."""

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, account: Callable[..., Brevo]) -> Brevo:
        return account()

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls) -> Iterator[Brevo]:
        with large.standing(large.brevo) as url:
            yield Brevo("many", BrevoSettings.model_validate({**SETTINGS, "endpoint": url, "page_size": 100}))


def pull(connector: Brevo, window: Window = OCTOBER) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.Table.from_batches(
        connector.pull(CAMPAIGNS, window, Said()), CAMPAIGNS.schema
    ).to_pylist()
    return rows


def campaign(identifier: int = 7, **changed: Any) -> dict[str, Any]:
    stats = dict.fromkeys(COUNTS.values(), 9)
    sent = {"sentDate": "2026-10-05T19:30:00.000+02:00", "statistics": {"globalStats": stats}}
    return {"id": identifier, "name": "N", **sent, **changed}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Pulls the given answers: `answered(answer, …)` gives the rows and the requests' parameters."""
    monkeypatch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
    with stage() as api:

        def read(*answers: Any, window: Window = OCTOBER, status: int = 200) -> tuple[list[dict[str, Any]], Any]:
            api.answer(*answers, status=status)
            connector = Brevo("brevo", BrevoSettings.model_validate({**SETTINGS, "endpoint": api.url}))
            rows = pull(connector, window)
            assert {each.headers["api-key"] for each in api.asked} == {"xkeysib-k3y"}
            return rows, api.params

        yield read


def test_opens_keep_coming_for_seven_days(account: Callable[..., Brevo], monkeypatch: pytest.MonkeyPatch) -> None:
    day = Window(date(2026, 10, 5), date(2026, 10, 5))
    seen = []
    for later in ("06", "09", "13", "30"):
        monkeypatch.setenv("OKR_NOW", f"2026-10-{later}T12:00:00+07:00")
        seen.append(pull(account(), day)[0]["unique_opens"])
    assert seen[0] < seen[1] < seen[2] == seen[3]


def test_the_day_is_that_of_the_instant_in_the_configured_zone(answered: Callable[..., Any]) -> None:
    ((row,), (asked,)) = answered({"count": 1, "campaigns": [campaign()]})
    assert row["send_time"] == datetime(2026, 10, 5, 17, 30)  # noqa: DTZ001 - naive UTC is what is stored
    assert row["send_date"] == date(2026, 10, 6)
    assert (asked["startDate"], asked["endDate"]) == ("2026-09-29T17:00:00.000Z", "2026-11-01T17:00:00.000Z")
    assert (asked["statistics"], asked["status"]) == ("globalStats", "sent")


def test_an_answer_that_counts_none_may_have_no_list_and_one_that_counts_some_must(
    answered: Callable[..., Any],
) -> None:
    assert answered({"count": 0})[0] == []
    with pytest.raises(DataRejected, match="cannot be read"):
        answered({"count": 1})


def test_counts_of_campaigns_older_than_six_months_are_null_and_not_too_low(answered: Callable[..., Any]) -> None:
    old = campaign(sentDate="2026-05-04T10:00:00.000Z")
    ((row,), _) = answered({"count": 1, "campaigns": [old]}, window=Window(date(2026, 5, 1), date(2026, 5, 31)))
    assert {row[name] for name in COUNTS} == {None}


def test_opens_that_an_old_campaign_does_not_tell_are_null(answered: Callable[..., Any]) -> None:
    stats = {name: 9 for name in COUNTS.values() if name not in {"trackableViews", "appleMppOpens"}}
    ((row,), _) = answered({"count": 1, "campaigns": [campaign(statistics={"globalStats": stats})]})
    assert (row["unique_opens"], row["trackable_opens"], row["apple_proxy_opens"]) == (9, None, None)


def test_statistics_that_are_not_there_are_refused_and_no_zeros(answered: Callable[..., Any]) -> None:
    with pytest.raises(DataRejected, match=r"page 1, row 1: column emails_sent"):
        answered({"count": 1, "campaigns": [campaign(statistics={"globalStats": {}})]})


def test_a_wrong_key_is_rejected_with_what_to_do(account: Callable[..., Brevo]) -> None:
    with pytest.raises(SourceRejected, match=r"Key not found.*Make a new API key") as told:
        pull(account(api_key="xkeysib-wrong"))
    assert "xkeysib-wrong" not in str(told.value)
