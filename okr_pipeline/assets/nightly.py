"""The job of the night, when it starts, and what happens when a source fails in it."""

import dagster as dg

from okr_pipeline.assets import Project
from okr_pipeline.assets.metrics import metrics_asset
from okr_pipeline.assets.scorecard import scorecard_asset
from okr_pipeline.assets.scores import scores_asset
from okr_pipeline.assets.streams import stream_asset

NIGHTLY, SCORING = "nightly", "scoring"


def assemble(project: Project) -> dg.Definitions:
    """Everything that Dagster knows of a project.

    A stream that cannot be pulled fails its step, as Dagster's users expect; Dagster then skips all that lies downstream.
    So the same scoring steps run once more without the streams: what can be scored is, the rest is held with its reason.
    """
    streams = [stream_asset(project, table) for table in project.config.tables.values()]
    scoring = [metrics_asset(project), scores_asset(project), scorecard_asset(project)]
    nightly = dg.define_asset_job(
        NIGHTLY, dg.AssetSelection.assets(*streams, *scoring), partitions_def=project.partitions
    )
    rescue = dg.define_asset_job(SCORING, dg.AssetSelection.assets(*scoring), partitions_def=project.partitions)

    @dg.run_failure_sensor(
        monitored_jobs=[nightly], request_job=rescue, default_status=dg.DefaultSensorStatus.RUNNING,
        description="A source failed in the night: score and publish what can be, and mark the rest as held.",
    )  # fmt: skip
    def score_what_can_be(context: dg.RunFailureSensorContext) -> dg.RunRequest:
        run = context.dagster_run
        return dg.RunRequest(run_key=run.run_id, tags={key: v for key, v in run.tags.items() if "partition" in key})

    return dg.Definitions(
        assets=[*streams, *scoring],
        jobs=[nightly, rescue],
        schedules=[
            dg.build_schedule_from_partitioned_job(
                nightly, hour_of_day=5, default_status=dg.DefaultScheduleStatus.RUNNING, name="every_night"
            )
        ],
        sensors=[score_what_can_be],
        executor=dg.in_process_executor,
    )
