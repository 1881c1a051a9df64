"""The sandbox's review service: a plain JSON API, such as a company has of its own, for the `rest` connector.

Truth is `reviews.csv`. A review is there from the instant it was posted, and its reply from when that was written.
"""

from __future__ import annotations

import csv
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock

FILE = "reviews.csv"
TOKEN = "sandbox-reviews-token"  # noqa: S105 - opens the sandbox only
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
LARGEST_PAGE = 50
PRODUCTS = ("AC-310", "AC-520", "RV-100", "WF-020")


def seed(folder: Path) -> None:
    """Writes the truth if there is none: a few reviews a day, most with a reply within three days."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(25_711)
    rows = []
    for day in range((LAST - FIRST).days + 1):
        for _ in range(int(rng.integers(2, 9))):
            seconds = day * 86_400 + int(rng.integers(0, 86_400)) - 7 * 3600  # days of Bangkok
            posted = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(seconds=seconds)
            replied = posted + timedelta(minutes=int(rng.integers(20, 4320))) if rng.random() < 0.7 else None
            stars = int(rng.choice(5, p=[0.05, 0.05, 0.12, 0.33, 0.45])) + 1
            rows.append((posted, str(rng.choice(PRODUCTS)), stars, replied))
    rows.sort(key=lambda row: row[0])
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "posted_at", "product", "stars", "replied_at"))
        for number, (posted, product, stars, replied) in enumerate(rows, start=1):
            writer.writerow((f"rv_{number:06d}", _text(posted), product, stars, _text(replied) if replied else ""))
    unfinished.replace(path)


def env(url: str) -> dict[str, str]:
    """What a configuration needs to read this API."""
    return {"REVIEWS_ENDPOINT": url, "REVIEWS_TOKEN": TOKEN}


def routes(folder: Path) -> list[BaseRoute]:
    """`GET /v1/reviews?posted_from=…&posted_before=…&limit=…&cursor=…`: instants in UTC, pages by cursor, oldest first."""

    def reviews(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "The token is not known."}, 401)
        asked = request.query_params
        try:
            since = datetime.fromisoformat(asked.get("posted_from", "1970-01-01T00:00:00Z"))
            before = min(datetime.fromisoformat(asked.get("posted_before", "9999-12-31T00:00:00Z")), clock.now())
            size = min(int(asked.get("limit", "20")), LARGEST_PAGE)
            start = int(urlsafe_b64decode(asked["cursor"])) if asked.get("cursor") else 0
            found = [row for row in _rows(folder) if since <= row["posted_at"] < before]
        except (ValueError, TypeError):
            return JSONResponse({"message": "A parameter is not of the form that the documentation gives."}, 400)
        end = start + size
        cursor = urlsafe_b64encode(str(end).encode()).decode() if end < len(found) else None
        items = [_shown(row) for row in found[start:end]]
        return JSONResponse({"data": {"items": items}, "meta": {"count": len(found), "next_cursor": cursor}})

    return [Route("/v1/reviews", reviews)]


def _rows(folder: Path) -> list[dict[str, Any]]:
    with (folder / FILE).open(encoding="utf-8-sig", newline="") as file:
        return [{**row, "posted_at": datetime.fromisoformat(row["posted_at"])} for row in csv.DictReader(file)]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    replied = datetime.fromisoformat(row["replied_at"]) if row["replied_at"] else None
    return {
        "id": row["id"],
        "posted_at": _text(row["posted_at"]),
        "product": {"sku": row["product"]},
        "rating": {"stars": int(row["stars"]), "of": 5},
        "reply": {"at": _text(replied)} if replied and replied <= clock.now() else None,
    }


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
