"""`okr explain`: what it prints recomputes to the score, now and for any past instant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from typing import Any

import duckdb
import pytest
import recompute

from okr_pipeline.audit.explain import explanation

BETWEEN = datetime(2026, 11, 15, 12)  # noqa: DTZ001 - naive UTC
FIRST_NIGHT, LAST = date(2026, 11, 14), date(2026, 11, 15)
DAYS = [date(2026, 10, 5), date(2026, 10, 18), date(2026, 10, 31), LAST]


@pytest.fixture(scope="module")
def snapshot(demo) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(demo.home / "published" / "okr.duckdb", read_only=True)) as opened:
        yield opened


def told(snapshot: duckdb.DuckDBPyConnection, key_result: str, day: date, known_at: datetime | None = None) -> Any:
    """The JSON, as a program reads it."""
    return json.loads(json.dumps(explanation(snapshot, key_result, day, known_at), default=str))


@pytest.mark.parametrize(
    ("known_at", "days"), [(None, DAYS), (BETWEEN, [FIRST_NIGHT])], ids=["now", "between the nights"]
)
def test_every_score_recomputes_from_the_json_alone(snapshot, shipped, known_at, days):
    scored = 0
    for key_result in shipped.key_results:
        for day in days:
            found = told(snapshot, key_result, day, known_at)
            if found["score"] is None:
                assert found["reason"], (key_result, day)
                continue
            value, score = recompute.score(found)
            assert found["value"] == pytest.approx(value, abs=1e-9), (key_result, day)
            assert found["score"] == pytest.approx(score, abs=1e-9), (key_result, day)
            if not found["intervals"]:
                assert found["parts"] == pytest.approx(recompute.part_values(found)), (key_result, day)
            scored += 1
    assert scored > 11 * len(days)


def test_the_rows_are_those_that_stood_then(snapshot):
    """GA4 has restated the last days since: the SQL that is printed shows the rows of then, not those of now."""
    then, now = (told(snapshot, "conversion-rate", date(2026, 11, 14), at) for at in (BETWEEN, None))
    for found in (then, now):
        for part in found["rows"]:
            names = [c[0] for c in snapshot.execute(part["sql"]).description]
            rows = [dict(zip(names, row, strict=True)) for row in snapshot.execute(part["sql"]).fetchall()]
            assert sum(row["sessions"] for row in rows) == found["parts"][part["part"]]
            assert part["count"] == len(rows) == 44
            assert part["first"][0]["day"] == "2026-10-01"
    assert then["parts"] != now["parts"]


def test_a_view_is_asked_as_it_stood_then(snapshot):
    then, now = (told(snapshot, "keywords-in-content", date(2026, 11, 14), at) for at in (BETWEEN, None))
    assert "history" in then["rows"][0]["sql"]
    assert "history" not in now["rows"][0]["sql"]
    assert max(load["load"] for load in then["loads"]) < max(load["load"] for load in now["loads"])


def test_loads_say_what_their_source_said(demo, okr):
    text = okr("explain", "conversion-rate", "--home", demo.home).out
    assert "final through 2026-11-12" in text
    assert "sampled: no, thresholded: no" in text
    assert "files_features" in (features := okr("explain", "features-in-plan", "--home", demo.home).out)
    assert ", final" in features or "  final" in features


def test_the_text_puts_the_numbers_into_the_formula(demo, okr):
    text = okr("explain", "programme-roi", "--home", demo.home).out
    assert "Formula   (benefit - cost) / cost" in text
    found = okr("explain", "programme-roi", "--home", demo.home, "--format", "json").json
    benefit, cost = (f"{found['parts'][name]:,.2f}".rstrip("0").rstrip(".") for name in ("benefit", "cost"))
    assert f"({benefit} - {cost}) / {cost} = 94.9%" in text


def test_the_configuration_behind_a_score_can_be_shown(demo, okr):
    shown = okr("explain", "signups", "--home", demo.home, "--configuration").json
    assert shown["key_result"] == {
        "id": "signups", "metric": "signups_and_enquiries", "baseline": "400", "target": "500",
        "over": "last month", "alongside": "month to date",
    }  # fmt: skip
    assert shown["metric"]["parts"]["sum_event_count"]["where"] == "(\"event_name\" IN ('sign_up', 'generate_lead'))"


def test_no_secret_stands_in_the_stored_configuration(snapshot):
    documents = " ".join(row[0] for row in snapshot.execute("SELECT document FROM ledger.configurations").fetchall())
    for secret in ("api_key", "credentials", "CRM_DATABASE_URL", "0123456789abcdef", "us6"):
        assert secret not in documents
