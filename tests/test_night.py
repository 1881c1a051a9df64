"""What a night does and leaves alone: repeated, restated, dropped, broken, missed, caught up, and asked for later."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

FIRST_NIGHT, SECOND_NIGHT = date(2026, 11, 14), date(2026, 11, 15)
MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)
RESTS_ON_FILES = {
    *("tools-in-use", "features-in-plan", "joint-seminars", "weekly-targets", "training-completed"),
    *("webinars", "programme-roi", "seo-practice", "seo-audits"),
}


def ask(home: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """Rows of the published snapshot."""
    with closing(duckdb.connect(home / "published" / "okr.duckdb", read_only=True)) as snapshot:
        snapshot.execute("SET python_enable_replacements = false")  # a name is a table's, never a Python variable's
        found = snapshot.execute(query, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def everything(home: Path, *schemas: str) -> dict[str, tuple[int, int]]:
    """How many rows each table of some schemas has, and a print of all that stands in them, in whatever order."""
    listed = ask(home, "SELECT table_schema || '.' || table_name AS t FROM information_schema.tables")
    tables = sorted(row["t"] for row in listed if row["t"].partition(".")[0] in schemas)
    prints = " UNION ALL ".join(f"SELECT '{t}' AS t, COUNT(*) AS n, SUM(HASH(r)) AS h FROM {t} AS r" for t in tables)
    return {row["t"]: (row["n"], row["h"]) for row in ask(home, prints)}


def scores_that_differ(before: Path, after: Path, *columns: str) -> set[str]:
    """The key results of which any row, of any day and in any column (or in those given), is another one."""

    def rows(home: Path) -> set[tuple[str, str]]:
        chosen = ", ".join(("key_result", "as_of", *columns)) if columns else "*"
        return {(row["key_result"], str(row)) for row in ask(home, f"SELECT {chosen} FROM scores.key_results")}

    return {key_result for key_result, _ in rows(before) ^ rows(after)}


@pytest.fixture
def home(demo, tmp_path):
    """A home of one's own, after the two nights of the demo."""
    return demo.copy(tmp_path / "home")


@pytest.fixture
def scores(okr):
    """`scores(home, day)`: key result -> row."""

    def asked(home: Path, day: date, *more: str) -> dict[str, dict[str, Any]]:
        answer = okr("score", "--home", home, "--as-of", day, "--format", "json", *more)
        assert answer.code == 0, answer.err
        return {row["key_result"]: row for row in answer.json["key_results"]}

    return asked


@pytest.fixture(scope="module")
def explained(okr):
    """`explained(home, key_result)`: the JSON of `okr explain`, asked once."""

    @cache
    def asked(home: Path, key_result: str, *more: str) -> dict[str, Any]:
        return okr("explain", key_result, "--home", home, "--format", "json", *more).json

    return asked


# ---- The same night once more


def test_a_night_that_is_run_again_writes_nothing_but_its_ledger(home, demo, okr):
    again = okr("run", "--sandbox", "--home", home, "--date", SECOND_NIGHT)
    assert again.code == 0, again.out + again.err
    kept = ("raw", "history", "metric", "scores")
    assert everything(home, *kept) == everything(demo.home, *kept)
    loads = ask(home, "FROM ledger.loads WHERE load > (SELECT MAX(_load) FROM scores.key_results)")
    assert len(loads) == 20  # 19 streams and the scores
    assert {(row["outcome"], row["inserted"], row["changed"], row["vanished"]) for row in loads} == {
        ("landed", 0, 0, 0)
    }


def test_every_row_the_sources_sent_is_accounted_for(demo):
    for load in ask(demo.home, "FROM ledger.loads WHERE table_name NOT LIKE 'scores.%'"):
        assert load["received"] == load["inserted"] + load["changed"] + load["unchanged"], load
    tables = {row["table_name"] for row in ask(demo.home, "FROM ledger.loads")} - {"scores.key_results"}
    assert len(tables) == 19
    for table in tables:
        landed = ask(demo.home, "SELECT SUM(inserted - vanished) n FROM ledger.loads WHERE table_name = ?", table)
        assert ask(demo.home, f"SELECT COUNT(*) AS n FROM raw.{table}") == landed, table


# ---- Numbers that change at the source


