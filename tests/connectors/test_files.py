"""The files connector against real CSV, Excel and Parquet files."""

import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

from okr_pipeline.connectors import files as module
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.files import Files, FileSettings
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable
from okr_pipeline.sandbox import files as sandbox

SEMINARS = {
    "files": "seminars*.csv",
    "key": ["seminar_id"],
    "date": "held_on",
    "columns": {"seminar_id": "text", "held_on": "date", "seats": "integer"},
}
HEADER = "seminar_id,held_on,seats\n"


def connector(folder: Path, **changed) -> Files:
    streams = {"s": SEMINARS | changed}
    data = {
        "connector": "files",
        "folder": str(folder),
        "timezone": "Asia/Bangkok",
        "retry_for": "1 second",
        "streams": streams,
    }
    return Files("drop", FileSettings.model_validate(data))


def pull(source: Files, said: Said | None = None, first="2026-10-01", last="2026-10-31") -> list[dict]:
    (stream,) = source.streams()
    window = Window(date.fromisoformat(first), date.fromisoformat(last))
    return pa.Table.from_batches(source.pull(stream, window, said or Said()), stream.schema).to_pylist()


def write(folder: Path, text: str, name: str = "seminars.csv", encoding: str = "utf-8") -> None:
    (folder / name).write_bytes(text.encode(encoding))


def test_rows_of_the_window_come_in_the_declared_types(tmp_path):
    write(tmp_path, HEADER + "S-1,2026-09-30,1\nS-2,2026-10-01,2\nS-3,2026-10-31,\nS-4,2026-11-01,4\n")

    assert pull(connector(tmp_path)) == [
        {"seminar_id": "S-2", "held_on": date(2026, 10, 1), "seats": 2},
        {"seminar_id": "S-3", "held_on": date(2026, 10, 31), "seats": None},
    ]


def test_a_list_without_days_is_delivered_whole(tmp_path):
    write(tmp_path, HEADER + "S-1,1999-01-01,1\nS-2,,2\n")

    assert [row["seminar_id"] for row in pull(connector(tmp_path, date=None))] == ["S-1", "S-2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_thai_text_and_excels_byte_order_mark(tmp_path, encoding):
    write(tmp_path, HEADER + '"สัมมนา, ครั้งที่ ๑ ","2026-10-09",40\r\n', encoding=encoding)

    (row,) = pull(connector(tmp_path))

    assert row["seminar_id"] == "สัมมนา, ครั้งที่ ๑"


@pytest.mark.parametrize("encoding", ["cp874", "utf-16"])
def test_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path, encoding):
    write(tmp_path, HEADER + "สัมมนา,2026-10-09,40\n", encoding=encoding)

    line = 2 if encoding == "cp874" else 1
    with pytest.raises(DataRejected, match=rf"drop: seminars\.csv:{line}: is not UTF-8 text\. Save it as `CSV UTF-8`"):
        pull(connector(tmp_path))


def test_a_file_that_was_not_delivered_is_unavailable_and_not_an_empty_table(tmp_path):
    with pytest.raises(SourceUnavailable, match=rf"seminars\*\.csv has not been delivered to {tmp_path}"):
        pull(connector(tmp_path))


def test_a_folder_that_is_not_there_is_unavailable(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"the folder .*share is not there"):
        pull(connector(tmp_path / "share"))


def test_a_file_with_a_header_alone_was_fetched_and_is_empty(tmp_path):
    write(tmp_path, HEADER)
    said = Said()

    assert pull(connector(tmp_path), said) == []
    assert said.notes == {"files": {"seminars.csv": 0}}


