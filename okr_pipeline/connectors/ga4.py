"""Google Analytics 4 through the Data API v1beta, over gRPC or REST: daily reports, declared as dimensions and metrics.

What the API's reference says and this file rests on: `row_count` counts all rows whatever `limit` is, pages need an
order, dates are days of the property's own time zone, numbers move for two to three days, users are not additive, and
"(other)" rows, thresholding and sampling are told in the answer's metadata only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from okr_pipeline import clock
from okr_pipeline.connectors import ga4_report
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.ga4_client import Reports
from okr_pipeline.connectors.ga4_quota import Quota
from okr_pipeline.connectors.ga4_windows import Windows
from okr_pipeline.connectors.http import no_page_twice
from okr_pipeline.connectors.settings import HttpSettings, is_reference
from okr_pipeline.errors import DataRejected


def _property(value: str) -> str:
    if not is_reference(value) and not re.fullmatch(r"\d+", value):
        raise ValueError("not a property ID; write its digits, as in Analytics under Admin > Property details")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_:]*$")]
Property = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v), AfterValidator(_property)]


class Report(BaseModel):
    """One stream: a report by day, or (`over`) for each day the total of the window that ends with it.

    `only` keeps the rows whose dimension has one of the listed values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimensions: list[Name] = Field(default=[], max_length=9)  # the API's limits on one report
    metrics: list[Name] = Field(min_length=1, max_length=10)
    over: Annotated[str, AfterValidator(lambda text: Windows.parse(text) and text)] | None = None
    only: dict[Name, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    description: str = ""

    @model_validator(mode="after")
    def _by_day(self) -> Self:
        if self.over and self.dimensions:
            raise ValueError(
                "with `over` a row is the total of a window; leave out `dimensions`, use `only` for a part"
            )
        if not self.over and "date" not in self.dimensions:
            raise ValueError("the dimension `date` is missing; add it, every stream is kept by day")
        return self

    @property
    def windows(self) -> Windows | None:
        """What `over` says."""
        return Windows.parse(self.over) if self.over else None

    def columns(self) -> list[str]:
        """Dimension columns, then metric columns, in the order of the request."""
        return [ga4_report.column(name) for name in [*self.dimensions, *self.metrics]]


class GA4Settings(HttpSettings):
    """A GA4 property, the path of the service account's JSON key that may read it, and the reports to pull."""

    property: Property
    credentials: str
    endpoint: str = "analyticsdata.googleapis.com"
    transport: Literal["grpc", "rest"] = "grpc"
    page_size: int = Field(default=10_000, ge=1, le=250_000)  # more than 250,000 rows are never sent at once
    keep_tokens: int = Field(default=100, ge=0)  # of the property's quota, for the dashboards that share it
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
    """Google Analytics 4 reports by day, and totals of whole windows."""

    Settings = GA4Settings

    def __init__(self, name: str, settings: GA4Settings) -> None:
        super().__init__(name, settings)
        self._quota = Quota(name, settings.keep_tokens)

    def streams(self) -> Sequence[Stream]:
        """One stream for each report in the settings."""
        return [self._stream(name, report) for name, report in self.settings.streams.items()]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """Page after page of the report; or, for totals, one report for each day that has come."""
        report: Report = self.settings.streams[stream.name]
        said.notes |= {"rows": 0, "pages": 0}
        with Reports(self.name, self.settings, self._quota, self.patiently) as reports:
            if report.windows is None:
                seen: set[tuple[Any, ...]] = set()
                for answer in reports.run(stream.name, report, window, said):
                    batch = self._batch(stream, window, answer)
                    no_page_twice(self.name, "GA4", batch, seen)
                    if ga4_report.has_other(batch):
                        said.notes["other_row"] = True
                    yield batch
                return
            last = min(window.last, clock.today(self.settings.timezone))
            for number in range((last - window.first).days + 1):
                day = window.first + timedelta(days=number)
                if whole := report.windows.ending(day):
                    for answer in reports.run(stream.name, report, whole, said):
                        yield self._total(stream, report.windows, whole, answer)

    def _stream(self, name: str, report: Report) -> Stream:
        described = report.description or f"GA4 {', '.join(report.metrics)} " + (
            f"of the whole window: {report.over}" if report.over else f"by {', '.join(report.dimensions)}"
        )
        metrics = [
            pa.field(ga4_report.column(metric), ga4_report.data_type(metric), nullable=report.over is not None)
            for metric in report.metrics
        ]
        if report.windows:
            days = [pa.field("day", pa.date32(), nullable=False), pa.field("first_day", pa.date32(), nullable=False)]
            whole = [pa.field("complete", pa.bool_(), nullable=False)] if report.windows.is_calendar else []
            reasons = {each.name: f"each row is already the total of {report.over}" for each in metrics}
            schema = pa.schema([*days, *whole, *metrics])
            return Stream(name, schema, ("day",), "day", described, restates=3, not_additive=reasons)
        dimensions = [ga4_report.column(each) for each in report.dimensions]
        fields = [pa.field(each, pa.date32() if each == "day" else pa.string(), nullable=False) for each in dimensions]
        reasons = {
            ga4_report.column(metric): reason
            for metric in report.metrics
            if (reason := ga4_report.why_not_additive(metric))
        }
        schema = pa.schema([*fields, *metrics])
        return Stream(name, schema, tuple(dimensions), "day", described, restates=3, not_additive=reasons)

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

    def _total(self, stream: Stream, windows: Windows, whole: Window, answer: Any) -> pa.RecordBatch:
        """One row. Nobody came: 0. Nobody is told of because they are few, or there is nothing to average: null."""
        report: Report = self.settings.streams[stream.name]
        metrics = pa.schema([stream.schema.field(ga4_report.column(metric)) for metric in report.metrics])
        try:
            total = ga4_report.batch(answer, report.metrics, metrics)
        except ValueError as error:
            raise self._impossible(stream, str(error)[:200]) from error
        if answer.row_count > 1:
            raise self._impossible(stream, f"the total of {whole} has {answer.row_count} rows")
        values = {name: total.column(name)[0].as_py() for name in metrics.names} if total.num_rows else {}
        if not values and not answer.metadata.subject_to_thresholding:
            counted = [metric for metric in report.metrics if metric not in ga4_report.AVERAGES]
            values = {ga4_report.column(metric): 0 for metric in counted}
        days = {"day": whole.last, "first_day": whole.first, "complete": windows.is_complete(whole.last)}
        return pa.RecordBatch.from_pylist([days | values], stream.schema)

    def _impossible(self, stream: Stream, what: str) -> DataRejected:
        return DataRejected(
            f"{self.name}: GA4's report {stream.name} is impossible: {what}. Look at the same report in Analytics."
        )
