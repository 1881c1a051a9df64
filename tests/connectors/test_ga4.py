"""The GA4 connector against the sandbox's property, over both transports."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
import stamina
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from okr_pipeline import sandbox
from okr_pipeline.connectors import ga4_report, ga4_wire
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.ga4 import GA4
from okr_pipeline.connectors.ga4_settings import GA4Settings
from okr_pipeline.connectors.ga4_windows import Windows
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable
from okr_pipeline.sandbox import faults, servers
from okr_pipeline.sandbox.ga4_report import TOKENS

MORNING = "2026-11-16T05:00:00+07:00"
OCTOBER = Window(date(2026, 10, 1), date(2026, 10, 31))
LAST_DAYS = Window(date(2026, 11, 12), date(2026, 11, 15))
STREAMS = {
    "traffic": {"dimensions": ["date"], "metrics": ["sessions", "totalUsers"]},
    "converting_sessions": {"dimensions": ["date"], "metrics": ["sessions"], "only": {"isKeyEvent": ["true"]}},
    "events": {
        "dimensions": ["date", "eventName"],
        "metrics": ["eventCount"],
        "only": {"eventName": ["sign_up", "generate_lead", "request_quote"]},
    },
}


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """One sandbox for the file: home, and the environment for each transport."""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        home = tmp_path_factory.mktemp("home")
        small_key(home / "sandbox" / "identity")
        environments = {}
        for transport in ("grpc", "rest"):
            patch.setenv("GA4_TRANSPORT", transport)
            environments[transport] = stack.enter_context(sandbox.running(home))
            patch.setenv(
                "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", environments[transport]["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]
            )
        yield home, environments


def small_key(folder):
    """A service account's key of 1,024 bits: every pull checks it, which takes a large one 50 ms."""
    folder.mkdir(parents=True)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "service-account.pem").write_bytes(rsa.generate_private_key(65537, 1024).private_bytes(*form))


@pytest.fixture
def ga4(doors, monkeypatch):
    """Makes a connector: by transport, with settings changed as told."""
    monkeypatch.setenv("OKR_NOW", MORNING)
    stamina.set_testing(True, attempts=1)

    def make(transport="grpc", **changes):
        environment = doors[1][transport]
        settings = {
            "connector": "ga4",
            "property": environment["GA4_PROPERTY"],
            "credentials": environment["GA4_CREDENTIALS"],
            "endpoint": environment["GA4_ENDPOINT"],
            "transport": transport,
            "timezone": "Asia/Bangkok",
            "retry_for": 1,
            "streams": STREAMS,
        }
        return GA4("ga4", GA4Settings.model_validate(settings | changes))

    yield make
    stamina.set_testing(False)


def pull(connector, name, window, said=None):
    stream = next(each for each in connector.streams() if each.name == name)
    return pa.Table.from_batches(connector.pull(stream, window, said or Said()), schema=stream.schema)


