"""Whether a key result suits its metric and its period: what neither YAML file can tell by itself."""

from __future__ import annotations

from collections.abc import Iterator

from okr_pipeline.config.models import KeyResultYaml
from okr_pipeline.config.periods import Period
from okr_pipeline.config.resolved import Metric
from okr_pipeline.config.words import Amount


def wrong_with_metric(spec: KeyResultYaml, metric: Metric, period: Period) -> Iterator[tuple[str, str]]:
    """(field, message) of what is wrong with a key result, given its metric and its period."""
    yield from _wrong_amounts(spec, metric)
    yield from _wrong_days(spec, period)
    yield from _wrong_pace(spec, metric)
    if metric.is_level and (spec.over or spec.alongside):
        yield "over" if spec.over else "alongside", f"`{metric.id}` is a latest value: it has no window; leave this out"
    if spec.milestones and not _is_alone(metric, "count_distinct"):
        message = f"steps are done when rows name them, and `{metric.id}` does not count names"
        yield "metric", f"{message}; use a metric that is one `count(distinct <column>)`"


def _wrong_amounts(spec: KeyResultYaml, metric: Metric) -> Iterator[tuple[str, str]]:
    percent = metric.unit == "percent"
    amounts = {"baseline": spec.start, "target": spec.target, "at_least": spec.at_least, "at_most": spec.at_most}
    due = [("pace", point.value) for point in spec.pace.checkpoints]
    for name, amount in [*amounts.items(), *(("between", bound) for bound in spec.between or ()), *due]:
        if amount is not None and amount.percent != percent:
            yield name, f"`{metric.id}` is in {metric.unit_name}; {_as_it_should_be(amount, percent)}"


def _as_it_should_be(amount: Amount, percent: bool) -> str:
    shown = f"{amount.value * 100:f}" if amount.percent else f"{amount.value:f}"
    if percent:
        return f"write `{shown}%`"
    return f"write `{shown.rstrip('0').rstrip('.') if '.' in shown else shown}` without %"


def _wrong_days(spec: KeyResultYaml, period: Period) -> Iterator[tuple[str, str]]:
    whole = f"the period {period.first} to {period.last}"
    if spec.during and not (period.first <= spec.during.first and spec.during.last <= period.last):
        yield "during", f"the span {spec.during.first} to {spec.during.last} lies outside {whole}"
    if spec.due and not period.first <= spec.due <= period.last:
        yield "due", f"{spec.due} lies outside {whole}"
    for index, step in enumerate(spec.milestones or ()):
        if step.due and not period.first <= step.due <= period.last:
            yield "milestones", f"step {index + 1} is due {step.due}, which lies outside {whole}"
    for point in spec.pace.checkpoints:
        if not period.first <= point.day <= (spec.due or period.last):
            yield "pace", f"{point.day} lies outside {period.first} to {spec.due or period.last}"


def _wrong_pace(spec: KeyResultYaml, metric: Metric) -> Iterator[tuple[str, str]]:
    if spec.bound:
        start = spec.start.value if spec.start else 0
        for point in spec.pace.checkpoints:
            if point.value and not 0 <= (point.value.value - start) / (spec.bound.value - start) <= 1:
                yield "pace", f"what is due by {point.day} does not lie between the baseline and the target"
    if spec.pace.kind == "weekly rhythm" and (spec.over or spec.during or not _is_alone(metric, "sum", "count")):
        message = f"only what adds up day by day over the period has a weekly rhythm, and `{metric.id}` does not"
        yield "pace", f"{message}; write `linear`, or checkpoints"


def _is_alone(metric: Metric, *functions: str) -> bool:
    """Whether the metric is one aggregate and nothing else."""
    (first, *others) = metric.parts or (None,)
    return (
        first is not None
        and not others
        and metric.value.strip('"') == first.name
        and first.aggregate.function in functions
    )
