"""What a pull with a fault came to, and whether that is right: the right error in the right words, or the right rows."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline.connectors.contract import Stream
from okr_pipeline.connectors.kit.promise import Broken
from okr_pipeline.connectors.kit.proxy import Fault
from okr_pipeline.connectors.kit.subject import Pulled, Subject, difference
from okr_pipeline.errors import OkrError

LONGEST = 600  # characters of a message
SENTENCES = re.compile(r"\S.*?[.;:] \S.*", re.DOTALL)  # what is wrong, and what to do


@dataclass(frozen=True)
class Outcome:
    """Either the rows or the error of a pull."""

    stream: Stream
    pulled: Pulled | None
    error: OkrError | None


def attempt(subject: Subject, stream: Stream, fault: Fault | None, **changed: Any) -> Outcome:
    """A pull through the proxy with a fault. Broken when the error is none of ours, tells a secret, or says nothing to do."""
    subject.usual_through_proxy(stream)
    with subject.proxy.faulty(fault):
        return tried(subject, stream, endpoint=subject.detour, **changed)


def tried(subject: Subject, stream: Stream, **changed: Any) -> Outcome:
    """A pull that may fail, judged by how its error is told."""
    with _logged() as lines:
        try:
            pulled, error = subject.pull(stream, **changed), None
        except OkrError as ours:
            pulled, error = None, ours
        except Broken:
            raise
        except Exception as other:
            raise Broken(f"{stream.name}: {type(other).__name__} comes through as it is: {other}") from other
    if error:
        _well_said(subject, error)
    for line in lines:
        if subject.secrets.told_in(line):
            raise Broken(f"{stream.name}: a secret is logged: {_without(subject, line)}")
    return Outcome(stream, pulled, error)


def _well_said(subject: Subject, error: OkrError) -> None:
    message = str(error)
    if subject.secrets.told_in("".join(traceback.format_exception(error))):
        raise Broken(f"a secret is told in an error: {_without(subject, message)}")
    if not message.startswith(f"{subject.connector.name}: "):
        raise Broken(f"the message does not begin with the connector's name: {message}")
    if "\n" in message or len(message) > LONGEST or "<html" in message.lower():
        raise Broken(f"the message is not fit to be read on one line: {message[:LONGEST]}")
    if not SENTENCES.fullmatch(message.removeprefix(f"{subject.connector.name}: ")):
        raise Broken(f"the message does not say what to do: {message}")


def refused(outcome: Outcome, *kinds: type[OkrError]) -> str:
    """The evidence for a pull that had to fail with one of `kinds`; Broken when it gave rows or another error."""
    names = " or ".join(kind.__name__ for kind in kinds)
    if outcome.pulled:
        raise Broken(f"{outcome.stream.name}: {outcome.pulled.table.num_rows} rows instead of {names}")
    if type(outcome.error) not in kinds:
        raise Broken(f"{outcome.stream.name}: {type(outcome.error).__name__} instead of {names}: {outcome.error}")
    return f"{type(outcome.error).__name__}: {outcome.error}"


def right_or_rejected(outcome: Outcome, usual: Pulled, what: str, *kinds: type[OkrError]) -> str:
    """The evidence for a pull that had to give the usual rows or fail with one of `kinds`."""
    if outcome.error:
        return f"{what}: {refused(outcome, *kinds)}"
    assert outcome.pulled is not None  # noqa: S101 - either is there
    if not outcome.pulled.in_order.equals(usual.in_order):
        raise Broken(f"{outcome.stream.name}: {what}: other rows: {difference(usual, outcome.pulled)}")
    return f"{what}: the same rows"


def strange_cells(usual: Pulled, found: Pulled) -> list[tuple[str, Any]]:
    """(column, value) of cells that are neither as usual nor null; Broken when rows are more, or fewer than was said."""
    before, after = usual.table, found.table
    if before.num_rows - after.num_rows in _left_out(found):
        return []
    if before.num_rows != after.num_rows:
        raise Broken(f"{usual.stream.name}: {before.num_rows} rows became {after.num_rows}, and nothing was said")
    strange = []
    for name in before.column_names:
        same = pc.fill_null(pc.equal(before[name], after[name]), False)
        changed = pc.and_(pc.invert(same), after[name].is_valid())
        strange += [(name, value) for value in after[name].filter(changed).to_pylist()]
    return strange


def _left_out(pulled: Pulled) -> list[int]:
    """How many rows the notes say were left out because they have no day."""
    return [value for name, value in pulled.said.notes.items() if name.startswith("rows_without_") and value]


@contextmanager
def _logged() -> Iterator[list[str]]:
    """What is logged meanwhile, by anybody, as a run's logs would have it."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root, handler = logging.getLogger(), Kept(logging.INFO)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _without(subject: Subject, text: str) -> str:
    for secret in subject.secrets:
        text = text.replace(secret, "***")
    return text[:LONGEST]


def rows_of(outcome: Outcome) -> pa.Table:
    """The rows of a pull that must not have failed."""
    if outcome.pulled is None:
        raise Broken(f"{outcome.stream.name}: {outcome.error}")
    return outcome.pulled.table
