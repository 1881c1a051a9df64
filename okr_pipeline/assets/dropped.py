"""The sensor that watches drop folders: what is put there by day is pulled and scored soon, and not only at night."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import date

import dagster as dg

from okr_pipeline.assets import Project, source_key
from okr_pipeline.connectors.http import brief
from okr_pipeline.connectors.own import OWN, blamed
from okr_pipeline.connectors.secrets import Secrets
from okr_pipeline.errors import ConfigError
from okr_pipeline.published import opened
from okr_pipeline.scoring import days_scored


def watch_sensor(project: Project, nightly: str, scoring: Sequence[dg.AssetsDefinition]) -> dg.SensorDefinition:
    """`pull_what_was_dropped`: runs the streams whose source has changed, and all scores, for the day scored last."""

    @dg.sensor(
        job_name=nightly, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING,
        description="A file was dropped, changed or removed: pull its streams and score, once it has stood still for a while.",
    )  # fmt: skip
    def pull_what_was_dropped(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        told, failed = _states(project)
        for sentence in failed:
            context.log.warning(sentence)
        before = json.loads(context.cursor) if context.cursor else {"pulled": told, "seen": told}
        # What cannot be told now is as it was: what changes meanwhile is then seen as soon as it can be told again.
        states = {name: state for name, state in before["seen"].items() if name in project.config.tables} | told
        pulled = {name: before["pulled"].get(name, state) for name, state in states.items()}
        # A file that is still being written changes from one look to the next.
        due = [name for name, state in states.items() if pulled[name] != state == before["seen"].get(name)]
        cursor = json.dumps({"pulled": pulled | {name: states[name] for name in due}, "seen": states})
        if not due:
            context.update_cursor(cursor)
            return dg.SkipReason(" ".join([f"Nothing new in {len(told)} watched streams.", *failed]))
        keys = [source_key(project.config, name) for name in due] + [key for asset in scoring for key in asset.keys]
        day = _scored_last(project)
        if day is None:
            return dg.SkipReason("No night has been yet; the first pulls everything.")
        return dg.SensorResult([dg.RunRequest(partition_key=day.isoformat(), asset_selection=keys)], cursor=cursor)

    return pull_what_was_dropped


def _states(project: Project) -> tuple[dict[str, str], list[str]]:
    """What each stream's source says that it has, where it can; and a sentence for each connector that failed to say."""
    states, failed = {}, {}
    for table in project.config.tables.values():
        if table.unset:
            continue
        try:
            state = table.connector.state(table.stream)
        except Exception as error:  # noqa: BLE001 - others' connectors must not keep ours from being watched
            kind = type(table.connector)
            what = brief(blamed(kind, error), *Secrets.of(table.connector.settings))
            failed[table.connector.name] = (
                f"{table.connector.name}: its `state` failed ({what}), so that only the night pulls it. "
                f"Mend {kind.__module__.removeprefix(OWN)}, or tell its author."
            )
        else:
            if state is not None:
                states[table.name] = state
    return states, [*failed.values()]


def _scored_last(project: Project) -> date | None:
    """The newest day with scores: yesterday, or the day before as long as its night is still to come."""
    with suppress(ConfigError), opened(project.warehouse.home) as connection:
        days = days_scored(connection)
        return days[1] if days else None
    return None
