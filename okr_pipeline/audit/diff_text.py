"""What `okr diff` prints for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from okr_pipeline.audit.text import instant
from okr_pipeline.audit.working import exact
from okr_pipeline.config import checkins

_SHOWN_DAYS = 6


def difference_text(found: dict[str, Any]) -> str:
    """A difference in lines, with its causes; or that there is none."""
    asked = f"as of {found['as_of']}, as known at {instant(found['from']['known_at'])} and at {instant(found['to']['known_at'])}"
    if found["from"] == found["to"]:
        return f"Nothing changed: at both instants the scores were those of {instant(found['from']['known_at'])}."
    if not found["objectives"] and not found["key_results"]:
        return f"Nothing changed: the scores {asked} are the same."
    lines = [f"Scores {asked}:"]
    for each in found["objectives"]:
        lines.append(f"\nobjective {each['objective']}{_how(each)}")
        lines += [*_field_lines(each["fields"]), *_cause_lines(each["because"])]
    same: dict[tuple[str, ...], list[str]] = {}
    for each in found["key_results"]:
        causes = [*_cause_lines(each["because"])]
        if each["fields"] or not causes:
            manual = " (manual)" if each["manual"] else ""
            lines += [f"\n{each['key_result']}{_how(each)}{manual}", *_field_lines(each["fields"]), *causes]
        else:
            same.setdefault(tuple(causes), []).append(each["key_result"])
    for told, names in same.items():
        lines += [f"\nunder another configuration, with the same numbers: {', '.join(names)}", *told]
    return "\n".join(lines)


def _how(each: dict[str, Any]) -> str:
    """What happened to it, and by how much its score changed."""
    if each["change"] != "changed":
        return f": {each['change']}"
    old, new = each["fields"].get("score", (None, None))
    return f": score {new - old:+.4f}" if old is not None and new is not None else ""


def _field_lines(fields: dict[str, list[Any]]) -> list[str]:
    return [f"  {name:<12} {_shown(old)} → {_shown(new)}" for name, (old, new) in fields.items()]


def _cause_lines(because: dict[str, Any]) -> Iterator[str]:
    for each in because.get("configuration", []):
        yield f"  because the configuration says {each['field']}: {_shown(each['old'])} → {_shown(each['new'])}"
    if because.get("method"):
        yield "  because okr-pipeline itself was changed in between, and may score in another way"
    if because.get("scored_for"):
        old, new = because["scored_for"]
        yield f"  because by then {old} was the last day scored, and now {new}"
    if baseline := because.get("baseline"):
        days = f"{baseline['first_day']} to {baseline['last_day']}"
        yield f"  because the baseline was measured over {days}, as known at {baseline['known_at']:%Y-%m-%d %H:%M}Z"
    for load in because.get("loads", []):
        counts = ", ".join(f"{load[what]} {what}" for what in ("new", "changed", "gone") if load[what])
        counts = (
            counts
            or f"no row changed, delivered through {load['available_through']}, final through {load['final_through']}"
        )
        who = f", said by {load['notes']['by']}" if load["table"] == checkins.TABLE else ""
        yield f"  because of load {load['load']} of {load['table']}, {load['known_at']:%Y-%m-%d %H:%M}Z: {counts}{who}"
    days = because.get("days", [])
    for day in days[:_SHOWN_DAYS]:
        yield f"    {day['day']}  {day['part']:<24} {_shown(day['old'])} → {_shown(day['new'])}"
    if len(days) > _SHOWN_DAYS:
        yield f"    and {len(days) - _SHOWN_DAYS} more (all with --format json)"
    for each in because.get("failures", []):
        yield f"  because {each['table_name']} failed: {each['message']}"


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "–" if value is None else str(value)
    return exact(value)
