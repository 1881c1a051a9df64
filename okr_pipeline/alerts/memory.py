"""What people were told last: `<home>/alerts.sqlite`. The file also keeps `okr run` and the daemon from telling twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from okr_pipeline import clock
from okr_pipeline.scorecard.digest import Told

WAIT = 120.0  # seconds for another process that is telling just now

_TABLE = """
CREATE TABLE IF NOT EXISTS told (
    at TIMESTAMP NOT NULL,      -- UTC
    as_of DATE NOT NULL,
    known_at TIMESTAMP NOT NULL, -- the newest load that it rests on
    alarms TEXT NOT NULL,       -- failed, late; separated by commas
    subject TEXT NOT NULL,
    delivered INTEGER NOT NULL  -- how many addresses took it
)"""


@dataclass
class Memory:
    """An open memory: nobody else tells meanwhile."""

    connection: sqlite3.Connection

    def last(self, *, delivered: bool = True) -> tuple[datetime, Told] | None:
        """When (aware, UTC) and what people were told last; or, not only `delivered`, what was last tried."""
        row = self.connection.execute(
            "SELECT at, as_of, known_at, alarms FROM told WHERE delivered > 0 OR NOT ? ORDER BY rowid DESC LIMIT 1",
            [delivered],
        ).fetchone()
        if row is None:
            return None
        alarms = frozenset(filter(None, row[3].split(",")))
        known_at = datetime.fromisoformat(row[2])
        return datetime.fromisoformat(row[0]), Told(date.fromisoformat(row[1]), known_at, alarms)

    def keep(self, told: Told, subject: str, delivered: int) -> None:
        """Remembers what was told."""
        row = (clock.now().astimezone(UTC), told.as_of, told.known_at, ",".join(sorted(told.alarms)), subject)
        self.connection.execute("INSERT INTO told VALUES (?, ?, ?, ?, ?, ?)", (*map(str, row), delivered))


@contextmanager
def memory(home: Path) -> Iterator[Memory]:
    """Opens it, alone; waits for another process that has it open."""
    home.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(home / "alerts.sqlite", timeout=WAIT, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_TABLE)
        yield Memory(connection)
        connection.execute("COMMIT")
    finally:
        connection.close()
