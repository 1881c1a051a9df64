"""docs/connectors.md: each connector has its section, and each example is a configuration that loads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from okr_pipeline import sandbox
from okr_pipeline.config import tables
from okr_pipeline.connectors import BUILT_IN

GUIDE = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(connector: .*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_connector_has_a_section(name: str) -> None:
    assert re.search(rf"^## .*: `{name}`$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split()[1])
def test_each_example_is_a_configuration(example: str, tmp_path: Path) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "example.yaml").write_text(example, encoding="utf-8")
    assert tables(tmp_path, {}, unset_is_wrong=False)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with sandbox.running(tmp_path_factory.mktemp("home")) as environment:
        yield environment


ASKED = [example for example in EXAMPLES if example.split()[1] not in {"sql", "files", "rest", "dlt"}]


@pytest.mark.parametrize("example", ASKED, ids=lambda example: example.split()[1])
def test_no_example_asks_a_live_source_in_the_sandbox(example: str, tmp_path: Path, stand_ins: dict[str, str]) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "example.yaml").write_text(example, encoding="utf-8")
    (found, *_) = tables(tmp_path, stand_ins, unset_is_wrong=False)
    assert "127.0.0.1:" in found.connector.settings.endpoint
    (found, *_) = tables(tmp_path, {**stand_ins, "OKR_SANDBOX": ""}, unset_is_wrong=False)
    assert "127.0.0.1:" not in found.connector.settings.endpoint
