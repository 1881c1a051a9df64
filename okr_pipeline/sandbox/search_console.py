"""The sandbox's Search Console: searchanalytics.query over a CSV of days and queries, as Google answers it.

Truth is `search_console.csv`. Rows marked `anonymised` count in a day's totals and are never shown as queries. A
Pacific day appears two days later, incomplete (six tenths of its numbers), and is complete a day after that.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from okr_pipeline import clock
from okr_pipeline.sandbox.keywords import TARGET_KEYWORDS

FILE = "search_console.csv"
SITE = "https://www.example.com/"
PACIFIC = "America/Los_Angeles"
DELAY = timedelta(days=2)
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
EMPTY_DAY = date(2026, 10, 18)  # a Sunday on which the site was gone from the search results

SHOWN_BEFORE = 30  # of the target keywords: half of them were in content before the fiscal year began
SHOWN_SINCE = ("2026-10-09", "2026-10-14", "2026-10-20", "2026-10-26", "2026-10-31", "2026-11-05", "2026-11-11")
SHOWN_LATER = ("2026-11-24", "2026-12-03", "2026-12-15", "2027-01-11", "2027-02-09", "2027-03-18", "2027-05-06")
ONLY_ANONYMISED = 2  # of the rest: searched so rarely that Google does not tell

OTHER_QUERIES = (
    *("siam example", "siam example air fryer", "siam example service center", "siam example ศูนย์บริการ"),
    *("สยามเอ็กซ์แซมเปิล", "สยามเอ็กซ์แซมเปิล สาขา", "สยามเอ็กซ์แซมเปิล โปรโมชั่น", "siam example warranty check"),
    *("เครื่องใช้ไฟฟ้าในครัว", "เครื่องใช้ไฟฟ้า ลดราคา", "เตาอบไฟฟ้า ขนาดเล็ก", "กาต้มน้ำไฟฟ้า", "เตารีดไอน้ำ"),
    *("แอร์ไม่เย็น ทำไง", "แอร์น้ำหยด", "ตู้เย็นเสียงดัง", "เครื่องซักผ้าไม่ปั่น", "หม้อทอดไร้น้ำมัน อันตรายไหม"),
    *("air fryer chicken wings", "air fryer salmon time", "how to clean air fryer", "air fryer vs oven"),
    *("what is inverter ac", "aircon error code e5", "fridge not cooling", "washing machine smells"),
    *("pm 2.5 bangkok today", "ค่าฝุ่นวันนี้", "ค่าไฟต่อหน่วย 2569", "ฉลากเบอร์ 5 คืออะไร"),
    *("robot vacuum vs cordless", "best rice cooker japan", "dryer or clothesline", "water filter how often"),
    *("ของขวัญขึ้นบ้านใหม่", "ของขวัญปีใหม่ เครื่องใช้ไฟฟ้า", "11.11 เครื่องใช้ไฟฟ้า", "12.12 แอร์ ลดราคา"),
    *("งานเครื่องใช้ไฟฟ้า 2569", "รีไซเคิลตู้เย็นเก่า"),
)
RARE_QUERIES = ("ช่างแอร์ ซอย 12", "ขายตู้เย็นมือสอง 0812", "siam example somchai", "air fryer model sx-310 lid")


def seed(folder: Path) -> None:
    """Writes the truth if there is none."""
    path = folder / FILE
    if path.exists():
        return
    days = np.arange(np.datetime64(FIRST), np.datetime64(LAST + timedelta(days=1)))
    targets = [keyword.strip().lower() for keyword in TARGET_KEYWORDS]
    order = np.random.default_rng(2570).permutation(len(targets))  # which keywords come when
    dates = [FIRST.isoformat()] * SHOWN_BEFORE + [*SHOWN_SINCE, *SHOWN_LATER]
    hidden = [targets[i] for i in order[len(dates) : len(dates) + ONLY_ANONYMISED]]
    queries = np.array([targets[i] for i in order[: len(dates)]] + list(OTHER_QUERIES) + hidden + list(RARE_QUERIES))
    since = np.array(dates + [FIRST.isoformat()] * (len(queries) - len(dates)), dtype="datetime64[D]")
    anonymised = np.isin(queries, [*hidden, *RARE_QUERIES])

    rng = np.random.default_rng(2026)
    shape = (len(days), len(queries))
    usual = np.where(anonymised, 4, rng.integers(8, 220, len(queries)))
    busy = np.where(np.is_busday(days), 1.0, 0.7)[:, None] * (1 + np.arange(len(days)) / 900)[:, None]
    impressions = (1 + usual * busy * (0.6 + 0.8 * rng.random(shape))).astype(int)
    usual_position = 1.5 + 18 * rng.random(len(queries))
    position = np.round(usual_position * (0.85 + 0.3 * rng.random(shape)), 1).clip(1.0)
    clicks = (impressions * (0.35 / position) * (0.5 + rng.random(shape))).astype(int)

    searched = rng.random(shape) < np.where(anonymised, 0.5, 0.85)
    searched |= (days[:, None] == since) | (since > days[0])  # a keyword that is new in content is seen every day
    shown = searched & (days[:, None] >= since) & (days != np.datetime64(EMPTY_DAY))[:, None]
    at_day, at_query = np.nonzero(shown)
    table = pa.table(
        {
            "day": days[at_day],
            "query": queries[at_query],
            "clicks": clicks[shown],
            "impressions": impressions[shown],
            "position": position[shown],
            "anonymised": anonymised[at_query],
        }
    )
    unfinished = path.with_suffix(".part")  # a seeding that was interrupted must not pass for the truth
    pa.csv.write_csv(table, unfinished, pa.csv.WriteOptions(quoting_style="needed", quoting_header="none"))
    unfinished.replace(path)


def routes(folder: Path) -> list[BaseRoute]:
    """The one method that the connector calls, below the endpoint's prefix; to be guarded by the sandbox's identity."""

    async def query(request: Request) -> Response:
        site = request.path_params["site"]
        if site != SITE:
            said = f"User does not have sufficient permission for site '{site}'."
            return _error(403, f"{said} See also: https://support.google.com/webmasters/answer/2451999.", "forbidden")
        try:
            return JSONResponse(_answer(folder / FILE, await request.json()))
        except (KeyError, TypeError, ValueError) as error:
            return _error(400, f"Request contains an invalid argument: {error}", "invalidParameter")

    return [Route("/webmasters/v3/sites/{site:path}/searchAnalytics/query", query, methods=["POST"])]


def _answer(path: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request's body; ValueError or KeyError says what is wrong with it."""
    first, last = date.fromisoformat(asked["startDate"]), date.fromisoformat(asked["endDate"])
    dimensions = [str(dimension).lower() for dimension in asked.get("dimensions", [])]
    limit, start = int(asked.get("rowLimit", 1000)), int(asked.get("startRow", 0))
    everything = str(asked.get("dataState", "final")).lower() == "all"
    if first > last:
        raise ValueError("startDate must not be after endDate")
    if not 1 <= limit <= 25_000 or start < 0:
        raise ValueError("rowLimit must be from 1 to 25000, startRow not negative")
    if unknown := set(dimensions) - {"date", "query"}:
        raise ValueError(f"dimensions {sorted(unknown)} are not known")

    incomplete = clock.today(PACIFIC) - DELAY
    newest = incomplete if everything else incomplete - timedelta(days=1)
    table = _truth(path, path.stat().st_mtime_ns)
    between = pc.and_(
        pc.greater_equal(table["date"], pa.scalar(first)), pc.less_equal(table["date"], pa.scalar(min(last, newest)))
    )
    table = table.filter(between)
    if "query" in dimensions:
        table = table.filter(pc.invert(table["anonymised"]))
    table = _reduced(table, pc.equal(table["date"], pa.scalar(incomplete)))
    answer: dict[str, Any] = {"responseAggregationType": "byProperty"}
    if rows := _rows(table, dimensions)[start : start + limit]:
        answer["rows"] = rows
    if everything and "date" in dimensions and first <= incomplete <= last:
        answer["metadata"] = {"firstIncompleteDate": incomplete.isoformat()}
    return answer


