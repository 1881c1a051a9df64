"""The table of kinds, and how a pull is judged by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import duckdb
import pyarrow as pa

from okr_pipeline.connectors.checks import Check, Checks, Severity
from okr_pipeline.connectors.contract import Stream
from okr_pipeline.errors import DataRejected
from okr_pipeline.warehouse.engine import quoted, statement

_SHOWN = 3  # problems of one kind that are spelled out


@dataclass(frozen=True)
class Kind:
    """`moment`: while the connector pulls and while rows replace others (these find it out by themselves), on the staged rows,
    on the landed ones, or on the ledger alone (also when the source gave nothing)."""

    name: str
    asks: str
    moment: Literal["pulled", "staged", "landing", "landed", "ledger"]
    needs_days: bool = False


KINDS = (
    Kind("answer", "Is the answer whole, readable, and as many rows as the source says it has?", "pulled"),
    Kind("not_null", "Does every row have its key and its day?", "staged"),
    Kind("days", "Are these the days that were asked for?", "staged", needs_days=True),
    Kind("range", "Are the numbers possible ones?", "staged"),
    Kind("columns", "Are these the columns that the table was made with?", "landed"),
    Kind("unique", "Is every key there once?", "landing"),
    Kind("volume", "Is it about as much as on the same weekday before?", "landed", needs_days=True),
    Kind("fresh", "Is the newest day as new as the source promises?", "ledger", needs_days=True),
)


@dataclass(frozen=True)
class Finding:
    """What one kind found; it passed when there are no problems."""

    kind: str
    severity: Severity
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing was found."""
        return not self.problems


@dataclass(frozen=True)
class Subject:
    """A pull: the table and the days asked for."""

    name: str
    stream: Stream
    checks: Checks
    first: date
    last: date

    def placeholders(self) -> dict[str, Any]:
        """What the statements are filled with; identifiers are quoted."""
        stream, bounds = self.stream, self.checks.range
        amounts = [
            field.name
            for field in stream.schema
            if field.name not in (*stream.key, stream.date)
            and (pa.types.is_integer(field.type) or field.name in {**bounds.at_least, **bounds.at_most})
        ]
        return {
            "name": self.name,
            "table": f"raw.{quoted(self.name)}",
            "key": [quoted(column) for column in stream.key],
            "day": quoted(stream.date) if stream.date else None,
            "changed": quoted(stream.changed) if stream.changed else None,
            "columns": list(stream.schema.names),
            "bounds": [
                {"column": c, "at_least": bounds.at_least.get(c, 0), "at_most": bounds.at_most.get(c)} for c in amounts
            ],
            "added_up": [
                quoted(f.name)
                for f in stream.schema
                if pa.types.is_integer(f.type) and f.name not in (*stream.key, *stream.not_additive)
            ],
            "delay": stream.delay,
            "first": self.first,
            "last": self.last,
            "volume": self.checks.volume,
        }


def inspect(connection: duckdb.DuckDBPyConnection, subject: Subject, moment: str) -> list[Finding]:
    """The findings of all kinds of one moment that apply to the stream."""
    found = []
    for kind in KINDS:
        severity = getattr(subject.checks, kind.name, Check()).severity
        applies = not kind.needs_days or subject.stream.date is not None
        if kind.moment == moment and applies and severity != "off":
            query = statement(f"checks/sql/{kind.name}.sql", **subject.placeholders())
            problems = connection.execute(query).fetchall() if query.strip() else []
            found.append(Finding(kind.name, severity, tuple(problem for (problem,) in problems)))
    return found


def judge(name: str, findings: Sequence[Finding]) -> None:
    """Raises DataRejected, with all findings, when one of severity error has a problem."""
    wrong = [finding for finding in findings if not finding.passed and finding.severity == "error"]
    if wrong:
        error = DataRejected(f"{name}: {said(wrong)}")
        error.findings = findings
        raise error


def said(findings: Iterable[Finding]) -> str:
    """The problems as one text; of many only the first."""
    texts = []
    for finding in findings:
        more = len(finding.problems) - _SHOWN
        texts.append("; ".join(finding.problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else ""))
    return "; ".join(text for text in texts if text)
