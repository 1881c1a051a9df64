"""`okr diff`: what changed between two answers to the same question, and because of which loads or which configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb

from okr_pipeline.audit.explain import baseline_of, days_of, failures
from okr_pipeline.audit.rows import parts_of, rows_of
from okr_pipeline.config import Part, checkins
from okr_pipeline.scoring import Scoring, listed_on, objectives_at, scores_at
from okr_pipeline.scoring.agreed import RHYTHM
from okr_pipeline.scoring.configurations import recall
from okr_pipeline.warehouse.engine import quoted, statement

_COMPARED = (
    *("score", "value", "progress", "status", "reason", "held_from", "baseline", "target"),
    *("lower_bound", "upper_bound", "expected", "final", "weight"),
)
_OBJECTIVE = ("score", "coverage", "expected", "status")
Row = dict[str, Any]


def difference(connection: duckdb.DuckDBPyConnection, before: Scoring, after: Scoring, as_of: date) -> Row:
    """The scores as of a day that differ between two scorings, field by field as [old, new], each with its causes.

    The next period takes nothing from one that is over. An objective's score follows from those beneath it; a cause of its
    own is that it is made up of others.
    """
    before, after = (listed_on(connection, each, as_of, removed=False) for each in (before, after))
    return {
        "as_of": as_of,
        **{
            name: {"known_at": each.known_at, "configuration": each.configuration, "method": each.method}
            for name, each in (("from", before), ("to", after))
        },
        "objectives": [
            {
                "objective": name,
                "change": change,
                "fields": fields,
                "because": {"configuration": made_up} if made_up else {},
            }
            for name, old, new in _pairs("objective", *(objectives_at(connection, s, as_of) for s in (before, after)))
            for change, fields in [_compared(old, new, _OBJECTIVE)]
            if change
            for made_up in [changed_fields(*(_made_up(s, name) for s in (before, after))) if old and new else []]
        ],
        "key_results": [
            {
                "key_result": name,
                "change": change,
                "manual": bool((new or old or {})["manual"]),
                "fields": fields,
                "because": _causes(connection, old, new, before, after),
            }
            for name, old, new in _pairs("key_result", *(scores_at(connection, s, as_of) for s in (before, after)))
            for change, fields in [_compared(old, new, _COMPARED)]
            if change
        ],
    }


def _made_up(scoring: Scoring, objective: str) -> Row:
    """What an objective is made up of: its key results, whose weights are told with them, and its parts with their weights."""
    parts = {name: each.get("weight") for name, each in scoring.objectives.items() if each["parent"] == objective}
    return {
        "key_results": sorted(each["key_result"] for each in scoring.objectives[objective]["key_results"]),
        "parts": parts,
    }


def _pairs(key: str, before: Any, after: Any) -> Iterator[tuple[str, Row | None, Row | None]]:
    """(id, old row, new row), in the order of the newer configuration, what was removed last."""
    old, new = ({row[key]: row for row in table.to_pylist()} for table in (before, after))
    for name in dict.fromkeys([*new, *old]):
        yield name, old.get(name), new.get(name)


def _compared(old: Row | None, new: Row | None, names: tuple[str, ...]) -> tuple[str | None, dict[str, list[Any]]]:
    """`changed`, `new`, `removed` or None, and the fields that differ."""
    one, other = old or {}, new or {}
    both = {name: [one.get(name), other.get(name)] for name in names}
    fields = {name: pair for name, pair in both.items() if _differ(*pair)}
    if old is None or new is None:
        return ("new" if old is None else "removed"), fields
    renewed = old.get("configuration") != new.get("configuration")
    return ("changed" if fields or renewed else None), fields


def _differ(old: Any, new: Any) -> bool:
    """Whether two answers do; numbers are compared at nine places, as scores are."""
    return bool(round(old - new, 9)) if isinstance(old, float) and isinstance(new, float) else bool(old != new)


def _causes(
    connection: duckdb.DuckDBPyConnection, old: Row | None, new: Row | None, before: Scoring, after: Scoring
) -> Row:
    """Only what there is of: `configuration`, `method`, `scored_for`, `baseline`, `loads`, `days`, `failures`."""
    if old is None or new is None:
        return {}
    was, now = (recall(connection, row["configuration"]) for row in (old, new))
    failed = failures(connection, _tables(now), after.load) if new["reason"] else []
    measured = baseline_of(connection, now, after.load) if old["baseline"] != new["baseline"] else None
    causes = {
        "configuration": changed_fields(was, now),
        "method": [before.method, after.method] if before.method != after.method else [],
        "scored_for": [old["as_of"], new["as_of"]] if old["as_of"] != new["as_of"] else [],
        "baseline": measured,
        "loads": _loads(connection, now, (old, new), before.load, after.load),
        "days": _changed_days(days_of(connection, was, old, before.load), days_of(connection, now, new, after.load)),
        "failures": failed,
    }
    return {name: found for name, found in causes.items() if found}


def changed_fields(was: Row, now: Row) -> list[Row]:
    """The fields in which two configurations of a key result differ."""
    old, new = dict(_flat(was)), dict(_flat(now))
    names = [name for name in dict.fromkeys([*new, *old]) if old.get(name) != new.get(name)]
    return [{"field": name, "old": old.get(name), "new": new.get(name)} for name in names]


def _flat(node: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        yield where, node
        return
    for name, value in node.items():
        if (where.partition(".")[0], name) != ("views", "sql"):  # made from its text
            yield from _flat(value, f"{where}.{name}" if where else name)


def _tables(document: Row) -> list[str]:
    return sorted({table for part in parts_of(document) for table in part.tables})


def _loads(
    connection: duckdb.DuckDBPyConnection, document: Row, rows: tuple[Row, Row], first: int, last: int
) -> list[Row]:
    """The loads after one scoring and up to another that made a difference to a score.

    Those that brought, changed or took away rows which it counts; and where it can be told now or is final now, the newest
    pull of each table besides, though no row came with it.
    """
    days = _reached(document, rows)
    found: dict[int, Row] = {}
    for table, condition in (_conditions(document, min(days), max(days)) if days else {}).items():
        keys = _keys(connection, table)
        names = {"table": quoted(table), "keys": keys, "condition": condition, "first": first, "last": last}
        for row in rows_of(connection.execute(statement("audit/sql/touched.sql", **names))):
            found[row["load"]] = {"table": table} | row
    if any(rows[0][name] != rows[1][name] for name in ("reason", "held_from", "final")):
        # A check-in is nothing without its row, which is among those above.
        pulled = [table for table in _tables(document) if table != checkins.TABLE]
        asked = {"tables": pulled, "first": first, "last": last}
        asked |= {"first_day": min([*days, *(row["as_of"] for row in rows)]), "last_day": rows[1]["as_of"]}
        for row in rows_of(connection.execute(statement("audit/sql/pulled.sql"), asked)):
            found.setdefault(row["load"], row)
    return [found[load] | {"notes": json.loads(found[load]["notes"])} for load in sorted(found)]


def _reached(document: Row, rows: tuple[Row, Row]) -> list[date]:
    """The ends of the days that two score rows rest on; a rhythm rests on the weeks before the period, too."""
    days = [row[name] for row in rows for name in ("first_day", "last_day") if row[name] is not None]
    if any(row["pace"] == "weekly rhythm" for row in rows):
        days.append(date.fromisoformat(document["period"]["first"]) - RHYTHM)
    return days


def _conditions(document: Row, first: date, last: date) -> dict[str, str]:
    """For each raw table, which of its rows the score counts; through a view, any of them may."""
    conditions: dict[str, list[str]] = {}
    for part in parts_of(document):
        for table in part.tables:
            conditions.setdefault(table, []).append(_counts(part, first, last) if table == part.source else "TRUE")
    return {table: " OR ".join(f"({each})" for each in dict.fromkeys(found)) for table, found in conditions.items()}


def _counts(part: Part, first: date, last: date) -> str:
    day = quoted(part.date)
    days = f"{day} <= DATE '{last}'" + ("" if part.aggregate.function == "latest" else f" AND {day} >= DATE '{first}'")
    return f"{days} AND {part.where}" if part.where else days


def _keys(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The columns of a raw table's key: those that are never null."""
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = ?"
        " AND is_nullable = 'NO' AND column_name <> '_load' ORDER BY ordinal_position"
    )
    return [quoted(row[0]) for row in connection.execute(query, [table]).fetchall()]


def _changed_days(was: list[Row], now: list[Row]) -> list[Row]:
    """The parts by day that differ."""

    def by_day(days: list[Row]) -> dict[tuple[Any, ...], float | None]:
        return {(day["day"], day["part"], day.get("interval")): day["value"] for day in days}

    old, new = by_day(was), by_day(now)
    differ = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    return [
        {"day": key[0], "part": key[1]}
        | ({"interval": key[2]} if key[2] else {})
        | {"old": old.get(key), "new": new.get(key)}
        for key in differ
    ]
