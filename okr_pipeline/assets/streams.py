"""One asset for each stream of each source: a pull of the night's window, landed in its raw table."""

import dagster as dg

from okr_pipeline.assets import WAREHOUSE_POOL, Project, owners, run_days, source_key
from okr_pipeline.config import Table
from okr_pipeline.errors import OkrError
from okr_pipeline.ingest import ingest
from okr_pipeline.scoring import earliest_day

TOLD = 3  # bad rows that a night tells one by one


def stream_asset(project: Project, table: Table) -> dg.AssetsDefinition:
    """Pulls the run's days, what the source restates before them, and every day missed since the beginning."""

    columns = [dg.TableColumn(field.name, str(field.type)) for field in table.stream.schema]
    spec = dg.AssetSpec(
        source_key(project.config, table.name),
        description=f"{table.stream.description}\n\nConfigured at {table.place}.",
        group_name=table.connector.name.replace("-", "_"),
        kinds={table.connector.settings.connector, "duckdb"},
        owners=owners(table.connector.settings.owner),
        metadata={"dagster/table_name": f"raw.{table.name}", "dagster/column_schema": dg.TableSchema(columns)},
    )

    @dg.multi_asset(
        name=f"pull_{table.name}".replace("-", "_"),
        specs=[spec],
        partitions_def=project.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WAREHOUSE_POOL,
    )
    def stream(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        first, last = run_days(context)
        try:
            load = ingest(project.warehouse, table, first, last, earliest_day(project.config))
        except OkrError as error:
            context.log.warning(str(error))
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
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": change.received,
                "left out": len(load.bad_rows),
                "window": f"{load.first_day} to {load.last_day}",
                "new": change.inserted,
                "changed": change.changed,
                "vanished": change.vanished,
                "unchanged": change.unchanged,
                "available through": str(load.available_through),
                "final through": str(load.final_through),
                "said by the source": dg.MetadataValue.json(load.notes),
            }
        )

    return stream