def test_all_files_of_a_pattern_make_one_table_but_for_those_that_excel_hides(tmp_path):
    write(tmp_path, HEADER + "S-2,2026-10-02,1\n", "seminars_b.csv")
    write(tmp_path, HEADER + "S-1,2026-10-01,1\n", "seminars_a.csv")
    write(tmp_path, "junk", ".seminars_c.csv")
    said = Said()

    assert [row["seminar_id"] for row in pull(connector(tmp_path), said)] == ["S-1", "S-2"]
    assert said.notes == {"files": {"seminars_a.csv": 1, "seminars_b.csv": 1}}
    assert said.available_through is None


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    write(tmp_path, "seminar_id;held_on;seats\nS-1;2026-10-01;4\n")

    with pytest.raises(
        DataRejected, match=r"seminars\.csv: the column seminar_id is missing; it has: seminar_id;held_on"
    ):
        pull(connector(tmp_path))


def test_an_empty_file_has_no_columns(tmp_path):
    write(tmp_path, "")

    with pytest.raises(DataRejected, match="the column seminar_id is missing; it has: none"):
        pull(connector(tmp_path))


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    write(tmp_path, "seminar_id,seats,held_on,seats\nS-1,4,2026-10-01,5\n")

    with pytest.raises(DataRejected, match="the column seats is there twice"):
        pull(connector(tmp_path))


def test_columns_nobody_asked_for_are_left_out_and_said(tmp_path):
    write(tmp_path, "note,seminar_id,held_on,seats,\nx,S-1,2026-10-01,4,\n")
    said = Said()

    assert pull(connector(tmp_path), said) == [{"seminar_id": "S-1", "held_on": date(2026, 10, 1), "seats": 4}]
    assert said.notes["columns_left_out"] == {"seminars.csv": ["note"]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("S-9,9 Oct,4", "column held_on: '9 Oct' is not of type date. Write a day of the Common Era as YYYY-MM-DD"),
        ("S-9,2026-02-30,4", "column held_on: '2026-02-30' is not of type date"),
        ("S-9,2569-10-09,4", "column held_on: '2569-10-09' is not of type date. Write a day of the Common Era"),
        ('S-9,2026-10-09,"1,200"', "column seats: '1,200' is not of type integer. Write a whole number such as 1250"),
        ("S-9,2026-10-09,0x10", "column seats: '0x10' is not of type integer"),
        ("S-9,2026-10-09,99999999999999999999", "column seats: '99999999999999999999' is not of type integer"),
        (",2026-10-09,4", "column seminar_id is empty, and it is part of the key"),
        ("S-9,2026-10-09", "has 2 cells where the header has 3: 'S-9,2026-10-09'"),
        ('"S-9,2026-10-09,4', "a quote is not closed"),
    ],
)
def test_a_bad_row_is_told_by_the_line_where_a_person_finds_it(tmp_path, row, message):
    before = 'S-1,2026-10-01,1\n\n"S-2\nwith a second line",2026-10-02,2\n,,\n'
    write(tmp_path, HEADER + before + row + "\nS-3,2026-10-03,3\n")

    with pytest.raises(DataRejected) as caught:
        pull(connector(tmp_path))

    assert str(caught.value).startswith(f"drop: seminars.csv:7: {message}")


def test_the_bad_row_is_found_wherever_it_lies(tmp_path):
    for bad in (0, 1, 511, 512, 999):
        rows = [f"S-{number},2026-10-01,{'?' if number == bad else number}\n" for number in range(1000)]
        write(tmp_path, HEADER + "".join(rows))

        with pytest.raises(DataRejected, match=rf"seminars\.csv:{bad + 2}: column seats: '\?'"):
            pull(connector(tmp_path))


def test_rows_without_a_date_belong_to_no_window_and_are_counted(tmp_path):
    write(tmp_path, HEADER + "S-1,2026-10-01,1\nS-2,,2\n")
    said = Said()

    assert [row["seminar_id"] for row in pull(connector(tmp_path), said)] == ["S-1"]
    assert said.notes["rows_without_date"] == {"seminars.csv": 1}


