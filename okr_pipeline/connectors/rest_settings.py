"""What the YAML of a `rest` source may say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from okr_pipeline.connectors import days_in_text, paging
from okr_pipeline.connectors.contract import Window
from okr_pipeline.connectors.credentials import ClientCredentials, basic, bearer
from okr_pipeline.connectors.json_api import ApiSettings, Endpoint
from okr_pipeline.connectors.json_path import MISSING, PathText, path
from okr_pipeline.connectors.json_stream import JsonStream
from okr_pipeline.connectors.paging import Page
from okr_pipeline.connectors.tables import Name

T = TypeVar("T")
IN_HEADERS = {"true": True, "false": False}


def _mapping(value: object) -> object:
    # Said here, since pydantic would show the value, and it may be a secret.
    if not isinstance(value, Mapping):
        raise ValueError("is not a mapping; write for example {bearer: '${API_TOKEN}'}")
    return value


def _param(value: object) -> object:
    if isinstance(value, Mapping):
        raise ValueError("is a mapping, since a brace begins one in YAML; put quotes around it, as in '{first}'")
    if not isinstance(value, str | int | float):
        raise ValueError("is neither text nor a number; write one of these")
    return days_in_text.check(value) if isinstance(value, str) else value


def _place(value: str) -> str:
    if not re.fullmatch(HEADER, value):
        path(value)
    return value


HEADER = r"header ([\w-]+)"
Place = Annotated[str, AfterValidator(_place)]  # in an answer: a JSONPath, or `header X-Total-Pages`
Param = Annotated[Any, AfterValidator(_param)]
Templated = Annotated[str, AfterValidator(days_in_text.check)]


class Written(BaseModel):
    """A part of the YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class User(Written):
    """HTTP basic authentication."""

    user: str
    password: SecretStr


class OAuth2(Written):
    """Client credentials; `in_body` for servers that want the secret as a form field."""

    token_url: Endpoint
    client_id: str
    client_secret: SecretStr
    scope: str = ""
    in_body: bool = False


class Auth(Written):
    """One of four ways to show who asks; `headers` are whatever the API wants, such as {X-Api-Key: '${API_KEY}'}."""

    bearer: SecretStr | None = None
    headers: dict[Name, SecretStr] | None = None
    basic: User | None = None
    oauth2: OAuth2 | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if len(self.model_fields_set) != 1:
            raise ValueError("write exactly one of bearer, headers, basic and oauth2")
        return self

    def credentials(self) -> Mapping[str, str] | ClientCredentials:
        """As the client wants them."""
        if self.bearer:
            return bearer(self.bearer.get_secret_value())
        if self.basic:
            return basic(self.basic.user, self.basic.password.get_secret_value())
        if self.oauth2:
            secret = self.oauth2.client_secret.get_secret_value()
            return ClientCredentials(**{**self.oauth2.model_dump(), "client_secret": secret})
        return {name: value.get_secret_value() for name, value in (self.headers or {}).items()}