def truth(doors, name):
    with (doors[0] / "sandbox" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


both = pytest.mark.parametrize("transport", ["grpc", "rest"])


@pytest.mark.parametrize("name", STREAMS)
def test_both_transports_give_the_same_table(ga4, name):
    over_grpc, over_rest = pull(ga4("grpc"), name, OCTOBER), pull(ga4("rest"), name, OCTOBER)
    assert over_grpc.num_rows > 28
    assert over_grpc.equals(over_rest)


def test_settled_days_are_the_truth(ga4, doors):
    expected = {
        row["day"]: (int(row["sessions"]), int(row["total_users"]))
        for row in truth(doors, "ga4_days.csv")
        if row["day"].startswith("2026-10")
    }
    rows = pull(ga4(), "traffic", OCTOBER).to_pylist()
    assert {str(row["day"]): (row["sessions"], row["total_users"]) for row in rows} == expected


def test_the_filter_only_keeps_the_listed_values(ga4, doors):
    expected = {row["day"]: int(row["converting_sessions"]) for row in truth(doors, "ga4_days.csv")}
    rows = pull(ga4(), "converting_sessions", OCTOBER).to_pylist()
    assert len(rows) == 30
    assert all(row["sessions"] == expected[str(row["day"])] for row in rows)


def test_a_window_is_honoured_to_the_day(ga4):
    days = pull(ga4(), "traffic", LAST_DAYS)["day"].to_pylist()
    assert (days[0], days[-1], len(days)) == (LAST_DAYS.first, LAST_DAYS.last, 4)


@both
def test_a_day_without_data_gives_no_rows_and_no_error(ga4, transport):
    said = Said()
    empty = date(2026, 10, 18)
    assert pull(ga4(transport), "traffic", Window(empty, empty), said).num_rows == 0
    assert (said.notes["rows"], said.notes["pages"]) == (0, 1)


def test_days_that_have_not_come_yet_do_not_exist(ga4):
    assert pull(ga4(), "traffic", Window(date(2026, 11, 17), date(2026, 12, 31))).num_rows == 0


def test_numbers_are_restated_for_three_days_and_then_stay(ga4, doors, monkeypatch):
    day = date(2026, 11, 10)
    settled = next(int(row["sessions"]) for row in truth(doors, "ga4_days.csv") if row["day"] == str(day))
    seen = []
    for later in (11, 12, 13, 14, 20):
        monkeypatch.setenv("OKR_NOW", f"2026-11-{later}T05:00:00+07:00")
        seen += pull(ga4(), "traffic", Window(day, day))["sessions"].to_pylist()
    assert seen == [settled * percent // 100 for percent in (92, 97, 99, 100, 100)]


def test_a_late_day_comes_two_days_after(ga4, monkeypatch):
    late = Window(date(2026, 11, 4), date(2026, 11, 4))
    monkeypatch.setenv("OKR_NOW", "2026-11-05T05:00:00+07:00")
    assert pull(ga4(), "traffic", late).num_rows == 0
    monkeypatch.setenv("OKR_NOW", "2026-11-06T05:00:00+07:00")
    assert pull(ga4(), "traffic", late).num_rows == 1


@pytest.mark.parametrize(("days", "rows", "pages"), [(0, 0, 1), (1, 1, 1), (3, 3, 1), (4, 4, 1), (5, 5, 2), (9, 9, 3)])
def test_pages_are_followed_to_the_last_row(ga4, days, rows, pages, monkeypatch):
    first = date(2026, 10, 20)
    window = Window(first, first.replace(day=20 + days - 1)) if days else Window(date(2026, 10, 18), date(2026, 10, 18))
    said = Said()
    table = pull(ga4(page_size=4), "traffic", window, said)
    assert (table.num_rows, said.notes["rows"], said.notes["pages"]) == (rows, rows, pages)
    assert table.equals(pull(ga4(), "traffic", window))


@both
def test_what_the_source_says_about_an_answer_is_kept(ga4, transport):
    said = Said()
    pull(ga4(transport), "events", OCTOBER, said)
    assert said.notes["thresholded"] is True  # small counts of generate_lead are withheld in October
    assert said.notes["other_row"] is False
    assert said.notes["sampled"] == []
    assert said.notes["time_zone"] == "Asia/Bangkok"
    assert 0 < said.notes["tokens_left_this_hour"] < said.notes["tokens_left_today"] < 200_000
    json.dumps(said.notes)


def test_thresholding_of_one_page_marks_the_pull(ga4):
    said = Said()
    pull(ga4(page_size=40), "events", OCTOBER, said)
    assert said.notes["pages"] > 1
    assert said.notes["thresholded"] is True


def test_withheld_rows_are_not_there(ga4, doors):
    small = {
        (row["day"], row["event_name"])
        for row in truth(doors, "ga4_events.csv")
        if row["day"].startswith("2026-10") and int(row["event_count"]) < 3
    }
    rows = {(str(row["day"]), row["event_name"]) for row in pull(ga4(), "events", OCTOBER).to_pylist()}
    assert small
    assert not rows & small


def test_streams_say_what_a_warehouse_has_to_know(ga4):
    traffic, _, events = ga4().streams()
    assert traffic.schema == pa.schema(
        [
            pa.field("day", pa.date32(), nullable=False),
            pa.field("sessions", pa.int64(), nullable=False),
            pa.field("total_users", pa.int64(), nullable=False),
        ]
    )
    assert (traffic.key, traffic.date, traffic.restates, traffic.delay) == (("day",), "day", 3, 0)
    assert (events.key, events.not_additive) == (("day", "event_name"), {})
    assert set(traffic.not_additive) == {"total_users"}


def test_columns_are_typed_by_metric(ga4):
    metrics = ["newUsers", "totalRevenue", "bounceRate", "customEvent:planPrice", "active7DayUsers"]
    (stream,) = ga4(streams={"shop": {"dimensions": ["date"], "metrics": metrics}}).streams()
    assert dict(zip(stream.schema.names[1:], stream.schema.types[1:], strict=True)) == {
        "new_users": pa.int64(),
        "total_revenue": pa.decimal128(38, 9),
        "bounce_rate": pa.float64(),
        "custom_event_plan_price": pa.decimal128(38, 9),
        "active7_day_users": pa.int64(),
    }
    assert set(stream.not_additive) == {"bounce_rate", "active7_day_users"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"streams": {"x": {"dimensions": ["eventName"], "metrics": ["sessions"]}}}, "`date` is missing"),
        ({"streams": {"x": {"dimensions": ["date", "day"], "metrics": ["sessions"]}}}, "two columns named day"),
        ({"streams": {"x": {"dimensions": ["date"], "metrics": ["sessions"], "filter": {}}}}, "Extra inputs"),
        ({"streams": {"x": {"dimensions": ["date"], "metrics": []}}}, "at least 1 item"),
        ({"streams": {"x": {"dimensions": ["date"], "metrics": ["sessions"], "only": {"a": []}}}}, "at least 1 item"),
        ({"streams": {}}, "at least 1 item"),
        ({"transport": "http"}, "'grpc' or 'rest'"),
        ({"endpoint": "https://analyticsdata.googleapis.com"}, "gRPC takes a host"),
        ({"endpoint": "http://ga4.example", "transport": "rest"}, "in the clear; write https://ga4.example"),
        ({"property": "G-ABC123"}, "Property details"),
        ({"page_size": 250_001}, "less than or equal to 250000"),
        ({"endpont": "x"}, "Extra inputs"),
    ],
)
def test_a_mistake_in_the_settings_is_told(changes, told):
    right = {"connector": "ga4", "property": "1", "credentials": "key.json", "streams": STREAMS}
    GA4Settings.model_validate(right)
    with pytest.raises(ValidationError, match=told):
        GA4Settings.model_validate(right | changes)


