"""The fifteen key results, worked out once more: in plain Python, from the sandbox's truth files, and by fractions.

Nothing here reads a table, a query or a formula of the pipeline. What a source would say on a night follows from its file
and from the habits that its stand-in documents (`Sources`); what a key result means follows from its line in the list of
fifteen (one function each); how it is scored follows from the policy (`Scored`). Then both must agree.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow.parquet
import pytest

BANGKOK, PACIFIC = ZoneInfo("Asia/Bangkok"), ZoneInfo("America/Los_Angeles")
FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)  # FY2570-Q1
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
DEMO, NEW_YEAR = date(2026, 11, 15), date(2027, 1, 3)

Interval = tuple[date, date]


class NoScore(Exception):
    """Nothing can be said, and why: the text is the reason code."""


# ---- Calendar: an interval belongs to the period that most of its days lie in.


def mostly_in_the_period(interval: Interval) -> bool:
    first, last = interval
    inside = (min(last, LAST) - max(first, FIRST)).days + 1
    return inside * 2 > (last - first).days + 1


MONDAYS = [date(2026, 9, 21) + WEEK * n for n in range(16)]
WEEKS = [week for monday in MONDAYS if mostly_in_the_period(week := (monday, monday + 6 * DAY))]
FORTNIGHTS = [(WEEKS[n][0], WEEKS[n + 1][1]) for n in range(0, len(WEEKS), 2)]
MONTHS = [(date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 11, 1), date(2026, 11, 30)), (date(2026, 12, 1), LAST)]


def last_complete(intervals: list[Interval], as_of: date) -> Interval:
    complete = [interval for interval in intervals if interval[1] <= as_of]
    if not complete:
        raise NoScore("no_complete_interval")
    return complete[-1]


# ---- Sources: what each would have said at an instant.


@dataclass(frozen=True)
class Sources:
    """The truth files below `<home>/sandbox/`, as the sources tell them on the morning of `at`."""

    folder: Path
    at: datetime

    def ga4(self, file: str, column: str, names: Iterable[str] = ("",)) -> Iterator[tuple[date, int]]:
        """(day, count): nothing below three events, 92, 97 and 99 percent of young days, and some days later than others."""
        today = self.at.astimezone(BANGKOK).date()
        for row in self.table(file):
            day, settled = date.fromisoformat(row["day"]), int(row[column])
            age = (today - day).days
            told = age >= 1 and age >= int(row["arrives"]) and not (column == "event_count" and settled < 3)
            if told and row.get("event_name", "") in names:
                yield day, settled * {1: 92, 2: 97, 3: 99}.get(age, 100) // 100

    @cached_property
    def searches(self) -> list[tuple[date, str]]:
        """(Pacific day, query) shown at least once: never the anonymised, and six tenths of the day before yesterday."""
        youngest = self.at.astimezone(PACIFIC).date() - 2 * DAY
        shown = []
        for row in self.table("search_console.csv"):
            day, impressions = date.fromisoformat(row["day"]), int(row["impressions"])
            told = impressions * 6 // 10 if day == youngest else impressions
            if day <= youngest and row["anonymised"] == "false" and told > 0:
                shown.append((day, row["query"]))
        return shown

    def campaigns(self) -> Iterator[tuple[date, int, int | None]]:
        """(day sent, delivered, unique opens without proxies so far, which old or small campaigns do not tell)."""
        for row in self.table("mailchimp_campaigns.csv"):
            sent_at = datetime.fromisoformat(row["send_time"])
            if sent_at < self.at:
                share = (46, 68, 80, 87, 92, 96, 98, 100)[min((self.at - sent_at).days, 7)]
                delivered = int(row["emails_sent"]) - int(row["hard_bounces"]) - int(row["soft_bounces"])
                opens = row["proxy_excluded_unique_opens"]
                yield sent_at.astimezone(BANGKOK).date(), delivered, int(opens) * share // 100 if opens else None

    def leads(self) -> Iterator[tuple[date, date | None]]:
        """(day created, day qualified) of every lead that has been entered; one that qualifies later is not known to."""
        with closing(sqlite3.connect(self.folder / "crm.sqlite")) as crm:
            for instants in crm.execute("SELECT created_at, mql_at, arrives_at FROM crm_leads"):
                created, qualified, arrives = (
                    datetime.fromisoformat(each).replace(tzinfo=UTC) if each else None for each in instants
                )
                assert created
                if max(created, arrives or created) <= self.at:
                    known = qualified if qualified and qualified <= self.at else None
                    yield created.astimezone(BANGKOK).date(), known.astimezone(BANGKOK).date() if known else None

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    def dropped(self, pattern: str) -> list[dict[str, Any]]:
        """The rows of the files in the drop folder: those that were delivered, which are those that are there."""
        rows: list[dict[str, Any]] = []
        for path in sorted((self.folder / "files").glob(pattern)):
            if path.suffix == ".csv":
                rows += self.table(f"files/{path.name}")
            elif path.suffix == ".parquet":
                rows += pyarrow.parquet.read_table(path).to_pylist()
            else:
                header, *body = openpyxl.load_workbook(path, read_only=True).active.values
                rows += [dict(zip(header, cells, strict=True)) for cells in body]
        return rows


def day_of(cell: Any) -> date:
    """A day as CSV, Parquet or Excel has it."""
    return cell.date() if isinstance(cell, datetime) else cell if isinstance(cell, date) else date.fromisoformat(cell)


def latest_of_each(rows: list[dict[str, Any]], who: str, when: str, as_of: date) -> list[dict[str, Any]]:
    """For each one the last row by a day."""
    known = sorted((row for row in rows if day_of(row[when]) <= as_of), key=lambda row: day_of(row[when]))
    return list({row[who]: row for row in known}.values())


def so_far(as_of: date, day: date) -> bool:
    return FIRST <= day <= as_of


# ---- The key results.


def tools_in_use(said: Sources, as_of: date) -> Fraction:
    """Active ÷ provisioned users over the tools, each tool's last week."""
    tools = latest_of_each(said.dropped("tool_usage_*.csv"), "tool", "week_of", as_of)
    return Fraction(sum(int(t["active_users"]) for t in tools), sum(int(t["provisioned_users"]) for t in tools))