@pytest.mark.parametrize(
    ("kind", "texts", "values"),
    [
        ("boolean", ["true", "FALSE", "Yes", "no", "1", "0", ""], [True, False, True, False, True, False, None]),
        (
            "decimal",
            ["1250.5", "-.25", "1e3", "0.1234567891"],
            map(Decimal, ["1250.5", "-0.25", "1000", "0.123456789"]),
        ),
        ("integer", ["+7", "-7", "7.0", " 7 "], [7, -7, 7, 7]),
        ("date", ["2026-10-01", "2026-10-01 00:00:00"], [date(2026, 10, 1)] * 2),
        (
            "timestamp",
            [
                "2026-10-01",
                "2026-10-01T12:00",
                "2026-10-01 12:00:00.5",
                "2026-10-01T12:00:00Z",
                "2026-10-01 12:00:00+07:00",
            ],
            map(
                datetime.fromisoformat,
                ["2026-10-01", "2026-10-01T12:00", "2026-10-01T12:00:00.5", "2026-10-01T12:00", "2026-10-01T05:00"],
            ),
        ),
        ("text", ["007", "", "NA", "null", "-"], ["007", None, "NA", "null", "-"]),
    ],
)
def test_how_each_type_may_be_written(tmp_path, kind, texts, values):
    write(tmp_path, "id,value\n" + "".join(f"{number},{text}\n" for number, text in enumerate(texts)))
    stream = {"key": ["id"], "date": None, "columns": {"id": "text", "value": kind}}

    assert [row["value"] for row in pull(connector(tmp_path, **stream))] == list(values)


def test_a_day_may_be_derived_from_an_instant(tmp_path):
    write(tmp_path, "id,at\nA,2026-09-30 17:00:00\nB,2026-10-31 17:00:00\n")
    stream = {"key": ["id"], "columns": {"id": "text", "at": "timestamp"}, "days": {"day": "at"}, "date": "day"}

    assert [(row["id"], row["day"]) for row in pull(connector(tmp_path, **stream))] == [("A", date(2026, 10, 1))]


EXCEL = {
    "files": "seminars.xlsx",
    "columns": {"seminar_id": "text", "held_on": "date", "cost": "decimal", "open": "boolean"},
}


def test_excel_with_its_own_dates_numbers_and_booleans(tmp_path):
    frame = pd.DataFrame(
        {
            "seminar_id": ["ก-1", 7],
            "held_on": [date(2026, 10, 1), "2026-10-02"],
            "cost": [1250.75, 0.1 + 0.2],
            "open": [True, "no"],
        }
    )
    frame.to_excel(tmp_path / "seminars.xlsx", index=False)

    assert pull(connector(tmp_path, **EXCEL)) == [
        {"seminar_id": "ก-1", "held_on": date(2026, 10, 1), "cost": Decimal("1250.750000000"), "open": True},
        {"seminar_id": "7", "held_on": date(2026, 10, 2), "cost": Decimal("0.300000000"), "open": False},
    ]


def test_a_bad_cell_in_excel_is_told_by_its_row(tmp_path):
    frame = pd.DataFrame(
        {
            "seminar_id": ["S-1", None, "S-3"],
            "held_on": [date(2026, 10, 1), None, datetime.fromisoformat("2026-10-02T09:30")],
            "cost": [1.5, None, 2],
            "open": [True, None, False],
        }
    )
    frame.to_excel(tmp_path / "seminars.xlsx", index=False)

    with pytest.raises(
        DataRejected, match=r"seminars\.xlsx:4: column held_on: '2026-10-02 09:30:00' is not of type date"
    ):
        pull(connector(tmp_path, **EXCEL))


def test_parquet_in_other_types_is_cast_without_loss(tmp_path):
    table = pa.table(
        {
            "seminar_id": pa.array(["S-1", "S-2"]).dictionary_encode(),
            "held_on": pa.array([datetime.fromisoformat("2026-10-01"), None], pa.timestamp("ns")),
            "seats": pa.array([4.0, 5.0]),
        }
    )
    parquet.write_table(table, tmp_path / "seminars.parquet")

    assert pull(connector(tmp_path, files="seminars.parquet")) == [
        {"seminar_id": "S-1", "held_on": date(2026, 10, 1), "seats": 4}
    ]


