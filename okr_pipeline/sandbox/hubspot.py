"""The sandbox's HubSpot: a search for contacts, which ends after 10,000 as HubSpot's own does; forms, and emails.

Truth is `people.csv`, of whom all but those from offline filled in a form, and `hubspot_emails.csv`.
"""

from __future__ import annotations

import csv
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock
from okr_pipeline.sandbox import people

EMAILS = "hubspot_emails.csv"
COUNTERS = ("sent", "delivered", "open", "click", "bounce", "unsubscribed")
FORMS = ("0d1c3a52-newsletter", "78c2891f-quotation")
TOKEN = "pat-sandbox-11111111"  # noqa: S105 - opens the sandbox only
LARGEST_PAGE, MOST = 200, 10_000


def env(url: str) -> dict[str, str]:
    """What a configuration needs to read this API."""
    return {"HUBSPOT_ENDPOINT": url, "HUBSPOT_ACCESS_TOKEN": TOKEN}


def seed(folder: Path) -> None:
    """Writes the truth if there is none: an email every Wednesday morning, beside the people."""
    people.seed(folder)
    path = folder / EMAILS
    if path.exists():
        return
    rng = np.random.default_rng(25_719)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "name", "published_at", *COUNTERS))
        for number in range(69):
            sent = int(rng.integers(2000, 6000))
            bounced = int(rng.integers(5, 90))
            opened = (sent - bounced) * int(rng.integers(250, 420)) // 1000
            counted = (sent, sent - bounced, opened, opened // 7, bounced, int(rng.integers(0, 12)))
            instant = datetime(2026, 6, 3, 2, tzinfo=UTC) + timedelta(weeks=number)
            writer.writerow((94_000_000_000 + number * 131, f"Weekly {number + 1}", instant.isoformat(), *counted))
    unfinished.replace(path)


def routes(folder: Path) -> list[BaseRoute]:
    """A search for contacts with one group of filters on createdate and hs_object_id; a form's submissions; emails."""

    async def search(request: Request) -> Response:
        if (unknown := _unknown(request)) is not None:
            return unknown
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

    def submissions(request: Request) -> Response:
        if (unknown := _unknown(request)) is not None:
            return unknown
        form = request.path_params["form"]
        if form not in FORMS:
            return _refusal(404, "OBJECT_NOT_FOUND", "The form does not exist.")
        came = people.created_between(folder, datetime.min.replace(tzinfo=UTC), clock.now())
        found = [_submission(p) for p in came if p.source != "OFFLINE" and FORMS[p.number % 2] == form]
        return _paged(request, found[::-1], 50)

    def emails(request: Request) -> Response:
        if (unknown := _unknown(request)) is not None:
            return unknown
        with (folder / EMAILS).open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.DictReader(file) if datetime.fromisoformat(row["published_at"]) <= clock.now()]
        return _paged(request, [_email(row) for row in rows], 100)

    return [
        Route("/crm/v3/objects/contacts/search", search, methods=["POST"]),
        Route("/form-integrations/v1/submissions/forms/{form}", submissions),
        Route("/marketing/v3/emails/", emails),
    ]


def _unknown(request: Request) -> Response | None:
    if request.headers.get("authorization") == f"Bearer {TOKEN}":
        return None
    return _refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")


def _paged(request: Request, found: list[dict[str, Any]], most: int) -> Response:
    asked = request.query_params
    try:
        limit, start = int(asked.get("limit", 20)), int(b64decode(asked["after"])) if "after" in asked else 0
    except ValueError:
        limit, start = 0, 0
    if not 0 < limit <= most:
        return _refusal(400, "VALIDATION_ERROR", "The limit or the cursor is not valid.")
    answer: dict[str, Any] = {"results": found[start : start + limit]}
    if start + limit < len(found):
        answer["paging"] = {"next": {"after": quote(b64encode(str(start + limit).encode()).decode())}}
    return JSONResponse(answer)


def _submission(person: people.Person) -> dict[str, Any]:
    return {
        "conversionId": f"{person.number:08x}-5ub0-4000-8000-0000000000aa",
        "submittedAt": int(person.created.timestamp() * 1000),
        "values": [{"name": "email", "value": f"person{person.number}@example.com"}],
        "pageUrl": "https://shop.example.com/newsletter",
    }


def _email(row: dict[str, str]) -> dict[str, Any]:
    """An email as it stands: opens and clicks come in over seven days."""
    published = datetime.fromisoformat(row["published_at"])
    share = min((clock.now() - published) / timedelta(days=7), 1.0)
    counters = {name: int(row[name]) for name in COUNTERS}
    counters |= {name: int(counters[name] * share) for name in ("open", "click", "unsubscribed")}
    return {
        "id": row["id"],
        "name": row["name"],
        "publishDate": _instant(published),
        "isPublished": True,
        "stats": {"counters": counters, "ratios": {"openratio": 100 * counters["open"] / counters["delivered"]}},
    }


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
