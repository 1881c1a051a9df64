"""Objectives under objectives: a team's objective may be part of a department's, and that of the company's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from okr_pipeline.config.resolved import Objective
from okr_pipeline.config.source import Problems, suggestion


def arranged(objectives: Sequence[Objective], empty: Collection[str], problems: Problems) -> tuple[Objective, ...]:
    """Each parent before its children, else in the order written; every mistake in the tree is added to `problems`.

    `empty` are those that are written without a key result.
    """
    known = {objective.id: objective for objective in objectives}
    children: dict[str | None, list[Objective]] = {}
    for objective in objectives:
        wrong = _wrong_parent(objective, known)
        if wrong:
            problems.add(f"{objective.place}: parent", wrong)
        children.setdefault(None if wrong else objective.parent, []).append(objective)
    for objective in objectives:
        if objective.id in empty and objective.id not in children:
            problems.add(
                f"{objective.place}: key_results",
                f"there are none, and no objective says `parent: {objective.id}`; add key results, or its parts",
            )
    return tuple(_beneath(None, 0, children))


def _beneath(parent: str | None, depth: int, children: dict[str | None, list[Objective]]) -> Iterator[Objective]:
    for objective in children.get(parent, ()):
        yield replace(objective, depth=depth)
        yield from _beneath(objective.id, depth + 1, children)


def _wrong_parent(objective: Objective, known: dict[str, Objective]) -> str | None:
    if objective.parent is None:
        return None
    parent = known.get(objective.parent)
    if parent is None:
        return f"there is no objective `{objective.parent}`; {suggestion(objective.parent, known)}"
    if parent.period != objective.period:
        return f"`{parent.id}` has the period {parent.period.name}, this one {objective.period.name}; give both the same period"
    above, passed = objective, [objective.id]
    while above.parent in known:
        above = known[above.parent]
        if above.id in passed:
            return f"{' → '.join([*passed, above.id])} goes round in a circle; leave one `parent` out"
        passed.append(above.id)
    return None
