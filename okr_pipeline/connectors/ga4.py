"""Google Analytics 4 through the Data API v1beta, over gRPC or REST: daily reports, declared as dimensions and metrics.

What the API's reference says and this file rests on: `row_count` counts all rows whatever `limit` is, pages need an
order, dates are days of the property's own time zone, numbers move for two to three days, users are not additive, and
"(other)" rows, thresholding and sampling are told in the answer's metadata only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from okr_pipeline.connectors import ga4_report
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.http import no_page_twice
from okr_pipeline.connectors.settings import Settings, is_reference
from okr_pipeline.errors import DataRejected, SourceRejected

SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
TIMEOUT = 60.0  # seconds for one request


def _property(value: str) -> str:
    if not is_reference(value) and not re.fullmatch(r"\d+", value):
        raise ValueError("not a property ID; write its digits, as in Analytics under Admin > Property details")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_:]*$")]
Property = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v), AfterValidator(_property)]


class Report(BaseModel):
    """One stream: a report by day. `only` keeps the rows whose dimension has one of the listed values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimensions: list[Name] = Field(max_length=9)  # the API's limits on one report
    metrics: list[Name] = Field(min_length=1, max_length=10)
    only: dict[Name, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    description: str = ""

    @field_validator("dimensions")
    @classmethod
    def _by_day(cls, dimensions: list[str]) -> list[str]:
        if "date" not in dimensions:
            raise ValueError("the dimension `date` is missing; add it, every stream is kept by day")
        return dimensions

    def columns(self) -> list[str]:
        """Dimension columns, then metric columns, in the order of the request."""
        return [ga4_report.column(name) for name in [*self.dimensions, *self.metrics]]


class GA4Settings(Settings):
    """A GA4 property, the path of the service account's JSON key that may read it, and the reports to pull."""

    property: Property
    credentials: str
    endpoint: str = "analyticsdata.googleapis.com"
    transport: Literal["grpc", "rest"] = "grpc"
    page_size: int = Field(default=10_000, ge=1, le=250_000)  # more than 250,000 rows are never sent at once
    streams: dict[str, Report] = Field(min_length=1)

    @model_validator(mode="after")
    def _grpc_has_no_scheme(self) -> Self:
        if self.transport == "grpc" and "://" in self.endpoint:
            raise ValueError("endpoint is a URL, and gRPC takes a host (and :port) only; or write `transport: rest`")
        return self

    @field_validator("streams")
    @classmethod
    def _distinct_columns(cls, streams: dict[str, Report]) -> dict[str, Report]:
        for name, report in streams.items():
            columns = report.columns()
            if twice := sorted({each for each in columns if columns.count(each) > 1}):
                raise ValueError(f"stream {name} has two columns named {', '.join(twice)}; list each name once")
        return streams


class GA4(Connector):
    """Google Analytics 4 reports by day."""

    Settings = GA4Settings

    def streams(self) -> Sequence[Stream]:
        """One stream for each report in the settings."""
        return [self._stream(name, report) for name, report in self.settings.streams.items()]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """Page after page of the report, until as many rows are here as the property says there are."""
        from google.analytics.data_v1beta import BetaAnalyticsDataClient

        received = pages = 0
        seen: set[tuple[Any, ...]] = set()
        with BetaAnalyticsDataClient(
            credentials=self._credentials(),
            transport=self.settings.transport,
            client_options={"api_endpoint": self.settings.endpoint},
        ) as client:
            while True:
                answer = self.patiently(partial(self._ask, client, self._request(stream, window, offset=received)))
                self._check_zone(answer.metadata.time_zone)
                received, pages = received + len(answer.rows), pages + 1
                _note(said, answer, received, pages)
                batch = self._batch(stream, window, answer)
                no_page_twice(self.name, "GA4", batch, seen)
                yield batch
                if received >= answer.row_count or not answer.rows:
                    break
        if received != answer.row_count:
            raise DataRejected(
                f"{self.name}: GA4 announced {answer.row_count} rows of {stream.name} for {window}, sent {received}. "
                "Run the night again; if it stays so, look at the report in Analytics."
            )

    def _stream(self, name: str, report: Report) -> Stream:
        dimensions = [ga4_report.column(each) for each in report.dimensions]
        fields = [pa.field(each, pa.date32() if each == "day" else pa.string(), nullable=False) for each in dimensions]
        fields += [
            pa.field(ga4_report.column(metric), ga4_report.data_type(metric), nullable=False)
            for metric in report.metrics
        ]
        reasons = {
            ga4_report.column(metric): reason
            for metric in report.metrics
            if (reason := ga4_report.why_not_additive(metric))
        }
        described = report.description or f"GA4 {', '.join(report.metrics)} by {', '.join(report.dimensions)}"
        return Stream(name, pa.schema(fields), tuple(dimensions), "day", described, restates=3, not_additive=reasons)

    def _credentials(self) -> Any:
        from google.oauth2 import credentials, service_account

        file = f"{self.name}: the service account's key file that `credentials` names"
        try:
            written = json.loads(Path(self.settings.credentials).read_text(encoding="utf-8"))
            key = service_account.Credentials.from_service_account_info(written, scopes=[SCOPE])
        except OSError:  # the value stays unsaid: a key pasted in place of its path would be told to everybody
            raise SourceRejected(f"{file} cannot be read. Give the path of the JSON key, not the key itself.") from None
        except (ValueError, TypeError, AttributeError):
            raise SourceRejected(f"{file} is not a service account's JSON key. Download a new one.") from None
        signer = key.with_always_use_jwt_access(True)  # a token signed here: no request to a token endpoint

        def sign(request: Any, scopes: Sequence[str]) -> tuple[str, Any]:  # noqa: ARG001 - google-auth names them
            signer.refresh(request)
            return signer.token, signer.expiry

        # As they are, service-account credentials also look up the account's allowed regions in the background, at
        # another host and with the token. The Data API has no use for that.
        return credentials.Credentials(token=None, scopes=[SCOPE], refresh_handler=sign)

    def _request(self, stream: Stream, window: Window, offset: int) -> Any:
        from google.analytics.data_v1beta import types as ga

        report: Report = self.settings.streams[stream.name]
        filters = [
            ga.FilterExpression(
                filter=ga.Filter(
                    field_name=dimension, in_list_filter=ga.Filter.InListFilter(values=values, case_sensitive=True)
                )
            )
            for dimension, values in report.only.items()
        ]
        return ga.RunReportRequest(
            property=f"properties/{self.settings.property}",
            dimensions=[ga.Dimension(name=name) for name in report.dimensions],
            metrics=[ga.Metric(name=name) for name in report.metrics],
            date_ranges=[ga.DateRange(start_date=window.first.isoformat(), end_date=window.last.isoformat())],
            dimension_filter=ga.FilterExpression(and_group=ga.FilterExpressionList(expressions=filters))
            if filters
            else None,
            order_bys=[
                ga.OrderBy(dimension=ga.OrderBy.DimensionOrderBy(dimension_name=name)) for name in report.dimensions
            ],
            offset=offset,
            limit=self.settings.page_size,
            keep_empty_rows=False,
            return_property_quota=True,
        )

    def _ask(self, client: Any, request: Any) -> Any:
        from okr_pipeline.connectors.ga4_errors import FAILURES, meaning

        try:
            # retry=None: the client's own retries would hide failures from `patiently`, which alone decides on them.
            answer = client.run_report(request, retry=None, timeout=TIMEOUT)
            return type(answer).pb(answer)  # plain protobuf: reading rows through proto-plus is slow
        except FAILURES as error:
            raise meaning(error, self.name, self.settings.property) from None

    def _check_zone(self, zone: str) -> None:
        if not zone:  # an empty JSON object parses as a report without rows: that must not pass for an empty day
            raise DataRejected(f"{self.name}: the answer is no GA4 report. Check what `endpoint` points at.")
        if zone != self.settings.timezone:
            raise SourceRejected(
                f"{self.name}: the property counts its days in {zone}, not in {self.settings.timezone}. "
                f"Write `timezone: {zone}`."
            )

    def _batch(self, stream: Stream, window: Window, answer: Any) -> pa.RecordBatch:
        report: Report = self.settings.streams[stream.name]
        try:
            batch = ga4_report.batch(answer, [*report.dimensions, *report.metrics], stream.schema)
        except ValueError as error:  # Arrow's errors are ValueErrors too
            raise self._impossible(stream, str(error)[:200]) from error
        days = batch.column("day").unique().to_pylist()
        if strange := next((day for day in days if day not in window), None):
            raise self._impossible(stream, f"{strange} is outside of {window}")
        return batch

    def _impossible(self, stream: Stream, what: str) -> DataRejected:
        return DataRejected(
            f"{self.name}: GA4's report {stream.name} is impossible: {what}. Look at the same report in Analytics."
        )


def _note(said: Said, answer: Any, rows: int, pages: int) -> None:
    """Keeps the metadata's remarks; what was true of one page is true of the pull."""
    meta, quota = answer.metadata, answer.property_quota
    remarks = {
        "thresholded": meta.subject_to_thresholding,
        "other_row": meta.data_loss_from_other_row,
        "sampled": [s.samples_read_count / s.sampling_space_size for s in meta.sampling_metadatas],
        "restricted": [r.metric_name for r in meta.schema_restriction_response.active_metric_restrictions],
        "truncated": [reason.data_truncation_message for reason in meta.data_truncation_reasons],
    }
    for name, remark in remarks.items():
        said.notes[name] = remark or said.notes.get(name, remark)
    said.notes |= {"rows": rows, "pages": pages, "time_zone": meta.time_zone}
    if answer.HasField("property_quota"):
        said.notes["tokens_left_today"] = quota.tokens_per_day.remaining
        said.notes["tokens_left_this_hour"] = quota.tokens_per_hour.remaining
