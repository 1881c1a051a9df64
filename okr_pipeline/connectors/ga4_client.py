"""One GA4 property asked for reports: who asks, what is asked, page after page, and what the answers say beside the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Self

from okr_pipeline.connectors import google_account
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.ga4_quota import Quota
from okr_pipeline.connectors.ga4_settings import GA4Settings, Report
from okr_pipeline.connectors.ga4_wire import Answer
from okr_pipeline.connectors.http import in_time
from okr_pipeline.errors import DataRejected, SourceRejected

SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
TIMEOUT = 60.0  # seconds for one request
RANGES = 4  # windows that one request may have


class Reports:
    """A client of the Data API, for the time of a `with`; `name` is the connector's, `patiently` its way to ask again."""

    def __init__(
        self, name: str, settings: GA4Settings, quota: Quota, patiently: Callable[[Callable[[], Any]], Any]
    ) -> None:
        self.name, self.settings, self.quota, self.patiently = name, settings, quota, patiently

    def __enter__(self) -> Self:
        from google.analytics.data_v1beta import BetaAnalyticsDataClient

        from okr_pipeline.connectors.ga4_google import Signed, Transport

        self._client = BetaAnalyticsDataClient(
            credentials=Signed(google_account.key(self.name, self.settings.credentials, SCOPE)),
            transport=Transport if self.settings.transport == "grpc" else "rest",
            client_options={"api_endpoint": self.settings.endpoint},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.transport.close()

    def run(self, stream: str, report: Report, windows: Sequence[Window], said: Said) -> Iterator[Answer]:
        """The pages of one report, until as many rows are here as the property says there are.

        With several windows, four at most, the rows have a dimension `dateRange`, see `range_name`.
        """
        received = 0
        while True:
            answer = self.patiently(partial(self._ask, self._request(report, windows, offset=received)))
            self._check_zone(answer.head.metadata.time_zone)
            received += answer.count
            _note(said, answer)
            self.quota.note(answer.head.property_quota, said)
            yield answer
            if received >= answer.head.row_count or not answer.count:
                break
        if received != answer.head.row_count:
            raise DataRejected(
                f"{self.name}: GA4 announced {answer.head.row_count} rows of {stream} for {windows[-1]}, sent {received}. "
                "Run the night again; if it stays so, look at the report in Analytics."
            )

    def _request(self, report: Report, windows: Sequence[Window], offset: int) -> Any:
        from google.analytics.data_v1beta import types as ga

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
            date_ranges=[
                ga.DateRange(start_date=str(days.first), end_date=str(days.last), name=range_name(days))
                for days in windows
            ],
            dimension_filter=ga.FilterExpression(and_group=ga.FilterExpressionList(expressions=filters))
            if filters
            else None,
            order_bys=[
                ga.OrderBy(dimension=ga.OrderBy.DimensionOrderBy(dimension_name=name)) for name in report.dimensions
            ],
            offset=offset,
            limit=self.settings.page_size if len(windows) == 1 else RANGES,  # totals have no order to page by
            keep_empty_rows=False,
            return_property_quota=True,
        )

    def _ask(self, request: Any) -> Answer:
        from okr_pipeline.connectors.ga4_errors import FAILURES, meaning

        self.quota.check()
        within = self.settings.answer_within
        try:
            # retry=None: the client's own retries would hide failures from `patiently`, which alone decides on them.
            run = partial(self._client.run_report, request, retry=None, timeout=min(TIMEOUT, within))
            if self.settings.transport == "grpc":  # where the time-out is the whole answer's
                return Answer.of(run())
            read = in_time(self.name, "GA4", within, run)
            return Answer.of(type(read).serialize(read))
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


def range_name(window: Window) -> str:
    """What a window is called in a request and in the rows that answer it."""
    return f"to_{window.last:%Y%m%d}"


def _note(said: Said, answer: Answer) -> None:
    """Keeps the metadata's remarks; what was true of one page is true of the pull."""
    meta = answer.head.metadata
    remarks = {
        "thresholded": meta.subject_to_thresholding,
        "other_row": meta.data_loss_from_other_row,
        "sampled": [  # which share of the events was read
            round(s.samples_read_count / s.sampling_space_size, 4)
            for s in meta.sampling_metadatas
            if s.sampling_space_size
        ],
        "restricted": [r.metric_name for r in meta.schema_restriction_response.active_metric_restrictions],
        "truncated": [reason.data_truncation_message for reason in meta.data_truncation_reasons],
    }
    for name, remark in remarks.items():
        said.notes[name] = remark or said.notes.get(name, remark)
    said.notes["rows"] += answer.count
    said.notes["pages"] += 1
    said.notes["time_zone"] = meta.time_zone
