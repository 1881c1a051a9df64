"""The promise on memory: a pull of a million rows takes no more of it than one of a hundred thousand."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from okr_pipeline import clock
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, promise
from okr_pipeline.connectors.kit.subject import YEAR, Subject

FEW, MANY = 100_000, 1_000_000  # rows
GROWTH = 64  # MB by which the peak may grow between the two; a million rows held would be more
ALLOWED = (
    192  # MB for libraries, a page of answers and its rows; the whole of them before the first batch would be more
)


@promise("A pull of a million rows is bounded in memory.")
def bounded_memory(subject: Subject) -> str:
    """In a process of its own, over the stand-in `many`; every batch is let go of."""
    if subject.many is None:
        raise NotApplicable("it takes a stand-in with a million rows: define the fixture `many`")
    stream = next(iter(subject.many.streams()))
    yesterday = clock.today(subject.many.settings.timezone) - timedelta(days=1)
    window = subject.window or Window(yesterday - YEAR, yesterday)
    ended = subprocess.run(
        [sys.executable, "-c", "from okr_pipeline.connectors.kit import memory; memory.measure()"],
        input=pickle.dumps((subject.many, stream, window)),
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        raise Broken(f"{stream.name}: {ended.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    rows, before, early, peak = json.loads(ended.stdout)
    told = f"{before} MB before, a peak of {early} MB after {FEW:,} rows and of {peak} MB after {rows:,}"
    if rows < MANY:
        raise Broken(f"{stream.name}: the stand-in `many` gave {rows:,} rows; a million are wanted")
    if peak - early > GROWTH or peak - before > ALLOWED:
        raise Broken(
            f"{stream.name}: {told}; {GROWTH} MB from the one to the other are allowed, and {ALLOWED} MB in all"
        )
    return f"{stream.name}: {told}"


def measure() -> None:
    """In the process of its own: reads what to pull, and prints the rows and the peaks."""
    connector, stream, window = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process above
    before, rows, early = _peak(), 0, 0
    for batch in connector.pull(stream, window, Said()):
        rows += batch.num_rows
        if not early and rows >= FEW:
            early = _peak()
    print(json.dumps((rows, before, early, _peak())))  # noqa: T201


def _peak() -> int:
    """The most memory that this process has had, in MB."""
    if (status := Path("/proc/self/status")).exists():  # ru_maxrss is inherited from the process that started this one
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) // 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20  # macOS counts bytes
