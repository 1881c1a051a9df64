"""The Meta Ads connector: the contract against the sandbox's account, and the oddities of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import large
import pyarrow as pa
import pytest
from pydantic import ValidationError
from stage import stage, standing

from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.connectors.meta_ads import CAMPAIGNS, MetaAds, MetaAdsSettings
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable
from okr_pipeline.sandbox import meta_ads as stand_in

DAY = Window(date(2026, 10, 5), date(2026, 10, 5))
SETTINGS = {
    "connector": "meta_ads",
    "account": "act_1234567890",
    "access_token": "EAAt0ken",
    "timezone": "Asia/Bangkok",
    "retry_for": 0,
}
ABOUT = {"currency": "THB", "timezone_name": "Asia/Bangkok", "id": "act_1234567890"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., MetaAds]]:
    """Makes a connector to the sandbox's account, with settings changed as told."""
    with (
        pytest.MonkeyPatch.context() as patch,
        standing(stand_in, tmp_path_factory.mktemp("meta")) as given,
    ):
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("NO_PROXY", "127.0.0.1")
        names = ("endpoint", "account", "access_token")
        settings = {**SETTINGS, **{name: given[f"META_ADS_{name.upper()}"] for name in names}}
        yield lambda **changes: MetaAds("meta", MetaAdsSettings.model_validate({**settings, **changes}))


class TestTheContract(ConnectorContract):
    """The account names its time zone, so that another is refused."""

    not_applicable = {"time-zone"}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, account: Callable[..., MetaAds]) -> MetaAds:
        return account()

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls) -> Iterator[MetaAds]:
        with large.standing(large.meta_ads) as url:
            yield MetaAds("many", MetaAdsSettings.model_validate({**SETTINGS, "endpoint": url, "page_size": 1000}))


def pull(connector: MetaAds, window: Window = DAY) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.Table.from_batches(
        connector.pull(CAMPAIGNS, window, Said()), CAMPAIGNS.schema
    ).to_pylist()
    return rows


def test_purchases_keep_coming_after_their_day(
    account: Callable[..., MetaAds], monkeypatch: pytest.MonkeyPatch
) -> None:
    week, seen = Window(date(2026, 10, 5), date(2026, 10, 11)), []
    for later in ("2026-10-12", "2026-11-16"):
        monkeypatch.setenv("OKR_NOW", f"{later}T05:00:00+07:00")
        seen.append(sum(row["conversions"] or 0 for row in pull(account(), week)))
    assert seen[0] < seen[1]


def row(campaign: str = "120210000000000101", **changed: Any) -> dict[str, Any]:
    actions = [{"action_type": "omni_purchase", "value": "3"}, {"action_type": "purchase", "value": "2"}]
    sent = {"impressions": "1000", "clicks": "20", "spend": "125.07", "actions": actions}
    days = {"date_start": "2026-10-05", "date_stop": "2026-10-05"}
    return {"campaign_id": campaign, "campaign_name": "C", **sent, **days, **changed}


@pytest.fixture
def answered() -> Iterator[Callable[..., Any]]:
    """Pulls the given answers: `answered(answer, …)` gives the rows and the requests' URLs."""
    with stage() as api:

        def read(*answers: Any, status: int = 200, **changes: Any) -> tuple[list[dict[str, Any]], Any]:
            api.clear()
            api.answer(*answers, status=status)
            settings = MetaAdsSettings.model_validate({**SETTINGS, "endpoint": api.url, **changes})
            try:
                return pull(MetaAds("meta", settings)), api.asked
            finally:
                assert {each.headers["authorization"] for each in api.asked} == {"Bearer EAAt0ken"}
                assert not any("EAAt0ken" in str(each.url) for each in api.asked)

        yield read


def test_texts_become_numbers_and_exact_money(answered: Callable[..., Any]) -> None:
    ((found,), asked) = answered(ABOUT, {"data": [row()]})
    assert (found["clicks"], found["cost"], found["currency"]) == (20, Decimal("125.07"), "THB")
    assert asked[1].url.path == "/v25.0/act_1234567890/insights"
    assert json.loads(asked[1].query_params["time_range"]) == {"since": "2026-10-05", "until": "2026-10-05"}


def test_one_kind_of_action_is_counted_and_none_is_null(answered: Callable[..., Any]) -> None:
    without = {name: value for name, value in row("2").items() if name != "actions"}
    rows, _ = answered(ABOUT, {"data": [row(), without]})
    assert [each["conversions"] for each in rows] == [Decimal(2), None]
    ((found,), _) = answered(ABOUT, {"data": [row()]}, conversions="omni_purchase")
    assert found["conversions"] == 3


def test_pages_follow_by_cursor_and_not_by_the_url_with_the_token(answered: Callable[..., Any]) -> None:
    following = {"cursors": {"before": "a", "after": "b"}, "next": "https://graph.example/?access_token=EAAt0ken"}
    last = {"cursors": {"before": "b", "after": "c"}}
    rows, asked = answered(ABOUT, {"data": [row("1")], "paging": following}, {"data": [row("2")], "paging": last})
    assert [each["campaign_id"] for each in rows] == [1, 2]
    assert [each.query_params.get("after") for each in asked[1:]] == [None, "b"]


def test_a_cursor_that_repeats_for_ever_is_refused(answered: Callable[..., Any]) -> None:
    page = {"data": [row()], "paging": {"cursors": {"after": "b"}, "next": "https://graph.example"}}
    with pytest.raises(DataRejected, match="the same page twice"):
        answered(ABOUT, page)


@pytest.mark.parametrize("error", [{"code": 4}, {"code": 17}, {"code": 80004}, {"code": 2, "is_transient": True}])
def test_too_many_calls_are_waited_for_although_the_status_is_400(answered: Callable[..., Any], error: Any) -> None:
    with pytest.raises(SourceUnavailable, match="User request limit reached"):
        answered({"error": {"message": "User request limit reached", **error}}, status=400)


def test_another_refusal_is_rejected_without_the_token(answered: Callable[..., Any]) -> None:
    error = {"message": "Error validating access token EAAt0ken: it has expired", "code": 190}
    with pytest.raises(SourceRejected, match=r"it has expired.*Make a new token") as told:
        answered({"error": error}, status=400)
    assert "EAAt0ken" not in str(told.value)


def test_another_time_zone_is_refused_with_the_right_one(answered: Callable[..., Any]) -> None:
    with pytest.raises(SourceRejected, match="Write `timezone: America/Los_Angeles`"):
        answered({**ABOUT, "timezone_name": "America/Los_Angeles"})


@pytest.mark.parametrize("changes", [{"account": "my account"}, {"version": "25"}, {"conversions": "a' || @.b"}])
def test_a_mistake_in_the_settings_is_told(changes: dict[str, Any]) -> None:
    MetaAdsSettings.model_validate(SETTINGS)
    with pytest.raises(ValidationError, match="pattern"):
        MetaAdsSettings.model_validate(SETTINGS | changes)
