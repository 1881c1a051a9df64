"""What two homes have to have in common."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

BY_LOAD = ("_load", "loads", "_superseded")  # numbers that tell which night wrote a row, not what it says
SAME = ("raw", "metric", "scores")


def contents(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every published table of raw data, metrics and scores, in one order, without the numbers of loads."""
    with closing(duckdb.connect(home / "published" / "okr.duckdb", read_only=True)) as snapshot:
        columns = snapshot.execute(
            "SELECT table_schema || '.' || table_name, LIST(column_name ORDER BY ordinal_position)"
            " FROM information_schema.columns WHERE table_schema IN ? GROUP BY ALL ORDER BY ALL",
            [SAME],
        ).fetchall()
        chosen = {table: ", ".join(f'"{name}"' for name in names if name not in BY_LOAD) for table, names in columns}
        return {
            table: snapshot.execute(f"SELECT {names} FROM {table} ORDER BY ALL").fetchall()
            for table, names in chosen.items()
        }
