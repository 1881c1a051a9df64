"""A drop folder is watched: what is put there by day is pulled and scored by a run of its own."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from okr_pipeline.assets import Project
from okr_pipeline.assets.dropped import watch_sensor
from okr_pipeline.assets.nightly import NIGHTLY, assemble
from okr_pipeline.config import Config, load
from okr_pipeline.connectors.contract import Stream
from okr_pipeline.night import instance_home
from okr_pipeline.published import opened
from okr_pipeline.warehouse import Warehouse

SHIPPED = Path(__file__).parents[2] / "okr_config"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    made.mkdir()
    (made / "team.csv").write_text("person,joined_on,role\nP-1,2026-01-01,Writer\n")
    return made


@pytest.fixture
def config(folder: Path) -> Config:
    return load(SHIPPED, {"OKR_DROP_FOLDER": str(folder)}, unset_is_wrong=False)


@pytest.fixture
def looks(config: Config, demo, tmp_path: Path):
    """One look of the sensor after the other: the runs that it asks for."""
    home = demo.copy(tmp_path / "home")
    repository = assemble(Project(config, Warehouse(home))).get_repository_def()
    sensor = repository.get_sensor_def("pull_what_was_dropped")
    cursor = None

    def look() -> list[dg.RunRequest]:
        nonlocal cursor
        with dg.build_sensor_context(cursor=cursor, repository_def=repository) as context:
            found = sensor.evaluate_tick(context)
        cursor = found.cursor
        return list(found.run_requests or [])

    return look


def streams(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or () if key.path[0] == "files"}


def test_a_file_is_pulled_once_it_has_stood_still(looks, folder):
    assert looks() == looks() == []  # what was there at the start was the night's
    (folder / "seminars.csv").write_text("seminar_id,held_on,team,topic\n")
    assert looks() == []  # it may still be written
    (folder / "seminars.csv").write_text("seminar_id,held_on,team,topic\nS-1,2026-11-02,A,B\n")
    assert looks() == []
    (request,) = looks()
    assert (streams(request), request.partition_key) == ({"files/seminars"}, "2026-11-15")
    assert looks() == looks() == []

    (folder / "seminars.csv").unlink()
    (folder / "~$team.csv").write_text("somebody has it open")
    looks()
    assert [streams(each) for each in looks()] == [{"files/seminars"}]


def test_a_connector_that_fails_to_say_what_it_has_keeps_no_other_from_being_watched(
    looks, folder, config, monkeypatch
):
    looks()
    sheets = config.tables["files_seminars"].connector
    right = type(sheets).state
    monkeypatch.setattr(
        type(sheets), "state", lambda self, stream: {}[stream.name] if stream.name == "team" else right(self, stream)
    )
    (folder / "team.csv").write_text("person,joined_on,role\n")
    (folder / "seminars.csv").write_text("seminar_id,held_on,team,topic\n")
    assert looks() == []
    assert [streams(each) for each in looks()] == [{"files/seminars"}]
    monkeypatch.setattr(type(sheets), "state", right)
    looks()
    assert [streams(each) for each in looks()] == [{"files/team"}]  # it changed meanwhile


def test_the_failure_of_a_connector_to_say_what_it_has_is_told_in_a_sentence(config, monkeypatch, tmp_path):
    monkeypatch.setattr(type(config.tables["files_team"].connector), "state", lambda _, stream: {}[stream.name])
    sensor = watch_sensor(Project(config, Warehouse(tmp_path / "none")), NIGHTLY, [])
    with dg.build_sensor_context() as context:
        said = str(sensor.evaluate_tick(context).skip_message)
    assert said.startswith("Nothing new in 0 watched streams. files: its `state` failed (KeyError: ")
    assert said.endswith(
        "so that only the night pulls it. Mend okr_pipeline.connectors.files.connector, or tell its author."
    )
    assert said.count("`state` failed") == 1


def test_before_the_first_night_nothing_is_run(config, folder, tmp_path):
    sensor = watch_sensor(Project(config, Warehouse(tmp_path / "none")), NIGHTLY, [])
    seen, now = (
        {"files_team": state} for state in ("then", config.tables["files_team"].connector.state(stream_of(config)))
    )
    with dg.build_sensor_context(cursor=json.dumps({"pulled": seen, "seen": now})) as context:
        assert "No night has been yet" in str(sensor.evaluate_tick(context).skip_message)


def stream_of(config: Config) -> Stream:
    return config.tables["files_team"].stream


def test_the_run_pulls_the_changed_streams_alone_and_scores_everything(looks, folder, config, tmp_path, monkeypatch):
    looks()
    (folder / "team.csv").write_text("person,joined_on,role\nP-1,2026-01-01,Writer\nP-2,2026-02-01,Editor\n")
    looks()
    (request,) = looks()
    home = tmp_path / "home"
    monkeypatch.setenv("DAGSTER_HOME", str(instance_home(home)))
    with Warehouse(home).open() as connection:
        ((before,),) = connection.execute("SELECT MAX(load) FROM ledger.loads").fetchall()
    job = assemble(Project(config, Warehouse(home))).resolve_job_def(NIGHTLY)
    ran = job.execute_in_process(
        asset_selection=list(request.asset_selection or ()), partition_key=request.partition_key
    )
    assert ran.success
    with Warehouse(home).open() as connection:
        assert connection.execute("SELECT COUNT(*) FROM raw.files_team").fetchall() == [(2,)]
        loads = connection.execute("SELECT table_name FROM ledger.loads WHERE load > ?", [before]).fetchall()
    assert [name for (name,) in loads if not name.startswith("scores.")] == ["files_team"]
    with opened(home) as published:
        assert published.execute("SELECT COUNT(*) FROM raw.files_team").fetchall() == [(2,)]