@both
def test_quota_used_up_for_ever_is_unavailable_and_keeps_the_wait(ga4, transport, monkeypatch):
    monkeypatch.setenv("OKR_SANDBOX_FAULTS", "ga4=429")
    with pytest.raises(SourceUnavailable) as told:
        pull(ga4(transport), "traffic", LAST_DAYS)
    assert told.value.retry_after == faults.RETRY_AFTER


@both
def test_a_server_error_is_retried_by_us_alone(ga4, transport, monkeypatch):
    asked = []
    monkeypatch.setattr(faults, "of", lambda source: asked.append(source) or "500")
    with stamina.set_testing(True, attempts=3), pytest.raises(SourceUnavailable):
        pull(ga4(transport), "traffic", LAST_DAYS)
    assert len(asked) == 3


@both
def test_a_passing_failure_is_overcome(ga4, transport, monkeypatch):
    answers = iter(["500"])
    monkeypatch.setattr(faults, "of", lambda _: next(answers, None))
    with stamina.set_testing(True, attempts=2):
        assert pull(ga4(transport), "traffic", LAST_DAYS).num_rows == 4


@both
@pytest.mark.parametrize(("fault", "remedy"), [("401", "revoked"), ("403", "Viewer role")])
def test_a_refusal_is_not_retried_and_says_what_to_mend(ga4, transport, fault, remedy, monkeypatch):
    asked = []
    monkeypatch.setattr(faults, "of", lambda source: asked.append(source) or fault)
    with pytest.raises(SourceRejected, match=remedy):
        pull(ga4(transport), "traffic", LAST_DAYS)
    # Over REST google-auth signs a new token after a 401, twice.
    assert len(asked) == (3 if (transport, fault) == ("rest", "401") else 1)


@both
def test_an_unknown_property_is_rejected(ga4, transport):
    with pytest.raises(SourceRejected, match="Viewer role on property 1"):
        pull(ga4(transport, property="1"), "traffic", LAST_DAYS)


