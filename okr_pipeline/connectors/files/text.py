"""The text of a file, whichever encoding it is in."""

from __future__ import annotations

import codecs
from pathlib import Path

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


def text_of(path: Path, declared: str | None) -> str:
    """The file as text: as its byte order mark says, else as declared, else UTF-8. DataRejected names the line.

    Nothing is guessed: bytes that are Thai in Windows-874 are words, if other ones, in most other encodings too.
    """
    data = path.read_bytes()
    marked = next((name for mark, name in MARKS.items() if data.startswith(mark)), None)
    used = marked or declared or "utf-8"
    try:
        return data.decode(used)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "Mend `encoding`, or save" if declared else "Write its `encoding` (windows-874, say), or save"
        raise DataRejected(
            f"{path.name}:{line}: is not {used.removesuffix('-sig').upper()} text. {remedy} it as `CSV UTF-8`."
        ) from None
