"""A small organisation whose sources restate, fail and drop rows, night after night."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from quarter import FIRST

sys.path.insert(0, str(Path(__file__).parents[1] / "scoring"))
from world import World, configuration


@pytest.fixture
def organisation(tmp_path: Path) -> Callable[..., World]:
    """`organisation([key results], world=…)`: a world, or the same one under another configuration."""
    made = 0

    def make(key_results: list[dict[str, Any]], world: World | None = None) -> World:
        nonlocal made
        made += 1
        config = configuration(tmp_path / f"config{made}", {"o": key_results}, "FY2570-Q1")
        if world is None:
            return World(config)
        world.config = config
        return world

    return make


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], date]:
    """`night(3)`: it is five in the morning of 4 October; returns 3 October, the day to score."""

    def falls(number: int) -> date:
        day = FIRST + timedelta(number - 1)
        monkeypatch.setenv("OKR_NOW", f"{day + timedelta(1)}T05:00:00+00:00")
        return day

    return falls