@both
@pytest.mark.parametrize(
    ("report", "field"),
    [
        ({"dimensions": ["date", "planet"], "metrics": ["sessions"]}, "Field planet is not a valid dimension"),
        ({"dimensions": ["date"], "metrics": ["pageviews"]}, "Field pageviews is not a valid metric"),
    ],
)
def test_an_unknown_field_is_rejected_by_its_name(ga4, transport, report, field):
    with pytest.raises(SourceRejected, match=f"{field}.*Mend dimensions, metrics or only"):
        pull(ga4(transport, streams={"x": report}), "x", LAST_DAYS)


@both
def test_a_dead_endpoint_is_unavailable(ga4, transport):
    address = f"127.0.0.1:{faults.closed_port()}"
    with pytest.raises(SourceUnavailable, match=r"ga4: GA4 is not available: .* Run the night again later\."):
        pull(ga4(transport, endpoint=address if transport == "grpc" else f"http://{address}"), "traffic", LAST_DAYS)


@both
def test_a_slow_answer_is_given_up(ga4, transport, monkeypatch):
    monkeypatch.setattr("okr_pipeline.connectors.ga4_client.TIMEOUT", 0.2)
    monkeypatch.setattr(faults, "SLOW", 3.0)
    monkeypatch.setenv("OKR_SANDBOX_FAULTS", "ga4=slow")
    with pytest.raises(SourceUnavailable):
        pull(ga4(transport), "traffic", LAST_DAYS)


@both
def test_a_malformed_answer_is_rejected(ga4, transport, monkeypatch):
    monkeypatch.setenv("OKR_SANDBOX_FAULTS", "ga4=malformed")
    with pytest.raises(DataRejected, match="cannot be read"):
        pull(ga4(transport), "traffic", LAST_DAYS)


def test_another_time_zone_is_rejected_with_the_right_one(ga4):
    with pytest.raises(SourceRejected, match="Write `timezone: Asia/Bangkok`"):
        pull(ga4(timezone="UTC"), "traffic", LAST_DAYS)


ZONE = {"timeZone": "Asia/Bangkok"}
HEADERS = {"dimensionHeaders": [{"name": "date"}], "metricHeaders": [{"name": "sessions"}, {"name": "totalUsers"}]}


def row(*values):
    return {"dimensionValues": [{"value": values[0]}], "metricValues": [{"value": value} for value in values[1:]]}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({}, "no GA4 report"),
        ({"metadata": ZONE, "rowCount": 1}, "columns are missing"),
        ({"metadata": ZONE, **HEADERS, "rowCount": 2, "rows": [row("20261112", "1", "1")]}, "announced 2 rows"),
        ({"metadata": ZONE, **HEADERS, "rowCount": 1, "rows": [row("20261112", "1")]}, "impossible"),
        ({"metadata": ZONE, **HEADERS, "rowCount": 1, "rows": [row("20261112", "1.5", "1")]}, "impossible"),
        ({"metadata": ZONE, **HEADERS, "rowCount": 1, "rows": [row("(other)", "1", "1")]}, "impossible"),
        ({"metadata": ZONE, **HEADERS, "rowCount": 1, "rows": [row("20261001", "1", "1")]}, "2026-10-01 is outside"),
    ],
)
def test_rows_that_break_the_promise_are_rejected(ga4, answer, told):
    with once_then_nothing(answer) as endpoint, pytest.raises(DataRejected, match=told):
        pull(ga4("rest", endpoint=endpoint), "traffic", LAST_DAYS)


@contextlib.contextmanager
def once_then_nothing(answer):
    """A GA4 over REST that gives one answer, and after it the same without rows."""
    import socket

    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    answers = iter([answer])
    without = {key: value for key, value in answer.items() if key != "rows"}
    route = Route("/{path:path}", lambda _: JSONResponse(next(answers, without)), methods=["POST"])
    with socket.create_server(("127.0.0.1", 0)) as listening, servers.http(listening, Starlette(routes=[route])):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_decimals_are_exact_and_rounded_to_nine_places(ga4):
    reports = {"money": {"dimensions": ["date"], "metrics": ["totalRevenue", "bounceRate"]}}
    headers = {
        "dimensionHeaders": [{"name": "date"}],
        "metricHeaders": [{"name": "totalRevenue"}, {"name": "bounceRate"}],
    }
    answer = {"metadata": ZONE, **headers, "rowCount": 1, "rows": [row("20261112", "0.30000000000000004", "0.25")]}
    with once_then_nothing(answer) as endpoint:
        table = pull(ga4("rest", endpoint=endpoint, streams=reports), "money", LAST_DAYS)
    assert [str(table["total_revenue"][0].as_py()), table["bounce_rate"][0].as_py()] == ["0.300000000", 0.25]


