"""One nightly run of the fifteen: what its wall time goes into.

A home that has run the night of 14 November is copied, and `okr run --sandbox` runs the night of the 15th on the copy, in a
process of its own. Functions of Dagster and of this package are wrapped; every moment is charged to the innermost one.
"""

from __future__ import annotations

import argparse
import builtins
import functools
import importlib
import inspect
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BEFORE, NIGHT = "2026-11-14", "2026-11-15"

# Line of the profile → (its group, the functions that it consists of). A `*` asks for the class's open(), entered and left.
START, SOURCES, OURS, STAND_INS = "start-up and Dagster", "sources", "our own work", "stand-ins (sandbox only)"
PYTHON, IMPORTS, DAGSTER, PULL, LEAVING = "Python starts", "imports", "Dagster's steps", "pull", "Python ends"
PROFILE: dict[str, tuple[str, tuple[str, ...]]] = {
    PYTHON: (START, ()),
    IMPORTS: (START, ()),
    DAGSTER: (START, ("okr_pipeline.night:run_night",)),
    "Dagster's storage": (
        START,
        (
            "dagster._core.storage.event_log.sqlite.sqlite_event_log:SqliteEventLogStorage.store_event",
            "dagster._core.storage.runs.sql_run_storage:SqlRunStorage.add_run",
            "dagster._core.storage.runs.sql_run_storage:SqlRunStorage.add_snapshot",
            "dagster._core.storage.runs.sql_run_storage:SqlRunStorage.handle_run_event",
            "dagster._core.instance:DagsterInstance.get",
        ),
    ),
    PULL: (SOURCES, ()),
    "configuration": (OURS, ("okr_pipeline.cli:load",)),
    "assets from configuration": (OURS, ("okr_pipeline.assets.nightly:assemble",)),
    "opening and closing the warehouse": (OURS, ("okr_pipeline.warehouse:Warehouse.open*",)),
    "landing": (OURS, ("okr_pipeline.assets.streams:ingest",)),
    "metrics": (OURS, ("okr_pipeline.assets.metrics:bind", "okr_pipeline.assets.metrics:measure")),
    "scores": (
        OURS,
        tuple(f"okr_pipeline.assets.scores:{name}" for name in ("score", "scores_as_of", "objectives_as_of")),
    ),
    "snapshot": (OURS, ("okr_pipeline.assets.scorecard:publish",)),
    "page": (OURS, ("okr_pipeline.assets.scorecard:made",)),
    "table on the terminal": (OURS, ("okr_pipeline.report:print_scores", "okr_pipeline.night:troubles")),
    "start and stop": (STAND_INS, ("okr_pipeline.sandbox:running*",)),
    LEAVING: (START, ()),
}


