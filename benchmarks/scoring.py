"""Scoring a year of 10,000 key results over 10 million parts of metrics: `score` beside the bare SQL query that computes the
same numbers, beside polars and pandas. And in a warehouse that was scored through the year: the night after, which brings a day
and restates three, and the whole year again, as that night would cost if it scored all.

Every way starts from a copy of one warehouse, in a process of its own, and ends with its rows in it.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from okr_pipeline.config import load
from okr_pipeline.scoring import score
from okr_pipeline.scoring.metrics import add_up
from okr_pipeline.warehouse.engine import create_schema

KEY_RESULTS = 10_000
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
NIGHT = LAST - timedelta(days=1)  # scored through this day before the night
RESTATED = NIGHT - timedelta(days=2)
TIMED = ("bare SQL", "okr: the year", "polars", "pandas")
NEXT_NIGHT, AGAIN = "okr: the next night", "okr: all of it again"
WAYS = (*TIMED, NEXT_NIGHT, AGAIN)

# Four kinds in equal parts: a sum to date, a ratio to date, a ratio over 28 days, a ratio of the month to date.
PARTS = ("a", "ab", "abc", "abcde")
VALUES = ("a", "a / b", "(a - b) / c", "(a + b + c) / (d + e)")
AGREED: tuple[dict[str, Any], ...] = (
    {"baseline": 0, "target": 30_000},
    {"at_least": 0.9},
    {"over": "trailing 28 days", "baseline": -0.5, "target": 0.5},
    {"over": "month to date", "at_most": 1.4},
)

NUMBERS = "SELECT metric, part, day, CAST(value AS DOUBLE) AS value FROM metric.parts"

BARE = """
CREATE TABLE scored AS
WITH agreed AS (
    SELECT 'k' || range AS key_result, 'm' || range AS metric, range % 4 AS kind FROM range({key_results})
),
daily AS (
    SELECT k.key_result, k.kind, p.day, {sums}
    FROM metric.parts AS p JOIN agreed AS k ON k.metric = p.metric
    GROUP BY ALL
),
windowed AS (
    SELECT key_result, kind, day, SUM(a) OVER w AS a, NULL AS b, NULL AS c, NULL AS d, NULL AS e
    FROM daily WHERE kind = 0 WINDOW w AS (PARTITION BY key_result ORDER BY day)
    UNION ALL
    SELECT key_result, kind, day, SUM(a) OVER w, SUM(b) OVER w, NULL, NULL, NULL
    FROM daily WHERE kind = 1 WINDOW w AS (PARTITION BY key_result ORDER BY day)
    UNION ALL
    SELECT key_result, kind, day, SUM(a) OVER w, SUM(b) OVER w, SUM(c) OVER w, NULL, NULL
    FROM daily WHERE kind = 2 WINDOW w AS (PARTITION BY key_result ORDER BY day ROWS 27 PRECEDING)
    UNION ALL
    SELECT key_result, kind, day, SUM(a) OVER w, SUM(b) OVER w, SUM(c) OVER w, SUM(d) OVER w, SUM(e) OVER w
    FROM daily WHERE kind = 3 WINDOW w AS (PARTITION BY key_result, DATE_TRUNC('month', day) ORDER BY day)
),
valued AS (
    SELECT *, CAST(CASE kind WHEN 0 THEN a WHEN 1 THEN a / NULLIF(b, 0) WHEN 2 THEN (a - b) / NULLIF(c, 0)
                             ELSE (a + b + c) / NULLIF(d + e, 0) END AS DOUBLE) AS value
    FROM windowed
),
progressed AS (
    SELECT *, CASE kind WHEN 0 THEN value / 30000 WHEN 1 THEN value / 0.9 WHEN 2 THEN value + 0.5
                        ELSE 1 + (1.4 - value) / 1.4 END AS progress,
           (day - DATE '2025-12-31') / 365 AS expected
    FROM valued
),
clamped AS (
    SELECT *, GREATEST(0, LEAST(1, progress)) AS score FROM progressed
)
SELECT key_result, day AS as_of, value, TO_JSON({{'a': a, 'b': b, 'c': c, 'd': d, 'e': e}}) AS parts, progress, score, expected,
    CASE WHEN day = DATE '2026-12-31' THEN CASE WHEN score >= 1 THEN 'achieved' ELSE 'missed' END
         WHEN ROUND(score / expected, 9) >= 0.9 THEN 'on_track'
         WHEN ROUND(score / expected, 9) >= 0.6 THEN 'at_risk'
         ELSE 'off_track' END AS status
