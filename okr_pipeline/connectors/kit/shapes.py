"""Promises about answers that are not as documented: the usual rows, or DataRejected; never a made-up value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from okr_pipeline.connectors.contract import Stream
from okr_pipeline.connectors.kit import answers
from okr_pipeline.connectors.kit.outcome import attempt, refused, right_or_rejected, strange_cells
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, Promise, promise
from okr_pipeline.connectors.kit.proxy import Answer
from okr_pipeline.connectors.kit.subject import Subject
from okr_pipeline.errors import DataRejected, SourceRejected

MOST_FIELDS = 30  # of a row, tried one by one
HUGE = (2**53 + 1, 10**30)  # the first whole number that a double cannot hold, and one that no 64 bits can
HTML = b"<!doctype html><html><body>" + b"Please sign in. " * 200 + b"</body></html>"


def _bodies(name: str, sentence: str, *spoil: Callable[[Answer], Answer]) -> Promise:
    """A promise about answers that are spoiled whole: DataRejected, from the first answer as from the last."""

    def check(subject: Subject) -> str:
        evidence = ""
        for stream in subject.with_rows():
            for which in sorted({0, subject.requests(stream) - 1}):
                for each in spoil:
                    outcome = attempt(subject, stream, answers.spoiled(which, each))
                    evidence = refused(outcome, DataRejected)
        return evidence

    return Promise(name, sentence, check)


TRUNCATED = _bodies(
    "truncated", "An answer that stops in the middle, and says that this is all, is DataRejected.",
    lambda a: replace(a, body=a.body[: len(a.body) // 2]), lambda a: replace(a, body=a.body[:-1]),
)  # fmt: skip
MALFORMED = _bodies(
    "malformed", "An answer that is no JSON is DataRejected.",
    lambda a: replace(a, body=a.body.replace(b":", b";")), lambda a: replace(a, body=b""),
)  # fmt: skip
OTHER_JSON = _bodies(
    "other-json", "An answer that is JSON of another kind is DataRejected.",
    lambda a: replace(a, body=b"null"), lambda a: replace(a, body=b'["x"]'), lambda a: replace(a, body=b'"x"'),
)  # fmt: skip


@promise("A page of HTML with status 200 (a sign-in, a proxy) is an error and no data.")
def html(subject: Subject) -> str:
    """In place of the first answer."""
    evidence = ""
    spoiled = Answer(200, {"content-type": "text/html; charset=utf-8"}, HTML)
    for stream in subject.with_rows():
        evidence = refused(attempt(subject, stream, lambda *_: spoiled), DataRejected, SourceRejected)
    return evidence


@promise("The right answer under a wrong content type is read, or is DataRejected.")
def content_type(subject: Subject) -> str:
    """As text/plain."""
    subject.only_over_http("content types")
    told = []
    for stream in subject.with_rows():
        usual = subject.usual_through_proxy(stream)
        outcome = attempt(subject, stream, lambda _, a: replace(a, headers={**a.headers, "content-type": "text/plain"}))
        told.append(right_or_rejected(outcome, usual, stream.name, DataRejected))
    return "; ".join(told)


@promise("A field that nobody knows changes nothing.")
def unknown_field(subject: Subject) -> str:
    """In every row and beside the rows."""
    subject.only_over_http("names of fields")

    def more(document: Any, rows: list[Any]) -> None:
        for place in [document, *rows]:
            if isinstance(place, dict):
                place["kit_has_added_this"] = {"nested": [1, None, "ก"]}

    told = []
    for stream in subject.with_rows():
        usual = subject.usual_through_proxy(stream)
        outcome = attempt(subject, stream, answers.edited(more, _rows_in(subject, stream)))
        told.append(f"{stream.name}: {refused_nothing(outcome.error)}")
        right_or_rejected(outcome, usual, "with a field more")
    return "; ".join(told)


def refused_nothing(error: Exception | None) -> str:
    """Broken when there is an error."""
    if error:
        raise Broken(f"a field more is refused: {error}")
    return "the same rows"


@promise("Numbers as strings are the same numbers, or DataRejected.")
def numbers_as_strings(subject: Subject) -> str:
    """All numbers of all rows."""

    def texts(_: Any, rows: list[Any]) -> None:
        for row in rows:
            for path, value in answers.leaves(row):
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    answers.put(row, path, str(value))

    told = []
    for stream in subject.with_rows():
        usual = subject.usual_through_proxy(stream)
        outcome = attempt(subject, stream, answers.edited(texts, _rows_in(subject, stream)))
        told.append(right_or_rejected(outcome, usual, stream.name, DataRejected))
    return "; ".join(told)


def _each_field(
    name: str, sentence: str, spoiled: Callable[[Any], list[Any]], allowed: Callable[[Any, Any], bool] | None = None
) -> Promise:
    """A promise about one field of one row after the other: `spoiled` gives what its value becomes, MISSING removes it.

    The cells must be as usual or null, or (`allowed`, given the spoiled value and the cell) the very value sent.
    """

    def check(subject: Subject) -> str:
        told = []
        for stream in subject.with_rows():
            verdicts = [*_tried(subject, stream, spoiled, allowed)]
            if not verdicts:
                continue
            rejected = sum(verdict == "rejected" for verdict in verdicts)
            told.append(f"{stream.name}: {rejected} of {len(verdicts)} rejected, the others read as they are or null")
        if not told:
            raise NotApplicable("no field of the rows is of that kind")
        return "; ".join(told)

    return Promise(name, sentence, check)


def _tried(
    subject: Subject, stream: Stream, spoiled: Callable[[Any], list[Any]], allowed: Callable[[Any, Any], bool] | None
) -> Iterator[str]:
    usual, rows_in = subject.usual_through_proxy(stream), _rows_in(subject, stream)
    for path, value in _fields(subject, stream):
        for new in spoiled(value):
            outcome = attempt(subject, stream, answers.with_field(path, new, rows_in))
            if outcome.error:
                refused(outcome, DataRejected)
                yield "rejected"
                continue
            assert outcome.pulled is not None  # noqa: S101 - either is there
            strange = strange_cells(usual, outcome.pulled)
            if strange and not (allowed and any(allowed(new, cell) for _, cell in strange)):
                where, shown = ".".join(map(str, path)), "missing" if new is answers.MISSING else repr(new)
                raise Broken(
                    f"{stream.name}: {where} is {shown} in one row, and {strange[0][0]} became {strange[0][1]!r}"
                )
            yield "read"


def _fields(subject: Subject, stream: Stream) -> list[tuple[answers.Place, Any]]:
    """The fields of the source's rows, from the row that has the most."""
    if seen := _seen(subject, stream, _rows_in(subject, stream)):
        return [*seen.items()][:MOST_FIELDS]
    raise NotApplicable("the answers are not JSON")


