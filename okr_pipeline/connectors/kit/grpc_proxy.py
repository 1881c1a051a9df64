"""The fault proxy for a source that is asked over gRPC, in the sandbox, whose certificate the client trusts.

Faults are the same as over HTTP: an answer is shown to them as JSON, and made a message again (or, where it is none any
more, sent as it is); a status is the one that gRPC has for it; connections are broken off and slowed down beneath TLS.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import grpc
from google.protobuf import descriptor_pool, duration_pb2, json_format, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped]

from okr_pipeline.connectors.kit.proxy import (
    ENDLESS,
    LOOPBACK,
    PAUSE,
    PIECES,
    UPSTREAM_TIMEOUT,
    Answer,
    FaultProxy,
    Request,
    Way,
)

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
NOT_UTF8, STANDING_FOR_IT = b"\xff\xfe", b"~^"  # JSON's and protobuf's writers would refuse the former
CHUNK = 2**16  # bytes


class GrpcFaultProxy(FaultProxy):
    """In front of `upstream` (host and port), with the sandbox's certificate."""

    def __enter__(self) -> Self:
        from okr_pipeline.sandbox.identity import certificate

        self._channel = grpc.secure_channel(self.upstream, grpc.ssl_channel_credentials())
        self._calls = grpc.server(ThreadPoolExecutor(4, thread_name_prefix="okr-fault-proxy"))
        self._calls.add_generic_rpc_handlers((_Handler(self),))
        port = self._calls.add_secure_port(f"{LOOPBACK}:0", grpc.ssl_server_credentials([certificate()]))
        self._calls.start()
        self.wire = _Wire(port)
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()
        self._calls.stop(grace=0).wait()
        self._channel.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.wire.port

    def at(self, port: int) -> str:
        """The address of a port of this machine, as the setting `endpoint` has it."""
        return f"{LOOPBACK}:{port}"

    def _passed_on(self, request: Request, headers: dict[str, str]) -> Answer:
        metadata = [
            (name, value) for name, value in headers.items() if name == "authorization" or name.startswith("x-")
        ]
        try:
            sent = self._channel.unary_unary(request.target)(request.body, metadata=metadata, timeout=UPSTREAM_TIMEOUT)
        except grpc.RpcError as error:
            status = next((status for status, code in CODES.items() if code == error.code()), 503)
            return Answer(status, {}, json.dumps({"message": error.details()}).encode())
        return Answer(200, {}, json_format.MessageToJson(_kind(request.target).FromString(sent)).encode())


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, proxy: GrpcFaultProxy) -> None:
        self.proxy = proxy

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Any method, its messages as bytes."""
        return grpc.unary_unary_rpc_method_handler(partial(self._call, details.method))

    def _call(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        answer = self.proxy.answer(Request("POST", method, body), dict(context.invocation_metadata()))
        sent = _message(method, answer.body) if answer.status == 200 else b""
        self.proxy.wire.next_goes(answer.way, len(sent))
        if answer.status != 200:
            status = status_pb2.Status(code=CODES[answer.status].value[0], message=json.loads(answer.body)["message"])
            if wait := answer.headers.get("retry-after"):
                delay = duration_pb2.Duration(seconds=int(wait))
                status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
            context.abort_with_status(rpc_status.to_status(status))
        return sent


def _kind(method: str) -> Any:
    """The class of the messages that answer a method, by the custom of their names; the client has told protobuf of them."""
    service, _, name = method.strip("/").partition("/")
    answer = f"{service.rpartition('.')[0]}.{name}Response"
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(answer))


def _message(method: str, body: bytes) -> bytes:
    """JSON as the message that it stands for; what stands for none, as it is."""
    try:
        text = body.replace(NOT_UTF8, STANDING_FOR_IT).decode()
        sent: bytes = json_format.Parse(text, _kind(method)(), ignore_unknown_fields=True).SerializeToString()
    except (json_format.ParseError, UnicodeDecodeError):
        return body
    return sent.replace(STANDING_FOR_IT, NOT_UTF8) if NOT_UTF8 in body else sent


@dataclass
class _Wire:
    """Hands bytes on to `upstream`, a port of this machine, and back; the bytes of the next answer as told."""

    upstream: int

    def __post_init__(self) -> None:
        self._way, self._size = Way.whole, 0
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True, name="okr-fault-wire").start()

    def close(self) -> None:
        """Takes no more connections."""
        self._listening.close()

    def next_goes(self, way: Way, size: int) -> None:
        """How the answer goes back that is about to be sent, and how many bytes it has."""
        self._way, self._size = way, size

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """One connection, to its end. By one thread: what another one reads from is not closed."""
        with suppress(OSError), client, socket.create_connection((LOOPBACK, self.upstream)) as server:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    if not (data := source.recv(CHUNK)):
                        return
                    if source is client:
                        server.sendall(data)
                    elif not self._sent(client, data):
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return

    def _sent(self, client: socket.socket, data: bytes) -> bool:
        """Whether bytes of the server went out to their end; else the connection is to be reset."""
        way, self._way = self._way, Way.whole  # the next connection begins with a handshake
        if way is Way.whole:
            client.sendall(data)
            return True
        for piece in _pieces(data, way, self._size):
            client.sendall(piece)
            time.sleep(PAUSE)
        return way is Way.slowly


def _pieces(data: bytes, way: Way, size: int) -> Iterator[bytes]:
    if way is Way.half:
        yield data[: size // 2]
    elif way is Way.slowly:
        part = size // PIECES + 1
        yield from (data[start : start + part] for start in range(0, len(data), part))
    elif way is Way.endless:
        yield from (data[at : at + 1] for at in range(min(len(data) - 1, int(ENDLESS / PAUSE))))
