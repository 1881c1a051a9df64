"""The files connector against real CSV, Excel and Parquet files."""

import os
import re
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

from okr_pipeline.config import Table
from okr_pipeline.connectors.contract import Said, Window
from okr_pipeline.connectors.files import Files, FileSettings, cell_errors, delimited, json_lines, workbook
from okr_pipeline.connectors.files import connector as module
from okr_pipeline.errors import DataRejected, SourceRejected, SourceUnavailable
from okr_pipeline.ingest import ingest
from okr_pipeline.sandbox import files as sandbox
from okr_pipeline.warehouse import Warehouse

SEMINARS = {
    "files": "seminars*.csv",
    "key": ["seminar_id"],
    "date": "held_on",
    "columns": {"seminar_id": "text", "held_on": "date", "seats": "integer"},
}
OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
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


@pytest.mark.parametrize(
    ("written_in", "declared"),
    [
        ("cp874", "windows-874"), ("tis-620", "TIS-620"), ("cp874", "cp874"), ("utf-16-le", "utf-16-le"),
        ("utf-16", None), ("utf-8-sig", "windows-874"),  # a byte order mark is told by the file itself, and believed
    ],
)  # fmt: skip
def test_thai_text_in_the_encodings_that_are_in_use(tmp_path, written_in, declared):
    write(tmp_path, HEADER + "สัมมนา ๑,2026-10-09,40\n", encoding=written_in)

    (row,) = pull(connector(tmp_path, encoding=declared))

    assert (row["seminar_id"], row["seats"]) == ("สัมมนา ๑", 40)


@pytest.mark.parametrize("declared", [None, "utf-8", "ascii"])
def test_text_that_is_in_another_encoding_is_refused_with_its_line_and_not_guessed(tmp_path, declared):
    write(tmp_path, HEADER + "S-1,2026-10-01,1\nสัมมนา,2026-10-09,40\n", encoding="cp874")

    remedy = "Mend `encoding`, or" if declared else r"Write its `encoding` \(windows-874, say\), or"
    with pytest.raises(DataRejected, match=rf"drop: seminars\.csv:3: is not (UTF-8|ASCII) text\. {remedy} save it as"):
        pull(connector(tmp_path, encoding=declared))


def test_utf_16_that_is_declared_and_has_no_mark_is_refused(tmp_path):
    """Which of the two byte orders it is in would be a guess; `utf-16-le` says it."""
    write(tmp_path, HEADER + "S-1,2026-10-01,1\n", encoding="utf-16-le")

    with pytest.raises(DataRejected, match=r"seminars\.csv:1: is not UTF-16 text\. Mend `encoding`"):
        pull(connector(tmp_path, encoding="utf-16"))
    assert len(pull(connector(tmp_path, encoding="utf-16-le"))) == 1


def test_days_of_the_buddhist_era_and_thai_digits_are_what_they_mean(tmp_path):
    write(tmp_path, HEADER + "S-1,2569-10-09,๔๐\nS-2,๒๕๖๙-๑๐-๑๐,-๑.๐\nS-3,2567-02-29,1\n")

    rows = pull(connector(tmp_path), first="2024-01-01")

    assert [(row["held_on"], row["seats"]) for row in rows] == [
        (date(2026, 10, 9), 40),
        (date(2026, 10, 10), -1),
        (date(2024, 2, 29), 1),  # a leap day, and 2567 of the Common Era has none
    ]


def test_a_file_that_was_not_delivered_is_unavailable_and_not_an_empty_table(tmp_path):
    with pytest.raises(SourceUnavailable, match=rf"seminars\*\.csv has not been delivered to {tmp_path}"):
        pull(connector(tmp_path))


def test_a_folder_that_is_not_there_is_unavailable(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"the folder .*share is not there"):
        pull(connector(tmp_path / "share"))


@pytest.mark.parametrize(
    "written", [HEADER, HEADER.rstrip(), "\n" + HEADER], ids=["line", "no_end", "blank_line_before"]
)
def test_a_file_with_a_header_alone_was_fetched_and_is_empty(tmp_path, written):
    write(tmp_path, written)
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


