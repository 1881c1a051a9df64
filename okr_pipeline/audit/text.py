"""What `okr explain` prints for a person at a terminal."""

from __future__ import annotations

import re
from typing import Any

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
    lines += [f"As of {found['as_of']}, as known at {found['scored_at']:%Y-%m-%d %H:%M:%S}Z.", ""]
    if found["manual"]:
        lines.append("Manual: people said some or all of these numbers with `okr checkin`; the rows below name them.")
    if found["reason"]:
        held = (
            f"the score of {found['held_from']} is held" if found["held_from"] else "there is no earlier score to hold"
        )
        lines.append(f"No new score on {found['as_of']}: {found['reason']}; {held}.")
    lines += [f"  {each['table_name']}: {each['message']}" for each in found["failures"]]
    lines += _interval_lines(found["intervals"]) if found["intervals"] else []
    lines += _step_lines(found["steps"]) if found["steps"] else []
    lines += _formula_lines(found) if found["value"] is not None else []
    if found["days"]:
        lines += ["", f"Parts by day (the newest {_SHOWN_DAYS} rows; all with --format json):"]
        lines += [_day_line(day) for day in found["days"][-_SHOWN_DAYS:]]
    lines += ["", "Loads it rests on, and what their sources said:", *(_load_line(load) for load in found["loads"])]
    lines += ["", "The raw rows (ask published/okr.duckdb):"]
    for rows in found["rows"]:
        lines += [f"  -- {rows['part']} = {rows['what']}: {rows['count']} rows of {rows['table']}", f"  {rows['sql']}"]
        lines += [f"     {_row_line(row)}" for row in rows["first"][:_SHOWN_ROWS]]
        lines += ["     …"] if rows["count"] > _SHOWN_ROWS else []
    return "\n".join(lines)


def exact(amount: float | None) -> str:
    """A number in full, as it goes into a formula."""
    return "none" if amount is None else f"{amount:,.9f}".rstrip("0").rstrip(".")


def _interval_lines(intervals: list[dict[str, Any]]) -> list[str]:
    lines = ["Intervals (value, kept?):"]
    for interval in intervals:
        state = "kept" if interval["kept"] else "missed" if interval["complete"] else "open"
        lines.append(f"  {interval['first']} to {interval['last']}  {number(interval['value'], ''):>8}  {state}")
    return lines


def _step_lines(steps: list[dict[str, Any]]) -> list[str]:
    lines = ["Steps (weight, done on):"]
    for step in steps:
        due = f", due {step['due']}" if step["due"] else ""
        lines.append(f"  {step['step']}  {exact(step['weight'])}  {step['done_on'] or 'not yet'}{due}")
    return lines


def _formula_lines(found: dict[str, Any]) -> list[str]:
    unit = found["unit"]
    value, baseline, target = (number(found[name], unit) for name in ("value", "baseline", "target"))
    parts = ", ".join(f"{name} = {exact(amount)}" for name, amount in found["parts"].items())
    way = f"({value} − {baseline}) ÷ ({target} − {baseline}) = " if found["baseline"] is not None else ""
    final = "yes" if found["final"] else "no: a source may still change its numbers"
    worked = "kept intervals" if found["intervals"] else "done ÷ planned" if found["steps"] else found["formula"]
    with_numbers = re.sub(
        r"[a-z_]\w*", lambda m: exact(found["parts"].get(m[0])) if m[0] in found["parts"] else m[0], worked
    )
    lines = [
        f"Window    {found['first_day']} to {found['last_day']}",
        f"Formula   {worked}",
        f"Parts     {parts}",
        f"Value     {with_numbers} = {value}" + ("" if unit == "percent" else f" {unit}"),
        *_baseline_lines(found["measured_baseline"], unit),
        f"Progress  {way}{found['progress']:.4f}",
        f"Score     {found['score']:.4f}, expected by now {found['expected']:.4f}: {found['status']}",
        f"Final     {final}; last data day {found['last_data_day']}",
    ]
    return lines + (
        [f"Alongside {number(found['alongside'], unit)} (shown, not scored)"] if found["alongside"] is not None else []
    )


def _baseline_lines(measured: dict[str, Any] | None, unit: str) -> list[str]:
    if measured is None:
        return []
    days, known = f"{measured['first_day']} to {measured['last_day']}", f"{measured['known_at']:%Y-%m-%d %H:%M}Z"
    return [f"Baseline  {number(measured['value'], unit)}, measured over {days}, as known at {known}"]


def _day_line(day: dict[str, Any]) -> str:
    amount = number(day["value"], "") + (f" new of {day['items']}" if day["items"] else "")
    return f"  {day['day']}  {day['part']:<24} {amount:>14}  from {day['row_count']} rows"


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
