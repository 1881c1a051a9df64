"""One HTTP client within limits: where it may connect, how often it may ask, how large and how slow an answer may be."""

from __future__ import annotations

import time
from functools import cache, partial
from ssl import SSLContext
from typing import Any

import httpx

from okr_pipeline.connectors.http import TIMEOUT, in_time, unreadable
from okr_pipeline.connectors.reach import Reach
from okr_pipeline.errors import DataRejected, SourceUnavailable

LARGEST = 64 * 2**20  # bytes of one answer, unpacked


@cache
def _trust() -> SSLContext:
    """The trusted certificates, read once: that takes longer than a small pull."""
    return httpx.create_ssl_context()


class Wire:
    """`name` is the connector's and `source` the product's, for messages; `within` are seconds for one whole answer."""

    def __init__(self, name: str, source: str, reach: Reach, per_minute: int | None, within: float) -> None:
        self.name, self.source, self.reach, self.within = name, source, reach, within
        self._client = httpx.Client(timeout=TIMEOUT, verify=_trust())
        self._interval = 60 / per_minute if per_minute else 0.0
        self._next_turn = 0.0

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def exchange(self, method: str, url: httpx.URL, **content: Any) -> tuple[httpx.Response, bytes]:
        """One request, and its whole answer; redirects are not followed. Raises SourceUnavailable or DataRejected,
        and SourceRejected before anything is sent where it must not be."""
        self.reach.check(str(url))
        time.sleep(max(0.0, self._next_turn - time.monotonic()))
        self._next_turn = time.monotonic() + self._interval
        request = self._client.build_request(method, url, **content)
        request.extensions["trace"] = self.reach.watch(url.raw_host.decode())
        return in_time(self.name, self.source, self.within, partial(self._whole, request))

    def _whole(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        chunks, size = [], 0
        try:
            response = self._client.send(request, stream=True)
            try:
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > LARGEST:
                        raise DataRejected(
                            f"{self.name}: {self.source} sent an answer of more than {LARGEST >> 20} MB. "
                            "Ask for less at once: smaller pages, or fewer columns."
                        )
            finally:
                response.close()
        except httpx.DecodingError as error:
            raise DataRejected(unreadable(self.name, self.source, error)) from error
        except httpx.TransportError as error:
            raise SourceUnavailable(
                f"{self.name}: {self.source} cannot be reached at {request.url.host} ({type(error).__name__}). "
                "Look at the network and `endpoint`, or try again later."
            ) from error
        return response, b"".join(chunks)
