"""What loading the code location costs beside `import dagster`: each in a process of its own, in turns."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

ROUNDS = 9
WAYS = {"import dagster": "import dagster", "code location": "import okr_pipeline.definitions"}


def main() -> None:
    """Prints seconds and ratios, medians of the rounds; Python's own start is in both."""
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way, statement in WAYS.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            taken[way].append(time.perf_counter() - begun)
    bare = median(taken["import dagster"])
    for way, seconds in taken.items():
        print(f"{way:16} {median(seconds):6.2f} s {median(seconds) / bare:6.2f} ×")


if __name__ == "__main__":
    main()
