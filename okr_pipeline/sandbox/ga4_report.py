"""The report that the sandbox's GA4 property gives to a request, and what it says beside the rows."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from google.analytics.data_v1beta import types as ga

from okr_pipeline import clock
from okr_pipeline.sandbox import ga4_days
from okr_pipeline.sandbox.identity import Identity

PROPERTY = "properties/424242424"
ZONE = "Asia/Bangkok"
SCOPES = {"https://www.googleapis.com/auth/analytics.readonly", "https://www.googleapis.com/auth/analytics"}
SAMPLED_BEYOND = 10_000_000  # events: a standard property's limit
# A standard property's quota, a request costs one.
TOKENS = {"tokens_per_day": 200_000, "tokens_per_hour": 40_000, "tokens_per_project_per_hour": 14_000}

MOST_RANGES = 4

# Which fields go together: sessions have no event name here, events no session.
SESSION_METRICS = {"sessions", "totalUsers"}
EVENT_METRICS = {"eventCount"}
DIMENSIONS = {"date", "isKeyEvent", "eventName"}


class Refused(Exception):
    """An answer other than a report: one of google.rpc.Code and the words for it."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Property:
    """The property's data and its quota."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.folder = folder
        self.identity = identity
        self.spent = dict.fromkeys(TOKENS, 0)
        self.spent_in = dict.fromkeys(TOKENS, "")
        self.lock = threading.Lock()

    def answer(self, request: Any, authorization: str | None) -> Any:
        """The RunReportResponse (protobuf) for a RunReportRequest (protobuf), or Refused."""
        self._admit(request, authorization)
        dimensions = [each.name for each in request.dimensions]
        metrics = [each.name for each in request.metrics]
        only = dict(_filters(request.dimension_filter))
        if "isKeyEvent" not in dimensions and only.get("isKeyEvent") == {"true", "false"}:
            del only["isKeyEvent"]  # both kinds: every session, once
        _check_fields([*dimensions, *only], metrics)
        if len(request.date_ranges) > MOST_RANGES:
            raise Refused("INVALID_ARGUMENT", f"Requests are limited to {MOST_RANGES} dateRanges.")
        by_event = bool(EVENT_METRICS & {*metrics})
        events, rolled_up = ga4_days.rolled_up(ga4_days.events(self.folder)) if by_event else ([], False)
        every = events if by_event else [*ga4_days.sessions(self.folder, "isKeyEvent" in {*dimensions, *only})]
        rows, withheld, events_read = list[ga4_days.Row](), False, 0
        for number, span in enumerate(request.date_ranges):
            first, last = _day(span.start_date), _day(span.end_date)
            within = [(day, row) for day, row in every if first <= day <= last]
            asked = [(day, row) for day, row in within if all(row[name] in values for name, values in only.items())]
            found, too_few = ga4_days.as_of(clock.today(ZONE), asked, metrics)
            withheld |= too_few
            events_read += sum(int(row[name]) for row in found for name in metrics if name not in ga4_days.PEOPLE)
            if "date" not in dimensions:
                found = [*ga4_days.totals(found, dimensions, metrics)]
            rows += [row | {"dateRange": span.name or f"date_range_{number}"} for row in found]
        if len(request.date_ranges) > 1:
            dimensions.append("dateRange")
        rows = _ordered([row for row in rows if any(row[name] != "0" for name in metrics)], request)
        page = rows[request.offset : request.offset + min(request.limit or 10_000, 250_000)]
        response = ga.RunReportResponse(
            dimension_headers=[ga.DimensionHeader(name=name) for name in dimensions],
            metric_headers=[ga.MetricHeader(name=name, type_=ga.MetricType.TYPE_INTEGER) for name in metrics],
            rows=[
                ga.Row(
                    dimension_values=[ga.DimensionValue(value=row[name]) for name in dimensions],
                    metric_values=[ga.MetricValue(value=row[name]) for name in metrics],
                )
                for row in page
            ],
            row_count=len(rows),
            metadata=ga.ResponseMetaData(
                time_zone=ZONE,
                currency_code="THB",
                subject_to_thresholding=withheld,
                data_loss_from_other_row=rolled_up,
                sampling_metadatas=[
                    ga.SamplingMetadata(samples_read_count=SAMPLED_BEYOND, sampling_space_size=events_read)
                ]
                if events_read > SAMPLED_BEYOND
                else [],
            ),
            property_quota=self._quota() if request.return_property_quota else None,
            kind="analyticsData#runReport",
        )
        return ga.RunReportResponse.pb(response)

    def _admit(self, request: Any, authorization: str | None) -> None:
        scopes = self.identity.scopes(authorization)
        if scopes is None:
            raise Refused("UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if not scopes & SCOPES:
            raise Refused("PERMISSION_DENIED", "Request had insufficient authentication scopes.")
        if request.property != PROPERTY:
            raise Refused("PERMISSION_DENIED", "User does not have sufficient permissions for this property.")
        if request.limit < 0 or request.offset < 0:
            raise Refused("INVALID_ARGUMENT", "Limit and offset must not be negative.")
        now = clock.now().isoformat()
        with self.lock:
            for name, most in TOKENS.items():
                period = now[:10] if name == "tokens_per_day" else now[:13]
                if self.spent_in[name] != period:
                    self.spent_in[name], self.spent[name] = period, 0
                self.spent[name] += 1
                if self.spent[name] > most:
                    raise Refused("RESOURCE_EXHAUSTED", "Exhausted property tokens. Try again in the next period.")

    def _quota(self) -> Any:
        left = {name: ga.QuotaStatus(consumed=1, remaining=TOKENS[name] - self.spent[name]) for name in TOKENS}
        return ga.PropertyQuota(**left)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("INVALID_ARGUMENT", f"{text!r} is not a date.") from None


def _filters(expression: Any) -> Iterator[tuple[str, set[str]]]:
    """Dimension -> the values that are let through, for filters that are joined by `and`."""
    for each in expression.and_group.expressions:
        yield from _filters(each)
    if expression.filter.field_name:
        one = expression.filter.string_filter.value
        yield expression.filter.field_name, {*expression.filter.in_list_filter.values, *([one] if one else [])}


def _check_fields(dimensions: list[str], metrics: list[str]) -> None:
    known: tuple[tuple[str, list[str], set[str]], ...] = (
        ("dimension", dimensions, DIMENSIONS),
        ("metric", metrics, SESSION_METRICS | EVENT_METRICS),
    )
    for kind, names, valid in known:
        if strange := next((name for name in names if name not in valid), None):
            raise Refused("INVALID_ARGUMENT", f"Field {strange} is not a valid {kind}.")
    if {*metrics} & EVENT_METRICS:
        incompatible = {*metrics} & SESSION_METRICS or {*dimensions} & {"isKeyEvent"}
    else:
        incompatible = {*dimensions} & {"eventName"}
    if incompatible:
        raise Refused("INVALID_ARGUMENT", f"Please remove {sorted(incompatible)[0]} to make the request compatible.")
    if not metrics:
        raise Refused("INVALID_ARGUMENT", "The sandbox serves reports with metrics only.")


def _ordered(rows: list[ga4_days.Row], request: Any) -> list[ga4_days.Row]:
    """In the order asked for; without one in a different order for every page, as nobody promised any."""
    if not request.order_bys:
        return sorted(rows, key=lambda row: zlib.crc32(f"{request.offset}{row}".encode()))
    for by in reversed(request.order_bys):
        name = by.dimension.dimension_name or by.metric.metric_name
        key: Callable[[ga4_days.Row], Any] = _text_of(name) if by.dimension.dimension_name else _number_of(name)
        rows = sorted(rows, key=key, reverse=by.desc)
    return rows


def _text_of(name: str) -> Callable[[ga4_days.Row], str]:
    return lambda row: row[name]


def _number_of(name: str) -> Callable[[ga4_days.Row], int]:
    return lambda row: int(row[name])
