"""What a materialization shows. A run over many days gives each partition what is true of its own day.

Numbers are numbers, so that Dagster plots them over time. Tables, queries and pictures stand on the run's last day only: a year
that is caught up in one run is 365 events for each asset.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg
import duckdb
from sqlglot import TokenType, tokenize

from okr_pipeline.assets import Project, run_days
from okr_pipeline.audit.rows import rows_of
from okr_pipeline.config import Table
from okr_pipeline.warehouse import Load
from okr_pipeline.warehouse.engine import quoted, statement
from okr_pipeline.warehouse.ledger import STATES

PREVIEW = 5  # rows
PLOTTED = timedelta(days=90)
_NUMBERS = ("value", "baseline", "target", "progress", "score", "expected", "coverage", "alongside")
_WORDS = ("status", "held_from", "last_data_day", "configuration")
_CLAUSES = {TokenType.FROM, TokenType.WHERE, TokenType.UNION, TokenType.QUALIFY, TokenType.ORDER_BY}
RAW_ROWS = "raw rows (ask published/okr.duckdb)"
Facts = dict[str, Any]


def by_day(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    days: Mapping[date, Facts],
    last: Facts,
    caught_up: Iterable[date] = (),
) -> None:
    """Adds to each partition of the run its own facts, and `last` to the last one; nothing to an asset not asked for.

    Days `caught_up`, see `missed`, are told to be there as well.
    """
    if key not in context.selected_asset_keys:
        return
    newest = run_days(context)[1]
    for partition in context.partition_keys:
        day = date.fromisoformat(partition)
        if facts := days.get(day, {}) | (last if day == newest else {}):
            context.add_asset_metadata(facts, asset_key=key, partition_key=partition)
    for day in caught_up:
        facts = days.get(day, {}) | {"caught up by the night of": str(newest)}
        context.log_event(dg.AssetMaterialization(key, partition=day.isoformat(), metadata=facts))


def missed(context: dg.AssetExecutionContext, key: dg.AssetKey) -> list[date]:
    """The days before the run's that Dagster shows as failed or missing, though it has an earlier one: of lost nights.

    What a night catches up with is told of these days, too: else they would look lost for ever. The days before the first
    night, often a whole period, stay missing until somebody backfills them: each costs an event for each asset.
    """
    if key not in context.selected_asset_keys:
        return []
    known = {date.fromisoformat(day) for day in context.instance.get_materialized_partitions(key)}
    begun = min(known, default=date.max).toordinal()
    between = map(date.fromordinal, range(begun, run_days(context)[0].toordinal()))
    return [day for day in between if day not in known]


def stream_days(connection: duckdb.DuckDBPyConnection, table: Table, first: date, last: date) -> dict[date, Facts]:
    """How many rows each day has; nothing for a list without days."""
    if not table.stream.date:
        return {}
    day = quoted(table.stream.date)
    counted = f"SELECT {day}, COUNT(*) FROM raw.{quoted(table.name)} WHERE {day} BETWEEN ? AND ? GROUP BY {day}"
    rows = connection.execute(counted, [first, last]).fetchall()
    return {on: {"dagster/partition_row_count": count} for on, count in rows}


def stream_facts(
    connection: duckdb.DuckDBPyConnection, table: Table, load: Load, covered: Mapping[date, str], seconds: float | None
) -> Facts:
    """A pull and what stands in its table since: rows, days, what it changed, what the source said, the newest rows.

    `covered` is the state of each day, `seconds` are what the pull took, where that is known.
    """
    relation, day = f"raw.{quoted(table.name)}", quoted(table.stream.date) if table.stream.date else None
    ends = f"MIN({day}), MAX({day})" if day else "NULL, NULL"
    total, oldest, newest = connection.execute(f"SELECT COUNT(*), {ends} FROM {relation}").fetchall()[0]
    order = f" ORDER BY {day} DESC" if day else ""
    rows = rows_of(connection.execute(f"SELECT * FROM {relation}{order} LIMIT {PREVIEW}"))
    change, known = load.change, Counter(covered.values())
    return {
        "dagster/row_count": total,
        "window": f"{load.first_day} to {load.last_day}",
        "received": change.received,
        "new": change.inserted,
        "changed": change.changed,
        "vanished": change.vanished,
        "unchanged": change.unchanged,
        "left out": len(load.bad_rows),
        "available through": str(load.available_through),
        "final through": str(load.final_through),
        **({"first day": str(oldest), "last day": str(newest)} if oldest else {}),
        **({"seconds to pull": round(seconds, 3)} if seconds is not None else {}),
        **{f"days {words}": known[state] for state, words in STATES.items()},
        **{f"source: {name}": _plain(value) for name, value in load.notes.items()},
        **preview(rows),
        **query(f"SELECT * FROM {relation}{order};"),
    }


def view_facts(connection: duckdb.DuckDBPyConnection, name: str) -> Facts:
    """What a view gives now."""
    relation = f"views.{quoted(name)}"
    rows = rows_of(connection.execute(f"SELECT * FROM {relation} LIMIT {PREVIEW}"))
    total = connection.execute(f"SELECT COUNT(*) FROM {relation}").fetchall()[0][0]
    return {"dagster/row_count": total, **preview(rows), **query(f"SELECT * FROM {relation};")}


def metric_days_facts(rows: Iterable[Mapping[str, Any]]) -> dict[date, Facts]:
    """A metric's value and its parts on each day by itself (a level: as of the day), and the rows counted."""
    return {
        row["day"]: {
            "dagster/partition_row_count": row["rows"],
            **({"value": row["value"]} if row["value"] is not None else {}),
            **{f"part: {name}": part for name, part in json.loads(row["parts"]).items() if part is not None},
        }
        for row in rows
    }


