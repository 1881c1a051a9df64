"""The sandbox's Brevo: email campaigns with their statistics, as the API v3 answers.

Truth is `brevo_campaigns.csv`, what a campaign comes to in the end. Opens and clicks come in over seven days.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock
from okr_pipeline.sandbox.mailchimp import FIRST, LAST, PERCENT_BY_AGE

FILE = "brevo_campaigns.csv"
API_KEY = "xkeysib-0123456789abcdef-sandbox"  # opens the sandbox only
LARGEST_PAGE = 100
SETTLED_AT_ONCE = ("sent", "delivered", "hardBounces", "softBounces")
COMING_IN = ("viewed", "uniqueViews", "trackableViews", "appleMppOpens", "clickers", "uniqueClicks")


def seed(folder: Path) -> None:
    """Writes the truth if there is none: three campaigns a week."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(25_714)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "sent_at", *SETTLED_AT_ONCE, *COMING_IN))
        begin = datetime(FIRST.year, FIRST.month, FIRST.day, 3, 30, tzinfo=UTC)
        for number, day in enumerate(day for day in range((LAST - FIRST).days) if day % 7 in {0, 2, 4}):
            sent, hard, soft = int(rng.integers(3000, 9000)), int(rng.integers(3, 30)), int(rng.integers(9, 60))
            trackable, apple = int(rng.integers(500, 900)), int(rng.integers(300, 500))
            opens, clicks = trackable + apple, trackable // 5
            counts = (sent, sent - hard - soft, hard, soft, opens * 2, opens, trackable, apple, clicks + 40, clicks)
            writer.writerow((number + 101, (begin + timedelta(days=day)).isoformat(), *counts))
    unfinished.replace(path)


def env(url: str) -> dict[str, str]:
    """What a configuration needs to read this API."""
    return {"BREVO_ENDPOINT": url, "BREVO_API_KEY": API_KEY}


def routes(folder: Path) -> list[BaseRoute]:
    """`GET /v3/emailCampaigns`: sent campaigns between two instants, by offset."""

    def campaigns(request: Request) -> Response:
        if request.headers.get("api-key") != API_KEY:
            return JSONResponse({"code": "unauthorized", "message": "Key not found"}, 401)
        asked = request.query_params
        try:
            since, until = (datetime.fromisoformat(asked[name]) for name in ("startDate", "endDate"))
            limit, offset = int(asked.get("limit", "50")), int(asked.get("offset", "0"))
        except (KeyError, ValueError):
            return JSONResponse({"code": "invalid_parameter", "message": "startDate is not valid"}, 400)
        if limit > LARGEST_PAGE:
            return JSONResponse({"code": "out_of_range", "message": "Limit exceeds max value"}, 400)
        counted = asked.get("statistics") == "globalStats"
        now = clock.now()
        with (folder / FILE).open(encoding="utf-8-sig", newline="") as file:
            rows: list[dict[str, Any]] = [
                {**row, "sent_at": datetime.fromisoformat(row["sent_at"])} for row in csv.DictReader(file)
            ]
        found = [row for row in rows if since <= row["sent_at"] <= min(until, now)]
        answer: dict[str, Any] = {"count": len(found)}
        if found:
            answer["campaigns"] = [_shown(row, now, counted) for row in found[offset : offset + limit]]
        return JSONResponse(answer)

    return [Route("/v3/emailCampaigns", campaigns)]


def _shown(row: dict[str, Any], now: datetime, counted: bool) -> dict[str, Any]:
    percent = PERCENT_BY_AGE[min((now - row["sent_at"]).days, len(PERCENT_BY_AGE) - 1)]
    stats = {name: int(row[name]) for name in SETTLED_AT_ONCE}
    stats |= {name: int(row[name]) * percent // 100 for name in COMING_IN} | {"unsubscriptions": 2, "complaints": 0}
    if not counted:
        stats = dict.fromkeys(stats, 0)
    return {
        "id": int(row["id"]),
        "name": f"จดหมายข่าว {row['id']}",
        "type": "classic",
        "status": "sent",
        "sentDate": row["sent_at"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "statistics": {"globalStats": stats, "campaignStats": [], "mirrorClick": 0, "remaining": 0},
    }
