"""Whether the columns of a condition or a value are of the kinds that it compares.

The warehouse would make a number of a text for it, row by row, until one night a row has another text, and no key result is
scored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

import pyarrow as pa
import sqlglot
from sqlglot import exp

Kind = Literal["text", "number", "day", "yes or no"]

_COMPARING = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)
_TEXTS = (exp.Lower, exp.Upper, exp.Trim)
_NUMBERS = (exp.Length, exp.Abs, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Sum, exp.Count)
_EXAMPLES = {"number": "45", "day": "'2026-10-31'", "yes or no": "true"}
_YES_OR_NO = {"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"}


def kinds_of(*schemas: pa.Schema) -> dict[str, Kind | None]:
    """The kind of each column; None where it cannot be told, or is another in another schema."""
    kinds: dict[str, Kind | None] = {}
    for field in (field for schema in schemas for field in schema):
        kind = _kind_of(field.type)
        kinds[field.name] = kind if kinds.setdefault(field.name, kind) == kind else None
    return kinds


def kinds_in_view(text: str, kinds: Mapping[str, Kind | None]) -> dict[str, Kind | None]:
    """The kind of each column of a view, given those of its tables."""
    projections = sqlglot.parse_one(text, dialect="duckdb").expressions
    return {each.alias_or_name: _kind(each.unalias(), kinds) for each in projections}


def _kind_of(column: pa.DataType) -> Kind | None:
    if pa.types.is_string(column) or pa.types.is_large_string(column):
        return "text"
    if pa.types.is_integer(column) or pa.types.is_decimal(column) or pa.types.is_floating(column):
        return "number"
    if pa.types.is_date(column) or pa.types.is_timestamp(column):
        return "day"
    return "yes or no" if pa.types.is_boolean(column) else None


def wrong_condition(sql: str, kinds: Mapping[str, Kind | None]) -> str | None:
    """What is wrong with the kinds in a condition, and what would be right."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    joined = [side for node in tree.find_all(exp.And, exp.Or, exp.Not) for side in node.iter_expressions()]
    for side in (tree, *joined):
        if _kind(side.unnest(), kinds) == "text":
            return f"`{_shown(side)}` is a text, not a condition; compare it with one: `{_shown(side)} = '…'`"
    return _wrong_comparison(tree, kinds)


def wrong_comparison(sql: str, kinds: Mapping[str, Kind | None]) -> str | None:
    """What is wrong with the kinds in a value, and what would be right."""
    if " " not in sql:  # a column alone, as most values are: nothing to parse for
        return None
    return _wrong_comparison(sqlglot.parse_one(sql, dialect="duckdb"), kinds)


def _wrong_comparison(tree: exp.Expr, kinds: Mapping[str, Kind | None]) -> str | None:
    for node in tree.find_all(*_COMPARING):
        sides = [side.unnest() for side in node.iter_expressions()]
        literals = [side.this for side in sides if isinstance(side, exp.Literal) and side.is_string]
        if any(isinstance(side, exp.Null) for side in sides):
            return f"`{_shown(node)}` is true of no row; write `is null` or `is not null`"
        found = {kind for side in sides if (kind := _kind(side, kinds))}
        other: Kind | None = next(iter(sorted(found - {"text"})), None)
        if other and "text" in found:
            return f"`{_shown(node)}` compares a text with a {other}; write '…' around what a text is compared with"
        for literal in literals:
            if other and not _may_be(literal, other):
                return f"`{_shown(node)}` compares a {other} with '{literal}'; write for example {_EXAMPLES[other]}"
    return None


def _kind(side: exp.Expr, kinds: Mapping[str, Kind | None]) -> Kind | None:
    """Of a column, a number or what is made of them; None for a text in quotes, which the warehouse takes for any kind."""
    if isinstance(side, exp.Column):
        return kinds.get(side.name)
    if isinstance(side, exp.Boolean):
        return "yes or no"
    if isinstance(side, _TEXTS):
        return "text"
    is_number = isinstance(side, _NUMBERS) or (isinstance(side, exp.Literal) and not side.is_string)
    return "number" if is_number else None


def _may_be(literal: str, kind: Kind) -> bool:
    """Whether a text in quotes is one that the warehouse takes for such a kind."""
    if kind == "yes or no":
        return literal.lower() in _YES_OR_NO
    try:
        if kind == "number":
            return Decimal(literal.strip()).is_finite()
        day = re.match(r"(\d{4})-(\d\d?)-(\d\d?)(?=$|[ T])", literal)
        return day is not None and bool(date(*map(int, day.groups())))
    except (InvalidOperation, ValueError):
        return False


def _shown(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb").replace('"', "")
