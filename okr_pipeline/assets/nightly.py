"""The job of the night, when it starts, and what happens when a source fails in it."""

import dagster as dg

from okr_pipeline.assets import Project
from okr_pipeline.assets.alerts import alerts_sensor
from okr_pipeline.assets.dropped import watch_sensor
from okr_pipeline.assets.metrics import metrics_asset
from okr_pipeline.assets.scorecard import scorecard_asset
from okr_pipeline.assets.scores import scores_asset
from okr_pipeline.assets.streams import stream_asset
from okr_pipeline.turns import COMMAND_LINE, LONGEST

NIGHTLY, SCORING = "nightly", "scoring"


def assemble(project: Project) -> dg.Definitions:
    """Everything that Dagster knows of a project.

    A stream that cannot be pulled fails its step, as Dagster's users expect; Dagster then skips all that lies downstream.
    So the same scoring steps run once more without the streams: what can be scored is, the rest is held with its reason.
    """
    streams = [stream_asset(project, table) for table in project.config.tables.values()]
    scoring = [metrics_asset(project), scores_asset(project), scorecard_asset(project)]
    # Said here, too, and not only in the instance's dagster.yaml: not every deployment lets that be said.
    at_most = {"dagster/max_runtime": str(LONGEST)}
    nightly = dg.define_asset_job(NIGHTLY, dg.AssetSelection.assets(*streams, *scoring), tags=at_most)
    rescue = dg.define_asset_job(SCORING, dg.AssetSelection.assets(*scoring), tags=at_most)

    @dg.run_failure_sensor(
        request_job=rescue, default_status=dg.DefaultSensorStatus.RUNNING,
        description="A run failed, by a source as a rule: score and publish what can be, and mark the rest as held.",
    )  # fmt: skip
    def score_what_can_be(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run  # of any job: "Materialize all" and a backfill run the same steps as the night
        if run.tags.items() >= COMMAND_LINE.items():
            return dg.SkipReason("`okr run` scores what can be by itself.")
        if run.job_name == SCORING:
            return dg.SkipReason("This was the attempt to score what can be; its failure is told to people.")
        return dg.RunRequest(run_key=run.run_id, tags={key: v for key, v in run.tags.items() if "partition" in key})

    return dg.Definitions(
        assets=[*streams, *scoring],
        jobs=[nightly, rescue],
        schedules=[
            dg.build_schedule_from_partitioned_job(
                nightly, hour_of_day=5, default_status=dg.DefaultScheduleStatus.RUNNING, name="every_night"
            )
        ],
        sensors=[score_what_can_be, alerts_sensor(project, SCORING), watch_sensor(project, NIGHTLY, scoring)],
        executor=dg.in_process_executor,
    )
