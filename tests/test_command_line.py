"""`okr` as a user meets it: what it prints, what it refuses and how, and what its exit code says."""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

DEMO, FUTURE = "2026-11-15", "2999-01-01"
SHIPPED = Path(__file__).parents[1] / "okr_config"
PLACE = re.compile(r"^okr_config/[\w./-]+:\d+(: \S+)?: ", re.MULTILINE)

IN_THE_DESIGN = [
    *("key_result", "objective", "title", "metric", "unit", "value", "baseline", "target", "progress", "score"),
    *("expected", "status", "reason", "final", "last_data_day"),
]
BESIDES = [
    *("held_from", "first_day", "last_day", "alongside", "weight", "configuration", "parts", "intervals"),
    *("scored_for", "known_at", "manual", "removed", "lower_bound", "upper_bound", "distance"),
]


# ---- okr check


def test_the_shipped_configuration_is_all_right(okr):
    checked = okr("check", "--sandbox")
    assert (checked.code, checked.err) == (0, "")
    assert "5 objectives, 15 key results" in checked.out


def test_check_asks_for_every_variable_that_a_source_needs(okr):
    checked = okr("check", MAILCHIMP_API_KEY="abc-us6")
    assert checked.code == 1
    for variable in ("GA4_PROPERTY", "GA4_CREDENTIALS", "SEARCH_CONSOLE_SITE", "CRM_DATABASE_URL", "OKR_DROP_FOLDER"):
        assert re.search(rf"^okr_config/connectors/\w+\.yaml:\d+: \w+: .*\b{variable} is not set", checked.err, re.M)
    assert "MAILCHIMP" not in checked.err
    assert "Traceback" not in checked.err


@pytest.mark.parametrize("written", ["${MAILCHIMP-API-KEY}", "${MAILCHIMP API KEY}", "${MAILCHIMP_API_KEY", "${}"])
def test_a_variable_that_is_misspelt_is_not_taken_for_the_password_itself(okr, config, written):
    path = config / "connectors" / "email.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("${MAILCHIMP_API_KEY}", f'"{written}"'), encoding="utf-8")
    told = okr("check", "--sandbox", "--config", config).err.splitlines()
    assert told[0].startswith("okr_config/connectors/email.yaml:")
    assert f"api_key: {written} names no environment variable; write ${{NAME}}, or ${{NAME:-default}}" in told[0]