@lru_cache(maxsize=4)
def _truth(path: Path, _changed: int) -> pa.Table:
    """The file as a table, read again when it has changed."""
    types = {"day": pa.date32(), "query": pa.string(), "clicks": pa.int64(), "impressions": pa.int64()}
    types |= {"position": pa.float64(), "anonymised": pa.bool_()}
    table = pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(column_types=types))
    return table.rename_columns({"day": "date"})


def _reduced(table: pa.Table, incomplete: pa.ChunkedArray) -> pa.Table:
    """Six tenths of the incomplete day's counts, cut to whole ones; rows with nothing left are not there yet."""
    for name in ("clicks", "impressions"):
        part = pc.divide(pc.multiply(table[name], 6), 10)
        table = table.set_column(table.column_names.index(name), name, pc.if_else(incomplete, part, table[name]))
    return table.filter(pc.greater(table["impressions"], 0))


def _rows(table: pa.Table, dimensions: list[str]) -> list[dict[str, Any]]:
    """Grouped as asked; by date in time's order, else the most clicked first, as Google sorts."""
    weighted = table.append_column("weighted", pc.multiply(table["position"], table["impressions"]))
    sums = [(name, "sum") for name in ("clicks", "impressions", "weighted")]
    grouped = weighted.group_by(dimensions).aggregate(sums)
    by_clicks = [("clicks_sum", "descending"), *((name, "ascending") for name in dimensions)]
    grouped = grouped.sort_by([("date", "ascending"), *by_clicks] if "date" in dimensions else by_clicks)
    return [
        {
            "keys": [str(row[name]) for name in dimensions],
            "clicks": row["clicks_sum"],
            "impressions": row["impressions_sum"],
            "ctr": row["clicks_sum"] / row["impressions_sum"],
            "position": row["weighted_sum"] / row["impressions_sum"],
        }
        for row in grouped.to_pylist()
    ]


def _error(status: int, message: str, reason: str) -> JSONResponse:
    detail = {"message": message, "domain": "global", "reason": reason}
    return JSONResponse({"error": {"code": status, "message": message, "errors": [detail]}}, status)