def test_a_long_cell_leaves_the_line_of_a_bad_row_to_be_told(tmp_path):
    """Python's reader, which knows the lines, takes 131,072 characters unless it is told to take more."""
    long = "\n" + HEADER.strip() + ",topic\nS-1,2026-10-01,1," + "x" * 200_000
    write(tmp_path, long + "\nS-2,2026-10-02,many,y\n")

    with pytest.raises(DataRejected, match=r"seminars\.csv:4: column seats: 'many' is not of type integer"):
        pull(connector(tmp_path))


def test_a_row_that_is_too_long_to_be_read_is_told(tmp_path):
    write(tmp_path, HEADER + f"S-1,2026-10-01,{'1' * 3 * delimited.PIECE}\n")

    with pytest.raises(DataRejected, match=r"seminars\.csv: has a row of more than 1,048,576 bytes\. Shorten"):
        pull(connector(tmp_path))


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
        ("S-9,2569-02-29,4", "column held_on: '2026-02-29' is not of type date. Write a day of the Common Era"),
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


MIXED = (
    HEADER
    + 'S-1,2026-10-01,1\nS-2,soon,2\n"S-3\n",2026-10-03,3\n\nS-4,2026-10-04\n,2026-10-05,5\nS-6,2026-10-06,many\n'
)


@pytest.mark.parametrize("piece", [30, 70, delimited.PIECE])
def test_bad_rows_are_left_out_with_file_line_and_what_is_wrong_where_that_is_allowed(tmp_path, monkeypatch, piece):
    """In whichever piece of the file they are."""
    monkeypatch.setattr(delimited, "PIECE", piece)
    write(tmp_path, MIXED)
    said = Said()

    rows = pull(connector(tmp_path, bad_rows=4), said)

    assert [row["seminar_id"] for row in rows] == ["S-1", "S-3"]
    assert [(bad.place, bad.line, bad.problem[:22]) for bad in said.bad_rows] == [
        ("seminars.csv", 3, "column held_on: 'soon'"),
        ("seminars.csv", 7, "has 2 cells where the "),
        ("seminars.csv", 8, "column seminar_id is e"),
        ("seminars.csv", 9, "column seats: 'many' i"),
    ]
    assert said.bad_rows[0].content == '{"seminar_id": "S-2", "held_on": "soon", "seats": "2"}'
    assert said.bad_rows[1].content == "S-4,2026-10-04"
    assert said.notes["bad_rows"] == {"seminars.csv": 4}


@pytest.mark.parametrize("allowed", [0, 3, "66%"])
def test_more_bad_rows_than_allowed_reject_the_pull_and_all_of_them_are_told(tmp_path, allowed):
    write(tmp_path, MIXED)
    said = Said()

    with pytest.raises(
        DataRejected, match=r"^drop: seminars\.csv:3: column held_on: .* 4 rows are bad; they are all in"
    ):
        pull(connector(tmp_path, bad_rows=allowed), said)

    assert len(said.bad_rows) == 4


def test_a_share_of_bad_rows_may_be_allowed(tmp_path):
    write(tmp_path, MIXED)

    assert len(pull(connector(tmp_path, bad_rows="67%"))) == 2


def test_a_file_of_another_shape_is_no_collection_of_bad_rows(tmp_path):
    write(tmp_path, HEADER + "S-1,1 October,1\n" * 1500)
    said = Said()

    with pytest.raises(DataRejected, match=r"seminars\.csv:2: .* More than 1000 rows are bad"):
        pull(connector(tmp_path, bad_rows="100%"), said)

    assert len(said.bad_rows) == 1000


@pytest.mark.parametrize("allowed", [-1, 1001, "some", "101%", True])
def test_how_many_rows_may_be_bad_is_a_number_or_a_share(tmp_path, allowed):
    with pytest.raises(ValidationError, match="write for example `5` or `1%`"):
        connector(tmp_path, bad_rows=allowed)


