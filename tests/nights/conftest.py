"""What the tests of many nights share: a small configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def small(config: Path) -> Path:
    """A configuration of one source and one objective."""
    for path in [*config.glob("connectors/*"), *config.glob("metrics/*"), *config.glob("objectives/*")]:
        if path.name not in ("files.yaml", "learning.yaml", "2-learning.yaml"):
            path.unlink()
    shutil.rmtree(config / "views")
    return config
