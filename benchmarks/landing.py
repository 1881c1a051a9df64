"""Landing a million rows: the whole ingest path beside DuckDB's bare INSERT and beside what one would write by hand.

Every measurement is a process of its own, and the ways take turns, so that a busy moment of the machine hits all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from okr_pipeline.config import Table
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.ingest import ingest
from okr_pipeline.warehouse import Warehouse

ROWS, DAYS, PAGES = 1_000_000, 40, 25
FIRST = date(2026, 10, 1)
LAST = FIRST + timedelta(days=DAYS - 1)
KEY = ("day", "query", "page")
WINDOW = f"day BETWEEN DATE '{FIRST}' AND DATE '{LAST}'"
PAGE_OF_A_SOURCE = 25_000  # rows in one answer, as Search Console's

# Way → (its group, which shares a database; what it lands). Those of a group run in this order.
WAYS = {
    "bare INSERT": ("bare", "rows"),
    "okr: first load": ("okr", "rows"),
    "okr: the same rows again": ("okr", "rows"),
    "okr: 1 % changed": ("okr", "changed"),
    "Polars frame, INSERT": ("polars", "rows"),
    "DELETE window, INSERT: first": ("delete", "rows"),
    "DELETE window, INSERT: 1 % changed": ("delete", "changed"),
    "INSERT OR REPLACE, primary key: first": ("upsert", "rows"),
    "INSERT OR REPLACE, primary key: 1 % changed": ("upsert", "changed"),
}


class Memory(Connector):
    """A source whose answers are there already, so that nothing but landing is measured."""

    Settings = Settings

    def __init__(self, rows: pa.Table) -> None:
        super().__init__("bench", Settings(connector="memory"))
        self.rows = rows

    def streams(self) -> Sequence[Stream]:
        return [Stream("rows", self.rows.schema, KEY, "day", "rows of the benchmark")]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        yield from self.rows.to_batches(max_chunksize=PAGE_OF_A_SOURCE)


def make(rows: int, changed: float = 0) -> pa.Table:
    """`rows` × 8 columns as a search report has them; `changed` is the share of rows with another number of clicks."""
    n, random = np.arange(rows), np.random.default_rng(2570)
    a_day = rows // DAYS
    numbers = {"clicks": random.integers(0, 1_000, rows), "impressions": random.integers(0, 100_000, rows)}
    measures = {"position": random.uniform(1, 100, rows), "cost": random.gamma(2, 10, rows)}
    numbers["clicks"] += random.random(rows) < changed
    return pa.table(
        {
            "day": pa.array(np.datetime64(FIRST, "D") + np.minimum(n // a_day, DAYS - 1)),
            "query": _texts("how to choose item {:05d}", n % a_day // PAGES),
            "page": _texts("https://example.test/content/page-{:03d}", n % PAGES),
            **numbers,
            **measures,
            "campaign": _texts("campaign of week {:02d}", n % 53),
        }
    )


def _texts(form: str, number: np.ndarray) -> pa.Array:
    return pa.array([form.format(i) for i in range(int(number.max()) + 1)]).take(pa.array(number))


def prepared(folder: Path, rows: int) -> dict[str, float]:
    """Writes the rows that every way lands, and the same with one row in a hundred changed."""
    for name, changed in (("rows", 0), ("changed", 0.01)):
        content = make(rows, changed)
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, content.schema) as writer:
            writer.write_table(content)
    return {}


def land(way: str, folder: Path, rows: pa.Table) -> None:
    """One way of bringing `rows` into a database file below `folder`, from opening it to having it closed."""
    group, _ = WAYS[way]
    if group == "okr":
        source = Memory(rows)
        table = Table("bench_rows", source, source.streams()[0], "benchmarks/landing.py")
        load = ingest(Warehouse(folder), table, FIRST, LAST, FIRST)
        assert load.change.received == rows.num_rows
        return
    with duckdb.connect(folder / f"{group}.duckdb") as connection:
        frame = rows
        if group == "polars":
            import polars as pl

            frame = pl.from_arrow(rows)
        connection.register("frame", frame)
        constraint = f", PRIMARY KEY ({', '.join(KEY)})" if group == "upsert" else ""
        columns = ", ".join(
            f"{name} {kind}" for name, kind, *_ in connection.execute("DESCRIBE SELECT * FROM frame").fetchall()
        )
        connection.execute(f"CREATE TABLE IF NOT EXISTS landed ({columns}{constraint})")
        connection.execute("BEGIN")
        if group == "delete":
            connection.execute(f"DELETE FROM landed WHERE {WINDOW}")
        replacing = "OR REPLACE " if group == "upsert" else ""
        connection.execute(f"INSERT {replacing}INTO landed SELECT * FROM frame")
        connection.execute("COMMIT")


def measured(way: str, folder: Path) -> dict[str, float]:
    """Seconds on the wall, seconds of CPU and MB of memory beyond the rows themselves, of one landing in this process."""
    with pa.OSFile(str(folder / f"{WAYS[way][1]}.arrow")) as file:
        rows = pa.ipc.open_file(file).read_all()
    if WAYS[way][0] == "polars":
        import polars as pl  # noqa: F401 - importing it is not landing
    before, cpu, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time(), time.perf_counter()
    land(way, folder, rows)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    file = folder / ("warehouse.duckdb" if WAYS[way][0] == "okr" else f"{WAYS[way][0]}.duckdb")
    return {"seconds": seconds, "cpu": cpu, "memory": (peak - before) / 1024, "file": file.stat().st_size / 1e6}


def main() -> None:
    """Runs all ways in turns, each in its own process, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        way, name = options.one
        print(json.dumps(prepared(Path(name), options.rows) if way == "prepare" else measured(way, Path(name))))
        return

    def apart(way: str, folder: str) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.landing", "--rows", str(options.rows), "--one", way, folder]
        answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return answer

    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="okr-bench-") as name:
        apart("prepare", name)  # not here: a process begins with the memory peak of the one that started it
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for way in WAYS:
                results[way].append(apart(way, name))
            for path in Path(name).glob("*.duckdb*"):
                path.unlink()
    _print(results, options.rows)


def _print(results: dict[str, list[dict[str, float]]], rows: int) -> None:
    def middle(way: str, what: str) -> float:
        return statistics.median(result[what] for result in results[way])

    print(
        f"Landing {rows:,} rows × 8 columns; Python {sys.version.split()[0]}, duckdb {duckdb.__version__},"
        f" pyarrow {pa.__version__}, {os.cpu_count()} cores; medians of {len(results['bare INSERT'])} rounds\n"
    )
    print(f"{'':45}{'× bare':>7}{'wall s':>8}{'CPU s':>8}{'rows/s':>12}{'memory MB':>11}{'file MB':>9}")
    for way in WAYS:
        # Each round's ratio by itself: what slows the machine for a minute slows both.
        ratio = statistics.median(
            one["seconds"] / bare["seconds"] for one, bare in zip(results[way], results["bare INSERT"], strict=True)
        )
        seconds = middle(way, "seconds")
        print(
            f"{way:45}{ratio:>7.2f}{seconds:>8.2f}{middle(way, 'cpu'):>8.2f}{rows / seconds:>12,.0f}"
            f"{middle(way, 'memory'):>11.0f}{middle(way, 'file'):>9.0f}"
        )
    print("\nTarget: okr: first load ≤ 3 × bare. Memory is the peak beyond the rows themselves, mapped files included.")


if __name__ == "__main__":
    main()
