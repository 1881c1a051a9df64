"""Google Sheets through the Sheets API v4: a table that people keep, its first row the names of its columns.

What the reference of spreadsheets.values.get says and this file rests on: a range is one answer, without pages; empty cells
at the end of a row, and empty rows at the end, are left out; asked for unformatted, numbers come as numbers, and days and
times as serial numbers, the days since 30 December 1899, in the spreadsheet's own time zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import AfterValidator, Field

from okr_pipeline.connectors import google_account
from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.credentials import bearer
from okr_pipeline.connectors.http import unreadable
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.paging import Answer, Request
from okr_pipeline.connectors.settings import Settings, is_reference
from okr_pipeline.connectors.sheets import Sheet, SheetStream, Sieve, unwanted
from okr_pipeline.connectors.tables import Name
from okr_pipeline.errors import DataRejected

SOURCE = "Google Sheets"
SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - the time of day of a wall clock
BATCH = 50_000  # rows

REMEDIES = {
    400: "Look at `sheet` and `cells`: they must be there in the spreadsheet.",
    401: google_account.NEW_KEY,
    403: "Share the spreadsheet with the service account's address, and enable the Sheets API in its project.",
    404: "Look at `spreadsheet`: it is the long part of its address, between /d/ and /edit.",
}


def _id(value: str) -> str:
    found = re.search(r"/spreadsheets/d/([\w-]+)", value)
    spreadsheet = found[1] if found else value
    if not is_reference(spreadsheet) and not re.fullmatch(r"[\w-]{20,}", spreadsheet):
        raise ValueError(
            f"{value!r} is no spreadsheet; write its address, or the long part of it between /d/ and /edit"
        )
    return spreadsheet


class SheetTab(SheetStream):
    """One tab of the spreadsheet; `cells` where the table is only a part of it, as in `B3:F`."""

    sheet: Name
    cells: Annotated[str, Field(pattern=r"^[A-Z]{1,3}\d*:[A-Z]{1,3}\d*$")] | None = None

    @property
    def range(self) -> str:
        """The range in A1 notation; quoted, since a tab may be called `A1` as well."""
        name = "'" + self.sheet.replace("'", "''") + "'"
        return f"{name}!{self.cells}" if self.cells else name


class GoogleSheetsSettings(ApiSettings):
    """`timezone` is the spreadsheet's, under File > Settings; `credentials` the path of a service account's JSON key."""

    spreadsheet: Annotated[str, AfterValidator(_id)]
    credentials: str = Field(min_length=1)
    endpoint: Endpoint = "https://sheets.googleapis.com"
    streams: dict[Name, SheetTab] = Field(min_length=1)


class GoogleSheets(Connector):
    """The tabs of one spreadsheet."""

    Settings: ClassVar[type[Settings]] = GoogleSheetsSettings

    def streams(self) -> Sequence[Stream]:
        """One stream for each declared tab."""
        return [each.stream(name, f"Sheet {each.sheet}") for name, each in self.settings.streams.items()]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The tab's rows of the window; those that a person has to mend are told with their line."""
        declared: SheetTab = self.settings.streams[stream.name]
        token = self.patiently(self._token)
        with JsonApi(
            self, SOURCE, self.settings.endpoint, credentials=bearer(token), secrets=[token], remedies=REMEDIES
        ) as api:
            path = f"/v4/spreadsheets/{self.settings.spreadsheet}/values/{quote(declared.range, safe='')}"
            shown = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "SERIAL_NUMBER"}
            answer = api.ask(Request(path, {"majorDimension": "ROWS", **shown}))
        sieve = Sieve(self.name, declared, said)
        said.notes["rows"] = 0
        for sheet in self._sheets(answer, declared):
            if sheet.extra:
                said.notes["columns_left_out"] = list(sheet.extra)
            table = declared.dated(sieve.conforming(sheet), self.settings.timezone)
            said.notes["rows"] += table.num_rows
            if declared.date is not None and (undated := table.column(declared.date).null_count):
                said.notes["rows_without_date"] = said.notes.get("rows_without_date", 0) + undated
            yield from declared.within(table, window).to_batches()
        sieve.check()

    def _token(self) -> str:
        return google_account.token(self.name, self.settings.credentials, SCOPE, self.settings.answer_within)

    def _sheets(self, answer: Answer, declared: SheetTab) -> Iterator[Sheet]:
        """The answer as the columns that are wanted, all as text, part by part; what is read is let go of."""
        body = answer.body
        where = re.search(r"!\$?[A-Z]+\$?(\d+)", str(body.get("range", ""))) if isinstance(body, dict) else None
        values = body.get("values", []) if isinstance(body, dict) else None
        if where is None or not isinstance(values, list) or not all(isinstance(row, list) for row in values):
            raise DataRejected(unreadable(self.name, SOURCE, ValueError("not a range of values")))
        line = int(where[1]) + 1
        try:
            header = [_text(cell).strip() for cell in values[0]] if values else []
            extra = unwanted(declared.sheet, header, list(declared.columns))
            columns = {name: (header.index(name), kind) for name, kind in declared.columns.items()}
            for first in range(1, max(len(values), 2), BATCH):
                part = values[first : first + BATCH]
                values[first : first + BATCH] = [None] * len(part)
                texts = [
                    pa.array([self._cell(row[at], kind) if at < len(row) else None for row in part], pa.string())
                    for at, kind in columns.values()
                ]
                table = pa.table([empty_is_null(pa.chunked_array([each])) for each in texts], names=list(columns))
                lines = range(line, line + len(part))
                yield Sheet(declared.sheet, table, extra, lambda lines=lines: lines)  # type: ignore[misc]
                line += len(part)
        except DataRejected as error:
            raise DataRejected(f"{self.name}: {error}") from None
        except (ValueError, OverflowError) as error:
            raise DataRejected(unreadable(self.name, SOURCE, error)) from None

    def _cell(self, cell: Any, kind: str) -> str:
        """A cell as the text that it would have in a file; serial numbers as the days and instants (UTC) that they are."""
        if isinstance(cell, bool) or not isinstance(cell, int | float) or kind not in ("date", "timestamp"):
            return _text(cell)
        moment = EPOCH + timedelta(days=cell)
        if kind == "date":
            return moment.isoformat(" ")
        # A serial number is a fraction of a day: rounded to the seconds that were typed.
        local = (moment + timedelta(milliseconds=500)).replace(microsecond=0, tzinfo=ZoneInfo(self.settings.timezone))
        return local.astimezone(UTC).isoformat()


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if not isinstance(cell, str | int | float):
        raise ValueError("a cell is neither text, number nor yes or no")
    return str(cell)
