"""The connectors that come with the package, and how others register theirs."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from okr_pipeline.connectors.contract import Connector

# Name in YAML -> where its class is. Imported on use: a code location must not load client libraries it does not need.
BUILT_IN = {
    "ga4": "okr_pipeline.connectors.ga4:GA4",
    "search_console": "okr_pipeline.connectors.search_console:SearchConsole",
    "mailchimp": "okr_pipeline.connectors.mailchimp:Mailchimp",
    "sql": "okr_pipeline.connectors.sql:SQL",
    "files": "okr_pipeline.connectors.files:Files",
    "rest": "okr_pipeline.connectors.rest:Rest",
}


def names() -> list[str]:
    """Every connector name that a YAML file may use, third parties' (entry-point group `okr_pipeline.connectors`) included."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group="okr_pipeline.connectors"))})


def connector_class(name: str) -> type[Connector]:
    """The class registered under `name`; KeyError when there is none."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        loaded: type[Connector] = getattr(import_module(module), attribute)
        return loaded
    for point in entry_points(group="okr_pipeline.connectors", name=name):
        third_party: type[Connector] = point.load()
        return third_party
    raise KeyError(name)
