"""Connectors that others wrote: registered by an installed package, or a project's own, and what their mistakes do to a night."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from okr_pipeline.config import connector, tables
from okr_pipeline.connectors import connector_class, origins
from okr_pipeline.errors import ConfigError, DataRejected
from okr_pipeline.ingest import ingest
from okr_pipeline.warehouse import Warehouse

RAIN = """
from datetime import date
import pyarrow as pa
from okr_pipeline.connectors.contract import Connector, Stream
from okr_pipeline.connectors.settings import Settings

STREAM = Stream("rain", pa.schema([pa.field("day", pa.date32(), nullable=False)]), ("day",), "day", "Days of rain.")

class WeatherSettings(Settings):
    token: str = ""

class Weather(Connector):
    Settings = WeatherSettings
    def streams(self):
        return [STREAM]
    def pull(self, stream, window, said):
        yield pa.RecordBatch.from_pydict({"day": [window.first]}, stream.schema)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a package with a connector `weather`, and gives a configuration that uses it."""

    def installed(code: str) -> Path:
        place = tmp_path / "installed"
        known = place / "okr_weather-1.0.dist-info"
        known.mkdir(parents=True)
        (known / "METADATA").write_text("Metadata-Version: 2.1\nName: okr-weather\nVersion: 1.0\n")
        (known / "entry_points.txt").write_text("[okr_pipeline.connectors]\nweather = okr_weather:Weather\n")
        (place / "okr_weather.py").write_text(code)
        monkeypatch.syspath_prepend(place)
        monkeypatch.delitem(__import__("sys").modules, "okr_weather", raising=False)
        config = tmp_path / "okr_config"
        (config / "connectors").mkdir(parents=True)
        (config / "connectors" / "sky.yaml").write_text("connector: weather\n")
        return config

    return installed


def test_an_installed_packages_connector_is_found_by_its_entry_point(install, tmp_path):
    config = install(RAIN)
    assert origins(tmp_path)["weather"] == "okr-weather"
    assert type(connector(config, "sky", {})).__name__ == "Weather"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nowhere_to_be_found", "of the package okr-weather cannot be loaded: ModuleNotFoundError"),
        ("x = 1", "of the package okr-weather cannot be loaded: AttributeError"),
        ("class Weather: pass", "of the package okr-weather is no subclass of Connector; mend okr_weather:Weather"),
    ],
)
def test_a_package_that_does_not_work_is_told_by_its_name(install, tmp_path, code, said):
    config = install(code)
    with pytest.raises(ConfigError, match=said):
        connector_class("weather", tmp_path)
    with pytest.raises(ConfigError, match=said) as told:
        tables(config, {}, unset_is_wrong=False)
    assert len(str(told.value).splitlines()) == 1


def test_streams_that_fail_are_told_with_the_line_of_the_connector(install):
    config = install(RAIN.replace("return [STREAM]", "return [STREAMS]"))
    with pytest.raises(
        ConfigError, match=r"sky.yaml:1: connector: `weather` cannot say .* at okr_weather.py:15; mend it"
    ):
        tables(config, {}, unset_is_wrong=False)


@pytest.mark.parametrize("secret", ["t0ken-t0ken", ""])
def test_an_error_that_a_connector_lets_through_is_kept_in_the_ledger_without_secrets(install, tmp_path, secret):
    config = install(
        RAIN.replace("token: str", "token: SecretStr")
        .replace("yield pa", "raise KeyError('plays ' + self.settings.token.get_secret_value()); yield pa")
        .replace("from datetime", "from pydantic import SecretStr\nfrom datetime")
    )
    (config / "connectors" / "sky.yaml").write_text(f"connector: weather\ntoken: '{secret}'\n")
    (table,) = tables(config, {}, unset_is_wrong=False)
    warehouse, day = Warehouse(tmp_path / "home"), date(2026, 11, 2)
    with pytest.raises(
        DataRejected, match=r"sky: the connector does not know .*KeyError: .*plays .* at okr_weather.py:18"
    ):
        ingest(warehouse, table, day, day, day)
    with warehouse.open() as connection:
        ((message,),) = connection.execute("SELECT message FROM ledger.trouble").fetchall()
    assert "Mend okr_weather, or tell its author." in message
    assert not secret or secret not in message