def score_facts(row: Mapping[str, Any], why: str = "") -> Facts:
    """A score row: numbers as numbers, and `why` there is no new score."""
    facts: Facts = {name: float(row[name]) for name in _NUMBERS if row.get(name) is not None}
    facts |= {name: str(row[name]) for name in _WORDS if row.get(name) is not None}
    facts |= {name: row[name] for name in ("final", "manual") if name in row}
    if row.get("last_day"):
        facts["window"] = f"{row['first_day']} to {row['last_day']}"
    return facts | ({"reason": row["reason"], "why there is no new score": why} if why else {})


def plot(title: str, image: str) -> Facts:
    """An image, by its address, within the page of an asset."""
    plain = re.sub(r"[^\w ,.%-]", " ", title)
    return {"plot": dg.MetadataValue.md(f"![{plain}]({image})")}


def preview(rows: Sequence[Mapping[str, Any]], name: str = "preview", most: int = PREVIEW) -> Facts:
    """The first rows as a table; what Dagster has no type for is shown as text. Nothing where there is none."""
    if not rows:
        return {}
    shown = (str, int, float, bool, type(None))
    first = [{k: v if isinstance(v, shown) else str(v) for k, v in row.items() if k != "_load"} for row in rows[:most]]
    columns = [dg.TableColumn(name, "string") for name in first[0]]
    return {name: dg.MetadataValue.table([dg.TableRecord(record) for record in first], dg.TableSchema(columns))}


def query(*written: str, name: str = "rows (ask published/okr.duckdb)") -> Facts:
    """SQL to be copied."""
    return {name: dg.MetadataValue.md("```sql\n" + "\n\n".join(written) + "\n```")}


def raw_rows(written: Iterable[Mapping[str, str]]) -> Facts:
    """The queries that lead from a key result to its raw rows, see `audit.explain.queries`."""
    text = [f"-- {part['part']} = {part['what']}\n{_in_lines(part['sql'])}" for part in written]
    return query(*text, name=RAW_ROWS) if text else {}


def _in_lines(sql: str) -> str:
    """A line for each clause: the page is narrow."""
    begin = [token.start for token in tokenize(sql, read="duckdb") if token.token_type in _CLAUSES]
    return "\n".join(sql[a:b].rstrip() for a, b in pairwise([0, *begin[begin[:1] == [0] :], len(sql)]))


def metric_days(
    connection: duckdb.DuckDBPyConnection, project: Project, first: date, last: date
) -> dict[str, list[Facts]]:
    """The days of each metric that a key result rests on, see sql/metric_days.sql."""
    from okr_pipeline.scoring.agreed import hand_down

    shapes = hand_down(connection, project.config, last).shapes
    for table, query in (
        (
            "windows",
            "SELECT 0 AS span, day AS as_of, day AS first_day, day AS last_day FROM days WHERE day BETWEEN ? AND ?",
        ),
        ("asked", "SELECT metric_number, 0 AS span, ? AS first_as_of, ? AS last_as_of FROM formulas"),
    ):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query}", [first, last])
    values = statement("scoring/sql/values.sql", shapes=shapes)
    found: dict[str, list[Facts]] = {}
    query = statement("assets/sql/metric_days.sql", values=values, first=first, last=last)
    for row in rows_of(connection.execute(query)):
        found.setdefault(row["metric"], []).append(row)
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) else dg.MetadataValue.json(value)
