"""Nights on which sources fail at random end in the same tables as nights on which none does.

A short row of nights in the suite; OKR_NIGHTS=60 for the long one.
"""

from __future__ import annotations

import os
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from conftest import contents

LAST = date(2026, 11, 30)
NIGHTS = int(os.environ.get("OKR_NIGHTS", "4"))
KINDS = {
    "ga4": ("refused", "429", "500", "403", "malformed"),
    "search": ("refused", "500", "401", "malformed"),
    "email": ("refused", "429", "500", "403", "malformed"),
    "crm": ("refused",),
    "files": ("missing",),
}


def weather(seed: int, nights: int) -> list[str]:
    """Faults for each night: every source is down on three nights in ten, often on several in a row; none on the last."""
    chance, down = random.Random(seed), dict.fromkeys(KINDS, "")
    said = []
    for _ in range(nights - 1):
        for source, kinds in KINDS.items():
            stays = chance.random() < (0.6 if down[source] else 0.17)
            down[source] = (chance.choice(kinds) if not down[source] else down[source]) if stays else ""
        said.append(",".join(f"{source}={kind}" for source, kind in down.items() if kind))
    return [*said, ""]


def test_nights_with_faults_end_as_nights_without(tmp_path: Path, night: Any, impatient: Path) -> None:
    days = [LAST - timedelta(days=back) for back in reversed(range(NIGHTS))]
    faults = weather(2624, NIGHTS)
    failed: set[str] = set()
    for day, broken in zip(days, faults, strict=True):
        assert night(tmp_path / "clean", day, config=impatient) == {}
        failed |= night(tmp_path / "faulty", day, config=impatient, faults=broken).keys()
    assert {table.partition("_")[0] for table in failed} == set(KINDS), "every source has failed at least once"
    clean, faulty = contents(tmp_path / "clean"), contents(tmp_path / "faulty")
    assert clean.keys() == faulty.keys()
    for table, rows in clean.items():
        assert faulty[table] == rows, table
