"""Scores for people and programs: the table of the command line, the documented JSON, and CSV."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from okr_pipeline import clock
from okr_pipeline.digits import decimals
from okr_pipeline.errors import ConfigError
from okr_pipeline.night import Trouble
from okr_pipeline.scoring import listed_on, objectives_at, scores_at, scoring_known_at
from okr_pipeline.scoring.configurations import recall_all

_STYLE = {"on_track": "green", "achieved": "green", "at_risk": "yellow", "off_track": "red", "missed": "red"}
_FIELDS = (
    *("value", "baseline", "target", "lower_bound", "upper_bound", "distance", "progress", "score", "expected"),
    *("status", "reason", "held_from", "final"),
    *("last_data_day", "first_day", "last_day", "alongside", "weight", "configuration", "manual"),
)


def utc(instant: datetime | None) -> datetime | None:
    """An instant as the ledger stores it: naive, in UTC; one without a zone is taken for UTC."""
    try:
        return instant.astimezone(UTC).replace(tzinfo=None) if instant and instant.tzinfo else instant
    except OverflowError:
        raise ConfigError(f"{instant} lies beyond the years 1 to 9999 in UTC; name an instant within them") from None


def number(value: float | None, unit: str) -> str:
    """As a person reads it: `34.0%`, otherwise up to two decimals, more only where it is small; `–` where there is none."""
    if value is None:
        return "–"
    if unit == "percent":
        return f"{value:.{decimals(value * 100, 1)}%}"
    return f"{value:,.{decimals(value, 2)}f}".rstrip("0").rstrip(".")


def score_rows(connection: duckdb.DuckDBPyConnection, as_of: date, known_at: datetime | None) -> dict[str, Any]:
    """The answer of `okr score --format json`, see README: one row an objective, one row a key result.

    It is told with the titles and in the order of the scoring that it comes from, and names the instant of that scoring:
    so whoever asks for that instant later is given the same answer. What was removed since is told of the days it stood, and
    the days of an earlier period with the titles of then.
    """
    scoring = scoring_known_at(connection, utc(known_at))
    if scoring is None:
        asked = utc(known_at) or clock.now().replace(tzinfo=None)
        return {"as_of": f"{as_of}", "known_at": f"{asked.isoformat()}Z", "configuration": None} | {
            "objectives": [],
            "key_results": [],
        }
    scoring = listed_on(connection, scoring, as_of)
    return {
        "as_of": as_of.isoformat(),
        "known_at": scoring.known_at.isoformat() + "Z",
        "configuration": scoring.configuration,
        "objectives": [
            {
                "objective": row["objective"],
                "title": scoring.objectives[row["objective"]]["title"],
                "parent": scoring.objectives[row["objective"]].get("parent"),
            }
            | {name: row[name] for name in ("score", "coverage", "expected", "status")}
            for row in objectives_at(connection, scoring, as_of).to_pylist()
        ],
        "key_results": [
            {
                "key_result": row["key_result"],
                "objective": row["objective"],
                "title": scoring.key_results[row["key_result"]]["title"],
                "metric": row["metric"],
                "unit": row["unit"],
                **{name: row[name] for name in _FIELDS},
                "parts": json.loads(row["parts"]) if row["parts"] else None,
                "intervals": json.loads(row["intervals"]) if row["intervals"] else None,
                "removed": "removed" in scoring.key_results[row["key_result"]],
                "scored_for": row["as_of"],
                "known_at": row["known_at"],
            }
            for row in scores_at(connection, scoring, as_of).to_pylist()
        ],
    }


def scores_json(connection: duckdb.DuckDBPyConnection, as_of: date, known_at: datetime | None) -> str:
    """Stable, documented JSON."""
    return json.dumps(score_rows(connection, as_of, known_at), ensure_ascii=False, indent=2, default=str) + "\n"


def scores_table(connection: duckdb.DuckDBPyConnection, as_of: date, known_at: datetime | None) -> pa.Table:
    """One row a key result, with the columns of `scores.key_results`; none before the first scoring."""
    scoring = scoring_known_at(connection, utc(known_at))
    return scores_at(connection, listed_on(connection, scoring, as_of), as_of) if scoring else pa.table({})


def scores_csv(connection: duckdb.DuckDBPyConnection, as_of: date, known_at: datetime | None) -> str:
    """The same in UTF-8 with a header, without what has no single value."""
    import pyarrow.csv

    rows = scores_table(connection, as_of, known_at)
    nested = [name for name in ("parts", "intervals", "steps") if name in rows.column_names]
    out = io.BytesIO()
    pyarrow.csv.write_csv(rows.drop_columns(nested), out)
    return out.getvalue().decode() if rows.num_columns else ""


def print_scores(
    console: Console, connection: duckdb.DuckDBPyConnection, as_of: date, known_at: datetime | None = None
) -> None:
    """The table of key results, objective by objective."""
    answer = score_rows(connection, as_of, known_at)
    agreed = recall_all(connection, {row["configuration"] for row in answer["key_results"]})
    known = f", as known at {answer['known_at']}" if known_at else ""
    grid = Grid(
        title=f"Key results as of {as_of}{known}", title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    for column in ("Key result", "Value", "From", "To", "Score", "Expected", "Status", "Note"):
        grid.add_column(
            column,
            justify="left" if column in ("Key result", "Status", "Note") else "right",
            no_wrap=column not in ("Key result", "Note"),
        )
    depth: dict[str, int] = {}
    for objective in answer["objectives"]:
        depth[objective["objective"]] = beneath = depth.get(objective["parent"], -1) + 1
        indent = "  " * beneath
        score = number(objective["score"], "percent")
        status = f"[{_STYLE.get(objective['status'], 'default')}]{objective['status']}[/]"
        grid.add_row(
            f"{indent}[bold]{escape(objective['title']['en'])}[/]",
            "",
            "",
            "",
            f"[bold]{score}[/]",
            number(objective["expected"], "percent"),
            status,
        )
        for row in answer["key_results"]:
            if row["objective"] == objective["objective"]:
                unit = row["unit"]
                grid.add_row(
                    f"{indent}  {row['key_result']}",
                    *(number(amount, unit) for amount in (row["value"], *_way(row))),
                    *(number(row[name], "percent") for name in ("score", "expected")),
                    f"[{_STYLE.get(row['status'], 'default')}]{row['status']}[/]",
                    escape(_note(row, agreed.get(row["configuration"], {}).get("key_result", {}).get("alongside"))),
                )
    console.print(grid)


def _way(row: dict[str, Any]) -> tuple[float | None, float | None]:
    """From where to where; of what is to stay between two bounds: the bounds."""
    between = row["lower_bound"] is not None and row["target"] is None
    return (row["lower_bound"], row["upper_bound"]) if between else (row["baseline"], row["target"])


def _note(row: dict[str, Any], second: str | None) -> str:
    """What else there is to tell of a row; `second` is the window that is shown alongside."""
    unit = row["unit"] if row["unit"] != "percent" and not row["reason"] else ""
    held = f"held from {row['held_from']}: " if row["held_from"] else ""
    why = f"{held}{row['reason']}" if row["reason"] else ""
    away = f"{number(row['distance'], row['unit'])} outside" if row["distance"] else ""
    shown = second and row["alongside"] is not None
    beside = f"{number(row['alongside'], row['unit'])} in the {second}" if shown else ""
    final = "" if row["final"] or row["reason"] else "not final"
    manual = "manual" if row["manual"] else ""
    removed = "removed since" if row["removed"] else ""
    return ", ".join(part for part in (unit, away, beside, why, manual, removed, final) if part)


def print_troubles(console: Console, held: Sequence[Trouble]) -> None:
    """What failed, and what rests on it; one entry a failure, however many streams it hit."""
    grouped: dict[tuple[str, str], list[Trouble]] = {}
    for trouble in held:
        grouped.setdefault((trouble.reason, trouble.message), []).append(trouble)
    for (reason, message), troubles in grouped.items():
        results = ", ".join(dict.fromkeys(result for trouble in troubles for result in trouble.key_results)) or "none"
        console.print(
            f"[red]{reason}[/] {', '.join(trouble.table for trouble in troubles)} · key results on it: {results}"
        )
        console.print(f"  {message}", markup=False, soft_wrap=True)
