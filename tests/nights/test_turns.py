"""A run that was killed holds nothing up; two runs take turns."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy.exc
from dagster._core.test_utils import create_run_for_test

from okr_pipeline.errors import ConfigError, OkrError
from okr_pipeline.night import instance_home
from okr_pipeline.turns import COMMAND_LINE, end_abandoned, only_ui, turn
from okr_pipeline.warehouse import Warehouse

KILLED = """
import sys
from datetime import date
from pathlib import Path
from okr_pipeline import ahead
from okr_pipeline.cli import main
import os, signal
def dies(*_): os.kill(os.getpid(), signal.SIGKILL)
ahead.settle = dies
sys.argv = ["okr", *sys.argv[1:]]
main()
"""


def test_what_a_killed_run_held_is_free_for_the_next(
    tmp_path: Path, okr: Any, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of a step: Dagster's storage still says that it runs and holds the only slot of the pool."""
    night = ("run", "--sandbox", "--home", str(tmp_path / "home"), "--config", str(small), "--date", "2026-11-14")
    killed = subprocess.run([sys.executable, "-c", KILLED, *night], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    monkeypatch.setenv("DAGSTER_HOME", "")
    instance_home(tmp_path / "home")
    with dg.DagsterInstance.get() as instance:
        assert len(instance.get_runs(dg.RunsFilter(tags=COMMAND_LINE, statuses=[dg.DagsterRunStatus.STARTED]))) == 1
        assert len(instance.event_log_storage.get_concurrency_run_ids()) == 1
    done = okr(*night)
    assert done.code == 0, done.out + done.err
    assert "An earlier run was killed before its end" in done.out
    with dg.DagsterInstance.get() as instance:
        assert [run.status.value for run in instance.get_runs()] == ["SUCCESS", "FAILURE"]
        assert not instance.event_log_storage.get_concurrency_run_ids()


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    holding = "import sys, time, pathlib; from okr_pipeline.turns import turn\n"
    holding += "with turn(pathlib.Path(sys.argv[1]), print): print('has it', flush=True); time.sleep(1)"
    with subprocess.Popen([sys.executable, "-c", holding, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "has it\n"
        said: list[str] = []
        with turn(tmp_path, said.append):
            assert first.wait(timeout=5) == 0
            assert said == ["Another `okr run` is at work here; waiting for its end."]


def test_a_run_of_a_code_server_that_died_is_ended_before_the_next_one_starts(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        lost, other = (
            create_run_for_test(instance, "nightly", status=dg.DagsterRunStatus.STARTED, tags=tags)
            for tags in ({}, COMMAND_LINE)
        )
        assert end_abandoned(instance, of_command_line=False) == 1
        ended, left = (instance.get_run_by_id(run.run_id) for run in (lost, other))
    assert ended is not None
    assert left is not None
    assert (ended.status, left.status) == (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED)


def test_one_ui_at_a_time(tmp_path: Path) -> None:
    with only_ui(tmp_path), pytest.raises(ConfigError, match=r"running on .* already"), only_ui(tmp_path):
        pass
    with only_ui(tmp_path):
        pass


UNUSABLE = {  # what lies there instead, and the words that say so
    "turn.sqlite": ("junk" * 1000, "turn.sqlite, which keeps two runs apart, cannot be locked: file is not a database"),
    "dagster/history/runs.db": (
        "junk" * 1000,
        "dagster cannot be used: (sqlite3.DatabaseError) file is not a database",
    ),
    "dagster/dagster.yaml": (
        "nothing: here",
        "dagster cannot be used: Errors whilst loading dagster instance config",
    ),
    "warehouse.duckdb": ("junk" * 4000, "warehouse.duckdb cannot be opened: IO Error"),
    "dagster": ("", "dagster: "),
}


@pytest.mark.parametrize("file", UNUSABLE)
def test_a_home_that_cannot_be_used_is_told_with_a_remedy(tmp_path: Path, okr: Any, small: Path, file: str) -> None:
    """And is held back, not the mistake of who typed the command."""
    content, told = UNUSABLE[file]
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(content, encoding="utf-8")
    ran = okr("run", "--sandbox", "--home", tmp_path, "--config", small, "--date", "2026-11-14")
    assert ran.code == 2, ran.out + ran.err
    assert told in ran.err
    assert any(
        remedy in ran.err for remedy in ("remove it", "move the folder away", "restore it from", "may be written to")
    )


def test_a_disk_that_is_full_in_the_middle_is_told(
    tmp_path: Path, okr: Any, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setattr(dg.JobDefinition, "execute_in_process", full)
    ran = okr("run", "--sandbox", "--home", tmp_path, "--config", small, "--date", "2026-11-14")
    assert ran.code == 2, ran.out + ran.err
    assert "cannot be used: (sqlite3.OperationalError) database or disk is full; see that its disk has room" in ran.err


def test_a_warehouse_with_a_broken_block_is_told(tmp_path: Path) -> None:
    with Warehouse(tmp_path).open() as connection:
        connection.execute("CREATE TABLE raw.t AS SELECT RANGE AS n FROM RANGE(10000)")
    with (tmp_path / "warehouse.duckdb").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"junk" * 3072)
    with (
        pytest.raises(OkrError, match=r"warehouse\.duckdb cannot be opened: .*; restore it from .*published"),
        Warehouse(tmp_path).open(),
    ):
        pass


def test_a_block_that_turns_out_to_be_broken_while_it_is_read_is_told(tmp_path: Path) -> None:
    """And is no mistake in the rows, for which people would look in vain."""
    with Warehouse(tmp_path).open() as connection:
        connection.execute("CREATE TABLE raw.t AS SELECT HASH(RANGE) AS n FROM RANGE(1000000)")
    with (tmp_path / "warehouse.duckdb").open("r+b") as file:
        file.seek(3 * 2**20)
        file.write(b"junk" * 1000)
    with (
        pytest.raises(
            OkrError, match=r"warehouse\.duckdb cannot be used: .*; see that its disk has room.*restore it from"
        ),
        Warehouse(tmp_path).open() as connection,
    ):
        connection.execute("SELECT BIT_XOR(n) FROM raw.t").fetchall()
