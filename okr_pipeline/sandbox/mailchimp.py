"""The sandbox's Mailchimp: campaign reports over a CSV, as the Marketing API answers.

Truth is `mailchimp_campaigns.csv`, with each campaign's figures as they settle. Opens and clicks come in over seven
days: until then a report shows the share of its age.
"""

from __future__ import annotations

import base64
import csv
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock

FILE = "mailchimp_campaigns.csv"
API_KEY = "0123456789abcdef0123456789abcdef-us6"  # Mailchimp's form; opens the sandbox only
BANGKOK = ZoneInfo("Asia/Bangkok")
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
LAUNCH_WEEK_2 = (date(2026, 10, 26), date(2026, 11, 1))
PERCENT_BY_AGE = (46, 68, 80, 87, 92, 96, 98, 100)  # of opens and clicks after 0, 1, … 7 full days
TOPICS = ("เคล็ดลับประหยัดไฟ", "Air fryer recipes", "รวมโปรประจำสัปดาห์", "Clean air at home", "รีวิวจากผู้ใช้จริง")

COLUMNS = (
    *("id", "title", "send_time", "emails_sent", "hard_bounces", "soft_bounces", "opens_total", "unique_opens"),
    *("proxy_excluded_unique_opens", "clicks_total", "unique_clicks"),
)

# The launch's second week, by hand, since a key result rests on it:
# Bangkok time, title, sent, hard, soft, opens, unique opens, unique opens without proxy, clicks, unique clicks
LAUNCH = (
    ("2026-10-26T00:20", "AeroCook launch: first offers", 8200, 31, 69, 6310, 3830, 2770, 905, 712),
    ("2026-10-28T10:00", "AeroCook เมนูแรกของคุณ", 8150, 12, 38, 6120, 3791, 2743, 871, 690),
    ("2026-10-30T18:30", "AeroCook: for our partners", 2600, 9, 21, 2011, 1287, None, 266, 214),
    ("2026-11-01T19:00", "AeroCook สัปดาห์ที่สอง รีวิว", 7900, 10, 40, 5904, 3684, 2683, 838, 655),
)


def seed(folder: Path) -> None:
    """Writes the truth if there is none: campaigns on Tuesdays and Fridays, and the launch's."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(2570)
    sent_at = [datetime.fromisoformat(row[0]).replace(tzinfo=BANGKOK) for row in LAUNCH]
    rows: list[tuple[Any, ...]] = [(instant, *row[1:]) for instant, row in zip(sent_at, LAUNCH, strict=True)]
    span = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    regular = [day for day in span if day.weekday() in {1, 4} and not LAUNCH_WEEK_2[0] <= day <= LAUNCH_WEEK_2[1]]
    for number, day in enumerate(regular):
        sent = int(rng.integers(5200, 8400))
        hard, soft = int(rng.integers(4, 30)), int(rng.integers(10, 60))
        unique = (sent - hard - soft) * int(rng.integers(400, 480)) // 1000
        clicked = unique * int(rng.integers(120, 200)) // 1000
        without_proxy = unique * int(rng.integers(680, 740)) // 1000
        instant = datetime.combine(day, time(int(rng.integers(8, 20)), 30), BANGKOK)
        title = f"{TOPICS[number % len(TOPICS)]} {day:%d/%m}"
        # Mailchimp began to count opens without proxies later than our oldest campaigns were sent.
        known = without_proxy if day >= date(2026, 7, 1) else None
        rows.append((instant, title, sent, hard, soft, unique * 8 // 5, unique, known, clicked * 5 // 4, clicked))
    rows.sort(key=lambda row: row[0])
    unfinished = path.with_suffix(".part")  # a seeding that was interrupted must not pass for the truth
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, (instant, title, *figures) in enumerate(rows):
            identifier = f"{0xA0C3D00000 + number * 7919:010x}"
            writer.writerow([identifier, title, instant.astimezone(UTC).isoformat(), *figures])
    unfinished.replace(path)


def routes(folder: Path) -> list[BaseRoute]:
    """The one method that the connector calls, below the endpoint's prefix."""

    async def reports(request: Request) -> Response:
        if not _key_is_right(request.headers.get("authorization", "")):
            said = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
            return _problem(401, "API Key Invalid", said)
        asked = request.query_params
        try:
            count, offset = int(asked.get("count", 10)), int(asked.get("offset", 0))
            since = datetime.fromisoformat(asked.get("since_send_time", "1970-01-01T00:00:00+00:00"))
            before = datetime.fromisoformat(asked.get("before_send_time", "9999-12-31T00:00:00+00:00"))
        except ValueError:
            return _problem(400, "Invalid Resource", "The resource submitted could not be validated.")
        if not 0 <= count <= 1000 or offset < 0:
            return _problem(400, "Invalid Resource", "Count must be from 0 to 1000, offset not negative.")
        sent = [row for row in _campaigns(folder / FILE) if since <= row["sent_at"] < min(before, clock.now())]
        sent.sort(key=lambda row: row["sent_at"], reverse=True)
        page = [_report(row) for row in sent[offset : offset + count]]
        return JSONResponse({"reports": page, "total_items": len(sent), "_links": []})

    return [Route("/3.0/reports", reports)]


def _campaigns(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{**row, "sent_at": datetime.fromisoformat(row["send_time"])} for row in csv.DictReader(file)]


def _report(row: dict[str, Any]) -> dict[str, Any]:
    """A campaign as the API shows it at its age; a rate is a fraction of what was delivered."""
    age = min((clock.now() - row["sent_at"]).days, len(PERCENT_BY_AGE) - 1)
    sent, hard, soft = (int(row[name]) for name in ("emails_sent", "hard_bounces", "soft_bounces"))
    delivered = max(sent - hard - soft, 1)

    def so_far(name: str) -> int:
        return int(row[name]) * PERCENT_BY_AGE[age] // 100

    opens: dict[str, Any] = {"opens_total": so_far("opens_total"), "unique_opens": so_far("unique_opens")}
    opens["open_rate"] = opens["unique_opens"] / delivered
    if row["proxy_excluded_unique_opens"]:
        opens["proxy_excluded_unique_opens"] = so_far("proxy_excluded_unique_opens")
        opens["proxy_excluded_open_rate"] = opens["proxy_excluded_unique_opens"] / delivered
    clicks = {name: so_far(name) for name in ("clicks_total", "unique_clicks")}
    return {
        "id": row["id"],
        "campaign_title": row["title"],
        "type": "regular",
        "emails_sent": sent,
        "send_time": row["sent_at"].isoformat(),
        "bounces": {"hard_bounces": hard, "soft_bounces": soft, "syntax_errors": 0},
        "opens": opens,
        "clicks": {**clicks, "click_rate": clicks["unique_clicks"] / delivered},
    }


def _key_is_right(authorization: str) -> bool:
    """HTTP basic authentication: any user name, the API key as the password."""
    kind, _, encoded = authorization.partition(" ")
    try:
        password = base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return False
    return kind.lower() == "basic" and password == API_KEY


def _problem(status: int, title: str, detail: str) -> JSONResponse:
    body = {"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title, "status": status}
    return JSONResponse({**body, "detail": detail, "instance": ""}, status, media_type="application/problem+json")
