"""The sandbox's HubSpot: a search for contacts, which ends after so many as HubSpot's own does after 10,000."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline.sandbox import people
from okr_pipeline.sandbox.people import seed

__all__ = ["env", "routes", "seed"]

TOKEN = "pat-sandbox-11111111"  # noqa: S105 - opens the sandbox only
LARGEST_PAGE, MOST = 200, 10_000


def env(url: str) -> dict[str, str]:
    """What a configuration needs to read this API."""
    return {"HUBSPOT_ENDPOINT": url, "HUBSPOT_ACCESS_TOKEN": TOKEN}


def routes(folder: Path) -> list[BaseRoute]:
    """`POST /crm/v3/objects/contacts/search` with one group of filters on createdate and hs_object_id."""

    async def search(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        asked = await request.json()
        try:
            since, before, above = _bounds(asked["filterGroups"][0]["filters"])
            limit, start = int(asked.get("limit", 10)), int(asked.get("after", 0))
        except (KeyError, ValueError):
            return _refusal(400, "VALIDATION_ERROR", "Invalid input JSON.")
        if not 0 < limit <= LARGEST_PAGE or start + limit > MOST:
            return _refusal(400, "VALIDATION_ERROR", "The limit, or the offset of the page, is too high.")
        found = [person for person in people.created_between(folder, since, before) if person.number > above]
        results = [_contact(person, asked.get("properties", [])) for person in found[start : start + limit]]
        answer: dict[str, Any] = {"total": len(found), "results": results}
        if start + limit < len(found):
            answer["paging"] = {"next": {"after": str(start + limit)}}
        return JSONResponse(answer)

    return [Route("/crm/v3/objects/contacts/search", search, methods=["POST"])]


def _bounds(filters: list[dict[str, Any]]) -> tuple[datetime, datetime, int]:
    given = {(each["propertyName"], each["operator"]): each["value"] for each in filters}
    since, before = (datetime.fromisoformat(given["createdate", operator]) for operator in ("GTE", "LT"))
    return since, before, int(given.get(("hs_object_id", "GT"), 0))


def _contact(person: people.Person, wanted: list[str]) -> dict[str, Any]:
    known: dict[str, Any] = {
        "createdate": _instant(person.created),
        "hs_object_id": str(person.number),
        "lastmodifieddate": _instant(max(person.entered.values())),
        "lifecyclestage": list(person.entered)[-1],
        "hs_analytics_source": person.source,
        **{f"hs_lifecyclestage_{stage}_date": _instant(instant) for stage, instant in person.entered.items()},
    }
    always = ("createdate", "hs_object_id", "lastmodifieddate")
    return {
        "id": str(person.number),
        "properties": {name: known.get(name) for name in dict.fromkeys((*always, *wanted))},
        "archived": False,
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _refusal(status: int, category: str, message: str) -> JSONResponse:
    return JSONResponse({"status": "error", "category": category, "message": message}, status)
