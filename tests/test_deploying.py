"""The files that people deploy with say what docs/deploying.md promises: one writer, an end to hanging runs, loopback."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.config import dagster_instance_config  # what every Dagster process reads dagster.yaml with
from ruamel.yaml import YAML

from okr_pipeline.assets import Project
from okr_pipeline.assets.nightly import NIGHTLY, SCORING, assemble
from okr_pipeline.config import Config
from okr_pipeline.night import instance_home
from okr_pipeline.turns import LONGEST
from okr_pipeline.warehouse import Warehouse

DEPLOY = Path(__file__).parents[1] / "deploy"
LOCK = (DEPLOY.parent / "requirements.lock").read_text(encoding="utf-8")


def one_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return Path(shutil.copy(DEPLOY / "one-machine" / "dagster.yaml", home)).parent


def own_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", "")
    return instance_home(home)


@pytest.mark.parametrize("instance", [one_machine, own_machine])
def test_an_instance_has_one_writer_and_ends_what_hangs(
    instance: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in re.findall(r"env: (\w+)", (DEPLOY / "one-machine" / "dagster.yaml").read_text("utf-8")):
        monkeypatch.setenv(name, "here")
    written, _ = dagster_instance_config(str(instance(tmp_path, monkeypatch)))  # valid for the Dagster installed
    assert written["concurrency"]["pools"] == {"granularity": "op", "default_limit": 1}
    watched = written["run_monitoring"]
    assert (watched["enabled"], watched["max_runtime_seconds"]) == (True, LONGEST)
    assert watched["free_slots_after_run_end_seconds"] == 60
    # A year of the shipped assets is 20,805 events that Dagster writes before a run counts as started; 180 s were too few.
    assert watched["start_timeout_seconds"] == 3600
    assert not written["telemetry"]["enabled"]


def test_a_night_ends_by_itself_wherever_it_is_deployed(shipped: Config, tmp_path: Path) -> None:
    definitions = assemble(Project(shipped, Warehouse(tmp_path)))
    assert isinstance(definitions, dg.Definitions)
    for job in (NIGHTLY, SCORING):
        assert definitions.resolve_job_def(job).tags["dagster/max_runtime"] == str(LONGEST)


def test_in_a_cluster_there_is_one_writer_too() -> None:
    values = YAML(typ="safe").load(DEPLOY / "kubernetes" / "values.yaml")
    assert values["concurrency"] == {
        "enabled": True,  # the chart ignores the rest without it
        "pools": {"granularity": "op", "defaultLimit": 1},
        "runs": {"maxConcurrentRuns": 1},
    }
    assert "runCoordinator" not in values["dagsterDaemon"]  # the chart refuses two limits of runs


def test_the_image_has_the_dagster_that_was_tested() -> None:
    image = (DEPLOY / "kubernetes" / "Dockerfile").read_text("utf-8")
    tested = re.search(r"^dagster-postgres==(\S+)", LOCK, re.MULTILINE)
    assert tested
    assert f"dagster-k8s=={tested[1]}\n" in image


def test_what_has_no_log_in_listens_on_loopback_only() -> None:
    listening = {
        service.stem: re.findall(r" -h (\S+)", service.read_text("utf-8"))
        for service in (DEPLOY / "one-machine").glob("*.service")
    }
    assert listening == {"okr-code": ["127.0.0.1"], "okr-webserver": ["127.0.0.1"], "okr-daemon": []}
