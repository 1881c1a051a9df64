"""What a connector promises, and what every connector is given.

A connector declares its streams and pulls a window of days as Arrow batches. It does not write, schedule, keep state or
retry by hand: it raises the error that names what the caller should do, and wraps each request in `self.patiently`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, ClassVar, TypeVar

import pyarrow as pa
import stamina

from okr_pipeline import clock
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.errors import SourceUnavailable

T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """Days from `first` to `last`, both included, in the source's time zone."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Stream:
    """One table of a source.

    `key` columns identify a row and are never null. `date` names the DATE column that a window selects by; None means a
    list without days, which every pull delivers whole. `restates`: for so many days after its day a number may still
    change at the source. `delay`: so many days may pass until the source has a day at all. `not_additive` says for a
    column why its days must not be added up. `changed`: the TIMESTAMP column (UTC) of a row's last change; a pull then
    also brings rows of other days that changed since its window began, and they replace their older versions by key.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    date: str | None
    description: str
    restates: int = 0
    delay: int = 0
    not_additive: Mapping[str, str] = field(default_factory=dict)
    changed: str | None = None


@dataclass(frozen=True)
class BadRow:
    """A row that a person has to mend: the file (or sheet) and line where it is, what is wrong with it, and its text."""

    place: str
    line: int
    problem: str
    content: str


@dataclass
class Said:
    """What the source said about one pull; the connector fills it in while it pulls.

    `available_through`: the last day that the source has delivered at all (None: the window's last day).
    `final_through`: the last day whose numbers will not change any more (None: today − 1 − `restates`).
    `notes`: JSON-able remarks worth keeping: sampled, thresholded, quota left, truncated, pages, total rows.
    `bad_rows`: rows that were left out, or for which the pull was rejected; they are kept in `ledger.quarantine`.
    """

    available_through: date | None = None
    final_through: date | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    bad_rows: list[BadRow] = field(default_factory=list)


class Connector(ABC):
    """One configured source. Subclasses set `Settings` to their own pydantic model of the YAML file."""

    Settings: ClassVar[type[Settings]]

    def __init__(self, name: str, settings: Any) -> None:
        self.name = name
        self.settings = settings
        self._out_of_patience = False

    @abstractmethod
    def streams(self) -> Sequence[Stream]:
        """The streams of this source, as configured. Opens no connection."""

    @abstractmethod
    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The rows of `window` in batches of `stream.schema`; raises SourceUnavailable, SourceRejected or DataRejected."""

    def state(self, stream: Stream) -> str | None:  # noqa: ARG002 - of those that can tell
        """What is another text once the source has something new, for one that can tell without being pulled, and cheaply.

        None: only a pull tells. It is asked every half minute, and raises nothing.
        """
        return None

    def patiently(self, request: Callable[[], T]) -> T:
        """Makes one request, again while the source is unavailable, for at most `retry_for` seconds in all.

        Waits as long as the source asked for (Retry-After), else exponentially with jitter. A source that was waited for
        in vain is asked only once by the streams that follow, until it answers.
        """

        limit = float(self.settings.retry_for)
        if not limit or self._out_of_patience:
            answer = request()
            self._out_of_patience = False
            return answer

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, SourceUnavailable):
                return False
            if not error.retry_after:
                return True
            return error.retry_after if error.retry_after < limit else False

        try:
            for attempt in stamina.retry_context(on=wait, attempts=None, timeout=limit, wait_initial=0.5, wait_max=20):
                with attempt:
                    return request()
        except SourceUnavailable:
            self._out_of_patience = True
            raise
        raise AssertionError("unreachable: stamina re-raises the last error")

    def default_final_through(self, stream: Stream) -> date:
        """The last day that is final when the source does not say: yesterday less the days it restates."""
        restates = self.settings.final_after if self.settings.final_after is not None else stream.restates
        return clock.today(self.settings.timezone) - timedelta(days=1 + restates)
