"""`okr explain`: from a score to the formula with its numbers, the days, the loads, and the query for the raw rows."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import duckdb

from okr_pipeline.config import Config, KeyResult, Metric
from okr_pipeline.report import number
from okr_pipeline.scoring import scores_as_of
from okr_pipeline.warehouse.engine import quoted, statement

_SHOWN_DAYS = 14


def explanation(
    connection: duckdb.DuckDBPyConnection, config: Config, result: KeyResult, as_of: date
) -> dict[str, Any]:
    """All that a score rests on. What stands in it recomputes to the score."""
    rows = [row for row in scores_as_of(connection, config, as_of).to_pylist() if row["key_result"] == result.id]
    if not rows:
        return {"key_result": result.id, "sentence": sentence(result), "score": None, "place": result.place}
    row = rows[0]
    metric = result.metric
    return {
        "key_result": result.id,
        "sentence": sentence(result),
        "place": result.place,
        "as_of": row["as_of"],
        "known_at": row["known_at"],
        "unit": row["unit"],
        **{
            name: row[name]
            for name in ("value", "baseline", "target", "progress", "score", "expected", "status", "reason")
        },
        **{
            name: row[name]
            for name in ("held_from", "final", "last_data_day", "first_day", "last_day", "alongside", "configuration")
        },
        "metric": metric.id,
        "formula": metric.value.replace('"', "") if metric.parts else "",
        "parts": json.loads(row["parts"] or "{}"),
        "intervals": json.loads(row["intervals"]) if row["intervals"] else None,
        "days": _parts_by_day(connection, metric, row),
        "loads": _loads(connection, row["loads"]),
        "rows": [_rows_query(config, result, part.name, row) for part in metric.parts],
    }


def sentence(result: KeyResult) -> str:
    """The key result as one English sentence."""
    spec, unit = result.spec, result.metric.unit_name

    def shown(amount: Any) -> str:
        return number(float(amount.value), unit) + ("" if unit == "percent" else f" {unit}")

    if spec.target is not None and spec.baseline is not None:
        goal = f"from {shown(spec.baseline)} to {shown(spec.target)}"
    elif spec.between is not None:
        goal = f"between {shown(spec.between[0])} and {shown(spec.between[1])}"
    else:
        bound = spec.at_least or spec.at_most
        goal = f"{spec.kind.replace('_', ' ')} {shown(bound)}"
    if spec.every:
        window = f"in every {spec.every}"
    elif spec.during:
        window = f"from {spec.during.first} to {spec.during.last}"
    elif result.metric.is_level:
        window = "at its latest"
    else:
        window = f"over the {spec.over or 'period to date'}".replace("the trailing", "trailing")
    period = f"{result.period.name} ({result.period.first} to {result.period.last})"
    return f"{result.title.en}: {result.metric.title.en} {goal}, {window}, {period}"


def _parts_by_day(connection: duckdb.DuckDBPyConnection, metric: Metric, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of `metric.parts` that the score rests on, added up by day and part."""
    if row["last_day"] is None:
        return []
    asked = {
        "metric": metric.id,
        "levels": [part.name for part in metric.parts if part.aggregate.function == "latest"],
        "first_day": row["first_day"],
        "last_day": row["last_day"],
        "as_of": row["held_from"] or row["as_of"],
    }
    found = connection.execute(statement("scoring/sql/parts_by_day.sql"), asked)
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def _loads(connection: duckdb.DuckDBPyConnection, loads: list[int]) -> list[dict[str, Any]]:
    found = connection.execute(
        "SELECT load, table_name, known_at, first_day, last_day, final_through, notes FROM ledger.loads"
        " WHERE load IN (SELECT UNNEST(?)) ORDER BY load",
        [loads],
    )
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def _rows_query(config: Config, result: KeyResult, part_name: str, row: dict[str, Any]) -> dict[str, str]:
    """One part of the metric and the SQL that shows its raw rows in `published/okr.duckdb`."""
    part = next(part for part in result.metric.parts if part.name == part_name)
    schema = "views" if part.source in config.views else "raw"
    day = quoted(part.date)
    is_level = part.aggregate.function == "latest"
    window = (
        f"{day} <= DATE '{row['last_day']}'"
        if is_level
        else f"{day} BETWEEN DATE '{row['first_day']}' AND DATE '{row['last_day']}'"
    )
    as_of = row["held_from"] or row["as_of"]
    later = f" AND {quoted(part.counts_from)} <= DATE '{as_of}'" if part.counts_from else ""
    condition = f" AND {part.where}" if part.where else ""
    newest = ""
    if is_level:
        partition = f"PARTITION BY {part.aggregate.item} " if part.aggregate.item else ""
        newest = f" QUALIFY RANK() OVER ({partition}ORDER BY {day} DESC) = 1"
    sql = f"SELECT * FROM {schema}.{quoted(part.source)} WHERE {window}{later}{condition}{newest} ORDER BY {day};"
    read = ", ".join(piece for piece in (part.aggregate.value, part.aggregate.item) if piece) or "*"
    what = f"{part.aggregate.function.replace('_', ' ')}({read})".replace('"', "")
    return {"part": part.name, "what": what, "table": f"{schema}.{part.source}", "sql": sql}