def landed(tmp_path: Path, **changed) -> tuple[list, list, list]:
    """Raw rows, quarantine and ledger after a pull of October."""
    source, warehouse = connector(tmp_path, **changed), Warehouse(tmp_path / "home")
    (stream,) = source.streams()
    with suppress(DataRejected):
        ingest(warehouse, Table("drop_s", source, stream, "drop.yaml:1"), *OCTOBER, OCTOBER[0])
    with warehouse.open() as connection:
        bad = connection.execute("SELECT load, table_name, place, line FROM ledger.quarantine ORDER BY ALL").fetchall()
        loads = connection.execute("SELECT load, outcome FROM ledger.loads").fetchall()
        query = "SELECT seminar_id FROM raw.drop_s ORDER BY 1"
        raw = connection.execute(query).fetchall() if loads[-1][1] == "landed" else []
    return raw, bad, loads


def test_quarantined_rows_are_kept_with_their_load_whether_the_others_landed_or_not(tmp_path):
    write(tmp_path, MIXED)
    lines = [(1, "drop_s", "seminars.csv", line) for line in (3, 7, 8, 9)]

    assert landed(tmp_path) == ([], lines, [(1, "data_rejected")])
    assert landed(tmp_path, bad_rows=4) == (
        [("S-1",), ("S-3",)],
        lines + [(2, *rest) for _, *rest in lines],
        [(1, "data_rejected"), (2, "landed")],
    )


def test_tsv_and_other_separators(tmp_path):
    write(tmp_path, "seminar_id\theld_on\tseats\nA, B\t2026-10-01\t1\n", "seminars.tsv")
    write(tmp_path, "seminar_id;held_on;seats\nA, B;2026-10-01;1\n")
    expected = [{"seminar_id": "A, B", "held_on": date(2026, 10, 1), "seats": 1}]

    assert pull(connector(tmp_path, files="seminars.tsv")) == expected
    assert pull(connector(tmp_path, separator=";")) == expected


JSON_LINES = {
    "files": "*.jsonl",
    "columns": {"seminar_id": "text", "held_on": "date", "seats": "integer", "cost": "decimal", "open": "boolean"},
}


def test_json_lines_keep_text_numbers_and_money_as_they_are_written(tmp_path):
    write(
        tmp_path,
        '{"seminar_id": "2026-10-01", "held_on": "2026-10-01", "seats": 9007199254740993, "cost": 0.30, "open": true}\n\n'
        '{"note": [1, {"a": 2}], "held_on": "2026-10-02", "seminar_id": 7, "seats": "12", "open": null}\r\n',
        "s.jsonl",
    )
    said = Said()

    assert pull(connector(tmp_path, **JSON_LINES), said) == [
        {
            "seminar_id": "2026-10-01", "held_on": date(2026, 10, 1), "seats": 9007199254740993,
            "cost": Decimal("0.300000000"), "open": True,
        },
        {"seminar_id": "7", "held_on": date(2026, 10, 2), "seats": 12, "cost": None, "open": None},
    ]  # fmt: skip
    assert said.notes["columns_left_out"] == {"s.jsonl": ["note"]}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"seminar_id": "S-2", "held_on": ', "is not a JSON object: "),
        ('["S-2", "2026-10-02"]', "is not a JSON object: is no object"),
        ('{"seminar_id": "S-2", "cost": NaN}', "is not a JSON object: NaN is no number"),
        ("[" * 100_000, "is not a JSON object: "),
        ('{"seminar_id": "S-2", "held_on": 20261002}', "column held_on: '20261002' is not of type date"),
        ('{"held_on": "2026-10-02"}', "column seminar_id is empty"),
    ],
)
def test_a_bad_line_of_json_is_told_by_its_number(tmp_path, line, problem):
    good = '{"seminar_id": "S-1", "held_on": "2026-10-01", "seats": 1, "cost": 1, "open": true}\n'
    write(tmp_path, f"{good}\n{line}\n", "s.jsonl")
    said = Said()

    assert len(pull(connector(tmp_path, **JSON_LINES, bad_rows=1), said)) == 1
    assert [(bad.line, bad.problem[: len(problem)]) for bad in said.bad_rows] == [(3, problem)]