def edit(path: Path, change: Callable[[dict[str, str]], dict[str, str] | None], *, add: dict[str, str] | None = None):
    """Rewrites a CSV row by row; None drops a row."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    kept = [new for row in rows if (new := change(dict(row)))] + ([add] if add else [])
    assert kept != rows, "the edit changes nothing"
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    path.write_text(text.getvalue(), encoding="utf-8")


def to(column: str, value: str, **where: str) -> Callable[[dict[str, str]], dict[str, str]]:
    """Sets one column of the rows in which others have these values."""
    return lambda row: row | {column: value} if where.items() <= row.items() else row


def one_more_quote_request(sandbox: Path) -> None:
    edit(sandbox / "ga4_events.csv", to("event_count", "12", day="2026-11-12", event_name="request_quote"))


def more_users(sandbox: Path) -> None:
    edit(sandbox / "ga4_days.csv", to("total_users", "12", day="2026-11-12"))


def another_keyword_is_found(sandbox: Path) -> None:
    """One that nobody has searched for yet."""
    with (sandbox / "search_console.csv").open(encoding="utf-8", newline="") as lines:
        seen = {row["query"] for row in csv.DictReader(lines) if "2026-09-28" <= row["day"] <= "2026-11-13"}
    with (sandbox / "files" / "keywords.csv").open(encoding="utf-8", newline="") as lines:
        new = next(word for row in csv.DictReader(lines) if (word := row["keyword"].strip().lower()) not in seen)
    row = {"day": "2026-11-12", "query": new, "clicks": "0", "impressions": "1", "position": "40.0"}
    edit(sandbox / "search_console.csv", lambda old: old, add={**row, "anonymised": "false"})


def more_opens(sandbox: Path) -> None:
    edit(
        sandbox / "mailchimp_campaigns.csv",
        to("proxy_excluded_unique_opens", "2700", title="AeroCook สัปดาห์ที่สอง รีวิว"),
    )


def a_lead_qualified(sandbox: Path) -> None:
    with closing(sqlite3.connect(sandbox / "crm.sqlite")) as crm, crm:
        changed = crm.execute(
            "UPDATE crm_leads SET stage = 'mql', mql_at = '2026-11-10 03:00:00' WHERE lead_id ="
            " (SELECT MIN(lead_id) FROM crm_leads WHERE mql_at IS NULL AND created_at >= '2026-11-02')"
        )
        assert changed.rowcount == 1


def a_target_is_tied(sandbox: Path) -> None:
    edit(sandbox / "files" / "weekly_targets.csv", to("roadmap_item", "RM-11", week_of="2026-11-02"))


CHANGES = [  # what is changed, in which source, the only key result that rests on it, its new value, the table
    (one_more_quote_request, "ga4", "quote-requests", 47.0, "ga4_events"),
    (another_keyword_is_found, "search", "keywords-in-content", 38 / 60, "search_queries"),
    (more_opens, "email", "email-open-rate", (2770 + 2743 + 2700) / 24050, "email_campaigns"),
    (a_lead_qualified, "crm", "mql-rate", 288 / 512, "crm_leads"),
    (a_target_is_tied, "files", "weekly-targets", 6.0, "files_weekly_targets"),
]


@pytest.mark.parametrize(
    ("change", "source", "key_result", "value", "table"), CHANGES, ids=[c[0].__name__ for c in CHANGES]
)
def test_a_number_that_changes_changes_what_rests_on_it_and_nothing_else(
    home, demo, night, scores, explained, change, source, key_result, value, table
):
    change(home / "sandbox")
    assert night(home, SECOND_NIGHT, sources=(source,)) == {}
    assert scores_that_differ(demo.home, home) == {key_result}
    assert scores(home, SECOND_NIGHT)[key_result]["value"] == pytest.approx(value, abs=1e-12)

    was, now = explained(demo.home, key_result), explained(home, key_result)
    assert was["parts"] != now["parts"]
    newest = now["loads"][-1]
    assert newest["table_name"] == table
    assert newest["load"] > max(load["load"] for load in was["loads"])


def test_explain_shows_the_day_that_changed(home, demo, night, explained):
    one_more_quote_request(home / "sandbox")
    night(home, SECOND_NIGHT, sources=("ga4",))
    was, now = explained(demo.home, "quote-requests"), explained(home, "quote-requests")
    (changed,) = (day for day in now["days"] if day not in was["days"])
    assert (changed["day"], changed["part"], changed["value"]) == ("2026-11-12", "sum_event_count", 12.0)
    assert changed["loads"] == [max(load["load"] for load in now["loads"])]
    assert now["parts"] == {"sum_event_count": was["parts"]["sum_event_count"] + 12 - 6}


def test_a_number_on_which_nothing_rests_changes_no_score(home, demo, night):
    more_users(home / "sandbox")
    night(home, SECOND_NIGHT, sources=("ga4",))
    # The row of the day is another one, and so its load; nothing that is worked out from it is.
    assert scores_that_differ(demo.home, home, "value", "parts", "score", "status", "final", "alongside") == set()
    assert ask(home, "SELECT total_users FROM raw.ga4_traffic WHERE day = '2026-11-12'") == [{"total_users": 12}]


def test_an_old_day_is_looked_at_again_only_when_asked_for(home, demo, night, scores):
    edit(home / "sandbox" / "ga4_events.csv", to("event_count", "99", day="2026-10-05", event_name="sign_up"))
    night(home, SECOND_NIGHT, sources=("ga4",))
    assert scores_that_differ(demo.home, home) == set()
    night(home, SECOND_NIGHT, sources=("ga4",), since=date(2026, 10, 5))
    assert scores_that_differ(demo.home, home) == {"signups"}
    assert scores(home, SECOND_NIGHT)["signups"]["value"] > scores(demo.home, SECOND_NIGHT)["signups"]["value"]


def test_a_row_that_the_source_drops_goes_and_is_kept_in_history(home, demo, night, scores):
    edit(home / "sandbox" / "files" / "features.csv", lambda row: None if row["feature_id"] == "F-12" else row)
    night(home, SECOND_NIGHT, sources=("files",))
    assert ask(home, "FROM raw.files_features WHERE feature_id = 'F-12'") == []
    (kept,) = ask(home, "FROM history.files_features")
    (gone_with,) = ask(home, "FROM ledger.loads WHERE load = ?", kept["_superseded"])
    assert kept["feature_id"] == "F-12"
    assert (gone_with["table_name"], gone_with["vanished"]) == ("files_features", 1)
    assert scores_that_differ(demo.home, home) == {"features-in-plan"}
    assert scores(home, SECOND_NIGHT)["features-in-plan"]["value"] == 5


def test_a_restated_number_is_replaced_and_its_past_kept(demo):
    (new,) = ask(demo.home, "FROM raw.ga4_traffic WHERE day = '2026-11-13'")
    (old,) = ask(demo.home, "FROM history.ga4_traffic WHERE day = '2026-11-13'")
    assert old["sessions"] < new["sessions"]
    assert old["_superseded"] == new["_load"]
    known = {load["load"]: load["known_at"].replace(microsecond=0) for load in ask(demo.home, "FROM ledger.loads")}
    assert known[old["_load"]] == datetime.fromisoformat("2026-11-14T22:00")
    assert known[new["_load"]] == datetime.fromisoformat("2026-11-15T22:00")


def test_what_was_called_final_was_not_restated(demo):
    restated = ask(
        demo.home,
        "SELECT s.key_result, s.as_of, h.value AS was, s.value FROM scores.key_results AS s"
        " JOIN history.key_results AS h USING (key_result, as_of) WHERE h.final AND h.value IS DISTINCT FROM s.value",
    )
    assert restated == []


# ---- As it was known


def test_the_first_nights_answer_can_be_asked_again_to_the_byte(demo, okr):
    answered = json.loads(demo.answered.read_text(encoding="utf-8"))
    for day, text in answered.items():
        asked = ("--home", demo.home, "--as-of", day, "--format", "json")
        assert okr("score", *asked, "--known-at", "2026-11-15T12:00:00").out == text
    assert set(answered) == {"2026-10-20", str(FIRST_NIGHT)}


def test_what_is_known_today_of_that_day_is_another_answer(demo, scores):
    then = scores(demo.home, FIRST_NIGHT, "--known-at", "2026-11-15T12:00:00")
    now = scores(demo.home, FIRST_NIGHT)
    assert then["conversion-rate"]["value"] != now["conversion-rate"]["value"]
    assert then["features-in-plan"] == now["features-in-plan"]


def test_before_the_first_night_nothing_was_known(demo, scores):
    assert scores(demo.home, FIRST_NIGHT, "--known-at", "2026-11-14T12:00:00") == {}


# ---- Parts


def test_every_score_recomputes_from_what_explain_shows(demo, explained, shipped):
    for key_result in shipped.key_results:
        found = explained(demo.home, key_result)
        parts = found["parts"]
        if found["intervals"]:
            value = sum(interval["kept"] for interval in found["intervals"])
            assert (parts["kept"], parts["planned"]) == (value, found["target"])
        else:
            value = eval(found["formula"], {"NULLIF": lambda a, b: None if a == b else a}, parts)
        assert found["value"] == pytest.approx(value, abs=1e-12), key_result
        way = (found["value"] - found["baseline"]) / (found["target"] - found["baseline"])
        assert found["progress"] == pytest.approx(way, abs=1e-9), key_result
        assert found["score"] == pytest.approx(min(max(way, 0), 1), abs=1e-9), key_result


def total(column: str) -> Callable[[list[dict[str, Any]]], Any]:
    return lambda rows: sum(row[column] for row in rows)


def different(column: str) -> Callable[[list[dict[str, Any]]], Any]:
    return lambda rows: len({row[column] for row in rows})


ADDED_UP = {  # metric and part -> what somebody does with the raw rows to find it
    ("tool_adoption", "numerator"): total("active_users"),
    ("tool_adoption", "denominator"): total("provisioned_users"),
    ("features_prioritised", "count_distinct_feature_id"): different("feature_id"),
    ("joint_seminars", "count_distinct_seminar_id"): different("seminar_id"),
    ("training_completed", "numerator"): total("completed"),
    ("training_completed", "denominator"): total("enrolled"),
    ("programme_roi", "benefit"): total("amount"),
    ("programme_roi", "cost"): total("amount"),
    ("seo_practice", "numerator"): total("passed"),
    ("seo_practice", "denominator"): len,
    ("keyword_coverage", "numerator"): different("keyword"),
    ("keyword_coverage", "denominator"): len,
    ("signups_and_enquiries", "sum_event_count"): total("event_count"),
    ("quote_requests", "sum_event_count"): total("event_count"),
    ("mql_rate", "numerator"): len,
    ("mql_rate", "denominator"): len,
    ("email_open_rate", "numerator"): total("unique_opens_without_proxy"),
    ("email_open_rate", "denominator"): total("delivered"),
    ("conversion_rate", "numerator"): total("sessions"),
    ("conversion_rate", "denominator"): total("sessions"),
}


def test_the_raw_rows_that_explain_points_at_add_up_to_the_parts(demo, explained, shipped):
    """The SQL that is printed runs on the published snapshot, and whoever adds its rows up finds the part."""
    checked = set()
    for key_result in shipped.key_results:
        found = explained(demo.home, key_result)
        for part in found["rows"] if not found["intervals"] else []:
            which = found["metric"], part["part"]
            value = ADDED_UP[which](ask(demo.home, part["sql"]))
            assert float(value) == pytest.approx(found["parts"][part["part"]]), which
            checked.add(which)
    assert checked == set(ADDED_UP)


def test_explain_names_what_is_added_up_and_for_whom(demo, explained):
    shown = {part["part"]: part["what"] for part in explained(demo.home, "tools-in-use")["rows"]}
    assert shown == {"numerator": "latest(active_users, tool)", "denominator": "latest(provisioned_users, tool)"}


def test_explain_lists_the_days_that_a_level_rests_on_however_old(demo, explained):
    days = {(day["part"], day["day"]) for day in explained(demo.home, "seo-practice")["days"]}
    assert ("numerator", "2026-09-23") in days  # Mali's last check
    assert ("denominator", "2024-02-01") in days  # the day that two of the ten joined


def test_the_days_that_explain_lists_add_up_to_the_part(demo, explained):
    for key_result in ("signups", "quote-requests", "mql-rate", "email-open-rate", "conversion-rate", "programme-roi"):
        found = explained(demo.home, key_result)
        for part, value in found["parts"].items():
            days = sum(day["value"] for day in found["days"] if day["part"] == part)
            assert days == pytest.approx(value), (key_result, part)


# ---- Sources that fail

FAULTS = [
    *((source, kind) for source in ("ga4", "search", "email") for kind in ("refused", "429", "malformed", "401")),
    *(("crm", "refused"), ("files", "missing")),
]
REASONS = {"malformed": "data_rejected", "401": "source_rejected"}


@pytest.mark.parametrize(("source", "kind"), FAULTS)
def test_a_source_that_fails_loses_nothing_and_says_so(home, demo, night, shipped, config, source, kind):
    connector = config / "connectors" / f"{source}.yaml"
    connector.write_text(connector.read_text(encoding="utf-8") + "\nretry_for: 0 seconds\n", encoding="utf-8")
    failed = night(home, MONDAY, faults=f"{source}={kind}", sources=(source,), config=config, scored=False)
    assert set(failed) == {name for name, table in shipped.tables.items() if table.connector.name == source}
    assert everything(home, "raw", "history") == everything(demo.home, "raw", "history")
    trouble = {row["table_name"]: row for row in ask(home, "FROM ledger.trouble")}
    assert set(trouble) == set(failed)
    for row in trouble.values():
        expected = ("source_unavailable", "source_rejected") if source == "crm" else ("source_unavailable",)
        assert row["outcome"] in ((REASONS[kind],) if kind in REASONS else expected)
        assert row["message"].startswith(source)
        assert "0123456789abcdef" not in row["message"]


@dataclass(frozen=True)
class Dead:
    """A home in which a night of Monday went wrong, and what the command said."""

    home: Path
    code: int
    said: str


@pytest.fixture(scope="module")
def dead(demo, okr, impatient, tmp_path_factory):
    """Three of five sources fail on Monday night, each in its own way."""
    home = demo.copy(tmp_path_factory.mktemp("dead") / "home")
    faults = "ga4=429,email=malformed,crm=refused"
    asked = ("run", "--sandbox", "--home", home, "--date", MONDAY, "--config", impatient)
    done = okr(*asked, OKR_SANDBOX_FAULTS=faults)
    return Dead(home, done.code, done.out)


def test_the_command_says_what_failed_and_what_rests_on_it(dead):
    assert dead.code == 2
    for source, reason in (("ga4", "source_unavailable"), ("email", "data_rejected"), ("crm", "source_rejected")):
        assert reason in dead.said
        assert source in dead.said
    assert "mql-rate" in dead.said
    assert "Traceback" not in dead.said


def test_the_rest_is_scored_for_the_new_day(dead, scores):
    rows = scores(dead.home, MONDAY)
    alive = {name for name, row in rows.items() if row["reason"] is None}
    # October, last week and the launch's second week were complete and landed before the sources went away.
    assert alive == RESTS_ON_FILES | {"keywords-in-content", "signups", "quote-requests", "email-open-rate"}
    for name in alive:
        assert (rows[name]["scored_for"], rows[name]["held_from"]) == (str(MONDAY), None)
        assert rows[name]["score"] is not None
    assert (dead.home / "published" / "scorecard.html").stat().st_mtime >= (
        dead.home / "sandbox" / "crm.sqlite"
    ).stat().st_mtime


def test_what_rests_on_the_dead_ones_is_held_with_the_reason(dead, demo, scores):
    before, rows = scores(demo.home, SECOND_NIGHT), scores(dead.home, MONDAY)
    for name, reason in (("conversion-rate", "source_unavailable"), ("mql-rate", "source_rejected")):
        row = rows[name]
        assert (row["reason"], row["held_from"]) == (reason, str(SECOND_NIGHT))
        assert (row["scored_for"], row["final"]) == (str(MONDAY), False)
        assert [row[each] for each in ("value", "score", "parts")] == [
            before[name][each] for each in ("value", "score", "parts")
        ]
        assert row["expected"] > before[name]["expected"]


def test_the_days_that_explain_lists_for_a_held_score_add_up_to_its_parts(dead, explained):
    found = explained(dead.home, "mql-rate")
    assert found["held_from"] == str(SECOND_NIGHT)
    for part, value in found["parts"].items():
        assert sum(day["value"] for day in found["days"] if day["part"] == part) == pytest.approx(value), part


def test_an_objective_with_held_key_results_keeps_its_score(dead, okr):
    for row in okr("score", "--home", dead.home, "--format", "json").json["objectives"]:
        assert (row["coverage"], row["score"] is None) == (1.0, False)


def test_nothing_that_was_there_is_lost(dead, demo):
    rows = everything(dead.home, "raw")
    for table, before in everything(demo.home, "raw").items():
        if table.split(".")[1].startswith(("ga4_", "email_", "crm_")):
            assert rows[table] == before, table
    failed = {row["table_name"] for row in ask(dead.home, "FROM ledger.loads WHERE outcome <> 'landed'")}
    assert failed == {"ga4_traffic", "ga4_converting_sessions", "ga4_events", "email_campaigns", "crm_leads"}


def test_when_files_and_search_fail_the_others_are_scored(home, demo, night, scores, impatient):
    failed = night(home, MONDAY, faults="search=refused,files=missing", config=impatient)
    assert {name.partition("_")[0] for name in failed} == {"search", "files"}
    before, rows = scores(demo.home, SECOND_NIGHT), scores(home, MONDAY)
    held = {name for name, row in rows.items() if row["reason"]}
    assert held == RESTS_ON_FILES | {"keywords-in-content"}
    assert {(rows[name]["reason"], rows[name]["held_from"]) for name in held} == {
        ("source_unavailable", str(SECOND_NIGHT))
    }
    assert [rows[name]["value"] for name in sorted(held)] == [before[name]["value"] for name in sorted(held)]


@pytest.fixture(scope="module")
def back(dead, night, impatient, tmp_path_factory):
    """On Tuesday they fail once more, on Wednesday they are back."""
    home = Path(shutil.copytree(dead.home, tmp_path_factory.mktemp("back") / "home"))
    failed = night(home, TUESDAY, faults="ga4=429,email=malformed,crm=refused", config=impatient)
    assert {name.partition("_")[0] for name in failed} == {"ga4", "email", "crm"}
    assert night(home, WEDNESDAY) == {}
    return home


def test_a_source_that_comes_back_is_caught_up_with_by_itself(back, scores):
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        for name, row in scores(back, day).items():
            assert (row["scored_for"], row["reason"], row["held_from"]) == (str(day), None, None), name
    assert ask(back, "FROM ledger.trouble") == []
    held = ask(
        back, "SELECT DISTINCT key_result FROM history.key_results WHERE held_from IS NOT NULL ORDER BY key_result"
    )
    assert [row["key_result"] for row in held] == ["conversion-rate", "mql-rate"]


def test_days_that_had_not_settled_when_the_source_went_away_are_settled_afterwards(back):
    """13 November was last seen on Sunday night, at 99 %; on Wednesday night it is older than the look-back."""
    with (back / "sandbox" / "ga4_days.csv").open(encoding="utf-8", newline="") as lines:
        settled = {row["day"]: int(row["sessions"]) for row in csv.DictReader(lines)}
    landed = ask(back, "SELECT CAST(day AS VARCHAR) AS day, sessions FROM raw.ga4_traffic WHERE day <= '2026-11-15'")
    differ = {
        row["day"]: (row["sessions"], settled[row["day"]]) for row in landed if row["sessions"] != settled[row["day"]]
    }
    assert differ == {}


def test_a_first_night_without_a_source_gives_no_score_and_never_0(tmp_path, night, okr, scores, impatient):
    home = tmp_path / "home"
    failed = night(home, SECOND_NIGHT, faults="ga4=malformed", sources=("ga4", "files"), config=impatient)
    assert {name.partition("_")[0] for name in failed} == {"ga4"}
    rows = scores(home, SECOND_NIGHT)
    for name in ("signups", "quote-requests", "conversion-rate"):
        row = rows[name]
        assert [row[each] for each in ("value", "progress", "score", "held_from")] == [None] * 4
        assert (row["reason"], row["status"]) == ("data_rejected", "no_score")
        assert row["expected"] == 0.5
    assert rows["mql-rate"]["reason"] == "not_fetched"
    assert rows["features-in-plan"]["value"] == 6
    objectives = {row["objective"]: row for row in okr("score", "--home", home, "--format", "json").json["objectives"]}
    assert (objectives["lead-pipeline"]["score"], objectives["lead-pipeline"]["coverage"]) == (None, 0.0)
    assert objectives["one-team"]["coverage"] == 1.0


def test_a_step_of_our_own_that_fails_says_why(tmp_path, okr, config, monkeypatch):
    """The disk is full when the page is written: nobody has to look for that in Dagster."""
    for path in [*config.glob("connectors/*"), *config.glob("metrics/*"), *config.glob("objectives/*")]:
        if path.name not in ("files.yaml", "learning.yaml", "2-learning.yaml"):
            path.unlink()
    shutil.rmtree(config / "views")

    def full(*_: object) -> Path:
        raise OSError("No space left on device")

    monkeypatch.setattr("okr_pipeline.assets.scorecard.made", full)
    failed = okr("run", "--sandbox", "--home", tmp_path / "home", "--date", SECOND_NIGHT, "--config", config)
    assert failed.code == 2
    assert "No space left on device" in failed.out + failed.err
