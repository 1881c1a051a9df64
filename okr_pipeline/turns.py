"""One `okr run` at a time on a home, and clearing up after one that was killed: its run, and the pool's slots that it held."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

COMMAND_LINE = {"okr/started_by": "okr run"}  # a tag of the runs that live in a process of the command line
LONGEST = 6 * 3600  # seconds that a run may take


@contextmanager
def turn(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the home for one `okr run`; waits while another has it. A killed process holds nothing."""
    home.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(home / "turn.sqlite", timeout=0, isolation_level=None)
    try:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            say("Another `okr run` is at work here; waiting for its end.")
            connection.execute(f"PRAGMA busy_timeout = {LONGEST * 1000}")
            connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


def end_abandoned(instance: dg.DagsterInstance) -> int:
    """Ends the command line's runs that were never ended, and frees the slots they hold; how many. Call it in one's turn."""
    import dagster as dg

    unfinished = dg.RunsFilter(tags=COMMAND_LINE, statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
    abandoned = instance.get_runs(unfinished)
    for run in abandoned:
        instance.report_run_failed(run, "The process of this run was killed before its end; the next run takes over.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(abandoned)
