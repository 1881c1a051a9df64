"""The last asset: what people read, put in place together."""

import dagster as dg

from okr_pipeline.assets import WAREHOUSE_POOL, Project
from okr_pipeline.assets.shown import by_day, missed
from okr_pipeline.published import opened, scored_day
from okr_pipeline.scorecard import PAGE, made
from okr_pipeline.warehouse import publish


def scorecard_asset(project: Project) -> dg.AssetsDefinition:
    """`scorecard`: the published snapshot and the page."""

    spec = dg.AssetSpec(
        "scorecard",
        deps=[["objective", objective.id] for objective in project.config.objectives],
        description="The page (`published/scorecard.html`) and the snapshot that people read (`published/okr.duckdb`).",
        group_name="scorecard",
        kinds={"html", "duckdb"},
    )

    @dg.multi_asset(
        name="publish",
        specs=[spec],
        partitions_def=project.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WAREHOUSE_POOL,
    )
    def scorecard(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from okr_pipeline.scorecard.preview import preview

        snapshot = publish(project.warehouse, lambda unfinished: made(unfinished, project.config))
        page = snapshot.with_name(PAGE)
        with opened(project.warehouse.home) as connection:
            as_of = scored_day(
                connection, None, None
            )  # not the run's: a day of last month that is run again is no news
        context.log.info(f"scorecard: {page.name} and {snapshot.name} published")
        facts = {
            "as of": str(as_of),
            "preview": dg.MetadataValue.md(preview(snapshot, project.config, as_of)),
            "page": dg.MetadataValue.path(page.resolve()),
            "snapshot": dg.MetadataValue.path(snapshot.resolve()),
        }
        by_day(context, spec.key, {}, facts, missed(context, spec.key))
        return dg.MaterializeResult()

    return scorecard
