"""The sensor that tells people, once a night is over and scored; it does so by the same function as `okr run`."""

import dagster as dg

from okr_pipeline.assets import Project

UNFINISHED = [
    *(dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING),
    *(dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING),
]


def alerts_sensor(project: Project, last_resort: str) -> dg.SensorDefinition:
    """`tell_people`. `last_resort` is the job after which nothing else tries to score: its failure is the night's."""

    @dg.sensor(
        minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING,
        description="One message a night to the addresses in OKR_ALERTS, when a status changed or something fails or is late.",
    )  # fmt: skip
    def tell_people(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from okr_pipeline.alerts.news import tell

        if context.instance.get_runs_count(dg.RunsFilter(statuses=UNFINISHED)):
            return dg.SkipReason("A run is not over yet: one message a night, at its end.")
        outcome = tell(project.config, project.warehouse.home, failed=failed_night(context.instance, last_resort))
        for problem in outcome.problems:
            context.log.warning(problem)
        return dg.SkipReason(outcome.summary)

    return tell_people


def failed_night(instance: dg.DagsterInstance, last_resort: str) -> str | None:
    """Why the newest run failed, when it was the one that is to score whatever the sources did; else None."""
    newest = instance.get_runs(limit=1)
    if not newest or newest[0].job_name != last_resort or newest[0].status != dg.DagsterRunStatus.FAILURE:
        return None
    for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
        for record in instance.get_records_for_run(newest[0].run_id, of_type=kind).records:
            event = record.event_log_entry.dagster_event
            if event is not None:
                error = event.step_failure_data.error if event.is_step_failure else None
                text = (error.cause or error).message if error else event.message or "no reason given"
                return f"{event.step_key or newest[0].job_name}: {text.strip()}"
    return f"{last_resort}: no reason given; look at its run in Dagster"
