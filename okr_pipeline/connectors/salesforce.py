"""Salesforce: leads, by a SOQL query over its REST API.

What the API's guide says and this file rests on: an answer has up to 2,000 records, often fewer, `totalSize` counts all of
them and `nextRecordsUrl` leads to the rest; instants in a query stand without quotes; deleted leads are left out; a refusal
is a list, and REQUEST_LIMIT_EXCEEDED comes as 403.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from okr_pipeline.connectors.credentials import ClientCredentials
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.rest import Rest
from okr_pipeline.connectors.rest_settings import RestStream
from okr_pipeline.connectors.settings import Settings

FIELDS = {  # our column -> Salesforce's field
    "lead_id": "Id",
    "created_at": "CreatedDate",
    "changed_at": "SystemModstamp",
    "source": "LeadSource",
    "status": "Status",
    "is_converted": "IsConverted",
    "converted_on": "ConvertedDate",
}
QUERY = (
    f"SELECT {', '.join(FIELDS.values())} FROM Lead"
    " WHERE CreatedDate >= {first:utc} AND CreatedDate < {after:utc} ORDER BY CreatedDate, Id"
)
REMEDIES = {
    400: "Look at `client_id` and `client_secret`, and at `version`.",
    401: "Look at `client_id` and `client_secret`, and whether the app's client credentials flow is on.",
    403: 'Give the user that the app runs as the permissions "API Enabled" and to read leads.',
    404: "Look at `endpoint`, the organisation's own https://….my.salesforce.com, and at `version`.",
}


class SalesforceSettings(ApiSettings):
    """`endpoint` is the organisation's My Domain; the id and secret are those of an app with the client credentials flow."""

    endpoint: Endpoint
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    version: str = Field(default="v66.0", pattern=r"^v\d+\.0$")


class Salesforce(Rest):
    """Leads of one organisation."""

    Settings: ClassVar[type[Settings]] = SalesforceSettings

    @cached_property
    def _leads(self) -> RestStream:
        return RestStream.model_validate(
            {
                "description": (
                    "Salesforce leads by the day they were created. Stages change for as long as a sale takes: set "
                    "`lookback` to that. changed_at and created_at are in UTC."
                ),
                "get": f"/services/data/{self.settings.version}/query",
                "params": {"q": QUERY},
                "rows": "$.records",
                "pages": {"by": "next_link", "at": "$.nextRecordsUrl", "total": "$.totalSize"},
                "columns": {
                    "lead_id": "text",
                    "created_at": "timestamp",
                    "changed_at": "timestamp",
                    "source": "text",
                    "status": "text",
                    "is_converted": "boolean",
                    "converted_on": "date",
                },
                "paths": {column: f"$.{field}" for column, field in FIELDS.items()},
                "days": {"created_on": "created_at"},
                "key": ["lead_id"],
                "date": "created_on",
                "restates": 30,
            }
        )

    def declared(self) -> Mapping[str, RestStream]:
        """`leads`."""
        return {"leads": self._leads}

    def api(self) -> JsonApi:
        """With a token for the app's id and secret."""
        settings: SalesforceSettings = self.settings
        token = ClientCredentials(
            f"{settings.endpoint}/services/oauth2/token",
            settings.client_id,
            settings.client_secret.get_secret_value(),
            in_body=True,
        )
        return JsonApi(self, "Salesforce", settings.endpoint, credentials=token, remedies=REMEDIES, quota=_exceeded)


def _exceeded(body: Any) -> bool:
    return isinstance(body, list) and any(
        isinstance(each, dict) and each.get("errorCode") == "REQUEST_LIMIT_EXCEEDED" for each in body
    )
