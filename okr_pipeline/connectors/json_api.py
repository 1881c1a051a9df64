"""JSON over HTTP, once for all connectors that speak it: one client from the first request to the last page.

A connector says what it asks and how pages follow; here are credentials, rate limit, retries, redirects, limits of size
and time, every failure as the error that names who can mend it, and secrets kept out of what is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator, Field

from okr_pipeline.connectors.contract import Connector
from okr_pipeline.connectors.credentials import ClientCredentials, bearer
from okr_pipeline.connectors.http import brief, refusal, unreadable
from okr_pipeline.connectors.paging import Answer, Find, Page, Paging, Request, found
from okr_pipeline.connectors.reach import Reach, endpoint_problem
from okr_pipeline.connectors.settings import HttpSettings, is_reference
from okr_pipeline.errors import DataRejected, OkrError

if TYPE_CHECKING:
    import httpx

    from okr_pipeline.connectors.wire import Wire

T = TypeVar("T")
REDIRECTS = 5
MOVED = frozenset({301, 302, 303, 307, 308})


def _endpoint(url: str) -> str:
    if not is_reference(url) and (problem := endpoint_problem(url)):
        raise ValueError(problem)
    return url.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class ApiSettings(HttpSettings):
    """`allow_private` lets `endpoint` be at an address of a local network; `requests_per_minute` slows the pull down."""

    allow_private: bool = False
    requests_per_minute: int | None = Field(default=None, ge=1)


class JsonApi:
    """A JSON API below `endpoint`, open for the time of a `with`.

    `credentials` are headers or OAuth2's; they and `headers` go to the endpoint's own host only. Credentials and
    `secrets` are kept out of messages.
    `remedies` say by status what to do about a refusal. `also` names further hosts that may be called. `quota` says of
    a refusal's body whether it means "too many requests", where the status does not.
    """

    def __init__(
        self,
        connector: Connector,
        source: str,
        endpoint: str,
        *,
        credentials: Mapping[str, str] | ClientCredentials | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        remedies: Mapping[int, str] | None = None,
        also: Sequence[str] = (),
        quota: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        settings: ApiSettings = connector.settings
        self.connector, self.source, self.endpoint = connector, source, endpoint
        self._headers, self._remedies, self._quota = dict(headers or {}), remedies or {}, quota
        self._grant = credentials if isinstance(credentials, ClientCredentials) else None
        self._secrets, named = list(secrets), [endpoint, *also]
        if isinstance(credentials, ClientCredentials):
            self._secrets.append(credentials.client_secret)
            named.append(credentials.token_url)
        elif credentials:
            self._headers.update(credentials)
            self._secrets += [part for value in credentials.values() for part in (value, value.rpartition(" ")[2])]
        hosts = frozenset((urlsplit(url if "://" in url else f"//{url}").hostname or "").lower() for url in named)
        self._reach = Reach(connector.name, hosts, settings.allow_private)
        self._token, self._token_ends = "", 0.0
        self._wire: Wire

    def __enter__(self) -> JsonApi:
        from okr_pipeline.connectors.wire import Wire

        settings: ApiSettings = self.connector.settings
        self._wire = Wire(
            self.connector.name, self.source, self._reach, settings.requests_per_minute, settings.answer_within
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def ask(self, request: Request) -> Answer:
        """The answer to one request, patiently; raises SourceUnavailable, SourceRejected or DataRejected."""
        return self.connector.patiently(partial(self._answer, request))

    def pages(
        self,
        request: Request,
        paging: Paging | None,
        rows: Callable[[Any], list[Any]],
        total: Find | None = None,
    ) -> Iterator[Page]:
        """Each page, until the paging or the `total` that the source announces says that it was the last.

        DataRejected when a page is asked for or comes twice, and when the rows are not as many as were announced.
        """
        asked: Request | None = request
        seen: set[str] = set()
        received, announced, before = 0, None, None
        while asked is not None:
            place = f"{asked.path} {sorted(asked.params.items())} {asked.body}"
            answer = self.ask(asked)
            page = Page(asked, answer, self.read(answer, lambda body: _listed(rows(body))))
            ends = (len(page.rows), page.rows[0], page.rows[-1]) if page.rows else None
            if place in seen or (ends and ends == before):
                raise DataRejected(
                    f"{self.connector.name}: {self.source} sent the same page twice, after {received} rows. "
                    "Look at how its pages follow one another; nothing of this pull was landed."
                )
            seen.add(place)
            received, before = received + len(page.rows), ends
            if total:
                counted = self.read(answer, lambda _, answer=answer: _number(found(answer, total)))  # type: ignore[misc]
                if announced not in {None, counted}:
                    raise self._shifted(received, counted)
                announced = counted
            yield page
            asked = self.read(answer, lambda _, page=page: paging(page)) if paging else None  # type: ignore[misc]
            if announced is not None and received >= announced:
                break
        if announced is not None and received != announced:
            raise self._shifted(received, announced)

    def read(self, answer: Answer, find: Callable[[Any], T]) -> T:
        """What `find` takes from the answer's body; DataRejected where the body is not of that shape."""
        try:
            return find(answer.body)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._unreadable(error) from error

    def _shifted(self, received: int, announced: int) -> DataRejected:
        return DataRejected(
            f"{self.connector.name}: {self.source} announced {announced} rows and sent {received}. "
            "Some may have been added or removed between two pages: try again."
        )

    def _answer(self, request: Request) -> Answer:
        response, content = self._authorised(request)
        if response.status_code == 401 and self._token:
            self._token = ""  # withdrawn before its time: once more with a new one
            response, content = self._authorised(request)
        if not response.is_success:
            raise self._refused(response, content)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(self._decoded(response, content), headers, str(response.url))

    def _authorised(self, request: Request) -> tuple[httpx.Response, bytes]:
        """The answer to a request with credentials, redirects followed; another host gets none."""
        import httpx

        home = httpx.URL(self.endpoint)
        url = httpx.URL(request.path if "://" in request.path else self.endpoint + request.path)
        url = url.copy_merge_params(request.params) if request.params else url
        credentials = {**self._headers, **self._granted()}
        method = "GET" if request.body is None else "POST"
        for _ in range(REDIRECTS):
            at_home = (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port)
            response, content = self._wire.exchange(
                method, url, json=request.body, headers=credentials if at_home else {}
            )
            target = response.headers.get("location")
            if method == "POST" or response.status_code not in MOVED or not target:
                break
            url = url.join(target)
        return response, content

    def _granted(self) -> Mapping[str, str]:
        """The header of an OAuth2 token, which is asked for when there is none or it is about to end."""
        import httpx

        if self._grant is None:
            return {}
        if not self._token or time.monotonic() > self._token_ends:
            url = httpx.URL(self._grant.token_url)
            response, content = self._wire.exchange("POST", url, data=self._grant.form(), headers=self._grant.headers())
            if not response.is_success:
                raise self._refused(response, content)
            body = self._decoded(response, content)
            if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
                raise self._unreadable(ValueError("the answer to the request for a token has no access_token"))
            self._token = body["access_token"]
            self._secrets.append(self._token)
            lasts = body.get("expires_in")
            self._token_ends = time.monotonic() + (float(lasts) - 60 if isinstance(lasts, int | float) else 3600)
        return bearer(self._token)

    def _unreadable(self, error: Exception) -> DataRejected:
        return DataRejected(unreadable(self.connector.name, self.source, error))

    def _decoded(self, response: httpx.Response, content: bytes) -> Any:
        """The body; what is not JSON in UTF-8 (NaN included) is rejected."""
        try:
            return orjson.loads(content)
        except ValueError as error:
            kind = response.headers.get("content-type", "no content type")
            raise self._unreadable(ValueError(f"{kind}: {error}")) from error

    def _refused(self, response: httpx.Response, content: bytes) -> OkrError:
        try:
            body = orjson.loads(content)
        except ValueError:
            body = None
        return refusal(
            self.connector.name,
            self.source,
            response.status_code,
            said=brief(own_words(body) or response.reason_phrase, *self._secrets),
            retry_after=response.headers.get("retry-after"),
            remedy=self._remedies.get(response.status_code, "Look at `endpoint` and the credentials."),
            quota=self._quota(body),
        )


def _number(told: Any) -> int:
    if not isinstance(told, int | str) or isinstance(told, bool):
        raise TypeError(f"where the number of all rows should be is {brief(repr(told))}")
    return int(told)


def _listed(rows: Any) -> list[Any]:
    if not isinstance(rows, list):
        raise TypeError(f"where the rows should be is {brief(repr(rows))}")
    return rows


def own_words(body: Any) -> str:
    """What a refusal's body says to a person, in the shapes that APIs have for it; empty when there is nothing."""
    body = body[0] if isinstance(body, list) and body else body
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    places = (body, body.get("error"), errors[0] if isinstance(errors, list) and errors else None)
    names = ("title", "error", "error_description", "message", "detail")
    said = [place[name] for place in places if isinstance(place, dict) for name in names if name in place]
    return ": ".join(dict.fromkeys(words for words in said if isinstance(words, str)))