@pytest.mark.parametrize(
    "content", [None, "not json", "[]", "{}", '{"type": "service_account", "private_key": "s3cret"}']
)
def test_a_useless_key_file_names_the_field_and_not_its_content(ga4, tmp_path, content):
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceRejected, match="`credentials`") as told:
        pull(ga4(credentials=str(path)), "traffic", LAST_DAYS)
    assert "s3cret" not in str(told.value)


def test_a_key_in_place_of_its_path_is_not_told(ga4, doors):
    key = Path(doors[1]["grpc"]["GA4_CREDENTIALS"]).read_text(encoding="utf-8")
    with pytest.raises(SourceRejected) as told:
        pull(ga4(credentials=key), "traffic", LAST_DAYS)
    assert "PRIVATE KEY" not in str(told.value)


@both
def test_a_key_of_somebody_else_is_rejected_and_stays_secret(ga4, transport, tmp_path, doors):
    account = json.loads(Path(doors[1]["grpc"]["GA4_CREDENTIALS"]).read_text(encoding="utf-8"))
    with sandbox.running(tmp_path) as other:
        stranger = json.loads(Path(other["GA4_CREDENTIALS"]).read_text(encoding="utf-8"))["private_key"]
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account | {"private_key": stranger}), encoding="utf-8")
    said = Said()
    with pytest.raises(SourceRejected, match="revoked") as told:
        pull(ga4(transport, credentials=str(path)), "traffic", LAST_DAYS, said)
    spoken = f"{told.value}{said.notes}"
    assert "eyJ" not in spoken
    assert stranger[40:80] not in spoken


def test_a_changed_truth_is_served_at_once(ga4, doors):
    path = doors[0] / "sandbox" / "ga4_days.csv"
    kept = path.with_suffix(".kept")
    shutil.copy(path, kept)
    try:
        before = pull(ga4(), "traffic", OCTOBER)
        path.write_text(path.read_text(encoding="utf-8").replace("2026-10-05,", "2026-10-05,1"), encoding="utf-8")
        after = pull(ga4(), "traffic", OCTOBER)
    finally:
        shutil.move(kept, path)
    changed = [was != now for was, now in zip(before.to_pylist(), after.to_pylist(), strict=True)]
    assert changed.count(True) == 1


def test_a_second_sandbox_in_the_same_process_is_trusted_over_grpc(ga4, tmp_path, monkeypatch):
    monkeypatch.delenv("GA4_TRANSPORT", raising=False)
    pull(ga4(), "traffic", LAST_DAYS)  # gRPC has read its trusted roots by now
    with sandbox.running(tmp_path) as other:
        settings = {"credentials": other["GA4_CREDENTIALS"], "endpoint": other["GA4_ENDPOINT"]}
        assert pull(ga4(**settings), "traffic", LAST_DAYS).num_rows == 4


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_384])
def test_cells_of_any_length_are_read_off_the_wire_as_the_library_reads_them(length):
    rows = [("ก" * length, "", "1"), ("b", "x" * length, "22"), ("", "(not set)", "333")]
    message = report(rows)
    assert cells(message.SerializeToString()) == [list(each) for each in zip(*rows, strict=True)]
    message.rows[1].dimension_values[0].ClearField("value")
    assert cells(message.SerializeToString())[0] == [rows[0][0], "", ""]


def cells(sent, dimensions=2, metrics=1):
    return [column.to_pylist() for column in ga4_wire.Answer.of(sent).columns(dimensions, metrics)]


def test_bytes_that_look_like_rows_are_text_all_the_same():
    rows = [
        ("x" * 24, "x" * 26, "1"),
        ("\x1a\x00" * 60, "\x1a\x7f", "2"),
        ("\x1a", "\x1a\x02\x0a\x00", "3"),
        ("ก" * 8, "", "4"),
    ]
    assert cells(report(rows).SerializeToString()) == [list(each) for each in zip(*rows, strict=True)]


def test_what_is_not_a_row_is_a_message_as_the_library_reads_it():
    message = report([("a", "b", "1"), ("c", "d", "2")])
    answer = ga4_wire.Answer.of(message.SerializeToString())
    assert answer.count == 2
    message.ClearField("rows")
    assert answer.head == message
    assert ga4_wire.Answer.of(message.SerializeToString()).head == message


