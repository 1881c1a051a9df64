"""What connectors over HTTP share: a refusal by its status, the wait that it asks for, and rows as a typed batch."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline.connectors.contract import Window
from okr_pipeline.errors import DataRejected, OkrError, SourceRejected, SourceUnavailable

TIMEOUT = 60.0  # seconds for one request; a page of 25,000 rows takes a few
# What was sent, and a source may repeat: by name, JSON web tokens, Google's, and Salesforce's sessions.
TOKENS = re.compile(r"(?i:bearer)\s+\S+|eyJ[\w-]{8,}\S*|ya29\.\S+|00D\w{9,15}!\S+")
TRY_LATER = frozenset({408, 425, 429})
T = TypeVar("T")


def in_time(name: str, source: str, seconds: float, request: Callable[[], T]) -> T:
    """What `request` returns or raises; SourceUnavailable when it has not come to an end after so many seconds.

    It runs in a thread of its own, which is left to itself then: HTTP clients bound each wait for bytes, never the whole.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(request())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True, name=f"okr-{name}").start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        if answer.done():  # its own
            raise
        raise SourceUnavailable(
            f"{name}: {source} had not sent its whole answer after {seconds:g} seconds. "
            "Try again later, or raise `answer_within`."
        ) from None


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Seconds in a Retry-After header, which RFC 9110 allows to be a number or a date; None when it asks for no wait."""
    try:
        wait = float(retry_after or "")
    except ValueError:
        wait = _seconds_until(retry_after or "")
    return wait if 0 < wait < inf else None  # "0" must not become a loop without a pause


def _seconds_until(http_date: str) -> float:
    try:
        return (parsedate_to_datetime(http_date) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def refusal(
    name: str, source: str, status: int, *, said: str, retry_after: str | None, remedy: str, quota: bool = False
) -> OkrError:
    """The error for an answer that is not a success; `quota` marks a status that means "too many" without saying so."""
    answered = f"{name}: {source} answered {status} ({brief(said)})."
    if quota or status in TRY_LATER or status >= 500:
        return SourceUnavailable(f"{answered} Try again later.", seconds_to_wait(retry_after))
    return SourceRejected(f"{answered} {remedy}")


def brief(said: str, *secrets: str) -> str:
    """A source's own words, fit for one line of a message: without secrets and tokens, and not a whole page of HTML."""
    for secret in filter(None, secrets):
        said = said.replace(secret, "***")
    said = TOKENS.sub("***", said)
    line = " ".join(said.split()).rstrip(".")
    return line if len(line) <= 200 else f"{line[:200]}…"


def typed_batch(name: str, source: str, columns: Mapping[str, pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    """The columns as a batch of `schema`; DataRejected when one that is not nullable has gaps or does not fit."""
    for column, values in columns.items():
        gaps = values.null_count
        if gaps and not schema.field(column).nullable:
            raise DataRejected(
                f"{name}: {source} left out {column} in {gaps} of {len(values)} rows. "
                "Look at the rows there; nothing of this pull was landed."
            )
    try:
        batch = pa.RecordBatch.from_arrays([columns[field.name].cast(field.type) for field in schema], schema=schema)
    except pa.ArrowInvalid as error:
        raise DataRejected(unreadable(name, source, error)) from error
    for column in schema:
        if pa.types.is_floating(column.type) and not finite(batch.column(column.name)):
            raise DataRejected(unreadable(name, source, ValueError(f"{column.name} is not a number in some row")))
    return batch


def finite(numbers: pa.Array) -> bool:
    """Whether none is NaN or infinite, which JSON parsers let through."""
    return bool(pc.all(pc.is_finite(numbers), min_count=0).as_py())


def no_page_twice(name: str, source: str, page: pa.RecordBatch, seen: set[tuple[Any, ...]]) -> None:
    """Refuses a page that begins as another one did: its source would be asked for ever, or rows pass for others.

    `seen` is the pull's own, empty at first.
    """
    for row in page.slice(0, 1).to_pylist():
        first = tuple(row.values())
        if first in seen:
            raise DataRejected(
                f"{name}: {source} sent the same page twice. Try again; if it stays so, its paging has changed."
            )
        seen.add(first)


def within(days: pa.Array | pa.ChunkedArray, window: Window) -> pa.Array | pa.ChunkedArray:
    """Which of the days lie in the window, as a mask to filter by."""
    return pc.and_(pc.greater_equal(days, pa.scalar(window.first)), pc.less_equal(days, pa.scalar(window.last)))


def unreadable(name: str, source: str, error: Exception) -> str:
    """The message for an answer that is not of the shape its API documents."""
    return (
        f"{name}: {source} sent an answer that cannot be read ({brief(str(error))}). "
        "Try again; if it stays so, the API or what stands between has changed."
    )
