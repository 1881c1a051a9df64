"""One `okr run` and one `okr ui` at a time on a home, and clearing up after what was killed: its runs, and the slots they held.

`python -m okr_pipeline.turns` clears up before a code server starts, in whose process the daemon's runs live.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from okr_pipeline.errors import ConfigError, OkrError

if TYPE_CHECKING:
    import dagster as dg

COMMAND_LINE = {"okr/started_by": "okr run"}  # a tag of the runs that live in a process of the command line
LONGEST = 6 * 3600  # seconds that a run may take


@contextmanager
def turn(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the home for one `okr run`; waits while another has it. A killed process holds nothing."""
    with _held(home / "turn.sqlite") as (connection, mine):
        if not mine:
            say("Another `okr run` is at work here; waiting for its end.")
            connection.execute(f"PRAGMA busy_timeout = {LONGEST * 1000}")
            connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def only_ui(home: Path) -> Iterator[None]:
    """Holds the home for one `okr ui`: two daemons would start every night twice. Raises ConfigError while another has it."""
    with _held(home / "ui.sqlite") as (_, mine):
        if not mine:
            raise ConfigError(f"`okr ui` is running on {home} already; open that one, or stop it first")
        yield


@contextmanager
def _held(lock: Path) -> Iterator[tuple[sqlite3.Connection, bool]]:
    """A connection that holds the lock if nobody else does, and whether it does."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with closing(_opened(lock)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
            mine = True
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise _unusable(lock, error) from None
            mine = False
        yield connection, mine


def _opened(lock: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(lock, timeout=0, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise _unusable(lock, error) from None


def _unusable(lock: Path, error: sqlite3.DatabaseError) -> OkrError:
    remedy = "see that it may be written to, or remove it: nothing is kept in it"
    return OkrError(f"{lock}, which keeps two runs apart, cannot be locked: {error}; {remedy}")


def end_abandoned(instance: dg.DagsterInstance, *, of_command_line: bool) -> int:
    """Ends runs that nothing carries on, and frees the slots they hold; how many.

    Of the command line, call it in one's turn; the others before the code server starts that they would live in. Nobody else
    would miss them before LONGEST is over, and the whole queue would wait for them.
    """
    import dagster as dg

    going = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    abandoned = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=going))
        if (run.tags.items() >= COMMAND_LINE.items()) == of_command_line
    ]
    for run in abandoned:
        instance.report_run_failed(run, "The process of this run was killed before its end; the next run takes over.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(abandoned)


if __name__ == "__main__":
    import dagster

    with dagster.DagsterInstance.get() as found:
        end_abandoned(found, of_command_line=False)