class Clock:
    """Charges the main thread's time to the line that it is in."""

    def __init__(self, began: float) -> None:
        self.spent: dict[str, float] = dict.fromkeys(PROFILE, 0.0)
        self.inside = [PYTHON]
        self._since = began
        self._thread = threading.get_ident()

    @contextmanager
    def charge(self, line: str) -> Iterator[None]:
        if threading.get_ident() != self._thread:
            yield
            return
        self._turn()
        self.inside.append(line)
        try:
            yield
        finally:
            self._turn()
            self.inside.pop()

    def _turn(self) -> None:
        now = time.monotonic()
        self.spent[self.inside[-1]] += now - self._since
        self._since = now

    def wrapped(self, line: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.charge(line):
                return function(*args, **kwargs)

        return timed

    def entered(self, line: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same for a context manager: getting in and out is charged, not what happens within."""

        @contextmanager
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with self.charge(line):
                manager = function(*args, **kwargs)
                given = manager.__enter__()
            try:
                yield given
            finally:
                with self.charge(line):
                    manager.__exit__(*sys.exc_info())

        return timed


def profiled(home: Path, began: float) -> dict[str, float]:
    """Runs the night in this process, which was asked for at the instant `began`; seconds for each line."""
    clock = Clock(began)
    builtins.__import__ = clock.wrapped(IMPORTS, builtins.__import__)
    with clock.charge(IMPORTS):
        for line, (_, names) in PROFILE.items():
            for name in names:
                module, _, path = name.rstrip("*").partition(":")
                *owners, last = path.split(".")
                owner = functools.reduce(getattr, owners, importlib.import_module(module))
                around = clock.entered if name.endswith("*") else clock.wrapped
                found = inspect.getattr_static(owner, last)
                timed = around(line, getattr(found, "__func__", found))
                setattr(owner, last, staticmethod(timed) if isinstance(found, staticmethod) else timed)
        from okr_pipeline import cli, ingest

    grouped = ingest._in_row_groups

    def batches_of(pulled: Iterator[Any]) -> Iterator[Any]:
        while True:
            with clock.charge(PULL):
                batch = next(pulled, None)
            if batch is None:
                return
            yield batch

    ingest._in_row_groups = lambda batches: grouped(batches_of(iter(batches)))
    sys.argv = ["okr", "run", "--sandbox", "--home", str(home), "--date", NIGHT]
    try:
        cli.main()
    except SystemExit as ended:
        if ended.code:
            raise
    clock.inside = [LEAVING]
    clock._since = time.monotonic()
    return clock.spent


def main() -> None:
    """Prints the medians of several nights, each on a fresh copy of the same home."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=3, metavar=("HOME", "BEGAN", "ANSWER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        home, began, answer = options.one
        spent = profiled(Path(home), float(began))
        Path(answer).write_text(json.dumps({"spent": spent, "ended": time.monotonic()}), encoding="utf-8")
        return
    nights: list[dict[str, float]] = []
    environment = {name: value for name, value in os.environ.items() if name != "OKR_NOW"}
    with tempfile.TemporaryDirectory(prefix="okr-bench-") as name:
        before, home, answer = (Path(name) / part for part in ("before", "home", "answer.json"))
        okr = [sys.executable, "-c", "from okr_pipeline.cli import main; main()"]
        command = [*okr, "run", "--sandbox", "--home", str(before), "--date", BEFORE]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        for number in range(options.rounds):
            print(f"night {number + 1} of {options.rounds}", file=sys.stderr)
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(before, home)
            command = [sys.executable, "-m", "benchmarks.night", "--one", str(home), str(time.monotonic()), str(answer)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            ended, told = time.monotonic(), json.loads(answer.read_text(encoding="utf-8"))
            nights.append(told["spent"] | {LEAVING: ended - told["ended"]})
    _print(nights)


def _print(nights: list[dict[str, float]]) -> None:
    groups = {group: [line for line in PROFILE if PROFILE[line][0] == group] for group, _ in PROFILE.values()}
    own = groups.pop(STAND_INS)
    total = [sum(night.values()) - sum(night[line] for line in own) for night in nights]
    waited = [0.0] * len(nights)
    print(f"One night of the fifteen: {statistics.median(total):.1f} s (median of {len(nights)} nights)\n")
    for group, lines in groups.items():
        shares = [sum(night[line] for line in lines) / whole for night, whole in zip(nights, total, strict=True)]
        seconds = statistics.median(sum(night[line] for line in lines) for night in nights)
        print(f"{group:40}{statistics.median(shares):>7.1%}{seconds:>9.2f} s")
        for line in lines:
            print(
                f"    {line:36}{statistics.median(n[line] / t for n, t in zip(nights, total, strict=True)):>7.1%}"
                f"{statistics.median(night[line] for night in nights):>9.2f} s"
            )
        if group != OURS:
            waited = [a + b for a, b in zip(waited, shares, strict=True)]
    print(f"\n{START} + {SOURCES}: {statistics.median(waited):.1%} of the night; target ≥ 50 %")
    outside = statistics.median(sum(night[line] for line in own) for night in nights)
    print(f"Not counted: {outside:.2f} s to start and stop the stand-ins, which a night on real sources does not have.")


if __name__ == "__main__":
    main()
