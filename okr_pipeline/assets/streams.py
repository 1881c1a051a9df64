"""One asset for each stream of each source: a pull of the night's window, landed in its raw table."""

from collections.abc import Iterator

import dagster as dg

from okr_pipeline.ahead import Ahead
from okr_pipeline.assets import WAREHOUSE_POOL, Project, run_days, source_key
from okr_pipeline.assets.checks import results, stream_checks
from okr_pipeline.assets.shown import by_day, missed, stream_days, stream_facts
from okr_pipeline.assets.specs import stream_spec
from okr_pipeline.config import Table
from okr_pipeline.errors import OkrError
from okr_pipeline.scoring import earliest_day
from okr_pipeline.warehouse import coverage

LANDED = {"rows", "empty", "not_final"}  # states of a day, see ledger.coverage
TOLD = 3  # bad rows that a night tells one by one


def stream_asset(project: Project, table: Table) -> dg.AssetsDefinition:
    """Pulls the run's days, what the source restates before them, and every day missed since the beginning."""

    spec = stream_spec(project, table)
    checks = stream_checks(spec.key, table)

    @dg.multi_asset(
        name=_step(table),
        specs=[spec],
        check_specs=checks,
        partitions_def=project.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WAREHOUSE_POOL,
    )
    def stream(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        pulls = _pulls(project, context)
        try:
            load = pulls.landed(table)
        except OkrError as error:
            context.log.warning(str(error))
            yield from results(checks, table, error.findings)
            # Requests were repeated already, for as long as the connector's `retry_for`.
            raise dg.Failure(str(error), metadata={"reason": error.reason}, allow_retries=False) from None
        change = load.change
        context.log.info(
            f"{table.name}: {change.received:,} rows for {load.first_day} to {load.last_day}"
            f" ({change.inserted:,} new, {change.changed:,} changed, {change.vanished:,} gone)"
        )
        for bad in load.bad_rows[:TOLD]:
            context.log.warning(f"{table.name}: left out {bad.place}:{bad.line}: {bad.problem}")
        if (more := len(load.bad_rows) - TOLD) > 0:
            context.log.warning(f"{table.name}: left out {more} more rows; they are all in ledger.quarantine.")
        with project.warehouse.open() as connection:
            covered = coverage(connection, table.name)
            caught_up = [day for day in missed(context, spec.key) if covered.get(day) in LANDED]
            first, last = run_days(context)
            days = stream_days(connection, table, min([first, *caught_up]), last)
            facts = stream_facts(connection, table, load, covered, pulls.seconds.get(table.name))
            by_day(context, spec.key, days, facts, caught_up)
        yield dg.MaterializeResult(asset_key=spec.key)
        for result in results(checks, table, load.findings):
            if not result.passed:
                context.log.warning(f"{table.name}: {result.description}")
            yield result

    return stream


def _step(table: Table) -> str:
    return f"pull_{table.name}".replace("-", "_")


def _pulls(project: Project, context: dg.AssetExecutionContext) -> Ahead:
    """The pulls of this run: its first step begins them all, each source in a thread of its own."""
    run = context.run
    if run.run_id not in project.pulls:
        tables = [
            table
            for table in project.config.tables.values()
            if not run.asset_selection or source_key(project.config, table.name) in run.asset_selection
            if not run.step_keys_to_execute or _step(table) in run.step_keys_to_execute
        ]
        project.pulls.clear()  # of a run before, in this process
        project.pulls[run.run_id] = Ahead(project.warehouse, tables, *run_days(context), earliest_day(project.config))
    return project.pulls[run.run_id]
