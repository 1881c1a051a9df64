"""The connectors that come with the package, held to the contract against the sandbox's stand-ins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from okr_pipeline import sandbox
from okr_pipeline.config import load
from okr_pipeline.connectors.contract import Connector
from okr_pipeline.connectors.kit import OVER_HTTP
from okr_pipeline.connectors.kit.testing import ConnectorContract

SHIPPED = Path(__file__).parents[2] / "okr_config"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Connector]]:
    """The shipped configuration's connectors by name, over the sandbox; `ga4-rest` is GA4 over REST."""
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
                yield {**_connectors({**os.environ, **over_grpc}), "ga4-rest": found["ga4"]}


def _connectors(environment: dict[str, str]) -> dict[str, Connector]:
    return {table.connector.name: table.connector for table in load(SHIPPED, environment).tables.values()}


class Shipped(ConnectorContract):
    """One of the shipped connectors, by its name there."""

    name: str

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, shipped: dict[str, Connector]) -> Any:
        return shipped[cls.name]


class TestMailchimp(Shipped):
    name = "email"


class TestSearchConsole(Shipped):
    name = "search"
    not_applicable = {"time-zone"}  # noqa: RUF012 - as the kit's docstring shows it


class TestGA4OverREST(Shipped):
    name = "ga4-rest"
    not_applicable = {"time-zone"}  # noqa: RUF012


class TestGA4OverGRPC(Shipped):
    name = "ga4"
    not_applicable = OVER_HTTP | {"time-zone"}


class TestSQL(Shipped):
    name = "crm"
    not_applicable = OVER_HTTP | {"pages", "wrong-credential", "store"}  # SQLite: a file, without a password


class TestFiles(Shipped):
    name = "files"
    not_applicable = OVER_HTTP | {"pages", "time-zone", "wrong-credential", "store"}


class TestRest(Shipped):
    """The review service of docs/rest.md, in YAML alone."""

    not_applicable = {"pages", "bounded-memory"}  # noqa: RUF012 - how pages follow is YAML, and so is their size

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Connector:
        guide = (SHIPPED.parent / "docs" / "rest.md").read_text(encoding="utf-8")
        folder = tmp_path_factory.mktemp("rest") / "connectors"
        folder.mkdir()
        (folder / "reviews.yaml").write_text(guide.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
        return connector(folder.parent, "reviews", environment)
