"""Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from okr_pipeline.connectors.sheets import Sheet, unwanted
from okr_pipeline.errors import DataRejected

BATCH = 50_000  # rows


def read_parquet(path: Path, wanted: Sequence[str]) -> Iterator[Sheet]:
    """The wanted columns in the types the file has, part by part; a row's line is its number from 1."""
    try:
        with parquet.ParquetFile(path) as file:
            extra = unwanted(path.name, file.schema_arrow.names, wanted)
            schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
            before = 0
            for batch in file.iter_batches(BATCH, columns=list(wanted)):
                lines = range(before + 1, before + batch.num_rows + 1)
                before += batch.num_rows
                table = pa.Table.from_batches([batch]).select(list(wanted))
                yield Sheet(path.name, table, extra, lambda lines=lines: lines)  # type: ignore[misc]
            if not before:
                yield Sheet(path.name, schema.empty_table(), extra, list)
    except pa.ArrowInvalid as error:
        raise DataRejected(f"{path.name}: is not Parquet: {error}. Export it again.") from None
