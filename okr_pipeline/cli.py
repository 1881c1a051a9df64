"""`okr`: thin commands over the functions that the assets call. Exit 0 done, 1 the user's mistake, 2 something is held back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from okr_pipeline import cli_connector, clock
from okr_pipeline.alerts import ADDRESSES
from okr_pipeline.config import Config, load
from okr_pipeline.config.source import suggestion
from okr_pipeline.errors import ConfigError, HeldBack, OkrError
from okr_pipeline.published import opened, scored_day
from okr_pipeline.rehearsal import rehearsal

if TYPE_CHECKING:
    import duckdb

    from okr_pipeline.alerts.news import Outcome

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

HELD_BACK = 2
LOOPBACK = "127.0.0.1"
ConfigDir = Annotated[Path, typer.Option("--config", envvar="OKR_CONFIG", help="The configuration's folder.")]
HomeDir = Annotated[
    Path, typer.Option("--home", envvar="OKR_HOME", help="Where the warehouse and what is published live.")
]
Sandbox = Annotated[
    bool, typer.Option("--sandbox", help="Pull from local stand-ins with seeded data instead of your sources.")
]
AsOf = Annotated[
    datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day; default: the last scored.")
]
KnownAt = Annotated[
    datetime | None, typer.Option("--known-at", help="As it was known at this instant (UTC unless it says).")
]
CONFIG, HOME = Path("okr_config"), Path(".okr")
app.add_typer(cli_connector.commands(console), name="connector")


class Format(StrEnum):
    """How `okr score` prints."""

    table = "table"
    json = "json"
    csv = "csv"


class Told(StrEnum):
    """How `okr explain` and `okr diff` print: what they tell has no one row a key result."""

    table = "table"
    json = "json"


@app.command()
def run(
    date_: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="The day to bring up to date.")
    ] = None,
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="With --to: several days in one run.")
    ] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
    sandbox: Sandbox = False,
    config: ConfigDir = CONFIG,
    home: HomeDir = HOME,
) -> None:
    """The nightly job: ingest, check, score, publish. Without a date: yesterday, in the organisation's time zone."""
    from okr_pipeline.alerts.news import tell
    from okr_pipeline.night import run_night, troubles
    from okr_pipeline.report import print_scores, print_troubles
    from okr_pipeline.scoring import earliest_day
    from okr_pipeline.warehouse import Warehouse

    if date_ and (from_ or to):
        raise ConfigError("--date names one day and --from … --to several; give one or the other")
    first, last = from_ or date_, to or date_ or from_
    with _sources(config, home, sandbox, last.date() if last else None) as read:
        yesterday = clock.today(read.organisation.timezone) - timedelta(days=1)
        days = (first.date() if first else last.date() if last else yesterday, last.date() if last else yesterday)
        if not (first or last) and (begins := earliest_day(read)) > yesterday:  # of next quarter, configured ahead
            console.print(f"Nothing to do yet: {begins} is the first day that any key result looks back to")
            return
        _check_days(read, *days)
        shown = days[1].isoformat() if days[0] == days[1] else f"{days[0]} to {days[1]}"
        console.print(f"[bold]okr run[/] {shown}" + (" · sandbox" if sandbox else ""))
        night = run_night(read, home, *days, say=lambda line: console.print(f"  {line}", markup=False, soft_wrap=True))
        with Warehouse(home).open() as connection:
            print_scores(console, connection, days[1])
            held = troubles(connection, read)
        print_troubles(console, held)
        if os.environ.get(ADDRESSES):
            _say_told(tell(read, home, failed=night.failed))
    page = home / "published" / "scorecard.html"
    if page.exists():
        console.print(f"Page      {page}\nSnapshot  {home / 'published' / 'okr.duckdb'}")
    if not night.done or held:
        raise HeldBack


@app.command()
def check(config: ConfigDir = CONFIG, sandbox: Sandbox = False) -> None:
    """Validates the whole configuration, down to the SQL of every formula, without the network."""
    import duckdb

    from okr_pipeline.alerts.post import wrong_addresses
    from okr_pipeline.scoring import bind
    from okr_pipeline.warehouse.engine import create_schema

    read = load(config, os.environ, unset_is_wrong=not sandbox)
    with duckdb.connect(":memory:") as connection:
        create_schema(connection)
        bind(connection, read)
    if os.environ.get(ADDRESSES) and (wrong := wrong_addresses()):
        raise ConfigError("\n".join(wrong))
    console.print(
        f"{config}: {len(read.objectives)} objectives, {len(read.key_results)} key results, {len(read.metrics)} metrics,"
        f" {len(read.tables)} streams: all right (configuration {read.hash})"
    )


