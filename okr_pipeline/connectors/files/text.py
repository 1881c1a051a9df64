"""The text of a file, whichever encoding it is in, without ever holding all of it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from okr_pipeline.errors import DataRejected

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
NAMES = {"windows-874": "cp874"}  # as Windows and the web write it; Python knows it by its number alone


def encoding(value: str) -> str:
    """Python's name for an encoding; ValueError when it knows none such."""
    name = NAMES.get(value.lower(), value)
    try:
        "a".encode(name)  # codecs has others too, which are not of text
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(
            f"{value!r} is no known encoding; write for example `windows-874`, `tis-620`, `utf-16` or `utf-8`"
        ) from None


def encoding_of(path: Path, declared: str | None) -> str:
    """The encoding of a text file: as its byte order mark says, else as declared, else UTF-8.

    Nothing is guessed: bytes that are Thai in Windows-874 are words, if other ones, in most other encodings too.
    """
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), None) or declared or "utf-8"


@contextmanager
def opened(path: Path, declared: str | None, newline: str) -> Iterator[TextIO]:
    """The file as text, read piece by piece; DataRejected names the line that is none. `newline` as `open` has it."""
    used = encoding_of(path, declared)
    try:
        with path.open(encoding=used, newline=newline) as text:
            yield text
    except UnicodeError:  # UTF-16 without its mark is a plain one
        raise DataRejected(
            f"{path.name}:{_line(path, used)}: is not {used.removesuffix('-sig').upper()} text. "
            f"{'Mend `encoding`' if declared else 'Write its `encoding` (windows-874, say)'}, or save it as `CSV UTF-8`."
        ) from None


def _line(path: Path, used: str) -> int:
    """The line of the first bytes that are no text."""
    data = path.read_bytes()  # whole: a piece does not tell where in the file it is
    try:
        data.decode(used)
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    except UnicodeError:
        pass
    return 1
