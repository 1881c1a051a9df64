"""`okr run`, "Materialize all", a backfill and the schedule leave the same rows: tried on a running daemon and web server."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from homes import contents
from webserver import webserver

from okr_pipeline import clock

NOW = clock.night_after(date(2026, 11, 15), "Asia/Bangkok").isoformat()


@pytest.mark.daemon
@pytest.mark.timeout(600)
def test_every_way_to_run_a_night_leaves_the_same_rows(tmp_path: Path, small: Path, okr: Any) -> None:
    by_daemon, by_hand = tmp_path / "daemon", tmp_path / "hand"
    with webserver(by_daemon, small, OKR_NOW=NOW) as up:
        up.stop("every_night")
        everything = up.assets()
        up.launch("__ASSET_JOB", {"dagster/partition": "2026-11-12", "way": "materialize all"}, everything)
        assert up.ended(("way", "materialize all")) == ["SUCCESS"]
        backfill = up.backfill(["2026-11-13", "2026-11-14"], everything)
        assert up.ended(("dagster/backfill", backfill)) == ["SUCCESS"], "two days, one run"
        (request,) = up.tick("every_night", datetime(2026, 11, 16, 5, tzinfo=ZoneInfo("Asia/Bangkok")).timestamp())
        tags = {tag["key"]: tag["value"] for tag in request["tags"]}
        assert tags["dagster/partition"] == "2026-11-15"
        up.launch("nightly", tags | {"way": "schedule"})
        assert up.ended(("way", "schedule")) == ["SUCCESS"]
    home = ("--sandbox", "--home", by_hand, "--config", small)
    done = okr("run", *home, "--from", "2026-11-12", "--to", "2026-11-15", OKR_NOW=NOW)
    assert done.code == 0, done.out + done.err
    ours, theirs = contents(by_hand), contents(by_daemon)
    assert ours.keys() == theirs.keys()
    assert len(ours["scores.key_results"]) > 100
    for table, rows in ours.items():
        assert theirs[table] == rows, table
