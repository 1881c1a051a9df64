"""Promises about rows: what is declared is what comes, on the days that were asked for, and again the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline.connectors.columns import ARROW
from okr_pipeline.connectors.contract import Stream, Window
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, promise
from okr_pipeline.connectors.kit.subject import Pulled, Subject, difference
from okr_pipeline.connectors.tables import days_of

ONE_DAY = timedelta(days=1)
TYPES = (*ARROW.values(), pa.float64())  # what the warehouse stores without loss


@promise("Each stream declares a name, a key that cannot be null, a day, and types that the warehouse stores.")
def declaration(subject: Subject) -> str:
    """The declarations alone, without a request."""
    for stream in subject.streams:
        if mistake := next(_mistakes(stream), None):
            raise Broken(f"{stream.name}: {mistake}")
    names = [stream.name for stream in subject.streams]
    if len({*names}) < len(names) or not names:
        raise Broken(f"the streams are called {', '.join(names) or 'nothing'}; each needs a name of its own")
    return "; ".join(f"{s.name} by {', '.join(s.key)}, {len(s.schema)} columns" for s in subject.streams)


def _mistakes(stream: Stream) -> Iterator[str]:
    names = stream.schema.names
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", stream.name):
        yield "the name must be small letters, digits, - and _, a letter first"
    if not stream.description:
        yield "there is no description"
    if not stream.key or {*stream.key} - {*names}:
        yield f"the key {stream.key} is not among the columns"
    elif nullable := [name for name in stream.key if stream.schema.field(name).nullable]:
        yield f"{', '.join(nullable)} is part of the key and may be null"
    if stream.date is not None and (stream.date not in names or stream.schema.field(stream.date).type != pa.date32()):
        yield f"the day `{stream.date}` is no column of type date32"
    if odd := [f"{field.name} {field.type}" for field in stream.schema if field.type not in TYPES]:
        yield f"the warehouse has no type for {', '.join(odd)}"
    if unknown := {*stream.not_additive} - {*names}:
        yield f"not_additive names {', '.join(unknown)}, which is no column"
    if stream.restates < 0 or stream.delay < 0:
        yield "restates and delay are days, 0 or more"


@promise("Every batch has the declared columns and types; what is not nullable is never null, and a key comes once.")
def schema(subject: Subject) -> str:
    """The usual pull's batches."""
    told = []
    for stream in subject.streams:
        table = subject.usual(stream).table
        for field in stream.schema:
            if not field.nullable and table[field.name].null_count:
                raise Broken(f"{stream.name}: {field.name} is null in {table[field.name].null_count} rows")
        keys = table.select(list(stream.key)).group_by(list(stream.key)).aggregate([])
        if keys.num_rows < table.num_rows:
            raise Broken(
                f"{stream.name}: {table.num_rows - keys.num_rows} rows have a key that another row has as well"
            )
        told.append(f"{stream.name} {table.num_rows} rows")
    return "; ".join(told)


@promise("What the source said is JSON, and names no day beyond the window as delivered.")
def said(subject: Subject) -> str:
    """The remarks of the usual pull, as the ledger keeps them."""
    told = []
    for stream in subject.streams:
        remarks, window = subject.usual(stream).said, subject.window_of(stream)
        notes = json.dumps(remarks.notes, ensure_ascii=False)  # raises TypeError for what is not JSON
        if subject.secrets.told_in(notes):
            raise Broken(f"{stream.name}: the notes hold a secret")
        if remarks.available_through and remarks.final_through and remarks.available_through < window.first:
            raise Broken(f"{stream.name}: settled days {window} are said not to be delivered yet")
        told.append(f"{stream.name}: {', '.join(remarks.notes) or 'nothing'}")
    return "; ".join(told)


