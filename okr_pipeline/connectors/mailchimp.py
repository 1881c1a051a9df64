"""Mailchimp Marketing API: how each campaign fared, as counts.

Rates in a report come as fractions, percents or strings, depending on its age, so only counts are read. Opens that a
mail-privacy proxy made are inside `opens.unique_opens`; `opens.proxy_excluded_unique_opens` leaves them out and is
missing in reports from before Mailchimp counted them. Ten connections at once are allowed per account; one is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, SecretStr

from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.credentials import basic
from okr_pipeline.connectors.http import typed_batch, unreadable, within
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.json_rows import Keys
from okr_pipeline.connectors.paging import Request, by_offset
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.errors import DataRejected, SourceRejected

SOURCE = "Mailchimp"
COUNTS = (
    "emails_sent",
    "hard_bounces",
    "soft_bounces",
    "delivered",
    "opens_total",
    "unique_opens",
    "unique_opens_without_proxy",
    "clicks_total",
    "unique_clicks",
)
NULLABLE = {"title", "unique_opens_without_proxy"}

CAMPAIGNS = Stream(
    name="campaigns",
    schema=pa.schema(
        [
            pa.field("campaign_id", pa.string(), nullable=False),
            pa.field("send_date", pa.date32(), nullable=False),
            pa.field("send_time", pa.timestamp("us"), nullable=False),
            pa.field("title", pa.string()),
            *(pa.field(name, pa.int64(), nullable=name in NULLABLE) for name in COUNTS),
        ]
    ),
    key=("campaign_id",),
    date="send_date",
    description=(
        "One row per sent campaign; send_time in UTC, delivered = sent − bounces. Opens and clicks keep coming after "
        "the send date. unique_opens_without_proxy is null where Mailchimp has no such count, never unique_opens, "
        "which a mail-privacy proxy inflates."
    ),
    restates=7,
)

REPORT = pa.struct(
    [
        ("id", pa.string()),
        ("campaign_title", pa.string()),
        ("send_time", pa.string()),
        ("emails_sent", pa.float64()),  # as a number first: Arrow cuts the fraction off when it reads 1.5 as an integer
        ("bounces", pa.struct([("hard_bounces", pa.float64()), ("soft_bounces", pa.float64())])),
        (
            "opens",
            pa.struct(
                [(name, pa.float64()) for name in ("opens_total", "unique_opens", "proxy_excluded_unique_opens")]
            ),
        ),
        ("clicks", pa.struct([("clicks_total", pa.float64()), ("unique_clicks", pa.float64())])),
    ]
)

NEW_KEY = "Make a new API key in Mailchimp and put it into the environment whole, with its ending (such as -us6)."
REMEDIES = {
    401: NEW_KEY,
    403: "Make a key for a user who may see reports, and look whether `endpoint` is of the key's own data centre.",
    404: "Look at `endpoint`: it is the part before /3.0.",
}


class MailchimpSettings(ApiSettings):
    """An empty `endpoint` is worked out from the key's ending; `page_size` is how many reports come in one answer."""

    api_key: SecretStr
    endpoint: Endpoint = ""
    page_size: int = Field(default=200, ge=1, le=1000)


class Mailchimp(Connector):
    """Campaign reports of one account."""

    Settings: ClassVar[type[Settings]] = MailchimpSettings

    def streams(self) -> Sequence[Stream]:
        """`campaigns`."""
        return [CAMPAIGNS]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """Reports of campaigns sent on the window's days, counted in the configured time zone."""
        key = self.settings.api_key.get_secret_value()
        # A day more at both ends: whether Mailchimp counts the bounds in is not documented. The cut is made afterwards.
        request = Request(
            "/3.0/reports",
            {
                "count": self.settings.page_size,
                "offset": 0,
                "since_send_time": self._midnight(window.first - timedelta(days=1)),
                "before_send_time": self._midnight(window.last + timedelta(days=2)),
            },
        )
        keys = Keys()
        said.notes["pages"] = 0
        with JsonApi(
            self, SOURCE, self._endpoint(key), credentials=basic("okr", key), secrets=[key], remedies=REMEDIES
        ) as api:
            for page in api.pages(request, by_offset("offset"), itemgetter("reports"), itemgetter("total_items")):
                said.notes["pages"] += 1
                batch = self._batch(page.rows, stream)
                keys.add(pa.table([batch["campaign_id"]], ["campaign_id"]))
                yield batch.filter(within(batch["send_date"], window))
        keys.check(self.name)

    def _endpoint(self, key: str) -> str:
        data_centre = re.fullmatch(r".+-([a-z]+\d+)", key)
        if self.settings.endpoint:
            return str(self.settings.endpoint)
        if data_centre:
            return f"https://{data_centre[1]}.api.mailchimp.com"
        raise SourceRejected(
            f"{self.name}: the API key does not end in its data centre (such as -us6), so the address is unknown. "
            "Copy the whole key from Mailchimp, or set `endpoint`."
        )

    def _midnight(self, day: date) -> str:
        """The start of a day in the configured zone, as the UTC instant that Mailchimp's filters take."""
        start = datetime.combine(day, time(), ZoneInfo(self.settings.timezone))
        return start.astimezone(UTC).isoformat()

    def _batch(self, reports: list[Any], stream: Stream) -> pa.RecordBatch:
        try:
            parsed = pa.array(reports, REPORT)
            instant = parsed.field("send_time").cast(pa.timestamp("us", "UTC"))
            bounces, opens, clicks = (pc.struct_field(parsed, part) for part in ("bounces", "opens", "clicks"))
            columns = {
                "campaign_id": parsed.field("id"),
                "send_time": instant.cast(pa.timestamp("us")),
                "send_date": self._days(instant),
                "title": parsed.field("campaign_title"),
                "emails_sent": parsed.field("emails_sent"),
                "hard_bounces": pc.struct_field(bounces, "hard_bounces"),
                "soft_bounces": pc.struct_field(bounces, "soft_bounces"),
                "opens_total": pc.struct_field(opens, "opens_total"),
                "unique_opens": pc.struct_field(opens, "unique_opens"),
                "unique_opens_without_proxy": pc.struct_field(opens, "proxy_excluded_unique_opens"),
                "clicks_total": pc.struct_field(clicks, "clicks_total"),
                "unique_clicks": pc.struct_field(clicks, "unique_clicks"),
            }
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise DataRejected(unreadable(self.name, SOURCE, error)) from error
        bounced = pc.add(columns["hard_bounces"], columns["soft_bounces"])
        columns["delivered"] = pc.subtract(columns["emails_sent"], bounced)
        return typed_batch(self.name, SOURCE, columns, stream.schema)

    def _days(self, instants: pa.Array) -> pa.Array:
        # By Python, not by Arrow: Arrow reads the system's time zones only, and a slim container has none.
        zone = ZoneInfo(self.settings.timezone)
        local = [instant and instant.astimezone(zone).date() for instant in instants.to_pylist()]
        return pa.array(local, pa.date32())
