"""The sandbox's LINE Official Account: what it delivered, and who follows it, by day of UTC+9.

Truth is `line_days.csv`. A day is counted from the second day after it on; before the first day there was no service.
"""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock

FILE = "line_days.csv"
TOKEN = "sandbox-channel-access-token"  # noqa: S105 - opens the sandbox only
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
COUNTED_AFTER = 2  # days
DELIVERED = ("broadcast", "targeting", "autoResponse", "welcomeResponse", "chat", "apiPush")
PEOPLE = ("followers", "targetedReaches", "blocks")


def seed(folder: Path) -> None:
    """Writes the truth if there is none: a broadcast on Mondays and Thursdays."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(25_715)
    followers, blocks = 41_200, 5_100
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("day", *DELIVERED, *PEOPLE))
        for number in range((LAST - FIRST).days + 1):
            day = FIRST + timedelta(days=number)
            joined, left = int(rng.integers(20, 190)), int(rng.integers(5, 60))
            followers, blocks = followers + joined, blocks + left
            broadcast = followers - blocks if day.weekday() in {0, 3} else 0
            some = [int(rng.integers(0, most)) for most in (3000, 400, 60, 900)]
            delivered = (broadcast, some[0], some[1], joined, some[2], some[3])
            writer.writerow((day, *delivered, followers, (followers - blocks) * 9 // 10, blocks))
    unfinished.replace(path)


def env(url: str) -> dict[str, str]:
    """What a configuration needs to read this API."""
    return {"LINE_ENDPOINT": url, "LINE_ACCESS_TOKEN": TOKEN}


def routes(folder: Path) -> list[BaseRoute]:
    """The two insight methods, each for one `date` of yyyyMMdd."""

    def route(path: str, names: tuple[str, ...]) -> Route:
        def insight(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                message = "Authentication failed. Confirm that the access token in the authorization header is valid."
                return JSONResponse({"message": message}, 401)
            try:
                day = datetime.strptime(request.query_params["date"], "%Y%m%d").date()  # noqa: DTZ007 - a day
            except (KeyError, ValueError):
                return JSONResponse({"message": "The value for the 'date' parameter is invalid"}, 400)
            if day < FIRST:
                return JSONResponse({"status": "out_of_service"})
            if (clock.today("Asia/Tokyo") - day).days < COUNTED_AFTER:
                return JSONResponse({"status": "unready"})
            with (folder / FILE).open(encoding="utf-8-sig", newline="") as file:
                row = next(row for row in csv.DictReader(file) if row["day"] == day.isoformat())
            return JSONResponse({"status": "ready", **{name: int(row[name]) for name in names}})

        return Route(path, insight)

    return [
        route("/v2/bot/insight/message/delivery", DELIVERED),
        route("/v2/bot/insight/followers", PEOPLE),
    ]
