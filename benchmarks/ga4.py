"""Pulling 100,000 rows of a GA4 report over gRPC: how much of the time is spent in our own code.

The source answers from memory, over TLS and with the sandbox's service account, in a process of its own. The pull runs
in another, and every few hundredths of a millisecond's step of it is charged by a profile to the package whose Python
frame is innermost: what C code does on behalf of a frame (reading a protobuf field, building a column) counts as that
frame's. The client's import and the first, empty pull (connection, token) are done before the clock starts.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

ROWS, PAGE = 100_000, 10_000
FIRST, LAST = date(2026, 10, 1), date(2026, 11, 9)
ZONE = "Asia/Bangkok"
REPORT = {"dimensions": ["date", "pagePath", "sessionSource"], "metrics": ["sessions", "engagedSessions", "eventCount"]}


def pages(rows: int) -> dict[int, bytes]:
    """The answers by offset, as bytes."""
    from google.analytics.data_v1beta import types as ga

    days = (LAST - FIRST).days + 1

    def row(n: int) -> Any:
        day = FIRST + timedelta(days=n * days // rows)
        texts = (f"{day:%Y%m%d}", f"/content/how-to-choose-{n % 5000:05d}", f"source-{n % 25:02d}.example")
        numbers = (n % 1000 + 1, n % 700, n * 7 % 100_000)
        return ga.Row(
            dimension_values=[ga.DimensionValue(value=text) for text in texts],
            metric_values=[ga.MetricValue(value=str(number)) for number in numbers],
        )

    made = {}
    for at in range(0, rows, PAGE):
        answer = ga.RunReportResponse(
            dimension_headers=[ga.DimensionHeader(name=name) for name in REPORT["dimensions"]],
            metric_headers=[ga.MetricHeader(name=name, type_=ga.MetricType.TYPE_INTEGER) for name in REPORT["metrics"]],
            rows=[row(n) for n in range(at, min(at + PAGE, rows))],
            row_count=rows,
            metadata=ga.ResponseMetaData(time_zone=ZONE, currency_code="THB"),
            property_quota=ga.PropertyQuota(tokens_per_day=ga.QuotaStatus(consumed=5, remaining=190_000)),
        )
        made[at] = ga.RunReportResponse.serialize(answer)
    return made


def serve(rows: int, folder: Path) -> None:
    """Writes the account's key and the trusted roots, prints the port, and answers until its input ends."""
    import grpc
    from google.analytics.data_v1beta import types as ga

    from okr_pipeline.sandbox import identity, servers
    from okr_pipeline.sandbox.ga4 import ASKED, METHOD

    account = identity.load(folder)
    account.write_account(folder / "account.json", "http://127.0.0.1:9/token")
    key, chain = identity.certificate()
    (folder / "roots.pem").write_bytes(chain)
    answers = pages(rows)
    none = ga.RunReportResponse.serialize(
        ga.RunReportResponse(
            dimension_headers=[ga.DimensionHeader(name=name) for name in REPORT["dimensions"]],
            metric_headers=[ga.MetricHeader(name=name) for name in REPORT["metrics"]],
            metadata=ga.ResponseMetaData(time_zone=ZONE),
        )
    )

    def run_report(request: Any, context: grpc.ServicerContext) -> bytes:
        if account.scopes(dict(context.invocation_metadata()).get("authorization")) is None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "not signed by the account")
        return answers[request.offset] if request.date_ranges[0].end_date == LAST.isoformat() else none

    method = grpc.unary_unary_rpc_method_handler(run_report, request_deserializer=ASKED.FromString)

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
            return method if details.method == METHOD else None

    with servers.rpc(Handler(), (key, chain)) as port:
        print(port, flush=True)
        sys.stdin.read()


