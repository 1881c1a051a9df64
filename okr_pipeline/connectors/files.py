"""Files: a folder into which people and programs drop CSV, Excel and Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field

from okr_pipeline.connectors.columns import conform
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.spreadsheets import READERS, Sheet, read
from okr_pipeline.connectors.tables import Name, TableStream
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable

BATCH = 50_000  # rows


def _pattern(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{value} leaves the folder; write a name or pattern below it, such as `usage_*.csv`")
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{value} ends in no known kind of file; write one of {', '.join(READERS)}")
    return value


class FileStream(TableStream):
    """The files that match a pattern, as one table. `delay` above 0 makes it a regular export, which may be late."""

    files: Annotated[str, AfterValidator(_pattern)]


class FileSettings(Settings):
    """`okr_config/connectors/<name>.yaml` of a drop folder."""

    folder: Name
    streams: dict[Name, FileStream] = Field(min_length=1)


class Files(Connector):
    """A drop folder; the first row of a file names its columns."""

    Settings = FileSettings

    def streams(self) -> Sequence[Stream]:
        """One stream for each declared pattern."""
        return [each.stream(name, f"Files {each.files}") for name, each in self.settings.streams.items()]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The window's rows, file by file in the order of their names."""
        declared: FileStream = self.settings.streams[stream.name]
        source = declared.source_schema()
        said.notes["files"] = {}
        for path in self._delivered(declared):
            sheet = self._read(path, source.names)

            def where(row: int, name: str = path.name, sheet: Sheet = sheet) -> str:
                return f"{self.name}: {name}:{sheet.line(row)}"

            table = declared.dated(conform(sheet.table, source, where), self.settings.timezone)
            _note(said, path.name, table, sheet.extra, declared)
            yield from declared.within(table, window).to_batches(max_chunksize=BATCH)

    def _delivered(self, declared: FileStream) -> list[Path]:
        folder = Path(self.settings.folder)
        if not folder.is_dir():
            raise SourceUnavailable(f"{self.name}: the folder {folder} is not there. Mount it, or mend `folder`.")
        # Excel keeps a hidden twin of a file that somebody has open
        found = sorted(path for path in folder.glob(declared.files) if path.is_file() and path.name[0] not in ".~")
        if not found:
            raise SourceUnavailable(
                f"{self.name}: {declared.files} has not been delivered to {folder}. "
                "Put the file there; one with a header and no rows says that there is nothing."
            )
        return found

    def _read(self, path: Path, columns: Sequence[str]) -> Sheet:
        def attempt() -> Sheet:
            try:
                return read(path, columns)
            except DataRejected as error:
                raise DataRejected(f"{self.name}: {error}") from None
            except PermissionError:
                raise SourceRejected(f"{self.name}: {path.name} may not be read. Mend its permissions.") from None
            except OSError as error:
                message = (
                    f"{self.name}: {path.name} cannot be read: {error.strerror}. Check the folder's disk or share."
                )
                raise SourceUnavailable(message) from None

        return self.patiently(attempt)


def _note(said: Said, name: str, table: pa.Table, extra: Sequence[str], declared: FileStream) -> None:
    said.notes["files"][name] = table.num_rows
    if extra:
        said.notes.setdefault("columns_left_out", {})[name] = list(extra)
    if declared.date is None:
        return
    days = table.column(declared.date)
    if days.null_count:
        said.notes.setdefault("rows_without_date", {})[name] = days.null_count
    newest = pc.max(days).as_py()
    if declared.delay and newest is not None:
        said.available_through = max(newest, said.available_through or newest)
