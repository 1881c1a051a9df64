"""JSON lines: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.connectors.contract import BadRow
from okr_pipeline.connectors.files.text import opened
from okr_pipeline.connectors.sheets import MOST, Sheet, unwanted
from okr_pipeline.errors import DataRejected

PART = 50_000  # rows


def read_json_lines(path: Path, wanted: Sequence[str], encoding: str | None) -> Iterator[Sheet]:
    """The wanted members as text, part by part; one that a line does not have is null. Lines that are no JSON object are
    bad rows.

    Line by line, and not by Arrow's reader: that one takes text that looks like a date for a date, money for floats,
    and does not say in which line it failed.
    """
    names: dict[str, None] = {}
    with opened(path, encoding, "\n") as text:
        numbered = enumerate(text, start=1)
        more = True
        while more:
            rows, lines, bad, more = _part(path.name, numbered)
            names.update(dict.fromkeys(name for row in rows for name in row))
            # A member that only later lines have is no missing column, so the last part says what is.
            if not more and names:
                unwanted(path.name, list(names), wanted)
            extra = tuple(name for name in names if name and name not in wanted)
            cells = [pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in wanted]
            columns = [empty_is_null(pa.chunked_array([each])) for each in cells]
            yield Sheet(path.name, pa.table(columns, names=list(wanted)), extra, partial(list, lines), bad)


def _part(
    place: str, numbered: Iterator[tuple[int, str]]
) -> tuple[list[dict[str, Any]], list[int], list[BadRow], bool]:
    """The next rows, their lines, the bad ones among them, and whether there may be more."""
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    for number, line in numbered:
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=Decimal, parse_constant=_refuse)
            if not isinstance(row, dict):
                raise ValueError("is no object")  # noqa: TRY301
        except (ValueError, RecursionError) as error:
            problem = f"is not a JSON object: {error}. Write one object a line."
            bad.append(BadRow(place, number, problem, line.rstrip("\n")))
            if len(bad) > MOST:
                raise DataRejected(
                    f"{place}:{bad[0].line}: {bad[0].problem} More than {MOST} are bad; export it again."
                ) from None
            continue
        rows.append(row)
        lines.append(number)
        if len(rows) == PART:
            return rows, lines, bad, True
    return rows, lines, bad, False


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