def measured(endpoint: str, folder: Path, rows: int) -> dict[str, float]:
    """Seconds of a pull in this process, the client's import included, and of a second one; and of ours in each."""
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(folder / "roots.pem")
    import pyarrow.compute  # noqa: F401 - not the pull's, a night has it before

    from okr_pipeline.connectors.contract import Said, Window
    from okr_pipeline.connectors.ga4 import GA4
    from okr_pipeline.connectors.ga4_settings import GA4Settings

    settings = {
        "connector": "ga4",
        "property": "424242424",
        "credentials": str(folder / "account.json"),
        "endpoint": endpoint,
        "timezone": ZONE,
        "page_size": PAGE,
        "streams": {"pages": REPORT},
    }
    connector = GA4("ga4", GA4Settings.model_validate(settings))
    (stream,) = connector.streams()
    found = {}
    for name in ("first", "second"):
        start = time.perf_counter()
        with theirs() as spent:
            received = sum(batch.num_rows for batch in connector.pull(stream, Window(FIRST, LAST), Said()))
        found[name] = time.perf_counter() - start
        found[f"ours in {name}"] = found[name] - sum(spent)
        assert received == rows, received
    return found


@contextmanager
def theirs() -> Iterator[list[float]]:
    """Collects the seconds spent in importing the client and within its functions, with all that they wait for."""
    spent: list[float] = []
    inside = False

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside or threading.current_thread() is not threading.main_thread():
                return function(*args, **kwargs)
            start, inside = time.perf_counter(), True
            try:
                return function(*args, **kwargs)
            finally:
                inside = False
                spent.append(time.perf_counter() - start)

        return call

    start = time.perf_counter()
    import proto
    from google.analytics.data_v1beta import BetaAnalyticsDataClient
    from google.oauth2 import service_account

    importlib.import_module("okr_pipeline.connectors.ga4_errors")  # which imports the other client libraries
    spent.append(time.perf_counter() - start)
    with ExitStack() as stack:
        for name in ("__init__", "run_report"):
            wrapped = timed(getattr(BetaAnalyticsDataClient, name))
            stack.enter_context(mock.patch.object(BetaAnalyticsDataClient, name, wrapped))
        stack.enter_context(mock.patch.object(proto.Message, "__init__", timed(proto.Message.__init__)))
        account = service_account.Credentials
        read = timed(account.from_service_account_file)
        stack.enter_context(mock.patch.object(account, "from_service_account_file", read))
        yield spent


def main() -> None:
    """Pulls in processes of their own, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one", nargs=2, metavar=("ENDPOINT", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.rows, Path(options.serve))
        return
    if options.one:
        print(json.dumps(measured(options.one[0], Path(options.one[1]), options.rows)))
        return
    command = [sys.executable, "-m", "benchmarks.ga4", "--rows", str(options.rows)]
    results: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory(prefix="okr-bench-") as folder,
        subprocess.Popen(
            [*command, "--serve", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdout is not None
        assert server.stdin is not None
        endpoint = f"127.0.0.1:{server.stdout.readline().strip()}"
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            done = subprocess.run([*command, "--one", endpoint, folder], check=True, stdout=subprocess.PIPE)
            results.append(json.loads(done.stdout.splitlines()[-1]))
        server.stdin.close()
    print(
        f"{options.rows:,} rows over gRPC; Python {sys.version.split()[0]}, {os.cpu_count()} cores, {options.rounds} rounds\n"
    )
    print(f"{'pull':8}{'wall ms':>9}{'ours ms':>9}{'ours':>8}")
    for name in ("first", "second"):
        whole, ours = (statistics.median(each[key] for each in results) for key in (name, f"ours in {name}"))
        share = statistics.median(each[f"ours in {name}"] / each[name] for each in results)
        print(f"{name:8}{whole * 1000:>9.0f}{ours * 1000:>9.0f}{share:>8.0%}")
    print("\nTarget: less than 20 % of the pull is ours. The first imports the client, as a night's does.")


if __name__ == "__main__":
    main()
