"""The same figures for spreadsheets, programs and notebooks: they agree with `okr score`, and the documented example runs."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

import okr_pipeline
from okr_pipeline.errors import ConfigError

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.md"
NUMBERS = ("value", "baseline", "target", "progress", "score", "expected")


@pytest.fixture(scope="module")
def answer(demo: Any, okr: Any) -> dict[str, Any]:
    rows = okr("score", "--format", "json", "--home", demo.home).json["key_results"]
    return {row["key_result"]: row for row in rows}


def test_every_file_beside_the_page_has_the_numbers_of_okr_score(demo: Any, answer: dict[str, Any]) -> None:
    folder = demo.home / "published"
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        as_csv = {row["key_result"]: row for row in csv.DictReader(file)}
    parquet = pd.read_parquet(folder / "scores.parquet").set_index("key_result")
    as_json = {row["key_result"]: row for row in json.loads((folder / "scores.json").read_text())["key_results"]}
    assert as_json == answer
    assert list(as_csv) == list(parquet.index) == list(answer)
    for name, row in answer.items():
        assert as_csv[name]["status"] == parquet.loc[name, "status"] == row["status"]
        for column in NUMBERS:
            assert float(as_csv[name][column]) == float(str(parquet.loc[name, column])) == row[column], (name, column)
    assert not list(folder.glob("*.unfinished"))


def test_a_notebook_is_given_the_same_numbers_of_any_day(demo: Any, okr: Any, answer: dict[str, Any]) -> None:
    found = okr_pipeline.scores(home=demo.home)
    assert dict(zip(found["key_result"], found["score"], strict=True)) == {n: row["score"] for n, row in answer.items()}
    earlier = okr_pipeline.scores(home=demo.home, as_of=date(2026, 10, 20)).set_index("key_result")
    rows = okr("score", "--format", "json", "--as-of", "2026-10-20", "--home", demo.home).json["key_results"]
    for row in rows:
        found_score = earlier.loc[row["key_result"], "score"]
        assert (None if pd.isna(found_score) else found_score) == row["score"]


def test_the_documented_example_runs(demo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (tmp_path / ".okr").symlink_to(demo.home)
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", NOTEBOOK.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "notebook.md", "exec"), names)
    assert "joint-seminars" in capsys.readouterr().out
    assert len(names["then"]) == 15


def test_a_day_that_is_not_scored_and_a_home_without_anything_are_said_in_a_sentence(demo: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2027-01-01 is not scored; name a day from"):
        okr_pipeline.scores(home=demo.home, as_of=date(2027, 1, 1))
    with pytest.raises(ConfigError, match=r"does not exist yet; `okr run` makes it"):
        okr_pipeline.scores(home=tmp_path)


COMMANDS = (
    ("score",),
    ("explain", "signups"),
    ("diff", "--from-known", "2026-11-15T00:00", "--to-known", "2026-11-16T00:00"),
)


@pytest.fixture(scope="module", params=["not a database", "cut off", "of an older version"])
def broken(request: Any, demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = demo.copy(tmp_path_factory.mktemp("broken") / "home")
    snapshot = home / "published" / "okr.duckdb"
    if request.param == "not a database":
        snapshot.write_text("hello", encoding="utf-8")
    elif request.param == "cut off":
        snapshot.write_bytes(snapshot.read_bytes()[:5000])
    else:
        with duckdb.connect(snapshot) as connection:
            connection.execute("DROP VIEW scores.key_results")
    return home


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_snapshot_that_cannot_be_read_ends_in_one_sentence_with_the_remedy(
    broken: Path, okr: Any, command: tuple[str, ...]
) -> None:
    ran = okr(*command, "--home", broken)
    assert ran.code == 1, ran.out
    said = " ".join(ran.err.split())
    assert "okr.duckdb" in said.replace(" ", "")
    assert "`okr run` publishes it anew" in said
    assert "Traceback" not in ran.err
