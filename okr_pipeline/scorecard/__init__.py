"""snapshot → scorecard: the page that people read, and the same figures as files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from okr_pipeline.config import Config
from okr_pipeline.published import figures, scored_day
from okr_pipeline.warehouse import put

PAGE = "scorecard.html"


def made(snapshot: Path, config: Config, as_of: date | None = None) -> dict[str, bytes]:
    """What belongs beside a snapshot, by file name: `scorecard.html`, and the same figures as files.

    As of a day; default: the last that is scored.
    """
    from okr_pipeline.scorecard.page import read, render

    connection = duckdb.connect(snapshot, read_only=True)
    try:
        day = as_of or scored_day(connection, None, None)
        return {PAGE: render(read(connection, config, day)).encode(), **figures(connection, day)}
    finally:
        connection.close()


def write(snapshot: Path, config: Config, as_of: date) -> Path:
    """Makes it anew beside a snapshot that is published already; returns the page."""
    put(snapshot.parent, made(snapshot, config, as_of))
    return snapshot.with_name(PAGE)


__all__ = ["PAGE", "made", "write"]