def test_a_bad_value_in_parquet_is_told_by_its_row(tmp_path):
    table = pa.table({"seminar_id": ["S-1", "S-2"], "held_on": [date(2026, 10, 1)] * 2, "seats": [4.0, 5.5]})
    parquet.write_table(table, tmp_path / "seminars.parquet")

    with pytest.raises(DataRejected, match=r"seminars\.parquet:2: column seats: 5\.5 is not of type integer"):
        pull(connector(tmp_path, files="seminars.parquet"))


@pytest.mark.parametrize(("name", "kind"), [("seminars.xlsx", "Excel"), ("seminars.parquet", "Parquet")])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, kind):
    write(tmp_path, HEADER, name)

    with pytest.raises(DataRejected, match=rf"drop: {name}: is not (an )?{kind}"):
        pull(connector(tmp_path, files=name))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_rejected(tmp_path):
    write(tmp_path, HEADER)
    (tmp_path / "seminars.csv").chmod(0)

    with pytest.raises(SourceRejected, match="may not be read"):
        pull(connector(tmp_path))


def test_big_files_come_in_batches_of_the_streams_schema(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 100)
    write(tmp_path, HEADER + "".join(f"S-{number},2026-10-01,1\n" for number in range(250)))
    source = connector(tmp_path)
    (stream,) = source.streams()

    batches = list(source.pull(stream, Window(date(2026, 10, 1), date(2026, 10, 1)), Said()))

    assert [len(batch) for batch in batches] == [100, 100, 50]
    assert all(batch.schema == stream.schema for batch in batches)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"files": "seminars.docx"}, "ends in no known kind of file; write one of .csv"),
        ({"files": "../seminars.csv"}, "leaves the folder"),
        ({"key": ["id"]}, "id is not a column of this stream; write one of seminar_id"),
        ({"date": "seats"}, "seats is not a column of type date; write one of held_on"),
        ({"delay": "soon"}, "is not a number of days; write for example `30 days`"),
    ],
)
def test_a_wrong_declaration_says_what_would_be_right(tmp_path, changed, message):
    with pytest.raises(ValidationError, match=message):
        connector(tmp_path, **changed)


USAGE = {
    "files": "tool_usage_*.csv",
    "key": ["week_of", "tool"],
    "date": "week_of",
    "columns": {"week_of": "date", "tool": "text", "active_users": "integer"},
    "delay": "10 days",
}


def test_a_regular_export_that_is_late_is_said_to_reach_only_so_far(tmp_path):
    source = connector(tmp_path / "files", **USAGE)

    def known(at: str) -> date | None:
        said = Said()
        sandbox.deliver(tmp_path, datetime.fromisoformat(at))
        pull(source, said)
        return said.available_through

    assert known("2026-10-20T05:00+07:00") == date(2026, 10, 12)
    assert known("2026-10-22T05:00+07:00") == date(2026, 10, 12)  # that of the 19th is three days late
    assert known("2026-10-23T05:00+07:00") == date(2026, 10, 19)


def test_the_sandboxs_files_are_written_once_and_always_alike(tmp_path):
    now = datetime.fromisoformat("2026-11-16T05:00+07:00")
    for folder, instants in (("a", [now]), ("b", [datetime.fromisoformat("2026-07-01T05:00+07:00"), now])):
        sandbox.seed(tmp_path / folder)
        for instant in instants:
            sandbox.deliver(tmp_path / folder, instant)

    def content(folder: str, ending: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (tmp_path / folder / "files").glob(f"*{ending}")}

    assert content("a", ".csv") == content("b", ".csv")
    assert content("a", ".parquet") == content("b", ".parquet")
    edited = tmp_path / "a" / "files" / "tool_usage_2026-11-09.csv"
    edited.write_text("week_of,tool,provisioned_users,active_users\n")
    sandbox.deliver(tmp_path / "a", now)
    sandbox.seed(tmp_path / "a")
    assert edited.read_text().count("\n") == 1