def test_the_newest_of_a_patterns_files_alone_if_so_declared(tmp_path):
    for name, changed_at in (("seminars_a.csv", 200), ("seminars_b.csv", 100)):
        write(tmp_path, HEADER + f"{name[9]},2026-10-01,1\n", name)
        os.utime(tmp_path / name, (changed_at, changed_at))

    assert [row["seminar_id"] for row in pull(connector(tmp_path, take="newest"))] == ["a"]


def test_another_sheet_of_a_workbook_by_its_name(tmp_path):
    with pd.ExcelWriter(tmp_path / "seminars.xlsx") as book:
        pd.DataFrame({"note": ["see the next sheet"]}).to_excel(book, sheet_name="อ่านก่อน", index=False)
        pd.DataFrame({"seminar_id": ["S-1"], "held_on": ["2026-10-01"], "seats": [4]}).to_excel(
            book, sheet_name="ข้อมูล", index=False
        )

    assert len(pull(connector(tmp_path, files="seminars.xlsx", sheet="ข้อมูล"))) == 1
    with pytest.raises(DataRejected, match="has no sheet data; it has: อ่านก่อน, ข้อมูล"):
        pull(connector(tmp_path, files="seminars.xlsx", sheet="data"))


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


FAILED = [("#REF!", "#REF!"), ("=Budget!B2*2", "=Budget!B2*2"), ("=IF(1<2,3,4)", "=IF(1<2,3,4)")]


