"""docs/adding-a-connector.md, followed word by word: its files written, its changes made, its commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-connector.md"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, and the file it stands for."""

    kind: str
    where: str
    text: str


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return [Block(*found) for found in FENCE.findall(GUIDE.read_text(encoding="utf-8"))]


def change(path: Path, diff: str) -> None:
    """Makes one change as a person would: finds the lines, which must be there once, and writes the others."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    written = path.read_text(encoding="utf-8")
    assert written.count(before) == 1, f"{path.name} does not have once:\n{before}"
    path.write_text(written.replace(before, after), encoding="utf-8")


def run(command: str, folder: Path) -> str:
    """What a command printed; it must succeed."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OKR_", "DAGSTER_"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(GUIDE.parents[1]),
    }
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_guide_works_from_an_empty_directory(blocks, tmp_path):
    told: dict[str, str] = {}
    for block in blocks:
        path = tmp_path / block.where
        if block.kind == "yaml":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.kind == "diff":
            change(path, block.text)
        elif block.kind == "sh" and "venv" not in block.text and block.where != "live":
            told |= {command: run(command, tmp_path) for command in block.text.splitlines()}

    assert " 0 broken" in told["okr connector test reviews --sandbox"]
    assert " 0 broken" in told["okr connector test podhost --sandbox"]
    assert "plays 72 rows" in told["okr connector test podhost --sandbox"]
    assert "on_track" in told["okr run --sandbox --date 2026-11-15"]
    assert "podhost_plays" in told["okr explain podcast-plays"]
    assert "0 never fetched" in told["okr connector list"]


def test_what_the_guide_says_goes_wrong_goes_wrong(blocks, tmp_path):
    """After the stand-in's changes alone; and with the mistake that the guide suggests."""
    run("okr connector new podhost", tmp_path)
    made = [block for block in blocks if block.kind == "diff"]
    for block in made:
        if "stand_in" in block.where:
            change(tmp_path / block.where, block.text)
    with pytest.raises(AssertionError, match="answered 501"):
        run("okr connector test podhost --sandbox", tmp_path)
    for block in made:
        if "stand_in" not in block.where:
            change(tmp_path / block.where, block.text)
    code = tmp_path / "connectors" / "podhost.py"
    code.write_text(
        code.read_text(encoding="utf-8").replace('"until": f"{after}"', '"until": f"{window.last}"'), "utf-8"
    )
    with pytest.raises(AssertionError, match=r"BROKEN The order of pulls does not matter"):
        run("okr connector test podhost --sandbox --from 2026-11-02 --to 2026-11-04", tmp_path)
