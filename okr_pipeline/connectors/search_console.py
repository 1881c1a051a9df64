"""Google Search Console: what people searched for when they saw the site, by day and query.

Facts from the bundled discovery document (searchconsole v1) and Google's reference of searchanalytics.query: dates are
Pacific days; a day without data is left out of an answer; recent days are incomplete from `firstIncompleteDate` on
(the reference spells it `first_incomplete_date`), which comes only with dataState `all` and grouping by date; at most
25,000 rows come in one answer and 50,000 for one day.
"""

from __future__ import annotations

import http.client
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from okr_pipeline import clock
from okr_pipeline.connectors import google_account
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.http import (
    TIMEOUT,
    brief,
    in_time,
    no_page_twice,
    refusal,
    typed_batch,
    unreadable,
    within,
)
from okr_pipeline.connectors.json_api import Endpoint
from okr_pipeline.connectors.settings import HttpSettings, Settings, TimeZone
from okr_pipeline.errors import DataRejected, OkrError, SourceUnavailable

SOURCE = "Search Console"
SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
ROWS_PER_DAY = 50_000
ONE_DAY = timedelta(days=1)
AROUND = timedelta(days=10)  # well above the two or three days that the source is late

METRICS = [
    pa.field("clicks", pa.int64(), nullable=False),
    pa.field("impressions", pa.int64(), nullable=False),
    pa.field("position", pa.float64(), nullable=False),
]
DAY = pa.field("day", pa.date32(), nullable=False)
NOT_ADDITIVE = {"position": "an average; weight it by impressions"}

DAYS = Stream(
    name="days",
    schema=pa.schema([DAY, *METRICS]),
    key=("day",),
    date="day",
    description="Search results by Pacific day: all clicks and impressions, those of anonymised queries included.",
    restates=3,
    delay=3,
    not_additive=NOT_ADDITIVE,
)
QUERIES = Stream(
    name="queries",
    schema=pa.schema([DAY, pa.field("query", pa.string(), nullable=False), *METRICS]),
    key=("day", "query"),
    date="day",
    description=(
        "Search results by Pacific day and query. Rare queries are anonymised by Google and missing here, "
        "so a day's rows sum to less than the day in `days`."
    ),
    restates=3,
    delay=3,
    not_additive=NOT_ADDITIVE,
)

ANSWER_ROW = pa.struct(
    [
        ("keys", pa.list_(pa.string())),
        ("clicks", pa.float64()),
        ("impressions", pa.float64()),
        ("position", pa.float64()),
    ]
)

REMEDIES = {
    400: "Look at `site` and the time span of the request.",
    401: google_account.NEW_KEY,
    403: (
        "Add the service account (client_email in the file of `credentials`) as a user of the property in "
        "Search Console, and enable the Search Console API in its project."
    ),
    404: "Look at `endpoint`, and at `site` (https://www.example.com/ for a prefix, or sc-domain:example.com).",
}
QUOTA_REASONS = frozenset(
    {"quotaexceeded", "ratelimitexceeded", "userratelimitexceeded", "dailylimitexceeded", "resourceexhausted"}
)


class SearchConsoleSettings(HttpSettings):
    """`site` as Search Console writes it (https://www.example.com/ or sc-domain:example.com), `credentials` the path of
    a service account's JSON key, `page_size` the rows of one answer."""

    timezone: TimeZone = "America/Los_Angeles"
    site: str = Field(min_length=1)
    credentials: str = Field(min_length=1)
    endpoint: Endpoint = "https://searchconsole.googleapis.com"
    page_size: int = Field(default=25_000, ge=1, le=25_000)


