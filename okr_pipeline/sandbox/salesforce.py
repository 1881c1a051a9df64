"""The sandbox's Salesforce: leads by SOQL over REST, a hundred records an answer."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline.sandbox import people
from okr_pipeline.sandbox.people import seed

__all__ = ["env", "routes", "seed"]

CLIENT_ID, CLIENT_SECRET = "3MVG9sandbox", "sandbox-client-secret"
TOKEN = "00D5g00000Kx7Qd!AQEAQsandbox.session"  # noqa: S105 - opens the sandbox only
BATCH = 100  # records; Salesforce sends up to 2,000, and fewer as it sees fit
SPAN = re.compile(r"FROM Lead WHERE CreatedDate >= (\S+) AND CreatedDate < (\S+) ORDER BY")
STATUS = {
    "lead": "Open - Not Contacted",
    "marketingqualifiedlead": "Working - Contacted",
    "salesqualifiedlead": "Qualified",
    "opportunity": "Closed - Converted",
    "customer": "Closed - Converted",
}


def env(url: str) -> dict[str, str]:
    """What a configuration needs to read this API."""
    return {"SALESFORCE_ENDPOINT": url, "SALESFORCE_CLIENT_ID": CLIENT_ID, "SALESFORCE_CLIENT_SECRET": CLIENT_SECRET}


def routes(folder: Path) -> list[BaseRoute]:
    """The token endpoint, a query, and the rest of its records."""

    async def token(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return JSONResponse(
                {"error": "unsupported_grant_type", "error_description": "grant type not supported"}, 400
            )
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client", "error_description": "invalid client credentials"}, 401)
        return JSONResponse({"access_token": TOKEN, "token_type": "Bearer", "issued_at": "1795000000000"})

    def query(request: Request) -> Response:
        return _answer(folder, request, request.query_params.get("q", ""), 0)

    def following(request: Request) -> Response:
        asked, start = json.loads(urlsafe_b64decode(request.path_params["locator"]))
        return _answer(folder, request, asked, start)

    return [
        Route("/services/oauth2/token", token, methods=["POST"]),
        Route("/services/data/{version}/query", query),
        Route("/services/data/{version}/query/{locator}", following),
    ]


def _answer(folder: Path, request: Request, query: str, start: int) -> Response:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return JSONResponse([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}], 401)
    span = SPAN.search(query)
    if span is None:
        return JSONResponse([{"message": "unexpected token", "errorCode": "MALFORMED_QUERY"}], 400)
    since, before = (datetime.fromisoformat(end) for end in span.groups())
    found = [_lead(person) for person in people.created_between(folder, since, before)]
    end = start + BATCH
    answer: dict[str, Any] = {"totalSize": len(found), "done": end >= len(found)}
    if end < len(found):
        locator = urlsafe_b64encode(json.dumps([query, end]).encode()).decode()
        path = f"/services/data/{request.path_params['version']}/query/{locator}"
        answer["nextRecordsUrl"] = request.scope.get("root_path", "") + path
    return JSONResponse({**answer, "records": found[start:end]})


def _lead(person: people.Person) -> dict[str, Any]:
    stage, changed = list(person.entered.items())[-1]
    converted = person.entered.get("opportunity")
    return {
        "attributes": {"type": "Lead"},
        "Id": f"00Q{person.number:012d}AA",
        "CreatedDate": _instant(person.created),
        "SystemModstamp": _instant(changed),
        "LeadSource": person.source.replace("_", " ").title(),
        "Status": STATUS[stage],
        "IsConverted": converted is not None,
        "ConvertedDate": str(converted.date()) if converted else None,
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
