"""The sandbox's spreadsheet: the content plan that a marketing team keeps by hand, behind the Sheets API v4's values.get.

Truth is `sheet_content_plan.csv`, its first row the header. Like the API, the answer leaves out empty cells at the end of a
row and empty rows at the end; asked for unformatted, numbers are numbers and days are serial numbers.
"""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

FILE = "sheet_content_plan.csv"
SPREADSHEET = "1sandboxContentPlan0000000000000000000000000"
TAB = "Content plan"
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
EPOCH = date(1899, 12, 30)
WHOLE = f"'{TAB}'!A1:Z1000"
CHANNELS = ("LINE", "Facebook", "บล็อก", "อีเมล")


def seed(folder: Path) -> None:
    """Writes the truth if there is none: a piece of content every two or three days, some without a budget or a note."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(25_712)
    day, rows = FIRST, list[tuple[object, ...]]()
    while day <= LAST:
        budget = f"{int(rng.integers(4, 60)) * 250}" if rng.random() < 0.8 else ""
        note = "รอภาพ" if rng.random() < 0.2 else ""
        rows.append((f"CP-{len(rows) + 1:04d}", day, str(rng.choice(CHANNELS)), budget, rng.random() < 0.7, note))
        day += timedelta(days=int(rng.integers(2, 4)))
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("content_id", "planned_on", "channel", "budget", "approved", "note"))
        writer.writerows(rows)
    unfinished.replace(path)


def routes(folder: Path) -> list[BaseRoute]:
    """`GET /v4/spreadsheets/<id>/values/<range>`, for the tab as a whole."""

    def values(request: Request) -> Response:
        if request.path_params["spreadsheet"] != SPREADSHEET:
            return _refusal(404, "NOT_FOUND", "Requested entity was not found.")
        asked = request.path_params["range"]
        if asked.split("!")[0] != f"'{TAB}'":
            return _refusal(400, "INVALID_ARGUMENT", f"Unable to parse range: {asked}")
        unformatted = request.query_params.get("valueRenderOption") == "UNFORMATTED_VALUE"
        serial = request.query_params.get("dateTimeRenderOption", "SERIAL_NUMBER") == "SERIAL_NUMBER"
        with (folder / FILE).open(encoding="utf-8-sig", newline="") as file:
            rows = [[_cell(text, unformatted, serial) for text in row] for row in csv.reader(file)]
        answer: dict[str, Any] = {"range": WHOLE, "majorDimension": "ROWS"}
        if kept := _without_ends(rows):
            answer["values"] = kept
        return JSONResponse(answer)

    return [Route("/v4/spreadsheets/{spreadsheet}/values/{range:path}", values)]


def _cell(text: str, unformatted: bool, serial: bool) -> Any:
    if not unformatted:
        return text.upper() if text in ("True", "False") else text
    if text in ("True", "False"):
        return text == "True"
    if serial and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return (date.fromisoformat(text) - EPOCH).days
    return float(text) if "." in text and text.replace(".", "", 1).isdigit() else int(text) if text.isdigit() else text


def _without_ends(rows: list[list[Any]]) -> list[list[Any]]:
    for row in rows:
        while row and row[-1] == "":
            row.pop()
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _refusal(code: int, status: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, code)
