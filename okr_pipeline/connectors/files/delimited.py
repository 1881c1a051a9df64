"""CSV and TSV: text with a character between its cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.connectors.contract import BadRow
from okr_pipeline.connectors.files.text import text_of
from okr_pipeline.connectors.sheets import MOST, Sheet, unwanted
from okr_pipeline.errors import DataRejected


def read_delimited(path: Path, wanted: Sequence[str], encoding: str | None, separator: str) -> Sheet:
    """The wanted columns as text; rows with more or fewer cells than the header has are bad ones."""
    text = text_of(path, encoding)
    rows = _Rows(text, separator)
    if text.count('"') % 2 and (line := rows.unclosed()):  # Arrow would take the rest of the file for one cell
        raise DataRejected(f"{path.name}:{line}: a quote is not closed. Close it, or double it.")
    extra = unwanted(path.name, next(rows.reader(), []), wanted)
    odd: list[arrow_csv.InvalidRow] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip" if len(odd) <= MOST else "error"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text.encode()),
            read_options=arrow_csv.ReadOptions(use_threads=False),  # else the odd rows have no number
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=list(wanted), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if len(odd) <= MOST:
            raise DataRejected(f"{path.name}: is not CSV: {error}. Export it again.") from None
        raise DataRejected(
            f"{path.name}: more than {MOST} rows have {odd[0].actual_columns} cells or so, where the header has "
            f"{odd[0].expected_columns}. Export it again."
        ) from None
    numbers = [row.number - 2 for row in odd]  # Arrow counts from 1, the header's, without the blank lines

    def lines() -> Sequence[int]:
        skipped = {*numbers}
        return [line for row, line in enumerate(rows.lines()) if row not in skipped]

    every = rows.lines() if odd else []
    bad = [
        BadRow(
            path.name,
            every[number],
            f"has {row.actual_columns} cells where the header has {row.expected_columns}: {row.text[:80]!r}. "
            "Quote cells that hold a comma.",
            row.text,
        )
        for number, row in zip(numbers, odd, strict=True)
    ]
    columns = [empty_is_null(column) for column in table.columns]
    return Sheet(path.name, pa.table(columns, names=list(wanted)), extra, lines, bad)


class _Rows:
    """The same text read by Python's own reader, which is slow and knows the lines: a quoted cell may span several."""

    def __init__(self, text: str, separator: str) -> None:
        self.text, self.separator = text, separator

    def reader(self, *, strict: bool = False) -> Any:
        return csv.reader(io.StringIO(self.text, newline=""), delimiter=self.separator, strict=strict)

    def lines(self) -> list[int]:
        """The line at which each row after the header begins; blank lines are no rows."""
        reader, begins, last = self.reader(), [], 0
        for cells in reader:
            if cells:
                begins.append(last + 1)
            last = reader.line_num
        return begins[1:]

    def unclosed(self) -> int | None:
        """The line of the row in which a quote is opened and never closed."""
        reader, last = self.reader(strict=True), 0
        try:
            for _ in reader:
                last = reader.line_num
        except csv.Error:
            return last + 1
        return None
