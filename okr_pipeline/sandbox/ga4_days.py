"""What the days of the sandbox's GA4 property come to: two CSV files, read as GA4 would tell of them on a day.

`ga4_days.csv` and `ga4_events.csv` hold what a day comes to in the end. What is served depends on the day's age in the
property's time zone, in whole days: on the day itself half of it, then 92, 97 and 99 percent, from the fourth day on
all of it (rounded down each); a row with `arrives` = 2 is not there before its second day. Rows of fewer than three
events are withheld for good and flagged as thresholding. A day without rows stays empty. Of a day's event names the fifty
with the most events are kept, and the others rolled up into "(other)". A report of more than ten million events is flagged as
sampled; its numbers are the true ones all the same.

Without the dimension `date` the days are added up, but for people: of those on other days than the busiest, two in five come
on that day as well, or on another.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

SERVED = {0: 50, 1: 92, 2: 97, 3: 99}  # percent of the settled number, by the day's age
WITHHELD_BELOW = 3
OTHER, NAMES_KEPT = "(other)", 50
PEOPLE = {"totalUsers"}
NEW_ON_OTHER_DAYS = 0.6

Row = dict[str, str]


def events(folder: Path) -> Iterator[tuple[date, Row]]:
    """Every event's count."""
    for day, row in _read(folder / "ga4_events.csv"):
        yield day, row | {"eventName": row["event_name"], "eventCount": row["event_count"]}


def sessions(folder: Path, by_key_event: bool) -> Iterator[tuple[date, Row]]:
    """Every session has ordinary events; the converting ones are there once more, with their key events."""
    for day, row in _read(folder / "ga4_days.csv"):
        yield day, row | {"isKeyEvent": "false", "totalUsers": row["total_users"]}
        if by_key_event:
            sessions = row["converting_sessions"]
            users = str(min(int(sessions), int(row["total_users"])))
            yield day, row | {"isKeyEvent": "true", "sessions": sessions, "totalUsers": users}


def as_of(today: date, settled: list[tuple[date, Row]], metrics: list[str]) -> tuple[list[Row], bool]:
    """The rows as they stand today, and whether one was withheld."""
    rows: list[Row] = []
    withheld = False
    for day, row in settled:
        age = (today - day).days
        if age < int(row["arrives"]):
            continue
        if int(row.get("eventCount", WITHHELD_BELOW)) < WITHHELD_BELOW:
            withheld = True
            continue
        rows.append(row | {name: str(int(row[name]) * SERVED.get(age, 100) // 100) for name in metrics})
    return rows, withheld


def rolled_up(events: Iterable[tuple[date, Row]]) -> tuple[list[tuple[date, Row]], bool]:
    """The events with the rare ones of a day as "(other)", and whether there are such."""
    by_day: dict[date, list[Row]] = {}
    for day, row in events:
        by_day.setdefault(day, []).append(row)
    rows, has_rare = [], False
    for day, names in by_day.items():
        names.sort(key=lambda row: -int(row["eventCount"]))
        kept, rare = names[:NAMES_KEPT], names[NAMES_KEPT:]
        if rare:
            has_rare = True
            count = str(sum(int(row["eventCount"]) for row in rare))
            kept.append(rare[0] | {"eventName": OTHER, "eventCount": count})
        rows += [(day, row) for row in kept]
    return rows, has_rare


def totals(rows: list[Row], dimensions: list[str], metrics: list[str]) -> Iterator[Row]:
    """One row for each of the dimensions' values, over all days."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in dimensions), []).append(row)
    for group in groups.values():
        total = dict(group[0])
        for name in metrics:
            numbers = [int(row[name]) for row in group]
            most = max(numbers)
            people = most + int((sum(numbers) - most) * NEW_ON_OTHER_DAYS)
            total[name] = str(people if name in PEOPLE else sum(numbers))
        yield total


def _read(path: Path) -> Iterator[tuple[date, Row]]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield date.fromisoformat(row["day"]), row | {"date": row["day"].replace("-", "")}