class SearchConsole(Connector):
    """Search analytics of one property, through Google's API client with its bundled discovery document."""

    Settings: ClassVar[type[Settings]] = SearchConsoleSettings

    def streams(self) -> Sequence[Stream]:
        """`queries` and `days`."""
        return [QUERIES, DAYS]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """Asks for the days first, which tells how far the source has data; they are the `days` stream as well."""
        service = self._service()
        # Around the window: when its own days are empty, others show whether the source is past them.
        today = clock.today(self.settings.timezone)
        around = Window(min(window.first, today - AROUND), max(window.last, today))
        metadata: dict[str, Any] = {}
        days = pa.Table.from_batches(list(self._batches(service, DAYS, around, metadata)), schema=DAYS.schema)
        incomplete = self._first_incomplete(metadata)
        self._tell_how_far(days["day"], incomplete, window, said)
        days = days.filter(within(days["day"], window))
        if stream.name == DAYS.name:
            yield from days.to_batches()
            return
        impressions, rows = 0, Counter[date]()
        for batch in self._batches(service, QUERIES, window, metadata):
            impressions += pc.sum(batch["impressions"]).as_py() or 0
            for counted in pc.value_counts(batch["day"]).to_pylist():
                rows[counted["values"]] += counted["counts"]
            yield batch
        said.notes["impressions_of_anonymised_queries"] = (pc.sum(days["impressions"]).as_py() or 0) - impressions
        truncated = sorted(str(day) for day, count in rows.items() if count >= ROWS_PER_DAY)
        if truncated:
            said.notes["truncated_days"] = truncated

    def _tell_how_far(self, days: pa.ChunkedArray, incomplete: date | None, window: Window, said: Said) -> None:
        known = [day for day in (pc.max(days).as_py(), incomplete and incomplete - ONE_DAY) if day]
        said.available_through = min(window.last, max(known, default=window.first - ONE_DAY))
        if incomplete:
            said.notes["first_incomplete_date"] = incomplete.isoformat()
            if self.settings.final_after is None:
                said.final_through = incomplete - ONE_DAY

    def _first_incomplete(self, metadata: Mapping[str, Any]) -> date | None:
        written = metadata.get("firstIncompleteDate") or metadata.get("first_incomplete_date")
        try:
            return date.fromisoformat(written) if written else None
        except (ValueError, TypeError) as error:
            raise DataRejected(unreadable(self.name, SOURCE, error)) from error

    def _batches(
        self, service: Any, stream: Stream, window: Window, metadata: dict[str, Any]
    ) -> Iterator[pa.RecordBatch]:
        """Page after page until a short one; the answers' remarks go into `metadata`."""
        dimensions = ["date", "query"] if stream.name == QUERIES.name else ["date"]
        size = self.settings.page_size
        start, received = 0, size
        seen: set[tuple[Any, ...]] = set()
        while received == size:
            body = {
                "startDate": window.first.isoformat(),
                "endDate": window.last.isoformat(),
                "dimensions": dimensions,
                "dataState": "all",
                "rowLimit": size,
                "startRow": start,
            }
            request = service.searchanalytics().query(siteUrl=self.settings.site, body=body)
            answer = self.patiently(partial(self._answer, request))
            metadata.update(answer.get("metadata", {}))
            rows = answer.get("rows", [])
            received = len(rows)
            start += received
            if received:
                batch = self._batch(stream, rows, len(dimensions))
                del request, answer, rows  # a page is 50 MB of Python objects: let go of before the next is read
                no_page_twice(self.name, SOURCE, batch, seen)
                yield batch

    def _batch(self, stream: Stream, rows: list[Any], dimensions: int) -> pa.RecordBatch:
        try:
            parsed = pa.array(rows, ANSWER_ROW)
            keys = parsed.field("keys")
            if not pc.all(pc.equal(pc.list_value_length(keys), dimensions), skip_nulls=False).as_py():
                raise DataRejected(unreadable(self.name, SOURCE, ValueError(f"keys are not {dimensions} per row")))
            columns = {
                "day": pc.list_element(keys, 0).cast(pa.date32()),
                "clicks": parsed.field("clicks"),
                "impressions": parsed.field("impressions"),
                "position": parsed.field("position"),
            }
            if dimensions > 1:
                columns["query"] = pc.list_element(keys, 1)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise DataRejected(unreadable(self.name, SOURCE, error)) from error
        return typed_batch(self.name, SOURCE, columns, stream.schema)

    def _service(self) -> Any:
        import google_auth_httplib2
        import httplib2
        from googleapiclient.discovery import build

        # It logs a refusal's own words, which may repeat the token. They come with our error, without it.
        logging.getLogger("googleapiclient.http").setLevel(logging.ERROR)
        return build(
            "searchconsole",
            "v1",
            http=google_auth_httplib2.AuthorizedHttp(self._credentials(), http=httplib2.Http(timeout=TIMEOUT)),
            static_discovery=True,
            cache_discovery=False,
            client_options={"api_endpoint": self.settings.endpoint},
        )

    def _credentials(self) -> Any:
        from google.oauth2 import credentials

        key = google_account.key(self.name, self.settings.credentials, SCOPE)

        def fetch(request: Any, scopes: Sequence[str]) -> tuple[str, Any]:  # noqa: ARG001 - google-auth names them
            key.refresh(request)
            return key.token, key.expiry

        # Used as they are, service-account credentials also look up the account's allowed regions in the background,
        # at iamcredentials.googleapis.com and with the token. Nothing here needs that: they only fetch tokens.
        return credentials.Credentials(token=None, scopes=[SCOPE], refresh_handler=fetch)

    def _answer(self, request: Any) -> dict[str, Any]:
        """One request without the client's own retries; every failure as ours."""
        import httplib2
        from google.auth.exceptions import GoogleAuthError
        from googleapiclient.errors import HttpError

        try:
            answer = in_time(self.name, SOURCE, self.settings.answer_within, partial(request.execute, num_retries=0))
        except SourceUnavailable:
            request.http.connections.clear()  # the one that drips in is not to be asked again
            raise
        except HttpError as error:
            request.http.close()  # a wait may follow, and httplib2 would then write into a connection closed meanwhile
            raise self._refused(error) from None
        except GoogleAuthError as error:
            raise google_account.no_token(self.name, error) from None
        except (OSError, httplib2.HttpLib2Error, http.client.HTTPException) as error:
            raise SourceUnavailable(
                f"{self.name}: {SOURCE} cannot be reached ({brief(str(error)) or type(error).__name__}). "
                "Look at the network and `endpoint`, or try again later."
            ) from error
        except (ValueError, TypeError) as error:  # not UTF-8, or a token endpoint that answers something else than JSON
            raise DataRejected(unreadable(self.name, SOURCE, error)) from error
        # The client hands on as text what is not JSON; an answer without rows has no `rows`.
        if not (
            isinstance(answer, dict)
            and isinstance(answer.get("rows", []), list)
            and isinstance(answer.get("metadata", {}), dict)
        ):
            raise DataRejected(unreadable(self.name, SOURCE, ValueError("not the documented JSON object")))
        return answer

    def _refused(self, error: Any) -> OkrError:
        details = error.error_details if isinstance(error.error_details, list) else []
        reasons = {str(detail.get("reason")).replace("_", "").lower() for detail in details if isinstance(detail, dict)}
        return refusal(
            self.name,
            SOURCE,
            error.resp.status,
            said=error.reason,
            retry_after=error.resp.get("retry-after"),
            remedy=REMEDIES.get(error.resp.status, "Look at `site`, `credentials` and `endpoint`."),
            quota=bool(reasons & QUOTA_REASONS),
        )
