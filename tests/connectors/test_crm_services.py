"""Salesforce and HubSpot: the contract against the sandbox's services, and what is theirs alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import large
import pyarrow as pa
import pytest
from stage import stage

from okr_pipeline import sandbox
from okr_pipeline.connectors.contract import Connector, Said, Window
from okr_pipeline.connectors.hubspot import HubSpot, HubSpotSettings
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.connectors.salesforce import Salesforce, SalesforceSettings
from okr_pipeline.errors import SourceRejected, SourceUnavailable
from okr_pipeline.sandbox.hubspot import FORMS

OCTOBER = Window(date(2026, 10, 1), date(2026, 10, 31))
QUARTER = Window(date(2026, 8, 1), date(2026, 10, 31))
SALESFORCE = {"endpoint": "https://shop.my.salesforce.com", "client_id": "3MVG9", "client_secret": "s3cret-of-the-app"}
HUBSPOT = {"access_token": "pat-na1-s3cret"}
Make = Callable[..., Connector]


def salesforce(**changes: Any) -> Salesforce:
    written = {"connector": "salesforce", "timezone": "Asia/Bangkok", "retry_for": 0, **SALESFORCE, **changes}
    return Salesforce("leads", SalesforceSettings.model_validate(written))


def hubspot(**changes: Any) -> HubSpot:
    written = {"connector": "hubspot", "timezone": "Asia/Bangkok", "retry_for": 0, **HUBSPOT, **changes}
    return HubSpot("crm", HubSpotSettings.model_validate(written))


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Make]]:
    """Makes connectors to the sandbox's services, with settings changed as told."""
    with pytest.MonkeyPatch.context() as patch, sandbox.running(tmp_path_factory.mktemp("home")) as variables:
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("NO_PROXY", os.environ.get("NO_PROXY", "127.0.0.1"))

        def given(prefix: str, *names: str) -> dict[str, str]:
            return {name: variables[f"{prefix}_{name.upper()}"] for name in names}

        yield {
            "salesforce": lambda **changes: salesforce(
                **{**given("SALESFORCE", "endpoint", "client_id", "client_secret"), **changes}
            ),
            "hubspot": lambda **changes: hubspot(**{**given("HUBSPOT", "endpoint", "access_token"), **changes}),
        }


class TestSalesforce(ConnectorContract):
    """How many records an answer has is Salesforce's own affair, and a lead has no numbers."""

    window = QUARTER
    not_applicable = {"pages", "huge-integers", "not-a-number"}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, services: dict[str, Make]) -> Connector:
        return services["salesforce"]()

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls) -> Iterator[Connector]:
        with large.standing(large.salesforce) as url:
            yield salesforce(endpoint=url)


class TestHubSpot(ConnectorContract):
    window = OCTOBER

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, services: dict[str, Make]) -> Connector:
        return services["hubspot"](forms=FORMS)

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls) -> Iterator[Connector]:
        with large.standing(large.hubspot) as url:
            yield hubspot(endpoint=url)


def pull(connector: Connector, window: Window = OCTOBER, name: str = "") -> pa.Table:
    stream = next(each for each in connector.streams() if each.name == name or not name)
    return pa.Table.from_batches(connector.pull(stream, window, Said()), stream.schema)


def test_both_tell_of_the_same_people(services: dict[str, Make]) -> None:
    leads, contacts = pull(services["salesforce"](), QUARTER), pull(services["hubspot"](), QUARTER)
    assert leads["created_at"].to_pylist() == contacts["created_at"].to_pylist()
    assert leads["created_on"].to_pylist() == contacts["created_on"].to_pylist()
    assert sum(leads["is_converted"].to_pylist()) == len(contacts["became_opportunity_at"].drop_null())


