"""`okr connector list`, `new` and `test`, as somebody meets them who adds a source of their own."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from okr_pipeline.config import connector
from okr_pipeline.errors import ConfigError

SETTLED = ("--from", "2026-11-02", "--to", "2026-11-03")


@pytest.fixture
def project(tmp_path, okr):
    """An empty project, and `project.okr(…)`, which runs in it."""
    config = tmp_path / "okr_config"

    def run(*arguments, **changes):
        return okr("connector", *arguments, "--config", config, **changes)

    return SimpleNamespace(folder=tmp_path, config=config, okr=run)


@pytest.fixture(scope="module")
def rehearsed(okr, tmp_path_factory):
    """A project with a connector as it was written, and what its test said."""
    folder = tmp_path_factory.mktemp("project")
    config = folder / "okr_config"
    assert okr("connector", "new", "matomo", "--config", config).code == 0
    asked = ("connector", "test", "matomo", "--sandbox", *SETTLED, "--config", config, "--home", folder / "home")
    return SimpleNamespace(folder=folder, config=config, test=lambda: okr(*asked), first=okr(*asked))


def test_a_new_connector_passes_the_kit_before_it_is_edited(rehearsed):
    assert rehearsed.first.code == 0, rehearsed.first.out
    assert " 0 broken" in rehearsed.first.out
    assert "BROKEN" not in rehearsed.first.out
    assert rehearsed.first.err == ""


def test_a_broken_promise_is_told_with_its_evidence_and_the_exit_code_is_2(rehearsed):
    code = rehearsed.folder / "connectors" / "matomo.py"
    written = code.read_text(encoding="utf-8")
    try:
        code.write_text(written.replace('"to": f"{window.last}"', '"to": f"{window.first}"'), encoding="utf-8")
        told = rehearsed.test()
    finally:
        code.write_text(written, encoding="utf-8")
    assert told.code == 2
    assert "BROKEN The order of pulls does not matter" in told.out
    assert "order: visits: 2 pieces differ: 3 rows and then 6" in told.out


def test_no_file_is_written_over(project):
    assert project.okr("new", "matomo").code == 0
    code = project.folder / "connectors" / "matomo.py"
    code.write_text("mine", encoding="utf-8")
    told = project.okr("new", "matomo")
    assert (told.code, code.read_text(encoding="utf-8")) == (1, "mine")
    assert "there is a connector `matomo` already" in told.err


@pytest.mark.parametrize("name", ["GA4", "9lives", "ga4", "test_x", "x_stand_in", "../x"])
def test_a_name_that_cannot_be_is_refused_with_a_remedy(project, name):
    told = project.okr("new", name)
    assert told.code == 1
    assert "choose another name" in told.err or "use small letters" in told.err
    assert not [*project.folder.iterdir()]


MISTAKES = [  # what stands in connectors/x.py, what is said
    ("class X(:", "connectors/x.py:1: is not Python"),
    ("a = 1\nb = a / 0", "connectors/x.py:2: cannot be loaded: ZeroDivisionError"),
    ("import nowhere_to_be_found", "connectors/x.py:1: cannot be loaded: ModuleNotFoundError"),
    ("x = 1", "connectors/x.py:1: must have one subclass of Connector; it has none"),
]


@pytest.mark.parametrize(("code", "said"), MISTAKES)
def test_a_mistake_in_ones_own_connector_is_told_with_its_line(project, code, said):
    (project.folder / "connectors").mkdir()
    (project.folder / "connectors" / "x.py").write_text(code, encoding="utf-8")
    (project.config / "connectors").mkdir(parents=True)
    (project.config / "connectors" / "x.yaml").write_text("connector: x\n", encoding="utf-8")
    for command in (("test", "x"), ("list",)):
        told = project.okr(*command)
        assert told.code == 1
        assert told.err.startswith(said)
        assert len(told.err.splitlines()) == 1


def test_a_source_that_is_not_there_is_told_once_and_not_forty_times(project):
    project.okr("new", "matomo")
    told = project.okr("test", "matomo", MATOMO_ENDPOINT="http://127.0.0.1:9", MATOMO_API_KEY="s3cret-s3cret")
    assert told.code == 2
    assert told.err.startswith("okr: matomo: Matomo cannot be reached at 127.0.0.1")
    assert "s3cret" not in told.err + told.out


def test_what_is_not_configured_is_told_with_what_is(project):
    project.okr("new", "matomo")
    told = project.okr("test", "matamo")
    assert told.code == 1
    assert "there is matomo. `okr connector new matamo` writes a working one" in told.err
    assert "MATOMO_API_KEY is not set" in project.okr("test", "matomo").err


def test_the_list_of_a_project_that_never_ran(project):
    project.okr("new", "matomo")
    told = project.okr("list")
    assert told.code == 0, told.err
    for words in (
        "matomo · matomo (connectors/matomo.py) · okr_config/connectors/matomo.yaml",
        "not set: MATOMO_API_KEY, MATOMO_ENDPOINT",
        "raw.matomo_visits: Visits per day and page (by day, 2 days again each night; key day, page)",
        "never ran",
        "Not configured: ",
        "dlt (built in), files (built in), ga4 (built in)",
    ):
        assert words in told.out


def test_the_list_says_when_each_stream_last_ran_what_it_said_and_what_is_known_of_its_days(demo, okr, tmp_path, night):
    home = demo.copy(tmp_path / "home")
    night(home, date(2026, 11, 16), faults="ga4=401", sources=("ga4",), scored=False)
    told = okr("connector", "list", "--home", home).out
    queries = told[told.index("raw.search_queries") : told.index("raw.search_days")]
    assert "last ran 2026-11-15 22:00 UTC" in queries
    assert "rows for 2026-11-" in queries
    assert "it said " in queries
    assert "it said rows: " in told  # the database's
    exports = told[told.index("raw.files_tool_usage") : told.index("raw.files_features")]
    assert re.search(r"it said files: 2\d in all, the last ones tool_usage_[\d-]+\.csv 6, tool_usage_", exports)
    assert "sampled" not in told  # a flag that is not raised
    assert "1 never fetched" in queries
    assert " ████▒▒▒ ·" in queries  # 9 November is a Monday
    events = told[told.index("raw.ga4_events") :]
    assert "last ran 2026-11-16 22:00 UTC" in events
    assert "source_rejected: ga4: " in events
    assert "1 failed" in events
    assert " ████▒▒▒ ×" in events


def test_a_connector_that_is_gone_is_a_mistake_of_the_configuration(tmp_path):
    with pytest.raises(ConfigError, match="there is none"):
        connector(tmp_path / "okr_config", "any", {})


def test_a_packages_connector_may_stand_beside_ones_own(tmp_path: Path):
    from okr_pipeline.connectors import origins

    (tmp_path / "matomo.py").touch()
    (tmp_path / "ga4.py").touch()  # the name is taken
    found = origins(tmp_path)
    assert (found["matomo"], found["ga4"]) == ("connectors/matomo.py", "built in")
