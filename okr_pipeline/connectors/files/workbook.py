"""Excel and OpenDocument workbooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.connectors.sheets import Sheet, unwanted
from okr_pipeline.errors import DataRejected


def read_workbook(path: Path, wanted: Sequence[str], name: str | None) -> Sheet:
    """The wanted columns of the sheet with that name, or of the first, as text."""
    import pandas as pd
    from python_calamine import CalamineError

    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            if name is not None and name not in book.sheet_names:
                there = ", ".join(map(str, book.sheet_names))
                raise DataRejected(f"{path.name}: has no sheet {name}; it has: {there}. Rename one, or mend `sheet`.")
            frame = pd.read_excel(book, sheet_name=name or 0, header=None, dtype=object, na_filter=False)
    except (CalamineError, ValueError) as error:
        raise DataRejected(f"{path.name}: is not an Excel file: {error}. Save it again as .xlsx.") from None
    header = [str(cell).strip() for cell in frame.iloc[0]] if len(frame) else []
    extra = unwanted(path.name, header, wanted)
    rows = frame.iloc[1:]
    columns = [
        empty_is_null(pa.chunked_array([pa.array(rows[header.index(column)].astype(str), pa.string())]))
        for column in wanted
    ]
    return Sheet(path.name, pa.table(columns, names=list(wanted)), extra, lambda: range(2, len(rows) + 2))