MISTAKES = [  # file, what stands there, what somebody writes instead, the field that is named, words of the remedy
    ("okr.yaml", "week_starts: monday", "week_start: monday", "week_start", "did you mean `week_starts`?"),
    ("okr.yaml", "timezone: Asia/Bangkok", "timezone: Bangkok", "timezone", "write for example `Asia/Bangkok`"),
    ("okr.yaml", 'starts: "10-01"', 'starts: "31-12"', "fiscal_year.starts", 'write for example "10-01"'),
    ("okr.yaml", "at_risk: 0.6", "at_risk: 0.95", "status", "must be below on_track"),
    ("okr.yaml", "organisation: {", "organisation: [", None, "is not valid YAML"),
    ("connectors/email.yaml", "lookback: 30 days", "lookback: -3 days", "lookback", "write for example `30 days`"),
    ("connectors/email.yaml", "lookback: 30 days", "lookback: 999999 days", "lookback", "less than or equal to 99999"),
    ("connectors/email.yaml", "lookback: 30 days", "look_back: 30 days", "look_back", "did you mean `lookback`?"),
    (
        "connectors/email.yaml",
        "connector: mailchimp",
        "connector: mailchimps",
        "connector",
        "did you mean `mailchimp`?",
    ),
    ("connectors/email.yaml", "owner: marketing", "owner: [marketing", None, "is not valid YAML"),
    ("connectors/ga4.yaml", "dimensions: [date]", "dimensions: [eventName]", "streams.traffic.dimensions", "add it"),
    ("connectors/files.yaml", "date: held_on", "date: held", "streams.seminars.date", "held_on"),
    ("connectors/files.yaml", "rank: integer", "rank: whole", "streams.features.columns.rank", "'integer'"),
    ("metrics/seo.yaml", "files_seo_audits", "files_seo_audit", "seo_audits.from", "did you mean `files_seo_audits`?"),
    ("metrics/seo.yaml", "distinct audit_id", "distinct audit_di", "seo_audits.value", "did you mean `audit_id`?"),
    ("metrics/seo.yaml", "count(distinct audit_id)", "read_csv('x.csv')", "seo_audits.value", "use columns"),
    ("metrics/seo.yaml", "count(distinct audit_id)", "count(distinct", "seo_audits.value", "write for example `sum("),
    ("metrics/seo.yaml", "count(distinct audit_id)", "7 * 6", "seo_audits.value", "never typed in"),
    ("metrics/teamwork.yaml", "latest(active_users, tool)", "sum(active_users)", "tool_adoption.numerator", "latest("),
    ("metrics/teamwork.yaml", "stale_after: 21 days", "stale_after: soon", "tool_adoption.stale_after", "`30 days`"),
    (
        "metrics/pipeline.yaml",
        "event_name = 'request_quote'",
        "event_name = 7",
        "quote_requests.where",
        "write '…' around",
    ),
    ("metrics/pipeline.yaml", "date: created_on", "date: stage", "mql_rate.date", "are: created_at, created_on"),
    ("metrics/learning.yaml", "unit: percent", "units: percent", "training_completed.units", "did you mean `unit`?"),
    ("metrics/learning.yaml", "from: files_webinars", "from: [files_webinars", None, "is not valid YAML"),
    ("metrics/learning.yaml", "/ cost", "/ costs", "programme_roi.value", "parts are: benefit, cost"),
    ("objectives/3-seo.yaml", "period: FY2570-Q1", "period: FY2570-Q5", "period", "a year has 4 of `Q`"),
    ("objectives/3-seo.yaml", "seo_practice", "seo_practise", "key_results[0].metric", "did you mean `seo_practice`?"),
    ("objectives/3-seo.yaml", "target: 75%", "target: 75", "key_results[1].target", "write `75%`"),
    ("objectives/3-seo.yaml", "target: 75%", "target: 50%", "key_results[1]", "use at_least"),
    (
        "objectives/3-seo.yaml",
        "target: 75%",
        "target: lots",
        "key_results[1].target",
        "write for example `45` or `30%`",
    ),
    ("objectives/3-seo.yaml", "id: seo-audits", "id: seo-practice", "key_results[2]", "ids are unique"),
    ("objectives/3-seo.yaml", "every: 2 weeks", "every: fortnight", "key_results[2].every", "`2 weeks`"),
    ("objectives/4-pipeline.yaml", "over: last week", "over: previous week", "key_results[1].over", "`last week`"),
    ("objectives/4-pipeline.yaml", "baseline: 400", "baseline: 400%", "key_results[0].baseline", "`400` without %"),
    ("objectives/5-launch.yaml", "week 2 from 2026-10-19", "week 2 of it", "key_results[0].during", "`week 2 from"),
    ("objectives/5-launch.yaml", "owner: Launch Lead", "owner: [Launch Lead", None, "is not valid YAML"),
]
# Where a mistake lies between two fields, the line is that of the entry they stand in.
ENTRIES = {"target: 50%": "- id: keywords-in-content"}


@pytest.mark.parametrize(
    ("file", "right", "wrong", "field", "remedy"), MISTAKES, ids=[f"{m[0]}-{m[2]}".replace(" ", "_") for m in MISTAKES]
)
def test_a_mistake_is_told_once_with_its_line_its_field_and_what_would_be_right(
    okr, config, file, right, wrong, field, remedy
):
    path = config / file
    written = path.read_text(encoding="utf-8")
    assert right in written
    path.write_text(written.replace(right, wrong, 1), encoding="utf-8")
    checked = okr("check", "--sandbox", "--config", config)
    assert (checked.code, checked.out) == (1, "")
    (told,) = checked.err.splitlines()
    place = re.match(rf"okr_config/{re.escape(file)}:(\d+): ", told)
    assert place, told
    lines = path.read_text(encoding="utf-8").splitlines()
    line = lines[int(place[1]) - 1]
    if field is None:  # a parser notices a bracket that is not closed on its line or on the next
        assert any(wrong in each for each in lines[max(0, int(place[1]) - 2) : int(place[1])])
    else:
        assert ENTRIES.get(wrong, wrong) in line
        assert told.removeprefix(place[0]).startswith(f"{field}")
    assert remedy in told


