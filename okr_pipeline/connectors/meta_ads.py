"""Meta Ads through the Marketing API's insights: what campaigns cost and brought, by day.

What the API's reference says and this file rests on: numbers come as texts, money in the account's currency; days are those
of the account's time zone; `paging.next` says that there is another page, and `paging.cursors.after` asks for it (`next`
itself repeats the token in its URL, so it is not followed); refusals for too many calls come with status 400 and a code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Annotated, Any, ClassVar

import orjson
import pyarrow as pa
from pydantic import BeforeValidator, Field, SecretStr

from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.credentials import bearer
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.json_rows import JsonRows
from okr_pipeline.connectors.paging import Page, Request
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.errors import SourceRejected

SOURCE = "Meta"
MONEY = pa.decimal128(38, 9)
FIELDS = "campaign_id,campaign_name,impressions,clicks,spend,actions,action_values"
SENT = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("campaign_id", pa.int64(), nullable=False),
        pa.field("campaign", pa.string()),
        pa.field("impressions", pa.int64()),
        pa.field("clicks", pa.int64()),
        pa.field("cost", MONEY),
        pa.field("conversions", MONEY),
        pa.field("conversions_value", MONEY),
    ]
)
CAMPAIGNS = Stream(
    name="campaigns",
    schema=SENT.insert(3, pa.field("currency", pa.string(), nullable=False)),
    key=("day", "campaign_id"),
    date="day",
    description=(
        "Meta campaigns by day: impressions, clicks, cost in the account's currency, conversions of the configured kind, "
        "null where Meta names none. Conversions are credited to earlier days, so they keep coming."
    ),
    restates=28,
)
TOO_MANY = frozenset({4, 17, 32, 613, *range(80_000, 80_015)})
REMEDIES = {
    400: (
        "Make a new token of a system user with the permission ads_read if it is said to be invalid; else look at "
        "`account` and at `version`, which Meta ends after some time."
    ),
    401: "Make a new token of a system user with the permission ads_read.",
    403: "Give the token's user access to the ad account, with the permission ads_read.",
    404: "Look at `endpoint`, `version` and `account`.",
}
Account = Annotated[
    str, BeforeValidator(lambda value: str(value).removeprefix("act_")), Field(pattern=r"^(\d{5,20}|\$\{.*)$")
]


class MetaAdsSettings(ApiSettings):
    """`conversions` names the one action type that counts as a conversion: Meta's types overlap, so they do not add up."""

    account: Account
    access_token: SecretStr
    conversions: str = Field(default="purchase", pattern=r"^[\w.]+$")
    version: str = Field(default="v25.0", pattern=r"^v\d+\.\d+$")
    endpoint: Endpoint = "https://graph.facebook.com"
    page_size: int = Field(default=200, ge=1, le=1000)


class MetaAds(Connector):
    """Campaigns of one ad account."""

    Settings: ClassVar[type[Settings]] = MetaAdsSettings

    def streams(self) -> Sequence[Stream]:
        """`campaigns`."""
        return [CAMPAIGNS]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The campaigns' days, page after page."""
        account = f"/{self.settings.version}/act_{self.settings.account}"
        token = self.settings.access_token.get_secret_value()
        request = Request(
            f"{account}/insights",
            {
                "level": "campaign",
                "time_increment": 1,
                "time_range": orjson.dumps({"since": window.first, "until": window.last}).decode(),
                "fields": FIELDS,
                "limit": self.settings.page_size,
            },
        )
        sent = self._sent()
        said.notes |= {"pages": 0, "rows": 0}
        with JsonApi(
            self, SOURCE, self.settings.endpoint, credentials=bearer(token), remedies=REMEDIES, quota=_too_many
        ) as api:
            about = api.ask(Request(account, {"fields": "currency,timezone_name"}))
            currency, zone = api.read(about, lambda body: (_text(body["currency"]), _text(body["timezone_name"])))
            self._check_zone(zone)
            for page in api.pages(request, _following, itemgetter("data")):
                said.notes["pages"] += 1

                def where(row: int, page_number: int = said.notes["pages"]) -> str:
                    return f"{self.name}: {stream.name}, page {page_number}, row {row + 1}"

                table = sent.table(page.rows, where)
                said.notes["rows"] += table.num_rows
                money = pa.repeat(pa.scalar(currency), table.num_rows)
                yield from table.add_column(3, stream.schema.field("currency"), money).to_batches()

    def _sent(self) -> JsonRows:
        chosen = f"[?@.action_type == '{self.settings.conversions}'].value"
        paths = {"day": "date_start", "campaign": "campaign_name", "cost": "spend"}
        counted = {"conversions": f"actions{chosen}", "conversions_value": f"action_values{chosen}"}
        return JsonRows(SENT, paths | counted, frozenset(counted))

    def _check_zone(self, zone: str) -> None:
        if zone != self.settings.timezone:
            raise SourceRejected(
                f"{self.name}: the account counts its days in {zone}, not in {self.settings.timezone}. "
                f"Write `timezone: {zone}`."
            )


def _following(page: Page) -> Request | None:
    paging = page.answer.body.get("paging", {})
    return page.asked.having(after=_text(paging["cursors"]["after"])) if paging.get("next") else None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r:.80} is no text")
    return value


def _too_many(body: Any) -> bool:
    error = body.get("error") if isinstance(body, dict) else None
    return isinstance(error, dict) and (error.get("code") in TOO_MANY or error.get("is_transient") is True)
