"""What `okr explain` prints for a person at a terminal."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from okr_pipeline.audit.working import interval_lines, step_lines, working_lines
from okr_pipeline.report import number

_SHOWN_DAYS = 14
_SHOWN_ROWS = 3
_SAID = re.compile(r"sampled|thresholded|other_row|restricted|truncated|anonymised|left_out|without")


def explanation_text(found: dict[str, Any]) -> str:
    """An explanation in lines."""
    if "parts" not in found:
        return f"{found['sentence']}\nNot scored on or before this day."
    lines = [found["sentence"]]
    lines += [f"Configured at {found['place']}"] if found.get("place") else ["No longer configured"]
    lines[-1] += f" (configuration {found['configuration']}; `--configuration` shows it)."
    lines += [f"As of {found['as_of']}, as known at {instant(found['scored_at'])}.", ""]
    if found["manual"]:
        lines.append("Manual: people said some or all of these numbers with `okr checkin`; the rows below name them.")
    if found["reason"]:
        held = (
            f"the score of {found['held_from']} is held" if found["held_from"] else "there is no earlier score to hold"
        )
        lines.append(f"No new score on {found['as_of']}: {found['reason']}; {held}.")
    lines += [f"  {each['table_name']}: {each['message']}" for each in found["failures"]]
    lines += interval_lines(found) if found["intervals"] else []
    lines += step_lines(found) if found["steps"] else []
    lines += working_lines(found) if found["value"] is not None else []
    if found["days"]:
        lines += ["", f"Parts by day (the newest {_SHOWN_DAYS} rows; all with --format json):"]
        lines += [_day_line(day, found["aggregates"]) for day in found["days"][-_SHOWN_DAYS:]]
    lines += ["", "Loads it rests on, and what their sources said:", *(_load_line(load) for load in found["loads"])]
    lines += ["", "The raw rows (ask published/okr.duckdb):"]
    for rows in found["rows"]:
        lines += [f"  -- {rows['part']} = {rows['what']}: {rows['count']} rows of {rows['table']}", f"  {rows['sql']}"]
        lines += [f"     {_row_line(row)}" for row in rows["first"][:_SHOWN_ROWS]]
        lines += ["     …"] if rows["count"] > _SHOWN_ROWS else []
    return "\n".join(lines)


def instant(at: datetime) -> str:
    """An instant in full: `--known-at` understands it, and answers with what was known at it and not just before."""
    return f"{at.isoformat(sep=' ')}Z"


def _day_line(day: dict[str, Any], aggregates: dict[str, str]) -> str:
    counted = " new of" if aggregates[day["part"]] == "count_distinct" else " of"  # else what each of so many last had
    amount = number(day["value"], "") + (f"{counted} {day['items']}" if day["items"] else "")
    rows = "1 row" if day["row_count"] == 1 else f"{day['row_count']} rows"
    return f"  {day['day']}  {day['part']:<24} {amount:>14}  from {rows}"


def _load_line(load: dict[str, Any]) -> str:
    notes = {name: value for name, value in load["notes"].items() if _SAID.search(name)}
    said = [
        f"{name.replace('_', ' ')}: {'no' if value in (False, [], 0) else 'yes' if value is True else value}"
        for name, value in notes.items()
    ]
    through = load["final_through"]
    final = "final" if through and through >= load["last_day"] else f"final through {through}"
    known = f"known {load['known_at']:%Y-%m-%d %H:%M}Z"
    days = f"{load['first_day']} to {load['last_day']}"
    return f"  {load['load']:>5}  {load['table_name']:<26} {known}  {days}  {', '.join([final, *said])}"


def _row_line(row: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in row.items() if value is not None)
