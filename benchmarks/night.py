"""Where one nightly run of the fifteen spends its time: start-up and Dagster, the sources, our own work.

    python -m benchmarks.night

Plays the nights of 14 and 15 November in the sandbox, in a home of its own, and measures the second.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()
SPENT: dict[str, float] = defaultdict(float)


def timed(owner: Any, name: str, share: str) -> None:
    """Counts the time within `owner.name` (a function, or a generator while it is asked for its next batch) as `share`."""
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def measured(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = original(*args, **kwargs)
        SPENT[share] += time.perf_counter() - start
        return watched(result) if hasattr(result, "__next__") else result

    def watched(batches: Iterator[Any]) -> Iterator[Any]:
        while True:
            start = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            finally:
                SPENT[share] += time.perf_counter() - start
            yield batch

    setattr(owner, name, measured)


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="okr-bench-"))
    os.system(f"{sys.executable} -m okr_pipeline.cli run --sandbox --home {home} --date 2026-11-14 > {os.devnull}")
    begun = time.perf_counter()
    from okr_pipeline import clock, ingest
    from okr_pipeline.assets import metrics, scorecard, scores
    from okr_pipeline.config import load
    from okr_pipeline.night import run_night
    from okr_pipeline.sandbox import DEMO_DAY, running

    os.environ["OKR_NOW"] = clock.night_after(DEMO_DAY, "Asia/Bangkok").isoformat()
    with running(home) as environment:
        os.environ |= environment
        config = load(Path("okr_config"), os.environ)
        for kind in {type(table.connector) for table in config.tables.values()}:
            timed(kind, "pull", "the sources")
        timed(ingest, "land", "landing")
        for module, name, share in (
            (metrics, "bind", "metrics"),
            (metrics, "measure", "metrics"),
            (scores, "score", "scoring"),
            (scorecard, "publish", "publishing"),
            (scorecard, "write", "the page"),
        ):
            timed(module, name, share)
        run_night(config, home, date(2026, 11, 15), date(2026, 11, 15), say=lambda line: None)
    total = time.perf_counter() - begun
    ours = {share: spent for share, spent in SPENT.items() if share != "the sources"}
    rest = total - sum(SPENT.values())
    print(f"{'start-up, Dagster, opening the warehouse':<44}{rest / total:>7.0%}")
    print(f"{'the sources':<44}{SPENT['the sources'] / total:>7.0%}")
    for share, spent in sorted(ours.items(), key=lambda item: -item[1]):
        print(f"{'our own: ' + share:<44}{spent / total:>7.0%}")
    print(f"{'our own work in all':<44}{sum(ours.values()) / total:>7.0%}   of {total:.1f} s")


if __name__ == "__main__":
    main()
