"""The metrics as assets: one step that brings every metric's parts up to date from the raw tables."""

from collections.abc import Iterator

import dagster as dg
import duckdb

from okr_pipeline.assets import WAREHOUSE_POOL, Project, run_days, source_key
from okr_pipeline.assets.checks import range_check, range_result
from okr_pipeline.assets.shown import (
    PLOTTED,
    by_day,
    metric_days,
    metric_days_facts,
    missed,
    plot,
    preview,
    query,
    view_facts,
)
from okr_pipeline.assets.specs import metric_spec, view_spec
from okr_pipeline.scoring import bind, measure


def metrics_asset(project: Project) -> dg.AssetsDefinition:
    """`view/<name>` and `metric/<id>` for everything configured."""
    config = project.config

    @dg.multi_asset(
        name="metrics",
        specs=[
            *(view_spec(project, view) for view in config.views.values()),
            *(metric_spec(project, metric) for metric in config.metrics.values()),
        ],
        check_specs=[
            range_check(dg.AssetKey(["metric", metric.id])) for metric in config.metrics.values() if metric.bounds
        ],
        partitions_def=project.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WAREHOUSE_POOL,
        can_subset=True,  # some can be asked for; all are measured, and those asked for are told
    )
    def measured(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with project.warehouse.open() as connection:
            bind(connection, config)
            change = measure(connection, config, config.metrics.values())
            judged = _show(context, connection, project)
        context.log.info(f"metrics: {change.inserted:,} new, {change.changed:,} changed, {change.vanished:,} gone")
        told = [dg.MaterializeResult[None](asset_key=source_key(config, view)) for view in config.views]
        told += [dg.MaterializeResult[None](asset_key=dg.AssetKey(["metric", metric])) for metric in config.metrics]
        yield from (result for result in told if result.asset_key in context.selected_asset_keys)
        yield from (result for result in judged if result.asset_key in context.selected_asset_keys)

    return measured


def _show(
    context: dg.AssetExecutionContext, connection: duckdb.DuckDBPyConnection, project: Project
) -> list[dg.AssetCheckResult]:
    """The parts of each metric on each day of the run, and a picture of the time before the last one; the rows of each view.

    Gives for each metric with bounds whether the days shown keep within them.
    """
    from okr_pipeline.config.periods import Period
    from okr_pipeline.scorecard.charts import day_charts
    from okr_pipeline.scorecard.plots import picture
    from okr_pipeline.scorecard.words import Words

    (first, last), metrics = run_days(context), project.config.metrics
    shown = Period("", last - PLOTTED, last)
    caught_up = {metric: missed(context, dg.AssetKey(["metric", metric])) for metric in metrics}
    days = metric_days(
        connection, project, min([first, shown.first, *(day for days in caught_up.values() for day in days)]), last
    )
    lines = [
        [(day["day"], day["value"]) for day in days.get(metric, []) if day["day"] >= shown.first and day["value"] is not None]
        for metric in metrics
    ]  # fmt: skip
    words = Words(project.config.organisation.language, last)
    units = [metric.unit for metric in metrics.values()]
    charts = day_charts([(unit, shown, line) for unit, line in zip(units, lines, strict=True)], words)
    for metric, line, chart in zip(metrics.values(), lines, charts, strict=True):
        found = days.get(metric.id, [])
        facts = metric_days_facts(found)
        newest = plot(project.text(metric.title), picture(chart)) if line else {}
        newest |= {"first day": str(found[0]["day"]), "last day": str(found[-1]["day"])} if found else {}
        newest |= preview([day for day in reversed(found) if day["rows"]])
        newest |= query(
            f"SELECT * EXCLUDE (_load) FROM metric.parts WHERE metric = '{metric.id}' ORDER BY day DESC, part, item;"
        )
        by_day(context, dg.AssetKey(["metric", metric.id]), facts, newest, caught_up[metric.id])
    for view in project.config.views:
        key = source_key(project.config, view)
        by_day(context, key, {}, view_facts(connection, view), missed(context, key))
    return [
        range_result(dg.AssetKey(["metric", metric.id]), metric, days.get(metric.id, []))
        for metric in metrics.values()
        if metric.bounds
    ]
