"""Errors, named after the person who can act on them.

Every message is one sentence that says what is wrong and one that says what to do. The command line prints the message
and never a traceback; a Dagster step shows the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from okr_pipeline.checks import Finding


class OkrError(Exception):
    """A failure that somebody can mend; its text is written for them. `reason` is the code that a score row carries.

    `findings` are what the checks of a pull found before it ended so.
    """

    reason = "error"
    findings: Sequence[Finding] = ()


class ConfigError(OkrError):
    """Mend the YAML: the text lists every mistake as `file:line: field: what is wrong; what would be right`."""

    reason = "configuration"


class SourceUnavailable(OkrError):
    """The source is down, slow or out of quota: try again later. `retry_after` is the wait the source asked for, in seconds."""

    reason = "source_unavailable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceRejected(OkrError):
    """The source refused the request: mend the credentials, the permission or the request; trying again does not help."""

    reason = "source_rejected"


class DataRejected(OkrError):
    """The source answered with rows that break its own promise: look at the rows. Nothing of the pull was landed."""

    reason = "data_rejected"


class WarehouseBusy(OkrError):
    """Another process holds the warehouse: close it, or wait; people read the published snapshot instead."""

    reason = "warehouse_busy"


class HeldBack(Exception):
    """A command is over, and something is held back or broken; all has been said."""
