"""Publishing: people read a snapshot, so that an analyst's open file never blocks the night. It is also the backup."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from okr_pipeline.warehouse.engine import Warehouse


def publish(warehouse: Warehouse) -> Path:
    """Copies the warehouse to `published/okr.duckdb`, whole and compacted, and puts it in place in one step."""
    target = warehouse.home / "published" / "okr.duckdb"
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    connection = duckdb.connect(":memory:")
    try:
        source = f"ATTACH '{_literal(warehouse.path)}' AS warehouse (READ_ONLY)"
        warehouse.when_free(lambda: connection.execute(source))
        connection.execute(f"ATTACH '{_literal(unfinished)}' AS snapshot")
        connection.execute("COPY FROM DATABASE warehouse TO snapshot")
    finally:
        connection.close()
    os.replace(unfinished, target)  # noqa: PTH105 - the atomic call, by its own name
    return target


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