def test_the_order_of_the_fields_does_not_matter():
    message = report([("a", "b", "1"), ("c", "d", "2")])
    rows, rest = type(message)(rows=message.rows[:1]), type(message)(rows=message.rows[1:])
    message.ClearField("rows")
    answer = ga4_wire.Answer.of(rows.SerializeToString() + message.SerializeToString() + rest.SerializeToString())
    assert answer.head == message
    assert [column.to_pylist() for column in answer.columns(2, 1)] == [["a", "c"], ["b", "d"], ["1", "2"]]


@settings(max_examples=300)
@given(st.data())
def test_spoiled_bytes_are_refused_or_read_as_the_library_reads_them(data):
    whole = report([("a" * 26, "ข", "1"), ("c", "", "2")]).SerializeToString()
    at = data.draw(st.integers(0, len(whole) - 1))
    sent = whole[:at] + data.draw(st.binary(max_size=6)) + whole[at + data.draw(st.integers(0, 3)) :]
    try:
        read = cells(sent)
    except (ValueError, DecodeError):
        return
    library = type(report([])).FromString(sent)
    values = [[cell.value for cell in (*row.dimension_values, *row.metric_values)] for row in library.rows]
    assert read == [list(each) for each in zip(*values, strict=True)] or not values


@pytest.mark.parametrize("asked", [(1, 1), (3, 1), (2, 0), (2, 2)])
def test_a_row_with_another_number_of_cells_is_no_row(asked):
    with pytest.raises(ValueError, match="cells than the report has columns"):
        cells(report([("a", "b", "1")]).SerializeToString(), *asked)


def test_a_text_that_is_no_utf_8_is_refused():
    sent = report([("20261112", "x", "1")]).SerializeToString().replace(b"\x0a\x01x", b"\x0a\x01\xff")
    schema = pa.schema([("a", pa.string()), ("b", pa.string()), ("c", pa.int64())])
    with pytest.raises(ValueError, match="UTF8"):
        ga4_report.batch(ga4_wire.Answer.of(sent), ["a", "b", "c"], schema)


def report(rows):
    """An answer with two dimensions and a metric, and everything around the rows."""
    from google.analytics.data_v1beta import types as ga

    return ga.RunReportResponse.pb(
        ga.RunReportResponse(
            dimension_headers=[{"name": "a"}, {"name": "b"}],
            metric_headers=[{"name": "c"}],
            rows=[
                {"dimension_values": [{"value": a}, {"value": b}], "metric_values": [{"value": c}]} for a, b, c in rows
            ],
            row_count=len(rows),
            metadata={"time_zone": "Asia/Bangkok"},
            kind="analyticsData#runReport",
        )
    )


