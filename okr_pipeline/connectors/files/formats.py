"""Which reader reads which file, by the ending of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from okr_pipeline.connectors.sheets import Sheet


@dataclass(frozen=True)
class How:
    """What a file does not say about itself: its encoding, the character between its cells, the sheet of a workbook."""

    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None


def read(path: Path, wanted: Sequence[str], how: How) -> Iterator[Sheet]:
    """The file's wanted columns, in one part or several; DataRejected begins with the file's name."""
    return READERS[path.suffix.lower()](path, wanted, how)


def _delimited(path: Path, wanted: Sequence[str], how: How) -> Iterator[Sheet]:
    from okr_pipeline.connectors.files.delimited import read_delimited

    yield from read_delimited(
        path, wanted, how.encoding, how.separator or ("," if path.suffix.lower() == ".csv" else "\t")
    )


def _json_lines(path: Path, wanted: Sequence[str], how: How) -> Iterator[Sheet]:
    from okr_pipeline.connectors.files.json_lines import read_json_lines

    yield from read_json_lines(path, wanted, how.encoding)


def _workbook(path: Path, wanted: Sequence[str], how: How) -> Iterator[Sheet]:
    from okr_pipeline.connectors.files.workbook import read_workbook

    yield from read_workbook(path, wanted, how.sheet)


def _parquet(path: Path, wanted: Sequence[str], _: How) -> Iterator[Sheet]:
    from okr_pipeline.connectors.files.columnar import read_parquet

    yield from read_parquet(path, wanted)


READERS: dict[str, Callable[[Path, Sequence[str], How], Iterator[Sheet]]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".tab": _delimited,
    ".txt": _delimited,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
    ".xls": _workbook,
    ".xlsx": _workbook,
    ".xlsb": _workbook,
    ".ods": _workbook,
}
