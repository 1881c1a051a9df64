"""The connectors that come with the package, held to the contract against the sandbox's stand-ins."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import large
import orjson
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from stage import stage
from starlette.requests import Request
from starlette.responses import Response

from okr_pipeline import sandbox
from okr_pipeline.config import connector, load
from okr_pipeline.connectors.contract import Connector
from okr_pipeline.connectors.files import Files, FileSettings
from okr_pipeline.connectors.ga4 import GA4
from okr_pipeline.connectors.ga4_settings import GA4Settings
from okr_pipeline.connectors.kit import OVER_HTTP, Subject, memory
from okr_pipeline.connectors.kit.promise import Broken
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.connectors.mailchimp import Mailchimp, MailchimpSettings
from okr_pipeline.connectors.search_console import SearchConsole, SearchConsoleSettings
from okr_pipeline.connectors.sql import SQL, SqlSettings
from okr_pipeline.sandbox import identity

SHIPPED = Path(__file__).parents[2] / "okr_config"
VISITS: dict[str, Any] = {
    "columns": {"id": "integer", "day": "date", "page": "text", "visits": "integer"},
    "key": ["id"],
    "date": "day",
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Connector]]:
    """The shipped configuration's connectors by name, over the sandbox; `ga4-rest` is GA4 over REST, `reviews` docs/rest.md's."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("GA4_TRANSPORT", "rest")
        with sandbox.running(home) as over_rest:
            found = _connectors({**os.environ, **over_rest})
            patch.delenv("GA4_TRANSPORT")
            # gRPC reads its trusted roots from the process's environment, once.
            patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", over_rest["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"])
            patch.setenv("NO_PROXY", "127.0.0.1")
            with sandbox.running(home) as over_grpc:
                reviews = _reviews(tmp_path_factory.mktemp("rest"), over_grpc)
                yield {**_connectors({**os.environ, **over_grpc}), "ga4-rest": found["ga4"], "reviews": reviews}


def _connectors(environment: dict[str, str]) -> dict[str, Connector]:
    return {table.connector.name: table.connector for table in load(SHIPPED, environment).tables.values()}


def _reviews(config: Path, environment: dict[str, str]) -> Connector:
    guide = (SHIPPED.parent / "docs" / "rest.md").read_text(encoding="utf-8")
    (config / "connectors").mkdir()
    (config / "connectors" / "reviews.yaml").write_text(guide.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    return connector(config, "reviews", environment)


def _a_million(request: Request) -> Response:
    """A million reviews of one day, by cursor."""
    start = int(request.query_params.get("cursor", 0))
    end = start + 20_000
    row = (
        '{"id":"rv_%d","posted_at":"2026-11-02T03:00:00Z","product":{"sku":"AC-310"},"rating":{"stars":5},"reply":null}'
    )
    items = ",".join(row % number for number in range(start, end))
    cursor = f'"{end}"' if end < 1_000_000 else "null"
    body = f'{{"data":{{"items":[{items}]}},"meta":{{"count":1000000,"next_cursor":{cursor}}}}}'
    return Response(body, media_type="application/json")


class Shipped(ConnectorContract):
    """One of the shipped connectors, by its name there."""

    name: str

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, shipped: dict[str, Connector]) -> Any:
        return shipped[cls.name]


class TestMailchimp(Shipped):
    name = "email"

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls) -> Iterator[Connector]:
        with large.standing(large.mailchimp) as url:
            settings = {"connector": "mailchimp", "endpoint": url, "api_key": "k-us1", "page_size": 1000}
            yield Mailchimp("many", MailchimpSettings.model_validate(settings))


class TestSearchConsole(Shipped):
    name = "search"
    not_applicable = {"time-zone"}  # noqa: RUF012 - as the kit's docstring shows it

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connector]:
        with large.standing(large.search_console) as url:
            key = large.key(tmp_path_factory.mktemp("key"), url)
            settings = {"connector": "search_console", "endpoint": url, "site": "sc-domain:x.example"}
            yield SearchConsole("many", SearchConsoleSettings.model_validate({**settings, "credentials": key}))


class TestGA4OverREST(Shipped):
    """The client library reads 4,000 rows of JSON in a second, so that a great many take a minute: over gRPC only."""

    name = "ga4-rest"
    not_applicable = {"time-zone", "bounded-memory"}  # noqa: RUF012


class TestGA4OverGRPC(Shipped):
    name = "ga4"
    not_applicable = {"time-zone", "redirect", "content-type", "unknown-field"}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connector]:
        with large.ga4_over_grpc(identity.certificate()) as address:
            key = large.key(tmp_path_factory.mktemp("key"), "http://127.0.0.1:9")
            settings = {"connector": "ga4", "endpoint": address, "property": "1", "timezone": "Asia/Bangkok"}
            streams = {"pages": large.GA4_REPORT}
            yield GA4("many", GA4Settings.model_validate({**settings, "credentials": key, "streams": streams}))


class TestSQL(Shipped):
    name = "crm"
    not_applicable = OVER_HTTP | {"pages", "wrong-credential", "store"}  # SQLite: a file, without a password

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls, tmp_path_factory: pytest.TempPathFactory) -> Connector:
        path = tmp_path_factory.mktemp("many") / "large.sqlite"
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, day DATE, page TEXT, visits INTEGER)")
            database.executemany("INSERT INTO visits VALUES (?, ?, ?, ?)", _a_million_rows())
        settings = {"connector": "sql", "url": f"sqlite:///{path}"}
        return SQL(
            "large", SqlSettings.model_validate({**settings, "streams": {"rows": {"table": "visits", **VISITS}}})
        )


class TestFiles(Shipped):
    name = "files"
    not_applicable = OVER_HTTP | {"pages", "time-zone", "wrong-credential", "store"}

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls, tmp_path_factory: pytest.TempPathFactory) -> Connector:
        return _large_file(tmp_path_factory.mktemp("many") / "large.csv")


@pytest.mark.parametrize("name", ["large.jsonl", "large.parquet"])
def test_files_of_other_kinds_take_little_memory_too(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
    many = _large_file(tmp_path / name)
    memory.bounded_memory.check(Subject(many, many=many))


def test_fewer_small_rows_do_not_show_what_a_million_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
    many = _large_file(tmp_path / "large.csv", rows=200_000)
    with pytest.raises(Broken, match=r"200,000 rows of \d+ MB; a million are wanted"):
        memory.bounded_memory.check(Subject(many, many=many))


def _large_file(path: Path, rows: int = 1_000_000) -> Connector:
    columns = map(list, zip(*_a_million_rows(), strict=True))
    table = pa.table(dict(zip(VISITS["columns"], columns, strict=True))).slice(0, rows)
    if path.suffix == ".jsonl":
        path.write_bytes(b"\n".join(map(orjson.dumps, table.to_pylist())))
    else:
        {".csv": csv.write_csv, ".parquet": parquet.write_table}[path.suffix](table, path)
    settings = {"connector": "files", "folder": str(path.parent)}
    streams = {"rows": {"files": path.name, **VISITS}}
    return Files("large", FileSettings.model_validate({**settings, "streams": streams}))


def _a_million_rows() -> Iterator[tuple[int, str, str, int]]:
    return ((number, "2026-11-02", f"/articles/{number % 5000}", number % 700) for number in range(1_000_000))


class TestRest(Shipped):
    name = "reviews"

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connector]:
        with stage() as large:
            large.handler = _a_million
            environment = {"REVIEWS_ENDPOINT": large.url, "REVIEWS_TOKEN": "any"}
            yield _reviews(tmp_path_factory.mktemp("many"), environment)
