"""The schedule fires once for every day, at 05:00 where the organisation is, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator  # what the daemon's ticks come from

from okr_pipeline.assets import Project
from okr_pipeline.assets.nightly import assemble
from okr_pipeline.config import load
from okr_pipeline.warehouse import Warehouse


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", date(2026, 10, 25)),
        ("Europe/Berlin", date(2027, 3, 28)),
        ("America/New_York", date(2026, 11, 1)),
        ("America/New_York", date(2027, 3, 14)),
        ("Asia/Bangkok", date(2026, 11, 1)),
    ],
)
def test_one_tick_a_day_at_five_for_the_day_before(zone: str, change: date, config: Path, tmp_path: Path) -> None:
    organisation = config / "okr.yaml"
    organisation.write_text(organisation.read_text("utf-8").replace("Asia/Bangkok", zone), "utf-8")
    definitions = assemble(Project(load(config, {}, unset_is_wrong=False), Warehouse(tmp_path)))
    schedule = definitions.resolve_schedule_def("every_night")
    assert schedule.execution_timezone == zone
    start = datetime.combine(change - timedelta(days=3), datetime.min.time(), ZoneInfo(zone))
    ticks = schedule_execution_time_iterator(start.timestamp(), schedule.cron_schedule, zone)
    for offset in range(-3, 4):
        day, tick = change + timedelta(days=offset), next(ticks)
        assert (tick.date(), tick.hour, tick.minute) == (day, 5, 0)
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_schedule_context(
                instance, scheduled_execution_time=tick.astimezone(UTC), repository_def=definitions.get_repository_def()
            )
            (request,) = schedule.evaluate_tick(context).run_requests or []
        assert request.partition_key == str(day - timedelta(days=1))
