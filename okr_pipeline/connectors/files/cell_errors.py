"""Cells of an .xlsx in which a formula failed (#N/A, #REF!, #DIV/0!) or was never worked out, as when a script wrote it: the
workbook's reader takes them for empty ones.

An amount that is not there would be left out of a sum, and nobody would know.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from posixpath import join, normpath
from zipfile import BadZipFile, ZipFile

PIECE = 2**20  # bytes that are read at a time
_FAILED = re.compile(rb'<c r="([A-Z]+)(\d+)"[^<>]*\bt="e"[^<>]*>(?:<f[^<>]*/>|<f[^<>]*>[^<]*</f>)?<v>([^<]*)<')
_UNSOLVED = re.compile(rb'<c r="([A-Z]+)(\d+)"(?![^<>]*\bt="str")[^<>]*><f[^<>]*>([^<]+)</f>(?:<v ?/>|<v></v>)?</c>')
_WORKBOOK, _PARTS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


def cell_errors(path: Path, sheet: str) -> dict[tuple[int, int], str]:
    """What such a cell of a sheet shows, its error or its formula, by its row and its column, both from 0; nothing in a workbook
    of another format."""
    found: dict[tuple[int, int], str] = {}
    try:
        with ZipFile(path) as book, book.open(_part(book, sheet)) as xml:
            rest = b""
            while piece := xml.read(PIECE):
                text = rest + piece
                for column, row, shown in _FAILED.findall(text):
                    found[int(row) - 1, _number(column)] = shown.decode()
                for column, row, formula in _UNSOLVED.findall(text):
                    found[int(row) - 1, _number(column)] = "=" + unescape(formula.decode())
                rest = text[max(text.rfind(b"<c "), 0) :]  # a cell that goes on in the next piece
    except (BadZipFile, KeyError):
        return {}
    return found


def _part(book: ZipFile, sheet: str) -> str:
    """The file in the book that is a sheet; KeyError where there is none."""
    ids = {each["name"]: each["r:id"] for each in _tags(book, _WORKBOOK, "sheet")}
    targets = {each["Id"]: each["Target"] for each in _tags(book, _PARTS, "Relationship")}
    return normpath(join("/xl", targets[ids[sheet]])).lstrip("/")


def _tags(book: ZipFile, part: str, name: str) -> list[dict[str, str]]:
    """The attributes of each element of a name, of the few that such a part has."""
    text = book.read(part).decode("utf-8", "replace")
    return [
        {key: unescape(value) for key, value in re.findall(r'([\w:]+)="([^"]*)"', tag)}
        for tag in re.findall(rf"<{name}\s([^>]*)>", text)
    ]


def _number(letters: bytes) -> int:
    """A column's number from 0: A, B, … Z, AA."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