def test_all_mistakes_are_told_in_one_go(okr, config):
    for file, right, wrong in (
        ("connectors/crm.yaml", "key: [lead_id]", "keys: [lead_id]"),
        ("metrics/seo.yaml", "distinct audit_id", "distinct audit"),
        ("objectives/3-seo.yaml", "period: FY2570-Q1", "period: next quarter"),
    ):
        path = config / file
        path.write_text(path.read_text(encoding="utf-8").replace(right, wrong, 1), encoding="utf-8")
    told = okr("check", "--sandbox", "--config", config).err
    for file in ("connectors/crm.yaml", "metrics/seo.yaml", "objectives/3-seo.yaml"):
        assert f"okr_config/{file}:" in told


VIEWS = [  # a view that is not one SELECT over raw tables
    ("SELECT day AS day FROM search_querys", "search_queries"),
    ("SELECT dia AS day FROM search_days", "does not exist"),
    ("SELECT day AS FROM search_queries", ""),
    ("SELECT * FROM read_csv('/etc/passwd')", "may not be used"),
    ("COPY search_days TO 'x.csv'", "SELECT"),
    ("SELECT day AS day FROM search_days; DROP TABLE search_days", ""),
]


@pytest.mark.parametrize(("sql", "remedy"), VIEWS, ids=[view[0][:40] for view in VIEWS])
def test_a_view_that_is_no_plain_select_is_refused_with_its_file(okr, config, sql, remedy):
    (config / "views" / "keyword_impressions.sql").write_text(sql, encoding="utf-8")
    checked = okr("check", "--sandbox", "--config", config)
    assert (checked.code, checked.out) == (1, "")
    assert "Traceback" not in checked.err
    (told,) = checked.err.splitlines()
    assert told.startswith("okr_config/views/keyword_impressions.sql:1: ")
    assert remedy in told


READS_FILES = ["read_csv_auto('x')", "read_text('x')", "glob('*')", "getenv('HOME')", "(select 1)", "count(*) from x"]


@pytest.mark.parametrize("formula", READS_FILES)
def test_a_formula_reaches_nothing_but_its_own_columns(okr, config, formula):
    path = config / "metrics" / "seo.yaml"
    text = path.read_text(encoding="utf-8").replace("count(distinct audit_id)", f'"sum({formula})"')
    path.write_text(text, encoding="utf-8")
    checked = okr("check", "--sandbox", "--config", config)
    assert checked.code == 1
    assert PLACE.search(checked.err)
    assert "Traceback" not in checked.err


def test_a_stream_cannot_take_the_name_of_a_table_of_ours(okr, config):
    """Its history would be that of the scores."""
    stream = "{files: '*.csv', key: [id], columns: {id: integer}}"
    written = f"connector: files\nfolder: dropped\nstreams:\n  results: {stream}\n"
    (config / "connectors" / "key.yaml").write_text(written, encoding="utf-8")
    ran = okr("check", "--config", config, "--sandbox")
    assert ran.code == 1
    assert "key.yaml:4" in ran.err
    assert "rename the stream" in " ".join(ran.err.split())


NO_TEXT = [  # the file, what lies there (None: a folder), the line, words of the remedy
    ("objectives/6.yaml", b"id: seo\ntitle: \x07Search\n", 2, "has the invisible character U+0007; type the line anew"),
    *(
        (f, "id: seo\nowner: ทีม\n".encode("cp874"), 2, "save it as UTF-8")
        for f in ("objectives/6.yaml", "views/six.sql")
    ),
    *((f, None, 1, "cannot be read") for f in ("objectives/6.yaml", "views/six.sql")),
]


@pytest.mark.parametrize(("file", "content", "line", "remedy"), NO_TEXT)
def test_a_file_that_is_no_text_is_told_with_its_line(okr, config, file, content, line, remedy):
    path = config / file
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    checked = okr("check", "--sandbox", "--config", config)
    assert (checked.code, checked.out) == (1, "")
    (told,) = checked.err.splitlines()
    assert told.startswith(f"okr_config/{file}:{line}: ")
    assert remedy in told


