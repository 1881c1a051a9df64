"""Rows of JSON as typed columns: each field looked up by its path, and told where it is missing, null or of another type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import itemgetter
from typing import Any, Literal, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline.connectors.columns import conform
from okr_pipeline.connectors.json_path import MISSING, Path, path
from okr_pipeline.errors import DataRejected

Epoch = Literal["seconds", "milliseconds"]
ERA = (-62_135_596_800, 253_402_300_800)  # seconds since 1970: the beginning of the year 1, the end of the year 9999
EXACT = 2.0**53  # up to here every whole number is a float of its own
PART = 50_000  # rows
Where = Callable[[int], str]


@dataclass(frozen=True)
class JsonRows:
    """How rows become a table of `schema`.

    `paths` says where a column's field is, if not under the column's own name. A field that is missing from a row is
    an error, since a renamed field looks the same, unless the column is `optional`; then it is null. `epochs` are
    timestamps that come as numbers since 1970.
    """

    schema: pa.Schema
    paths: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    epochs: Mapping[str, Epoch] = field(default_factory=dict)

    def table(self, rows: Sequence[Any], where: Where) -> pa.Table:
        """The rows as a table; DataRejected names the first place that does not fit, by `where` of its index."""
        columns = [self._column(rows, each, where) for each in self.schema]
        return conform(pa.table(columns, names=self.schema.names), self.schema, where)

    def _column(self, rows: Sequence[Any], each: pa.Field, where: Where) -> pa.Array:
        found = path(self.paths[each.name]) if each.name in self.paths else _by_name(each.name)
        values = self._values(rows, found, each.name, where)
        array = _inferred(values)
        if (
            array is None
            or pa.types.is_nested(array.type)
            or pa.types.is_boolean(array.type)
            or each.type == pa.string()
        ):
            for row, value in enumerate(values) if array is None or not pa.types.is_string(array.type) else ():
                if objection := _objection(value, each.type):
                    _refuse(where(row), each.name, objection)
        if array is None:
            array = pa.array([value if value is None or isinstance(value, str) else str(value) for value in values])
        return _instants(array, self.epochs[each.name], each.name, where) if each.name in self.epochs else array

    def _values(self, rows: Sequence[Any], found: Path, column: str, where: Where) -> list[Any]:
        steps = found.steps
        if steps:
            try:
                values = rows
                for step in steps:
                    values = list(map(itemgetter(step), values))
                return list(values)
            except (LookupError, TypeError):
                pass  # a field is missing or below a null: row by row
        return [self._value(row, found, column, where, index) for index, row in enumerate(rows)]

    def _value(self, row: Any, found: Path, column: str, where: Where, index: int) -> Any:
        if not isinstance(row, dict | list):
            raise DataRejected(f"{where(index)}: is {row!r:.80}, not a row. Look at where the rows are in an answer.")
        try:
            value = found.get(row)
        except ValueError as error:
            _refuse(where(index), column, str(error))
        if value is MISSING:
            if column not in self.optional:
                raise DataRejected(
                    f"{where(index)}: column {column}: there is no `{found.text}`. If it was renamed, mend the path; if "
                    "rows may lack it, list the column under `optional`."
                )
            return None
        return value


class Keys:
    """The keys of a pull's rows, page after page: where rows are counted off, one that slips to the next page hides another."""

    def __init__(self) -> None:
        self._pages: list[pa.Table] = []
        self._held: list[pa.Table] = []

    def add(self, page: pa.Table) -> None:
        """The key columns of one page."""
        self._pages.append(page)
        if len(self._pages) == 100:  # small tables take much more memory than their rows
            self._held.append(pa.concat_tables(self._pages).combine_chunks())
            self._pages.clear()

    def check(self, place: str) -> None:
        """DataRejected when a key came twice."""
        if not (tables := [*self._held, *self._pages]):
            return
        keys = pa.concat_tables(tables)
        # In order, equal keys are neighbours. Grouping them would take many times as much memory.
        order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
        parts = (keys.take(order[at : at + PART + 1]) for at in range(0, len(order), PART))
        if twice := sum(map(_equal_neighbours, parts)):
            raise DataRejected(
                f"{place}: {twice} of {keys.num_rows} rows came twice, so others may have been passed over. "
                "Rows were added or removed between two pages: try again, or sort by something that does not move."
            )


def _equal_neighbours(rows: pa.Table) -> int:
    equal = reduce(pc.and_, (pc.equal(column[1:], column[:-1]) for column in rows.columns))
    return pc.sum(equal, min_count=0).as_py() or 0


def _by_name(name: str) -> Path:
    return path(f"$['{name}']")


def _inferred(values: list[Any]) -> pa.Array | None:
    """The values as Arrow sees them; None where they are of several kinds, or larger than its integers."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError):
        return None


def _objection(value: Any, kind: pa.DataType) -> str | None:
    """What makes a value unfit for a column of any kind, or of this one, that casting it would not notice."""
    if isinstance(value, dict | list):
        return f"{value!r:.80} is not a single value"
    if isinstance(value, bool) and kind not in {pa.bool_(), pa.string()}:
        return f"{value!r} is not what this column holds"
    if isinstance(value, float) and abs(value) >= EXACT and kind == pa.string():
        return f"{value!r} has more digits than JSON readers keep for a number"
    return None


def _instants(array: pa.Array, epoch: Epoch, column: str, where: Where) -> pa.Array:
    typed = conform(pa.table([array], names=[column]), pa.schema([(column, pa.int64())]), where)
    numbers, second = typed.column(0).combine_chunks(), 1 if epoch == "seconds" else 1000
    outside = pc.or_(pc.less(numbers, ERA[0] * second), pc.greater_equal(numbers, ERA[1] * second))
    for row in pc.indices_nonzero(pc.fill_null(outside, False))[:1].to_pylist():
        _refuse(where(row), column, f"{numbers[row]} {epoch} since 1970 are no instant of the Common Era")
    return numbers.cast(pa.timestamp("s" if epoch == "seconds" else "ms")).cast(pa.timestamp("us"))


def _refuse(place: str, column: str, what: str) -> NoReturn:
    raise DataRejected(f"{place}: column {column}: {what}. Look at the row there; nothing of this pull was landed.")
