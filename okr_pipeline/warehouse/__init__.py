"""DuckDB: the only package that knows an engine. Raw rows are landed here, with a ledger of loads and their history."""

from okr_pipeline.warehouse.engine import Warehouse
from okr_pipeline.warehouse.landing import Change, replace
from okr_pipeline.warehouse.ledger import Load, catch_up, coverage, record
from okr_pipeline.warehouse.publish import publish, put

__all__ = ["Change", "Load", "Warehouse", "catch_up", "coverage", "publish", "put", "record", "replace"]
