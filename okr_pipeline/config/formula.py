"""Formulas and views: SQL written by people, parsed and allow-listed before any of it reaches the warehouse.

A part is an aggregate of rows: `sum(x)`, `count(x)`, `count(*)`, `count(distinct x)`, `min(x)`, `max(x)`, `latest(x)` (the
rows of the last day that has any), `latest(x, who)` (each one's last day, added up over the ones).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

Function = Literal["sum", "count", "count_distinct", "min", "max", "latest"]

_VALUES = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple),
    *(exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div),
    *(
        exp.EQ,
        exp.NEQ,
        exp.GT,
        exp.GTE,
        exp.LT,
        exp.LTE,
        exp.And,
        exp.Or,
        exp.Not,
        exp.In,
        exp.Is,
        exp.Like,
        exp.ILike,
        exp.Between,
    ),
    *(exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Abs),
)
_AGGREGATES = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Distinct, exp.Star)
_VIEW = (
    *_VALUES,
    *_AGGREGATES,
    *(exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Table, exp.TableAlias, exp.Alias),
)


@dataclass(frozen=True)
class Aggregate:
    """One parsed part. `value` is what is aggregated, `item` what is counted once or has a latest value; both SQL or None."""

    function: Function
    value: str | None
    item: str | None
    columns: frozenset[str]
    added_up: frozenset[str]  # columns whose days the aggregate adds up


@dataclass(frozen=True)
class View:
    """One SELECT over raw tables. `sql` reads `{schema}.<table>` and adds `_loads`, the loads that each row rests on."""

    name: str
    sql: str
    text: str
    tables: tuple[str, ...]
    columns: Mapping[str, frozenset[tuple[str, str]]]  # output column -> the (table, column) pairs it is made of
    added_up: frozenset[tuple[str, str]]  # the pairs that it adds up


def _parse(text: str) -> exp.Expression:
    try:
        parsed = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError as error:
        detail = error.errors[0] if getattr(error, "errors", None) else {}  # type: ignore[attr-defined]
        near = f" near `{detail['highlight']}`" if detail.get("highlight") else ""
        raise ValueError(f"`{text.strip()}` is not a formula{near}; write for example `sum(sessions)`") from None
    if not isinstance(parsed, exp.Expression):
        raise ValueError(f"`{text.strip()}` is not a formula; write for example `sum(sessions)`")
    return parsed


def _only(tree: exp.Expression, allowed: tuple[type[exp.Expression], ...], what: str) -> None:
    for node in tree.walk():
        if not isinstance(node, allowed):
            raise ValueError(
                f"`{node.sql(dialect='duckdb')}` may not be used in {what}; use columns, + − × ÷, comparisons, CASE or COALESCE"
            )
        if isinstance(node, exp.Column) and node.table and what != "a view":
            raise ValueError(f"`{node.sql()}` names a table; a formula reads the columns of its own `from:` only")


def _sql(tree: exp.Expression) -> str:
    """Text with every identifier quoted and every division safe."""
    return _safe(tree).sql(dialect="duckdb", identify=True)


def _safe(tree: exp.Expression) -> exp.Expression:
    """A copy in which no division is by zero: `1/0` is inf in DuckDB, and no score is made of that."""
    safe = tree.copy()
    for division in reversed(list(safe.find_all(exp.Div))):  # the inner ones first: they become part of the outer
        divisor = exp.Nullif(this=division.expression.copy(), expression=exp.Literal.number(0))
        division.set("expression", divisor)
    return safe


def _columns(tree: exp.Expression) -> frozenset[str]:
    return frozenset(column.name for column in tree.find_all(exp.Column))


def condition(text: str) -> tuple[str, frozenset[str]]:
    """A `where:` as safe SQL, and the columns it reads. ValueError with a remedy."""
    tree = _parse(text)
    _only(tree, _VALUES, "a condition")
    return _sql(tree), _columns(tree)


def _aggregate(node: exp.Expression) -> Aggregate | None:
    """The part that a function call stands for, or None when it is no aggregate."""
    if isinstance(node, exp.Anonymous) and node.name.lower() == "latest":
        if len(node.expressions) not in (1, 2):
            raise ValueError(
                "latest takes a value and, if it is latest of each, the column that tells them apart: latest(active, tool)"
            )
        value, item = node.expressions[0], node.expressions[1] if len(node.expressions) == 2 else None
        return _part("latest", value, item, adds=False)
    if isinstance(node, exp.Count):
        if isinstance(node.this, exp.Distinct):
            if len(node.this.expressions) != 1:
                raise ValueError("count(distinct …) takes one column")
            return _part("count_distinct", None, node.this.expressions[0], adds=False)
        return _part("count", None if isinstance(node.this, exp.Star) else node.this, None, adds=False)
    for kind, name in ((exp.Sum, "sum"), (exp.Min, "min"), (exp.Max, "max")):
        if isinstance(node, kind):
            return _part(name, node.this, None, adds=name == "sum")  # type: ignore[arg-type]
    return None


def _part(function: Function, value: exp.Expression | None, item: exp.Expression | None, *, adds: bool) -> Aggregate:
    for tree in (value, item):
        if tree is not None:
            _only(tree, _VALUES, f"{function.replace('_', ' ')}(…)")
    columns = frozenset().union(*(_columns(tree) for tree in (value, item) if tree is not None))
    weighted = value is not None and _is_weighted(value)
    return Aggregate(
        function,
        _sql(value) if value is not None else None,
        _sql(item) if item is not None else None,
        columns,
        columns if adds and not weighted else frozenset(),
    )


def _is_weighted(value: exp.Expression) -> bool:
    """A product with another column is a weighting (position × impressions), which is how what is not additive is averaged."""
    return any(len(_columns(node)) > 1 for node in value.find_all(exp.Mul))


@cache
def aggregate(text: str) -> Aggregate:
    """A part's formula, which is one aggregate. ValueError with a remedy."""
    part = _aggregate(_parse(text))
    if part is None:
        raise ValueError(
            f"`{text}` is not an aggregate; write sum(…), count(…), count(distinct …), min(…), max(…) or latest(…)"
        )
    return part