@app.command()
def score(
    as_of: AsOf = None,
    known_at: KnownAt = None,
    format_: Annotated[Format, typer.Option("--format")] = Format.table,
    config: ConfigDir = CONFIG,
    home: HomeDir = HOME,
) -> None:
    """The scores as of a day, as known now or at any past instant."""
    from okr_pipeline.report import print_scores, scores_csv, scores_json

    with opened(home) as connection:
        day = scored_day(connection, _day(as_of), known_at)
        if not known_at:
            _say_if_changed(connection, config)
        if format_ is Format.table:
            print_scores(console, connection, day, known_at)
        else:
            printed = scores_json if format_ is Format.json else scores_csv
            sys.stdout.write(printed(connection, day, known_at))


@app.command()
def checkin(
    key_result: str,
    value: Annotated[str, typer.Option("--value", help="What was observed: 42, or 42% for a percentage.")],
    note: Annotated[str, typer.Option("--note", help="How it is known.")],
    by: Annotated[str, typer.Option("--by", help="Who says so.")],
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="Of which day; default: today.")
    ] = None,
    config: ConfigDir = CONFIG,
    home: HomeDir = HOME,
) -> None:
    """Says a number that no source knows, for a key result whose metric is `from: checkins`."""
    from okr_pipeline.checkin import check_in, checked
    from okr_pipeline.report import number
    from okr_pipeline.scoring import scores_as_of
    from okr_pipeline.warehouse import Warehouse

    read = load(config, os.environ, unset_is_wrong=False)
    if key_result not in read.key_results:
        raise ConfigError(f"there is no key result `{key_result}`; {suggestion(key_result, read.key_results)}")
    said = checked(read, read.key_results[key_result], value, note, by, day.date() if day else None)
    scored, before = check_in(Warehouse(home), read, said)
    console.print(f"{key_result}: {value} on {said.day}, said by {said.by}", markup=False)
    if before:
        metric = said.result.on(said.day).metric
        stood = f"{number(float(before[0]), metric.unit_name)}, said by {before[1]}"
        console.print(f"It stands instead of {stood}: a metric has one number a day", markup=False)
    if scored is None or scored < said.day:
        console.print(f"It counts from the run for {said.day} on.")
        return
    with opened(home) as connection:
        rows = {row["key_result"]: row for row in scores_as_of(connection, read, scored).to_pylist()}
    if row := rows.get(key_result):
        console.print(f"Score as of {scored}: {number(row['score'], 'percent')}, {row['status']} (manual)")


@app.command()
def explain(
    key_result: str,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    configuration: Annotated[
        bool, typer.Option("--configuration", help="Show the configuration that the score was made with, instead.")
    ] = False,
    format_: Annotated[Told, typer.Option("--format")] = Told.table,
    config: ConfigDir = CONFIG,
    home: HomeDir = HOME,
) -> None:
    """Where a key result's number comes from: the formula with its numbers, the days, the loads and the raw rows."""
    from okr_pipeline.audit.explain import explanation
    from okr_pipeline.audit.text import explanation_text
    from okr_pipeline.report import utc
    from okr_pipeline.scoring.configurations import recall, scored_ever

    with opened(home) as connection:
        found = explanation(connection, key_result, scored_day(connection, _day(as_of), known_at), utc(known_at))
        if found is None:
            known = scored_ever(connection)
            if key_result in known:
                raise ConfigError(f"`{key_result}` was not scored yet at {known_at}; name a later instant")
            raise ConfigError(f"the key result `{key_result}` was never scored; there are: {', '.join(known)}")
        if configuration and "configuration" in found:
            found = recall(connection, found["configuration"])
    if format_ is Told.json or configuration:
        _print_json(found)
        return
    with suppress(ConfigError):  # a past score can be told whatever the configuration says now
        configured = load(config, os.environ, unset_is_wrong=False).key_results.get(key_result)
        stands = configured and configured.period.first <= found.get("as_of", date.max)  # not in an earlier period
        found["place"] = configured.place if configured and stands else None
    console.print(explanation_text(found), markup=False, soft_wrap=True)


@app.command()
def diff(
    from_known: Annotated[datetime, typer.Option("--from-known", help="As it was known at this instant (UTC).")],
    to_known: Annotated[datetime | None, typer.Option("--to-known", help="And at this one; default: now.")] = None,
    as_of: AsOf = None,
    format_: Annotated[Told, typer.Option("--format")] = Told.table,
    config: ConfigDir = CONFIG,
    home: HomeDir = HOME,
) -> None:
    """Which scores changed between two instants, by how much, and because of which loads or which configuration."""
    from okr_pipeline.audit.diff import difference
    from okr_pipeline.audit.diff_text import difference_text
    from okr_pipeline.report import utc
    from okr_pipeline.scoring import scoring_known_at

    with opened(home) as connection:
        day = scored_day(connection, _day(as_of), from_known)
        before, after = (scoring_known_at(connection, utc(instant)) for instant in (from_known, to_known))
        if before is None or after is None:
            raise ConfigError(f"nothing was scored yet at {to_known if before else from_known}; name a later instant")
        if before.load > after.load:
            raise ConfigError(f"--from-known {from_known} is after --to-known {to_known}; swap them")
        if not to_known:
            _say_if_changed(connection, config)
        found = difference(connection, before, after, day)
    if format_ is Told.json:
        _print_json(found)
    else:
        console.print(difference_text(found), markup=False, soft_wrap=True)


