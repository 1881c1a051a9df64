"""CSV and TSV: text with a character between its cells."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from okr_pipeline.connectors.columns import empty_is_null
from okr_pipeline.connectors.contract import BadRow
from okr_pipeline.connectors.files.text import encoding_of, opened
from okr_pipeline.connectors.sheets import MOST, Sheet, unwanted
from okr_pipeline.errors import DataRejected

Skip = Callable[[arrow_csv.InvalidRow], str]
PIECE = 2**20  # bytes that are read at a time; no row may reach into a third piece
csv.field_size_limit(2 * PIECE)  # of all of Python's own readers: more than a row that Arrow takes


def read_delimited(path: Path, wanted: Sequence[str], encoding: str | None, separator: str) -> Iterator[Sheet]:
    """The wanted columns as text, part by part; rows with more or fewer cells than the header has are bad ones."""
    lines = _Lines(path, encoding, separator)
    if lines.quotes() % 2 and (line := lines.unclosed()):  # Arrow would take the rest of the file for one cell
        raise DataRejected(f"{path.name}:{line}: a quote is not closed. Close it, or double it.")
    extra = unwanted(path.name, lines.header(), wanted)
    odd: list[arrow_csv.InvalidRow] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip" if len(odd) <= MOST else "error"

    read = told = 0
    try:
        with (
            pa.OSFile(str(path)) as file,
            pa.transcoding_input_stream(file, encoding_of(path, encoding), "utf-8") as source,
            _reader(source, wanted, separator, skip) as reader,
        ):
            for batch in reader:
                columns = [empty_is_null(pa.chunked_array([column])) for column in batch.columns]
                bad = [lines.bad(row) for row in odd[told:]]
                told += len(bad)
                found = partial(lines.of, read, batch.num_rows, odd)
                read += batch.num_rows
                yield Sheet(path.name, pa.table(columns, names=list(wanted)), extra, found, bad)
    except pa.ArrowInvalid as error:
        if len(odd) > MOST:
            raise DataRejected(
                f"{path.name}: more than {MOST} rows have {odd[0].actual_columns} cells or so, where the header has "
                f"{odd[0].expected_columns}. Export it again."
            ) from None
        if "straddling" in str(error):
            raise DataRejected(
                f"{path.name}: has a row of more than {PIECE:,} bytes. Shorten its longest cell."
            ) from None
        if lines.begins:  # a header whose line has no end is empty to Arrow
            raise DataRejected(f"{path.name}: is not CSV: {error}. Export it again.") from None
    if not read or odd[told:]:
        nothing = pa.table([pa.array([], pa.string()) for _ in wanted], names=list(wanted))
        yield Sheet(path.name, nothing, extra, list, [lines.bad(row) for row in odd[told:]])


def _reader(source: pa.NativeFile, wanted: Sequence[str], separator: str, skip: Skip) -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        source,
        # Without threads, else the odd rows have no number.
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=PIECE),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=skip),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()), include_columns=list(wanted), strings_can_be_null=False
        ),
    )


@dataclass
class _Lines:
    """The same file read by Python's own reader, which is slow and knows the lines: a quoted cell may span several."""

    path: Path
    encoding: str | None
    separator: str

    def quotes(self) -> int:
        """How many quotes there are; also proves that all of it is text."""
        with opened(self.path, self.encoding, "") as text:
            return sum(piece.count('"') for piece in iter(lambda: text.read(PIECE), ""))

    def header(self) -> list[str]:
        """The names of the columns; none in an empty file."""
        with opened(self.path, self.encoding, "") as text:
            return next(filter(None, csv.reader(text, delimiter=self.separator)), [])

    @cached_property
    def begins(self) -> list[int]:
        """The line at which each row after the header begins; blank lines are no rows."""
        begins, last = [], 0
        with opened(self.path, self.encoding, "") as text:
            reader = csv.reader(text, delimiter=self.separator)
            for cells in reader:
                if cells:
                    begins.append(last + 1)
                last = reader.line_num
        return begins[1:]

    def of(self, first: int, count: int, odd: Sequence[arrow_csv.InvalidRow]) -> list[int]:
        """The lines of `count` rows from the one with the number `first` on, not counting the odd ones."""
        skipped = {_number(row) for row in odd}
        return [line for row, line in enumerate(self.begins) if row not in skipped][first : first + count]

    def bad(self, row: arrow_csv.InvalidRow) -> BadRow:
        """A row that has not as many cells as the header."""
        return BadRow(
            self.path.name,
            self.begins[_number(row)],
            f"has {row.actual_columns} cells where the header has {row.expected_columns}: {row.text[:80]!r}. "
            "Quote cells that hold a comma.",
            row.text,
        )

    def unclosed(self) -> int | None:
        """The line of the row in which a quote is opened and never closed."""
        last = 0
        with opened(self.path, self.encoding, "") as text:
            reader = csv.reader(text, delimiter=self.separator, strict=True)
            try:
                for _ in reader:
                    last = reader.line_num
            except csv.Error:
                return last + 1
        return None


def _number(row: arrow_csv.InvalidRow) -> int:
    """Of a row after the header, from 0: Arrow counts from 1, the header's, without the blank lines."""
    return int(row.number) - 2
