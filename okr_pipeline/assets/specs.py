"""What the lineage shows of each asset before anything has run: words, owners, columns and where they come from, code."""

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

from okr_pipeline.assets import Project, owners, source_key
from okr_pipeline.config import KeyResult, Metric, Objective, Table
from okr_pipeline.config.formula import View, condition
from okr_pipeline.config.sentence import sentence
from okr_pipeline.config.words import Text
from okr_pipeline.scoring import metrics, scores

_KEY_RESULT_COLUMNS = {  # column of scores.key_results -> its type and what it says
    "key_result": ("VARCHAR", "its id in the configuration"),
    "as_of": ("DATE", "the day that the score is of"),
    "value": ("DOUBLE", "the metric over the key result's window"),
    "progress": ("DOUBLE", "the share of the way from baseline to target, unclamped"),
    "score": ("DOUBLE", "progress, clamped to 0…1"),
    "expected": ("DOUBLE", "the share of the way due by the end of the day"),
    "status": ("VARCHAR", "score ÷ expected against the thresholds"),
    "reason": ("VARCHAR", "why there is no new score"),
    "held_from": ("DATE", "then the day of the last good score, which is shown"),
}
_FROM_THE_METRIC = ("value", "progress", "score", "status")
_OBJECTIVE_COLUMNS = {
    "objective": ("VARCHAR", "its id in the configuration"),
    "as_of": ("DATE", "the day that the score is of"),
    "score": ("DOUBLE", "weighted mean of what has a score"),
    "coverage": ("DOUBLE", "the share of the weight that has a score"),
    "expected": ("DOUBLE", "the share of the way due by the end of the day"),
    "status": ("VARCHAR", "score ÷ expected against the thresholds"),
}
Columns = Mapping[str, tuple[str, str]]
Lineage = dict[str, list[dg.TableColumnDep]]


def stream_spec(project: Project, table: Table) -> dg.AssetSpec:
    """A raw table, as its source declares it."""
    stream, settings = table.stream, table.connector.settings
    why_not = {name: f"days must not be added up: {why}" for name, why in stream.not_additive.items()}
    columns = {field.name: (str(field.type), why_not.get(field.name, "")) for field in stream.schema}
    day = f"by `{stream.date}`" if stream.date else "delivered whole every night"
    facts = (
        f"Key: {', '.join(f'`{name}`' for name in stream.key)}, {day}. Restated for {stream.restates} days, "
        f"up to {stream.delay} days late; every night pulls {table.lookback} days again."
    )
    pull = type(table.connector).pull
    return dg.AssetSpec(
        source_key(project.config, table.name),
        description=f"{stream.description}\n\n{facts}",
        group_name=table.connector.name.replace("-", "_"),
        kinds={settings.connector, "duckdb"},
        owners=owners(settings.owner),
        tags={"timezone": _tag(settings.timezone)},
        metadata=_metadata(project, f"raw.{table.name}", table.place, pull, columns, stream.key),
    )


def view_spec(project: Project, view: View) -> dg.AssetSpec:
    """A view over raw tables."""
    lineage = {
        column: [dg.TableColumnDep(source_key(project.config, table), name) for table, name in sorted(made_of)]
        for column, made_of in view.columns.items()
    }
    columns = dict.fromkeys(view.columns, ("", ""))
    place = f"{project.config.directory.name}/views/{view.name}.sql:1"
    return dg.AssetSpec(
        source_key(project.config, view.name),
        deps=[source_key(project.config, table) for table in view.tables],
        description=f"```sql\n{view.text}\n```",
        group_name="views",
        kinds={"sql", "duckdb"},
        metadata=_metadata(project, f"views.{view.name}", place, metrics.bind, columns, lineage=lineage),
    )


def metric_spec(project: Project, metric: Metric) -> dg.AssetSpec:
    """A metric: its formula, and the columns that each part reads."""
    lineage: Lineage = {
        part.name: [
            dg.TableColumnDep(source_key(project.config, part.source), column)
            for column in sorted(
                {part.date, *part.aggregate.columns, *([part.counts_from] if part.counts_from else [])}
                | (condition(part.where)[1] if part.where else frozenset())
            )
        ]
        for part in metric.parts
    }
    lineage["value"] = list(dict.fromkeys(dep for deps in lineage.values() for dep in deps))
    formula = metric.value.replace('"', "")
    columns = {part.name: ("DECIMAL(38, 9)", f"{part.aggregate.function} per day") for part in metric.parts}
    columns["value"] = ("DOUBLE", formula)
    about = f"{project.text(metric.description)}\n\n" if metric.description else ""
    return dg.AssetSpec(
        ["metric", metric.id],
        deps=list(dict.fromkeys(source_key(project.config, part.source) for part in metric.parts)),
        description=f"{project.text(metric.title)}\n\n{about}`{formula}`",
        group_name="metrics",
        kinds={"sql", "duckdb"},
        owners=owners(metric.owner),
        metadata=_metadata(project, "metric.parts", metric.place, metrics.measure, columns, lineage=lineage)
        | {"unit": project.text(metric.unit)},
    )


