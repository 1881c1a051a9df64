"""What decides a score, as plain data: stored under its hash, so that it can be shown, compared and worked with later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from okr_pipeline.config.formula import Aggregate, View
from okr_pipeline.config.models import OrganisationYaml
from okr_pipeline.config.periods import FiscalYear, Period
from okr_pipeline.config.resolved import Config, KeyResult, MeasuredBaseline
from okr_pipeline.config.sentence import sentence
from okr_pipeline.config.words import Amount, Every, Measured, Over, Span, baseline

_NAMES = {"title", "owner", "changes"}  # they decide no score; a dated change is a version with a hash of its own


def document(organisation: OrganisationYaml, views: Mapping[str, View], version: KeyResult) -> dict[str, Any]:
    """One version of a key result with its period, metric, views and the organisation's settings. No connector, no secret."""
    metric, period = version.metric, version.period
    read = {part.source: views[part.source] for part in metric.parts if part.source in views}
    return {
        "key_result": _fields(version.spec, _NAMES),
        "period": {"name": period.name, "first": f"{period.first}", "last": f"{period.last}"},
        "metric": {
            "id": metric.id,
            "unit": metric.unit_name,
            "formula": metric.value,
            "stale_after": metric.stale_after,
            "parts": {
                part.name: {
                    "formula": _written(part.aggregate),
                    "from": part.source,
                    "date": part.date,
                    "where": part.where,
                    "counts_from": part.counts_from,
                    "tables": list(part.tables),
                }
                for part in metric.parts
            },
        },
        "views": {name: {"text": view.text, "sql": view.sql} for name, view in read.items()},
        "organisation": organisation.decides,
    }


def fingerprint(found: dict[str, Any]) -> str:
    """The hash of a document: whoever has one can work it out. What a view's SQL is made into follows from its text."""
    views = {name: view["text"] for name, view in found["views"].items()}
    return hash_of(found | {"views": views})


def measured_baseline(found: dict[str, Any]) -> MeasuredBaseline | None:
    """Of what period a baseline is measured, by a document; None for one that is written.

    Its id is the hash of the days, and how they are measured: nothing else has it measured again.
    """
    key_result, views = found["key_result"], {name: view["text"] for name, view in found["views"].items()}
    said = baseline(key_result.get("baseline", 0))
    if not isinstance(said, Measured):
        return None
    fiscal_year = FiscalYear.model_validate(found["organisation"]["fiscal_year"])
    earlier = fiscal_year.before if said.period == "previous period" else fiscal_year.year_before
    period = earlier(
        Period(found["period"]["name"], *(date.fromisoformat(found["period"][end]) for end in ("first", "last")))
    )
    window = [key_result.get("over"), found["organisation"]["week_starts"]]
    what = [key_result["id"], f"{period.first}", f"{period.last}", window, found["metric"], views]
    return MeasuredBaseline(period, hash_of(what))


def hash_of(what: Any) -> str:
    """Twelve digits that name what is given."""
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:12]


def listing(config: Config) -> dict[str, Any]:
    """What is scored, in order, by its names: what a past answer is told with. Of days before `since` it tells nothing."""
    return {
        "organisation": config.organisation.organisation.model_dump(),
        "objectives": [
            {
                "objective": objective.id,
                "title": objective.title.model_dump(),
                "parent": objective.parent,
                "weight": f"{objective.weight}",
                "since": f"{objective.period.first}",
                "key_results": [_listed(result) for result in objective.key_results],
            }
            for objective in config.objectives
        ],
    }


def _listed(result: KeyResult) -> dict[str, Any]:
    """With the sentence of each time between two dated changes: a past score is told with what was agreed then."""
    told = {"key_result": result.id, "title": result.title.model_dump(), "sentence": sentence(result)}
    told |= {"since": f"{result.period.first}"}
    earlier = [{"through": f"{each.applies_to}", "sentence": sentence(each)} for each in result.earlier]
    return told | ({"earlier": earlier} if earlier else {})


def _written(aggregate: Aggregate) -> str:
    """The part's formula; `formula.aggregate` reads it back."""
    if aggregate.function == "count_distinct":
        return f"count(distinct {aggregate.item})"
    read = ", ".join(piece for piece in (aggregate.value, aggregate.item) if piece) or "*"
    return f"{aggregate.function}({read})"


def _fields(model: BaseModel, without: set[str]) -> dict[str, Any]:
    said = model.model_fields_set - without
    return {name: _plain(getattr(model, name)) for name in type(model).model_fields if name in said}


def _plain(value: Any) -> Any:
    """In the words of the YAML where they are one word, else as data."""
    if isinstance(value, (Amount, Over, Every, Span, date, Decimal)):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, BaseModel):
        return _fields(value, _NAMES)
    if is_dataclass(value):
        named = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        said = {name: item for name, item in named.items() if item not in (None, [])}
        return next(iter(said.values())) if len(said) == 1 else said
    return value
