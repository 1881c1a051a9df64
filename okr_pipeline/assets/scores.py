"""The key results and objectives as assets: one step that scores every day of the period so far."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from okr_pipeline.assets import WAREHOUSE_POOL, Project, run_days
from okr_pipeline.assets.specs import key_result_spec, objective_spec
from okr_pipeline.scoring import objectives_as_of, score, scores_as_of

_SHOWN = (
    *("value", "baseline", "target", "progress", "score", "expected", "alongside"),
    *("status", "reason", "held_from", "final", "last_data_day", "manual"),
)


def scores_asset(project: Project) -> dg.AssetsDefinition:
    """`key_result/<id>` and `objective/<id>` for everything configured, grouped by objective."""
    config = project.config

    @dg.multi_asset(
        name="scores",
        specs=[
            *(
                key_result_spec(project, result, objective)
                for objective in config.objectives
                for result in objective.key_results
            ),
            *(
                objective_spec(project, each, [part for part in config.objectives if part.parent == each.id])
                for each in config.objectives
            ),
        ],
        partitions_def=project.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WAREHOUSE_POOL,
        can_subset=True,  # some can be asked for; all are scored, and those asked for are told
    )
    def scored(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        _, as_of = run_days(context)
        with project.warehouse.open() as connection:
            change, load = score(connection, config, as_of)
            results = scores_as_of(connection, config, as_of).to_pylist()
            objectives = objectives_as_of(connection, config, as_of).to_pylist()[
                ::-1
            ]  # parts before what they are part of
        context.log.info(f"scores: load {load}, {change.inserted:,} new, {change.changed:,} changed")
        for kind, rows in (("key_result", results), ("objective", objectives)):
            for row in rows:
                if (key := dg.AssetKey([kind, row[kind]])) in context.selected_asset_keys:
                    yield dg.MaterializeResult(asset_key=key, metadata=_metadata(row))

    return scored


def _metadata(row: dict[str, Any]) -> dict[str, Any]:
    """What a score row says, numbers as numbers so that Dagster plots them over time."""
    shown = {name: row[name] for name in _SHOWN if row.get(name) is not None}
    return {name: value if isinstance(value, (float, bool)) else str(value) for name, value in shown.items()}