def features_in_plan(said: Sources, as_of: date) -> Fraction:
    """Different features ranked so far."""
    ranked = (row for row in said.dropped("features.csv") if row["ranked_on"])
    return Fraction(len({row["feature_id"] for row in ranked if so_far(as_of, day_of(row["ranked_on"]))}))


def joint_seminars(said: Sources, as_of: date) -> Fraction:
    """Different seminars held so far by two teams or more."""
    teams: dict[str, set[str]] = {}
    for row in said.dropped("seminars.csv"):
        if so_far(as_of, day_of(row["held_on"])):
            teams.setdefault(row["seminar_id"], set()).add(row["team"])
    return Fraction(sum(len(each) >= 2 for each in teams.values()))


def weekly_targets(said: Sources, _: date) -> set[date]:
    """The weeks, by their Monday, with a target that is tied to a roadmap item."""
    return {day_of(row["week_of"]) for row in said.dropped("weekly_targets.csv") if row["roadmap_item"]}


def training_completed(said: Sources, as_of: date) -> Fraction:
    """Completed ÷ enrolled modules, by each learner's last report."""
    learners = latest_of_each(said.dropped("training_*.parquet"), "learner", "reported_on", as_of)
    return Fraction(sum(row["completed"] for row in learners), sum(row["enrolled"] for row in learners))


def webinars(said: Sources, _: date) -> set[date]:
    """The days on which somebody attended one."""
    return {day_of(row["attended_on"]) for row in said.dropped("webinars.xlsx")}


def programme_roi(said: Sources, as_of: date) -> Fraction:
    """(Benefit − cost) ÷ cost over the period to date, to the satang."""

    def total(pattern: str, day: str) -> Fraction:
        rows = (row for row in said.dropped(pattern) if so_far(as_of, day_of(row[day])))
        return sum((Fraction(str(row["amount"])) for row in rows), Fraction(0))

    benefit, cost = total("programme_benefits.csv", "realised_on"), total("programme_costs.xlsx", "paid_on")
    if not cost:
        raise NoScore("division_by_zero")
    return (benefit - cost) / cost


def seo_practice(said: Sources, as_of: date) -> Fraction:
    """People whose last check passed ÷ people who have joined."""
    checked = latest_of_each(said.dropped("seo_checks.csv"), "person", "checked_on", as_of)
    people = [row for row in said.dropped("team.csv") if day_of(row["joined_on"]) <= as_of]
    return Fraction(sum(row["passed"] == "yes" for row in checked), len(people))


def keywords_in_content(said: Sources, as_of: date) -> Fraction:
    """Target keywords that search has shown us for so far ÷ all; capitals and stray spaces make no other keyword."""
    queries = {query.strip().lower() for day, query in said.searches if so_far(as_of, day)}
    keywords = [row["keyword"] for row in said.dropped("keywords.csv") if day_of(row["added_on"]) <= as_of]
    return Fraction(sum(keyword.strip().lower() in queries for keyword in keywords), len(keywords))


def seo_audits(said: Sources, _: date) -> set[date]:
    """The days of audits."""
    return {day_of(row["audited_on"]) for row in said.dropped("seo_audits.csv")}


