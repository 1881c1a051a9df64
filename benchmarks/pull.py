"""Pulling a million rows of JSON over HTTP into DuckDB: the `rest` connector beside dlt with the same source.

The source answers from memory, 10,000 rows a page, in a process of its own. Every pull is a process of its own too.
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
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import duckdb

ROWS, PAGE = 1_000_000, 10_000
FIRST, LAST = date(2026, 10, 1), date(2026, 11, 9)
WAYS = ("okr", "dlt")
CONNECTOR = """
connector: rest
endpoint: {endpoint}
timezone: UTC
streams:
  rows:
    get: /rows
    rows: $.rows
    params: {{limit: {page}}}
    pages: {{by: page, param: page}}
    columns: {{id: integer, day: date, query: text, page: text, clicks: integer, impressions: integer, position: decimal,
              cost: decimal}}
    key: [id]
    date: day
"""


class Source(BaseHTTPRequestHandler):
    """Answers `/rows?page=N`, from 1; the page after the last is empty."""

    pages: ClassVar[list[bytes]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One page."""
        number = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        body = self.pages[number - 1] if number <= len(self.pages) else b'{"rows": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Says nothing."""


def serve(rows: int) -> None:
    """Prints its port, and answers until it is stopped."""
    days = (LAST - FIRST).days + 1

    def row(n: int) -> dict[str, object]:
        day = FIRST + timedelta(days=n * days // rows)
        texts = {
            "query": f"how to choose item {n % 5000:05d}",
            "page": f"https://example.test/content/page-{n % 25:03d}",
        }
        numbers = {"clicks": n % 1000, "impressions": n * 7 % 100_000, "position": n % 997 / 10, "cost": n % 9973 / 100}
        return {"id": n, "day": day.isoformat(), **texts, **numbers}

    Source.pages = [
        json.dumps({"rows": [*map(row, range(at, min(at + PAGE, rows)))]}).encode() for at in range(0, rows, PAGE)
    ]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Source)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def pulled_by_okr(endpoint: str, folder: Path) -> Path:
    """The whole ingest path: pull, spool, checks, ledger, history."""
    from okr_pipeline.config.load import tables
    from okr_pipeline.ingest import ingest
    from okr_pipeline.warehouse import Warehouse

    path = folder / "okr_config" / "connectors" / "bench.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CONNECTOR.format(endpoint=endpoint, page=PAGE), encoding="utf-8")
    (table,) = tables(folder / "okr_config", {}, unset_is_wrong=True)
    ingest(Warehouse(folder), table, FIRST, LAST, FIRST)
    return folder / "warehouse.duckdb"


def pulled_by_dlt(endpoint: str, folder: Path) -> Path:
    """As dlt's own documentation has it: a resource over its paginating client, into its duckdb destination."""
    import dlt
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

    client = RESTClient(endpoint, paginator=PageNumberPaginator(base_page=1, total_path=None), data_selector="rows")

    @dlt.resource(name="rows", primary_key="id", write_disposition="replace", columns={"day": {"data_type": "date"}})
    def rows():  # type: ignore[no-untyped-def]
        yield from client.paginate("/rows", params={"limit": PAGE})

    path = folder / "dlt.duckdb"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=str(folder / "dlt"), destination=dlt.destinations.duckdb(str(path)), dataset_name="raw"
    )
    pipeline.run(rows())
    return path


def measured(way: str, endpoint: str, folder: Path, rows: int) -> dict[str, float]:
    """Seconds on the wall and of CPU, and the peak memory in MB, of one pull in this process."""
    start, cpu = time.perf_counter(), time.process_time()
    path = (pulled_by_okr if way == "okr" else pulled_by_dlt)(endpoint, folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    with duckdb.connect(path) as connection:
        table = "raw.bench_rows" if way == "okr" else "raw.rows"
        found = connection.execute(f"SELECT COUNT(*), SUM(clicks) FROM {table}").fetchall()[0]
        assert found == (rows, sum(n % 1000 for n in range(rows))), found
    return {"seconds": seconds, "cpu": cpu, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    """Runs both ways in turns, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "ENDPOINT", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.rows)
        return
    if options.one:
        way, endpoint, folder = options.one
        print("\n" + json.dumps(measured(way, endpoint, Path(folder), options.rows)))
        return
    command = [sys.executable, "-m", "benchmarks.pull", "--rows", str(options.rows)]
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with subprocess.Popen([*command, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        endpoint = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for way in WAYS:
                with tempfile.TemporaryDirectory(prefix="okr-bench-") as folder:
                    done = subprocess.run(
                        [*command, "--one", way, endpoint, folder], check=True, stdout=subprocess.PIPE
                    )
                results[way].append(json.loads(done.stdout.splitlines()[-1]))
        server.terminate()
    print(
        f"{options.rows:,} rows over HTTP; Python {sys.version.split()[0]}, {os.cpu_count()} cores, {options.rounds} rounds\n"
    )
    print(f"{'':6}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
    for way in WAYS:
        middle = {what: statistics.median(each[what] for each in results[way]) for what in ("seconds", "cpu", "memory")}
        print(f"{way:6}{middle['seconds']:>9.1f}{middle['cpu']:>9.1f}{middle['memory']:>9,.0f}")
    ratio = statistics.median(b["seconds"] / a["seconds"] for a, b in zip(results["okr"], results["dlt"], strict=True))
    print(f"\ndlt takes {ratio:.1f} × as long (target ≥ 5), imports included.")


if __name__ == "__main__":
    main()
