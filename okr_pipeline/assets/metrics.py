"""The metrics as assets: one step that brings every metric's parts up to date from the raw tables."""

from collections.abc import Iterator

import dagster as dg

from okr_pipeline.assets import WAREHOUSE_POOL, Project, source_key
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
        partitions_def=project.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WAREHOUSE_POOL,
        can_subset=True,  # some can be asked for; all are measured, and those asked for are told
    )
    def measured(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        with project.warehouse.open() as connection:
            bind(connection, config)
            change = measure(connection, config, config.metrics.values())
            counts = dict(connection.execute("SELECT metric, COUNT(*) FROM metric.parts GROUP BY metric").fetchall())
        context.log.info(f"metrics: {change.inserted:,} new, {change.changed:,} changed, {change.vanished:,} gone")
        told = [dg.MaterializeResult[None](asset_key=source_key(config, view)) for view in config.views]
        told += [
            dg.MaterializeResult[None](
                asset_key=dg.AssetKey(["metric", metric]), metadata={"dagster/row_count": counts.get(metric, 0)}
            )
            for metric in config.metrics
        ]
        yield from (result for result in told if result.asset_key in context.selected_asset_keys)

    return measured
