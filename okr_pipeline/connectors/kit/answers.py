"""JSON answers taken apart: where their rows are, the fields of a row, and faults that change one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from okr_pipeline.connectors.kit.proxy import Answer, Fault

Place = tuple[str | int, ...]
RowsIn = Callable[[Any], list[Any]]
MISSING = object()


def rows_of(document: Any) -> list[Any]:
    """The rows of an answer: of all lists of objects or lists outside of other lists, the one that holds the most."""
    found: list[list[Any]] = []

    def look(node: Any) -> None:
        if isinstance(node, list) and node and all(isinstance(item, (dict, list)) for item in node):
            found.append(node)
        elif isinstance(node, dict):
            for inner in node.values():
                look(inner)

    look(document)
    return max(found, key=lambda rows: (len(rows), len(json.dumps(rows, default=str))), default=[])


def itself(document: Any) -> list[Any]:
    """An answer that is one row and no list of them."""
    return [document] if isinstance(document, dict) else []


def leaves(node: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """(place, value) of everything in a row that holds nothing else."""
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from leaves(inner, (*at, name))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from leaves(inner, (*at, index))
    else:
        yield at, node


def put(row: Any, path: Place, value: Any) -> bool:
    """Sets one field of a row, or removes it; False when the row does not have it."""
    *way, last = path
    try:
        for step in way:
            row = row[step]
        row[last]
    except (KeyError, IndexError, TypeError):
        return False
    if value is MISSING:
        del row[last]
    else:
        row[last] = value
    return True


def spoiled(which: int, spoil: Callable[[Answer], Answer]) -> Fault:
    """One answer, by the number of its request, after `spoil`."""
    return lambda number, answer: spoil(answer) if number == which else answer


def edited(edit: Callable[[Any, list[Any]], None], rows_in: RowsIn = rows_of) -> Fault:
    """Every answer that is JSON with rows, after `edit` (given the document and its rows) has changed it."""

    def fault(_: int, answer: Answer) -> Answer:
        try:
            document = json.loads(answer.body)
        except ValueError:
            return answer
        rows = rows_in(document)
        if not rows:
            return answer
        edit(document, rows)
        return replace(answer, body=json.dumps(document, ensure_ascii=False).encode())

    return fault


def with_field(path: Place, value: Any, rows_in: RowsIn = rows_of) -> Fault:
    """The first row that has the field gets another value there; in each answer."""
    return edited(lambda _, rows: next((None for row in rows if put(row, path, value)), None), rows_in)


def with_bytes(path: Place, mark: str, raw: bytes, rows_in: RowsIn = rows_of) -> Fault:
    """The first row that has the field gets a text there that is no UTF-8."""
    marked = with_field(path, mark, rows_in)

    def fault(number: int, answer: Answer) -> Answer:
        spoiled = marked(number, answer)
        return replace(spoiled, body=spoiled.body.replace(mark.encode(), raw))

    return fault
