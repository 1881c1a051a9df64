"""The raw rows as they stood at a load: what a score was made of, whatever the sources have restated since."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any

import duckdb

from okr_pipeline.config import Part
from okr_pipeline.config.formula import aggregate
from okr_pipeline.scoring.metrics import daily_sql
from okr_pipeline.warehouse.engine import quoted, statement

Window = tuple[date | str, date | str]  # the first and the last day, both included
Standing = Callable[[str], str]  # a raw table's name → what stands after FROM


def parts_of(document: dict[str, Any]) -> list[Part]:
    """The parts of a metric, as a stored configuration has them."""
    return [
        Part(
            name=name,
            aggregate=aggregate(part["formula"]),
            source=part["from"],
            date=part["date"],
            where=part["where"],
            counts_from=part["counts_from"],
            tables=tuple(part["tables"]),
        )
        for name, part in document["metric"]["parts"].items()
    ]


def relation(document: dict[str, Any], part: Part, standing: Standing) -> str:
    """What stands after FROM to read a part's rows as they stood at a load."""
    if not _is_of_view(part):
        return standing(part.source)
    text: str = document["views"][part.source]["sql"]
    for name in part.tables:
        text = re.sub(rf'"raw"\.{quoted(name)}(?! AS )', f"{standing(name)} AS {quoted(name)}", text)
        text = text.replace(f'"raw".{quoted(name)} AS ', f"{standing(name)} AS ")
    return f"({text}) AS {quoted(part.source)}"


def _is_of_view(part: Part) -> bool:
    return part.tables != (part.source,)


def standing_at(connection: duckdb.DuckDBPyConnection, load: int) -> Standing:
    """Gives what stands after FROM for a raw table at a load: the table itself where nothing came or went since."""

    @cache
    def standing(table: str) -> str:
        since = f"SELECT COUNT(*) FROM raw.{quoted(table)} WHERE _load > {load}"
        gone = f"SELECT COUNT(*) FROM history.{quoted(table)} WHERE _superseded > {load}"
        if not connection.execute(f"SELECT ({since}) + ({gone})").fetchall()[0][0]:
            return f"raw.{quoted(table)}"
        return as_it_stood(table, load)

    return standing


def as_it_stood(table: str, load: int) -> str:
    """What stands after FROM for a raw table at a load, whatever comes or goes after it."""
    return f"({' '.join(statement('audit/sql/standing.sql', table=quoted(table), load=load).split())})"


def days(
    connection: duckdb.DuckDBPyConnection,
    document: dict[str, Any],
    windows: Sequence[Window],
    as_of: date,
    load: int,
    *,
    by_interval: bool = False,
) -> list[dict[str, Any]]:
    """The parts by day of each window (for a cadence with `interval`, its first day), such that days add up to the part.

    Of what is counted once, `value` is what the window had not had before; `min` and `max` do not add up.
    """
    parts, standing = parts_of(document), standing_at(connection, load)
    measured = [daily_sql("", part, relation(document, part, standing), of_view=_is_of_view(part)) for part in parts]
    functions = [("", part.name, part.aggregate.function) for part in parts]
    asked = [("", "", first, last, as_of) for first, last in windows]
    beside = ['first_day AS "interval"'] if by_interval else []
    given = {"measured": measured, "functions": functions, "windows": asked, "beside": beside, "newest": None}
    return rows_of(connection.execute(statement("audit/sql/days.sql", **given)))


def rows_query(document: dict[str, Any], part: Part, window: Window, as_of: date, standing: Standing) -> str:
    """The SQL that shows a part's raw rows in `published/okr.duckdb`."""
    day, (first, last) = quoted(part.date), window
    is_level = part.aggregate.function == "latest"
    item = part.aggregate.item
    conditions = [
        f"{day} <= DATE '{last}'" if is_level else f"{day} BETWEEN DATE '{first}' AND DATE '{last}'",
        *([f"{quoted(part.counts_from)} <= DATE '{as_of}'"] if part.counts_from else []),
        *([part.where] if part.where else []),
        *([f"{item} IS NOT NULL"] if item else []),
    ]
    newest = (
        f" QUALIFY RANK() OVER ({f'PARTITION BY {item} ' if item else ''}ORDER BY {day} DESC) = 1" if is_level else ""
    )
    source = relation(document, part, standing)
    return f"SELECT * FROM {source} WHERE {' AND '.join(conditions)}{newest} ORDER BY {day}, COLUMNS(*)"


def rows_of(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """A result as dictionaries."""
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]
