"""A small organisation for tests: four tables, views over them, metrics (each in YAML and in `naive`), a warehouse in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import naive
import pyarrow as pa
from naive import SAID, Metric, Part, Row

from okr_pipeline.checkin import CheckIn, land_said
from okr_pipeline.config import Config, load
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.ingest import land
from okr_pipeline.scoring import bind, measure, score
from okr_pipeline.warehouse import Load, record
from okr_pipeline.warehouse.engine import create_schema
from okr_pipeline.warehouse.ledger import next_load

STREAMS: dict[str, Row] = {
    "flow": {
        "key": ["id"],
        "date": "day",
        "columns": {
            "id": "integer",
            "day": "date",
            "n": "integer",
            "amount": "decimal",
            "who": "text",
            "later": "date",
            "flag": "boolean",
        },
    },
    "other": {"key": ["id"], "date": "day", "delay": 2, "columns": {"id": "integer", "day": "date", "n": "integer"}},
    "seats": {
        "key": ["day", "who"],
        "date": "day",
        "delay": 3,
        "columns": {"day": "date", "who": "text", "seats": "integer", "used": "integer"},
    },
    "people": {"key": ["who"], "columns": {"who": "text", "joined": "date"}},
}


def _doubled(flow: list[Row]) -> list[Row]:
    twice = lambda row: None if row["n"] is None else row["n"] * 2  # noqa: E731
    return [{"day": row["day"], "who": row["who"], "twice": twice(row)} for row in flow if row["flag"]]


def _pairs(flow: list[Row], other: list[Row]) -> list[Row]:
    """One row for each day and person: how many pairs of rows there are of that day, and the sum over them."""
    found: dict[tuple[date, Any], list[Any]] = {}
    for row in flow:
        for _ in (each for each in other if each["day"] == row["day"]):
            found.setdefault((row["day"], row["who"]), []).append(row["n"])
    added = lambda numbers: sum(numbers) if numbers else None  # noqa: E731
    return [
        {"day": day, "who": who, "pairs": len(them), "n": added([n for n in them if n is not None])}
        for (day, who), them in found.items()
    ]


def _members(flow: list[Row], people: list[Row]) -> list[Row]:
    joined = {row["who"]: row["joined"] for row in people}
    return [row for row in flow if row["who"] in joined and joined[row["who"]] <= row["day"]]


VIEWS: dict[str, tuple[str, Callable[..., list[Row]]]] = {
    "doubled": ("SELECT f.day AS day, f.who AS who, f.n * 2 AS twice FROM src_flow AS f WHERE f.flag", _doubled),
    "pairs": (
        "SELECT f.day AS day, f.who AS who, SUM(f.n) AS n, COUNT(*) AS pairs"
        " FROM src_flow AS f JOIN src_other AS o ON o.day = f.day GROUP BY f.day, f.who",
        _pairs,
    ),
    "members": (
        "SELECT f.day AS day, p.who AS who FROM src_flow AS f JOIN src_people AS p ON p.who = f.who AND p.joined <= f.day",
        _members,
    ),
}


def _flow(function: str, column: str | None = None, **more: Any) -> Part:
    return Part(function, "src_flow", (lambda row: row[column]) if column else (lambda row: 1), **more)


def _each(function: str, column: str) -> Part:
    return Part(function, "src_seats", lambda row: row[column], item=lambda row: row["who"])


def _said(metric: str, function: str, column: str = "value", **more: Any) -> Part:
    return Part(function, SAID, lambda row: row[column], where=lambda row: row["metric"] == metric, **more)


_BOTH = ("src_flow", "src_other")
_PEOPLE = Part("latest", "src_people", item=lambda row: row["who"], day="joined")
_WHO = {"item": lambda row: row["who"]}
METRICS: dict[str, tuple[Row, Metric]] = {
    "total": ({"from": "src_flow", "value": "sum(n)"}, Metric([_flow("sum", "n")])),
    "money": ({"from": "src_flow", "value": "sum(amount)"}, Metric([_flow("sum", "amount")])),
    "rows": ({"from": "src_flow", "value": "count(*)"}, Metric([_flow("count")])),
    "known": ({"from": "src_flow", "value": "count(n)"}, Metric([_flow("count", "n")])),
    "distinct": ({"from": "src_flow", "value": "count(distinct who)"}, Metric([_flow("count_distinct", **_WHO)])),
    "smallest": ({"from": "src_flow", "value": "min(amount)"}, Metric([_flow("min", "amount")])),
    "largest": ({"from": "src_flow", "value": "max(n)"}, Metric([_flow("max", "n")])),
    "flagged": (
        {"from": "src_flow", "value": "sum(n)", "where": "flag and n > 1"},
        Metric([_flow("sum", "n", where=lambda row: bool(row["flag"]) and (row["n"] or 0) > 1)]),
    ),
    "rate": (
        {
            "unit": "percent",
            "numerator": {"from": "src_flow", "formula": "sum(n)"},
            "denominator": {"from": "src_other", "formula": "sum(n)"},
        },
        Metric([_flow("sum", "n"), Part("sum", "src_other", lambda row: row["n"])], lambda a, b: Fraction(a) / b),
    ),
    "roi": (
        {
            "parts": {"a": {"from": "src_flow", "formula": "sum(n)"}, "b": {"from": "src_other", "formula": "sum(n)"}},
            "value": "(a - b) / b",
        },
        Metric([_flow("sum", "n"), Part("sum", "src_other", lambda row: row["n"])], lambda a, b: Fraction(a - b) / b),
    ),
    "cohort": (
        {
            "from": "src_flow",
            "numerator": {"formula": "count(later)", "counts_from": "later"},
            "denominator": "count(id)",
        },
        Metric([_flow("count", "later", counts_from="later"), _flow("count", "id")], lambda a, b: Fraction(a) / b),
    ),
    "standing": (
        {"from": "src_seats", "value": "latest(seats)", "stale_after": "6 days"},
        Metric([Part("latest", "src_seats", lambda row: row["seats"])], stale_after=6),
    ),
    "in-use": (
        {"from": "src_seats", "numerator": "latest(used, who)", "denominator": "latest(seats, who)"},
        Metric([_each("latest", "used"), _each("latest", "seats")], lambda a, b: Fraction(a) / b),
    ),
    "staff": ({"from": "src_people", "date": "joined", "value": "latest(1, who)"}, Metric([_PEOPLE])),
    "per-head": (
        {
            "parts": {
                "hits": {"from": "src_flow", "formula": "count(distinct who)"},
                "heads": {"from": "src_people", "date": "joined", "formula": "latest(1, who)"},
            },
            "value": "hits / heads",
        },
        Metric([_flow("count_distinct", **_WHO), _PEOPLE], lambda a, b: Fraction(a) / b),
    ),
    "late": (
        {"from": "src_flow", "value": "sum(n)", "stale_after": "4 days"},
        Metric([_flow("sum", "n")], stale_after=4),
    ),
    "twice": (
        {"from": "doubled", "date": "day", "value": "sum(twice)"},
        Metric([Part("sum", "doubled", lambda row: row["twice"], tables=("src_flow",))]),
    ),
    "per-pair": (
        {"from": "pairs", "date": "day", "numerator": "sum(n)", "denominator": "sum(pairs)"},
        Metric(
            [Part("sum", "pairs", lambda row, c=column: row[c], tables=_BOTH) for column in ("n", "pairs")],
            lambda a, b: Fraction(a) / b,
        ),
    ),
    "members": (
        {"from": "members", "date": "day", "value": "count(distinct who)"},
        Metric([Part("count_distinct", "members", tables=("src_flow", "src_people"), **_WHO)]),
    ),
    "told": ({"from": SAID, "value": "sum(value)"}, Metric([_said("told", "sum")])),
    "tellers": (
        {"from": SAID, "value": "count(distinct reported_by)"},
        Metric([_said("tellers", "count_distinct", item=lambda row: row["reported_by"])]),
    ),
    "most-told": ({"from": SAID, "value": "max(value)"}, Metric([_said("most-told", "max")])),
    "mood": (
        {"from": SAID, "value": "latest(value)", "stale_after": "20 days"},
        Metric([_said("mood", "latest")], stale_after=20),
    ),
    "cost-of-one": (
        {
            "numerator": {"from": SAID, "formula": "sum(value)"},
            "denominator": {"from": "src_flow", "formula": "sum(n)"},
        },
        Metric([_said("cost-of-one", "sum"), _flow("sum", "n")], lambda a, b: Fraction(a) / b),
    ),
}
MANUAL = ("told", "tellers", "most-told", "mood", "cost-of-one")
LEVELS = {"standing", "in-use", "staff", "mood"}  # they take no window


def _amount(number: Any, percent: bool) -> Any:
    if number is None or isinstance(number, str):
        return number
    exact = Decimal(number.numerator) / number.denominator
    return f"{exact * 100:f}%" if percent else f"{exact:f}"


def written(name: str, value: Any, percent: bool) -> Any:
    """A key result's field in YAML's words."""
    match name:
        case "over" | "alongside" if value:
            kind, unit = value
            return {"last": f"last {unit}", "trailing": f"trailing {unit} days"}.get(kind, f"{unit} to date")
        case "every":
            return f"{value[0]} {value[1]}s"
        case "during":
            return f"{value[0]} to {value[1]}"
        case "due" | "from":
            return f"{value}"
        case "weight":
            return float(value)
        case "lag":
            return f"{value} days"
        case "between":
            return [_amount(v, percent) for v in value]
        case "baseline" | "target" | "at_least" | "at_most":
            return _amount(value, percent)
        case "pace" if isinstance(value, dict) and not isinstance(next(iter(value.values())), str):
            share = lambda what: f"{float(what * 100):g}% of the way"  # noqa: E731
            return {f"{d}": share(what) if k == "share" else _amount(what, percent) for d, (k, what) in value.items()}
        case "milestones":
            names = ("step", "weight", "due")
            return [
                {n: written(n, v, percent) for n, v in zip(names, step, strict=True) if v is not None} for step in value
            ]
        case "changes":
            return [{n: written(n, v, percent) for n, v in change.items()} for change in value]
    return value


def configuration(
    folder: Path,
    objectives: Row,
    period: str,
    okr: Row | None = None,
    metrics: Row | None = None,
    parents: Row | None = None,
) -> Config:
    """Writes and loads an `okr_config`; `objectives` maps an id to its key results in `naive`'s form (without `period`), and
    `parents` one to what it is part of and its weight there."""
    units = {"unit": {"en": "things"}, "title": "A metric"}
    known, used = {name: yaml for name, (yaml, _) in METRICS.items()} | (metrics or {}), set()
    for key_results in objectives.values():
        used |= {said["metric"] for kr in key_results for said in (kr, *kr.get("changes", ())) if "metric" in said}
    texts: dict[str, Any] = {
        "okr": {
            "organisation": "Test",
            "timezone": "Asia/Bangkok",
            "fiscal_year": {"starts": "10-01", "era": "buddhist"},
        }
        | (okr or {}),
        "connectors/src": {"connector": "files", "folder": "nowhere", "streams": {}},
        "metrics/all": {name: units | yaml for name, yaml in known.items() if name in used},
    }
    for name, stream in STREAMS.items():
        texts["connectors/src"]["streams"][name] = {"files": f"{name}.csv"} | stream
    for name, key_results in objectives.items():
        listed = []
        for kr in key_results:
            percent = texts["metrics/all"][kr["metric"]]["unit"] == "percent"
            yaml = {key: written(key, value, percent) for key, value in kr.items()}
            listed.append(yaml)
        parent = dict(zip(("parent", "weight"), (parents or {}).get(name, ()), strict=False))
        head = {"id": name, "title": name, "period": period, "owner": "x"}
        texts[f"objectives/{name}"] = head | parent | {"key_results": listed}
    for name, (select, _) in VIEWS.items():
        path = folder / "views" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(select, encoding="utf-8")
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text, default=float), encoding="utf-8")  # JSON is YAML
    return load(folder, {})


@dataclass
class World:
    """A warehouse in memory beside `known`, what the naive implementation is to believe."""

    config: Config
    known: naive.Known = field(default_factory=naive.Known)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})  # so small, more would only wait for each other
        create_schema(self.connection)
        self.known.views = {name: rows_of for name, (_, rows_of) in VIEWS.items()}
        self.known.delay = {t.name: t.stream.delay for t in self.config.tables.values()}

    def land(
        self,
        table: str,
        first: date,
        last: date,
        rows: Iterable[Row],
        available: date | None = None,
        final: date | None = None,
    ) -> None:
        """Lands a window through the pipeline's own ingestion; by default all of it is final."""
        found, declared = list(rows), self.config.tables[table]
        names = declared.stream.schema.names
        full = [{name: row.get(name) for name in names} for row in found]
        said = Said(available or last, final or last)
        land(self.connection, declared, Window(first, last), pa.Table.from_pylist(full, declared.stream.schema), said)
        before, day = self.known.rows.get(table, []), declared.stream.date
        outside = [row for row in before if day and not first <= row[day] <= last]
        self.known.rows[table] = outside + full
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            each = date.fromordinal(ordinal)
            delivered = each <= (available or last)
            self.known.coverage.setdefault(table, {})[each] = delivered, delivered and each <= (final or last)
        self.known.trouble.pop(table, None)

    def say(self, metric: str, day: date, value: Decimal, by: str) -> None:
        """Lands a check-in as `okr checkin` does, if a key result is on this metric; of a day, what is said last holds."""
        result = next((each for each in self.config.key_results.values() if each.metric.id == metric), None)
        if result is None:
            return
        bind(self.connection, self.config)
        land_said(self.connection, CheckIn(result, day, value, "a note", by))
        rows = self.known.rows.setdefault(SAID, [])
        rows[:] = [row for row in rows if (row["metric"], row["day"]) != (metric, day)]
        rows.append({"metric": metric, "day": day, "value": value, "reported_by": by})

    def fail(self, table: str, day: date, outcome: str) -> None:
        """Records an attempt that landed nothing."""
        record(self.connection, next_load(self.connection), Load(table, day, day, outcome, "It failed. Mend it."))
        self.known.trouble[table] = outcome

    def scored(self, as_of: date) -> tuple[dict[tuple[str, date], Row], dict[tuple[str, date], Row]]:
        """Scores, and returns (key result, day) → row and (objective, day) → row."""
        self.measure()
        return self.scored_again(as_of)

    def measure(self) -> None:
        """Brings the parts of all metrics up to date."""
        bind(self.connection, self.config)
        measure(self.connection, self.config, self.config.metrics.values())

    def scored_again(self, as_of: date) -> tuple[dict[tuple[str, date], Row], dict[tuple[str, date], Row]]:
        """The same from what was measured last."""
        score(self.connection, self.config, as_of)
        results = self.connection.sql("SELECT * FROM scores.key_results").to_arrow_table().to_pylist()
        objectives = self.connection.sql("SELECT * FROM scores.objectives").to_arrow_table().to_pylist()
        return (
            {(row["key_result"], row["as_of"]): row for row in results},
            {(row["objective"], row["as_of"]): row for row in objectives},
        )

    def forget_scorings(self) -> None:
        """The next scoring knows of none before it, so it makes every row anew."""
        self.connection.execute("DELETE FROM ledger.loads WHERE table_name = 'scores.key_results'")
