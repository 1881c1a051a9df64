"""Sources side by side: one thread pulls each source, stream after stream, while steps land what is there one by one.

A source is never asked by two threads, so its quotas and its order of windows hold; the warehouse has its one writer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import date
from itertools import groupby

from okr_pipeline.config import Table
from okr_pipeline.connectors.contract import Window
from okr_pipeline.ingest import Pulled, due, ingest, pull, settle
from okr_pipeline.warehouse import Load, Warehouse


class Ahead:
    """The pulls of one run, all begun at once; rows wait on disk until they are asked for."""

    def __init__(self, warehouse: Warehouse, tables: Sequence[Table], first: date, last: date, earliest: date) -> None:
        self._warehouse, self._days = warehouse, (first, last, earliest)
        with warehouse.open() as connection:
            windows = {table.name: due(connection, table, *self._days) for table in tables}
        self.seconds: dict[str, float] = {}  # that each pull took, by table
        self._pulls: dict[str, Future[Pulled]] = {table.name: Future() for table in tables}
        for name, streams in groupby(sorted(tables, key=_source), _source):
            turns = [(table, windows[table.name], self._pulls[table.name]) for table in streams]
            threading.Thread(target=self._in_turn, args=(turns,), daemon=True, name=f"okr-pull-{name}").start()

    def landed(self, table: Table) -> Load:
        """Waits for a table's pull and lands it, see `ingest`; one that was not begun, or is asked for again, is pulled now."""
        pulled = self._pulls.pop(table.name, None)
        return settle(self._warehouse, pulled.result()) if pulled else ingest(self._warehouse, table, *self._days)

    def _in_turn(self, turns: Sequence[tuple[Table, Window, Future[Pulled]]]) -> None:
        for table, window, waiting in turns:
            begun = time.monotonic()
            try:
                pulled = pull(table, window)
            except BaseException as error:  # noqa: BLE001 - raised in the step that waits for it
                waiting.set_exception(error)
            else:
                self.seconds[table.name] = time.monotonic() - begun
                waiting.set_result(pulled)


def _source(table: Table) -> str:
    return table.connector.name