def test_a_stage_that_was_not_reached_is_null_and_one_reached_later_comes_later(
    services: dict[str, Make], monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = []
    for now in ("2026-11-20T05:00:00+07:00", "2027-01-20T05:00:00+07:00"):
        monkeypatch.setenv("OKR_NOW", now)
        customers.append(len(pull(services["hubspot"]())["became_customer_on"].drop_null()))
    assert 0 < customers[0] < customers[1]


def test_beyond_hubspot_s_ten_thousand_results_the_search_begins_again_with_higher_ids(
    services: dict[str, Make], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("okr_pipeline.sandbox.hubspot.MOST", 50)
    assert pull(services["hubspot"](page_size=20)).num_rows > 60


def test_every_lead_from_the_web_filled_in_one_form(services: dict[str, Make]) -> None:
    hubspot = services["hubspot"](forms=FORMS, page_size=7)
    contacts, submitted = pull(hubspot), pull(hubspot, name="form_submissions")
    from_the_web = [row["created_at"] for row in contacts.to_pylist() if row["source"] != "OFFLINE"]
    assert sorted(submitted["submitted_at"].to_pylist()) == sorted(from_the_web)
    assert set(submitted["form"].to_pylist()) == set(FORMS)


def test_a_form_s_older_submissions_are_not_asked_for() -> None:
    newest = [{"conversionId": str(n), "submittedAt": 1_790_000_000_000 + n, "values": []} for n in (2, 1)]
    with stage() as api:
        api.answer(
            {"results": newest, "paging": {"next": {"after": "Mg%3D%3D"}}},
            {"results": [{**newest[0], "submittedAt": 1}]},
        )
        found = pull(
            hubspot(endpoint=api.url, forms=["newsletter"]),
            Window(date(2026, 9, 21), date(2026, 9, 22)),
            "form_submissions",
        )
    assert found["submission_id"].to_pylist() == ["2", "1"]
    assert api.params == [{"limit": "50"}, {"limit": "50", "after": "Mg=="}]


def test_an_email_s_opens_keep_coming_and_one_without_statistics_has_no_counts(
    services: dict[str, Make], monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = []
    for now in ("2026-10-22T05:00:00+07:00", "2026-11-22T05:00:00+07:00"):
        monkeypatch.setenv("OKR_NOW", now)
        (email,) = pull(services["hubspot"](), Window(date(2026, 10, 21), date(2026, 10, 21)), "emails").to_pylist()
        opens.append(email["opens"])
    assert 0 < opens[0] < opens[1] < email["delivered"]
    with stage() as api:
        api.answer({"results": [{"id": "7", "name": "Hello", "publishDate": "2026-10-21T02:00:00Z"}]})
        (email,) = pull(hubspot(endpoint=api.url), name="emails").to_pylist()
    assert (email["sent"], email["opens"]) == (None, None)


def test_hubspot_is_asked_for_days_of_the_configured_time_zone() -> None:
    with stage() as api:
        api.answer({"total": 0, "results": []})
        assert pull(hubspot(endpoint=api.url)).num_rows == 0
        assert b'"value":"2026-09-30T17:00:00Z"' in api.bodies[0]
        assert b'"value":"2026-10-31T17:00:00Z"' in api.bodies[0]


@pytest.mark.parametrize(
    ("code", "error"), [("REQUEST_LIMIT_EXCEEDED", SourceUnavailable), ("INSUFFICIENT_ACCESS", SourceRejected)]
)
def test_salesforce_s_spent_quota_is_told_from_a_missing_permission(code: str, error: type[Exception]) -> None:
    refusal = [{"errorCode": code, "message": "TotalRequests Limit exceeded."}]
    with stage() as api:
        api.answer(refusal, status=403)
        with pytest.raises(error, match="Limit exceeded"):
            pull(salesforce(endpoint=api.url))


def test_an_ended_session_is_renewed_once(services: dict[str, Make], monkeypatch: pytest.MonkeyPatch) -> None:
    connector = services["salesforce"]()
    before = pull(connector).num_rows
    monkeypatch.setattr("okr_pipeline.sandbox.salesforce.TOKEN", "00D5g00000Kx7Qd!AnotherSession")
    assert pull(connector).num_rows == before
