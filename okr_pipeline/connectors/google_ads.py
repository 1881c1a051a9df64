"""Google Ads through its API's REST interface: what campaigns cost and brought, by day.

What the API's reference says and this file rests on: a page has 10,000 rows, its size cannot be set, and `nextPageToken` asks
for the next one with the same query; whole numbers come as texts (JSON's int64); money comes in millionths of the account's
currency; days are those of the account's time zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, SecretStr

from okr_pipeline.connectors import google_account
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.credentials import bearer
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.json_rows import JsonRows
from okr_pipeline.connectors.paging import Page, Request
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.errors import SourceRejected

SOURCE = "Google Ads"
SCOPE = "https://www.googleapis.com/auth/adwords"
MICROS = pa.scalar(Decimal("0.000001"), pa.decimal128(7, 6))
MONEY = pa.decimal128(38, 9)

QUERY = """
SELECT campaign.id, campaign.name, segments.date, customer.currency_code, customer.time_zone, metrics.impressions,
       metrics.clicks, metrics.cost_micros, metrics.conversions, metrics.conversions_value
FROM campaign
WHERE segments.date BETWEEN '{first}' AND '{last}'
ORDER BY segments.date, campaign.id
"""
SENT = JsonRows(
    pa.schema(
        [
            pa.field("day", pa.date32(), nullable=False),
            pa.field("campaign_id", pa.int64(), nullable=False),
            pa.field("campaign", pa.string()),
            pa.field("currency", pa.string(), nullable=False),
            pa.field("time_zone", pa.string(), nullable=False),
            pa.field("impressions", pa.int64()),
            pa.field("clicks", pa.int64()),
            pa.field("cost_micros", pa.int64()),
            pa.field("conversions", MONEY),
            pa.field("conversions_value", MONEY),
        ]
    ),
    paths={
        "day": "segments.date",
        "campaign_id": "campaign.id",
        "campaign": "campaign.name",
        "currency": "customer.currencyCode",
        "time_zone": "customer.timeZone",
        "impressions": "metrics.impressions",
        "clicks": "metrics.clicks",
        "cost_micros": "metrics.costMicros",
        "conversions": "metrics.conversions",
        "conversions_value": "metrics.conversionsValue",
    },
)
CAMPAIGNS = Stream(
    name="campaigns",
    schema=pa.schema([*(each for each in SENT.schema if each.name != "time_zone"), pa.field("cost", MONEY)]),
    key=("day", "campaign_id"),
    date="day",
    description=(
        "Google Ads campaigns by day: impressions, clicks, cost in the account's currency, conversions. Conversions count "
        "on the day of their click, so they keep coming after it."
    ),
    restates=30,
)

REMEDIES = {
    400: "Look at `version`: Google ends each after about a year.",
    401: google_account.NEW_KEY,
    403: (
        "Give the service account's address access to the account in Google Ads, look whether `developer_token` is approved, "
        "and set `login_customer` where a manager account leads to it."
    ),
    404: "Look at `customer` and `version`: Google ends each version after about a year.",
}
Account = Annotated[
    str,
    BeforeValidator(lambda value: str(value).replace("-", "")),  # as Google Ads shows it: 123-456-7890
    Field(pattern=r"^(\d{10}|\$\{.*)$"),
]


class GoogleAdsSettings(ApiSettings):
    """`customer` is the account's number, `login_customer` that of the manager account through which it is reached."""

    customer: Account
    login_customer: Account | None = None
    developer_token: SecretStr
    credentials: str = Field(min_length=1)
    version: str = Field(default="v23", pattern=r"^v\d+$")
    endpoint: Endpoint = "https://googleads.googleapis.com"


class GoogleAds(Connector):
    """Campaigns of one account."""

    Settings: ClassVar[type[Settings]] = GoogleAdsSettings

    def streams(self) -> Sequence[Stream]:
        """`campaigns`."""
        return [CAMPAIGNS]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The campaigns' days, page after page."""
        token = self.patiently(self._token)
        path = f"/{self.settings.version}/customers/{self.settings.customer}/googleAds:search"
        request = Request(path, body={"query": QUERY.format(first=window.first, last=window.last)})
        said.notes |= {"pages": 0, "rows": 0}
        with JsonApi(
            self,
            SOURCE,
            self.settings.endpoint,
            credentials=bearer(token),
            headers=self._headers(),
            secrets=[self.settings.developer_token.get_secret_value()],
            remedies=REMEDIES,
        ) as api:
            for page in api.pages(request, _following, _rows):
                said.notes["pages"] += 1

                def where(row: int, page_number: int = said.notes["pages"]) -> str:
                    return f"{self.name}: {stream.name}, page {page_number}, row {row + 1}"

                table = SENT.table(page.rows, where)
                said.notes["rows"] += table.num_rows
                self._check_zone(table["time_zone"])
                yield from _priced(table, stream.schema).to_batches()

    def _headers(self) -> Mapping[str, str]:
        through = {"login-customer-id": self.settings.login_customer} if self.settings.login_customer else {}
        return {"developer-token": self.settings.developer_token.get_secret_value(), **through}

    def _token(self) -> str:
        return google_account.token(self.name, self.settings.credentials, SCOPE, self.settings.answer_within)

    def _check_zone(self, zones: pa.ChunkedArray) -> None:
        if other := next((zone for zone in zones.unique().to_pylist() if zone != self.settings.timezone), None):
            raise SourceRejected(
                f"{self.name}: the account counts its days in {other}, not in {self.settings.timezone}. "
                f"Write `timezone: {other}`."
            )


def _rows(body: Any) -> list[Any]:
    """The rows of an answer. One without rows has no `results`, and a `fieldMask` as every answer."""
    return list(body["results"]) if "results" in body else [body["fieldMask"]][:0]


def _following(page: Page) -> Request | None:
    token = page.answer.body.get("nextPageToken")
    return replace(page.asked, body={**page.asked.body, "pageToken": token}) if token else None


def _priced(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """With money as money: millionths are exact decimals."""
    cost = pc.multiply(table["cost_micros"].cast(pa.decimal128(19, 0)), MICROS).cast(MONEY)
    return table.append_column("cost", cost).select(schema.names).cast(schema)
