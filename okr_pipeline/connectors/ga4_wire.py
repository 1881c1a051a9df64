"""A GA4 answer as it was sent: its rows as columns of text, read off protobuf's wire format, and all the rest as a message.

See protobuf.dev/programming-guides/encoding. Asking the message objects for each cell takes ten times as long: every cell is
made a Python object several times over. No length is trusted: what it leads to is looked at only where it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]  # indices of bytes

# A field's number and wire type 2, "so many bytes follow". Of RunReportResponse: both headers, then rows; servers write
# them in the order of their numbers. Of Row: dimension_values, metric_values; and of each of these, its value.
HEADERS, ROW = frozenset({0x0A, 0x12}), 0x1A
DIMENSION, METRIC = 0x0A, 0x12
VALUE = {DIMENSION: 0x0A, METRIC: 0x22}


@dataclass(frozen=True)
class Answer:
    """A RunReportResponse: `head` is all of it but the rows (protobuf), `count` says how many rows it has."""

    head: Any
    count: int
    _sent: Bytes
    _at: Places
    _end: Places

    @classmethod
    def of(cls, sent: bytes) -> Self:
        """From the bytes of the message; raises protobuf's DecodeError when they are none."""
        from google.analytics.data_v1beta import types as ga

        message = ga.RunReportResponse.pb()
        data, first, at, end = _rows(sent)
        head = message.FromString(sent[:first] + sent[end[-1] :] if len(end) else sent)
        if head.rows:  # elsewhere: fields may come in any order, though no server does that; the library sorts them
            data, _, at, end = _rows(message.FromString(sent).SerializeToString())
            head.ClearField("rows")
        return cls(head, len(at), data, at, end)

    def columns(self, dimensions: int, metrics: int) -> list[pa.Array]:
        """Each dimension's and then each metric's values as they were sent, a text for each row.

        Whether they are UTF-8 is not looked at. ValueError when a row has not one cell for each of them.
        """
        data, at, end, found = self._sent, self._at, self._end, []
        values = _array(pa.int32(), self.count, 2 * np.arange(self.count, dtype=np.int32))
        for tag in (*[DIMENSION] * dimensions, *[METRIC] * metrics):
            if not ((at < end) & (_at(data, at) == tag)).all():
                raise ValueError("a row has fewer cells than the report has columns")
            cell, at = _inside(data, at + 1)
            if not (at <= end).all():
                raise ValueError("a cell is longer than its row")
            found.append(_texts(data, cell, at, VALUE[tag]).take(values))
        more = _at(data, at)
        if ((at < end) & ((more == DIMENSION) | (more == METRIC))).any():
            raise ValueError("a row has more cells than the report has columns")
        return found


def _rows(sent: bytes) -> tuple[Bytes, int, Places, Places]:
    """The bytes, where the headers end, and where each row begins and ends: one after the other, from there on."""
    data = np.frombuffer(sent, np.uint8)
    first = 0
    while first < len(sent) and sent[first] in HEADERS:
        first = int(_inside(data, np.array([first + 1]))[1][0])
    tags = np.flatnonzero(data[first:] == ROW) + first
    at, end = _inside(data, tags + 1)
    kept = end <= len(sent)
    tags, at, end = tags[kept], at[kept], end[kept]
    # Other bytes look like a row's tag, too. What begins neither after the headers nor where a row ends is none.
    while len(tags) and (tags[0] != first or (tags[1:] != end[:-1]).any()):
        ends = np.zeros(len(sent) + 1, bool)
        ends[first] = ends[end] = True
        kept = ends[tags]
        tags, at, end = tags[kept], at[kept], end[kept]
    return data, first, at, end


def _inside(data: Bytes, at: Places) -> tuple[Places, Places]:
    """Where what follows a length at `at` begins and ends; a length has seven bits to a byte, the lowest first."""
    byte = _at(data, at).astype(np.int64)
    size, begin = byte & 0x7F, at + 1
    for shift in range(7, 35, 7):  # no message has more than 2 GB
        if not (more := byte > 0x7F).any():
            break
        byte = np.where(more, _at(data, begin), 0).astype(np.int64)
        size |= (byte & 0x7F) << shift
        begin = begin + more
    return begin, begin + size


def _texts(data: Bytes, cell: Places, end: Places, tag: int) -> pa.Array:
    """The text in each cell, and between two of them what lies there. A cell without one has an empty text."""
    filled = cell < end
    if not ((_at(data, cell) == tag) | ~filled).all():
        raise ValueError("a cell is no value")
    begin, after = _inside(data, cell + 1)
    edges = np.empty((len(cell), 2), np.int32)
    edges[:, 0], edges[:, 1] = np.where(filled, begin, cell), np.where(filled, after, cell)
    if not (edges[:, 1] <= end).all():
        raise ValueError("a text is longer than its cell")
    # With what lies between: so the bytes are copied by Arrow, and only once.
    return _array(pa.string(), max(2 * len(edges) - 1, 0), edges, data)


def _at(data: Bytes, places: Places) -> Bytes:
    """The bytes at these places, and any byte for a place beyond the end."""
    return data.take(places, mode="clip")


def _array(kind: pa.DataType, length: int, *buffers: Any) -> pa.Array:
    """From the buffers as they are; `pa.array` of a numpy array would import pandas."""
    return pa.Array.from_buffers(kind, length, [None, *map(pa.py_buffer, buffers)])
