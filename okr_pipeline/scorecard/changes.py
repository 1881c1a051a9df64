"""What is different between two days: which key results changed status, are held or no longer, or moved far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okr_pipeline.config import Config, KeyResult

Row = Mapping[str, Any]  # a row of scores.key_results


@dataclass(frozen=True)
class Change:
    """A key result whose status differs from before (status), began or ceased to be held (held, back), or moved (score)."""

    result: KeyResult
    kind: str
    before: Row
    now: Row


_FAR = 0.1  # of the way: what is told as a move


def changes(config: Config, before: Mapping[str, Row], now: Mapping[str, Row], *, moves: bool = False) -> list[Change]:
    """In the configuration's order, with `moves` also the scores that moved far, after the others.

    Rows are by key result. One without a row before was not there to change.
    """
    told, moved = [], []
    for result in config.key_results.values():
        if result.id not in before or result.id not in now:
            continue
        old, new = before[result.id], now[result.id]
        if old["status"] != new["status"]:
            told.append(Change(result, "status", old, new))
        elif bool(old["held_from"]) != bool(new["held_from"]):
            told.append(Change(result, "held" if new["held_from"] else "back", old, new))
        elif moves and abs((new["score"] or 0) - (old["score"] or 0)) >= _FAR:
            moved.append(Change(result, "score", old, new))
    return told + moved
