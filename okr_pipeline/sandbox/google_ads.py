"""The sandbox's Google Ads account: three campaigns by day, behind `googleAds:search` of the API's REST interface.

Truth is `ads_campaigns.csv`, what a day comes to in the end. Clicks and cost are there on the next day; of a day's conversions
half are, and all of them two weeks later. Whole numbers go out as texts and money in millionths, as JSON has the API's int64.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock

FILE = "ads_campaigns.csv"
CUSTOMER = "4567890123"
DEVELOPER_TOKEN = "sandbox-developer-token"  # noqa: S105 - opens the sandbox only
ZONE, CURRENCY = "Asia/Bangkok", "THB"
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
PAGE = 10_000  # rows; the API has no other
SETTLED = 14  # days
CAMPAIGNS = {"11001": "แบรนด์ (ค้นหา)", "11002": "Air conditioners (search)", "11003": "Launch (video)"}
HEADER = ("day", "campaign_id", "impressions", "clicks", "cost_micros", "conversions")
SPAN = re.compile(r"FROM campaign\s+WHERE segments\.date BETWEEN '(\d{4}-\d\d-\d\d)' AND '(\d{4}-\d\d-\d\d)'")


def seed(folder: Path) -> None:
    """Writes the truth if there is none."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(25_713)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for number in range((LAST - FIRST).days + 1):
            for campaign in CAMPAIGNS:
                impressions = int(rng.integers(400, 6000))
                clicks = int(impressions * rng.uniform(0.01, 0.06))
                cost = sum(int(each) for each in rng.integers(3_000_000, 19_000_000, clicks))
                day = FIRST + timedelta(days=number)
                writer.writerow(
                    (day, campaign, impressions, clicks, cost, round(clicks * float(rng.uniform(0, 0.2)), 2))
                )
    unfinished.replace(path)


def routes(folder: Path) -> list[BaseRoute]:
    """`POST /v…/customers/<number>/googleAds:search` with a query in GAQL."""

    async def search(request: Request) -> Response:
        if request.headers.get("developer-token") != DEVELOPER_TOKEN:
            return _refusal(403, "PERMISSION_DENIED", "The developer token is not valid.")
        if request.path_params["customer"] != CUSTOMER:
            return _refusal(403, "PERMISSION_DENIED", "The caller does not have permission.")
        asked = await request.json()
        span = SPAN.search(asked.get("query", ""))
        if span is None or "pageSize" in asked:
            return _refusal(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        first, last = (date.fromisoformat(day) for day in span.groups())
        start = int(asked.get("pageToken") or 0)
        found = [row for row in _rows(folder) if first <= date.fromisoformat(row["segments"]["date"]) <= last]
        answer: dict[str, Any] = {"fieldMask": "campaign.id,campaign.name,segments.date", "requestId": "sandbox"}
        if rows := found[start : start + PAGE]:
            answer["results"] = rows
        if start + PAGE < len(found):
            answer["nextPageToken"] = str(start + PAGE)
        return JSONResponse(answer)

    return [Route("/{version}/customers/{customer}/googleAds:search", search, methods=["POST"])]


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    today = clock.today(ZONE)
    with (folder / FILE).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            age = (today - date.fromisoformat(row["day"])).days
            if age < 1:
                continue
            conversions = float(row["conversions"]) * (1.0 if age >= SETTLED else 0.5)
            yield {
                "customer": {"resourceName": f"customers/{CUSTOMER}", "currencyCode": CURRENCY, "timeZone": ZONE},
                "campaign": {"id": row["campaign_id"], "name": CAMPAIGNS.get(row["campaign_id"], "")},
                "segments": {"date": row["day"]},
                "metrics": {
                    "impressions": row["impressions"],
                    "clicks": row["clicks"],
                    "costMicros": row["cost_micros"],
                    "conversions": conversions,
                    "conversionsValue": conversions * 180,
                },
            }


def _refusal(code: int, status: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, code)
