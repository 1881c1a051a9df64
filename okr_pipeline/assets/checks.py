"""The kinds of checks as Dagster shows them: two for each stream, one for each metric with bounds, and for each key result.

Each check is several events of the night, so kinds that are looked at together are one check with a row for each kind.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from okr_pipeline.assets.shown import preview, query
from okr_pipeline.checks import KINDS, Finding, said
from okr_pipeline.config import Metric, Table

ROWS, ARRIVAL, RANGE, SCORED = "rows", "arrival", "range", "scored"
_ARRIVAL = ("volume", "fresh")
_ASKS = {kind.name: kind.asks for kind in KINDS}
# Nothing is wrong when a key result has no score for one of these reasons: it is too early for one.
TOO_EARLY = ("not_begun", "no_complete_interval", "no_data_yet")


def stream_checks(key: dg.AssetKey, stream: Table) -> list[dg.AssetCheckSpec]:
    """`rows`, and for a stream with days `arrival`; blocking where a finding would take the pull back."""
    checks = stream.connector.settings.checks.of(stream.stream.name)
    rejects = "error" in (checks.fresh.severity, checks.volume.severity)
    rows = dg.AssetCheckSpec(
        ROWS, asset=key, blocking=True, description="Can these rows be right? Looked at before they are committed."
    )
    arrival = dg.AssetCheckSpec(
        ARRIVAL, asset=key, blocking=rejects, description="Did it come in time, and about as much as usual?"
    )
    return [rows, arrival] if stream.stream.date else [rows]


def results(
    specs: Sequence[dg.AssetCheckSpec], stream: Table, findings: Sequence[Finding]
) -> list[dg.AssetCheckResult]:
    """The findings of a pull by check. A check of which nothing was asked (the source gave no rows) has no result."""
    found = []
    for spec in specs:
        mine = [finding for finding in findings if (finding.kind in _ARRIVAL) == (spec.name == ARRIVAL)]
        if mine:
            wrong = [finding for finding in mine if not finding.passed]
            grave = any(finding.severity == "error" for finding in wrong)
            kinds = [
                {"kind": f.kind, "asks": _ASKS[f.kind], "passed": f.passed, "severity": f.severity, "found": said([f])}
                for f in mine
            ]
            found.append(
                dg.AssetCheckResult(
                    passed=not wrong,
                    asset_key=spec.asset_key,
                    check_name=spec.name,
                    severity=dg.AssetCheckSeverity.ERROR if grave or not wrong else dg.AssetCheckSeverity.WARN,
                    description=said(wrong) or None,
                    metadata={
                        "problems": sum(len(finding.problems) for finding in wrong),
                        **preview(kinds, "kinds", len(kinds)),
                        **query(f"SELECT * FROM ledger.loads WHERE table_name = '{stream.name}' ORDER BY load DESC;"),
                    },
                )
            )
    return found


def range_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """Whether each day of a metric that has bounds lies within them."""
    return dg.AssetCheckSpec(RANGE, asset=key, description="Is each day's value a possible one?")


def range_result(key: dg.AssetKey, metric: Metric, days: Sequence[Mapping[str, Any]]) -> dg.AssetCheckResult:
    """Warns of days whose value lies outside the metric's bounds: the two parts of a rate do not fit each other."""
    low, high = metric.bounds or (-math.inf, math.inf)
    wrong = [day for day in days if day["value"] is not None and not low <= round(day["value"], 9) <= high]
    newest = ", ".join(f"{day['day']}: {day['value']:g}" for day in wrong[:-4:-1])
    return dg.AssetCheckResult(
        passed=not wrong,
        asset_key=key,
        check_name=RANGE,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(wrong)} of {len(days)} days lie outside {low:g} to {high:g} ({newest}); look at the parts, "
        "or write the metric's `range`"
        if wrong
        else None,
        metadata={"days outside": len(wrong), **preview(wrong)},
    )


def scored_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """Whether a key result has a score of its own for the day."""
    return dg.AssetCheckSpec(SCORED, asset=key, description="Is there a score of this day, and not one that is held?")


def scored_result(key: dg.AssetKey, row: Mapping[str, Any] | None, why: str | None) -> dg.AssetCheckResult:
    """Fails, as a warning, when the newest score is held or missing for a reason that somebody can mend."""
    reason = row["reason"] if row else "not_scored"
    return dg.AssetCheckResult(
        passed=reason is None or reason in TOO_EARLY,
        asset_key=key,
        check_name=SCORED,
        severity=dg.AssetCheckSeverity.WARN,
        description=why,
        metadata={"reason": reason} if reason else {},
    )