def combination(text: str, names: Sequence[str]) -> tuple[str, dict[str, Aggregate]]:
    """A metric's `value:` as SQL over parts, and the parts that it brings along itself. ValueError with a remedy."""
    inline: dict[str, Aggregate] = {}

    def named(node: exp.Expression) -> exp.Expression:
        part = _aggregate(node)
        if part is None:
            return node
        column = next(iter(sorted(part.columns)), "rows")
        name = f"{part.function}_{column}"
        while name in names or inline.get(name, part) != part:
            name += "_"
        inline[name] = part
        return exp.column(name)

    tree = _parse(text).transform(named)
    _only(tree, _VALUES, "a formula")
    unknown = sorted(_columns(tree) - {*names, *inline})
    if unknown:
        parts = ", ".join(names) or "none"
        raise ValueError(
            f"`{unknown[0]}` is not a part (parts are: {parts}); a column must stand in an aggregate such as sum({unknown[0]})"
        )
    if not _columns(tree):
        raise ValueError("the formula reads no data; a score is never typed in")
    return _sql(_roomy(tree)), inline


def _roomy(tree: exp.Expression) -> exp.Expression:
    """A copy whose products are of floating point: sums are DECIMAL, and one product too large would stop every score."""

    def wide(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Mul) and not isinstance(node.this, exp.Cast):
            node.set("this", exp.cast(node.this.copy(), "double"))
        return node

    return tree.transform(wide)


def plain(text: str) -> str:
    """A formula as people write it: without what only keeps a division or a product from failing."""

    def bare(node: exp.Expression) -> exp.Expression:
        only_safe = isinstance(node, exp.Nullif) and node.expression.sql() == "0"
        return node.this if only_safe or isinstance(node, exp.Cast) else node

    tree = sqlglot.parse_one(text, dialect="duckdb")
    while (bared := tree.transform(bare)) != tree:  # what stands under something that was taken away
        tree = bared
    return tree.sql("duckdb").replace('"', "")


def view(name: str, text: str, tables: Mapping[str, frozenset[str]]) -> View:
    """Parses `views/<name>.sql`: one flat SELECT with named columns over the raw tables given. ValueError with a remedy."""
    tree = _parse(text)
    if not isinstance(tree, exp.Select) or tree.args.get("with") or tree.args.get("with_") or tree.args.get("distinct"):
        raise ValueError("a view is one SELECT without WITH, UNION or DISTINCT; use GROUP BY to remove duplicates")
    _only(tree, _VIEW, "a view")
    aliases: dict[str, str] = {}
    for table in tree.find_all(exp.Table):
        if table.name not in tables or table.db:
            raise ValueError(f"`{table.sql()}` is not a raw table; tables are: {', '.join(sorted(tables))}")
        aliases[table.alias_or_name] = table.name
        table.set("db", exp.to_identifier("raw"))
    if not aliases:
        raise ValueError("a view reads at least one raw table; write `SELECT … FROM <table>`")
    columns: dict[str, frozenset[tuple[str, str]]] = {}
    for column in tree.find_all(exp.Column):
        _column_of(column, aliases, tables)
    for projection in tree.expressions:
        if not isinstance(projection, (exp.Alias, exp.Column)) or not projection.alias_or_name or projection.is_star:
            raise ValueError(f"`{projection.sql()}` has no name; write `… AS name` for every column of a view")
        columns[projection.alias_or_name] = frozenset(
            (_column_of(c, aliases, tables), c.name) for c in projection.find_all(exp.Column)
        )
    loads = "[" + ", ".join(f'{exp.to_identifier(alias, quoted=True).sql()}."_load"' for alias in aliases) + "]"
    grouped = tree.args.get("group") is not None or any(tree.find_all(exp.Sum, exp.Count, exp.Min, exp.Max))
    distinct = f"LIST_DISTINCT(FLATTEN(LIST({loads})))" if grouped else loads
    outer = f"LIST_SORT(LIST_FILTER({distinct}, lambda l: l IS NOT NULL))"
    # Rendered apart: sqlglot re-spells lambdas in DuckDB's old arrow form, which 2.0 no longer reads.
    marker = "_loads_here"
    sql = _safe(tree.select(exp.alias_(exp.column(marker), "_loads"))).sql(dialect="duckdb", identify=True)
    sums = [node.this for node in tree.find_all(exp.Sum) if not _is_weighted(node.this)]
    added_up = frozenset((_column_of(c, aliases, tables), c.name) for each in sums for c in each.find_all(exp.Column))
    read = tuple(dict.fromkeys(aliases.values()))
    return View(name, sql.replace(f'"{marker}"', outer), text, read, columns, added_up)


def _column_of(column: exp.Column, aliases: Mapping[str, str], tables: Mapping[str, frozenset[str]]) -> str:
    """The raw table that a column of a view belongs to."""
    if column.table:
        if column.table not in aliases:
            raise ValueError(f"`{column.sql()}`: there is no `{column.table}` in FROM or JOIN")
        owners = [aliases[column.table]] if column.name in tables[aliases[column.table]] else []
    else:
        owners = [table for table in aliases.values() if column.name in tables[table]]
    if len(owners) != 1:
        wrong = (
            "is in several tables; write table.column" if owners else "does not exist in the tables of FROM and JOIN"
        )
        raise ValueError(f"`{column.sql()}` {wrong}")
    return owners[0]
