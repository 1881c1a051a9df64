"""A score worked out again in plain Python, from the JSON of `okr explain` and nothing else."""

from __future__ import annotations

from typing import Any

EMPTY = {"sum": 0.0, "count": 0.0, "count_distinct": 0.0}  # fetched, and nothing happened


def part_values(found: dict[str, Any], interval: str | None = None) -> dict[str, float | None]:
    values = {}
    for part, function in found["aggregates"].items():
        days = [d["value"] for d in found["days"] if d["part"] == part and d.get("interval") == interval]
        days = [value for value in days if value is not None]
        how = {"min": min, "max": max}.get(function, sum)
        values[part] = how(days) if days else EMPTY.get(function)
    return values


def metric_value(found: dict[str, Any], interval: str | None = None) -> float | None:
    parts = part_values(found, interval)
    if None in parts.values():
        return None
    try:
        return eval(found["formula"], {}, parts)
    except ZeroDivisionError:
        return None


def amount(text: str) -> float:
    return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)


def holds(configured: dict[str, Any], value: float | None, over: bool = True) -> bool:
    rises = "target" in configured and amount(configured["target"]) > amount(configured["baseline"])
    if value is None or not (over or "at_least" in configured or rises):
        return False
    if "target" in configured:
        return round((value - amount(configured["target"])) * (1 if rises else -1), 9) >= 0
    if "at_least" in configured:
        return round(value - amount(configured["at_least"]), 9) >= 0
    if "at_most" in configured:
        return round(value - amount(configured["at_most"]), 9) <= 0
    low, high = map(amount, configured["between"])
    return round(value - low, 9) >= 0 and round(value - high, 9) <= 0


def score(found: dict[str, Any]) -> tuple[float | None, float | None]:
    """(value, score)."""
    configured = found["configured"]
    if "every" in configured:
        value = float(
            sum(holds(configured, metric_value(found, each["first"]), each["complete"]) for each in found["intervals"])
        )
        return value, value / found["parts"]["planned"]
    if "milestones" in configured:
        done = [step["weight"] for step in found["steps"] if step["done_on"]]
        value = sum(done) / sum(step["weight"] for step in found["steps"])
        return value, value
    value = metric_value(found)
    if value is None:
        return None, None
    if "between" in configured:
        return value, float(holds(configured, value))
    way = (value - found["baseline"]) / (found["target"] - found["baseline"])
    return value, min(max(way, 0.0), 1.0)
