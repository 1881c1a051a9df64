"""The sandbox's Meta ad account: two campaigns by day, behind the Marketing API's insights.

Truth is `meta_campaigns.csv`, what a day comes to in the end. Of a day's purchases half are there on the next day, and all of
them two weeks later. Numbers go out as texts, and what there was none of is left out.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock
from okr_pipeline.sandbox.google_ads import CURRENCY, FIRST, LAST, SETTLED, ZONE

FILE = "meta_campaigns.csv"
ACCOUNT = "1020304050607080"
TOKEN = "EAASandboxMetaToken0123456789"  # noqa: S105 - opens the sandbox only
CAMPAIGNS = {"120210000000000101": "เปิดตัวหม้อทอด (reels)", "120210000000000102": "Retargeting"}


def seed(folder: Path) -> None:
    """Writes the truth if there is none."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(25_716)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("day", "campaign_id", "impressions", "clicks", "satang", "purchases"))
        for number in range((LAST - FIRST).days + 1):
            for campaign in CAMPAIGNS:
                clicks = int(rng.integers(20, 400))
                counts = (clicks * 40, clicks, clicks * int(rng.integers(200, 900)), int(rng.integers(0, 12)))
                writer.writerow((FIRST + timedelta(days=number), campaign, *counts))
    unfinished.replace(path)


def env(url: str) -> dict[str, str]:
    """What a configuration needs to read this API."""
    return {"META_ADS_ENDPOINT": url, "META_ADS_ACCOUNT": ACCOUNT, "META_ADS_ACCESS_TOKEN": TOKEN}


def routes(folder: Path) -> list[BaseRoute]:
    """The account itself, and its insights by campaign and day."""

    def account(request: Request) -> Response:
        about = {"currency": CURRENCY, "timezone_name": ZONE, "id": f"act_{ACCOUNT}"}
        return _refused(request) or JSONResponse(about)

    def insights(request: Request) -> Response:
        if refused := _refused(request):
            return refused
        asked = request.query_params
        if (asked.get("level"), asked.get("time_increment")) != ("campaign", "1"):
            return _error(400, 100, "(#100) Only level=campaign with time_increment=1 is played here")
        span = json.loads(asked["time_range"])
        first, last = date.fromisoformat(span["since"]), date.fromisoformat(span["until"])
        found = [row for row in _rows(folder) if first <= date.fromisoformat(row["date_start"]) <= last]
        start, limit = int(asked.get("after", "0")), int(asked.get("limit", "25"))
        answer: dict[str, Any] = {"data": found[start : start + limit]}
        if answer["data"]:
            answer["paging"] = {"cursors": {"before": str(start), "after": str(start + limit)}}
        if start + limit < len(found):
            answer["paging"]["next"] = f"{request.url}&access_token={TOKEN}"
        return JSONResponse(answer)

    return [Route("/{version}/act_{account}", account), Route("/{version}/act_{account}/insights", insights)]


def _refused(request: Request) -> JSONResponse | None:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return _error(400, 190, "Invalid OAuth access token - Cannot parse access token")
    if request.path_params["account"] != ACCOUNT:
        return _error(403, 200, "(#200) Ad account owner has NOT grant ads_management or ads_read permission")
    return None


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    today = clock.today(ZONE)
    with (folder / FILE).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            age = (today - date.fromisoformat(row["day"])).days
            if age < 1:
                continue
            shown = {name: row[name] for name in ("campaign_id", "impressions", "clicks")}
            shown |= {
                "campaign_name": CAMPAIGNS.get(row["campaign_id"], ""),
                "spend": f"{int(row['satang']) / 100:.2f}",
            }
            purchases = int(row["purchases"]) // (1 if age >= SETTLED else 2)
            actions: dict[str, Any] = {"actions": [{"action_type": "link_click", "value": row["clicks"]}]}
            if purchases:
                actions["actions"].append({"action_type": "purchase", "value": str(purchases)})
                actions["action_values"] = [{"action_type": "purchase", "value": f"{purchases * 890}.50"}]
            yield {**shown, **actions, "date_start": row["day"], "date_stop": row["day"]}


def _error(status: int, code: int, message: str) -> JSONResponse:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "sandbox"}
    return JSONResponse({"error": error}, status)
