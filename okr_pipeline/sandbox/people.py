"""The leads that the sandbox's CRM services tell of: who came when, from where, and how far each has got by now.

Truth is `people.csv`: instants in UTC, a later stage's is empty where it is never reached.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from okr_pipeline import clock

FILE = "people.csv"
FIRST, LAST = date(2026, 6, 1), date(2027, 9, 30)
SOURCES = ("ORGANIC_SEARCH", "PAID_SEARCH", "EMAIL_MARKETING", "SOCIAL_MEDIA", "OFFLINE")
STAGES = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")


@dataclass(frozen=True)
class Person:
    """`entered` has the stages reached by now, each with its instant."""

    number: int
    source: str
    entered: dict[str, datetime]

    @property
    def created(self) -> datetime:
        """When somebody became a lead."""
        return self.entered["lead"]


def seed(folder: Path) -> None:
    """Writes the truth if there is none: a few people a day, fewer of them a stage further each week."""
    path = folder / FILE
    if path.exists():
        return
    rng = np.random.default_rng(25_717)
    people = []
    for day in range((LAST - FIRST).days + 1):
        for _ in range(int(rng.integers(1, 7))):
            seconds = day * 86_400 + int(rng.integers(0, 86_400)) - 7 * 3600  # days of Bangkok
            instant = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(seconds=seconds)
            reached = [instant]
            while len(reached) < len(STAGES) and rng.random() < 0.55:
                reached.append(reached[-1] + timedelta(hours=int(rng.integers(12, 400))))
            people.append((instant, str(rng.choice(SOURCES)), reached))
    people.sort(key=lambda person: person[0])
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("number", "source", *STAGES))
        for number, (_, source, reached) in enumerate(people, start=1):
            later = [instant.isoformat() for instant in reached] + [""] * (len(STAGES) - len(reached))
            writer.writerow((number, source, *later))
    unfinished.replace(path)


def created_between(folder: Path, since: datetime, before: datetime) -> Iterator[Person]:
    """Those who came in a span of time, oldest first, as they stand now."""
    now = clock.now()
    with (folder / FILE).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            reached = {stage: datetime.fromisoformat(row[stage]) for stage in STAGES if row[stage]}
            entered = {stage: instant for stage, instant in reached.items() if instant <= now}
            if "lead" in entered and since <= entered["lead"] < before:
                yield Person(int(row["number"]), row["source"], entered)