def signups(said: Sources, as_of: date) -> Fraction:
    """Sign-ups and enquiries in the last complete month."""
    first, last = last_complete(MONTHS, as_of)
    counts = said.ga4("ga4_events.csv", "event_count", ("sign_up", "generate_lead"))
    return Fraction(sum(count for day, count in counts if first <= day <= last))


def quote_requests(said: Sources, as_of: date) -> Fraction:
    """Quotation requests in the last complete week."""
    first, last = last_complete(WEEKS, as_of)
    counts = said.ga4("ga4_events.csv", "event_count", ("request_quote",))
    return Fraction(sum(count for day, count in counts if first <= day <= last))


def mql_rate(said: Sources, as_of: date) -> Fraction:
    """Of the leads created so far those that have qualified so far: by cohort, whenever they qualified."""
    cohort = [qualified for created, qualified in said.leads() if so_far(as_of, created)]
    if not cohort:
        raise NoScore("division_by_zero")
    return Fraction(sum(qualified is not None and qualified <= as_of for qualified in cohort), len(cohort))


def email_open_rate(said: Sources, as_of: date) -> Fraction:
    """Unique opens ÷ delivered in the launch's second week, of the campaigns that tell opens without proxies."""
    first, last = date(2026, 10, 26), date(2026, 11, 1)
    if as_of < first:
        raise NoScore("not_begun")
    sent = [(delivered, opens) for day, delivered, opens in said.campaigns() if first <= day <= min(last, as_of)]
    told = [(delivered, opens) for delivered, opens in sent if opens is not None]
    return Fraction(sum(opens for _, opens in told), sum(delivered for delivered, _ in told))


def conversion_rate(said: Sources, as_of: date) -> Fraction:
    """Converting sessions ÷ sessions over the period to date."""

    def total(column: str) -> int:
        return sum(count for day, count in said.ga4("ga4_days.csv", column) if so_far(as_of, day))

    return Fraction(total("converting_sessions"), total("sessions"))


# ---- The policy.


@dataclass(frozen=True)
class Scored:
    """What stands in a row of scores; `value` and what follows from it are None where there is a reason."""

    value: Fraction | None
    expected: Fraction
    baseline: Fraction
    target: Fraction
    reason: str | None = None

    @property
    def progress(self) -> Fraction | None:
        return None if self.value is None else (self.value - self.baseline) / (self.target - self.baseline)

    @property
    def score(self) -> Fraction | None:
        return None if self.progress is None else min(max(self.progress, Fraction(0)), Fraction(1))

    def status(self, as_of: date) -> str:
        if self.score is None:
            return "no_score"
        if as_of >= LAST:
            return "achieved" if self.score == 1 else "missed"
        if not self.expected:
            return "not_started"
        share = self.score / self.expected
        return "on_track" if share >= Fraction("0.9") else "at_risk" if share >= Fraction("0.6") else "off_track"


@dataclass(frozen=True)
class Reach:
    """From a baseline to a target; `at_least` is from nothing to its bound."""

    measured: Callable[[Sources, date], Fraction]
    baseline: str
    target: str

    def scored(self, said: Sources, as_of: date) -> Scored:
        elapsed = Fraction((as_of - FIRST).days + 1, (LAST - FIRST).days + 1)
        way = Fraction(self.baseline), Fraction(self.target)
        try:
            return Scored(self.measured(said, as_of), elapsed, *way)
        except NoScore as why:
            return Scored(None, elapsed, *way, reason=str(why))


@dataclass(frozen=True)
class Every:
    """The intervals in which it happened, of those that are planned; an open one counts once it has happened."""

    happened: Callable[[Sources, date], set[date]]
    intervals: list[Interval]

    def scored(self, said: Sources, as_of: date) -> Scored:
        days = {day for day in self.happened(said, as_of) if day <= as_of}
        kept = sum(any(first <= day <= last for day in days) for first, last in self.intervals)
        # The period's end closes the last interval.
        complete = sum(min(last, LAST) <= as_of for _, last in self.intervals)
        planned = len(self.intervals)
        return Scored(Fraction(kept), Fraction(complete, planned), Fraction(0), Fraction(planned))


FIFTEEN = {
    "one-team": {
        "tools-in-use": Reach(tools_in_use, "0", "0.95"),
        "features-in-plan": Reach(features_in_plan, "0", "10"),
        "joint-seminars": Reach(joint_seminars, "0", "5"),
        "weekly-targets": Every(weekly_targets, WEEKS),
    },
    "know-the-trends": {
        "training-completed": Reach(training_completed, "0", "1"),
        "webinars": Every(webinars, MONTHS),
        "programme-roi": Reach(programme_roi, "0.8", "1.1"),
    },
    "seo-by-habit": {
        "seo-practice": Reach(seo_practice, "0", "1"),
        "keywords-in-content": Reach(keywords_in_content, "0.5", "0.75"),
        "seo-audits": Every(seo_audits, FORTNIGHTS),
    },
    "lead-pipeline": {
        "signups": Reach(signups, "400", "500"),
        "quote-requests": Reach(quote_requests, "30", "45"),
        "mql-rate": Reach(mql_rate, "0.5", "0.6"),
    },
    "launch-pays-off": {
        "email-open-rate": Reach(email_open_rate, "0.3", "0.4"),
        "conversion-rate": Reach(conversion_rate, "0.15", "0.2"),
    },
}
KEY_RESULTS = {name: one for each in FIFTEEN.values() for name, one in each.items()}


