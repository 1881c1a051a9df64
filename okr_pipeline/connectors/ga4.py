"""Google Analytics 4 through the Data API v1beta, over gRPC or REST: daily reports, declared as dimensions and metrics.

What the API's reference says and this file rests on: `row_count` counts all rows whatever `limit` is, pages need an
order, dates are days of the property's own time zone, numbers move for two to three days, users are not additive, and
"(other)" rows, thresholding and sampling are told in the answer's metadata only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from okr_pipeline import clock
from okr_pipeline.connectors import ga4_report
from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.ga4_client import RANGES, Reports, range_name
from okr_pipeline.connectors.ga4_quota import Quota
from okr_pipeline.connectors.ga4_settings import GA4Settings, Report
from okr_pipeline.connectors.ga4_wire import Answer
from okr_pipeline.connectors.http import no_page_twice
from okr_pipeline.errors import DataRejected


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
        """Page after page of the report; or a total for each day that has come, four in a request."""
        report: Report = self.settings.streams[stream.name]
        said.notes |= {"rows": 0, "pages": 0}
        with Reports(self.name, self.settings, self._quota, self.patiently) as reports:
            if report.windows is None:
                seen: set[tuple[Any, ...]] = set()
                for answer in reports.run(stream.name, report, [window], said):
                    batch = self._batch(stream, window, answer)
                    no_page_twice(self.name, "GA4", batch, seen)
                    if ga4_report.has_other(batch):
                        said.notes["other_row"] = True
                    yield batch
                return
            last = min(window.last, clock.today(self.settings.timezone))
            days = (window.first + timedelta(days=number) for number in range((last - window.first).days + 1))
            due = [whole for day in days if (whole := report.windows.ending(day))]
            for chunk in (due[at : at + RANGES] for at in range(0, len(due), RANGES)):
                # Rows say which window they are of only where there are several.
                before = chunk[0].first - timedelta(days=1)
                asked = chunk if len(chunk) > 1 else [*chunk, Window(before, before)]
                for answer in reports.run(stream.name, report, asked, said):
                    yield self._totals(stream, chunk, asked, answer)

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

    def _batch(self, stream: Stream, window: Window, answer: Answer) -> pa.RecordBatch:
        report: Report = self.settings.streams[stream.name]
        try:
            batch = ga4_report.batch(answer, [*report.dimensions, *report.metrics], stream.schema)
        except ValueError as error:  # Arrow's errors are ValueErrors too
            raise self._impossible(stream, str(error)[:200]) from error
        days = batch.column("day").unique().to_pylist()
        if strange := next((day for day in days if day not in window), None):
            raise self._impossible(stream, f"{strange} is outside of {window}")
        return batch

    def _totals(
        self, stream: Stream, windows: Sequence[Window], asked: Sequence[Window], answer: Answer
    ) -> pa.RecordBatch:
        """A row for each of the windows. Nobody came: 0. They are too few to be told of, or nothing to average: null."""
        report: Report = self.settings.streams[stream.name]
        columns = [ga4_report.column(metric) for metric in report.metrics]
        schema = pa.schema([pa.field("range", pa.string()), *(stream.schema.field(name) for name in columns)])
        try:
            sent = ga4_report.batch(answer, ["dateRange", *report.metrics], schema).to_pylist() if answer.count else []
        except ValueError as error:
            raise self._impossible(stream, str(error)[:200]) from error
        found = {row.pop("range"): row for row in sent}
        if len(found) < len(sent) or {*found} - {range_name(each) for each in asked}:
            raise self._impossible(
                stream, f"it has totals of other windows than those that end with {windows[-1].last}"
            )
        withheld = answer.head.metadata.subject_to_thresholding
        counted = [metric for metric in report.metrics if not withheld and metric not in ga4_report.AVERAGES]
        nobody = dict.fromkeys(map(ga4_report.column, counted), 0)
        rows = [
            {"day": each.last, "first_day": each.first, "complete": _completes(report, each.last)}
            | found.get(range_name(each), nobody)
            for each in windows
        ]
        return pa.RecordBatch.from_pylist(rows, stream.schema)

    def _impossible(self, stream: Stream, what: str) -> DataRejected:
        return DataRejected(
            f"{self.name}: GA4's report {stream.name} is impossible: {what}. Look at the same report in Analytics."
        )


def _completes(report: Report, day: date) -> bool:
    return report.windows is not None and report.windows.is_complete(day)
