"""The drop folder: which files of it are a stream, and what a pull says about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field, model_validator

from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.files import text
from okr_pipeline.connectors.files.formats import READERS, How, read
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.sheets import Sheet, SheetStream, Sieve
from okr_pipeline.connectors.tables import Name
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable

BATCH = 50_000  # rows


def _pattern(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{value} leaves the folder; write a name or pattern below it, such as `usage_*.csv`")
    if any("**" in part and part != "**" for part in path.parts):
        raise ValueError(
            f"{value}: `**` is any folders and stands alone between slashes; write `**/usage_*.csv`, or one `*`"
        )
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{value} ends in no known kind of file; write one of {', '.join(READERS)}")
    return value


def _separator(value: str) -> str:
    if not re.fullmatch(r"[\t -!#-~]", value):
        raise ValueError(f'{value!r} separates no cells; write one plain character, such as ";", "|" or "\\t" (a tab)')
    return value


class FileStream(SheetStream):
    """The files that match a pattern: all of them as one table, or the one that was changed last.

    `delay` above 0 makes it a regular export, which may be late. `encoding` and `separator` are for text files that are
    neither UTF-8 nor marked, or not separated as their ending says; `sheet` names another than a workbook's first.
    """

    files: Annotated[str, AfterValidator(_pattern)]
    take: Literal["all", "newest"] = "all"
    encoding: Annotated[str, AfterValidator(text.encoding)] | None = None
    separator: Annotated[str, AfterValidator(_separator)] | None = None
    sheet: Name | None = None

    @model_validator(mode="after")
    def _for_such_files(self) -> Self:
        ending = PurePosixPath(self.files).suffix.lower()
        is_book = ending in {".xls", ".xlsx", ".xlsb", ".ods"}
        if self.sheet and not is_book:
            raise ValueError(f"{self.files} has no sheets; remove `sheet`")
        if self.encoding and (is_book or ending == ".parquet"):
            raise ValueError(f"{ending} files say their encoding themselves; remove `encoding`")
        if self.separator and ending not in {".csv", ".tsv", ".tab", ".txt"}:
            raise ValueError(f"{ending} files have no separator; remove `separator`")
        return self


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
        said.notes["files"] = {}
        sieve = Sieve(self.name, declared, said)
        for path in self._delivered(declared):
            for sheet in self._read(path, declared):
                table = declared.dated(sieve.conforming(sheet), self.settings.timezone)
                _note(said, path.name, table, sheet.extra, declared)
                yield from declared.within(table, window).to_batches(max_chunksize=BATCH)
        sieve.check()

    def state(self, stream: Stream) -> str | None:
        """The names, sizes and times of its files."""
        pattern = self.settings.streams[stream.name].files
        with suppress(OSError):  # a file that goes away meanwhile
            found = [(path.name, path.stat()) for path in _matching(Path(self.settings.folder), pattern)]
            told = "".join(f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in found)
            return sha256(told.encode()).hexdigest()
        return None

    def _delivered(self, declared: FileStream) -> list[Path]:
        folder = Path(self.settings.folder)
        if not folder.is_dir():
            raise SourceUnavailable(f"{self.name}: the folder {folder} is not there. Mount it, or mend `folder`.")
        found = _matching(folder, declared.files)
        if not found:
            raise SourceUnavailable(
                f"{self.name}: {declared.files} has not been delivered to {folder}. "
                "Put the file there; one with a header and no rows says that there is nothing."
            )
        if declared.take == "newest":
            return [max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))]
        return found

    def _read(self, path: Path, declared: FileStream) -> Iterator[Sheet]:
        how = How(declared.encoding, declared.separator, declared.sheet)
        try:
            before = path.stat()
            yield from read(path, list(declared.columns), how)
            after = path.stat()
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise SourceUnavailable(
                    f"{self.name}: {path.name} changed while it was read. Try again once it is written whole."
                )
        except DataRejected as error:
            raise DataRejected(f"{self.name}: {error}") from None
        except PermissionError:
            raise SourceRejected(f"{self.name}: {path.name} may not be read. Mend its permissions.") from None
        except OSError as error:
            message = f"{self.name}: {path.name} cannot be read: {error.strerror}. Check the folder's disk or share."
            raise SourceUnavailable(message) from None


def _matching(folder: Path, pattern: str) -> list[Path]:
    # Excel keeps a hidden twin of a file that somebody has open
    return sorted(path for path in folder.glob(pattern) if path.is_file() and path.name[0] not in ".~")


def _note(said: Said, name: str, table: pa.Table, extra: Sequence[str], declared: FileStream) -> None:
    said.notes["files"][name] = said.notes["files"].get(name, 0) + table.num_rows
    if extra:
        said.notes.setdefault("columns_left_out", {})[name] = list(extra)
    if declared.date is None:
        return
    days = table.column(declared.date)
    if days.null_count:
        without = said.notes.setdefault("rows_without_date", {})
        without[name] = without.get(name, 0) + days.null_count
    newest = pc.max(days).as_py()
    if declared.delay and newest is not None:
        said.available_through = max(newest, said.available_through or newest)
