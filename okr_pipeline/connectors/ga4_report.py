"""GA4's reports as columns: what a dimension or metric is called and typed here, and an answer's rows as a batch."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from okr_pipeline.connectors.ga4_wire import Answer
from okr_pipeline.connectors.http import finite

# Column types have to be known before the first answer: the API's TYPE_INTEGER metrics, its averages and shares, and
# for all others (money, values, custom metrics) exact decimals. A value that does not fit its type is refused.
INTEGERS = frozenset(
    {
        *("activeUsers", "active1DayUsers", "active7DayUsers", "active28DayUsers", "newUsers", "totalUsers"),
        *("sessions", "engagedSessions", "screenPageViews", "eventCount"),
        *("addToCarts", "checkouts", "ecommercePurchases", "firstTimePurchasers", "totalPurchasers", "transactions"),
        *("itemsAddedToCart", "itemsCheckedOut", "itemsPurchased", "itemsViewed"),
    }
)
AVERAGES = frozenset(
    {
        *("averagePurchaseRevenue", "averagePurchaseRevenuePerPayingUser", "averagePurchaseRevenuePerUser"),
        *("averageRevenuePerUser", "averageSessionDuration", "bounceRate", "engagementRate", "eventCountPerUser"),
        *("eventsPerSession", "screenPageViewsPerSession", "screenPageViewsPerUser", "sessionsPerUser"),
        *("sessionKeyEventRate", "userKeyEventRate", "cartToViewRate", "firstTimePurchaserRate", "purchaserRate"),
        *("transactionsPerPurchaser", "dauPerMau", "dauPerWau", "wauPerMau"),
    }
)
# Without newUsers and firstTimePurchasers: nobody is new twice.
PEOPLE = frozenset(
    {"activeUsers", "active1DayUsers", "active7DayUsers", "active28DayUsers", "totalUsers", "totalPurchasers"}
)


def column(api_name: str) -> str:
    """The column of a dimension or metric: `totalUsers` -> total_users, `customEvent:plan` -> custom_event_plan."""
    if api_name == "date":
        return "day"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", api_name).lower()


def data_type(metric: str) -> pa.DataType:
    """The column type of a metric."""
    if metric in INTEGERS:
        return pa.int64()
    return pa.float64() if metric in AVERAGES else pa.decimal128(38, 9)


def why_not_additive(metric: str) -> str | None:
    """Why the days of a metric must not be added up; None when they may."""
    if metric in PEOPLE:
        return "the same person comes on several days"
    return "an average or a share of its day" if metric in AVERAGES else None


def batch(answer: Answer, names: Sequence[str], schema: pa.Schema) -> pa.RecordBatch:
    """The rows of an answer that was asked for `names`; ValueError when they are not that."""
    headers = answer.head.dimension_headers, answer.head.metric_headers
    sent = [header.name for each in headers for header in each]
    if sent != list(names):
        raise ValueError(f"its columns are {', '.join(sent) or 'missing'}")
    texts = answer.columns(*map(len, headers))
    return pa.record_batch([_typed(each, field) for each, field in zip(texts, schema, strict=True)], schema=schema)


def has_other(rows: pa.RecordBatch) -> bool:
    """Whether GA4 rolled up what is rare into "(other)"; only the answer's flag tells of those that a filter keeps out."""
    texts = [column for column in rows.columns if pa.types.is_string(column.type)]
    return any(pc.any(pc.match_like(each, "(other)"), min_count=0).as_py() for each in texts)


def _typed(text: pa.Array, field: pa.Field) -> pa.Array:
    """Texts, as the API sends every value, in the column's type."""
    if pa.types.is_decimal(field.type):  # rounded here, since Arrow refuses digits beyond the scale
        return pc.round(text.cast(pa.decimal256(76, 38)), 9).cast(field.type)
    if pa.types.is_date(field.type):
        days = text.dictionary_encode()  # few days in many rows
        return pc.strptime(days.dictionary, format="%Y%m%d", unit="s").cast(field.type).take(days.indices)
    if pa.types.is_string(field.type):
        text.validate(full=True)  # as UTF-8
        return text
    numbers = text.cast(field.type)
    if pa.types.is_floating(field.type) and not finite(numbers):
        raise ValueError(f"a value of {field.name} is no number")
    return numbers
