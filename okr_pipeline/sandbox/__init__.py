"""Local stand-ins for the five sources, on loopback, with a fiscal year of made-up but consistent data.

Everything they serve lies in plain files below `<home>/sandbox/`, written once: change a number there and run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from okr_pipeline.connectors.own import stand_ins as own_stand_ins
from okr_pipeline.sandbox import stand_ins

DEMO_DAY = date(2026, 11, 15)  # half of the quarter FY2570-Q1, a Sunday


@contextmanager
def running(home: Path, own: Path | None = None) -> Iterator[dict[str, str]]:
    """Seeds and starts the stand-ins; gives the environment variables that point the shipped configuration at them.

    `own` is the folder of a project's own connectors, whose stand-ins are started as well.

    Set them before the first gRPC call of the process: gRPC reads its trusted roots only once.
    """
    folder = home / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        environment = stand_ins.start(folder.resolve(), stack)
        yield environment | (stack.enter_context(own_stand_ins(own)) if own else {})