@contextlib.contextmanager
def other_truth(doors, name, more):
    """Meanwhile the file has these lines more, or in place of the lines of their day."""
    path = doors[0] / "sandbox" / name
    kept = path.read_text(encoding="utf-8")
    days = {line.partition(",")[0] for line in more}
    lines = [line for line in kept.splitlines() if line.partition(",")[0] not in days]
    path.write_text("\n".join([*lines, *more, ""]), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(kept, encoding="utf-8")


DAY = Window(date(2026, 10, 5), date(2026, 10, 5))
ALL_EVENTS = {"events": {"dimensions": ["date", "eventName"], "metrics": ["eventCount"]}}


@both
def test_what_is_rolled_up_into_other_is_kept_and_told(ga4, doors, transport):
    many = [f"2026-10-05,event_{n:03d},{n + 3},0" for n in range(60)]
    said = Said()
    with other_truth(doors, "ga4_events.csv", many):
        table = pull(ga4(transport, streams=ALL_EVENTS), "events", DAY, said)
    assert said.notes["other_row"] is True
    (other,) = [row["event_count"] for row in table.to_pylist() if row["event_name"] == "(other)"]
    assert other == sum(n + 3 for n in range(10))
    assert sum(table["event_count"].to_pylist()) == sum(n + 3 for n in range(60))


def test_a_row_called_other_is_told_though_the_answer_does_not_flag_it(ga4):
    headers = {"dimensionHeaders": [{"name": "date"}, {"name": "eventName"}], "metricHeaders": [{"name": "eventCount"}]}
    rows = [{"dimensionValues": [{"value": "20261005"}, {"value": "(other)"}], "metricValues": [{"value": "7"}]}]
    said = Said()
    with once_then_nothing({"metadata": ZONE, **headers, "rowCount": 1, "rows": rows}) as endpoint:
        pull(ga4("rest", endpoint=endpoint, streams=ALL_EVENTS), "events", DAY, said)
    assert said.notes["other_row"] is True


@both
def test_sampling_is_told_as_the_share_of_the_events_that_was_read(ga4, doors, transport):
    said = Said()
    with other_truth(doors, "ga4_events.csv", ["2026-10-05,sign_up,40000000,0"]):
        pull(ga4(transport), "events", DAY, said)
    assert said.notes["sampled"] == [0.25]


@both
def test_what_is_left_of_the_quota_is_told(ga4, transport):
    said = Said()
    pull(ga4(transport), "traffic", LAST_DAYS, said)
    left = [name for name in said.notes if name.startswith("tokens_left")]
    assert left == ["tokens_left_today", "tokens_left_this_hour", "tokens_left_to_the_project_this_hour"]


@both
def test_no_request_is_made_when_it_would_take_what_is_kept_for_others(ga4, doors, transport, monkeypatch):
    said = Said()
    left = pull(ga4(transport), "traffic", DAY, said) and said.notes["tokens_left_to_the_project_this_hour"]
    asked = []
    monkeypatch.setattr(faults, "of", lambda source: asked.append(source) and None)
    connector = ga4(transport, keep_tokens=left - 3, page_size=1)
    with pytest.raises(SourceUnavailable) as told:
        pull(connector, "traffic", LAST_DAYS)
    assert len(asked) == 3
    assert told.value.retry_after == 3600
    assert str(told.value) == (
        f"ga4: too little is left of the GA4 property's quota: {left - 3:,} tokens of this hour for its Cloud project are left,"
        f" and the last request took 1; `keep_tokens` leaves {left - 3:,} to others."
        " Run the night again in an hour, or lower `keep_tokens`."
    )
    with pytest.raises(SourceUnavailable, match="keep_tokens"):  # nor by the streams that follow
        pull(connector, "events", DAY)
    assert len(asked) == 3
    monkeypatch.setenv("OKR_NOW", "2026-11-16T06:00:01+07:00")  # the buckets are full again
    assert pull(connector, "traffic", DAY).num_rows == 1


def test_a_day_s_quota_lasts_until_midnight_pacific_time(ga4, doors, monkeypatch):
    monkeypatch.setitem(TOKENS, "tokens_per_day", 500)
    with pytest.raises(SourceUnavailable, match=r"of today are left.*Run the night again in 10 hours") as told:
        pull(ga4(keep_tokens=499, page_size=1), "traffic", LAST_DAYS)
    assert told.value.retry_after == 10 * 3600  # 05:00 in Bangkok is 14:00 in California


VISITORS = {
    "month": {"over": "month to date", "metrics": ["totalUsers"]},
    "trailing": {"over": "trailing 28 days", "metrics": ["totalUsers", "sessions"]},
    "since": {"over": "since 2026-10-10", "metrics": ["sessions"], "only": {"isKeyEvent": ["true"]}},
}


@both
def test_people_are_counted_over_the_whole_window_that_ends_on_each_day(ga4, doors, transport):
    rows = pull(ga4(transport, streams=VISITORS), "month", OCTOBER).to_pylist()
    assert [row["day"].day for row in rows] == [*range(1, 32)]
    assert {row["first_day"] for row in rows} == {OCTOBER.first}
    assert [row["day"].day for row in rows if row["complete"]] == [31]
    daily = [int(row["total_users"]) for row in truth(doors, "ga4_days.csv") if row["day"].startswith("2026-10")]
    counted = [row["total_users"] for row in rows]
    assert counted == sorted(counted)
    assert counted[0] == daily[0]
    assert max(daily) < counted[-1] < sum(daily)


def test_a_total_over_days_that_add_up_is_their_sum(ga4, doors):
    (row,) = pull(ga4(streams=VISITORS), "trailing", DAY).to_pylist()
    days = {
        row["day"]: int(row["sessions"])
        for row in truth(doors, "ga4_days.csv")
        if "2026-09-08" <= row["day"] <= "2026-10-05"
    }
    assert (str(row["first_day"]), len(days), row["sessions"]) == ("2026-09-08", 28, sum(days.values()))


def test_a_window_since_a_day_has_no_rows_before_it(ga4):
    rows = pull(ga4(streams=VISITORS), "since", OCTOBER).to_pylist()
    assert (str(rows[0]["day"]), rows[0]["first_day"], len(rows)) == ("2026-10-10", date(2026, 10, 10), 22)


def test_no_total_is_made_for_a_day_that_has_not_come(ga4):
    days = pull(ga4(streams=VISITORS), "month", Window(date(2026, 11, 14), date(2026, 11, 30)))["day"].to_pylist()
    assert [str(day) for day in days] == ["2026-11-14", "2026-11-15", "2026-11-16"]


@pytest.mark.parametrize(("thresholded", "expected"), [(False, 0), (True, None)])
def test_nobody_is_0_people_and_too_few_to_be_told_of_is_unknown(ga4, thresholded, expected):
    streams = {"x": {"over": "week to date", "metrics": ["totalUsers", "bounceRate"]}}
    headers = {"metricHeaders": [{"name": "totalUsers"}, {"name": "bounceRate"}]}
    with once_then_nothing({"metadata": ZONE | {"subjectToThresholding": thresholded}, **headers}) as endpoint:
        (row,) = pull(ga4("rest", endpoint=endpoint, streams=streams), "x", DAY).to_pylist()
    assert (row["total_users"], row["bounce_rate"]) == (expected, None)


@pytest.mark.parametrize(
    ("over", "day", "first", "complete"),
    [
        ("week to date", "2026-11-15", "2026-11-09", True),  # a Sunday
        ("week to date", "2026-11-16", "2026-11-16", False),
        ("month to date", "2028-02-29", "2028-02-01", True),
        ("quarter to date", "2026-12-31", "2026-10-01", True),
        ("quarter to date", "2026-11-30", "2026-10-01", False),
        ("trailing 1 day", "2026-11-15", "2026-11-15", True),
        ("since 2026-11-15", "2026-11-15", "2026-11-15", False),
    ],
)
def test_windows_begin_where_the_words_say(over, day, first, complete):
    windows, last = Windows.parse(over), date.fromisoformat(day)
    assert windows.ending(last) == Window(date.fromisoformat(first), last)
    assert not windows.is_calendar or windows.is_complete(last) is complete


@pytest.mark.parametrize("names", [["to_20261004", "to_20260901"], ["to_20261005", "to_20261005"]])
def test_totals_of_other_windows_than_those_asked_for_are_refused(ga4, names):
    streams = {"x": {"over": "week to date", "metrics": ["sessions"]}}
    headers = {"dimensionHeaders": [{"name": "dateRange"}], "metricHeaders": [{"name": "sessions"}]}
    rows = [{"dimensionValues": [{"value": name}], "metricValues": [{"value": "1"}]} for name in names]
    answer = {"metadata": ZONE, **headers, "rowCount": 2, "rows": rows}
    with once_then_nothing(answer) as endpoint, pytest.raises(DataRejected, match="totals of other windows"):
        pull(ga4("rest", endpoint=endpoint, streams=streams), "x", DAY)


def test_four_totals_are_asked_for_at_once(ga4):
    said = Said()
    assert pull(ga4(streams=VISITORS), "month", OCTOBER, said).num_rows == 31
    assert said.notes["pages"] == 8


def test_totals_must_not_be_added_up(ga4):
    for stream in ga4(streams=VISITORS).streams():
        assert set(stream.not_additive) == {*stream.schema.names} - {"day", "first_day", "complete"}


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"over": "last month", "metrics": ["totalUsers"]}, "write `week to date`"),
        ({"over": "since yesterday", "metrics": ["totalUsers"]}, "'since yesterday' is not a window"),
        ({"over": "month to date", "dimensions": ["date"], "metrics": ["totalUsers"]}, "leave out `dimensions`"),
        ({"metrics": ["totalUsers"]}, "`date` is missing"),
    ],
)
def test_a_mistake_in_a_window_is_told(report, told):
    right = {"connector": "ga4", "property": "1", "credentials": "key.json"}
    with pytest.raises(ValidationError, match=told):
        GA4Settings.model_validate(right | {"streams": {"x": report}})
