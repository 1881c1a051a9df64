"""The stand-ins' two servers on loopback, each for the time of a `with`: HTTP in one thread, gRPC over TLS."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import uvicorn
from starlette.types import ASGIApp

from okr_pipeline.sandbox.faults import LOOPBACK

START = 10.0  # seconds until a server that does not come up is given up


@contextmanager
def http(listening: socket.socket, app: ASGIApp) -> Iterator[None]:
    """Serves `app` on a socket that is bound already: its port had to be known before the application was made."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="okr-sandbox", daemon=True)
    thread.start()
    deadline = time.monotonic() + START
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The sandbox's HTTP server did not start. Look for what ended it in the log above.")
        time.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def rpc(handler: grpc.GenericRpcHandler, certificate: tuple[bytes, bytes]) -> Iterator[int]:
    """Serves a gRPC handler over TLS with `certificate` (key, chain) and gives its port."""
    server = grpc.server(ThreadPoolExecutor(4, thread_name_prefix="okr-sandbox-grpc"))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_secure_port(f"{LOOPBACK}:0", grpc.ssl_server_credentials([certificate]))
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=0).wait()