@app.command()
def alert(config: ConfigDir = CONFIG, home: HomeDir = HOME) -> None:
    """Sends the message of the last night to the addresses in OKR_ALERTS now, news or not: to see that they work."""
    from okr_pipeline.alerts.news import tell

    if not os.environ.get(ADDRESSES):
        raise ConfigError(
            f"{ADDRESSES} is not set; set it to the URLs of those who are to be told, as Apprise writes them"
        )
    outcome = tell(load(config, os.environ, unset_is_wrong=False), home, always=True)
    _say_told(outcome)
    if outcome.problems:
        raise HeldBack


@app.command()
def ui(
    sandbox: Sandbox = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 3000,
    config: ConfigDir = CONFIG,
    home: HomeDir = HOME,
) -> None:
    """Dagster's web server and daemon on this project, on the loopback address only (it has no log-in)."""
    import socket
    import subprocess

    from okr_pipeline.night import instance_home
    from okr_pipeline.turns import only_ui

    with socket.socket() as probe:  # Dagster says so a minute later, in the middle of its log
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            why = f"port {port} of {LOOPBACK} cannot be had ({error.strerror})"
            raise ConfigError(f"{why}; is `okr ui` running already? Else choose another with --port") from None
    with only_ui(home), _sources(config, home, sandbox, None):
        instance_home(home)
        # What an earlier one left unfinished, when it was killed or the power failed.
        subprocess.run([sys.executable, "-m", "okr_pipeline.turns"], check=True)
        os.environ |= {"OKR_CONFIG": str(config.resolve()), "OKR_HOME": str(home.resolve())}
        # -W: Dagster announces `dg dev` at every start; that is one more package for the same thing.
        command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-m", "okr_pipeline.definitions"]
        command += ["-h", LOOPBACK, "-p", str(port)]
        with suppress(KeyboardInterrupt):
            raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own command


@contextmanager
def _sources(config: Path, home: Path, sandbox: bool, last: date | None) -> Iterator[Config]:
    """The configuration, with the sandbox's stand-ins up and their addresses in the environment where that was asked for."""
    with ExitStack() as stack:
        if sandbox:
            zone = load(config, os.environ, unset_is_wrong=False).organisation.timezone
            os.environ |= stack.enter_context(rehearsal(config, home, last, zone))
        yield load(config, os.environ)


def _say_told(outcome: Outcome) -> None:
    console.print(f"Alerts    {outcome.summary}", markup=False, soft_wrap=True)
    for problem in outcome.problems:
        console.print(f"  {problem}", style="yellow", markup=False, soft_wrap=True)


def _print_json(found: object) -> None:
    import json

    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2, default=str) + "\n")


def _day(instant: datetime | None) -> date | None:
    return instant.date() if instant else None


def _say_if_changed(connection: duckdb.DuckDBPyConnection, config: Path) -> None:
    """Scores are told as they were made; whoever has edited the configuration since should not wonder."""
    from okr_pipeline.scoring import scoring_known_at

    scoring = scoring_known_at(connection)
    with suppress(ConfigError):
        if scoring and load(config, os.environ, unset_is_wrong=False).hash == scoring.configuration:
            return
    errors.print(f"{config} is not what these scores were made with; `okr run` scores anew with it", markup=False)


def _check_days(config: Config, first: date, last: date) -> None:
    """Days that can be run: in order, over already, and not before any key result looks back to."""
    from okr_pipeline.scoring import earliest_day

    earliest, today = earliest_day(config), clock.today(config.organisation.timezone)
    if first > last:
        raise ConfigError(f"--from {first} is after --to {last}; swap them")
    if first < earliest:
        raise ConfigError(f"{first} is before {earliest}, the first day that any key result looks back to; start there")
    if last >= today:
        yesterday = today - timedelta(days=1)
        raise ConfigError(
            f"{last} is not over yet in {config.organisation.timezone}; the last day to score is {yesterday}"
        )


def main() -> None:
    """The entry point: turns our errors into one message and an exit code, never a traceback."""
    try:
        app()
    except SystemExit as end:
        sys.exit(1 if end.code == HELD_BACK else end.code)  # what typer calls 2 is a mistake on the command line
    except HeldBack:
        sys.exit(HELD_BACK)
    except ConfigError as error:
        errors.print(str(error), markup=False)
        sys.exit(1)
    except OkrError as error:
        errors.print(f"okr: {error}", markup=False)
        sys.exit(HELD_BACK)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        errors.print(
            f"okr: {where}{error.strerror or error}; see that it may be written to and the disk has room", markup=False
        )
        sys.exit(HELD_BACK)


if __name__ == "__main__":
    main()
