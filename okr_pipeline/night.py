"""One night: the job `nightly` run in this process, on Dagster's own instance, so that its UI shows what happened."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from okr_pipeline.config import Config
from okr_pipeline.errors import OkrError
from okr_pipeline.turns import COMMAND_LINE, LONGEST, end_abandoned, turn
from okr_pipeline.warehouse import Warehouse
from okr_pipeline.warehouse.engine import statement

if TYPE_CHECKING:
    import dagster as dg

INSTANCE = f"""\
# Written once by okr; yours to change. The pool keeps writers of the warehouse apart; nothing is sent to anyone.
telemetry: {{enabled: false}}
nux: {{enabled: false}}
concurrency:
  pools: {{granularity: op, default_limit: 1}}
run_monitoring: # a run that hangs is ended after six hours, and what it held is free again
  enabled: true
  max_runtime_seconds: {LONGEST}
  start_timeout_seconds: 3600 # before a backfill of a year starts, Dagster writes down what it is to fill, day by day
  free_slots_after_run_end_seconds: 60
"""


@dataclass(frozen=True)
class Trouble:
    """A table whose newest attempt failed, why, and the key results that rest on it."""

    table: str
    reason: str
    message: str
    key_results: tuple[str, ...]


def instance_home(home: Path) -> Path:
    """Dagster's own storage below `home`, made when it is missing; sets DAGSTER_HOME, which an instance must have."""
    folder = (home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        (folder / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


@dataclass(frozen=True)
class Night:
    """What became of a night: whether every step was done, and why one of our own failed, if one did."""

    done: bool
    failed: str | None = None


def run_night(config: Config, home: Path, first: date, last: date, say: Callable[[str], None]) -> Night:
    """Ingests, scores and publishes the days `first` to `last`.

    When a source fails, the scoring steps run all the same, as the sensor does for a run of the daemon. `say` is given
    a line for every step as it ends.
    """
    instance_home(home)
    import dagster as dg
    import stamina

    from okr_pipeline.assets import Project
    from okr_pipeline.assets.alerts import failed_night
    from okr_pipeline.assets.nightly import NIGHTLY, SCORING, assemble

    def say_retry(details: stamina.instrumentation.RetryDetails) -> None:
        say(f"{details.caused_by} Trying again in {details.wait_for:.0f} s.")

    stamina.instrumentation.set_on_retry_hooks([say_retry])
    loggers = dg.Definitions(loggers={"plain": dg.LoggerDefinition(lambda _: _Plain(say))})
    definitions = dg.Definitions.merge(assemble(Project(config, Warehouse(home))), loggers)
    days = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    with turn(home, say), _instance(home) as instance:
        if end_abandoned(instance, of_command_line=True):
            say("An earlier run was killed before its end; its days are caught up with.")
        for job in (NIGHTLY, SCORING):
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance, tags=days | COMMAND_LINE, raise_on_error=False, run_config={"loggers": {"plain": {}}}
            )
            for event in result.filter_events(lambda event: event.is_step_failure):
                failure = event.step_failure_data
                if (
                    failure.error is not None and failure.user_failure_data is None
                ):  # not one that a stream told already
                    say(f"{event.step_key}: {(failure.error.cause or failure.error).message.strip()}")
            if result.success:
                return Night(done=job == NIGHTLY)
        return Night(done=False, failed=failed_night(instance, SCORING))


@contextmanager
def _instance(home: Path) -> Iterator[dg.DagsterInstance]:
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    def unusable(error: Exception) -> OkrError:
        why = str(error).strip().splitlines()[0]
        return OkrError(
            f"Dagster's own storage in {home / 'dagster'} cannot be used: {why}; see that its disk has room and may be written "
            "to, mend its dagster.yaml, or move the folder away: it remembers runs, and no number"
        )

    try:
        found = dg.DagsterInstance.get()
    except Exception as error:  # noqa: BLE001 - of its settings, its files, or the database that it is told to use
        raise unusable(error) from None
    try:
        with found as instance:
            yield instance
    except SQLAlchemyError as error:  # such as a disk that is full now
        raise unusable(error) from None


class _Plain(logging.Logger):
    """Passes on what our steps say, and leaves Dagster's own events and errors to its UI."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__("okr")
        self._say = say

    def handle(self, record: logging.LogRecord) -> None:
        """Called by Dagster with each of its log records."""
        meta = getattr(record, "dagster_meta", {})
        if not meta.get("dagster_event") and logging.INFO <= record.levelno < logging.ERROR:
            self._say(str(meta.get("orig_message", record.getMessage())))


def troubles(connection: duckdb.DuckDBPyConnection, config: Config, known_at: datetime | None = None) -> list[Trouble]:
    """The tables that are configured and whose newest attempt failed, now or as known at an instant (naive UTC)."""
    rows = connection.execute(statement("warehouse/sql/trouble.sql"), [known_at, known_at]).fetchall()
    return [
        Trouble(name, reason, message, tuple(r.id for r in config.key_results.values() if name in r.metric.tables))
        for name, reason, message in rows
        if name in config.tables
    ]
