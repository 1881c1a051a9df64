"""Tables that people make: a header row, then rows that may be wrong. What files and Google Sheets have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator

from okr_pipeline.connectors.columns import cast, misfits
from okr_pipeline.connectors.contract import BadRow, Said
from okr_pipeline.connectors.tables import TableStream
from okr_pipeline.errors import DataRejected

MOST = 1000  # bad rows that one pull keeps; more are no slip of the pen


def _share(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip()) if isinstance(value, str) else None
    if not match or float(match[1]) > 100:
        raise ValueError(
            f"{value!r} is neither a number of rows up to {MOST} nor a share; write for example `5` or `1%`"
        )
    return float(match[1]) / 100


@dataclass(frozen=True)
class Sheet:
    """The wanted columns of a file or sheet, in the types it has (of what people typed: text; empty cells are null).

    `extra`: columns that nobody asked for. `lines`: the line of every row, asked for only when one is wrong.
    `bad`: rows that are no rows of this table at all.
    """

    place: str
    table: pa.Table
    extra: tuple[str, ...]
    lines: Callable[[], Sequence[int]]
    bad: Sequence[BadRow] = ()


class SheetStream(TableStream):
    """`bad_rows`: so many rows, or such a share of them, may be left out and the others still land.

    0, unless it says otherwise: a count that lacks a row is a guess.
    """

    bad_rows: Annotated[int | float, BeforeValidator(_share)] = 0


class Sieve:
    """Sorts the rows of one pull into those that conform and those to mend, which go into `said`."""

    def __init__(self, connector: str, declared: SheetStream, said: Said) -> None:
        self.connector, self.declared, self.said = connector, declared, said
        self.rows = 0

    def conforming(self, sheet: Sheet) -> pa.Table:
        """The rows of `source_schema` without the blank and the bad ones; DataRejected when very many are bad."""
        rows = pa.array(range(sheet.table.num_rows), pa.int64())
        filled = _filled(sheet.table)
        if not pc.all(filled, min_count=0).as_py():
            sheet = Sheet(sheet.place, sheet.table.filter(filled), sheet.extra, sheet.lines, sheet.bad)
            rows = rows.filter(filled)
        self.rows += len(rows) + len(sheet.bad)
        schema = self.declared.source_schema()
        found = list(sheet.bad)
        typed = _as_people_type(sheet.table, schema)
        try:
            table = cast(typed, schema)
        except pa.ArrowException:
            wrong = misfits(typed, schema, MOST + 1)
            lines = sheet.lines()
            contents = sheet.table.take(pa.array(wrong, pa.int64())).to_pylist()
            found += [
                BadRow(sheet.place, lines[rows[row].as_py()], why, _text(content))
                for (row, why), content in zip(wrong.items(), contents, strict=True)
            ]
            good = pc.invert(pc.is_in(pa.array(range(len(rows)), pa.int64()), pa.array(wrong, pa.int64())))
            table = cast(typed.filter(good), schema) if len(wrong) <= MOST else schema.empty_table()
        self.said.bad_rows += sorted(found, key=lambda bad: bad.line)
        if found:
            counted = self.said.notes.setdefault("bad_rows", {})
            counted[sheet.place] = counted.get(sheet.place, 0) + len(found)
        if len(self.said.bad_rows) > MOST:
            del self.said.bad_rows[MOST:]
            raise self._rejected(f"More than {MOST} rows are")
        return table

    def check(self) -> None:
        """Once all is read: DataRejected when more rows are bad than may be."""
        bad, allowed = len(self.said.bad_rows), self.declared.bad_rows
        if bad > (allowed * self.rows if isinstance(allowed, float) else allowed):
            raise self._rejected(f"{bad} rows are" if bad > 1 else "")

    def _rejected(self, how_many: str) -> DataRejected:
        first = self.said.bad_rows[0]
        more = f" {how_many} bad; they are all in ledger.quarantine." if how_many else ""
        return DataRejected(f"{self.connector}: {first.place}:{first.line}: {first.problem}{more}")


def unwanted(place: str, header: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The header's other columns; DataRejected when it lacks a wanted column, or has it twice."""
    found = ", ".join(header) or "none"
    for name in wanted:
        if name not in header:
            raise DataRejected(
                f"{place}: the column {name} is missing; it has: {found}. Add it to the file, or mend `columns`."
            )
        if header.count(name) > 1:
            raise DataRejected(f"{place}: the column {name} is there twice; it has: {found}. Rename or remove one.")
    return tuple(name for name in header if name and name not in wanted)


def _as_people_type(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Text that stands for numbers and days, as the parsers take it: Thai digits and Buddhist-era years are meant well."""
    columns = []
    for field in schema:
        column = table.column(field.name)
        if pa.types.is_string(column.type) and not pa.types.is_string(field.type):
            column = _western(column)
            column = _common_era(column) if pa.types.is_temporal(field.type) else column
        columns.append(column)
    return pa.table(columns, names=schema.names)


def _western(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Thai digits as the ones that parsers read."""
    if pc.any(pc.match_substring_regex(text, "[๐-๙]"), min_count=0).as_py():
        for value, digit in enumerate("๐๑๒๓๔๕๖๗๘๙"):
            text = pc.replace_substring(text, digit, str(value))
    return text


def _common_era(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days that a person wrote with a year of the Buddhist era (2400 to 2699, which no other calendar in use is near).

    As text and not as dates: 2567-02-29 is a day of the Buddhist era, and in the Common Era there is none such.
    """
    buddhist = pc.match_substring_regex(text, r"^2[4-6]\d\d-")
    if not pc.any(buddhist, min_count=0).as_py():
        return text
    year = pc.if_else(buddhist, pc.utf8_slice_codeunits(text, 0, 4), "0543").cast(pa.int32())
    converted = pc.binary_join_element_wise(
        pc.subtract(year, 543).cast(pa.string()), pc.utf8_slice_codeunits(text, 4), ""
    )
    return pc.if_else(buddhist, converted, text)


def _filled(table: pa.Table) -> pa.ChunkedArray:
    some = pc.is_valid(table.column(0))
    for column in table.columns[1:]:
        some = pc.or_(some, pc.is_valid(column))
    return some


def _text(row: dict[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)
