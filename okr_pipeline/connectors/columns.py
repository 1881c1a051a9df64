"""The column types that YAML declares, as Arrow types, and tables cast to them or refused by place and value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline.errors import DataRejected

ColumnType = Literal["text", "integer", "decimal", "boolean", "date", "timestamp"]

ARROW: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.decimal128(38, 9),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),  # naive, in UTC
}
WRITTEN = {  # what a text may look like, and what to write instead
    pa.string(): (r"(?s).*", "text"),
    pa.int64(): (r"^[+-]?\d+(\.0*)?$", "a whole number such as 1250, without separators"),
    pa.decimal128(38, 9): (
        r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
        "a number such as 1250.50, without thousands separators or a currency sign",
    ),
    pa.bool_(): (r"^(true|false|yes|no|1|0)$", "true, false, yes, no, 1 or 0"),
    pa.date32(): (
        r"^\d{4}-\d\d-\d\d([ T]00:00(:00(\.0+)?)?)?$",
        "a day of the Common Era as YYYY-MM-DD, such as 2026-10-31",
    ),
    pa.timestamp("us"): (
        r"^\d{4}-\d\d-\d\d([ T].+)?$",
        "an instant of the Common Era in UTC, such as 2026-10-31 17:30:00",
    ),
}


def conform(table: pa.Table, schema: pa.Schema, where: Callable[[int], str]) -> pa.Table:
    """`table`'s columns as `schema` declares them, in its order; text is parsed, other types are cast without loss.

    Decimals are rounded to 9 places. `where` names a row's place, given its index, for DataRejected.
    """
    try:
        return cast(table, schema)
    except pa.ArrowException:
        ((row, why),) = misfits(table, schema, 1).items()
        raise DataRejected(f"{where(row)}: {why}") from None


def cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """As `conform`; ArrowInvalid where a value does not fit."""
    columns = [_cast(table.column(field.name), field.type) for field in schema]
    for column, field in zip(columns, schema, strict=True):
        if not field.nullable and column.null_count:
            raise pa.ArrowInvalid(f"{field.name} is empty")
    return pa.table(columns, schema=schema)


def misfits(table: pa.Table, schema: pa.Schema, most: int) -> dict[int, str]:
    """The rows that do not conform, by their index, each with the first thing that is wrong with it; at most so many."""
    found: dict[int, str] = {}
    for field in schema:
        column = table.column(field.name)
        for row in islice(_failing(column, field.type), most - len(found)):
            value = repr(column[row].as_py())
            shown = value if len(value) <= 80 else value[:79] + "…"
            kind = next(name for name in get_args(ColumnType) if ARROW[name] == field.type)
            why = f"column {field.name}: {shown} is not of type {kind}. Write {WRITTEN[field.type][1]}."
            found.setdefault(row, why)
        if not field.nullable:
            why = f"column {field.name} is empty, and it is part of the key. Fill it in, or remove the row."
            with suppress(pa.ArrowException):  # what does not cast is told already
                column = _cast(column, field.type)  # an empty text is null only now
            for row in pc.indices_nonzero(column.is_null())[: max(most - len(found), 0)].to_pylist():
                found.setdefault(row, why)
    return found


def _failing(column: pa.ChunkedArray, kind: pa.DataType, start: int = 0) -> Iterator[int]:
    """The indices of the values that do not cast, in their order, by halving."""
    try:
        _cast(column, kind)
    except pa.ArrowException:
        if len(column) == 1:
            yield start
        else:
            middle = len(column) // 2
            yield from _failing(column.slice(0, middle), kind, start)
            yield from _failing(column.slice(middle), kind, start + middle)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if not len(column):
        return pa.chunked_array([], kind)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.type == kind and not pa.types.is_temporal(kind):
        return column
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if kind == pa.string():
        return column.cast(kind)
    if kind == pa.bool_() or is_text:
        return _parsed(column.cast(pa.string()), kind)
    if pa.types.is_decimal(kind):
        return (pc.round(column, 9) if pa.types.is_decimal(column.type) else column).cast(kind)
    return _temporal(column, kind) if pa.types.is_temporal(kind) else column.cast(kind)


def _parsed(text: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Text as `kind`; an empty cell is null. Arrow's own parser alone would take 0x10 for 16."""
    text = empty_is_null(text)
    text = pc.utf8_lower(text) if kind == pa.bool_() else text
    if not pc.all(pc.match_substring_regex(text, WRITTEN[kind][0]), min_count=0).as_py():
        raise pa.ArrowInvalid("not written as this type")
    if kind == pa.bool_():
        return pc.if_else(text.is_valid(), pc.is_in(text, pa.array(["true", "yes", "1"])), pa.scalar(None, kind))
    if kind == pa.int64():
        return pc.replace_substring_regex(text, r"^\+|\.0*$", "").cast(kind)
    if pa.types.is_decimal(kind):
        return pc.round(text.cast(pa.decimal256(76, 38)), 9).cast(kind)
    if kind == pa.date32():
        return _temporal(pc.utf8_slice_codeunits(text, 0, 10).cast(kind), kind)
    zoned = pc.match_substring_regex(text, r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$")
    none = pa.scalar(None, pa.string())
    aware = pc.if_else(zoned, text, none).cast(pa.timestamp("us", "UTC")).cast(kind)
    return _temporal(pc.coalesce(aware, pc.if_else(zoned, none, text).cast(kind)), kind)


def empty_is_null(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without the blanks around it, and null where nothing is left."""
    trimmed = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _temporal(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Dates and instants as `kind`; a time of day is never cut off, and a Buddhist-era year never taken for another."""
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp("us", "UTC"))
    if not pa.types.is_null(column.type) and not pa.types.is_temporal(column.type):
        raise pa.ArrowInvalid("a number is not a day")
    cast = column.cast(kind)
    if kind == pa.date32() and pa.types.is_timestamp(column.type):
        instants = column.cast(pa.timestamp("us"))
        if not pc.all(pc.equal(cast.cast(pa.timestamp("us")), instants), min_count=0).as_py():
            raise pa.ArrowInvalid("a time of day is not a day")
    years = pc.year(cast)
    if pc.any(pc.and_(pc.greater(years, 2400), pc.less(years, 2700)), min_count=0).as_py():
        raise pa.ArrowInvalid("a year of the Buddhist era")
    return cast
