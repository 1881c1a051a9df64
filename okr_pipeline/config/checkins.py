"""The one table that no connector fills: what people say, with `okr checkin`, of metrics that are `from: checkins`."""

from __future__ import annotations

import pyarrow as pa

TABLE = "checkins"
KEY = ("metric", "day")
SCHEMA = pa.schema(
    [
        pa.field("metric", pa.string(), nullable=False),
        pa.field("day", pa.date32(), nullable=False),
        pa.field("key_result", pa.string()),
        pa.field("value", pa.decimal128(38, 9)),
        pa.field("note", pa.string()),
        pa.field("reported_by", pa.string()),
        pa.field("reported_at", pa.timestamp("us")),  # naive, in UTC
    ]
)
