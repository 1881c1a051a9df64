"""`okr_config/` read once, validated whole, and handed down frozen: nothing below this package reads YAML."""

from okr_pipeline.config.load import connector, load, tables
from okr_pipeline.config.resolved import Config, KeyResult, Metric, Objective, Part, Table

__all__ = ["Config", "KeyResult", "Metric", "Objective", "Part", "Table", "connector", "load", "tables"]
