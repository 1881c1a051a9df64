"""What Dagster shows of a project: before anything ran, the lineage; after a night, what it says of each asset."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import dagster as dg
import duckdb
import pytest

from okr_pipeline.assets import Project
from okr_pipeline.assets.nightly import assemble
from okr_pipeline.assets.shown import RAW_ROWS, metric_days
from okr_pipeline.config import Config, load
from okr_pipeline.warehouse import Warehouse

Specs = dict[str, dg.AssetSpec]


def specs_of(config: Config) -> Specs:
    definitions = assemble(Project(config, Warehouse(Path("unused"))))
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def shown(shipped: Config) -> Specs:
    """Every asset of the shipped configuration, by its name."""
    return specs_of(shipped)


@pytest.fixture
def changed(config: Path) -> Callable[[str, str, str], Specs]:
    """The assets when a file of the configuration says something else in one place."""

    def change(file: str, old: str, new: str) -> Specs:
        path = config / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return specs_of(load(config, {}, unset_is_wrong=False))

    return change


def lineage(spec: dg.AssetSpec) -> dict[str, set[str]]:
    """Column → the columns it is made of, as `asset.column`."""
    deps = spec.metadata["dagster/column_lineage"].deps_by_column
    return {
        column: {f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in made_of}
        for column, made_of in deps.items()
    }


def references(spec: dg.AssetSpec) -> list[Any]:
    return list(spec.metadata["dagster/code_references"].code_references)


def way_down(shown: Specs, asset: str, column: str) -> Iterator[str]:
    """Every column below one, as `asset.column`, as an analyst who follows the lineage sees them."""
    yield f"{asset}.{column}"
    if asset in shown and "dagster/column_lineage" in shown[asset].metadata:
        for below in sorted(lineage(shown[asset]).get(column, ())):
            yield from way_down(shown, *below.rsplit(".", 1))


def test_assets_are_grouped_by_source_and_by_objective(shown: Specs) -> None:
    groups = {name: spec.group_name for name, spec in shown.items()}
    assert groups["ga4/traffic"] == "ga4"
    assert groups["search/queries"] == "search"
    assert groups["view/keyword_impressions"] == "views"
    assert groups["metric/keyword_coverage"] == "metrics"
    assert groups["key_result/keywords-in-content"] == groups["objective/seo-by-habit"] == "seo_by_habit"


def test_kinds_say_which_source_and_which_engine(shown: Specs) -> None:
    assert shown["ga4/traffic"].kinds == {"ga4", "duckdb"}
    assert shown["crm/leads"].kinds == {"sql", "duckdb"}
    assert shown["key_result/signups"].kinds == {"sql", "duckdb"}


def test_owners_and_tags_come_from_the_configuration(shown: Specs) -> None:
    assert shown["search/queries"].owners == ["team:marketing-data"]
    assert shown["search/queries"].tags["timezone"] == "America-Los_Angeles"
    result = shown["key_result/keywords-in-content"]
    assert result.owners == ["team:marketing"]
    assert result.metadata["owner"] == "Content Lead"
    assert result.tags["period"] == "FY2570-Q1"


def test_descriptions_are_in_the_language_chosen(shown: Specs, changed: Callable[[str, str, str], Specs]) -> None:
    thai = changed("okr.yaml", "timezone:", "language: th\ntimezone:")
    for name, english, in_thai in (
        ("key_result/keywords-in-content", "Our content is found", "เนื้อหาของเราถูกค้นพบ"),
        ("objective/seo-by-habit", "Current SEO practice", "เราผลิตเนื้อหา"),
        ("metric/keyword_coverage", "Target keywords", "คีย์เวิร์ดเป้าหมาย"),
    ):
        assert shown[name].description.startswith(english)
        assert thai[name].description.startswith(in_thai)


def test_the_language_of_dagster_decides_no_score(config: Path, shipped: Config) -> None:
    with (config / "okr.yaml").open("a", encoding="utf-8") as file:
        file.write("\nlanguage: th\nrepository: https://git.example.com/okr/blob/main\n")
    spoken = load(config, {}, unset_is_wrong=False)
    assert {r.id: r.configuration for r in spoken.key_results.values()} == {
        r.id: r.configuration for r in shipped.key_results.values()
    }


def test_every_score_leads_column_by_column_to_raw_columns(shown: Specs, shipped: Config) -> None:
    raw = {
        f"{table.connector.name}/{table.stream.name}.{column}"
        for table in shipped.tables.values()
        for column in table.stream.schema.names
    }
    for result in shipped.key_results:
        found = set(way_down(shown, f"key_result/{result}", "score"))
        assert found & raw, f"{result} ends at {found}"
        assert all(column in raw for column in found if column.split("/")[0] in {"ga4", "search", "crm", "files"})


def test_a_view_passes_the_lineage_on_to_the_tables_it_joins(shown: Specs) -> None:
    found = set(way_down(shown, "objective/seo-by-habit", "score"))
    assert {"metric/keyword_coverage.value", "view/keyword_impressions.keyword", "files/keywords.keyword"} <= found
    assert {"view/keyword_impressions.impressions", "search/queries.impressions"} <= found  # of its `where`


def test_a_lineage_names_only_columns_that_the_asset_above_shows(shown: Specs) -> None:
    columns = {
        name: {column.name for column in spec.metadata["dagster/column_schema"].columns}
        for name, spec in shown.items()
        if "dagster/column_schema" in spec.metadata
    }
    for name, spec in shown.items():
        if "dagster/column_lineage" in spec.metadata:
            for column, made_of in lineage(spec).items():
                assert column in columns[name]
                for above, of in (each.rsplit(".", 1) for each in made_of):
                    assert of in columns[above], f"{name}.{column} is made of {above}.{of}"


def test_an_objective_rests_on_its_parts_too(changed: Callable[[str, str, str], Specs]) -> None:
    shown = changed("objectives/3-seo.yaml", "period:", "parent: one-team\nperiod:")
    parent = shown["objective/one-team"]
    assert dg.AssetKey(["objective", "seo-by-habit"]) in {dep.asset_key for dep in parent.deps}
    assert "objective/seo-by-habit.score" in lineage(parent)["score"]


@pytest.mark.parametrize(
    ("asset", "written"),
    [
        ("metric/keyword_coverage", "keyword_coverage:"),
        ("key_result/seo-audits", "- id: seo-audits"),
        ("objective/seo-by-habit", "id: seo-by-habit"),
        ("view/keyword_impressions", "-- Search Console's queries"),
    ],
)
def test_a_link_leads_to_the_line_that_defines_the_asset(shown: Specs, asset: str, written: str) -> None:
    link = references(shown[asset])[0]
    line = Path(link.file_path).read_text(encoding="utf-8").splitlines()[link.line_number - 1]
    assert line.strip().startswith(written)


def test_another_link_leads_to_the_code_that_fills_the_asset(shown: Specs) -> None:
    for asset, code in (
        ("ga4/traffic", "def pull("),
        ("metric/keyword_coverage", "def measure("),
        ("key_result/signups", "def score("),
    ):
        link = references(shown[asset])[-1]
        line = Path(link.file_path).read_text(encoding="utf-8").splitlines()[link.line_number - 1]
        assert line.strip().startswith(code)


def test_with_a_repository_the_line_opens_in_the_browser(changed: Callable[[str, str, str], Specs]) -> None:
    shown = changed("okr.yaml", "timezone:", "repository: https://git.example.com/okr/blob/main\ntimezone:")
    local, link, _ = references(shown["metric/keyword_coverage"])
    assert link.url == f"https://git.example.com/okr/blob/main/okr_config/metrics/seo.yaml#L{local.line_number}"


@pytest.fixture(scope="module")
def told(demo: Any) -> Iterator[Callable[[str, str], dict[str, Any]]]:
    """`told("metric/signups", "2026-11-15")`: the metadata of the newest materialization of a day, from the instance's store."""
    with dg.DagsterInstance.from_config(str(demo.home / "dagster")) as instance:

        def read(asset: str, day: str) -> dict[str, Any]:
            asked = dg.AssetRecordsFilter(dg.AssetKey(asset.split("/")), asset_partitions=[day])
            newest = instance.fetch_materializations(asked, limit=1).records[0].asset_materialization
            assert newest is not None
            return {name: value.value for name, value in newest.metadata.items()}

        yield read


