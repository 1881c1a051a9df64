"""snapshot → scorecard: the page that people read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from okr_pipeline.config import Config
from okr_pipeline.published import put, write_files


def write(snapshot: Path, config: Config, as_of: date) -> Path:
    """Writes `scorecard.html` beside the published snapshot, as of a day, and the same figures as files beside it.

    Each is put in place in one step.
    """
    from okr_pipeline.scorecard.page import read, render

    connection = duckdb.connect(snapshot, read_only=True)
    try:
        html = render(read(connection, config, as_of))
        write_files(connection, snapshot.parent, as_of)
    finally:
        connection.close()
    page = snapshot.with_name("scorecard.html")
    put(page, html.encode())
    return page


__all__ = ["write"]
