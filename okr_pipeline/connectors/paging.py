"""How the pages of a JSON API follow one another: by page number, offset, cursor, next link or Link header.

A paging only says which request comes after an answer. That pages do not repeat, and add up to what was announced, is
checked for all of them in one place: `JsonApi.pages`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin


@dataclass(frozen=True)
class Request:
    """What is asked: a path below the endpoint or a whole URL, query parameters, and a JSON body if it is a POST."""

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    def having(self, **params: Any) -> Request:
        """The same with other query parameters added or changed."""
        return replace(self, params={**self.params, **params})


@dataclass(frozen=True)
class Answer:
    """What came back: the decoded body, the headers (names in small letters) and the URL that answered in the end."""

    body: Any
    headers: Mapping[str, str]
    url: str


@dataclass(frozen=True)
class Page:
    """One page: what was asked, what came, and the rows in it."""

    asked: Request
    answer: Answer
    rows: list[Any]


Find = (
    Callable[[Any], Any] | str
)  # from an answer's body to a value in it, None where there is none; or a header's name
Paging = Callable[[Page], Request | None]  # the request for the page after this one; None when it was the last


def found(answer: Answer, find: Find) -> Any:
    """What an answer tells at a place; None where it tells nothing."""
    return answer.headers.get(find.lower()) if isinstance(find, str) else find(answer.body)


def by_page(param: str) -> Paging:
    """A parameter numbers the pages; the first request has it. A page without rows is the last.

    One that is not full ends nothing, here and by offset: many sources send fewer rows than they were asked for.
    """
    return lambda page: page.asked.having(**{param: page.asked.params[param] + 1}) if page.rows else None


def by_offset(param: str) -> Paging:
    """A parameter counts the rows before the page; the first request has it. A page without rows is the last."""
    return lambda page: page.asked.having(**{param: page.asked.params[param] + len(page.rows)}) if page.rows else None


def while_more(paging: Paging, more: Callable[[Page], bool]) -> Paging:
    """The same, for as long as the source says that there is more; some refuse the page after the last."""

    def following(page: Page) -> Request | None:
        if not more(page):
            return None
        request = paging(page)
        if request is None:
            raise ValueError("it says that there is more, and not where")
        return request

    return following


def by_cursor(param: str, find: Find) -> Paging:
    """A value of the answer goes into a parameter of the next request; without a value it was the last page."""

    def following(page: Page) -> Request | None:
        cursor = found(page.answer, find)
        return None if cursor is None or cursor in {"", False} else page.asked.having(**{param: cursor})

    return following


def by_next_link(find: Find) -> Paging:
    """The answer has the URL of the next page, relative or absolute; without one it was the last page."""
    return lambda page: _linked(found(page.answer, find), page.answer)


def by_link_header(page: Page) -> Request | None:
    """The Link header (RFC 8288) has the URL of the next page, with rel="next"; without one it was the last page."""
    return _linked(next_link(page.answer.headers.get("link", "")), page.answer)


def _linked(link: Any, answer: Answer) -> Request | None:
    return Request(urljoin(answer.url, str(link))) if link else None


def next_link(header: str) -> str | None:
    """The target of a Link header whose relations include `next`; targets and quoted values may hold commas."""
    for target, parameters in re.findall(r'<([^>]*)>((?:\s*;\s*[^,;"=]+(?:=(?:"[^"]*"|[^,;"]*))?)*)', header):
        relations = re.search(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))', parameters, re.IGNORECASE)
        if relations and "next" in (relations[1] or relations[2] or "").lower().split():
            return str(target)
    return None
