"""The Google Sheets connector: the contract against the sandbox's spreadsheet, and what people do in cells."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError
from stage import Stage, stage

from okr_pipeline import sandbox
from okr_pipeline.connectors import google_account
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.google_sheets import GoogleSheets, GoogleSheetsSettings
from okr_pipeline.connectors.kit.testing import ConnectorContract
from okr_pipeline.errors import DataRejected, SourceRejected

WINDOW = Window(date(2026, 10, 1), date(2026, 10, 31))
PLAN = {
    "sheet": "Content plan",
    "columns": {
        "content_id": "text",
        "planned_on": "date",
        "channel": "text",
        "budget": "decimal",
        "approved": "boolean",
    },
    "key": ["content_id"],
    "date": "planned_on",
}


@pytest.fixture(scope="module")
def spreadsheet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., GoogleSheets]]:
    """Makes a connector to the sandbox's spreadsheet, with settings changed as told."""
    with pytest.MonkeyPatch.context() as patch, sandbox.running(tmp_path_factory.mktemp("home")) as environment:
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("NO_PROXY", os.environ.get("NO_PROXY", "127.0.0.1"))

        def make(**changes: Any) -> GoogleSheets:
            settings = {
                "connector": "google_sheets",
                "spreadsheet": environment["GOOGLE_SHEETS_SPREADSHEET"],
                "credentials": environment["GOOGLE_SHEETS_CREDENTIALS"],
                "endpoint": environment["GOOGLE_SHEETS_ENDPOINT"],
                "timezone": "Asia/Bangkok",
                "retry_for": 0,
                "streams": {"plan": PLAN},
            }
            return GoogleSheets("plans", GoogleSheetsSettings.model_validate({**settings, **changes}))

        yield make


class TestTheContract(ConnectorContract):
    """A sheet is one answer, of 64 MB at most; its header is the row that the kit's faults strike."""

    not_applicable = {"pages", "repeated-page", "time-zone", "bounded-memory", "huge-integers", "not-a-number"}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls, spreadsheet: Callable[..., GoogleSheets]) -> GoogleSheets:
        return spreadsheet()


def pull(connector: GoogleSheets, window: Window = WINDOW, said: Said | None = None) -> pa.Table:
    (stream,) = connector.streams()
    return pa.Table.from_batches(connector.pull(stream, window, said or Said()), stream.schema)


def test_cells_keep_their_types_and_empty_ones_are_null(spreadsheet: Callable[..., GoogleSheets]) -> None:
    said = Said()
    rows = pull(spreadsheet(), said=said).to_pylist()
    assert len(rows) > 9
    assert all(WINDOW.first <= row["planned_on"] <= WINDOW.last for row in rows)
    assert {type(row["budget"]) for row in rows} == {Decimal, type(None)}
    assert {row["approved"] for row in rows} == {True, False}
    assert "บล็อก" in {row["channel"] for row in rows}
    assert said.notes["columns_left_out"] == ["note"]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., pa.Table]]:
    """Pulls a tab with the given cells: `typed(columns, header, row, …)`."""
    monkeypatch.setattr(google_account, "token", lambda *_: "ya29.token")
    with stage() as api:

        def read(columns: dict[str, str], *values: list[Any], said: Said | None = None, **declared: Any) -> pa.Table:
            api.answer(answered(values))
            return pull(made(api, columns, **declared), said=said)

        yield read


def answered(values: Any, place: str = "'Plan'!A1:Z1000") -> dict[str, Any]:
    return {"range": place, "majorDimension": "ROWS", **({"values": values} if values else {})}


def made(api: Stage, columns: dict[str, str], **declared: Any) -> GoogleSheets:
    stream = {"sheet": "Plan", "columns": columns, "key": [next(iter(columns))], **declared}
    settings = {
        "connector": "google_sheets",
        "spreadsheet": "https://docs.google.com/spreadsheets/d/1AbcDefGhiJklMnoPqrStuVwx/edit#gid=0",
        "credentials": "key.json",
        "endpoint": api.url,
        "timezone": "Asia/Bangkok",
        "retry_for": 0,
        "streams": {"plan": stream},
    }
    return GoogleSheets("plans", GoogleSheetsSettings.model_validate(settings))