def key_result_spec(project: Project, result: KeyResult, objective: Objective) -> dg.AssetSpec:
    """A key result, in its objective's group."""
    metric = dg.AssetKey(["metric", result.metric.id])
    lineage = {column: [dg.TableColumnDep(metric, "value")] for column in _FROM_THE_METRIC}
    key = ("key_result", "as_of")
    return dg.AssetSpec(
        ["key_result", result.id],
        deps=[metric],
        description=f"{project.text(result.title)}\n\n*{project.text(objective.title)}*\n\n{_owned(project, result.owner)}",
        group_name=_group(objective),
        kinds={"sql", "duckdb"},
        owners=owners(objective.team),
        tags={"period": _tag(result.period.name), "type": result.spec.type},
        metadata=_metadata(project, "scores.key_results", result.place, scores.score, _KEY_RESULT_COLUMNS, key, lineage)
        | {"measured": sentence(result), "owner": result.owner, "period": result.period.name}
        | {"weight": float(result.spec.weight)},
    )


def objective_spec(project: Project, objective: Objective, parts: Iterable[Objective]) -> dg.AssetSpec:
    """An objective, above its key results and the objectives that are part of it."""
    rests_on = [dg.AssetKey(["key_result", result.id]) for result in objective.key_results]
    rests_on += [dg.AssetKey(["objective", part.id]) for part in parts]
    scored = [dg.TableColumnDep(key, "score") for key in rests_on]
    lineage = dict.fromkeys(("score", "coverage", "status"), scored)
    key = ("objective", "as_of")
    return dg.AssetSpec(
        ["objective", objective.id],
        deps=rests_on,
        description=f"{project.text(objective.title)}\n\n{_owned(project, objective.owner)}",
        group_name=_group(objective),
        kinds={"sql", "duckdb"},
        owners=owners(objective.team),
        tags={"period": _tag(objective.period.name)},
        metadata=_metadata(
            project, "scores.objectives", objective.place, scores.score, _OBJECTIVE_COLUMNS, key, lineage
        )
        | {"owner": objective.owner, "period": objective.period.name},
    )


def _owned(project: Project, owner: str) -> str:
    return f"{project.text(Text(en='Owner', th='ผู้รับผิดชอบ'))}: {owner}"


def _group(objective: Objective) -> str:
    return objective.id.replace("-", "_")


def _tag(value: str) -> str:
    """A tag's value has letters, digits, `-`, `_` and `.`, at most 63."""
    return re.sub(r"[^\w.-]+", "-", value, flags=re.ASCII)[:63].strip("-_.")


def _metadata(
    project: Project,
    table_name: str,
    place: str,
    code: Callable[..., Any],
    columns: Columns,
    key: Iterable[str] = (),
    lineage: Lineage | None = None,
) -> dict[str, Any]:
    """What Dagster has names of its own for, and `file:line` of the configuration as text, since a file link opens locally."""
    shown = [
        dg.TableColumn(
            name,
            kind or "string",
            _said(about, (lineage or {}).get(name, [])),
            dg.TableColumnConstraints(nullable=name not in key),
        )
        for name, (kind, about) in columns.items()
    ]
    return {
        "dagster/table_name": table_name,
        "dagster/column_schema": dg.TableSchema(shown),
        "dagster/code_references": _references(project, place, code),
        "configured at": place,
        **({"dagster/column_lineage": dg.TableColumnLineage(lineage)} if lineage else {}),
    }


def _said(about: str, made_of: Iterable[dg.TableColumnDep]) -> str | None:
    """What a column says and is made of: the open-source UI draws no lineage of columns, so it is written, too."""
    origins = ", ".join(f"`{dep.asset_key.to_user_string()}` {dep.column_name}" for dep in made_of)
    return " ← ".join(part for part in (about, origins) if part) or None


def _references(project: Project, place: str, code: Callable[..., Any]) -> dg.CodeReferencesMetadataValue:
    """The line of the configuration, in the editor and (where `repository` is set) in the browser, and the code behind it."""
    path, _, rest = place.partition(":")
    line = int(rest.partition(":")[0])
    above, repository = project.config.directory.absolute().parent, project.config.organisation.repository
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # code references are: dagster is pinned below 1.14
        found: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.LocalFileCodeReference(file_path=str(above / path), line_number=line, label="configuration")
        ]
        if repository:
            found.append(dg.UrlCodeReference(url=f"{repository}/{path}#L{line}", label="configuration"))
        behind = code.__code__
        found.append(
            dg.LocalFileCodeReference(
                file_path=behind.co_filename, line_number=behind.co_firstlineno, label=code.__qualname__
            )
        )
        return dg.CodeReferencesMetadataValue(code_references=found)