class Pages(Written):
    """`by` page or offset: `param`, counted from `start`. By cursor: the value at `at` goes into `param`. By next_link:
    the URL at `at`. By link_header: nothing else. Where the API tells it, `total` is where the number of all rows is,
    `more` whether there is another page, and `count` (by page) how many there are. `size` is the parameter that
    `page_size` goes into."""

    by: Literal["page", "offset", "cursor", "next_link", "link_header"]
    param: str = ""
    start: int | None = Field(default=None, ge=0)
    at: Place | None = None
    total: Place | None = None
    more: Place | None = None
    count: Place | None = None
    size: Name | None = None

    @model_validator(mode="after")
    def _complete(self) -> Pages:
        wanted = {"page": {"param"}, "offset": {"param"}, "cursor": {"param", "at"}, "next_link": {"at"}}.get(
            self.by, set()
        )
        given = {name for name in ("param", "at") if getattr(self, name)}
        if missing := wanted - given:
            raise ValueError(f"by {self.by} also needs {' and '.join(sorted(missing))}")
        if extra := given - wanted:
            raise ValueError(f"by {self.by} has no use for {' and '.join(sorted(extra))}; remove it")
        if self.start is not None and self.by not in {"page", "offset"}:
            raise ValueError(f"by {self.by} has no use for start; remove it")
        if self.count and self.by != "page":
            raise ValueError(f"by {self.by} has no use for count; remove it")
        return self

    def paging(self) -> paging.Paging:
        """How the pages follow one another."""
        find = place(self.at or "$")
        following = {
            "page": paging.by_page(self.param),
            "offset": paging.by_offset(self.param),
            "cursor": paging.by_cursor(self.param, find),
            "next_link": paging.by_next_link(find),
            "link_header": paging.by_link_header,
        }[self.by]
        told = [each for each in (self.more and _more(self.more), self.count and self._before(self.count)) if each]
        return reduce(paging.while_more, told, following)

    def _before(self, count: str) -> Callable[[Page], bool]:
        """Whether a page is not yet the last of as many as the answer counts."""

        def before(page: Page) -> bool:
            number: int = page.asked.params[self.param] - self.begins()[self.param] + 1
            return number < _told(count, page, int)

        return before

    def begins(self) -> dict[str, int]:
        """The parameter of the first request."""
        if self.by not in {"page", "offset"}:
            return {}
        return {self.param: self.start if self.start is not None else int(self.by == "page")}


def _more(at: str) -> Callable[[Page], bool]:
    return lambda page: _told(at, page, bool)


def _told(at: str, page: Page, kind: type[T]) -> T:
    """What an answer says of its pages, of the right type (a header is text); ValueError when it does not."""
    find = place(at)
    value = paging.found(page.answer, find)
    if isinstance(find, str) and value is not None:
        value = IN_HEADERS.get(value.lower(), int(value) if value.isdecimal() else value)
    if type(value) is not kind:
        shown = "nothing" if value is None else f"{value!r:.40}"
        raise ValueError(f"at {at} is {shown}, which is no {kind.__name__}")
    return value


def place(written: str) -> paging.Find:
    """What a place in an answer means: a path into the body, or a header."""
    if header := re.fullmatch(HEADER, written):
        return header[1]
    at = path(written)

    def find(body: Any) -> Any:
        value = at.get(body)
        return None if value is MISSING else value

    return find


class RestStream(JsonStream):
    """One list of the API. `get` and `params` may hold the window's days; `rows` is where the rows are in an answer."""

    get: Templated = Field(pattern=r"^/")
    params: dict[Name, Param] = Field(default={})
    rows: PathText
    pages: Pages | None = None

    def request(self, window: Window, timezone: str) -> paging.Request:
        """The request for the first page of a window."""

        def filled(value: Any) -> Any:
            return days_in_text.fill(value, window, timezone) if isinstance(value, str) else value

        params = {name: filled(value) for name, value in self.params.items()}
        return paging.Request(filled(self.get), {**params, **(self.pages.begins() if self.pages else {})})


class RestSettings(ApiSettings):
    """`okr_config/connectors/<name>.yaml` of a JSON API. Only the host of `endpoint` (and of OAuth2's token_url) is
    called, and those in `hosts`, which get no credentials. `page_size` is how many rows to ask for at once."""

    endpoint: Endpoint
    auth: Annotated[Auth, BeforeValidator(_mapping)] | None = None
    headers: dict[Name, str] = Field(default={})
    hosts: tuple[Annotated[str, Field(pattern=r"^[\w.-]+$")], ...] = ()
    page_size: int | None = Field(default=None, ge=1)
    streams: dict[Name, RestStream] = Field(min_length=1)

    @model_validator(mode="after")
    def _page_size_has_a_parameter(self) -> Self:
        sized = [name for name, each in self.streams.items() if each.pages and each.pages.size]
        if sized and self.page_size is None:
            raise ValueError(
                f"{sized[0]} has `size` in its pages and there is no `page_size`; write for example page_size: 100"
            )
        if self.page_size is not None and not sized:
            raise ValueError("page_size goes nowhere; write into `pages` which parameter it is, as in size: limit")
        return self
