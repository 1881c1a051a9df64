"""What is different between two days: which key results changed status, and which are newly held or no longer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from okr_pipeline.config import Config, KeyResult

Row = Mapping[str, Any]  # a row of scores.key_results


@dataclass(frozen=True)
class Change:
    """A key result whose status differs from before (`kind` status), or that began or ceased to be held (held, back)."""

    result: KeyResult
    kind: str
    before: Row
    now: Row


def changes(config: Config, before: Mapping[str, Row], now: Mapping[str, Row]) -> Iterator[Change]:
    """In the configuration's order; rows are by key result. One without a row before was not there to change."""
    for result in config.key_results.values():
        if result.id not in before or result.id not in now:
            continue
        old, new = before[result.id], now[result.id]
        if old["status"] != new["status"]:
            yield Change(result, "status", old, new)
        elif bool(old["held_from"]) != bool(new["held_from"]):
            yield Change(result, "held" if new["held_from"] else "back", old, new)