def _rows_in(subject: Subject, stream: Stream) -> answers.RowsIn:
    """Where the source has its rows: in a list, unless no answer has one and each is a row by itself."""
    return answers.rows_of if _seen(subject, stream, answers.rows_of) else answers.itself


def _seen(subject: Subject, stream: Stream, rows_in: answers.RowsIn) -> dict[answers.Place, Any]:
    seen: dict[answers.Place, Any] = {}

    def look(_: Any, rows: list[Any]) -> None:
        seen.update(
            (path, value) for path, value in answers.leaves(max(rows, key=lambda row: len([*answers.leaves(row)])))
        )

    attempt(subject, stream, answers.edited(look, rows_in))
    return seen


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number or (isinstance(value, str) and bool(re.fullmatch(r"-?\d+(\.\d+)?", value)))


def _as(value: Any, new: Any) -> Any:
    """A number in the form in which the source has its numbers."""
    return str(new) if isinstance(value, str) else new


def _is_that_number(new: Any, cell: Any) -> bool:
    try:
        return Decimal(str(cell)) == Decimal(str(new))
    except ArithmeticError:
        return False


MISSING_FIELD = _each_field(
    "missing-field", "A field that is missing is null, an empty text or DataRejected; never 0 and never a row less unsaid.",
    lambda _: [answers.MISSING], lambda _, cell: cell == "",
)  # fmt: skip
NULL_FIELD = _each_field(
    "null-field", "A field that is null stays null, is an empty text or is DataRejected.",
    lambda value: [] if value is None else [None], lambda _, cell: cell == "",
)  # fmt: skip
OTHER_TYPE = _each_field(
    "other-type", "A field of another type is DataRejected, or the connector does not use it.",
    lambda value: [{"of": "another type"}, *(["many"] if _is_number(value) else [])],
)  # fmt: skip
HUGE_INTEGERS = _each_field(
    "huge-integers", "A whole number that is too large is DataRejected, never rounded.",
    lambda value: [_as(value, huge) for huge in HUGE] if _is_number(value) else [], _is_that_number,
)  # fmt: skip
NOT_A_NUMBER = _each_field(
    "not-a-number", "NaN and Infinity are DataRejected.",
    lambda value: [_as(value, none) for none in (math.nan, math.inf)] if _is_number(value) else [],
)  # fmt: skip


@promise("Bytes that are no UTF-8 are DataRejected, never replaced.")
def not_utf8(subject: Subject) -> str:
    """In the first text of a row."""
    told = []
    for stream in subject.with_rows():
        usual, rows_in = subject.usual_through_proxy(stream), _rows_in(subject, stream)
        for path, value in _fields(subject, stream):
            if isinstance(value, str):
                mark = "kit-puts-bytes-here"
                spoiled = answers.with_bytes(path, mark, b"\xff\xfe", rows_in)
                outcome = attempt(subject, stream, spoiled)
                told.append(right_or_rejected(outcome, usual, f"{stream.name} {path[-1]}", DataRejected))
    return "; ".join(told[:3]) if told else "no text in the rows"