def test_serial_numbers_are_days_and_instants_of_the_spreadsheet_s_zone(typed: Callable[..., pa.Table]) -> None:
    columns = {"id": "integer", "day": "date", "at": "timestamp"}
    (row,) = typed(columns, ["id", "day", "at"], [7, 46341, 46341.29166666667]).to_pylist()
    assert row == {"id": 7, "day": date(2026, 11, 15), "at": datetime.fromisoformat("2026-11-15")}  # 07:00 in Bangkok


@pytest.mark.parametrize("written", ["2026-11-15", "2569-11-15", "๒๕๖๙-๑๑-๑๕"])
def test_days_that_people_typed_as_text_are_read_as_in_files(typed: Callable[..., pa.Table], written: str) -> None:
    (row,) = typed({"id": "text", "day": "date"}, ["id", "day"], ["a", written]).to_pylist()
    assert row["day"] == date(2026, 11, 15)


def test_short_rows_blank_rows_and_other_columns_are_no_mistakes(typed: Callable[..., pa.Table]) -> None:
    table = typed({"id": "text", "n": "integer"}, ["note", "id", "n"], ["x", "a", 1], [], ["", "b"], ["y", "c", 3, "z"])
    assert table.to_pylist() == [{"id": "a", "n": 1}, {"id": "b", "n": None}, {"id": "c", "n": 3}]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("integer", "#DIV/0!"),
        ("integer", 1.5),
        ("integer", 10**30),
        ("integer", True),
        ("decimal", "12 บาท"),
        ("date", 46341.5),
        ("boolean", "maybe"),
    ],
)
def test_a_cell_of_another_kind_is_told_with_its_line(typed: Callable[..., pa.Table], kind: str, cell: Any) -> None:
    said = Said()
    with pytest.raises(DataRejected, match=r"^plans: Plan:3: column n: .*Write "):
        typed({"id": "text", "n": kind}, ["id", "n"], ["a"], ["b", cell], said=said)
    assert [bad.line for bad in said.bad_rows] == [3]


def test_bad_rows_within_what_is_allowed_are_left_out_and_kept(typed: Callable[..., pa.Table]) -> None:
    said = Said()
    rows = typed({"id": "text", "n": "integer"}, ["id", "n"], ["a", "x"], ["b", 2], said=said, bad_rows=1)
    assert rows.to_pylist() == [{"id": "b", "n": 2}]
    assert said.notes["bad_rows"] == {"Plan": 1}


def test_lines_are_counted_from_where_the_cells_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_account, "token", lambda *_: "ya29.token")
    with stage() as api:
        api.answer(answered([["id", "n"], ["a", "x"]], "'Plan'!B5:D999"))
        with pytest.raises(DataRejected, match="Plan:6: column n"):
            pull(made(api, {"id": "text", "n": "integer"}, cells="B5:D"))
        assert "values/'Plan'!B5:D" in api.asked[0].url.path


@pytest.mark.parametrize("values", [[], [["other"]], [["id", "id"]], [[{"a": 1}]]])
def test_a_tab_without_the_wanted_header_is_refused(typed: Callable[..., pa.Table], values: list[list[Any]]) -> None:
    with pytest.raises(DataRejected, match=r"^plans: "):
        typed({"id": "text"}, *values)


def test_a_header_without_rows_is_nothing_yet(typed: Callable[..., pa.Table]) -> None:
    assert typed({"id": "text"}, ["id"]).num_rows == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spreadsheet": "1" * 44}, "between /d/ and /edit"),
        ({"streams": {"plan": {**PLAN, "sheet": "Plan B"}}}, "Look at `sheet`"),
    ],
)
def test_what_is_not_there_is_told_with_the_setting(
    spreadsheet: Callable[..., GoogleSheets], changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(SourceRejected, match=told):
        pull(spreadsheet(**changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spreadsheet": "my plan"}, "is no spreadsheet"),
        ({"streams": {"plan": {**PLAN, "cells": "everything"}}}, "pattern"),
        ({"endpoint": "http://example.com"}, "https"),
    ],
)
def test_a_mistake_in_the_settings_is_told(
    spreadsheet: Callable[..., GoogleSheets], changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        spreadsheet(**changes)


def test_the_token_is_of_the_right_scope_and_stays_secret(
    spreadsheet: Callable[..., GoogleSheets], tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(SourceRejected, match="`credentials`"):
        pull(spreadsheet(credentials=str(path)))
