"""LINE Official Account through the Messaging API's insight: messages delivered, and followers, by day.

What the API's reference says and this file rests on: one answer is one day, days are of UTC+9 and written yyyyMMdd; `status`
says whether the day is counted (`ready`), not yet (`unready`) or from before counting began (`out_of_service`); how many
messages there were of a kind is not always included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import AfterValidator, SecretStr

from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.credentials import bearer
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint, JsonApi
from okr_pipeline.connectors.json_rows import JsonRows
from okr_pipeline.connectors.paging import Request
from okr_pipeline.connectors.settings import Settings, TimeZone

SOURCE = "LINE"
LEVEL = "it counts people as of the day: take the latest"
KINDS = {
    "broadcast": "broadcast",
    "targeting": "targeting",
    "auto_response": "autoResponse",
    "welcome_response": "welcomeResponse",
    "chat": "chat",
    "api_broadcast": "apiBroadcast",
    "api_push": "apiPush",
    "api_multicast": "apiMulticast",
    "api_narrowcast": "apiNarrowcast",
    "api_reply": "apiReply",
}
PEOPLE = {"followers": "followers", "targeted_reaches": "targetedReaches", "blocks": "blocks"}


def _rows(counts: dict[str, str], optional: frozenset[str]) -> JsonRows:
    day = pa.field("day", pa.date32(), nullable=False)
    return JsonRows(pa.schema([day, *(pa.field(name, pa.int64()) for name in counts)]), counts, optional)


SENT = {
    "deliveries": ("/v2/bot/insight/message/delivery", _rows(KINDS, frozenset(KINDS) - {"broadcast", "targeting"})),
    "followers": ("/v2/bot/insight/followers", _rows(PEOPLE, frozenset())),
}
DELIVERIES = Stream(
    name="deliveries",
    schema=SENT["deliveries"][1].schema,
    key=("day",),
    date="day",
    description=(
        "Messages that the account delivered on each day (UTC+9), by the way they were sent. A kind that LINE did not "
        "name is null."
    ),
    delay=2,
)
FOLLOWERS = Stream(
    name="followers",
    schema=SENT["followers"][1].schema,
    key=("day",),
    date="day",
    description=(
        "By day (UTC+9): how many people had ever become friends until then (blocking does not lessen it), how many of "
        "them targeted messages can reach, and how many had blocked the account."
    ),
    delay=2,
    not_additive=dict.fromkeys(PEOPLE, LEVEL),
)
REMEDIES = {
    401: "Issue a new channel access token in the LINE Developers console: the channel's page, Messaging API.",
    403: "Look whether the account's plan and the channel have the insight API.",
    404: "Look at `endpoint`: it is the part before /v2.",
}


def _utc_plus_9(zone: str) -> str:
    if datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset() != timedelta(hours=9):
        raise ValueError(f"LINE counts its days in UTC+9, not in {zone}; write `timezone: Asia/Tokyo`")
    return zone


class LineSettings(ApiSettings):
    """`access_token` is the channel access token of the account's Messaging API channel."""

    access_token: SecretStr
    endpoint: Endpoint = "https://api.line.me"
    timezone: Annotated[TimeZone, AfterValidator(_utc_plus_9)] = "Asia/Tokyo"


class Line(Connector):
    """Insight of one account."""

    Settings: ClassVar[type[Settings]] = LineSettings

    def streams(self) -> Sequence[Stream]:
        """`deliveries` and `followers`."""
        return [DELIVERIES, FOLLOWERS]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """A row for each day that is counted, up to the first that is not yet."""
        path, rows = SENT[stream.name]
        token = self.settings.access_token.get_secret_value()
        found: list[dict[str, Any]] = []
        said.notes |= {"requests": 0, "days_before_service": 0}
        with JsonApi(self, SOURCE, self.settings.endpoint, credentials=bearer(token), remedies=REMEDIES) as api:
            for number in range((window.last - window.first).days + 1):
                day = window.first + timedelta(days=number)
                answer = api.ask(Request(path, {"date": f"{day:%Y%m%d}"}))
                status = api.read(answer, _status)
                said.notes["requests"] += 1
                if status == "unready":
                    said.available_through = day - timedelta(days=1)
                    break
                if status == "out_of_service":
                    said.notes["days_before_service"] += 1
                else:
                    found.append({**answer.body, "day": day.isoformat()})
        said.final_through = said.available_through or window.last  # what is ready does not change any more

        def where(row: int) -> str:
            return f"{self.name}: {stream.name}, {date.fromisoformat(found[row]['day'])}"

        yield from rows.table(found, where).to_batches()


def _status(body: Any) -> str:
    status = body["status"]
    if status not in {"ready", "unready", "out_of_service"}:
        raise ValueError(f"the status {status!r:.40} is not known")
    return str(status)
