"""What the UI shows of a day is what is known of it: failed while it is lost, there once a night has caught up with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import AssetKey

from okr_pipeline.night import instance_home

DAYS = [f"2026-11-{day}" for day in (12, 13, 14, 15, 16)]
WEBINARS, SCORE = AssetKey(["files", "webinars"]), AssetKey(["key_result", "webinars"])


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`shown(key)`: the days of an asset that Dagster shows as there, and those it shows as failed."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    instance_home(tmp_path / "home")

    def read(key: AssetKey) -> tuple[list[str], list[str]]:
        days = dg.DailyPartitionsDefinition(DAYS[0], end_date="2026-11-17")
        with dg.DagsterInstance.get() as instance:
            found = instance.get_status_by_partition(key, DAYS, days) or {}
        return tuple(  # type: ignore[return-value]
            [day for day in DAYS if found.get(day) is not None and found[day].name == name]
            for name in ("MATERIALIZED", "FAILED")
        )

    return read


def test_a_lost_day_turns_green_with_the_night_that_catches_up(
    tmp_path: Path, okr: Any, small: Path, shown: Any
) -> None:
    def night(day: str, **faults: str) -> int:
        return int(
            okr("run", "--sandbox", "--home", tmp_path / "home", "--config", small, "--date", day, **faults).code
        )

    assert night("2026-11-13") == 0  # the first: what lies before it was pulled as well, and waits for a backfill
    assert night("2026-11-14", OKR_SANDBOX_FAULTS="files=missing") == 2
    assert shown(WEBINARS) == (["2026-11-13"], ["2026-11-14"])
    assert shown(SCORE)[0] == ["2026-11-13", "2026-11-14"]  # scored all the same: held, with its reason
    assert night("2026-11-16") == 0  # and nobody ran the night of the 15th
    for key in (WEBINARS, SCORE, AssetKey(["metric", "webinars_attended"]), AssetKey("scorecard")):
        assert shown(key) == (DAYS[1:], []), key
