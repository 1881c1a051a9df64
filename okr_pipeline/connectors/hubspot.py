"""HubSpot: contacts with their lifecycle stages, by the CRM search API.

What its documentation says and this file rests on: a search answers up to 200 results a page and ends after 10,000, whatever
the paging. So pages do not follow `paging.next.after`: each is a search of its own for higher ids, in their order, and has no
end but the last contact. Values are texts; a property that a contact does not have is null; instants are in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from okr_pipeline.connectors.contract import Window
from okr_pipeline.connectors.credentials import bearer
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.paging import Page, Paging, Request
from okr_pipeline.connectors.rest import Rest
from okr_pipeline.connectors.rest_settings import RestStream
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.tables import midnight

STAGES = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
BECAME = {f"became_{stage}": f"hs_lifecyclestage_{stage}_date" for stage in STAGES}  # our column -> HubSpot's property
PROPERTIES = {
    "created_at": "createdate",
    "lifecycle_stage": "lifecyclestage",
    "source": "hs_analytics_source",
    **{f"{column}_at": name for column, name in BECAME.items()},
}
REMEDIES = {
    400: "A property that is asked for may be archived in HubSpot: hs_lifecyclestage_…_date, lifecyclestage.",
    401: "Make a new access token for the private app, and put it into the environment.",
    403: "Give the private app the scope crm.objects.contacts.read.",
    404: "Look at `endpoint`.",
}


class HubSpotSettings(ApiSettings):
    """`access_token` is a private app's; `page_size` is how many contacts come in one answer."""

    access_token: SecretStr
    endpoint: Endpoint = "https://api.hubapi.com"
    page_size: int = Field(default=200, ge=1, le=200)


class HubSpot(Rest):
    """Contacts of one account."""

    Settings: ClassVar[type[Settings]] = HubSpotSettings

    @cached_property
    def _contacts(self) -> RestStream:
        return RestStream.model_validate(
            {
                "description": (
                    "HubSpot contacts by the day they were created, with the instants (UTC) and days on which they entered "
                    "each lifecycle stage. Stages come for as long as a sale takes: set `lookback` to that."
                ),
                "get": "/crm/v3/objects/contacts/search",
                "rows": "$.results",
                "columns": {
                    "contact_id": "integer",
                    "lifecycle_stage": "text",
                    "source": "text",
                    "created_at": "timestamp",
                }
                | {f"{column}_at": "timestamp" for column in BECAME},
                "paths": {"contact_id": "$.id"}
                | {column: f"$.properties.{name}" for column, name in PROPERTIES.items()},
                "days": {"created_on": "created_at"} | {f"{column}_on": f"{column}_at" for column in BECAME},
                "key": ["contact_id"],
                "date": "created_on",
                "restates": 30,
            }
        )

    def declared(self) -> Mapping[str, RestStream]:
        """`contacts`."""
        return {"contacts": self._contacts}

    def api(self) -> JsonApi:
        """With the private app's token."""
        settings: HubSpotSettings = self.settings
        token = bearer(settings.access_token.get_secret_value())
        return JsonApi(self, "HubSpot", settings.endpoint, credentials=token, remedies=REMEDIES)

    def asked(self, declared: RestStream, window: Window) -> tuple[Request, Paging | None]:
        """A search for contacts created in the window, in the order of their ids."""
        zone = self.settings.timezone
        ends = (("GTE", midnight(window.first, zone)), ("LT", midnight(window.last + timedelta(days=1), zone)))
        created = [
            {"propertyName": "createdate", "operator": operator, "value": f"{instant.isoformat()}Z"}
            for operator, instant in ends
        ]
        body = {
            "filterGroups": [{"filters": created}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": list(PROPERTIES.values()),
            "limit": self.settings.page_size,
        }
        return Request(declared.get, body=body), _with_higher_ids


def _with_higher_ids(page: Page) -> Request | None:
    if not page.rows:
        return None
    created = page.asked.body["filterGroups"][0]["filters"][:2]
    highest: dict[str, Any] = {"propertyName": "hs_object_id", "operator": "GT", "value": page.rows[-1]["id"]}
    return replace(page.asked, body={**page.asked.body, "filterGroups": [{"filters": [*created, highest]}]})
