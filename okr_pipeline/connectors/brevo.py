"""Brevo through its API v3: how each sent email campaign fared, as counts.

What the API's reference says and this file rests on: `count` is the number of campaigns that the filters leave; statistics
that are not asked for come as zeros; `globalStats` counts events of the last six months only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, SecretStr

from okr_pipeline import clock
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.http import within
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.json_rows import JsonRows, Keys
from okr_pipeline.connectors.paging import Request, by_offset
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.tables import days_of, midnight

SOURCE = "Brevo"
COUNTED = timedelta(days=180)  # "the last 6 months"
COUNTS = {
    "emails_sent": "sent",
    "delivered": "delivered",
    "hard_bounces": "hardBounces",
    "soft_bounces": "softBounces",
    "opens_total": "viewed",
    "unique_opens": "uniqueViews",
    "trackable_opens": "trackableViews",
    "apple_proxy_opens": "appleMppOpens",
    "clicks_total": "clickers",
    "unique_clicks": "uniqueClicks",
    "unsubscriptions": "unsubscriptions",
    "complaints": "complaints",
}
SENT = JsonRows(
    pa.schema(
        [
            pa.field("campaign_id", pa.int64(), nullable=False),
            pa.field("send_time", pa.timestamp("us"), nullable=False),
            pa.field("title", pa.string()),
            *(pa.field(name, pa.int64()) for name in COUNTS),
        ]
    ),
    paths={
        "campaign_id": "id",
        "send_time": "sentDate",
        "title": "name",
        **{name: f"statistics.globalStats.{sent}" for name, sent in COUNTS.items()},
    },
    optional=frozenset({"trackable_opens", "apple_proxy_opens"}),  # younger than the others
)
CAMPAIGNS = Stream(
    name="campaigns",
    schema=SENT.schema.insert(1, pa.field("send_date", pa.date32(), nullable=False)),
    key=("campaign_id",),
    date="send_date",
    description=(
        "One row per sent campaign; send_time in UTC. Opens and clicks keep coming after the send date. trackable_opens "
        "are those of people whose mail program does not open everything by itself. Counts of campaigns that were sent "
        "more than 180 days before the pull are null: Brevo counts the last six months only."
    ),
    restates=7,
)
REMEDIES = {
    401: "Make a new API key in Brevo (SMTP & API > API keys), and look whether it may be used from this address.",
    403: "Make the key for a user who may see campaigns.",
    404: "Look at `endpoint`: it is the part before /v3.",
}


class BrevoSettings(ApiSettings):
    """`page_size` is how many campaigns come in one answer."""

    api_key: SecretStr
    endpoint: Endpoint = "https://api.brevo.com"
    page_size: int = Field(default=50, ge=1, le=100)


class Brevo(Connector):
    """Email campaigns of one account."""

    Settings: ClassVar[type[Settings]] = BrevoSettings

    def streams(self) -> Sequence[Stream]:
        """`campaigns`."""
        return [CAMPAIGNS]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """Campaigns sent on the window's days, counted in the configured time zone."""
        key, zone = self.settings.api_key.get_secret_value(), self.settings.timezone
        # A day more at both ends: whether Brevo counts the bounds in is not documented. The cut is made afterwards.
        first, last = (
            midnight(window.first, zone) - timedelta(days=1),
            midnight(window.last, zone) + timedelta(days=2),
        )
        request = Request(
            "/v3/emailCampaigns",
            {
                "status": "sent",
                "statistics": "globalStats",
                "excludeHtmlContent": "true",
                "startDate": f"{first.isoformat(timespec='milliseconds')}Z",
                "endDate": f"{last.isoformat(timespec='milliseconds')}Z",
                "sort": "asc",
                "limit": self.settings.page_size,
                "offset": 0,
            },
        )
        said.notes |= {"pages": 0, "rows": 0}
        keys = Keys()
        with JsonApi(
            self, SOURCE, self.settings.endpoint, credentials={"api-key": key}, secrets=[key], remedies=REMEDIES
        ) as api:
            for page in api.pages(request, by_offset("offset"), _rows, itemgetter("count")):
                said.notes["pages"] += 1

                def where(row: int, page_number: int = said.notes["pages"]) -> str:
                    return f"{self.name}: {stream.name}, page {page_number}, row {row + 1}"

                table = SENT.table(page.rows, where)
                keys.add(table.select(stream.key))
                dated = _counted(table).add_column(
                    1, stream.schema.field("send_date"), days_of(table["send_time"], zone)
                )
                kept = dated.filter(within(dated["send_date"], window)).cast(stream.schema)
                said.notes["rows"] += kept.num_rows
                yield from kept.to_batches()
        keys.check(self.name)


def _rows(body: Any) -> list[Any]:
    """The campaigns of an answer; one that counts none may have no list."""
    return list(body["campaigns"]) if body["count"] else body.get("campaigns", [])


def _counted(table: pa.Table) -> pa.Table:
    """With null where Brevo no longer counts all."""
    old = pc.less(table["send_time"], pa.scalar((clock.now() - COUNTED).replace(tzinfo=None), pa.timestamp("us")))
    for name in COUNTS:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.field(at), pc.if_else(old, pa.scalar(None, pa.int64()), table[name]))
    return table
