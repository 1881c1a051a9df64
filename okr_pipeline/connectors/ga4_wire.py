"""The rows of a GA4 answer as columns of text, read off protobuf's wire format (protobuf.dev/programming-guides/encoding).

Asking the message objects for each cell takes ten times as long: every cell is made a Python object several times over.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Places = npt.NDArray[np.int64]  # indices of bytes

# A field's number and wire type 2, "so many bytes follow". Of RunReportResponse: both headers, then rows; it is written in
# the order of the numbers. Of Row: dimension_values, metric_values; and of each of these, its value.
HEADERS, ROW = (0x0A, 0x12), 0x1A
DIMENSION, METRIC = 0x0A, 0x12
VALUE = {DIMENSION: 0x0A, METRIC: 0x22}


def columns(answer: Any, dimensions: int, metrics: int) -> list[pa.Array]:
    """Each dimension's and then each metric's values as they were sent, a text for each row.

    `answer` is a RunReportResponse (protobuf). ValueError when a row has not one cell for each of them.
    """
    sent = answer.SerializeToString()
    data = np.frombuffer(sent + b"\0", np.uint8)  # one byte more, so that every row has a byte after it
    at, end = _rows(sent, len(answer.rows))
    found = []
    for tag in (*[DIMENSION] * dimensions, *[METRIC] * metrics):
        if not ((at < end) & (data[at] == tag)).all():
            raise ValueError("a row has fewer cells than the report has columns")
        cell, at = _inside(data, at + 1)
        found.append(_texts(sent, data, cell, at, VALUE[tag]))
    if ((at < end) & np.isin(data[at], (DIMENSION, METRIC))).any():
        raise ValueError("a row has more cells than the report has columns")
    return found


def _rows(sent: bytes, count: int) -> tuple[Places, Places]:
    """Where each row begins and ends; where one ends is known only once its beginning was read, so one by one."""
    begins: list[int] = []
    at, last = 0, len(sent)
    while at < last and ((tag := sent[at]) == ROW or tag in HEADERS):
        size = sent[at + 1]
        at += 2
        shift = 7
        while size >> shift:  # the byte before said that one more follows
            size += (sent[at] - 1) << shift
            at += 1
            shift += 7
        at += size
        if tag == ROW:
            begins += (at - size, at)
    if len(begins) != 2 * count:
        raise ValueError("its rows cannot be read")
    both = np.array(begins, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _inside(data: npt.NDArray[np.uint8], at: Places) -> tuple[Places, Places]:
    """Where what follows a length at `at` begins and ends; a length has seven bits to a byte, the lowest first."""
    byte = data[at].astype(np.int64)
    size, begin, shift = byte & 0x7F, at + 1, 0
    while (more := byte > 0x7F).any():
        shift += 7
        byte = np.where(more, data[np.where(more, begin, 0)], 0).astype(np.int64)
        size |= (byte & 0x7F) << shift
        begin = begin + more
    return begin, begin + size


def _texts(sent: bytes, data: npt.NDArray[np.uint8], cell: Places, end: Places, tag: int) -> pa.Array:
    """The text in each cell; a cell without one has an empty text, as protobuf has it."""
    filled = cell < end
    if not (data[cell[filled]] == tag).all():
        raise ValueError("a cell is no value")
    begin, after = _inside(data, np.where(filled, cell + 1, len(sent)))
    edges = np.column_stack((np.where(filled, begin, cell), np.where(filled, after, cell))).ravel().astype(np.int32)
    # Cells and what lies between them, in turns: so the bytes are copied by Arrow, and only once.
    turns = _array(pa.string(), max(len(edges) - 1, 0), edges, sent)
    return turns.take(_array(pa.int32(), len(cell), 2 * np.arange(len(cell), dtype=np.int32)))


def _array(kind: pa.DataType, length: int, *buffers: Any) -> pa.Array:
    """From the buffers as they are; `pa.array` of a numpy array would import pandas."""
    return pa.Array.from_buffers(kind, length, [None, *map(pa.py_buffer, buffers)])
