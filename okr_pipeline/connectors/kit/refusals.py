"""Promises about a source that refuses, is away, breaks off or is slow: who can mend it is told, and nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace

from okr_pipeline.connectors.kit.outcome import attempt, refused, rows_of, tried
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, Promise, promise
from okr_pipeline.connectors.kit.proxy import ENDLESS, Answer, Fault, Way
from okr_pipeline.connectors.kit.subject import Subject, difference
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable

WAIT = 7.0  # seconds that the source asks for
NO_WAIT: Mapping[str, str] = {}


def status(code: int, secret: str, headers: Mapping[str, str] = NO_WAIT) -> Answer:
    """A refusal in the shapes that APIs use, which repeats what it was sent, as some do."""
    said = f"The key {secret} was refused with {code}"
    body = {
        "error": {"code": code, "message": said},
        "title": "Refused",
        "detail": said,
        "message": said,
        "errors": [said],
    }
    return Answer(code, {"content-type": "application/json", **headers}, json.dumps(body).encode())


def at(which: int, spoiled: Answer | None = None, way: Way = Way.whole) -> Fault:
    """The answer to one request is another, or goes out in another way."""
    return lambda number, answer: (spoiled or replace(answer, way=way)) if number == which else answer


def since(which: int, spoiled: Answer) -> Fault:
    """From one request on, every answer is another: some clients ask again after a 401, with a new token."""
    return lambda number, answer: spoiled if number >= which else answer


def _refusal(
    name: str, sentence: str, code: int, kind: type[OkrError], headers: Mapping[str, str] = NO_WAIT
) -> Promise:
    """A promise about one status, as the first answer and, where a pull has several, as the last."""

    def check(subject: Subject) -> str:
        evidence = ""
        for stream in subject.with_rows():
            for which in sorted({0, subject.requests(stream) - 1}):
                spoiled = status(code, subject.secrets.sent, headers)
                outcome = attempt(subject, stream, since(which, spoiled))
                evidence = refused(outcome, kind)
                wait = getattr(outcome.error, "retry_after", None)
                if code == 429 and wait != (WAIT if headers else None):
                    raise Broken(f"{stream.name}: asked to wait {headers or 'for no time'}, and retry_after is {wait}")
        return evidence

    return Promise(name, sentence, check)


UNAUTHORISED = _refusal("status-401", "401 is SourceRejected: the credentials are to be mended.", 401, SourceRejected)
FORBIDDEN = _refusal("status-403", "403 is SourceRejected: the permission is to be mended.", 403, SourceRejected)
NOT_FOUND = _refusal("status-404", "404 is SourceRejected: the address is to be mended.", 404, SourceRejected)
TOO_MANY = _refusal("status-429", "429 is SourceUnavailable.", 429, SourceUnavailable)
TOO_MANY_FOR_NOW = _refusal(
    "status-429-with-a-wait", "429 with Retry-After is SourceUnavailable with that wait.", 429, SourceUnavailable,
    {"retry-after": f"{WAIT:.0f}"},
)  # fmt: skip
SERVER_ERROR = _refusal("status-500", "500 is SourceUnavailable.", 500, SourceUnavailable)
UNAVAILABLE = _refusal("status-503", "503 is SourceUnavailable.", 503, SourceUnavailable)


@promise("A failure that passes is waited for, and the rows are the usual ones.")
def passing_failure(subject: Subject) -> str:
    """The first request is refused for a moment, as a source asks to wait a second."""
    (stream, *_) = subject.with_rows()
    spoiled = status(429, "s3cret-key", {"retry-after": "1"})
    outcome = attempt(subject, stream, at(0, spoiled), retry_for=20)
    if not rows_of(outcome).equals(subject.usual_through_proxy(stream).table):
        raise Broken(f"{stream.name}: {difference(subject.usual_through_proxy(stream), outcome.pulled)}")  # type: ignore[arg-type]
    return f"{stream.name}: 429 for the first request, {len(subject.proxy.asked)} requests in all"


@promise("A redirect to another host is an error, and the credentials do not go there.")
def redirect(subject: Subject) -> str:
    """For the first request and, where a pull has several, for the last."""
    subject.only_over_http("redirects")
    evidence = ""
    for stream in subject.with_rows():
        for which in sorted({0, subject.requests(stream) - 1}):
            spoiled = Answer(307, {"location": subject.proxy.elsewhere}, b"")
            try:
                outcome = attempt(subject, stream, since(which, spoiled))
            finally:
                if any(subject.secrets.told_in(str(headers)) for headers in subject.proxy.strayed):
                    raise Broken(f"{stream.name}: request {which + 1} was sent on to another host with a credential")
            evidence = refused(outcome, SourceRejected, SourceUnavailable, DataRejected)
    return evidence


@promise("A connection that is refused is SourceUnavailable.")
def nobody_there(subject: Subject) -> str:
    """An address where nobody listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    endpoint = subject.detour.replace(subject.proxy.url, subject.proxy.at(port))
    return refused(tried(subject, subject.streams[0], endpoint=endpoint), SourceUnavailable)


@promise("A connection that is reset, before an answer or in mid-page, is SourceUnavailable.")
def reset(subject: Subject) -> str:
    """In every answer of a pull, one after the other."""
    evidence = ""
    for stream in subject.with_rows():
        for which in range(min(subject.requests(stream), 3)):
            for way in (Way.never, Way.half):
                evidence = refused(attempt(subject, stream, at(which, way=way)), SourceUnavailable)
    return evidence


@promise("A slow answer is waited for to its end.")
def slow_answer(subject: Subject) -> str:
    """The body comes in small pieces."""
    (stream, *_) = subject.with_rows()
    usual = subject.usual_through_proxy(stream)
    outcome = attempt(subject, stream, at(0, way=Way.slowly))
    if not rows_of(outcome).equals(usual.table):
        raise Broken(f"{stream.name}: {difference(usual, outcome.pulled)}")  # type: ignore[arg-type]
    return f"{stream.name}: {usual.table.num_rows} rows, the first answer in 20 pieces"


@promise("An answer that drips in for ever is given up after `answer_within`: SourceUnavailable.")
def slow_drip(subject: Subject) -> str:
    """A byte every few hundredths of a second, within every time-out of a part."""
    if not subject.has("answer_within"):
        raise NotApplicable("there is no setting `answer_within`, so it would take as long as the connector waits")
    (stream, *_) = subject.with_rows()
    began = time.monotonic()
    evidence = refused(attempt(subject, stream, at(0, way=Way.endless), answer_within=1), SourceUnavailable)
    if (took := time.monotonic() - began) > ENDLESS:
        raise Broken(f"{stream.name}: `answer_within` was 1 second, and it was waited for {took:.0f}")
    return evidence