# ---- Both agree.


@dataclass(frozen=True)
class Both:
    """The truth as told on a night, and a question to the pipeline as it stands after that night."""

    said: Sources
    asked: Callable[[date], Any]


def both(okr: Callable[..., Any], home: Path, night_of: date) -> Both:
    at = datetime.combine(night_of + DAY, time(5), BANGKOK)

    @cache
    def asked(as_of: date) -> Any:
        return json.loads(okr("score", "--home", home, "--as-of", as_of, "--format", "json").out)

    return Both(Sources(home / "sandbox", at), asked)


@pytest.fixture(scope="module")
def in_november(demo, okr):
    return both(okr, demo.home, DEMO)


@pytest.fixture(scope="module")
def after_new_year(okr, night, tmp_path_factory):
    """A home whose only night is after the end of the period."""
    home = tmp_path_factory.mktemp("new-year") / "home"
    assert night(home, NEW_YEAR) == {}
    return both(okr, home, NEW_YEAR)


def agree(both: Both, key_result: str, as_of: date) -> None:
    ours = KEY_RESULTS[key_result].scored(both.said, as_of)
    theirs = next(row for row in both.asked(as_of)["key_results"] if row["key_result"] == key_result)
    for name in ("value", "baseline", "target", "progress", "score", "expected"):
        exact = getattr(ours, name)
        told = None if exact is None else pytest.approx(float(exact), abs=1e-9, rel=0)
        assert theirs[name] == told, f"{name}: {theirs[name]}, worked out {exact} = {exact and float(exact)}"
    assert (theirs["status"], theirs["reason"]) == (ours.status(as_of), ours.reason)
    assert theirs["scored_for"] == str(as_of)


PAST = ["2026-10-01", "2026-10-04", "2026-10-13", "2026-10-26", "2026-10-31", "2026-11-01", "2026-11-09", "2026-11-14"]


@pytest.mark.parametrize("key_result", KEY_RESULTS)
def test_the_demo(in_november, key_result):
    agree(in_november, key_result, DEMO)


@pytest.mark.parametrize("as_of", PAST)
@pytest.mark.parametrize("key_result", KEY_RESULTS)
def test_every_earlier_day_is_scored_with_what_is_known_today(in_november, key_result, as_of):
    agree(in_november, key_result, date.fromisoformat(as_of))


@pytest.mark.parametrize("key_result", KEY_RESULTS)
def test_the_grades_at_the_end_of_the_period(after_new_year, key_result):
    agree(after_new_year, key_result, LAST)


@pytest.mark.parametrize("as_of", [*PAST, str(DEMO)])
@pytest.mark.parametrize("objective", FIFTEEN)
def test_an_objective_is_the_mean_of_what_has_a_score(in_november, objective, as_of):
    day = date.fromisoformat(as_of)
    row = next(row for row in in_november.asked(day)["objectives"] if row["objective"] == objective)
    below = [each for each in in_november.asked(day)["key_results"] if each["objective"] == objective]
    scores = [each["score"] for each in below if each["score"] is not None]
    assert [each["key_result"] for each in below] == list(FIFTEEN[objective])
    assert row["coverage"] == pytest.approx(len(scores) / len(below), abs=1e-9)
    mean = sum(scores) / len(scores) if len(scores) * 2 >= len(below) else None
    assert row["score"] == (None if mean is None else pytest.approx(mean, abs=1e-9))


def test_the_demo_is_what_the_story_says(in_november):
    """Numbers that somebody can check by reading the files, so that both calculations cannot be wrong in the same way."""
    values = {row["key_result"]: row["value"] for row in in_november.asked(DEMO)["key_results"]}
    assert values["features-in-plan"] == 6
    assert values["joint-seminars"] == 2
    assert values["weekly-targets"] == 5  # of seven weeks one has no target, and one has a target tied to nothing
    assert values["webinars"] == 2
    assert values["seo-audits"] == 2
    assert values["seo-practice"] == 0.6
    assert values["programme-roi"] == pytest.approx(318_981.40 / 163_641.50 - 1)
    assert values["email-open-rate"] == pytest.approx((2770 + 2743 + 2683) / (8100 + 8100 + 7850))
    assert len(WEEKS) == 14
    assert len(FORTNIGHTS) == 7