SHARED = """\
key_results:
  - &often {id: often, metric: seo_audits, at_least: 1, every: week}
  - &seldom
    <<: *often
    id: seldom
    every: month
  - {<<: *seldom, id: never, every: quarter}
"""


def test_what_key_results_have_in_common_may_be_written_once(okr, config):
    """As YAML has it: `&name` and `<<: *name`."""
    path = config / "objectives" / "3-seo.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("key_results:\n", SHARED), encoding="utf-8")
    assert "18 key results" in okr("check", "--sandbox", "--config", config).out
    path.write_text(path.read_text(encoding="utf-8").replace("seo_audits, at", "seo_adits, at"), encoding="utf-8")
    told = okr("check", "--sandbox", "--config", config).err.splitlines()
    line = 1 + path.read_text(encoding="utf-8").splitlines().index(SHARED.splitlines()[1].replace("audits", "adits"))
    assert [each.split(" there")[0] for each in told] == [
        f"okr_config/objectives/3-seo.yaml:{line}: key_results[{at}].metric:" for at in range(3)
    ]


@pytest.mark.parametrize("written", ["&all\nid: seo\ntitle: *all\n", "id: " + "[" * 2000 + "]" * 2000])
def test_yaml_that_never_ends_is_told(okr, config, written):
    (config / "objectives" / "6.yaml").write_text(written, encoding="utf-8")
    (told,) = okr("check", "--sandbox", "--config", config).err.splitlines()
    assert told.startswith("okr_config/objectives/6.yaml:1: is nested too deep")


