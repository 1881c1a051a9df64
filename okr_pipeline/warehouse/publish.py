"""Publishing: people read a snapshot, so that an analyst's open file never blocks the night. It is also the backup."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from okr_pipeline.warehouse.engine import Warehouse


def publish(warehouse: Warehouse, beside: Callable[[Path], Mapping[str, bytes]] | None = None) -> Path:
    """Copies the warehouse to `published/okr.duckdb`, whole and compacted, and puts it in place in one step.

    `beside` makes what belongs beside it, by file name, from the copy before anybody reads it: so the page and the snapshot
    change together, and where one cannot be made, what was published last stays as it is.
    """
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
    put(target.parent, beside(unfinished) if beside else {}, {unfinished: target})
    return target


def put(folder: Path, contents: Mapping[str, bytes], ready: Mapping[Path, Path] | None = None) -> None:
    """Writes files into a folder, each whole or not at all: all are written first, then put in place one right after another.

    `ready` are written already: where each lies, and its place.
    """
    places = dict(ready or {})
    for name, content in contents.items():
        unfinished = folder / f"{name}.unfinished"
        unfinished.write_bytes(content)
        places[unfinished] = folder / name
    for unfinished, place in places.items():
        os.replace(unfinished, place)  # noqa: PTH105 - the atomic call, by its own name


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
