"""What Dagster shows of a project: before anything ran, the lineage; after a night, what it says of each asset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from okr_pipeline.assets import Project
from okr_pipeline.assets.nightly import assemble
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
