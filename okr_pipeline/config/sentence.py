"""A key result as one English sentence."""

from __future__ import annotations

from okr_pipeline.config.resolved import KeyResult
from okr_pipeline.config.words import Amount, Measured


def sentence(result: KeyResult) -> str:
    """Its title, what is measured, from where to where, over which days."""
    spec, unit = result.spec, result.metric.unit_name

    def shown(amount: Amount | Measured | None) -> str:
        if isinstance(amount, Measured):
            return f"what the {amount.period} ended with"
        return f"{amount}" + ("" if unit == "percent" else f" {unit}")

    if spec.milestones:
        goal = "in the steps " + ", ".join(f"{step.step} (weight {step.weight})" for step in spec.milestones)
    elif spec.baseline is not None:
        goal = f"from {shown(spec.baseline)} to {shown(spec.bound)}"
    elif spec.between is not None:
        goal = f"between {shown(spec.between[0])} and {shown(spec.between[1])}"
    else:
        goal = f"{spec.kind.replace('_', ' ')} {shown(spec.bound)}"
    if spec.every:
        window = f"in every {spec.every}"
    elif spec.during:
        window = f"from {spec.during.first} to {spec.during.last}"
    elif result.metric.is_level:
        window = "at its latest"
    else:
        window = f"over the {spec.over or 'period to date'}".replace("the trailing", "trailing")
    days = f"{result.period.first} to {result.period.last}"
    period = days if result.period.name == days else f"{result.period.name} ({days})"
    due = f", due {spec.due}" if spec.due else ""
    return f"{result.title.en}: {result.metric.title.en} {goal}, {window}{due}, {period}"
