"""What several test files share: the command line in this process, and a home with two real nights of the sandbox."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from okr_pipeline import cli, clock
from okr_pipeline.config import Config, load
from okr_pipeline.errors import OkrError
from okr_pipeline.ingest import ingest
from okr_pipeline.scoring import bind, earliest_day, measure, score
from okr_pipeline.warehouse import Warehouse, publish

SHIPPED = Path(__file__).parents[1] / "okr_config"
ZONE = "Asia/Bangkok"
FIRST_NIGHT, SECOND_NIGHT = date(2026, 11, 14), date(2026, 11, 15)
BETWEEN_THE_NIGHTS = "2026-11-15T12:00:00"  # UTC; the nights begin at 22:00 UTC


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, parsed."""
        return json.loads(self.out)

    def row(self, key_result: str) -> dict[str, Any]:
        """One key result of `okr score --format json`."""
        return next(row for row in self.json["key_results"] if row["key_result"] == key_result)


@dataclass(frozen=True)
class Demo:
    """A home after the nights of 14 and 15 November, and what was answered between the two. Copy it, do not write to it."""

    home: Path
    answered: Path

    def copy(self, to: Path) -> Path:
        """A home of one's own in the same state."""
        return Path(shutil.copytree(self.home, to))


@contextmanager
def environment(**changes: str) -> Iterator[None]:
    """The process's environment with some changes, and as it was before in the end."""
    before = dict(os.environ)
    for name in ("OKR_NOW", "OKR_CONFIG", "OKR_HOME", "OKR_SANDBOX_FAULTS", "DAGSTER_HOME"):
        os.environ.pop(name, None)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run_okr(*arguments: object, **changes: str) -> Ran:
    """The command `okr` as a user types it, in this process: its exit code and what it printed."""
    out, err, before, code = io.StringIO(), io.StringIO(), sys.argv, 0
    sys.argv = ["okr", *map(str, arguments)]
    if "--config" not in arguments:
        changes = {"OKR_CONFIG": str(SHIPPED), **changes}
    try:
        with environment(**changes), redirect_stdout(out), redirect_stderr(err):
            cli.main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    finally:
        sys.argv = before
    return Ran(code, out.getvalue(), err.getvalue())


def run_night(
    home: Path,
    day: date,
    *,
    faults: str = "",
    sources: tuple[str, ...] | None = None,
    config: Path = SHIPPED,
    since: date | None = None,
    scored: bool = True,
) -> dict[str, OkrError]:
    """A night without Dagster, in half of the time: pull, measure, score, publish; of all sources or of some.

    Gives the tables that could not be pulled, with why.
    """
    from okr_pipeline.sandbox import running

    failed = {}
    now = clock.night_after(day, ZONE).isoformat()
    with environment(OKR_NOW=now, OKR_SANDBOX_FAULTS=faults), running(home) as variables:
        os.environ.update(variables)
        read, warehouse = load(config, os.environ), Warehouse(home)
        for table in read.tables.values():
            if sources is None or table.connector.name in sources:
                try:
                    ingest(warehouse, table, since or day, day, earliest_day(read))
                except OkrError as error:
                    failed[table.name] = error
        if scored:
            with warehouse.open() as connection:
                bind(connection, read)
                measure(connection, read, read.metrics.values())
                score(connection, read, day)
        publish(warehouse)
    return failed


@pytest.fixture(scope="session")
def okr() -> Callable[..., Ran]:
    """`okr("score", "--format", "json", "--home", home)`; keywords are environment variables."""
    return run_okr


@pytest.fixture(scope="session")
def night() -> Callable[..., dict[str, OkrError]]:
    """`night(home, day, faults="ga4=429")`: a night without Dagster."""
    return run_night


@pytest.fixture(scope="session")
def shipped() -> Config:
    """The shipped configuration."""
    return load(SHIPPED, {}, unset_is_wrong=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped configuration, to change."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "okr_config"))


@pytest.fixture(scope="session")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration with sources that are given up after a second."""
    copied = Path(shutil.copytree(SHIPPED, tmp_path_factory.mktemp("impatient") / "okr_config"))
    for connector in (copied / "connectors").iterdir():
        connector.write_text(connector.read_text(encoding="utf-8") + "\nretry_for: 1 seconds\n", encoding="utf-8")
    return copied


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Made once, by two nights of the real command, also where several workers run the tests."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    made = Demo(root / "demo", root / "answered-after-the-first-night.json")
    with FileLock(root / "demo.lock"):
        if not (made.home / "complete").exists():
            _two_nights(made)
            (made.home / "complete").touch()
    return made


def _two_nights(made: Demo) -> None:
    for day in (FIRST_NIGHT, SECOND_NIGHT):
        done = run_okr("run", "--sandbox", "--home", made.home, "--date", day)
        assert done.code == 0, done.out + done.err
        if day == FIRST_NIGHT:
            asked = ("--home", made.home, "--format", "json", "--known-at", BETWEEN_THE_NIGHTS)
            answers = {str(day): run_okr("score", "--as-of", day, *asked).out for day in ("2026-10-20", FIRST_NIGHT)}
            made.answered.write_text(json.dumps(answers), encoding="utf-8")
