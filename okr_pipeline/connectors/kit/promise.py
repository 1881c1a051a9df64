"""A promise: a sentence, and a check that gives the evidence for it or raises why it is broken or does not apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from okr_pipeline.errors import OkrError

if TYPE_CHECKING:
    from okr_pipeline.connectors.kit.subject import Subject


class Verdict(StrEnum):
    """What became of a promise."""

    kept = "kept"
    broken = "broken"
    not_applicable = "not applicable"


class Broken(Exception):
    """The promise is broken; the text is the evidence."""


class NotApplicable(Exception):
    """The promise says nothing about this connector; the text says why."""


@dataclass(frozen=True)
class Finding:
    """A promise as it was found with one connector."""

    promise: Promise
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class Promise:
    """`check` returns the evidence, or raises Broken or NotApplicable."""

    name: str
    sentence: str
    check: Callable[[Subject], str]

    def examine(self, subject: Subject) -> Finding:
        """What is found with one connector. An error that is not ours counts as broken: a user would see a traceback."""
        try:
            return Finding(self, Verdict.kept, self.check(subject))
        except NotApplicable as why:
            return Finding(self, Verdict.not_applicable, str(why))
        except (Broken, OkrError) as found:
            return Finding(self, Verdict.broken, str(found))
        except Exception as error:  # noqa: BLE001 - whatever a connector lets through
            return Finding(self, Verdict.broken, f"{type(error).__name__} comes through as it is: {error}")


def promise(sentence: str) -> Callable[[Callable[[Subject], str]], Promise]:
    """Makes a check a promise, under its function's name."""
    return lambda check: Promise(check.__name__.replace("_", "-"), sentence, check)
