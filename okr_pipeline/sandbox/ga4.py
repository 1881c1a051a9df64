"""The sandbox's GA4 property: its truth, seeded, and the two doors to it, gRPC and REST."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.analytics.data_v1beta import types as ga
from google.protobuf import duration_pb2, json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped]
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from okr_pipeline.sandbox import faults
from okr_pipeline.sandbox.ga4_report import Property, Refused

METHOD = "/google.analytics.data.v1beta.BetaAnalyticsData/RunReport"
HTTP = {"INVALID_ARGUMENT": 400, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429}
ASKED = ga.RunReportRequest.pb()  # the plain protobuf class below the wrapper

FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
EMPTY = date(2026, 10, 18)  # nothing was measured: the tag was off
LATE = {date(2026, 9, 9), date(2026, 10, 7), date(2026, 11, 4), date(2027, 1, 20)}  # seen two days after


def seed(folder: Path) -> None:
    """Writes what the days come to in the end, unless it is there: a person may have changed a number."""
    random = np.random.default_rng(2570)
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    noise = random.random((len(days), 6)) - 0.5  # drawn as a block: a change of one column leaves the others alone
    age = np.arange(len(days)) / 365
    weekend = np.array([day.weekday() >= 5 for day in days])
    monday = np.array([day.weekday() == 0 for day in days])

    sessions = (
        1040 * (1 + 0.3 * age) * np.where(weekend, 0.76, 1.06 + 0.06 * monday) * (1 + 0.12 * noise[:, 0])
    ).round()
    converting = (sessions * (0.162 + 0.022 * age + 0.016 * noise[:, 1])).round()
    users = (sessions * (0.78 + 0.04 * noise[:, 2])).round()
    sign_ups = 9.8 * (1 + 0.45 * age) * np.where(weekend, 0.62, 1.15) * (1 + 0.5 * noise[:, 3])
    enquiries = 2.9 * (1 + 0.45 * age) * np.where(weekend, 0.55, 1.18) * (1 + 0.7 * noise[:, 4])
    quotes = 5.5 * (1 + 0.4 * age) * np.where(weekend, 0.66, 1.14) * (1 + 0.4 * noise[:, 5])

    kept = [n for n, day in enumerate(days) if day != EMPTY]
    arrives = [2 if day in LATE else 0 for day in days]
    _write(
        folder / "ga4_days.csv",
        ("day", "sessions", "converting_sessions", "total_users", "arrives"),
        ((days[n], int(sessions[n]), int(converting[n]), int(users[n]), arrives[n]) for n in kept),
    )
    events = {"generate_lead": enquiries.round(), "request_quote": quotes.round(), "sign_up": sign_ups.round()}
    _write(
        folder / "ga4_events.csv",
        ("day", "event_name", "event_count", "arrives"),
        ((days[n], name, int(counts[n]), arrives[n]) for n in kept for name, counts in events.items() if counts[n]),
    )


def routes(served: Property) -> list[Route]:
    """The REST door: POST /v1beta/properties/<id>:runReport."""

    async def run_report(request: Request) -> Response:
        try:
            asked = json_format.Parse(await request.body(), ASKED())
            asked.property = request.path_params["property"]
            answer = served.answer(asked, request.headers.get("authorization"))
        except json_format.ParseError as error:
            return _refusal(Refused("INVALID_ARGUMENT", str(error)))
        except Refused as refused:
            return _refusal(refused)
        return Response(json_format.MessageToJson(answer), media_type="application/json")

    return [Route("/v1beta/{property:path}:runReport", run_report, methods=["POST"])]


def _refusal(refused: Refused) -> Response:
    code = HTTP[refused.status]
    return JSONResponse({"error": {"code": code, "message": str(refused), "status": refused.status}}, code)


def grpc_handler(served: Property, stopping: threading.Event) -> grpc.GenericRpcHandler:
    """The gRPC door: the method RunReport, with the same faults as the HTTP one."""

    def run_report(request: Any, context: grpc.ServicerContext) -> Any:
        kind = faults.of("ga4")
        if kind == "slow":
            end = time.monotonic() + faults.SLOW
            while time.monotonic() < end and context.is_active() and not stopping.wait(0.1):
                pass
            kind = "500"
        if kind == "malformed":
            return faults.MALFORMED
        if kind and kind in faults.STATUS:
            _abort(context, Refused(faults.STATUS[kind], f"The sandbox was asked to answer {kind}."))
        try:
            return served.answer(request, dict(context.invocation_metadata()).get("authorization"))
        except Refused as refused:
            return _abort(context, refused)

    method = grpc.unary_unary_rpc_method_handler(
        run_report,
        request_deserializer=ASKED.FromString,
        response_serializer=lambda it: it if isinstance(it, bytes) else it.SerializeToString(),
    )

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
            return method if details.method == METHOD else None

    return Handler()


def _abort(context: grpc.ServicerContext, refused: Refused) -> None:
    status = status_pb2.Status(code=code_pb2.Code.Value(refused.status), message=str(refused))
    if refused.status == "RESOURCE_EXHAUSTED":
        wait = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=faults.RETRY_AFTER))
        status.details.add().Pack(wait)
    context.abort_with_status(rpc_status.to_status(status))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    if path.exists():
        return
    unfinished = path.with_suffix(".part")  # a seeding that was interrupted must not pass for the truth
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    unfinished.replace(path)
