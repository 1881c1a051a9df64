"""The promise on memory: a pull of a million rows takes little more of it than the first of them."""

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

FEW, MANY = 50_000, 1_000_000  # rows
BATCHES = 5  # that the few rows are at least: what a page takes is seen after some
ENOUGH = 80  # MB of Arrow that fewer rows must have to show what a million take: they would be seen if they were held
GROWTH = 64  # MB by which the peak may grow from the few to the many; a million rows held would be more
AT_ONCE = 16  # MB of it that may come at once, since what is done at the end only, or has a page more, comes late
ALLOWED = (
    192  # MB for libraries, a page of answers and its rows; the whole of them before the first batch would be more
)


@promise("A pull of a million rows is bounded in memory.")
def bounded_memory(subject: Subject) -> str:
    """In a process of its own, over the stand-in `many`; every batch is let go of."""
    if all(stream.key == (stream.date,) for stream in subject.streams):
        raise NotApplicable("no stream has more than one row a day, so none will ever have a million")
    if subject.many is None:
        raise NotApplicable("it takes a stand-in with very many rows: define the fixture `many` in a test")
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
    before, few, early, rows, size, peak = json.loads(ended.stdout)
    told = f"{before} MB before, a peak of {early} MB after {few:,} rows and of {peak} MB after {rows:,}"
    if rows < MANY and size < ENOUGH:
        raise Broken(
            f"{stream.name}: the stand-in `many` gave {rows:,} rows of {size} MB; a million are wanted, or {ENOUGH} MB"
        )
    allowed = max(GROWTH * (min(rows, MANY) - few) // max(MANY - few, 1), AT_ONCE)
    if peak - early > allowed or peak - before > ALLOWED:
        raise Broken(
            f"{stream.name}: {told}; {allowed} MB from the one to the other are allowed, and {ALLOWED} MB in all"
        )
    return f"{stream.name}: {told}"


def measure() -> None:
    """In the process of its own: reads what to pull, and prints the rows and the peaks."""
    connector, stream, window = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process above
    before, rows, size, few, early = _peak(), 0, 0, 0, 0
    for number, batch in enumerate(connector.pull(stream, window, Said()), start=1):
        rows += batch.num_rows
        size += batch.nbytes
        if not few and rows >= FEW and number >= BATCHES:
            few, early = rows, _peak()
    peak = _peak()
    print(json.dumps((before, few or rows, early or peak, rows, size >> 20, peak)))  # noqa: T201


def _peak() -> int:
    """The most memory that this process has had, in MB."""
    if (status := Path("/proc/self/status")).exists():  # ru_maxrss is inherited from the process that started this one
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) // 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20  # macOS counts bytes
