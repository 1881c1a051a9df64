"""The fault proxy: it stands between a connector and its source, passes requests on, and spoils the answers as told.

Good answers are remembered and given again, so that a hundred faults cost a live source no more requests than one pull.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from okr_pipeline.connectors.secrets import Secrets

LOOPBACK = "127.0.0.1"
ELSEWHERE = "/kit-elsewhere"
UPSTREAM_TIMEOUT = 60.0  # seconds
PIECES, PAUSE = 20, 0.02  # of a slow answer; seconds between two of its pieces
ENDLESS = 15.0  # seconds after which an endless answer is broken off after all: whoever still reads would read for ever
MOST = 40  # requests beyond what is usual, after which a connector is taken to ask for ever
# Of one connection and not of the answer; and the encoding, which is undone here.
NOT_PASSED_ON = frozenset(
    {"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding", "accept-encoding"}
)


class Way(StrEnum):
    """How an answer goes out."""

    whole = "whole"
    slowly = "slowly"  # in small pieces with pauses, to the end
    endless = "endless"  # small pieces for as long as the other side listens
    half = "half"  # the connection is reset in the middle
    never = "never"  # the connection is reset before the first byte


@dataclass(frozen=True)
class Answer:
    """An answer of the source, or what a fault made of it."""

    status: int
    headers: dict[str, str]
    body: bytes
    way: Way = Way.whole


@dataclass(frozen=True)
class Request:
    """What was asked: equal requests get equal answers, in the order in which they came first."""

    method: str
    target: str
    body: bytes


Fault = Callable[[int, Answer], Answer]  # given the number of the request since the fault was set, and the good answer


@dataclass
class FaultProxy:
    """A server on loopback in front of `upstream` (scheme and host), for the time of a `with`."""

    upstream: str
    secrets: Secrets
    asked: list[Request] = field(default_factory=list)
    strayed: list[dict[str, str]] = field(default_factory=list)  # headers of requests that were led elsewhere
    fault: Fault | None = None
    _known: dict[Request, list[Answer]] = field(default_factory=dict)  # one for each time it is asked in a pull
    _usual: int = 0

    def __enter__(self) -> Self:
        import httpx

        self._client = httpx.Client(timeout=UPSTREAM_TIMEOUT)
        self._server = _Server((LOOPBACK, 0), _Handler)
        self._server.proxy = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name="okr-fault-proxy").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    @property
    def url(self) -> str:
        """Where it listens: scheme, host and port."""
        return self.at(self.port)

    @property
    def port(self) -> int:
        """The port where it listens."""
        return int(self._server.server_address[1])

    def at(self, port: int) -> str:
        """The address of a port of this machine, as the setting `endpoint` has it."""
        return f"http://{LOOPBACK}:{port}"

    @property
    def elsewhere(self) -> str:
        """An address of another host, where what comes is kept."""
        return f"http://localhost:{self.port}{ELSEWHERE}"

    @contextmanager
    def faulty(self, fault: Fault | None) -> Iterator[list[Request]]:
        """Answers are spoiled by `fault` meanwhile; gives the list that the requests are added to."""
        self.asked, self.strayed, self.fault = [], [], fault
        try:
            yield self.asked
        finally:
            self.fault = None
            self._usual = self._usual if fault else max(self._usual, len(self.asked))

    @property
    def too_often(self) -> bool:
        """Whether far more requests came than the pull takes: the connector would never have stopped."""
        return len(self.asked) > self._usual + MOST

    def answer(self, request: Request, headers: dict[str, str]) -> Answer:
        """The source's answer with the fault."""
        if request.target.startswith(ELSEWHERE):
            self.strayed.append(headers)
            return Answer(200, {"content-type": "application/json"}, b"{}")
        number = len(self.asked)
        self.asked.append(request)
        self.secrets.seen(headers)
        if self.too_often:
            return Answer(404, {"content-type": "application/json"}, b'{"message": "This was asked for too often."}')
        # Whoever waits for a report asks the same again, and gets another answer in the end.
        known, again = self._known.setdefault(request, []), self.asked.count(request)
        if not known or (self.fault is None and again > len(known)):
            answer = self._passed_on(request, headers)
            if answer.status != 200:
                return answer
            known.append(answer)
        answer = known[min(again, len(known)) - 1]
        return self.fault(number, answer) if self.fault else answer

    def _passed_on(self, request: Request, headers: dict[str, str]) -> Answer:
        import httpx

        try:
            response = self._client.request(
                request.method, self.upstream + request.target, content=request.body, headers=_passing(headers)
            )
        except httpx.HTTPError as error:
            said = f"The source did not answer the kit's proxy: {type(error).__name__}."
            return Answer(502, {"content-type": "text/plain"}, said.encode())
        # Links to further pages lead through the proxy as well.
        answered = {name: value.replace(self.upstream, self.url) for name, value in _passing(response.headers).items()}
        return Answer(
            response.status_code, answered, response.content.replace(self.upstream.encode(), self.url.encode())
        )


def _passing(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: FaultProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connector that hangs up is no error of the proxy's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer = self.server.proxy.answer(Request(self.command, self.path, body), dict(self.headers.items()))
        if answer.way is Way.never:
            self._reset()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.way is not Way.endless else 1_000_000_000
        self.send_header("content-length", str(length))
        self.end_headers()
        with suppress(OSError):  # the other side may have had enough
            self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - named by http.server

    def _send(self, answer: Answer) -> None:
        if answer.way is Way.whole:
            self.wfile.write(answer.body)
        elif answer.way is Way.half:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self._reset()
        elif answer.way is Way.slowly:
            size = len(answer.body) // PIECES + 1
            for start in range(0, len(answer.body), size):
                self.wfile.write(answer.body[start : start + size])
                time.sleep(PAUSE)
        else:
            end = time.monotonic() + ENDLESS
            while time.monotonic() < end:
                self.wfile.write(b" ")
                time.sleep(PAUSE)
            self._reset()

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing: requests are kept in the proxy's list."""
