"""What `okr_config/connectors/<name>.yaml` says of a GA4 property: who reads it, how, and its reports."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from okr_pipeline.connectors import ga4_report
from okr_pipeline.connectors.ga4_windows import Windows
from okr_pipeline.connectors.reach import endpoint_problem
from okr_pipeline.connectors.settings import HttpSettings, is_reference


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

    over: Annotated[str, AfterValidator(lambda text: Windows.parse(text) and text)] | None = None
    dimensions: list[Name] = Field(default=[], max_length=9, validate_default=True)  # the API's limits on one report
    metrics: list[Name] = Field(min_length=1, max_length=10)
    only: dict[Name, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    description: str = ""

    @field_validator("dimensions")
    @classmethod
    def _by_day(cls, dimensions: list[str], info: ValidationInfo) -> list[str]:
        if "over" not in info.data:  # it has a mistake of its own
            return dimensions
        if info.data["over"] and dimensions:
            raise ValueError(
                "with `over` a row is the total of a window; leave out `dimensions`, use `only` for a part"
            )
        if not info.data["over"] and "date" not in dimensions:
            raise ValueError("the dimension `date` is missing; add it, every stream is kept by day")
        return dimensions

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

    @field_validator("endpoint")
    @classmethod
    def _never_in_the_clear(cls, endpoint: str) -> str:
        if "://" in endpoint and not is_reference(endpoint) and (problem := endpoint_problem(endpoint)):
            raise ValueError(problem)
        return endpoint

    @field_validator("streams")
    @classmethod
    def _distinct_columns(cls, streams: dict[str, Report]) -> dict[str, Report]:
        for name, report in streams.items():
            columns = report.columns()
            if twice := sorted({each for each in columns if columns.count(each) > 1}):
                raise ValueError(f"stream {name} has two columns named {', '.join(twice)}; list each name once")
        return streams
