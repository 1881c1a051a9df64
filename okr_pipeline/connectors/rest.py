"""REST: any JSON API, described in YAML alone; and the base of connectors whose streams are described in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.json_api import JsonApi
from okr_pipeline.connectors.json_path import path
from okr_pipeline.connectors.json_rows import Keys
from okr_pipeline.connectors.paging import Paging, Request
from okr_pipeline.connectors.rest_settings import RestSettings, RestStream, place
from okr_pipeline.connectors.settings import Settings

REMEDIES = {
    400: "Look at `get` and `params` of this stream.",
    401: "Look at `auth`, and whether its environment variable holds the right value.",
    403: "Ask the API's owner for the right to read this, or look at `auth`.",
    404: "Look at `endpoint` and at `get` of this stream.",
}


class Asked(NamedTuple):
    """A list: the request for its first page, how the others follow, and where the rows are in an answer."""

    request: Request
    paging: Paging | None
    rows: Callable[[Any], list[Any]]


class Rest(Connector):
    """A JSON API. A subclass says in `declared` what YAML would, and in `api` how it is reached."""

    Settings: ClassVar[type[Settings]] = RestSettings

    def declared(self) -> Mapping[str, RestStream]:
        """The streams by name."""
        streams: Mapping[str, RestStream] = self.settings.streams
        return streams

    def api(self) -> JsonApi:
        """The API, not yet open."""
        settings: RestSettings = self.settings
        return JsonApi(
            self,
            "the API",
            settings.endpoint,
            credentials=settings.auth.credentials() if settings.auth else None,
            headers=settings.headers,
            also=settings.hosts,
            remedies=REMEDIES,
        )

    def asked(self, name: str, window: Window) -> Iterator[Asked]:
        """What is asked for a stream's window: one list, or several one after the other."""
        declared = self.declared()[name]
        paging = declared.pages.paging() if declared.pages else None
        request = declared.request(window, self.settings.timezone)
        if declared.pages and declared.pages.size:
            request = request.having(**{declared.pages.size: self.settings.page_size})
        yield Asked(request, paging, path(declared.rows).rows)

    def streams(self) -> Sequence[Stream]:
        """One stream for each declared list."""
        return [each.stream(name, f"GET {each.get}") for name, each in self.declared().items()]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        """The window's rows, page by page; rows of other days that the API sends are left out."""
        declared, timezone = self.declared()[stream.name], self.settings.timezone
        typed, pages = declared.typed(), declared.pages
        total = place(pages.total) if pages and pages.total else None
        said.notes.update(pages=0, rows=0)
        with self.api() as api:
            lists = list(self.asked(stream.name, window))
            keys = Keys() if len(lists) > 1 or (pages and pages.by in {"page", "offset"}) else None
            for page in (page for each in lists for page in api.pages(*each, total)):
                said.notes["pages"] += 1

                def where(row: int) -> str:
                    return f"{self.name}: {stream.name}, page {said.notes['pages']}, row {row + 1}"

                table = declared.dated(typed.table(page.rows, where), timezone)
                said.notes["rows"] += table.num_rows
                if keys:
                    keys.add(table.select(stream.key))
                if undated := table.column(stream.date).null_count if stream.date else 0:
                    said.notes["rows_without_day"] = said.notes.get("rows_without_day", 0) + undated
                yield from declared.within(table, window).to_batches()
        if keys:
            keys.check(f"{self.name}: {stream.name}")
