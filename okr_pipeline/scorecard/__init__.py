"""snapshot → scorecard: the page that people read."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import duckdb

from okr_pipeline.config import Config


def write(snapshot: Path, config: Config, as_of: date) -> Path:
    """Writes `scorecard.html` beside the published snapshot, as of a day, and puts it in place in one step."""
    from okr_pipeline.scorecard.page import read, render

    connection = duckdb.connect(snapshot, read_only=True)
    try:
        html = render(read(connection, config, as_of))
    finally:
        connection.close()
    page = snapshot.with_name("scorecard.html")
    unfinished = page.with_suffix(".unfinished")
    unfinished.write_text(html, encoding="utf-8")
    os.replace(unfinished, page)  # noqa: PTH105 - the atomic call, by its own name
    return page


__all__ = ["write"]
