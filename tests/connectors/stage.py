"""An HTTP server whose answers a test writes, one after the other."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router

from okr_pipeline.sandbox import servers

Handler = Callable[[Request], Response]


class Stage:
    """Keeps what it was asked; answers by a function of the request, or by contents in turn, the last one for ever."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.clear()

    def clear(self) -> None:
        """As if nothing had been asked."""
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []
        self.handler: Handler = lambda _: Response(status_code=404)

    def answer(self, *contents: Any, status: int = 200, media_type: str = "application/json", **headers: str) -> None:
        """Bytes are sent as they are, anything else as JSON."""

        def handler(_: Request) -> Response:
            content = contents[min(len(self.asked), len(contents)) - 1]
            body = content if isinstance(content, bytes) else json.dumps(content)
            return Response(body, status, {n.replace("_", "-"): v for n, v in headers.items()}, media_type)

        self.handler = handler

    @property
    def params(self) -> list[dict[str, str]]:
        """The query parameters of each request."""
        return [dict(request.query_params) for request in self.asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.bodies.append(await request.body())
        self.asked.append(request)
        await self.handler(request)(scope, receive, send)


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Stage(listening.getsockname()[1])
        with servers.http(listening, made):
            yield made


@contextmanager
def standing(stand_in: Any, folder: Path) -> Iterator[dict[str, str]]:
    """One stand-in of the sandbox alone, on a free port; gives the variables that point at it."""
    stand_in.seed(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with servers.http(listening, Router(stand_in.routes(folder))):
            yield stand_in.env(f"http://127.0.0.1:{port}")
