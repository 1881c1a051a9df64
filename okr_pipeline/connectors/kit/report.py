"""What `okr connector test` prints: each promise kept, broken or not applicable, with its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape

from okr_pipeline.connectors.kit.promise import Finding, Verdict

MARKS = {Verdict.kept: "[green]kept[/]  ", Verdict.broken: "[red]BROKEN[/]", Verdict.not_applicable: "[dim]–[/]     "}
EVIDENCE = 300  # characters; what is broken is told whole


def print_findings(console: Console, findings: Iterable[Finding]) -> bool:
    """Prints each as it is found, then the sum; True when none is broken."""
    counted: Counter[Verdict] = Counter()
    unfit: dict[str, list[str]] = {}
    for found in findings:
        counted[found.verdict] += 1
        if found.verdict is Verdict.not_applicable:
            unfit.setdefault(found.evidence, []).append(found.promise.name)
            continue
        told = found.evidence
        if found.verdict is Verdict.kept and len(told) > EVIDENCE:
            told = told[:EVIDENCE] + "…"
        console.print(f"{MARKS[found.verdict]} {escape(found.promise.sentence)}")
        console.print(f"       [dim]{found.promise.name}:[/] {escape(told)}", soft_wrap=True)
    for why, names in unfit.items():
        console.print(
            f"{MARKS[Verdict.not_applicable]} not applicable, {escape(why)}: {', '.join(names)}", soft_wrap=True
        )
    console.print(", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict))
    return not counted[Verdict.broken]
