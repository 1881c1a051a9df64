"""Excel and OpenDocument workbooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.connectors.files.cell_errors import cell_errors
from okr_pipeline.connectors.sheets import Sheet, unwanted
from okr_pipeline.errors import DataRejected

PART = 50_000  # rows


def read_workbook(path: Path, wanted: Sequence[str], name: str | None) -> Iterator[Sheet]:
    """The wanted columns of the sheet with that name, or of the first, as text, part by part.

    The reader has the whole sheet in its memory, which has 1,048,576 rows at most.
    """
    rows = _rows(path, name)
    header = [_text(cell).strip() for cell in next(rows, [])]
    extra = unwanted(path.name, header, wanted)
    places = [header.index(column) for column in wanted]
    line, more = 2, True
    while more:
        part = list(islice(rows, PART))
        cells = [pa.array([_text(row[at]) for row in part], pa.string()) for at in places]
        lines = range(line, line + len(part))
        line, more = line + len(part), len(part) == PART
        columns = [empty_is_null(pa.chunked_array([each])) for each in cells]
        yield Sheet(path.name, pa.table(columns, names=list(wanted)), extra, lambda lines=lines: lines)  # type: ignore[misc]


def _rows(path: Path, name: str | None) -> Iterator[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook

    path.open("rb").close()  # calamine's errors do not say why a file cannot be opened
    try:
        with CalamineWorkbook.from_path(path) as book:
            if name is not None and name not in book.sheet_names:
                there = ", ".join(book.sheet_names)
                raise DataRejected(f"{path.name}: has no sheet {name}; it has: {there}. Rename one, or mend `sheet`.")
            sheet = book.get_sheet_by_name(name or book.sheet_names[0])
            first = sheet.start[1] if sheet.start else 0  # columns that are empty before the others are left out
            return _shown(sheet.iter_rows(), first, cell_errors(path, sheet.name))
    except (CalamineError, ValueError, IndexError) as error:
        raise DataRejected(f"{path.name}: is not an Excel file: {error}. Save it again as .xlsx.") from None


def _shown(rows: Iterator[list[Any]], first: int, errors: Mapping[tuple[int, int], str]) -> Iterator[list[Any]]:
    """The rows, which begin with a column of the sheet, with what the cells show in which a formula failed."""
    lines = {line for line, _ in errors}
    for line, row in enumerate(rows):
        yield [errors.get((line, at), cell) for at, cell in enumerate(row, first)] if line in lines else row


def _text(cell: Any) -> str:
    """A cell as it is shown: workbooks keep every number as a fraction, and of a day some know no time."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return f"{cell} 00:00:00" if type(cell) is date else str(cell)
