"""A score worked out on paper: each line can be checked with a pocket calculator from the numbers that stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from okr_pipeline.report import number

Found = dict[str, Any]


def exact(amount: float | None) -> str:
    """A number in full, as it goes into a formula."""
    text = "none" if amount is None else f"{amount:,.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def in_unit(amount: float | None, unit: str) -> str:
    """The same as people write it: a percentage with its sign."""
    return exact(amount) if amount is None or unit != "percent" else f"{exact(amount * 100)}%"


def interval_lines(found: Found) -> Iterator[str]:
    """What each interval of a cadence showed, and whether that keeps it."""
    yield f"Intervals (each is kept {_condition(found['configured'])}):"
    for interval in found["intervals"]:
        state = "kept" if interval["kept"] else "missed" if interval["complete"] else "open"
        value = in_unit(interval["value"], found["metric_unit"])
        yield f"  {interval['first']} to {interval['last']}  {value:>14}  {state}"


def step_lines(found: Found) -> Iterator[str]:
    """When each step was done."""
    yield "Steps (weight, done on):"
    for step in found["steps"]:
        due = f", due {step['due']}" if step["due"] else ""
        yield f"  {step['step']}  {exact(step['weight'])}  {step['done_on'] or 'not yet'}{due}"


def working_lines(found: Found) -> Iterator[str]:
    """From the parts to the status."""
    final = "yes" if found["final"] else "no: a source may still change its numbers"
    worked = "kept ÷ planned" if found["intervals"] else "done ÷ planned" if found["steps"] else found["formula"]
    yield f"Window    {found['first_day']} to {found['last_day']}"
    yield f"Formula   {worked}"
    yield f"Parts     {', '.join(f'{name} = {exact(amount)}' for name, amount in found['parts'].items())}"
    yield f"Value     {_value(found, worked)}"
    yield from _measured_baseline(found)
    yield f"Progress  {_progress(found)}"
    yield f"Score     {exact(found['score'])}, which is progress within 0 and 1"
    yield f"Expected  {exact(found['expected'])} by now: {_pace(found)}"
    yield f"Status    {_status(found)}"
    yield f"Final     {final}; last data day {found['last_data_day']}"
    if found["alongside"] is not None:
        yield f"Alongside {number(found['alongside'], found['unit'])} (shown, not scored)"


def _value(found: Found, worked: str) -> str:
    if found["intervals"]:
        return f"{exact(found['value'])} of {exact(found['parts']['planned'])} intervals"
    unit, parts = found["unit"], found["parts"]
    shown = number(found["value"], unit) + ("" if unit == "percent" else f" {unit}")
    with_numbers = re.sub(r"[a-z_]\w*", lambda m: exact(parts[m[0]]) if m[0] in parts else m[0], worked)
    return shown if worked in parts else f"{with_numbers} = {shown}"


def _progress(found: Found) -> str:
    configured, unit = found["configured"], found["unit"]
    value, start, end = (in_unit(found[name], unit) for name in ("value", "baseline", "target"))
    if found["intervals"]:
        return f"{value} ÷ {end} = {exact(found['progress'])}"
    if found["distance"] is not None:
        lower, upper = (in_unit(found[name], unit) for name in ("lower_bound", "upper_bound"))
        if not found["distance"]:
            return f"{exact(found['progress'])}: {value} lies within {lower} and {upper}"
        side = f"below {lower}" if found["value"] < found["lower_bound"] else f"above {upper}"
        return f"{exact(found['progress'])}: {value} lies {in_unit(found['distance'], unit)} {side}"
    if "at_most" in configured and "baseline" not in configured:
        return f"1 + ({end} − {value}) ÷ {end} = {exact(found['progress'])}"
    return f"({value} − {start}) ÷ ({end} − {start}) = {exact(found['progress'])}"


def _condition(configured: Found) -> str:
    if "between" in configured:
        return f"between {configured['between'][0]} and {configured['between'][1]}"
    if "target" in configured:
        return f"by reaching {configured['target']} from {configured['baseline']}"
    kind = "at_least" if "at_least" in configured else "at_most"
    return f"by {kind.replace('_', ' ')} {configured[kind]}"


def _pace(found: Found) -> str:
    configured = found["configured"]
    stepwise = any("due" in step for step in configured.get("milestones", ()))
    pace, lag = "each step on the day it is due" if stepwise else found["pace"], configured.get("lag")
    more = [
        f"{lag} day{'s' if lag > 1 else ''} later" if lag else "",
        f"due {configured['due']}" if "due" in configured else "",
    ]
    return ", ".join(said for said in (pace, *more) if said)


def _status(found: Found) -> str:
    """The rule that gave the word, with its numbers."""
    score, due, status, limits = found["score"], found["expected"], found["status"], found["thresholds"]
    if found["held_from"]:
        return f"{status}, as on {found['held_from']}: what is held is not judged anew"
    if f"{found['as_of']}" >= found["period"]["last"]:
        kind = found["configured"].get("type", "committed")
        return (
            f"{status}: the period is over, and {kind} is achieved from {'0.7' if kind == 'aspirational' else '1'} on"
        )
    if not due:
        return f"{status}: nothing was expected yet"
    share = f"{exact(score)} ÷ {exact(due)} = {exact(score / due)}"
    return f"{status}: {share}, on track from {limits['on_track']} on, at risk from {limits['at_risk']} on"


def _measured_baseline(found: Found) -> Iterator[str]:
    if measured := found["measured_baseline"]:
        days, known = f"{measured['first_day']} to {measured['last_day']}", f"{measured['known_at']:%Y-%m-%d %H:%M}Z"
        yield f"Baseline  {in_unit(measured['value'], found['unit'])}, measured over {days}, as known at {known}"