@pytest.fixture(scope="module")
def published(demo: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(demo.home / "published" / "okr.duckdb", read_only=True) as connection:
        yield connection


Told = Callable[[str, str], dict[str, Any]]


def queries(shown: str) -> list[str]:
    """The statements in a block of SQL as the page shows it."""
    text = shown.removeprefix("```sql\n").removesuffix("\n```")
    return [each for each in text.split(";") if each.strip()]


def drawn(shown: str) -> ET.Element:
    """The picture that stands in a line of Markdown."""
    return ET.fromstring(base64.b64decode(shown.rpartition("base64,")[2].removesuffix(")")))


def test_a_pull_says_its_rows_window_days_and_duration_in_numbers(
    told: Told, published: duckdb.DuckDBPyConnection
) -> None:
    facts = told("ga4/traffic", "2026-11-15")
    rows, first, last = published.execute("SELECT COUNT(*), MIN(day), MAX(day) FROM raw.ga4_traffic").fetchall()[0]
    assert facts["dagster/row_count"] == rows
    assert facts["dagster/partition_row_count"] == 1
    assert (facts["first day"], facts["last day"]) == (str(first), str(last))
    assert facts["window"] == "2026-11-11 to 2026-11-15"
    assert facts["received"] == facts["new"] + facts["changed"] + facts["unchanged"]
    assert facts["seconds to pull"] > 0
    assert facts["final through"] < facts["available through"] == "2026-11-15"


def test_a_pull_repeats_what_the_source_said_numbers_as_numbers(
    told: Told, published: duckdb.DuckDBPyConnection
) -> None:
    facts = told("ga4/traffic", "2026-11-15")
    query = "SELECT notes FROM ledger.loads WHERE table_name = 'ga4_traffic' ORDER BY load DESC LIMIT 1"
    said = json.loads(published.execute(query).fetchall()[0][0])
    assert said
    assert {
        name.removeprefix("source: "): value for name, value in facts.items() if name.startswith("source: ")
    } == said


def test_a_preview_shows_the_newest_rows_in_columns(told: Told, shipped: Config) -> None:
    preview = told("search/queries", "2026-11-15")["preview"]
    assert 0 < len(preview.records) <= 5
    assert [c.name for c in preview.schema.columns] == shipped.tables["search_queries"].stream.schema.names


def test_a_metric_shows_each_day_by_itself_and_its_parts(told: Told, published: duckdb.DuckDBPyConnection) -> None:
    facts = told("metric/conversion_rate", "2026-11-15")
    measured = dict(
        published.execute(
            "SELECT part, CAST(value AS DOUBLE) FROM metric.parts WHERE metric = 'conversion_rate' AND day = DATE '2026-11-15'"
        ).fetchall()
    )
    assert {part: facts[f"part: {part}"] for part in measured} == measured
    assert facts["value"] == pytest.approx(measured["numerator"] / measured["denominator"])


def test_a_metric_has_no_value_on_a_day_that_its_source_has_not_delivered(
    demo: Any, shipped: Config, tmp_path: Path
) -> None:
    warehouse = Warehouse(demo.copy(tmp_path / "home"))
    first, last = date(2026, 11, 10), date(2026, 11, 17)
    with warehouse.open() as connection:
        days = metric_days(connection, Project(shipped, warehouse), first, last)
    assert [row["day"] for row in days["conversion_rate"]] == [date(2026, 11, day) for day in range(10, 16)]
    assert any(
        row["value"] == 0 and row["rows"] == 0 for row in days["webinars_attended"]
    )  # fetched, and nothing happened


@pytest.mark.parametrize("asset", ["metric/conversion_rate", "key_result/conversion-rate"])
def test_a_small_plot_shows_the_way_so_far(told: Told, asset: str) -> None:
    image = drawn(told(asset, "2026-11-15")["plot"])
    lines = [path for path in image.iter("{http://www.w3.org/2000/svg}path") if len(path.get("d", "")) > 100]
    assert lines
    assert "var(" not in ET.tostring(image, encoding="unicode")  # nothing is left to a style that is not there


def test_a_key_result_shows_its_score_in_numbers(told: Told, demo: Any, okr: Callable[..., Any]) -> None:
    answered = okr("score", "--home", demo.home, "--as-of", "2026-11-15", "--format", "json").json["key_results"]
    for row in answered:
        facts = told(f"key_result/{row['key_result']}", "2026-11-15")
        for name in ("value", "baseline", "target", "progress", "score", "expected", "status", "final"):
            assert facts.get(name) == row[name], f"{row['key_result']}: {name}"


def test_a_key_result_is_said_in_words_and_a_view_shows_its_rows(
    told: Told, published: duckdb.DuckDBPyConnection
) -> None:
    said = told("key_result/conversion-rate", "2026-11-15")["in words"]
    assert said.startswith("17%: from 15% to 20% · 39% of the way · 50% expected by now · Data to 15 Nov")
    view = told("view/keyword_impressions", "2026-11-15")
    rows = published.execute("SELECT COUNT(*) FROM views.keyword_impressions").fetchall()[0][0]
    assert view["dagster/row_count"] == rows
    assert len(view["preview"].records) == 5


def test_the_sql_on_the_page_has_a_line_for_each_clause(told: Told) -> None:
    lines = told("key_result/mql-rate", "2026-11-15")[RAW_ROWS].splitlines()
    assert max(map(len, lines)) <= 100


def test_an_objective_shows_its_score_and_what_it_rests_on(told: Told) -> None:
    facts = told("objective/seo-by-habit", "2026-11-15")
    assert isinstance(facts["score"], float)
    assert facts["coverage"] == 1.0
    shown = {record.data["key_result"] for record in facts["key results"].records}
    assert shown == {"seo-practice", "keywords-in-content", "seo-audits"}


@pytest.mark.parametrize("day", ["2026-11-14", "2026-11-15"])
def test_the_sql_on_the_page_gives_the_raw_rows_that_the_score_was_made_of(
    told: Told, published: duckdb.DuckDBPyConnection, day: str
) -> None:
    """Also a day later, when the source has restated some of them."""
    facts = told("key_result/conversion-rate", day)
    converting, all_sessions = queries(facts[RAW_ROWS])
    sums = [
        published.execute(f"SELECT SUM(sessions) FROM ({query})").fetchall()[0][0]
        for query in (converting, all_sessions)
    ]
    assert float(sums[0] / sums[1]) == pytest.approx(facts["value"], abs=1e-12)


def test_every_key_result_has_sql_that_runs(told: Told, published: duckdb.DuckDBPyConnection, shipped: Config) -> None:
    for result in shipped.key_results.values():
        written = queries(told(f"key_result/{result.id}", "2026-11-15")[RAW_ROWS])
        assert len(written) == len(result.metric.parts)
        assert all(published.execute(query).fetchall() for query in written), result.id


def scored(home: Path, config: Config, first: str, last: str, asset: str) -> dict[str, dict[str, Any]]:
    """The metadata of an asset by day, after the job `scoring` ran over these days."""
    definitions = assemble(Project(config, Warehouse(home)))
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    with dg.DagsterInstance.ephemeral() as instance:
        ran = definitions.resolve_job_def("scoring").execute_in_process(instance=instance, tags=tags)
    events = ran.filter_events(lambda event: event.is_step_materialization)
    found = [event.step_materialization_data.materialization for event in events]
    return {
        str(each.partition): {name: value.value for name, value in each.metadata.items()}
        for each in found
        if each.asset_key.to_user_string() == asset
    }


def test_a_plot_and_a_query_stand_on_the_newest_day_only(tmp_path: Path, demo: Any, shipped: Config) -> None:
    """A year caught up in one run has 365 events for each asset: numbers of its own day on each, pictures on the last."""
    shown = scored(demo.copy(tmp_path / "home"), shipped, "2026-11-13", "2026-11-15", "key_result/signups")
    assert sorted(shown) == ["2026-11-13", "2026-11-14", "2026-11-15"]
    assert [name for name, facts in shown.items() if "plot" in facts or RAW_ROWS in facts] == ["2026-11-15"]
    assert shown["2026-11-13"]["expected"] < shown["2026-11-14"]["expected"] < shown["2026-11-15"]["expected"]


def test_a_day_of_the_past_that_is_run_again_does_not_turn_the_page_back(
    tmp_path: Path, demo: Any, shipped: Config
) -> None:
    home = demo.copy(tmp_path / "home")
    (shown,) = scored(home, shipped, "2026-11-10", "2026-11-10", "scorecard").values()
    assert shown["as of"] == "2026-11-15"
    page = (home / "published" / "scorecard.html").read_text(encoding="utf-8")
    assert "<title>Siam Example · FY2570-Q1 · 2026-11-15</title>" in page


def test_a_key_result_that_is_held_says_why(
    demo: Any, tmp_path: Path, impatient: Path, shipped: Config, night: Callable[..., Any]
) -> None:
    home = demo.copy(tmp_path / "home")
    night(home, date(2026, 11, 16), faults="ga4=refused", sources=("ga4",), config=impatient, scored=False)
    facts = scored(home, shipped, "2026-11-16", "2026-11-16", "key_result/conversion-rate")["2026-11-16"]
    assert facts["reason"] == "source_unavailable"
    assert facts["held_from"] == "2026-11-15"
    assert "15 Nov" in facts["why there is no new score"]
    assert facts["score"] > 0  # the last good one, marked as held


STARTS = """
import json, os, sys
asked = []
sys.addaudithook(lambda event, given: asked.append(event) if event.startswith(("socket.connect", "socket.getaddrinfo")) else None)
import okr_pipeline.definitions
print(json.dumps({"modules": sorted(sys.modules), "asked": asked}))
"""
CLIENTS = {"google", "grpc", "httpx", "requests", "sqlalchemy", "psycopg", "pymysql", "dlt", "apprise"}
ONLY_IN_A_RUN = {"pandas", "polars", "openpyxl", "python_calamine", "vl_convert", "babel", "jinja2", "jsonpath"}


def test_loading_the_code_location_opens_nothing_and_imports_no_client(config: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    given = {
        **os.environ,
        "OKR_CONFIG": str(config),
        "OKR_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    started = subprocess.run([sys.executable, "-c", STARTS], env=given, capture_output=True, text=True, check=True)
    found = json.loads(started.stdout)
    assert found["asked"] == []
    assert not home.exists()  # not even the warehouse
    imported = {module.partition(".")[0] for module in found["modules"]}
    assert "dagster" in imported
    assert imported & (CLIENTS | ONLY_IN_A_RUN) == set()
