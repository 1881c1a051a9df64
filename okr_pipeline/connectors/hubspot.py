"""HubSpot: contacts with their lifecycle stages, submissions of forms, and how marketing emails fared.

What its documentation says and this file rests on: a search answers up to 200 results a page and ends after 10,000, whatever
the paging. So its pages do not follow `paging.next.after`: each is a search of its own for higher ids, in their order, and has
no end but the last contact. Values are texts; a property that a contact does not have is null; instants are in UTC. A form's
submissions come newest first, 50 at most, and cannot be asked for by day; the cursor of emails comes quoted for a URL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar
from urllib.parse import unquote

from pydantic import Field, SecretStr

from okr_pipeline.connectors.contract import Window
from okr_pipeline.connectors.credentials import bearer
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.paging import Page, Paging, Request, by_cursor
from okr_pipeline.connectors.rest import Asked, Rest
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
COUNTERS = {
    "sent": "sent", "delivered": "delivered", "opens": "open", "clicks": "click", "bounces": "bounce",
    "unsubscribed": "unsubscribed",
}  # fmt: skip
STREAMS = {
    "contacts": {
        "description": (
            "HubSpot contacts by the day they were created, with the instants (UTC) and days on which they entered each "
            "lifecycle stage. Stages come for as long as a sale takes: set `lookback` to that."
        ),
        "get": "/crm/v3/objects/contacts/search",
        "rows": "$.results",
        "columns": {"contact_id": "integer", "lifecycle_stage": "text", "source": "text", "created_at": "timestamp"}
        | {f"{column}_at": "timestamp" for column in BECAME},
        "paths": {"contact_id": "$.id"} | {column: f"$.properties.{name}" for column, name in PROPERTIES.items()},
        "days": {"created_on": "created_at"} | {f"{column}_on": f"{column}_at" for column in BECAME},
        "key": ["contact_id"],
        "date": "created_on",
        "restates": 30,
    },
    "form_submissions": {
        "description": "One row for each submission of the forms named in `forms`, without what was written in it.",
        "get": "/form-integrations/v1/submissions/forms/",
        "rows": "$.results",
        "columns": {"form": "text", "submission_id": "text", "submitted_at": "timestamp"},
        "paths": {"submission_id": "$.conversionId", "submitted_at": "$.submittedAt"},
        "epochs": {"submitted_at": "milliseconds"},
        "days": {"submitted_on": "submitted_at"},
        "key": ["submission_id"],
        "date": "submitted_on",
    },
    "emails": {
        "description": (
            "HubSpot marketing emails by the day they were published. Opens and clicks are counted once a person, and keep "
            "coming. Counts are null where HubSpot has none."
        ),
        "get": "/marketing/v3/emails/",
        "params": {"includeStats": "true", "isPublished": "true"},
        "rows": "$.results",
        "columns": {"email_id": "integer", "name": "text", "published_at": "timestamp"} | dict.fromkeys(COUNTERS, "integer"),
        "paths": {"email_id": "$.id", "published_at": "$.publishDate"}
        | {column: f"$.stats.counters.{name}" for column, name in COUNTERS.items()},
        "optional": ["published_at", *COUNTERS],
        "days": {"published_on": "published_at"},
        "key": ["email_id"],
        "date": "published_on",
        "restates": 7,
    },
}  # fmt: skip
LARGEST = {"contacts": 200, "form_submissions": 50, "emails": 100}
REMEDIES = {
    400: "A property that is asked for may be archived in HubSpot: hs_lifecyclestage_…_date, lifecyclestage.",
    401: "Make a new access token for the private app, and put it into the environment.",
    403: "Give the private app the scopes crm.objects.contacts.read, forms and content.",
    404: "Look at `endpoint`, and whether each of `forms` is still there.",
}


class HubSpotSettings(ApiSettings):
    """`access_token` is a private app's; `forms` are the ids of the forms whose submissions are pulled; `page_size` is how
    many contacts come in one answer, and at most so many emails (100) and submissions (50)."""

    access_token: SecretStr
    endpoint: Endpoint = "https://api.hubapi.com"
    forms: tuple[Annotated[str, Field(pattern=r"^[\w-]+$")], ...] = ()
    page_size: int = Field(default=200, ge=1, le=200)


class HubSpot(Rest):
    """Contacts, forms and emails of one account."""

    Settings: ClassVar[type[Settings]] = HubSpotSettings

    @cached_property
    def _declared(self) -> dict[str, RestStream]:
        wanted = {name: each for name, each in STREAMS.items() if name != "form_submissions" or self.settings.forms}
        return {name: RestStream.model_validate(each) for name, each in wanted.items()}

    def declared(self) -> Mapping[str, RestStream]:
        """`contacts`, `emails`, and `form_submissions` where forms are named."""
        return self._declared

    def api(self) -> JsonApi:
        """With the private app's token."""
        settings: HubSpotSettings = self.settings
        token = bearer(settings.access_token.get_secret_value())
        return JsonApi(self, "HubSpot", settings.endpoint, credentials=token, remedies=REMEDIES)

    def asked(self, name: str, window: Window) -> Iterator[Asked]:
        """Contacts by a search; each form's submissions from the newest to the window's first day; all emails."""
        declared, limit = self.declared()[name], min(self.settings.page_size, LARGEST[name])
        if name == "contacts":
            yield Asked(self._search(declared, window, limit), _with_higher_ids, _results)
        elif name == "emails":
            request = declared.request(window, self.settings.timezone).having(limit=limit)
            yield Asked(request, by_cursor("after", _cursor), _results)
        else:
            for form in self.settings.forms:
                yield Asked(
                    Request(declared.get + form, {"limit": limit}),
                    self._until(window),
                    partial(_of_form, form),
                )

    def _search(self, declared: RestStream, window: Window, limit: int) -> Request:
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
            "limit": limit,
        }
        return Request(declared.get, body=body)

    def _until(self, window: Window) -> Paging:
        """Until a page lies before the window as a whole."""
        begins = midnight(window.first, self.settings.timezone).replace(tzinfo=UTC).timestamp() * 1000
        following = by_cursor("after", _cursor)
        return lambda page: (
            following(page) if page.rows and max(row["submittedAt"] for row in page.rows) >= begins else None
        )


def _results(body: Any) -> list[Any]:
    found: list[Any] = body["results"]
    return found


def _of_form(form: str, body: Any) -> list[Any]:
    return [{**row, "form": form} for row in body["results"]]


def _cursor(body: Any) -> str | None:
    after = ((body.get("paging") or {}).get("next") or {}).get("after")
    return unquote(str(after)) if after else None


def _with_higher_ids(page: Page) -> Request | None:
    if not page.rows:
        return None
    created = page.asked.body["filterGroups"][0]["filters"][:2]
    highest: dict[str, Any] = {"propertyName": "hs_object_id", "operator": "GT", "value": page.rows[-1]["id"]}
    return replace(page.asked, body={**page.asked.body, "filterGroups": [{"filters": [*created, highest]}]})