@pytest.mark.parametrize("before", [0, 1], ids=["from the first column on", "behind an empty column"])
@pytest.mark.parametrize("piece", [64, 2**20])
@pytest.mark.parametrize(("cell", "shown"), FAILED)
def test_a_formula_that_failed_or_was_never_worked_out_is_no_empty_cell(
    tmp_path, monkeypatch, cell, shown, piece, before
):
    """An amount that is left out of a sum without a word is a wrong sum."""
    monkeypatch.setattr(cell_errors, "PIECE", piece)
    book = openpyxl.Workbook()
    book.active.title = "A & B"
    for row in (["seminar_id", "held_on", "cost", "open"], ["S-1", date(2026, 10, 1), 1.5, True]):
        book.active.append([None] * before + row)
    book.active.append([None] * before + ["S-2", date(2026, 10, 2), cell, None])
    book.create_sheet("Budget").append(["#N/A"])
    book.save(tmp_path / "seminars.xlsx")

    with pytest.raises(
        DataRejected, match=rf"seminars\.xlsx:3: column cost: '{re.escape(shown)}' is not of type decimal"
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


@pytest.mark.parametrize("rows", [3, 4, 5])
def test_a_workbook_is_read_part_by_part(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(workbook, "PART", 2)
    seats = [*range(1, rows), "many"]
    ids = [f"S-{n}" for n in seats]
    pd.DataFrame({"seminar_id": ids, "held_on": "2026-10-02", "seats": seats}).to_excel(
        tmp_path / "seminars.xlsx", index=False
    )
    said = Said()
    found = pull(connector(tmp_path, files="seminars.xlsx", bad_rows=1), said)
    assert [row["seats"] for row in found] == [*range(1, rows)]
    assert [bad.line for bad in said.bad_rows] == [rows + 1]


def test_cells_of_a_workbook_are_texts_as_they_are_shown(tmp_path):
    cells = [5.0, 2.5, True, date(2026, 10, 2), datetime.fromisoformat("2026-10-02 09:30"), None, "x"]
    pd.DataFrame({"seminar_id": range(len(cells)), "cell": pd.Series(cells, dtype=object)}).to_excel(
        tmp_path / "seminars.xlsx", index=False
    )
    columns = {"seminar_id": "integer", "cell": "text"}
    found = pull(connector(tmp_path, files="seminars.xlsx", columns=columns, date=None))
    assert [row["cell"] for row in found] == [
        *("5", "2.5", "True", "2026-10-02 00:00:00", "2026-10-02 09:30:00", None, "x")
    ]


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


def test_a_file_that_is_written_while_it_is_read_is_unavailable(tmp_path):
    write(tmp_path, HEADER + "S-1,2026-10-01,1\n")
    source = connector(tmp_path)
    (stream,) = source.streams()
    batches = source.pull(stream, Window(date(2026, 10, 1), date(2026, 10, 1)), Said())
    next(batches)
    with (tmp_path / "seminars.csv").open("a") as file:
        file.write("S-2,2026-10-01,1\n")

    with pytest.raises(SourceUnavailable, match=r"seminars\.csv changed while it was read\. Try again once"):
        list(batches)


def test_big_files_come_in_batches_of_the_streams_schema(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 100)
    write(tmp_path, HEADER + "".join(f"S-{number},2026-10-01,1\n" for number in range(250)))
    source = connector(tmp_path)
    (stream,) = source.streams()

    batches = list(source.pull(stream, Window(date(2026, 10, 1), date(2026, 10, 1)), Said()))

    assert [len(batch) for batch in batches] == [100, 100, 50]
    assert all(batch.schema == stream.schema for batch in batches)


def test_a_bad_line_of_json_is_told_by_its_number_in_every_part_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "PART", 2)
    good = '{"seminar_id": "S-%d", "held_on": "2026-10-01", "seats": 1}\n'
    lines = "".join(good % number if number % 4 else f'{{"seminar_id": "S-{number}"\n' for number in range(1, 10))
    write(tmp_path, lines.replace('"seats": 1}\n', '"at": 2}\n', 5), "seminars.jsonl")
    said = Said()

    rows = pull(connector(tmp_path, files="*.jsonl", bad_rows=2), said)

    assert [row["seminar_id"] for row in rows] == ["S-1", "S-2", "S-3", "S-5", "S-6", "S-7", "S-9"]
    assert [row["seats"] for row in rows] == [None] * 5 + [1, 1]
    assert [bad.line for bad in said.bad_rows] == [4, 8]
    assert said.notes == {
        "files": {"seminars.jsonl": 7},
        "bad_rows": {"seminars.jsonl": 2},
        "columns_left_out": {"seminars.jsonl": ["at"]},
    }


@pytest.mark.parametrize("rows", [2, 4])
def test_a_member_that_no_line_has_is_missing_however_many_parts_there_are(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(json_lines, "PART", 2)
    write(tmp_path, '{"seminar_id": "S-1", "held_on": "2026-10-01"}\n' * rows, "seminars.jsonl")

    with pytest.raises(DataRejected, match="the column seats is missing; it has: seminar_id, held_on"):
        pull(connector(tmp_path, files="*.jsonl"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"files": "seminars.docx"}, "ends in no known kind of file; write one of .csv"),
        ({"files": "../seminars.csv"}, "leaves the folder"),
        ({"key": ["id"]}, "id is not a column of this stream; write one of seminar_id"),
        ({"date": "seats"}, "seats is not a column of type date; write one of held_on"),
        ({"encoding": "klingon"}, "'klingon' is no known encoding; write for example `windows-874`"),
        ({"sheet": "2"}, "has no sheets; remove `sheet`"),
        ({"files": "s.xlsx", "encoding": "utf-8"}, "say their encoding themselves"),
        ({"files": "s.jsonl", "separator": ";"}, "have no separator"),
        ({"take": "latest"}, "'all' or 'newest'"),
        ({"delay": "soon"}, "is not a number of days; write for example `30 days`"),
        ({"files": "**.csv"}, r"`\*\*` is any folders and stands alone"),
        *(({"separator": each}, "separates no cells; write one plain character") for each in ('"', "\n", "฿", "tab")),
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
