"""The sandbox's CRM: a real SQLite database whose view `leads` shows what the CRM knew at the hour of its clock.

Edit `crm_leads` to change the truth. A lead shows in `leads` once it was entered (`arrives_at`, where that was later
than `created_at`), and as `new` until the instant it qualified.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from okr_pipeline.clock import now as clock_now

SEED = 25_700
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)  # days of creation, in Bangkok
BANGKOK = np.timedelta64(7, "h")
SOURCES = ("organic search", "paid search", "referral", "event", "LINE OA")
QUALIFIES = (0.64, 0.57, 0.68, 0.50, 0.59)  # by source, sooner or later
TABLES = """
CREATE TABLE crm_leads (
  lead_id TEXT PRIMARY KEY, created_at TEXT NOT NULL, source TEXT NOT NULL, stage TEXT NOT NULL,
  mql_at TEXT, arrives_at TEXT
);
CREATE TABLE clock (now TEXT NOT NULL);
CREATE VIEW leads AS
SELECT lead_id, created_at, source,
  CASE WHEN datetime(mql_at) <= now THEN stage ELSE 'new' END AS stage,
  CASE WHEN datetime(mql_at) <= now THEN mql_at END AS mql_at
FROM crm_leads CROSS JOIN clock
WHERE datetime(created_at) <= now AND (arrives_at IS NULL OR datetime(arrives_at) <= now);
"""


def seed(folder: Path) -> None:
    """Writes `crm.sqlite` if it is absent, with its clock at the present."""
    path = _path(folder)
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as database, database:
        database.executescript(TABLES)
        database.execute("INSERT INTO clock VALUES (?)", (_text(clock_now()),))
        database.executemany("INSERT INTO crm_leads VALUES (?, ?, ?, ?, ?, ?)", _leads())
    unfinished.replace(path)


def deliver(folder: Path, now: datetime) -> None:
    """Sets the CRM's clock to an aware instant."""
    with closing(sqlite3.connect(_path(folder))) as database, database:
        database.execute("UPDATE clock SET now = ?", (_text(now),))


def env(folder: Path) -> dict[str, str]:
    """What the shipped configuration needs to read this database."""
    return {"CRM_DATABASE_URL": f"sqlite:///{_path(folder).absolute()}"}


def _path(folder: Path) -> Path:
    return folder / "crm.sqlite"


def _text(instant: datetime) -> str:
    return str(np.datetime64(int(instant.timestamp()), "s")).replace("T", " ")


def _leads() -> list[tuple[str | None, ...]]:
    rng = np.random.default_rng(SEED)
    days = np.arange(np.datetime64(FIRST), np.datetime64(LAST) + 1)
    day = np.repeat(days, rng.integers(8, 15, len(days)))
    size = len(day)
    # Most come in the working day, and some around midnight, when Bangkok's day and UTC's differ in every direction.
    hour = np.where(rng.random(size) < 0.85, rng.normal(13.5, 3.2, size), rng.choice([0.2, 6.9, 23.8], size))
    second = np.clip(hour * 3600 + rng.integers(-600, 600, size), 0, 86_399).astype("timedelta64[s]")
    created = np.sort(day.astype("datetime64[s]") + second - BANGKOK)
    source = rng.choice(len(SOURCES), size, p=[0.38, 0.22, 0.16, 0.08, 0.16])
    qualifies = rng.random(size) < np.array(QUALIFIES)[source]
    wait = (rng.beta(1.1, 3.0, size) * 14 * 86_400).astype("timedelta64[s]")
    late = rng.random(size) < 0.012  # entered by hand, one or two days after
    arrives = created + rng.integers(86_400, 2 * 86_400, size).astype("timedelta64[s]")
    qualified = np.where(late, np.maximum(created + wait, arrives), created + wait)
    return [
        (f"L-{number:05d}", *row)
        for number, row in enumerate(
            zip(
                _texts(created),
                np.array(SOURCES)[source].tolist(),
                np.where(qualifies, "mql", "new").tolist(),
                _texts(np.where(qualifies, qualified, np.datetime64("NaT"))),
                _texts(np.where(late, arrives, np.datetime64("NaT"))),
                strict=True,
            ),
            start=1,
        )
    ]


def _texts(instants: npt.NDArray[Any]) -> list[str | None]:
    return [None if text == "NaT" else text.replace("T", " ") for text in np.datetime_as_string(instants, "s").tolist()]
