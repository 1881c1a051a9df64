"""The Google Ads connector: the contract against the sandbox's account, and the oddities of its answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import large
import pyarrow as pa
import pytest
from pydantic import ValidationError
from stage import stage

from okr_pipeline import sandbox
from okr_pipeline.connectors import google_account
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.google_ads import CAMPAIGNS, GoogleAds, GoogleAdsSettings
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.errors import DataRejected, SourceRejected

OCTOBER = Window(date(2026, 10, 1), date(2026, 10, 31))
DAY = Window(date(2026, 10, 5), date(2026, 10, 5))
SETTINGS = {
    "connector": "google_ads",
    "customer": "456-789-0123",
    "developer_token": "d3veloper-token",
    "credentials": "key.json",
    "timezone": "Asia/Bangkok",
    "retry_for": 0,
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., GoogleAds]]:
    """Makes a connector to the sandbox's account, with settings changed as told."""
    with pytest.MonkeyPatch.context() as patch, sandbox.running(tmp_path_factory.mktemp("home")) as environment:
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("NO_PROXY", os.environ.get("NO_PROXY", "127.0.0.1"))

        def make(**changes: Any) -> GoogleAds:
            given = {name: environment[f"GOOGLE_ADS_{name.upper()}"] for name in ("customer", "developer_token")}
            given |= {name: environment[f"GOOGLE_ADS_{name.upper()}"] for name in ("credentials", "endpoint")}
            return GoogleAds("ads", GoogleAdsSettings.model_validate({**SETTINGS, **given, **changes}))

        yield make


class TestTheContract(ConnectorContract):
    """The API sets the size of its pages: 10,000 rows, more than the sandbox has in a month."""

    not_applicable = {"pages", "repeated-page", "time-zone"}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, account: Callable[..., GoogleAds]) -> GoogleAds:
        return account()

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleAds]:
        with large.standing(large.google_ads) as url:
            there = {"endpoint": url, "credentials": large.key(tmp_path_factory.mktemp("key"), url)}
            yield GoogleAds("many", GoogleAdsSettings.model_validate({**SETTINGS, **there}))


def pull(connector: GoogleAds, window: Window = DAY, said: Said | None = None) -> pa.Table:
    return pa.Table.from_batches(connector.pull(CAMPAIGNS, window, said or Said()), CAMPAIGNS.schema)


def test_cost_is_exact_in_the_account_s_currency(account: Callable[..., GoogleAds]) -> None:
    rows = pull(account(), OCTOBER).to_pylist()
    assert len(rows) == 31 * 3
    assert {row["currency"] for row in rows} == {"THB"}
    assert all(isinstance(row["cost"], Decimal) and row["cost"] > 0 for row in rows)


def test_conversions_keep_coming_after_their_day(
    account: Callable[..., GoogleAds], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for later in ("06", "18", "19", "25"):
        monkeypatch.setenv("OKR_NOW", f"2026-10-{later}T05:00:00+07:00")
        seen.append(sum(pull(account())["conversions"].to_pylist()))
    assert seen[0] == seen[1] < seen[2] == seen[3]


def row(**metrics: Any) -> dict[str, Any]:
    counted = {
        "impressions": "10",
        "clicks": "2",
        "costMicros": "12500001",
        "conversions": 1.5,
        "conversionsValue": 0.1,
    }
    return {
        "customer": {"currencyCode": "THB", "timeZone": "Asia/Bangkok"},
        "campaign": {"id": "1", "name": "Brand"},
        "segments": {"date": "2026-10-05"},
        "metrics": {**counted, **metrics},
    }


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Pulls the given answers: `answered(answer, …)` gives the rows and the requests' bodies."""
    monkeypatch.setattr(google_account, "token", lambda *_: "ya29.token")
    with stage() as api:

        def read(*answers: Any, **changes: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            api.answer(*answers)
            connector = GoogleAds("ads", GoogleAdsSettings.model_validate({**SETTINGS, "endpoint": api.url, **changes}))
            rows = pull(connector).to_pylist()
            assert {each.headers["developer-token"] for each in api.asked} == {"d3veloper-token"}
            read.asked = api.asked  # type: ignore[attr-defined]
            return rows, [json.loads(body) for body in api.bodies]

        yield read


def test_texts_and_millionths_become_numbers_and_money(answered: Callable[..., Any]) -> None:
    ((found,), _) = answered({"results": [row()], "fieldMask": "x"})
    assert (found["clicks"], found["cost"], found["conversions"]) == (2, Decimal("12.500001"), Decimal("1.5"))


def test_pages_follow_by_token_with_the_same_query(answered: Callable[..., Any]) -> None:
    second = row() | {"campaign": {"id": "2", "name": None}}
    rows, bodies = answered(
        {"results": [row()], "fieldMask": "x", "nextPageToken": "t1"}, {"results": [second], "fieldMask": "x"}
    )
    assert [each["campaign_id"] for each in rows] == [1, 2]
    assert [each.get("pageToken") for each in bodies] == [None, "t1"]
    assert bodies[0]["query"] == bodies[1]["query"]


def test_a_token_that_repeats_for_ever_is_refused(answered: Callable[..., Any]) -> None:
    with pytest.raises(DataRejected, match="the same page twice"):
        answered({"results": [row()], "fieldMask": "x", "nextPageToken": "t1"})


def test_a_manager_account_leads_to_the_customer(answered: Callable[..., Any]) -> None:
    answered({"fieldMask": "x"}, login_customer="111-222-3333")
    assert {each.headers["login-customer-id"] for each in answered.asked} == {"1112223333"}  # type: ignore[attr-defined]
    assert answered.asked[0].url.path == "/v23/customers/4567890123/googleAds:search"  # type: ignore[attr-defined]


def test_an_answer_without_rows_is_an_empty_day_and_any_other_json_is_none(answered: Callable[..., Any]) -> None:
    assert answered({"fieldMask": "x", "requestId": "r"})[0] == []
    with pytest.raises(DataRejected, match="cannot be read"):
        answered({})


@pytest.mark.parametrize(
    "metrics", [{"costMicros": "1.5"}, {"clicks": "many"}, {"clicks": "1" + "0" * 30}, {"costMicros": {"of": 1}}]
)
def test_a_metric_that_is_no_number_is_refused_with_its_row(answered: Callable[..., Any], metrics: Any) -> None:
    with pytest.raises(DataRejected, match=r"^ads: campaigns, page 1, row 1: column"):
        answered({"results": [row(**metrics)], "fieldMask": "x"})


def test_another_time_zone_is_refused_with_the_right_one(answered: Callable[..., Any]) -> None:
    with pytest.raises(SourceRejected, match="Write `timezone: Asia/Bangkok`"):
        answered({"results": [row()], "fieldMask": "x"}, timezone="UTC")


@pytest.mark.parametrize("changes", [{"customer": "9999999999"}, {"developer_token": "wrong-token"}])
def test_a_refusal_says_what_to_mend_and_no_secret(account: Callable[..., GoogleAds], changes: dict[str, Any]) -> None:
    with pytest.raises(SourceRejected, match="Give the service account's address access") as told:
        pull(account(**changes))
    assert "wrong-token" not in str(told.value)


@pytest.mark.parametrize("changes", [{"customer": "12"}, {"version": "23"}, {"login_customer": "my manager"}])
def test_a_mistake_in_the_settings_is_told(changes: dict[str, Any]) -> None:
    GoogleAdsSettings.model_validate(SETTINGS)
    with pytest.raises(ValidationError, match="pattern"):
        GoogleAdsSettings.model_validate(SETTINGS | changes)