FROM clamped
"""


def prepared(folder: Path, key_results: int) -> dict[str, float]:
    """The configuration, and a warehouse in which a year of parts was measured."""
    stream = {"files": "flow.csv", "key": ["id"], "date": "day"}
    columns = {"id": "integer", "day": "date"} | dict.fromkeys("abcde", "integer")
    texts: dict[str, Any] = {
        "okr": {"organisation": "Benchmark", "timezone": "UTC", "fiscal_year": {"starts": "01-01"}},
        "connectors/src": {"connector": "files", "folder": "x", "streams": {"flow": stream | {"columns": columns}}},
        "metrics/all": {},
    }
    for number in range(key_results):
        kind = number % 4
        parts = {part: {"formula": f"sum({part})"} for part in PARTS[kind]}
        metric = {"from": "src_flow", "unit": {"en": "things"}, "title": "M", "value": VALUES[kind], "parts": parts}
        texts["metrics/all"][f"m{number}"] = metric
        head = {"id": f"o{number // 100}", "title": "O", "period": "FY2026", "owner": "x", "key_results": []}
        objective = texts.setdefault(f"objectives/o{number // 100}", head)
        objective["key_results"].append({"id": f"k{number}", "title": "K", "metric": f"m{number}"} | AGREED[kind])
    for name, text in texts.items():
        path = folder / "okr_config" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text), encoding="utf-8")
    (folder / "config.pickle").write_bytes(pickle.dumps(load(folder / "okr_config", {})))
    kinds = ", ".join(f"('{part}', {kind})" for kind, parts in enumerate(PARTS) for part in parts)
    with duckdb.connect(folder / "prepared.duckdb") as connection:
        create_schema(connection)
        for first, last in ((FIRST, NIGHT), (LAST, LAST)):
            connection.execute(
                "INSERT INTO metric.parts"
                " SELECT 'm' || n.range, k.part, d.day, d.day, NULL, HASH(n.range, k.part, d.day) % 100 + 50, 1, [1], 1"
                f" FROM range({key_results}) AS n, (VALUES {kinds}) AS k (part, kind),"
                f" (SELECT CAST(UNNEST(GENERATE_SERIES(DATE '{first}', DATE '{last}', INTERVAL 1 DAY)) AS DATE) AS day) AS d"
                " WHERE n.range % 4 = k.kind ORDER BY d.day, n.range"
            )
            connection.execute(
                "INSERT INTO ledger.loads BY NAME SELECT COALESCE((SELECT MAX(load) FROM ledger.loads), 0) + 1 AS load,"
                " 'src_flow' AS table_name, CAST(? AS DATE) AS first_day, CAST(? AS DATE) AS last_day,"
                " CAST(? AS TIMESTAMP) AS known_at, 'landed' AS outcome, 1 AS received, 1 AS inserted, 0 AS changed,"
                " 0 AS vanished, 0 AS unchanged, last_day AS available_through, last_day AS final_through, '{}' AS notes",
                [
                    first - timedelta(days=28) if first == FIRST else RESTATED,
                    last,
                    last,
                ],  # 28 days: nothing came before
            )
            if last == NIGHT:
                connection.execute("CHECKPOINT")
                shutil.copy(folder / "prepared.duckdb", folder / "before.duckdb")
        add_up(connection, "metric.parts")
    with duckdb.connect(folder / "before.duckdb") as connection:
        add_up(connection, "metric.parts")
        for month in range(2, 13):
            score(
                connection, _config(folder), date(2026, month, 1)
            )  # the rows of a month lie together, as after nights
        score(connection, _config(folder), NIGHT)
        connection.execute("ATTACH ? AS a", [str(folder / "prepared.duckdb")])
        connection.execute(f"INSERT INTO metric.parts SELECT * FROM a.metric.parts WHERE day = DATE '{LAST}'")
        connection.execute(
            f"UPDATE metric.parts SET value = value + 1 WHERE day BETWEEN DATE '{RESTATED}' AND DATE '{NIGHT}'"
        )
        add_up(connection, f"(FROM metric.parts WHERE day >= DATE '{RESTATED}')")
        connection.execute("INSERT INTO ledger.loads SELECT * REPLACE (3 AS load) FROM a.ledger.loads WHERE load = 2")
        connection.execute(f"INSERT INTO metric.unscored SELECT DISTINCT metric, DATE '{RESTATED}' FROM metric.parts")
    return {}


def _config(folder: Path) -> Any:
    return pickle.loads((folder / "config.pickle").read_bytes())


def bare(connection: duckdb.DuckDBPyConnection, key_results: int) -> None:
    """One query."""
    sums = ", ".join(f"SUM(value) FILTER (part = '{part}') AS {part}" for part in "abcde")
    connection.execute(BARE.format(key_results=key_results, sums=sums))


def in_polars(connection: duckdb.DuckDBPyConnection, key_results: int) -> None:
    """The same in polars, from Arrow and back."""
    import polars as pl

    parts = pl.from_arrow(
        connection.sql("SELECT metric, part, day, CAST(value AS DOUBLE) AS value FROM metric.parts").to_arrow_table()
    )
    assert isinstance(parts, pl.DataFrame)
    daily = (
        parts.lazy()
        .group_by("metric", "day")
        .agg(pl.col("value").filter(pl.col("part") == part).sum().alias(part) for part in "abcde")
        .with_columns(number=pl.col("metric").str.slice(1).cast(pl.Int64))
        .with_columns(kind=pl.col("number") % 4, key_result=pl.format("k{}", "number"))
        .sort("key_result", "day")
    )

    def to_date(kind: int, *by: Any) -> Any:
        return daily.filter(pl.col("kind") == kind).with_columns(pl.col(*"abcde").cum_sum().over("key_result", *by))

    trailing = pl.col(*"abcde").rolling_sum(28, min_samples=1).over("key_result")
    windows = [
        to_date(0), to_date(1), daily.filter(pl.col("kind") == 2).with_columns(trailing), to_date(3, pl.col("day").dt.month()),
    ]  # fmt: skip
    a, b, c, d, e = (pl.col(part) for part in "abcde")
    values = [a, a / b, (a - b) / c, (a + b + c) / (d + e)]
    ways: list[Callable[[Any], Any]] = [
        lambda v: v / 30_000, lambda v: v / 0.9, lambda v: v + 0.5, lambda v: 1 + (1.4 - v) / 1.4,
    ]  # fmt: skip
    done = pl.concat(
        frame.with_columns(value=value).with_columns(progress=way(pl.col("value")))
        for frame, value, way in zip(windows, values, ways, strict=True)
    )
    reached = pl.col("score") / pl.col("expected")
    status = (
        pl.when(pl.col("day") == LAST)
        .then(pl.when(pl.col("score") >= 1).then(pl.lit("achieved")).otherwise(pl.lit("missed")))
        .when(reached.round(9) >= 0.9).then(pl.lit("on_track"))
        .when(reached.round(9) >= 0.6).then(pl.lit("at_risk"))
        .otherwise(pl.lit("off_track"))
    )  # fmt: skip
    scored = (
        done.with_columns(
            score=pl.col("progress").clip(0, 1), expected=(pl.col("day") - date(2025, 12, 31)).dt.total_days() / 365
        )
        .with_columns(status=status, as_of=pl.col("day"), parts=pl.struct(*"abcde").struct.json_encode())
        .select("key_result", "as_of", "value", "parts", "progress", "score", "expected", "status")
        .collect()
    )
    connection.register("frame", scored)
    connection.execute("CREATE TABLE scored AS SELECT * FROM frame")


def in_pandas(connection: duckdb.DuckDBPyConnection, key_results: int) -> None:
    """The same in pandas; its JSON of the parts is left out, which would take longer than all the rest."""
    import numpy as np
    import pandas as pd

    parts = connection.sql(NUMBERS).df()
    daily = parts.pivot_table(index=["metric", "day"], columns="part", values="value", aggfunc="sum").reset_index()
    number = daily["metric"].str[1:].astype("int64")
    daily["key_result"], kind = "k" + number.astype(str), number % 4
    letters = list("abcde")
    made = []
    for each in range(4):
        frame = daily[kind == each].sort_values(["key_result", "day"]).reset_index(drop=True)
        by: list[Any] = ["key_result"] + ([frame["day"].dt.month] if each == 3 else [])
        groups = frame.groupby(by, sort=False)[letters]
        if each == 2:
            frame[letters] = groups.rolling(28, min_periods=1).sum().reset_index(level=0, drop=True)
        else:
            frame[letters] = groups.cumsum()
        a, b, c, d, e = (frame[letter] for letter in letters)
        value = (a, a / b, (a - b) / c, (a + b + c) / (d + e))[each]
        frame["value"] = value
        frame["progress"] = (value / 30_000, value / 0.9, value + 0.5, 1 + (1.4 - value) / 1.4)[each]
        made.append(frame)
    scored = pd.concat(made)
    scored["score"] = scored["progress"].clip(0, 1)
    scored["expected"] = (scored["day"] - pd.Timestamp("2025-12-31")).dt.days / 365
    reached = (scored["score"] / scored["expected"]).round(9)
    last = scored["day"] == pd.Timestamp(LAST)
    scored["status"] = np.select(
        [last & (scored["score"] >= 1), last, reached >= 0.9, reached >= 0.6],
        ["achieved", "missed", "on_track", "at_risk"],
        "off_track",
    )
    scored["as_of"] = scored["day"].dt.date
    connection.register("frame", scored[["key_result", "as_of", "value", "progress", "score", "expected", "status"]])
    connection.execute("CREATE TABLE scored AS SELECT * FROM frame")


def measured(way: str, folder: Path, key_results: int) -> dict[str, float]:
    """Seconds and peak memory in MB of one way in this process."""
    path = folder / f"{WAYS.index(way)}.duckdb"
    shutil.copy(folder / ("before.duckdb" if way in (NEXT_NIGHT, AGAIN) else "prepared.duckdb"), path)
    config = _config(folder) if way.startswith("okr") else None
    imported = {"bare SQL": (), "polars": ("polars",)}.get(way, ("pandas", "jinja2"))  # pyarrow imports pandas
    for module in imported:
        import_module(module)  # not on the clock
    with duckdb.connect(path) as connection:
        if way == AGAIN:  # the last scoring is not known as one of this configuration
            connection.execute("UPDATE ledger.loads SET notes = '{}' WHERE table_name = 'scores.key_results'")
        start = time.perf_counter()
        if config:
            score(connection, config, LAST)
        else:
            {"bare SQL": bare, "polars": in_polars, "pandas": in_pandas}[way](connection, key_results)
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def agree(folder: Path, key_results: int) -> dict[str, float]:
    """Every way's numbers are those of the bare query, and the night's rows those of scoring all again."""
    with duckdb.connect() as connection:
        for number, way in enumerate(WAYS):
            connection.execute(f"ATTACH '{folder / f'{number}.duckdb'}' AS w{number} (READ_ONLY)")
            if way not in TIMED:
                continue
            table = "scores.key_results" if way.startswith("okr") else "scored"
            found = connection.execute(
                f"SELECT COUNT(*), COUNT(*) FILTER (ABS(a.score - b.score) < 1e-9 AND ABS(a.expected - b.expected) < 1e-9"
                f" AND a.status = b.status), (SELECT COUNT(*) FROM w0.scored)"
                f" FROM w0.scored AS a JOIN w{number}.{table} AS b USING (key_result, as_of)"
            ).fetchall()[0]
            assert found[0] == found[1] == found[2], (way, found)
        night, again = (f"FROM w{WAYS.index(way)}.scores.outcomes" for way in (NEXT_NIGHT, AGAIN))
        differing = connection.execute(f"SELECT COUNT(*) FROM ({night} EXCEPT {again})").fetchall()
        assert differing == [(0,)], differing
        days = (LAST - FIRST).days + 1
        assert connection.execute(f"SELECT COUNT(*) {night}").fetchall() == [(key_results * days,)]
    return {}


def main() -> None:
    """Runs all ways in turns, each in its own process, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key-results", type=int, default=KEY_RESULTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        way, name = options.one
        folder = Path(name)
        do = {"prepare": prepared, "agree": agree}.get(way) or partial(measured, way)
        print(json.dumps(do(folder, options.key_results)))
        return

    def apart(way: str, folder: str) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.scoring", "--key-results", str(options.key_results)]
        done = subprocess.run([*command, "--one", way, folder], check=True, stdout=subprocess.PIPE)
        answer: dict[str, float] = json.loads(done.stdout)
        return answer

    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="okr-bench-") as name:
        apart("prepare", name)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for way in WAYS:
                results[way].append(apart(way, name))
            apart("agree", name)
    print(
        f"{options.key_results:,} key results × 365 days; Python {sys.version.split()[0]}, duckdb {duckdb.__version__},"
        f" {os.cpu_count()} cores; medians of {options.rounds} rounds\n\n{'':25}{'× bare':>8}{'wall s':>9}{'peak MB':>9}"
    )
    for way in WAYS:
        pairs = zip(results[way], results["bare SQL"], strict=True)
        ratio = statistics.median(one["seconds"] / other["seconds"] for one, other in pairs)
        middle = {what: statistics.median(each[what] for each in results[way]) for what in ("seconds", "memory")}
        print(f"{way:25}{ratio:>8.2f}{middle['seconds']:>9.1f}{middle['memory']:>9,.0f}")
    shares = [
        statistics.median(
            one["seconds"] / other["seconds"] for one, other in zip(results[NEXT_NIGHT], results[way], strict=True)
        )
        for way in ("okr: the year", AGAIN)
    ]
    print("\nThe night is {:.1%} of the year, {:.1%} of scoring all of it again (target < 10 %).".format(*shares))


if __name__ == "__main__":
    main()
