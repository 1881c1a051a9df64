"""docs/connectors.md: each connector has its section, and each example is a configuration that loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
