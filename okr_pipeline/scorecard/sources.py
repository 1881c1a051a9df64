"""Sources that failed, as people are told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from okr_pipeline.config import Config, KeyResult
from okr_pipeline.night import Trouble, troubles


@dataclass(frozen=True)
class Source:
    """A source whose newest pull failed, for one reason."""

    name: str
    reason: str
    messages: Sequence[str]
    key_results: Sequence[KeyResult]


def failed_sources(
    connection: duckdb.DuckDBPyConnection, config: Config, known_at: datetime | None = None
) -> Iterator[Source]:
    """A source fails as a whole more often than one of its streams does: said once for each reason.

    As it was known at an instant (naive UTC), or is now.
    """
    together: dict[tuple[str, str], list[Trouble]] = {}
    for trouble in troubles(connection, config, known_at):
        together.setdefault((config.tables[trouble.table].connector.name, trouble.reason), []).append(trouble)
    for (name, reason), found in together.items():
        ids = {result for trouble in found for result in trouble.key_results}
        resting = [result for result in config.key_results.values() if result.id in ids]
        yield Source(name, reason, list(dict.fromkeys(trouble.message for trouble in found)), resting)
