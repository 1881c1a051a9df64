"""The promise on memory: a pull of a million rows takes no more of it than one of a hundred thousand."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, promise
from okr_pipeline.connectors.kit.subject import Subject

FEW, MANY = 100_000, 1_000_000  # rows
ALLOWED = 64  # MB by which the peak may grow between the two; a million rows held would be more


@promise("A pull of a million rows is bounded in memory.")
def bounded_memory(subject: Subject) -> str:
    """In a process of its own, over the stand-in `many`; every batch is let go of."""
    if subject.many is None:
        raise NotApplicable("it takes a stand-in with a million rows: define the fixture `many`")
    stream = next(iter(subject.many.streams()))
    window = subject.window or subject.window_of(stream)
    ended = subprocess.run(
        [sys.executable, "-m", "okr_pipeline.connectors.kit.memory"],
        input=pickle.dumps((subject.many, stream, window)),
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        raise Broken(f"{stream.name}: {ended.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    rows, early, peak = json.loads(ended.stdout)
    if rows < MANY:
        raise Broken(f"{stream.name}: the stand-in `many` gave {rows:,} rows; a million are wanted")
    if peak - early > ALLOWED:
        raise Broken(f"{stream.name}: a peak of {early} MB after {FEW:,} rows and of {peak} MB after {rows:,}")
    return f"{stream.name}: a peak of {early} MB after {FEW:,} rows and of {peak} MB after {rows:,}"


def _measure(connector: Connector, stream: Stream, window: Window) -> tuple[int, int, int]:
    rows = early = 0
    for batch in connector.pull(stream, window, Said()):
        rows += batch.num_rows
        if not early and rows >= FEW:
            early = _peak()
    return rows, early, _peak()


def _peak() -> int:
    """The most memory that this process has had, in MB."""
    if (status := Path("/proc/self/status")).exists():  # ru_maxrss is inherited from the process that started this one
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) // 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20  # macOS counts bytes


if __name__ == "__main__":
    print(json.dumps(_measure(*pickle.load(sys.stdin.buffer))))  # noqa: S301, T201 - written by the process above
