"""The page in a few lines of Markdown: what Dagster shows beside the asset."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from okr_pipeline.config import Config
from okr_pipeline.scorecard.words import Words
from okr_pipeline.scoring import objectives_as_of, scores_as_of


def preview(snapshot: Path, config: Config, as_of: date) -> str:
    """How many key results are on track, and a line for each objective."""
    w = Words(config.organisation.language, as_of)
    with duckdb.connect(snapshot, read_only=True) as connection:
        statuses = scores_as_of(connection, config, as_of).column("status").to_pylist()
        rows = {row["objective"]: row for row in objectives_as_of(connection, config, as_of).to_pylist()}
    lines = [
        f"| {_cell(w.text(objective.title))} | {w.share(row['score'])} | {w.share(row['expected'])} | {w(row['status'])} |"
        for objective in config.objectives
        if (row := rows.get(objective.id))
    ]
    head = f"{w.as_of(as_of, None)}: {w.headline(statuses)}"
    columns = f"| | {w('ground_score')} | {w('pace')} | {w('status')} |"
    return "\n".join([head, "", columns, "|---|---|---|---|", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
