"""Failures to try out: `OKR_SANDBOX_FAULTS="ga4=429,search=malformed"` breaks a stand-in, from its next request on.

Kinds: refused (nothing listens; known at the start only), 429 (for ever), 500, 401, 403, malformed (broken JSON), slow.
"""

from __future__ import annotations

import asyncio
import os
import socket

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
RETRY_AFTER = 5  # seconds
SLOW = 90.0  # seconds until a slow answer, a 500: longer than any connector waits
MALFORMED = b'{"rows": [{"value": '
# HTTP status -> the name that Google's APIs give it, over HTTP as over gRPC
STATUS = {"401": "UNAUTHENTICATED", "403": "PERMISSION_DENIED", "429": "RESOURCE_EXHAUSTED", "500": "INTERNAL"}
KINDS = frozenset({*STATUS, "refused", "malformed", "slow", "missing"})


def of(source: str) -> str | None:
    """The fault that the environment asks for at `source`; None when it is to work."""
    pairs = [pair.partition("=") for pair in os.environ.get("OKR_SANDBOX_FAULTS", "").split(",") if pair.strip()]
    faults = {name.strip(): kind.strip() for name, _, kind in pairs}
    if unknown := set(faults.values()) - KINDS:
        raise ValueError(f"OKR_SANDBOX_FAULTS has {', '.join(sorted(unknown))}; known are {', '.join(sorted(KINDS))}")
    return faults.get(source)


def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class Faulty:
    """Answers in a stand-in's place while the environment asks for a fault at `source`."""

    def __init__(self, app: ASGIApp, source: str) -> None:
        self.app = app
        self.source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or breaks it."""
        kind = of(self.source)
        if kind == "slow":
            await asyncio.sleep(SLOW)
            kind = "500"
        if kind == "malformed" or (kind and kind in STATUS):
            await _broken(kind)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _broken(kind: str) -> Response:
    if kind == "malformed":
        return Response(MALFORMED, media_type="application/json")
    error = {"code": int(kind), "message": f"The sandbox was asked to answer {kind}.", "status": STATUS[kind]}
    headers = {"Retry-After": str(RETRY_AFTER)} if kind == "429" else None
    return JSONResponse({"error": error}, int(kind), headers)
