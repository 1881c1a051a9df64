"""JSON lines: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.connectors.contract import BadRow
from okr_pipeline.connectors.files.text import text_of
from okr_pipeline.connectors.sheets import MOST, Sheet, unwanted
from okr_pipeline.errors import DataRejected


def read_json_lines(path: Path, wanted: Sequence[str], encoding: str | None) -> Sheet:
    """The wanted members as text; one that a line does not have is null. Lines that are no JSON object are bad rows.

    Line by line, and not by Arrow's reader: that one takes text that looks like a date for a date, money for floats,
    and does not say in which line it failed.
    """
    lines: list[int] = []
    bad: list[BadRow] = []
    names: dict[str, None] = {}
    cells: dict[str, list[str | None]] = {name: [] for name in wanted}
    for number, line in enumerate(text_of(path, encoding).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=Decimal, parse_constant=_refuse)
            if not isinstance(row, dict):
                raise ValueError("is no object")  # noqa: TRY301
        except (ValueError, RecursionError) as error:
            bad.append(BadRow(path.name, number, f"is not a JSON object: {error}. Write one object a line.", line))
            if len(bad) > MOST:
                raise DataRejected(
                    f"{path.name}:{bad[0].line}: {bad[0].problem} More than {MOST} are bad; export it again."
                ) from None
            continue
        lines.append(number)
        names.update(dict.fromkeys(row))
        for name, column in cells.items():
            column.append(_text(row.get(name)))
    extra = unwanted(path.name, list(names), wanted) if lines else ()
    columns = [empty_is_null(pa.chunked_array([pa.array(column, pa.string())])) for column in cells.values()]
    return Sheet(path.name, pa.table(columns, names=list(wanted)), extra, lambda: lines, bad)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return (
        str(value)
        if isinstance(value, int | Decimal) and not isinstance(value, bool)
        else json.dumps(value, default=str)
    )
