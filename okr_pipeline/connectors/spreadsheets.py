"""CSV, Excel and Parquet files read as columns, each row with the place where a person finds it in the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.errors import DataRejected


@dataclass(frozen=True)
class Sheet:
    """The wanted columns of a file, in the types the file has (text for CSV and Excel; empty cells are null).

    `extra`: columns of the file that nobody asked for. `line`: a row's line in the file, given its index.
    """

    table: pa.Table
    extra: tuple[str, ...]
    line: Callable[[int], int]


def read(path: Path, wanted: Sequence[str]) -> Sheet:
    """The file's wanted columns, without its blank rows; DataRejected begins with the file's name."""
    sheet = READERS[path.suffix.lower()](path, wanted)
    some = pc.invert(sheet.table.column(0).is_null())
    for column in sheet.table.columns[1:]:
        some = pc.or_(some, pc.invert(column.is_null()))
    filled = pa.array(range(len(some))).filter(some.combine_chunks())
    return Sheet(sheet.table.filter(some), sheet.extra, lambda row: sheet.line(filled[row].as_py()))


def _csv(path: Path, wanted: Sequence[str]) -> Sheet:
    from pyarrow import csv as arrow_csv

    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data.count(b"\n", 0, error.start)
        raise DataRejected(f"{path.name}:{before + 1}: is not UTF-8 text. Save it as `CSV UTF-8`.") from None
    _check_quotes(path, text)
    extra = _extra(path, next(csv.reader(io.StringIO(text, newline="")), []), wanted)
    bad: list[arrow_csv.InvalidRow] = []

    def refuse(row: arrow_csv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    def line(row: int) -> int:
        """By reading the file again: a quoted cell may span lines, and blank lines are no rows."""
        reader = csv.reader(io.StringIO(text, newline=""))
        last = 0
        for cells in reader:
            row -= bool(cells)
            if row < -1:
                break
            last = reader.line_num
        return last + 1

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(use_threads=False),  # else the refused row has no number
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=list(wanted), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if not bad:
            raise DataRejected(f"{path.name}: is not CSV: {error}. Export it again.") from None
        odd = bad[0]  # numbered from 1, the header's
        raise DataRejected(
            f"{path.name}:{line(odd.number - 2)}: has {odd.actual_columns} cells where the header has "
            f"{odd.expected_columns}: {odd.text[:80]!r}. Quote cells that hold a comma."
        ) from None
    return Sheet(pa.table([empty_is_null(column) for column in table.columns], names=wanted), extra, line)


def _check_quotes(path: Path, text: str) -> None:
    """Refuses a quote that is never closed: Arrow would take the rest of the file for one cell."""
    if text.count('"') % 2:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        start = 0
        try:
            for _ in reader:
                start = reader.line_num
        except csv.Error:
            raise DataRejected(f"{path.name}:{start + 1}: a quote is not closed. Close it, or double it.") from None


def _excel(path: Path, wanted: Sequence[str]) -> Sheet:
    import pandas as pd
    from python_calamine import CalamineError

    try:
        frame = pd.read_excel(path, engine="calamine", sheet_name=0, header=None, dtype=object, na_filter=False)
    except (CalamineError, ValueError) as error:
        raise DataRejected(f"{path.name}: is not an Excel file: {error}. Save it again as .xlsx.") from None
    header = [str(cell).strip() for cell in frame.iloc[0]] if len(frame) else []
    extra = _extra(path, header, wanted)
    rows = frame.iloc[1:]
    columns = [empty_is_null(pa.array(rows[header.index(name)].astype(str), pa.string())) for name in wanted]
    return Sheet(pa.table(columns, names=wanted), extra, lambda row: row + 2)


def _parquet(path: Path, wanted: Sequence[str]) -> Sheet:
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            extra = _extra(path, file.schema_arrow.names, wanted)
            return Sheet(file.read(columns=list(wanted)).select(list(wanted)), extra, lambda row: row + 1)
    except pa.ArrowInvalid as error:
        raise DataRejected(f"{path.name}: is not Parquet: {error}. Export it again.") from None


def _extra(path: Path, header: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The header's other columns; refuses one that lacks a wanted column, or has it twice."""
    found = ", ".join(header) or "none"
    for name in wanted:
        if name not in header:
            raise DataRejected(
                f"{path.name}: the column {name} is missing; it has: {found}. Add it to the file, or mend `columns`."
            )
        if header.count(name) > 1:
            raise DataRejected(f"{path.name}: the column {name} is there twice; it has: {found}. Rename or remove one.")
    return tuple(name for name in header if name and name not in wanted)


READERS: dict[str, Callable[[Path, Sequence[str]], Sheet]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xls": _excel,
    ".xlsx": _excel,
    ".xlsb": _excel,
    ".ods": _excel,
}
