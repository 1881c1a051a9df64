"""The checks of a pull: what each kind finds, how grave it is, and what becomes of a night in which one rejects a source."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest

from okr_pipeline.assets.checks import range_result
from okr_pipeline.checks import KINDS, Finding, Subject, inspect, judge, said
from okr_pipeline.config import Config, load
from okr_pipeline.connectors.checks import Checks, ChecksByStream
from okr_pipeline.connectors.contract import Stream
from okr_pipeline.errors import ConfigError, DataRejected
from okr_pipeline.warehouse import Load, record, replace
from okr_pipeline.warehouse.engine import create_schema

SCHEMA = pa.schema([("day", pa.date32()), ("page", pa.string()), ("visits", pa.int64()), ("rate", pa.float64())])
STREAM = Stream("visits", SCHEMA, ("day", "page"), "day", "visits of pages", delay=1)
LAST = date(2026, 11, 15)


def row(days_ago: int = 0, page: str | None = "home", visits: int | None = 100, rate: float = 0.5) -> dict[str, Any]:
    return {"day": LAST - timedelta(days_ago), "page": page, "visits": visits, "rate": rate}


def found(
    rows: list[dict[str, Any]], kind: str, checks: Checks, schema: pa.Schema = SCHEMA, available: date = LAST
) -> list[Finding]:
    """What one kind finds after nine weeks, of which the last day came with the newest load."""
    with duckdb.connect() as connection:
        create_schema(connection)
        connection.register("pulled", pa.Table.from_pylist(rows, schema))
        first = LAST - timedelta(63)
        if kind in {"volume", "columns"}:
            replace(connection, "raw.visits", "pulled", STREAM.key, "TRUE", 1)
        if kind in {"volume", "fresh"}:
            before = LAST - timedelta(1)
            record(connection, 1, Load("visits", first, before, available_through=min(before, available)))
            record(connection, 2, Load("visits", LAST, LAST, available_through=available))
        subject = Subject("visits", STREAM, checks, LAST if kind == "days" else first, LAST)
        (moment,) = (each.moment for each in KINDS if each.name == kind)
        return [each for each in inspect(connection, subject, moment) if each.kind == kind]


WEEKS = [row(day) for day in range(1, 64)]
WIDER = pa.schema([*SCHEMA, ("old", pa.string())])


@pytest.mark.parametrize(
    ("kind", "good", "bad", "checks", "severity", "sentence"),
    [
        ("not_null", [row()], [row(page=None)], {}, "error", "1 of 1 rows have no `page`"),
        ("days", [row()], [row(1)], {}, "error", "asked for 2026-11-15 to 2026-11-15"),
        ("range", [row(visits=0), row(visits=None)], [row(visits=-3)], {}, "warn", "`visits` is below 0 in 1 of 1 rows (-3)"),
        ("range", [row(rate=1)], [row(rate=1.5)], {"range": {"at_most": {"rate": 1}}}, "warn", "`rate` is above 1.0"),
        ("range", [row()], [row(visits=-3)], {"range": "error"}, "error", "`visits` is below 0"),
        ("volume", [*WEEKS, row(visits=60)], [*WEEKS, row(visits=9)], {}, "warn", "visits on Sunday 2026-11-15: 9.0"),
        ("volume", [*WEEKS, row()], WEEKS, {}, "warn", "visits on Sunday 2026-11-15: 0.0"),
    ],
)  # fmt: skip
def test_a_kind_passes_good_rows_and_says_of_bad_ones_what_is_wrong(
    kind: str, good: list[Any], bad: list[Any], checks: dict[str, Any], severity: str, sentence: str
) -> None:
    chosen = Checks.model_validate(checks)
    (passed,), (failed,) = found(good, kind, chosen), found(bad, kind, chosen)
    assert passed.passed, passed.problems
    assert not failed.passed
    assert failed.severity == severity
    assert sentence in said([failed])


def test_a_column_that_nobody_declares_any_more_is_a_finding() -> None:
    assert found([row()], "columns", Checks())[0].passed
    (drifted,) = found([row() | {"old": "x"}], "columns", Checks(), WIDER)
    assert "`old` stands in visits and is no longer declared" in said([drifted])


def test_a_source_is_late_once_it_is_later_than_its_own_delay() -> None:
    assert found([], "fresh", Checks(), available=LAST - timedelta(1))[0].passed
    (late,) = found([], "fresh", Checks(), available=LAST - timedelta(2))
    assert said([late]).startswith("the newest day is 2026-11-13, 2 days before 2026-11-15; the source promises 1")


def test_a_kind_that_is_off_asks_nothing() -> None:
    assert found([row(visits=-3)], "range", Checks.model_validate({"range": "off"})) == []


def test_what_a_stream_says_of_a_kind_holds_instead_of_what_is_said_for_all() -> None:
    said_of = {"volume": {"weeks": 6}, "fresh": "error", "streams": {"visits": {"volume": "off"}}}
    checks = ChecksByStream.model_validate(said_of)
    own, other = checks.of("visits"), checks.of("campaigns")
    assert (own.volume.severity, own.fresh.severity) == ("off", "error")
    assert (other.volume.severity, other.volume.weeks) == ("warn", 6)
    assert found([*WEEKS, row(visits=9)], "volume", own) == []


def test_a_check_of_what_is_not_there_is_a_mistake_with_its_line(config: Path) -> None:
    files = config / "connectors" / "files.yaml"
    text = files.read_text(encoding="utf-8").rstrip("\n")
    wrong = """
