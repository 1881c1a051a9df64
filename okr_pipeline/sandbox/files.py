"""The sandbox's drop folder: lists that are there from the start, and exports that arrive week by week, some late."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from okr_pipeline.sandbox.lists import END, LISTS, TEAM, Rows

SEED = 25_702
ARRIVES = time(9, tzinfo=ZoneInfo("Asia/Bangkok"))
TOOLS = {
    "CRM": 42,
    "Email": 24,
    "Analytics": 30,
    "Design studio": 18,
    "Project board": 48,
    "Social planner": 14,
}  # seats
LEARNERS = (*TEAM, "ชลธิชา", "Prasit")


@dataclass(frozen=True)
class Export:
    """A weekly export: the day of its first file, and how many days late some arrive."""

    name: str
    ending: str
    first: date
    rows: Callable[[date], Rows]
    late: dict[date, int]

    def arrived(self, now: datetime) -> Iterator[tuple[str, date]]:
        """The files that were delivered by an instant, with the day each reports."""
        for week in range((END - self.first).days // 7 + 1):
            day = self.first + timedelta(weeks=week)
            if datetime.combine(day + timedelta(days=self.late.get(day, 0)), ARRIVES) <= now:
                yield f"{self.name}_{day}{self.ending}", day


def seed(folder: Path) -> None:
    """Writes the lists that are absent."""
    for name, rows in LISTS.items():
        _write(folder / "files" / name, rows)


def deliver(folder: Path, now: datetime) -> None:
    """Writes the exports that were delivered by an aware instant and are absent."""
    for export in EXPORTS:
        for name, day in export.arrived(now):
            _write(folder / "files" / name, lambda day=day, export=export: export.rows(day))  # type: ignore[misc]


def env(folder: Path) -> dict[str, str]:
    """What the shipped configuration needs to read this folder."""
    return {"OKR_DROP_FOLDER": str((folder / "files").absolute())}


def tool_usage(day: date) -> Rows:
    """Seats and active users of each tool in the week from `day`; use grows through the year."""
    rng = np.random.default_rng([SEED, day.toordinal()])
    typical = 0.76 + 0.12 * (day - date(2026, 6, 1)).days / 161  # 88 % in the demo's last week
    share = np.clip(min(typical, 0.96) + rng.uniform(-0.03, 0.03, len(TOOLS)), 0, 1)
    active = np.rint(share * list(TOOLS.values())).astype(int).tolist()
    rows = zip(TOOLS.items(), active, strict=True)
    return [("week_of", "tool", "provisioned_users", "active_users"), *((day, *tool, users) for tool, users in rows)]


def training(day: date) -> Rows:
    """Each learner's standing on `day`: every quarter has its own modules, enrolled a week before it begins."""
    current = day + timedelta(days=7)
    start = date(current.year, (current.month - 1) // 3 * 3 + 1, 1)
    rng = np.random.default_rng([SEED, start.toordinal()])
    enrolled = rng.integers(8, 13, len(LEARNERS))
    pace = rng.normal(1.1, 0.2, len(LEARNERS)) * max((day - start).days + 1, 0) / 92
    completed = np.minimum(np.rint(enrolled * pace), enrolled).astype(int)
    rows = zip(LEARNERS, enrolled.tolist(), completed.tolist(), strict=True)
    return [("reported_on", "learner", "enrolled", "completed"), *((day, *row) for row in rows)]


TOOLS_LATE = {date(2026, 7, 13): 2, date(2026, 10, 19): 3, date(2027, 1, 4): 1}
TRAINING_LATE = {date(2026, 8, 14): 1, date(2026, 10, 30): 3, date(2027, 4, 16): 2}
EXPORTS = (
    Export("tool_usage", ".csv", date(2026, 6, 1), tool_usage, TOOLS_LATE),
    Export("training", ".parquet", date(2026, 6, 5), training, TRAINING_LATE),
)


def _write(path: Path, rows: Callable[[], Rows]) -> None:
    """Writes a file whole or not at all, and never over one that is there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    {".csv": _csv, ".xlsx": _excel, ".parquet": _parquet}[path.suffix](unfinished, rows())
    unfinished.replace(path)


def _csv(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _excel(path: Path, rows: Rows) -> None:
    import pandas as pd

    header, *body = rows
    numbers = [
        [float(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in body
    ]  # as Excel has them
    pd.DataFrame(numbers, columns=list(header)).to_excel(path, index=False, engine="openpyxl")


def _parquet(path: Path, rows: Rows) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    header, *body = rows
    columns = dict(zip(header, zip(*body, strict=True), strict=True))
    parquet.write_table(pa.table({str(name): list(cells) for name, cells in columns.items()}), path)