def test_a_byte_order_mark_is_no_mistake(okr, config):
    for path in (config / "okr.yaml", config / "views" / "joint_seminars.sql"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert okr("check", "--sandbox", "--config", config).code == 0


def test_an_ending_in_capitals_is_read_and_what_an_editor_hides_is_not(okr, config):
    (config / "objectives" / "3-seo.yaml").rename(config / "objectives" / "3-seo.YAML")
    (config / "objectives" / ".#3-seo.yaml").symlink_to("somebody@somewhere.4711")  # while it is open in Emacs
    (config / "objectives" / "._3-seo.yaml").write_bytes(b"\x00\x05\x16\x07")  # what macOS keeps beside it
    assert "5 objectives, 15 key results" in okr("check", "--sandbox", "--config", config).out


NOT_READ = [
    (
        "objectives/3-seo.yaml",
        "objectives/3-seo.yaml.txt",
        ":1: is not read, as it ends in .txt; rename it to 3-seo.yaml",
    ),
    ("metrics/seo.yaml", "metrics/seo.yml.TXT", ":1: is not read, as it ends in .TXT; rename it to seo.yml"),
    ("objectives", "Objective", ": is not read; rename the folder to objectives"),
]


@pytest.mark.parametrize(("there", "instead", "told"), NOT_READ, ids=[instead for _, instead, _ in NOT_READ])
def test_what_is_not_read_for_its_name_is_told(okr, config, there, instead, told):
    """Else its key results would no longer be scored, and nobody would know."""
    (config / there).rename(config / instead)
    checked = okr("check", "--sandbox", "--config", config)
    assert checked.code == 1
    assert f"okr_config/{instead}{told}" in checked.err.splitlines()


def dropped(config, **files):
    """A connector of files for each name, with its streams."""
    for name, streams in files.items():
        path = config / "connectors" / name.replace("__", ".")
        path.write_text(f"connector: files\nfolder: dropped\nstreams:\n{streams}", encoding="utf-8")


ID = "{files: '*.csv', key: [id], columns: {id: integer}}"


def test_two_connectors_cannot_have_one_name(okr, config):
    dropped(config, files__yml=f"  more: {ID}\n")
    (told,) = okr("check", "--config", config, "--sandbox").err.splitlines()
    assert told.startswith(
        "okr_config/connectors/files.yml:1: okr_config/connectors/files.yaml is the connector `files`"
    )


def test_two_streams_cannot_fill_one_table(okr, config):
    """Each night the one would take out what the other put in."""
    dropped(config, shop__yaml=f"  online_sales: {ID}\n", shop_online__yaml=f"  sales: {ID}\n")
    (told,) = okr("check", "--config", config, "--sandbox").err.splitlines()
    assert told.startswith("okr_config/connectors/shop_online.yaml:4: streams.sales: its table would be")
    assert "`shop_online_sales`, as that of okr_config/connectors/shop.yaml:4: streams.online_sales is" in told


COLUMNS = [
    ("_load: integer", "_load", "a column of the warehouse's own"),
    ("ROWID: text", "ROWID", "a column of the warehouse's own"),
    ("page: text, Page: text", "Page", "`Page` and `page` are one name"),
]


@pytest.mark.parametrize(("more", "column", "message"), COLUMNS, ids=[column for _, column, _ in COLUMNS])
def test_a_column_that_the_warehouse_cannot_have_is_told(okr, config, more, column, message):
    """Before the night, which would fail in all that it scores."""
    dropped(config, shop__yaml=f"  sales:\n    files: a.csv\n    key: [id]\n    columns: {{id: text, {more}}}\n")
    (told,) = okr("check", "--config", config, "--sandbox").err.splitlines()
    assert told.startswith(f"okr_config/connectors/shop.yaml:7: streams.sales.columns.{column}: ")
    assert message in told


def test_a_folder_without_configuration_is_named(okr, tmp_path):
    checked = okr("check", "--config", tmp_path)
    assert checked.code == 1
    assert "okr.yaml does not exist" in checked.err
    assert "--config" in checked.err


def test_a_run_with_a_wrong_configuration_touches_nothing(okr, config, tmp_path):
    path = config / "okr.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("week_starts", "weeks_start"), encoding="utf-8")
    ran = okr("run", "--sandbox", "--config", config, "--home", tmp_path / "home", "--date", DEMO)
    assert (ran.code, ran.out) == (1, "")
    assert "did you mean `week_starts`?" in ran.err
    assert not (tmp_path / "home").exists()


# ---- okr score


@pytest.fixture(scope="module")
def answer(demo, okr) -> dict[str, Any]:
    return okr("score", "--home", demo.home, "--as-of", DEMO, "--format", "json").json


def test_json_has_the_documented_keys_in_their_order(answer):
    assert list(answer) == ["as_of", "known_at", "configuration", "objectives", "key_results"]
    for row in answer["objectives"]:
        assert set(row) == {"objective", "title", "parent", "score", "coverage", "expected", "status"}
    for row in answer["key_results"]:
        assert set(row) == {*IN_THE_DESIGN, *BESIDES}
        assert [name for name in row if name in IN_THE_DESIGN] == IN_THE_DESIGN
        assert set(row["title"]) == {"en", "th"}


def test_json_has_numbers_as_numbers_and_percentages_as_fractions(answer):
    rows = {row["key_result"]: row for row in answer["key_results"]}
    assert (answer["as_of"], len(rows)) == (DEMO, 15)
    rate = rows["email-open-rate"]
    assert (rate["unit"], rate["baseline"], rate["target"]) == ("percent", 0.3, 0.4)
    assert 0.3 < rate["value"] < 0.4
    assert (rate["reason"], rate["final"]) == (None, True)
    assert rows["webinars"]["intervals"][0] == {
        "first": "2026-10-01", "last": "2026-10-31", "value": rows["webinars"]["intervals"][0]["value"],
        "kept": True, "complete": True,
    }  # fmt: skip
    assert rows["quote-requests"]["final"] is False
    assert rows["quote-requests"]["last_data_day"] == DEMO


def test_without_a_day_the_last_one_is_shown(demo, okr):
    asked = ("score", "--home", demo.home, "--format", "json")
    assert okr(*asked).json["key_results"] == okr(*asked, "--as-of", DEMO).json["key_results"]


def test_known_at_takes_what_it_gives(demo, okr, answer):
    """The instants that JSON shows can be asked for again."""
    asked = ("score", "--home", demo.home, "--as-of", DEMO, "--format", "json")
    newest = max(row["known_at"] for row in answer["key_results"])
    again = okr(*asked, "--known-at", newest)
    assert again.code == 0, again.err
    assert again.json["key_results"] == answer["key_results"]
    assert okr(*asked, "--known-at", again.json["known_at"]).out == again.out


@pytest.mark.parametrize("instant", ["2026-11-15T01:00", "2026-11-15T08:00+07:00", "2026-11-15 01:00:00", "2026-11-15"])
def test_an_instant_is_utc_unless_it_says(demo, okr, instant):
    asked = ("score", "--home", demo.home, "--format", "json", "--known-at", instant)
    told = okr(*asked)
    assert told.code == 0, told.err
    seen = {row["scored_for"] for row in told.json["key_results"]}
    assert seen == (set() if instant == "2026-11-14" else {"2026-11-14"})


def test_csv_is_a_row_a_key_result(demo, okr, answer):
    told = okr("score", "--home", demo.home, "--format", "csv")
    rows = list(csv.DictReader(told.out.splitlines()))
    assert [row["key_result"] for row in rows] == [row["key_result"] for row in answer["key_results"]]
    for row, same in zip(rows, answer["key_results"], strict=True):
        assert float(row["value"]) == same["value"]
        assert (row["status"], row["as_of"]) == (same["status"], DEMO)


def test_the_table_is_for_people(demo, okr):
    told = okr("score", "--home", demo.home).out
    for words in ("joint-seminars", "34.1%", "30.0%", "at_risk", "not final", DEMO):
        assert words in told
    assert "0.3407" not in told


def test_a_day_that_is_not_scored_yet_does_not_borrow_another_days_name(demo, okr):
    """The scores of 15 November are no scores as of New Year's Eve: the table names their own day, or there is none."""
    told = okr("score", "--home", demo.home, "--as-of", "2026-12-31")
    assert told.code == 1 or DEMO in told.out


def test_a_day_before_the_period_says_so(demo, okr):
    told = okr("score", "--home", demo.home, "--as-of", "2026-09-01")
    assert told.err.strip() == "2026-09-01 is not scored; name a day from 2026-10-01 to 2026-11-15"


@pytest.mark.parametrize("command", [("score",), ("explain", "signups")])
def test_a_day_that_was_not_scored_by_then_does_not_borrow_the_numbers_of_the_day_before(demo, okr, command):
    told = okr(*command, "--home", demo.home, "--as-of", DEMO, "--known-at", "2026-11-15T12:00")
    assert told.code == 1
    assert told.err.strip() == (
        f"{DEMO} was not scored yet at 2026-11-15 12:00:00; name a day from 2026-10-01 to 2026-11-14"
    )


@pytest.mark.parametrize("command", [("score",), ("explain", "signups")])
def test_before_the_first_run_there_is_a_message(okr, tmp_path, command):
    told = okr(*command, "--home", tmp_path)
    assert told.code == 1
    assert "okr run" in told.err
    assert "Traceback" not in told.err


# ---- okr explain


def test_explain_leads_from_the_score_to_the_raw_rows(demo, okr):
    told = okr("explain", "conversion-rate", "--home", demo.home).out
    assert "from 15% to 20%" in told
    assert "okr_config/objectives/5-launch.yaml:13" in told
    assert re.search(r"Formula +numerator / ", told)
    assert re.search(r"Parts +.*numerator = [\d,]+", told)
    progress = re.search(r"Progress +\((1[67]\.\d+)% − 15%\) ÷ \(20% − 15%\) = (0\.39\d+)", told)
    assert (float(progress[1]) - 15) / (20 - 15) == pytest.approx(float(progress[2]), abs=1e-8)
    assert re.search(r"2026-11-15 +denominator +[\d,]+ +from 1 row\n", told)
    assert re.search(r"\d+ +ga4_traffic +known 2026-11-15 22:00Z", told)
    statements = re.findall(r"^ +(SELECT .+;)$", told, re.MULTILINE)
    assert len(statements) == 2
    with closing(duckdb.connect(demo.home / "published" / "okr.duckdb", read_only=True)) as snapshot:
        for statement in statements:
            assert len(snapshot.execute(statement).fetchall()) == 45  # 46 days, of which one is empty


def test_explain_shows_the_intervals_of_a_cadence(demo, okr):
    told = okr("explain", "weekly-targets", "--home", demo.home).out
    assert "in every week" in told
    assert re.search(r"2026-10-12 to 2026-10-18 +0 +missed", told)
    assert re.search(r"2026-11-09 to 2026-11-15 +2 +kept", told)


def test_explain_says_why_there_is_no_score(demo, okr):
    told = okr("explain", "programme-roi", "--home", demo.home, "--as-of", "2026-10-02").out
    assert "division_by_zero" in told
    assert "there is no earlier score to hold" in told
    assert "Traceback" not in told


def test_explain_of_something_unknown_lists_what_there_is(demo, okr):
    told = okr("explain", "conversion", "--home", demo.home)
    assert told.code == 1
    assert "conversion-rate" in told.err


def test_explain_of_something_that_was_not_scored_by_then_asks_for_a_later_instant(demo, okr):
    told = okr("explain", "conversion-rate", "--home", demo.home, "--known-at", "2026-11-01")
    assert told.code == 1
    assert told.err == "`conversion-rate` was not scored yet at 2026-11-01 00:00:00; name a later instant\n"


@pytest.mark.parametrize("instant", ["0001-01-01T00:00+07:00", "9999-12-31T23:00-07:00"])
def test_an_instant_that_is_none_in_utc_is_refused(demo, okr, instant):
    told = okr("score", "--home", demo.home, "--known-at", instant)
    assert told.code == 1
    assert "name an instant within them" in told.err


# ---- okr run, and the command itself


REFUSED = [
    (("--date", DEMO, "--from", "2026-11-01"), "one or the other"),
    (("--from", DEMO, "--to", "2026-11-01"), "swap them"),
    (("--date", "2020-01-01"), "2026-09-28"),
    (("--date", "tomorrow"), "%Y-%m-%d"),
]


@pytest.mark.parametrize(("days", "remedy"), REFUSED, ids=[" ".join(days) for days, _ in REFUSED])
def test_days_that_cannot_be_run_are_refused_with_a_remedy(okr, tmp_path, days, remedy):
    told = okr("run", "--sandbox", "--home", tmp_path, *days)
    assert told.code == 1
    assert remedy in told.err
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_day_that_is_not_over_is_refused(okr, tmp_path):
    told = okr("run", "--sandbox", "--home", tmp_path, "--date", FUTURE, OKR_NOW="2026-11-16T05:00:00+07:00")
    assert told.code == 1
    assert re.search(r"not over yet in Asia/Bangkok; the last day .* is 2026-11-15", told.err)


def test_a_night_before_the_first_period_has_nothing_to_do_and_is_no_mistake(okr, tmp_path):
    """The next quarter is configured before it begins, and the nights go on."""
    told = okr("run", "--sandbox", "--home", tmp_path, OKR_NOW="2026-09-20T05:00:00+07:00")
    assert (told.code, told.err) == (0, "")
    assert told.out.strip() == "Nothing to do yet: 2026-09-28 is the first day that any key result looks back to"


@pytest.mark.parametrize(
    "typed",
    [
        *(("score", "--bogus"), ("runn",), ("explain",), ("score", "--format", "xml")),
        *(("explain", "signups", "--format", "csv"), ("diff", "--from-known", DEMO, "--format", "csv")),
    ],
)
def test_what_cannot_be_understood_is_the_users_mistake(okr, typed):
    """2 is for sources that failed: a script that retries the night must not retry a typing error."""
    told = okr(*typed)
    assert told.code == 1
    assert "Traceback" not in told.err


def test_help_lists_the_commands(okr):
    told = okr("--help")
    assert told.code == 0
    for command in ("run", "check", "score", "explain", "ui"):
        assert re.search(rf"\b{command}\b", told.out)


def test_the_installed_command_keeps_its_output_clean_for_programs(demo):
    """In a process of its own: JSON alone on standard output, as UTF-8."""
    command = [sys.executable, "-c", "from okr_pipeline.cli import main; main()", "score", "--format", "json"]
    places = {"OKR_CONFIG": str(SHIPPED), "OKR_HOME": str(demo.home)}
    done = subprocess.run(command, env=os.environ | places, capture_output=True, check=True)
    assert done.stderr == b""
    title = json.loads(done.stdout.decode("utf-8"))["key_results"][2]["title"]
    assert title["th"].startswith("ทีม")


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path, okr: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = okr("ui", "--sandbox", "--home", tmp_path / "home", "--port", port)
    assert (refused.code, refused.out) == (1, "")
    assert f"port {port} of 127.0.0.1 cannot be had" in refused.err
    assert not (tmp_path / "home").exists()