checks:
  range: {at_most: {rnak: 1}}
  streams:
    seminar: {volume: off}
    team: {range: {at_least: {rank: 1}}}
"""
    files.write_text(text + wrong, encoding="utf-8")
    line = len(text.splitlines()) + 2
    with pytest.raises(ConfigError) as told:
        load(config, {}, unset_is_wrong=False)
    place = "okr_config/connectors/files.yaml"
    assert str(told.value).splitlines() == [
        f"{place}:{line + 2}: checks.streams.seminar: there is no stream `seminar`; did you mean `seminars`?",
        f"{place}:{line}: checks.range.at_most.rnak: there is no column `rnak`; did you mean `rank`?",
        f"{place}:{line + 3}: checks.streams.team.range.at_least.rank: there is no column `rank`;"
        " known are: joined_on, person, role",
    ]


def test_only_an_error_takes_the_pull_back() -> None:
    judge("visits", [Finding("range", "warn", ("negative",)), Finding("days", "error")])
    with pytest.raises(DataRejected, match="visits: negative"):
        judge("visits", [Finding("range", "error", ("negative",))])


def test_a_rate_above_one_is_warned_of_and_a_return_on_cost_is_not(shipped: Config) -> None:
    rate, key = shipped.metrics["conversion_rate"], dg.AssetKey(["metric", "conversion_rate"])
    days: list[dict[str, Any]] = [
        {"day": LAST - timedelta(2), "value": None},
        {"day": LAST - timedelta(1), "value": 1.0},
    ]
    assert rate.bounds == (0, 1)
    assert shipped.metrics["programme_roi"].bounds is None
    assert range_result(key, rate, days).passed
    warned = range_result(key, rate, [*days, {"day": LAST, "value": 1.2}])
    assert not warned.passed
    assert warned.severity is dg.AssetCheckSeverity.WARN
    assert str(warned.description).startswith("1 of 3 days lie outside 0 to 1 (2026-11-15: 1.2)")


def test_a_night_with_impossible_rows_keeps_them_out_and_scores_the_rest(
    tmp_path: Path, demo: Any, config: Path, okr: Any
) -> None:
    files = config / "connectors" / "files.yaml"
    files.write_text(files.read_text(encoding="utf-8") + "\nchecks: {range: error}\n", encoding="utf-8")
    home = demo.copy(tmp_path / "home")
    (truth,) = home.glob("sandbox/**/features.csv")
    good = truth.read_text(encoding="utf-8")
    ranked = "โหมดเงียบกลางคืน,2026-11-10,12"  # within what the night pulls
    assert good.count(ranked) == 1
    truth.write_text(good.replace(ranked, ranked.replace(",12", ",-4")), encoding="utf-8")
    asked = ("--sandbox", "--home", home, "--config", config)
    bad = okr("run", *asked, "--date", "2026-11-16")
    assert bad.code == 2, bad.out + bad.err
    assert "`rank` is below 0 in 1 of 8 rows (-4)" in bad.out
    scores = okr("score", "--home", home, "--config", config, "--as-of", "2026-11-16", "--format", "json")
    held, fine = scores.row("features-in-plan"), scores.row("signups")
    assert (held["reason"], held["held_from"]) == ("data_rejected", "2026-11-15")
    assert fine["reason"] is None
    truth.write_text(good, encoding="utf-8")
    mended = okr("run", *asked, "--date", "2026-11-17")
    assert mended.code == 0, mended.out + mended.err
