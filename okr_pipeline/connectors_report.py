"""What `okr connector list` prints: each source, what it delivers, when it last ran, what it last said, and its days."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.markup import escape

from okr_pipeline.config import Table, tables
from okr_pipeline.connectors import origins
from okr_pipeline.connectors.own import own_folder
from okr_pipeline.errors import ConfigError
from okr_pipeline.published import opened
from okr_pipeline.warehouse import coverage
from okr_pipeline.warehouse.ledger import STATES

MARKS = dict(zip(STATES, "█░▒×·", strict=True))
WEEKS = 8  # of which each day is shown
LONGEST = 200  # characters of what a source said
PARTS = 3  # of one thing that it said
_LAST = (
    "SELECT load, known_at, first_day, last_day, outcome, message, received, inserted, changed, vanished, notes"
    " FROM ledger.loads WHERE table_name = ? ORDER BY load DESC LIMIT 1"
)


def print_connectors(console: Console, config: Path, home: Path) -> None:
    """All that is configured, source by source, then what else could be. Reads the published snapshot, if there is one."""
    found = tables(config, os.environ, unset_is_wrong=False)
    there = origins(own_folder(config))
    for _, streams in groupby(found, lambda table: table.connector.name):
        listed = [*streams]
        kind = listed[0].connector.settings.connector
        place = listed[0].place.rpartition(":")[0]
        console.print(f"[bold]{listed[0].connector.name}[/] · {escape(f'{kind} ({there[kind]}) · {place}')}")
        if missing := sorted({name for table in listed for name in table.unset}):
            console.print(f"  [yellow]not set:[/] {', '.join(missing)}")
        for table in listed:
            console.print(f"  {escape(_delivers(table))}", soft_wrap=True)
            with suppress(ConfigError), opened(home) as connection:
                _print_state(console, connection, table)
                continue
            console.print("    never ran; `okr run` pulls it")
    if found:
        console.print("[dim]" + "  ".join(f"{MARKS[state]} {STATES[state]}" for state in STATES) + "[/]")
    used = {table.connector.settings.connector for table in found}
    if unused := [f"{kind} ({there[kind]})" for kind in sorted({*there} - used)]:
        console.print(
            f"Not configured: {escape(', '.join(unused))}; a file {config}/connectors/<name>.yaml makes one a source."
        )


def _delivers(table: Table) -> str:
    stream = table.stream
    days = f"by {stream.date}, {table.lookback} days again each night" if stream.date else "a list, whole each night"
    return f"raw.{table.name}: {stream.description.rstrip('.')} ({days}; key {', '.join(stream.key)})"


def _print_state(console: Console, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    last = connection.execute(_LAST, [table.name]).fetchall()
    if not last:
        console.print("    never ran; `okr run` pulls it")
        return
    console.print(f"    last ran {escape(_told(*last[0]))}", soft_wrap=True)
    if said := _said(last[0][-1]):
        console.print(f"    it said {escape(said)}", soft_wrap=True)
    if not table.stream.date:
        return
    days = coverage(connection, table.name)
    counted = Counter(days.values())
    told = ", ".join(f"{counted[state]} {STATES[state]}" for state in STATES)
    console.print(f"    {len(days)} days since {min(days)}: {told}", soft_wrap=True)
    for line in _strip(days):
        console.print(f"    {line}", soft_wrap=True)


def _told(load: int, known_at: datetime, first: date, last: date, outcome: str, message: str | None, *rows: Any) -> str:
    """One load of the ledger in a sentence."""
    when = f"{known_at:%Y-%m-%d %H:%M} UTC (load {load})"
    if outcome != "landed":
        return f"{when}, for {first} to {last}: {outcome}: {message}"
    received, inserted, changed, vanished, _ = rows
    return f"{when}: {received:,} rows for {first} to {last}, {inserted:,} new, {changed:,} changed, {vanished:,} gone"


def _said(notes: str) -> str:
    """The notes of a load, without flags that are not raised and lists that are empty."""
    raised = {name: value for name, value in json.loads(notes).items() if value or type(value) is int}
    said = ", ".join(name if value is True else f"{name}: {_shown(value)}" for name, value in raised.items())
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"


def _shown(value: Any) -> str:
    """One note; of many parts, such as files, the last ones."""
    if isinstance(value, dict):
        parts = [f"{name} {_shown(part)}" for name, part in value.items()]
    elif isinstance(value, list):
        parts = [*map(_shown, value)]
    else:
        return str(value)
    left = f"{len(parts)} in all, the last ones " if len(parts) > PARTS else ""
    return left + ", ".join(parts[-PARTS:])


def _strip(days: dict[date, str]) -> list[str]:
    """The last eight weeks, Monday to Sunday, four of them a line and a mark a day."""
    last = max(days)
    monday = last - timedelta(days=last.weekday())
    mondays = [monday - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    shown = [each for each in mondays if each + timedelta(days=6) >= min(days)]
    lines = [shown[at : at + WEEKS // 2] for at in range(0, len(shown), WEEKS // 2)]
    return [f"{line[0]} {' '.join(_week(days, each) for each in line)}" for line in lines]


def _week(days: dict[date, str], monday: date) -> str:
    return "".join(MARKS.get(days.get(monday + timedelta(days=n), ""), " ") for n in range(7))
