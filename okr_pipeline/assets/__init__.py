"""How the pipeline becomes Dagster assets: source/stream → view → metric → key result → objective → scorecard."""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import dagster as dg

from okr_pipeline.ahead import Ahead
from okr_pipeline.config import Config, checkins
from okr_pipeline.config.words import Text
from okr_pipeline.scoring import earliest_day
from okr_pipeline.warehouse import Warehouse

WAREHOUSE_POOL = "warehouse"  # one writer: limited to 1 in the instance's dagster.yaml


@dataclass(frozen=True)
class Project:
    """What every asset is given."""

    config: Config
    warehouse: Warehouse
    pulls: dict[str, Ahead] = field(default_factory=dict)  # by run

    @cached_property
    def partitions(self) -> dg.DailyPartitionsDefinition:
        """Days of the organisation's time zone, from the first that any key result can reach back to."""
        return dg.DailyPartitionsDefinition(
            start_date=earliest_day(self.config).isoformat(), timezone=self.config.organisation.timezone
        )

    def text(self, text: str | Text) -> str:
        """A text of the configuration in the language that `okr.yaml` chooses for Dagster."""
        return text if isinstance(text, str) else getattr(text, self.config.organisation.language)


def source_key(config: Config, name: str) -> dg.AssetKey:
    """The asset of a raw table (`ga4/traffic`) or of a view (`view/keyword_impressions`)."""
    if name in config.views:
        return dg.AssetKey(["view", name])
    if name == checkins.TABLE:
        return dg.AssetKey([name])  # nothing pulls it: people say it
    table = config.tables[name]
    return dg.AssetKey([table.connector.name, table.stream.name])


def owners(name: str | None) -> list[str] | None:
    """An owner as Dagster writes it: an e-mail address, or a team."""
    return [name if "@" in name else f"team:{name}"] if name else None


def run_days(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The first and the last day of the run's partitions, both included: Dagster's window ends are exclusive, ours are not."""
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)
