"""Nights on which sources fail at random end in the same tables as nights on which none does.

A short row of nights in the suite; OKR_NIGHTS=60 for the long one, OKR_NIGHTS_BY=dagster for nights run by partition as
`okr run` does, and OKR_NIGHTS_SEED for other weather. On a disk that syncs slowly add --basetemp in memory.
"""

from __future__ import annotations

import os
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from homes import contents

LAST = date(2026, 11, 30)
NIGHTS = int(os.environ.get("OKR_NIGHTS", "4"))
SEED = int(os.environ.get("OKR_NIGHTS_SEED", "2624"))
BY_DAGSTER = os.environ.get("OKR_NIGHTS_BY") == "dagster"
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


def failed_ever(home: Path) -> set[str]:
    """The sources that have failed in a night."""
    with duckdb.connect(home / "published" / "okr.duckdb", read_only=True) as snapshot:
        query = "SELECT DISTINCT SPLIT_PART(table_name, '_', 1) FROM ledger.loads WHERE outcome <> 'landed'"
        return {source for (source,) in snapshot.execute(query).fetchall()}


def test_nights_with_faults_end_as_nights_without(tmp_path: Path, night: Any, okr: Any, impatient: Path) -> None:
    def run(home: str, day: date, faults: str = "") -> None:
        if not BY_DAGSTER:
            failed = night(tmp_path / home, day, config=impatient, faults=faults)
            assert bool(failed) == bool(faults), failed
            return
        asked = ("run", "--sandbox", "--home", tmp_path / home, "--config", impatient, "--date", day)
        ran = okr(*asked, OKR_SANDBOX_FAULTS=faults)
        assert ran.code == (2 if faults else 0), ran.out + ran.err

    days = [LAST - timedelta(days=back) for back in reversed(range(NIGHTS))]
    for day, broken in zip(days, weather(SEED, NIGHTS), strict=True):
        run("clean", day)
        run("faulty", day, broken)
    assert failed_ever(tmp_path / "clean") == set()
    assert failed_ever(tmp_path / "faulty") == set(KINDS), "every source has failed at least once"
    clean, faulty = contents(tmp_path / "clean"), contents(tmp_path / "faulty")
    assert clean.keys() == faulty.keys()
    for table, rows in clean.items():
        assert faulty[table] == rows, table
