"""The fields that every `okr_config/connectors/<name>.yaml` may have, and the small types they are written in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from okr_pipeline.connectors.checks import ChecksByStream

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


def _days(value: object) -> object:
    match = re.fullmatch(r"(\d+)\s*days?", value.strip()) if isinstance(value, str) else None
    if isinstance(value, str) and not match:
        raise ValueError(f"{value!r} is not a number of days; write for example `30 days`")
    return int(match[1]) if match else value


def _seconds(value: object) -> object:
    match = re.fullmatch(r"(\d+)\s*(seconds?|minutes?|hours?)", value.strip()) if isinstance(value, str) else None
    if isinstance(value, str) and not match:
        raise ValueError(f"{value!r} is not a time span; write for example `30 seconds` or `2 minutes`")
    return int(match[1]) * _SECONDS[match[2].rstrip("s")] if match else value


@cache
def _zones() -> frozenset[str]:
    """Looked up once: it walks through the whole database of time zones."""
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in _zones():
        raise ValueError(f"{value!r} is not an IANA time zone; write for example `Asia/Bangkok`")
    return ZoneInfo(value).key


def is_reference(value: str) -> bool:
    """True for a `${NAME}` that is not set: a reader that opens no source need not have it, so it has no form to check."""
    return value.startswith("${")


Days = Annotated[int, BeforeValidator(_days), Field(ge=0, le=99_999)]  # more would lead out of the calendar
Seconds = Annotated[int, BeforeValidator(_seconds), Field(ge=0)]
TimeZone = Annotated[str, AfterValidator(_zone)]


class Settings(BaseModel):
    """`timezone` is the source's: its days are counted there. `lookback` is how far back every night pulls again,
    `final_after` overrides how long the stream's numbers may change, `retry_for` bounds how long one request is retried,
    `checks` how grave each kind of finding in the rows is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: str
    owner: Annotated[str, Field(pattern=r"^[\w-]+$|^[^@\s]+@[^@\s]+$")] | None = (
        None  # a team's name or an e-mail address
    )
    timezone: TimeZone = "UTC"
    lookback: Days | None = None
    final_after: Days | None = None
    retry_for: Seconds = 30
    checks: ChecksByStream = ChecksByStream()


class HttpSettings(Settings):
    """Of a source that is asked over HTTP. `answer_within` bounds one whole answer: one that drips in for ever keeps within
    every time-out of its parts. An empty `endpoint`, as `${NAME:-}` makes it, is none: then the source's own holds."""

    answer_within: Annotated[Seconds, Field(ge=1)] = 300

    @model_validator(mode="before")
    @classmethod
    def _empty_is_none(cls, written: Any) -> Any:
        if isinstance(written, Mapping) and written.get("endpoint") == "":
            return {name: value for name, value in written.items() if name != "endpoint"}
        return written