@promise("A window is honoured to the day: each day alone has its own rows, and an empty day none.")
def window(subject: Subject) -> str:
    """Single days of the busiest end of the window."""
    told = []
    for stream in _dated(subject):
        counts = _per_day(subject.usual(stream))
        for day in _single_days(subject, stream):
            found = subject.pull(stream, Window(day, day)).table
            if strange := [other for other in pc.unique(found[stream.date]).to_pylist() if other != day]:
                raise Broken(f"{stream.name}: asked for {day} alone, got {strange[0]}")
            if found.num_rows != counts.get(day, 0):
                raise Broken(
                    f"{stream.name}: {day} alone has {found.num_rows} rows, in the window {counts.get(day, 0)}"
                )
        outside = [day for day in counts if day not in subject.window_of(stream)]
        if outside:
            raise Broken(f"{stream.name}: asked for {subject.window_of(stream)}, got {outside[0]}")
        empty = sum(day not in counts for day in _single_days(subject, stream))
        told.append(f"{stream.name}: {len(_single_days(subject, stream))} days one by one, {empty} of them empty")
    return "; ".join(told)


@promise("Days are those of the source's time zone, not of UTC.")
def time_zone(subject: Subject) -> str:
    """By the instants that a stream keeps beside its days."""
    told, zone = [], subject.connector.settings.timezone
    for stream in _dated(subject):
        table = subject.usual(stream).table
        for field in stream.schema:
            if not pa.types.is_timestamp(field.type) or not table.num_rows:
                continue
            here, utc = (pa.chunked_array([days_of(table[field.name], each)]) for each in (zone, "UTC"))
            differ = pc.sum(pc.not_equal(here, utc)).as_py() or 0
            if table[stream.date].equals(here):
                told.append(
                    f"{stream.name}: {stream.date} is {field.name}'s day in {zone}, {differ} would differ in UTC"
                )
            elif differ and table[stream.date].equals(utc):
                raise Broken(f"{stream.name}: {stream.date} is {field.name}'s day in UTC, and the time zone is {zone}")
    if not told:
        raise NotApplicable("no stream keeps the instant that its day was taken from; the days are the source's own")
    return "; ".join(told)


@promise("Pulling again gives the same rows, also with the same object.")
def again(subject: Subject) -> str:
    """Once more with a new connector, and twice with one."""
    one = subject.changed()
    for stream in subject.streams:
        for source in (None, one, one):
            found = subject.pull(stream, source=source)
            if not found.in_order.equals(subject.usual(stream).in_order):
                raise Broken(f"{stream.name}: {difference(subject.usual(stream), found)}")
    return f"3 more pulls of {len(subject.streams)} streams were equal"


@promise("The order of pulls does not matter: the window is the union of its days, asked for backwards.")
def order(subject: Subject) -> str:
    """The window in pieces, the last first, by one object."""
    told, source = [], subject.changed()
    for stream in _dated(subject):
        pieces = [*_pieces(subject, stream)]
        found = [subject.pull(stream, piece, source) for piece in reversed(pieces)]
        batches = [batch for pulled in found for batch in pulled.table.to_batches()]
        joined = Pulled(stream, subject.window_of(stream), batches, found[0].said)
        if not joined.in_order.equals(subject.usual(stream).in_order):
            raise Broken(f"{stream.name}: {len(pieces)} pieces differ: {difference(subject.usual(stream), joined)}")
        told.append(f"{stream.name}: {joined.table.num_rows} rows in {len(pieces)} pieces")
    return "; ".join(told)


def _dated(subject: Subject) -> list[Stream]:
    found = [stream for stream in subject.streams if stream.date is not None]
    if not found:
        raise NotApplicable("every stream is a list without days, delivered whole")
    return found


def _per_day(pulled: Pulled) -> dict[date, int]:
    counted = pc.value_counts(pulled.table[pulled.stream.date])
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _single_days(subject: Subject, stream: Stream) -> list[date]:
    """The seven days up to the last one that has rows."""
    whole = subject.window_of(stream)
    last = max(_per_day(subject.usual(stream)), default=whole.last)
    return [day for back in range(6, -1, -1) if (day := last - back * ONE_DAY) in whole]


def _pieces(subject: Subject, stream: Stream) -> Iterator[Window]:
    whole, days = subject.window_of(stream), _single_days(subject, stream)
    if whole.first < days[0]:
        yield Window(whole.first, days[0] - ONE_DAY)
    for day in days:
        yield Window(day, day)
    if days[-1] < whole.last:
        yield Window(days[-1] + ONE_DAY, whole.last)
