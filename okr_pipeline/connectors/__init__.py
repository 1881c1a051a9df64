"""The connectors that come with the package, and how others register theirs."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from okr_pipeline.connectors.contract import Connector
from okr_pipeline.connectors.own import own_class, own_names
from okr_pipeline.errors import ConfigError

GROUP = "okr_pipeline.connectors"  # of entry points

# Name in YAML -> where its class is. Imported on use: a code location must not load client libraries it does not need.
BUILT_IN = {
    "ga4": "okr_pipeline.connectors.ga4:GA4",
    "search_console": "okr_pipeline.connectors.search_console:SearchConsole",
    "mailchimp": "okr_pipeline.connectors.mailchimp:Mailchimp",
    "sql": "okr_pipeline.connectors.sql:SQL",
    "files": "okr_pipeline.connectors.files:Files",
    "google_ads": "okr_pipeline.connectors.google_ads:GoogleAds",
    "google_sheets": "okr_pipeline.connectors.google_sheets:GoogleSheets",
    "hubspot": "okr_pipeline.connectors.hubspot:HubSpot",
    "salesforce": "okr_pipeline.connectors.salesforce:Salesforce",
    "brevo": "okr_pipeline.connectors.brevo:Brevo",
    "line": "okr_pipeline.connectors.line:Line",
    "meta_ads": "okr_pipeline.connectors.meta_ads:MetaAds",
    "rest": "okr_pipeline.connectors.rest:Rest",
    "dlt": "okr_pipeline.connectors.dlt:Dlt",
}


def origins(own: Path) -> dict[str, str]:
    """Every connector name that a YAML file may use, and where it comes from.

    Built in, from an installed package (entry-point group `okr_pipeline.connectors`), or from the project's folder `own`.
    """
    installed = {
        point.name: point.dist.name if point.dist else "an installed package" for point in entry_points(group=GROUP)
    }
    return {
        **{name: f"connectors/{name}.py" for name in own_names(own)},
        **installed,
        **dict.fromkeys(BUILT_IN, "built in"),
    }


def connector_class(name: str, own: Path) -> type[Connector]:
    """The class called `name`, see `origins`; KeyError when there is none, ConfigError when it cannot be loaded."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        loaded: type[Connector] = getattr(import_module(module), attribute)
        return loaded
    for point in entry_points(group=GROUP, name=name):
        return _third_party(point)
    return own_class(own, name)


def _third_party(point: EntryPoint) -> type[Connector]:
    """The class of an installed package; ConfigError when there is none that works."""
    package = point.dist.name if point.dist else point.value
    try:
        found = point.load()
    except Exception as error:  # noqa: BLE001 - whatever their code raises
        raise ConfigError(
            f"the connector `{point.name}` of the package {package} cannot be loaded: {type(error).__name__}: {error}; "
            f"install another version of {package}"
        ) from None
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise ConfigError(
            f"the connector `{point.name}` of the package {package} is no subclass of Connector; mend {point.value} there"
        )
    return found
