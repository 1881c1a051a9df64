"""The key results and objectives as assets: one step that scores every day of the period so far."""

import json
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from okr_pipeline.assets import WAREHOUSE_POOL, Project, run_days
from okr_pipeline.assets.checks import scored_check, scored_result
from okr_pipeline.assets.shown import Facts, by_day, missed, plot, preview, raw_rows, score_facts
from okr_pipeline.assets.specs import key_result_spec, objective_spec
from okr_pipeline.audit.rows import rows_of
from okr_pipeline.config import KeyResult
from okr_pipeline.scoring import score
from okr_pipeline.scoring.configurations import recall_all

if TYPE_CHECKING:
    from okr_pipeline.scorecard.words import Words


def scores_asset(project: Project) -> dg.AssetsDefinition:
    """`key_result/<id>` and `objective/<id>` for everything configured, grouped by objective."""
    config = project.config

    @dg.multi_asset(
        name="scores",
        specs=[
            *(
                key_result_spec(project, result, objective)
                for objective in config.objectives
                for result in objective.key_results
            ),
            *(
                objective_spec(project, each, [part for part in config.objectives if part.parent == each.id])
                for each in config.objectives
            ),
        ],
        check_specs=[scored_check(dg.AssetKey(["key_result", result])) for result in config.key_results],
        partitions_def=project.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WAREHOUSE_POOL,
        can_subset=True,  # some can be asked for; all are scored, and those asked for are told
    )
    def scored(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        _, as_of = run_days(context)
        with project.warehouse.open() as connection:
            change, load = score(connection, config, as_of)
            judged = _show(context, connection, project, load)
        context.log.info(f"scores: load {load}, {change.inserted:,} new, {change.changed:,} changed")
        keys = [dg.AssetKey(["key_result", result]) for result in config.key_results]
        keys += [
            dg.AssetKey(["objective", each.id]) for each in reversed(config.objectives)
        ]  # parts before their whole
        yield from (dg.MaterializeResult(asset_key=key) for key in keys if key in context.selected_asset_keys)
        yield from (result for result in judged if result.asset_key in context.selected_asset_keys)

    return scored


def _show(
    context: dg.AssetExecutionContext, connection: duckdb.DuckDBPyConnection, project: Project, load: int
) -> list[dg.AssetCheckResult]:
    """Each partition's own score; on the last one also the way to the raw rows, and the value against its pace.

    Gives for each key result whether it has a score of the last day.
    """
    from okr_pipeline.audit.explain import queries
    from okr_pipeline.audit.rows import as_it_stood
    from okr_pipeline.scorecard.charts import value_charts
    from okr_pipeline.scorecard.page import values_by_day
    from okr_pipeline.scorecard.plots import picture
    from okr_pipeline.scorecard.words import Words

    config, (first, last) = project.config, run_days(context)
    words = Words(config.organisation.language, last)
    caught_up = {key: missed(context, key) for key in context.selected_asset_keys}
    first = min([first, *(day for days in caught_up.values() for day in days)])
    scored = _days(connection, "key_result", first, last)
    newest = {name: days[last] for name, days in scored.items() if last in days}
    series = values_by_day(connection, last)
    charted = [
        (result, newest[name], series[name])
        for name, result in config.on(last).key_results.items()
        if name in newest and name in series and not result.spec.every
    ]
    drawn = {
        result.id: plot(project.text(result.title), picture(chart, row["status"]))
        for (result, row, _), chart in zip(charted, value_charts(charted, [words]), strict=True)
    }
    documents = recall_all(connection, {row["configuration"] for row in newest.values()})
    for name, result in config.key_results.items():
        days = {
            day: {"in words": _in_words(words, result.on(day), row)} | score_facts(row, words.why(result.on(day), row))
            for day, row in scored.get(name, {}).items()
        }
        more: Facts = {}
        if row := newest.get(name):
            written = queries(documents[row["configuration"]], row, lambda table: as_it_stood(table, load))
            more = (
                {"in words": _in_words(words, result.on(last), row)}
                | drawn.get(name, {})
                | preview(_intervals(row), "intervals")
                | raw_rows(written)
            )
        key = dg.AssetKey(["key_result", name])
        by_day(context, key, days, more, caught_up.get(key, []))
    rolled_up = _days(connection, "objective", first, last)
    for objective in config.objectives:
        days = {day: score_facts(row) for day, row in rolled_up.get(objective.id, {}).items()}
        below = [newest[result.id] for result in objective.key_results if result.id in newest]
        shown = [{name: row[name] for name in ("key_result", "value", "score", "status", "reason")} for row in below]
        key = dg.AssetKey(["objective", objective.id])
        by_day(context, key, days, preview(shown, "key results"), caught_up.get(key, []))
    return [
        scored_result(dg.AssetKey(["key_result", name]), newest.get(name), _why(words, result, newest.get(name)))
        for name, result in config.on(last).key_results.items()
    ]


def _in_words(words: "Words", result: KeyResult, row: dict[str, Any]) -> str:
    """`17%: from 15% to 20% · 39% of the way · 50% expected by now · Data to 15 Nov · may still change`."""
    said = (f"{words.full_value(result, row)}: {words.goal(result, row)}", words.way(row), words.data(row))
    return " · ".join(each for each in said if each)


def _why(words: "Words", result: KeyResult, row: dict[str, Any] | None) -> str | None:
    return words.why(result, row) if row and row["reason"] else None


def _days(
    connection: duckdb.DuckDBPyConnection, key: str, first: date, last: date
) -> dict[str, dict[date, dict[str, Any]]]:
    """The score rows of these days, by key result or objective, then by day."""
    found: dict[str, dict[date, dict[str, Any]]] = {}
    query = f"SELECT * FROM scores.{key}s WHERE as_of BETWEEN ? AND ?"
    for row in rows_of(connection.execute(query, [first, last])):
        found.setdefault(row[key], {})[row["as_of"]] = row
    return found


def _intervals(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a cadence, the newest first."""
    return list(reversed(json.loads(row["intervals"] or "[]")))
