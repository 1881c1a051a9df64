"""What a failed GA4 request means, over gRPC and REST alike; imports the client libraries, so it is imported late."""

from __future__ import annotations

import re

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.protobuf import json_format, message
from google.rpc import error_details_pb2

from okr_pipeline.connectors.http import brief, seconds_to_wait
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable

# ValueError: bytes that are no UTF-8, and credentials of another universe than the client's.
UNREADABLE = (json_format.ParseError, message.DecodeError, UnicodeDecodeError)
FAILURES = (api.GoogleAPIError, auth.GoogleAuthError, requests.RequestException, *UNREADABLE, ValueError)

REMEDIES = {  # by HTTP status; the gRPC codes' exceptions derive from these
    api.Unauthorized: "Check that the service account in `credentials` exists and its key was not revoked.",
    api.Forbidden: "Give the service account in `credentials` the Viewer role on property {property}.",
    api.BadRequest: "Mend dimensions, metrics or only of this stream.",
}


def meaning(error: Exception, name: str, number: str) -> OkrError:
    """The error of ours that a client library's exception on property `number` stands for."""
    text = _text(error)
    if isinstance(error, UNREADABLE):
        return DataRejected(f"{name}: GA4's answer cannot be read: {text}. Check what `endpoint` points at.")
    if _passes(error):
        return SourceUnavailable(f"{name}: GA4 is not available: {text}. Run the night again later.", _wait(error))
    remedy = next((words for kind, words in REMEDIES.items() if isinstance(error, kind)), None)
    remedy = remedy or "Check `property`, `endpoint` and `credentials`."
    return SourceRejected(f"{name}: GA4 refused the request: {text}. {remedy.format(property=number)}")


def _passes(error: Exception) -> bool:
    if isinstance(error, auth.RefreshError):
        return bool(error.retryable)
    if isinstance(error, api.MethodNotImplemented):  # not a GA4 server, whatever the hour
        return False
    passing = (api.ServerError, api.TooManyRequests, api.Aborted, api.Cancelled, api.RetryError)
    broken_off = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, (*passing, *broken_off, auth.TransportError))


def _text(error: Exception) -> str:
    """The library's own words on one line, short, without anything that could be a token."""
    text = str(error.message) if isinstance(error, api.GoogleAPICallError) else str(error)
    text = re.sub(r"^POST \S+: ", "", text)  # what the REST transport puts before the source's words
    return brief(text) or type(error).__name__


def _wait(error: Exception) -> float | None:
    """The wait that the source asked for, in seconds: RetryInfo in the error's details, or the header Retry-After."""
    for detail in getattr(error, "details", ()):
        if isinstance(detail, error_details_pb2.RetryInfo):
            return float(detail.retry_delay.ToTimedelta().total_seconds())
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
            return seconds_to_wait(str(detail.get("retryDelay", "")).removesuffix("s"))
    headers = getattr(getattr(error, "response", None), "headers", None)
    return seconds_to_wait(headers.get("Retry-After")) if headers else None
