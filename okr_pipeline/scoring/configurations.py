"""The configurations that scores were made with, kept under the hashes that score rows name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from okr_pipeline.config import Config
from okr_pipeline.config.document import listing


def remember(connection: duckdb.DuckDBPyConnection, config: Config, load: int) -> None:
    """Keeps what is new of a configuration, in the caller's transaction."""
    known = {row[0] for row in connection.execute("SELECT hash FROM ledger.configurations").fetchall()}
    new: dict[str, tuple[str | None, str]] = {
        v.configuration: (v.id, v.document) for v in config.versions if v.configuration not in known
    }
    if config.hash not in known:
        new[config.hash] = (None, orjson.dumps(listing(config)).decode())
    if new:
        rows = [(name, key_result, load, found) for name, (key_result, found) in new.items()]
        names = ["hash", "key_result", "load", "document"]
        connection.register("remembered", pa.table([*zip(*rows, strict=True)], names=names))
        connection.execute("INSERT INTO ledger.configurations BY NAME SELECT * FROM remembered")
        connection.unregister("remembered")


def recall(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    """The document kept under a hash. KeyError when there is none."""
    return recall_all(connection, [name])[name]


def recall_all(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The documents kept under these hashes, by hash; without those that are not there."""
    query = "SELECT hash, document FROM ledger.configurations WHERE hash IN (SELECT UNNEST(?))"
    return {name: json.loads(found) for name, found in connection.execute(query, [[*names]]).fetchall()}


def scored_ever(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Every key result that was ever scored, those that were removed included."""
    query = "SELECT DISTINCT key_result FROM ledger.configurations WHERE key_result IS NOT NULL ORDER BY key_result"
    return [row[0] for row in connection.execute(query).fetchall()]