def explanation_text(found: dict[str, Any]) -> str:
    """The same for a person at a terminal."""
    if "parts" not in found:
        return f"{found['sentence']}\nConfigured at {found['place']}. Not scored yet; `okr run` does it."
    lines = [found["sentence"], f"Configured at {found['place']} (configuration {found['configuration']}).", ""]
    if found["reason"]:
        held = (
            f"the score of {found['held_from']} is held" if found["held_from"] else "there is no earlier score to hold"
        )
        lines.append(f"No new score on {found['as_of']}: {found['reason']}; {held}.")
    lines += _interval_lines(found["intervals"]) if found["intervals"] else []
    lines += _formula_lines(found) if found["value"] is not None else []
    if found["days"]:
        lines += ["", f"Parts by day (the newest {_SHOWN_DAYS} rows; all with --format json):"]
        lines += [_day_line(day) for day in found["days"][-_SHOWN_DAYS:]]
    lines += ["", "Loads it rests on:", *(_load_line(load) for load in found["loads"])]
    lines += ["", "The raw rows (ask published/okr.duckdb):"]
    lines += [f"  -- {row['part']} = {row['what']}\n  {row['sql']}" for row in found["rows"]]
    return "\n".join(lines)


def _interval_lines(intervals: list[dict[str, Any]]) -> list[str]:
    lines = ["Intervals (value, kept?):"]
    for interval in intervals:
        state = "kept" if interval["kept"] else "missed" if interval["complete"] else "open"
        lines.append(f"  {interval['first']} to {interval['last']}  {number(interval['value'], ''):>8}  {state}")
    return lines


def _formula_lines(found: dict[str, Any]) -> list[str]:
    unit = found["unit"]
    value, baseline, target = (number(found[name], unit) for name in ("value", "baseline", "target"))
    parts = ", ".join(f"{name} = {number(amount, '')}" for name, amount in found["parts"].items())
    way = f"({value} − {baseline}) ÷ ({target} − {baseline}) = " if found["baseline"] is not None else ""
    final = "yes" if found["final"] else "no: a source may still change its numbers"
    lines = [
        f"Window    {found['first_day']} to {found['last_day']}",
        f"Formula   {found['formula']}",
        f"Parts     {parts}",
        f"Value     {value}" + ("" if unit == "percent" else f" {unit}"),
        f"Progress  {way}{found['progress']:.4f}",
        f"Score     {found['score']:.4f}, expected by now {found['expected']:.4f}: {found['status']}",
        f"Final     {final}; last data day {found['last_data_day']}",
    ]
    return lines + (
        [f"Alongside {number(found['alongside'], unit)} (shown, not scored)"] if found["alongside"] is not None else []
    )


def _day_line(day: dict[str, Any]) -> str:
    amount = number(day["value"], "") if day["value"] is not None else f"{day['items']} different"
    return f"  {day['day']}  {day['part']:<24} {amount:>14}  from {day['row_count']} rows"


def _load_line(load: dict[str, Any]) -> str:
    said = ", ".join(name for name, value in json.loads(load["notes"]).items() if value is True)
    known = f"known {load['known_at']:%Y-%m-%d %H:%M}Z"
    return (
        f"  {load['load']:>5}  {load['table_name']:<26} {known}  final through {load['final_through']}  {said}".rstrip()
    )
