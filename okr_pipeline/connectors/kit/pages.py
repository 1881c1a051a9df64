"""Promises about pages: whole over every boundary, and an end even where the source has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyarrow.compute as pc
from pydantic import ValidationError

from okr_pipeline.connectors.contract import Stream, Window
from okr_pipeline.connectors.kit.outcome import attempt, right_or_rejected
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, promise
from okr_pipeline.connectors.kit.proxy import MOST, Answer, Fault
from okr_pipeline.connectors.kit.subject import Subject, difference
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable

PAGES = 4  # of a repeated answer, which is tried as the first, the second, …


@promise("Pages are put together: page size − 1, page size, page size + 1 and many times as many rows, one row, none.")
def pages(subject: Subject) -> str:
    """The rows stay, the page size moves around their number."""
    _has_pages(subject)
    told = []
    for stream in subject.with_rows():
        rows = subject.usual(stream).table.num_rows
        tried = []
        for size in sorted({rows + 1, rows, rows - 1, max(rows // 5, 1)} - {0}):
            try:
                found = subject.pull(stream, page_size=size)
            except ValidationError:
                continue  # more than the source allows
            except SourceRejected:
                if size <= subject.connector.settings.page_size:
                    raise
                continue
            if not found.in_order.equals(subject.usual(stream).in_order):
                raise Broken(f"{stream.name}: {rows} rows by {size}: {difference(subject.usual(stream), found)}")
            tried.append(size)
        few = _few_rows(subject, stream)
        told.append(f"{stream.name}: {rows} rows by {', '.join(map(str, tried))}{few}")
    return "; ".join(told)


def _few_rows(subject: Subject, stream: Stream) -> str:
    """Days of one row and of none, where there are such, a row a page."""
    if stream.date is None:
        return ""
    counted = pc.value_counts(subject.usual(stream).table[stream.date]).to_pylist()
    days = {each["values"]: each["counts"] for each in counted}
    whole, tried = subject.window_of(stream), []
    for wanted in (0, 1):
        ordinals = range(whole.first.toordinal(), whole.last.toordinal() + 1)
        day = next((d for d in map(whole.first.fromordinal, ordinals) if days.get(d, 0) == wanted), None)
        if day is None:
            continue
        found = subject.pull(stream, Window(day, day), page_size=1).table.num_rows
        if found != wanted:
            raise Broken(f"{stream.name}: {day} has {wanted} rows, and {found} when a page is one row")
        tried.append(f"a day of {wanted}")
    return f", {' and '.join(tried)}" if tried else ""


@promise("A page that repeats for ever comes to an end, and its rows do not pass for the whole.")
def repeated_page(subject: Subject) -> str:
    """From one answer on, every answer is that one."""
    told = []
    for stream in subject.with_rows(2):
        size = {"page_size": _page(subject.usual(stream).table.num_rows)} if subject.has("page_size") else {}
        with subject.proxy.faulty(None) as asked:
            whole = subject.through_proxy(stream, **size)
        if len(asked) < 2 or _a_day_each(subject, stream, len(asked)):
            continue
        for at in range(min(len(asked), PAGES)):
            try:
                outcome = attempt(subject, stream, _repeating(at), **size)
            finally:
                if subject.proxy.too_often:
                    raise Broken(
                        f"{stream.name}: it never ends: {len(subject.proxy.asked)} requests instead of {len(asked)}"
                    )
            # A report that is never ready is not there yet, and nothing is wrong with it.
            told.append(right_or_rejected(outcome, whole, f"answer {at + 1} for ever", DataRejected, SourceUnavailable))
    if not told:
        raise NotApplicable("one request brings all of the window, or of a day; there are no pages that could repeat")
    return "; ".join(dict.fromkeys(told))


def _a_day_each(subject: Subject, stream: Stream, requests: int) -> bool:
    """Whether each day is a request of its own, as it is where the answers of a source do not say which day they are of."""
    whole = subject.window_of(stream)
    if stream.date is None or requests != (whole.last - whole.first).days + 1:
        return False
    alone = []
    for days in (1, 2):
        with subject.proxy.faulty(None) as asked:
            part = Window(whole.first, whole.first + timedelta(days=days - 1))
            subject.pull(stream, part, endpoint=subject.detour)
        alone.append(len(asked))
    return alone == [1, 2]


def _page(rows: int) -> int:
    """A page size that divides the rows where there is one: so often repeated, a page comes to as many as announced."""
    return max(
        (size for size in range(1, rows // 2 + 1) if rows % size == 0 and rows // size < MOST), default=-(-rows // 4)
    )


def _repeating(at: int) -> Fault:
    kept: list[Answer] = []

    def fault(number: int, answer: Answer) -> Answer:
        if number >= at:
            kept.append(answer)
        return replace(kept[0]) if kept else answer

    return fault


def _has_pages(subject: Subject) -> None:
    if not subject.has("page_size"):
        raise NotApplicable("how many rows a page has is no setting (`page_size`) of it")
