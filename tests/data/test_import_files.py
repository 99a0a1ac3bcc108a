"""Import files (D-46 to D-74), each rule with a minimal file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_emu.data.files import csv_files
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.records.bulk_records import check_enough_rows
from personalize_emu.data.rejection import RejectedData
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import STRING
from tests.data.schema_texts import (
    ACTION,
    EVERY_TYPE,
    INTERACTIONS_SCHEMA,
    ITEM,
    TIME,
    TYPE,
    USER,
    field,
    schema,
)

NONCONFORMING = (
    "Input csv has rows that do not conform to the dataset schema. Please ensure all required data fields are "
    "present and that they are of the type specified in the schema."
)
GUIDELINES = "https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html"
HEADER = "USER_ID,ITEM_ID,TIMESTAMP\n"
ACTION_EVENTS = schema("ActionInteractions", USER, ACTION, TYPE, TIME)
TITLES = schema("Items", ITEM, field("TITLE", ["null", "string"]), field("YEAR", ["null", "int"]))


def opened(content: str | bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(content.encode() if isinstance(content, str) else content)


def rows(
    content: str | bytes, of: Schema = INTERACTIONS_SCHEMA, kind: str = "INTERACTIONS", **more: Any
) -> list[list[Any]]:
    table = read_files([("data.csv", opened(content))], of, kind, **more)
    return [list(row.values()) for row in table.to_pylist()]


def titles(content: str | bytes) -> list[list[Any]]:
    return rows(content, TITLES, "ITEMS")


def refusal(content: str | bytes, of: Schema = INTERACTIONS_SCHEMA, kind: str = "INTERACTIONS") -> str:
    with pytest.raises(RejectedData) as caught:
        read_files([("data.csv", opened(content))], of, kind)
    return caught.value.failure_reason


def test_columns_have_documented_layout() -> None:
    table = read_files(
        [("a.csv", opened(HEADER + "u,i,1\nu,j,2\n")), ("b.csv", opened(HEADER))], INTERACTIONS_SCHEMA, "INTERACTIONS"
    )
    assert table.schema.types == [STRING, STRING, pa.int64()]
    assert [column.num_chunks for column in table.itercolumns()] == [1, 1, 1]
    assert table.column("USER_ID").chunk(0).dictionary.to_pylist() == ["u"]
    none = read_files([], EVERY_TYPE, "ITEMS")
    assert none.num_rows == 0
    assert none.column_names == list(EVERY_TYPE.names)


def test_progress_counts_rows_after_every_block() -> None:
    seen: list[int] = []
    files = [("a.csv", opened(HEADER + "u,i,1\n" * 10)), ("b.csv", opened(HEADER + "u,i,1\n" * 5))]
    with mock.patch.object(csv_files, "BLOCK_BYTES", 30):
        read_files(files, INTERACTIONS_SCHEMA, "INTERACTIONS", seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == 15


def test_d47_files_of_a_job_must_have_the_same_header() -> None:
    for other in ("ITEM_ID,USER_ID,TIMESTAMP\n", "USER_ID,ITEM_ID,TIMESTAMP,MORE\n"):
        with pytest.raises(RejectedData) as caught:
            read_files([("a.csv", opened(HEADER)), ("b.csv", opened(other))], INTERACTIONS_SCHEMA, "INTERACTIONS")
        assert caught.value.failure_reason.startswith(NONCONFORMING)
        assert "b.csv" in caught.value.failure_reason
    missing = r"^Input CSV is missing the following columns:\[TIMESTAMP\]\. \(b\.csv: the header is 'USER_ID,ITEM_ID'"
    with pytest.raises(RejectedData, match=missing):
        read_files(
            [("a.csv", opened(HEADER)), ("b.csv", opened("USER_ID,ITEM_ID\n"))], INTERACTIONS_SCHEMA, "INTERACTIONS"
        )


def test_d47_d50_headers_of_one_job_may_differ_in_case_and_quotes() -> None:
    files = [("a.csv", opened(HEADER + "u,i,1\n")), ("b.csv", opened('user_id,"Item_Id","TIMESTAMP"\nv,j,2\n'))]
    table = read_files(files, INTERACTIONS_SCHEMA, "INTERACTIONS")
    assert [list(row.values()) for row in table.to_pylist()] == [["u", "i", 1], ["v", "j", 2]]


def test_files_of_a_job_must_have_the_same_format() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"USER_ID": ["u"], "ITEM_ID": ["i"], "TIMESTAMP": [1]}), sink)
    parquet, csv = ("part-0", opened(sink.getvalue())), ("part-1", opened(HEADER + "u,i,1\n"))
    other = ("readme", opened("how this came about"))
    for files in ([parquet, csv], [csv, parquet], [parquet, other]):
        with pytest.raises(RejectedData) as caught:
            read_files(files, INTERACTIONS_SCHEMA, "INTERACTIONS")
        assert caught.value.failure_reason.startswith(NONCONFORMING)
        assert "all files of one job must be of one format" in caught.value.failure_reason
        assert {name for name in ("part-0", "part-1", "readme") if name in caught.value.failure_reason} == {
            name for name, _ in files
        }


def test_d48_files_are_concatenated_in_order() -> None:
    files = [(name, opened(HEADER + f"{name},i,1")) for name in ("b", "a", "c")]
    table = read_files(files, INTERACTIONS_SCHEMA, "INTERACTIONS")
    assert table.column("USER_ID").to_pylist() == ["b", "a", "c"]


def test_d87_one_invalid_file_fails_the_job() -> None:
    files = [("a.csv", opened(HEADER + "u,i,1\n")), ("b.csv", opened(HEADER + "u,i,x\n"))]
    with pytest.raises(RejectedData, match=r"b\.csv, line 2, column TIMESTAMP: 'x' is not of type long"):
        read_files(files, INTERACTIONS_SCHEMA, "INTERACTIONS")


@pytest.mark.parametrize(
    "header",
    [
        '"USER_ID",ITEM_ID,TIMESTAMP',
        '"user_id","item_id","timestamp"',
        "user_id,Item_Id,timeStamp",
        '"USER_ID","ITEM_ID","TIMESTAMP"',
    ],
)
def test_d49_d50_header_names_in_any_case_and_in_quotes(header: str) -> None:
    assert rows(f"{header}\nu,i,1\n") == [["u", "i", 1]]
    assert rows('"note, ""odd""",' + header + "\nx,u,i,1\n") == [["u", "i", 1]]


def test_d50_exact_column_name_has_priority() -> None:
    assert rows("user_id,USER_ID,ITEM_ID,TIMESTAMP,timestamp\nv,u,i,1,2\n") == [["u", "i", 1]]
    assert "USER_ID occurs more than once" in refusal("user_id,User_Id,ITEM_ID,TIMESTAMP\nv,u,i,1\n")
    assert "ITEM_ID" in refusal("USER_ID,ıtem_id,TIMESTAMP\nu,i,1\n"), "only ASCII letters have two cases"


@pytest.mark.parametrize("header", ["ITEM_ID,USER_ID,EVENT_TYPE,TIMESTAMP", "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"])
def test_d50_recorded_orders_of_columns(header: str) -> None:
    cells = {"USER_ID": "u", "ITEM_ID": "i", "EVENT_TYPE": "watch", "TIMESTAMP": "7"}
    of = schema("Interactions", USER, ITEM, TYPE, TIME)
    line = ",".join(cells[name] for name in header.split(","))
    assert rows(f"{header}\n{line}\n", of) == [["u", "i", "watch", 7]]


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("", "the file has no header"),
        ("USER_ID;ITEM_ID;TIMESTAMP", "separate names and values with commas, not with semicolons"),
        ('"user_id";"item_id";"timestamp"', "separate names and values with commas, not with semicolons"),
        ("USER_ID\tITEM_ID\tTIMESTAMP", "separate names and values with commas, not with tabs"),
        ("USER_ID|ITEM_ID|TIMESTAMP", "separate names and values with commas, not with bars"),
        ("userId,ITEM_ID,TIMESTAMP", "the header is 'userId,ITEM_ID,TIMESTAMP'; 'userId' must be called USER_ID"),
        (" USER_ID,ITEM_ID,TIMESTAMP", "' USER_ID' must be called USER_ID"),
        ("u1,i1,1596238243", "the header is 'u1,i1,1596238243')"),
        ("x" * 1000, f"the header is '{'x' * 200}...')"),
    ],
)
def test_d49_d51_missing_column_names_what_was_found(header: str, hint: str) -> None:
    reason = refusal(header + "\n")
    assert reason.startswith("Input CSV is missing the following columns:[USER_ID")
    assert "(data.csv: " in reason
    assert hint in reason


def test_d51_nullable_columns_are_required_in_files() -> None:
    missing = "Input CSV is missing the following columns:[TITLE, YEAR]."
    assert refusal("ITEM_ID\ni\n", TITLES, "ITEMS").startswith(missing)
    assert refusal("").startswith("Input CSV is missing the following columns:[USER_ID, ITEM_ID, TIMESTAMP].")


def test_d52_other_columns_are_ignored_and_schema_columns_do_not_repeat() -> None:
    assert rows(",USER_ID,A,ITEM_ID,A,TIMESTAMP,\n0,u,,i,,1,z\n") == [["u", "i", 1]]
    reason = refusal("USER_ID,ITEM_ID,TIMESTAMP,USER_ID\nu,i,1,u\n")
    assert reason.startswith(NONCONFORMING)
    assert "USER_ID occurs more than once" in reason


def test_d53_utf8_with_or_without_a_mark() -> None:
    assert rows(("\ufeff" + HEADER + "ü,i,1\n").encode()) == [["ü", "i", 1]]
    assert "line 3: not UTF-8" in refusal(HEADER.encode() + b"u,i,1\n\xfc,i,1\n")
    for encoding in ("utf-16", "utf-32"):
        assert refusal((HEADER + "u,i,1\n").encode(encoding)).startswith(NONCONFORMING)
    assert rows((HEADER + "\ufeffu,i,1\n").encode()) == [["\ufeffu", "i", 1]]


def test_d53_other_encodings_fail_in_ignored_columns_too() -> None:
    assert "not UTF-8" in refusal(b"USER_ID,ITEM_ID,TIMESTAMP,NOTE\nu,i,1,\xfc\n")


def test_d54_d55_quotes_and_escapes() -> None:
    content = (
        'ITEM_ID,TITLE,YEAR\n1,"Toys, ""new""",\n2,"\\"Heat\\" \\\\ 2","1995"\n3,AC\\DC,\n4,5" disc,\n5,"a\\nb",\n'
    )
    assert [row[1] for row in titles(content)] == ['Toys, "new"', '"Heat" \\ 2', "AC\\DC", '5" disc', "a\\nb"]


def test_d56_line_ends_and_empty_lines() -> None:
    expected = [["u", "i", 1], ["u", "j", 2]]
    for content in ("u,i,1\nu,j,2", "\n\nu,i,1\r\n\r\nu,j,2\r\n\n", "u,i,1\r\nu,j,2\r\n", "u,i,1\ru,j,2\r"):
        assert rows(HEADER + content) == expected
    assert rows("\n\n" + HEADER + "u,i,1") == [["u", "i", 1]]
    assert rows("USER_ID\na\n\nb", schema("Users", USER), "USERS") == [["a"], ["b"]]


def test_d56_d57_d64_line_breaks_and_broken_quotes_are_length_errors_of_a_later_column() -> None:
    expected = (
        "Length cannot be more than 1000 characters for TITLE. If no values exceed the character limit, "
        f"make sure your data follows the formatting guidelines listed in {GUIDELINES}."
    )
    for cell in ('"a\nb"', '"a', '"a"b', '"a\\"'):
        reason = refusal(f"ITEM_ID,TITLE,YEAR\n{cell},t,1\n", TITLES, "ITEMS")
        assert reason.startswith(expected)
        assert "line 2" in reason
    assert "256 characters for ITEM_ID" in refusal('TITLE,ITEM_ID,YEAR\n"a"b,t,1\n', TITLES, "ITEMS")


def test_d57_without_a_column_to_blame_rows_do_not_conform() -> None:
    numbers = schema("Users", field("AGE", "int"))
    assert refusal('AGE\n"1\n', numbers, "USERS").startswith(NONCONFORMING)


def test_d58_empty_values_are_null_where_allowed() -> None:
    assert titles('ITEM_ID,TITLE,YEAR\n1,,\n2,"",""\n') == [["1", None, None], ["2", None, None]]
    for line in (",i,1", '"",i,1', "u,,1", "u,i,"):
        assert "a value is required" in refusal(HEADER + line)
    assert titles("ITEM_ID,TITLE,YEAR\n1, ,\n") == [["1", " ", None]]


@pytest.mark.parametrize(("line", "count"), [("u,i", 2), ("u,i,1,2", 4), ("u,i,1,", 4), ("u", 1), (" ", 1)])
def test_d59_number_of_values(line: str, count: int) -> None:
    reason = refusal(HEADER + "u,i,1\n" + line)
    assert reason == f"{NONCONFORMING} (1 of 2 rows, the first: data.csv, line 3: {count} values, the header has 3)"


@pytest.mark.parametrize(
    ("text", "value"), [("+5", 5), ("-5", -5), (" 5\t", 5), ("007", 7), ("9223372036854775807", 2**63 - 1)]
)
def test_d60_integers(text: str, value: int) -> None:
    assert rows(f"{HEADER}0xA,0XB,{text}\n") == [["0xA", "0XB", value]]
    assert rows(f"{HEADER}u,i,{text}\n") == [["u", "i", value]]


@pytest.mark.parametrize("text", ["5.0", "1e5", "0x10", "9223372036854775808", "5 5", "--5", " ", "1,5", "1_0", "٣"])
def test_d60_no_integers(text: str) -> None:
    assert refusal(f'{HEADER}u,i,"{text}"\n').startswith(NONCONFORMING)


@pytest.mark.parametrize(("text", "ok"), [("2147483647", True), ("2147483648", False), ("-2147483649", False)])
def test_d60_int_has_32_bits(text: str, ok: bool) -> None:
    content = f"ITEM_ID,TITLE,YEAR\n1,,{text}\n"
    if ok:
        assert titles(content) == [["1", None, int(text)]]
    else:
        assert "out of the range of type int" in refusal(content, TITLES, "ITEMS")


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1.0), ("-1.5", -1.5), (" 2.5 ", 2.5), ("1e2", 100.0), ("+1.5E-1", 0.15), (".5", 0.5)]
)
def test_d60_decimals(text: str, value: float) -> None:
    of = schema("Items", ITEM, field("PRICE", "float"), field("WEIGHT", "double"))
    assert rows(f"ITEM_ID,PRICE,WEIGHT\n1,{text},{text}\n", of, "ITEMS") == [["1", pytest.approx(value), value]]


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e999", "0x1p3", "1.5f", "e5", ".", "1d"])
@pytest.mark.parametrize("kind", ["float", "double"])
def test_d60_no_decimals(text: str, kind: str) -> None:
    of = schema("Items", ITEM, field("PRICE", ["null", kind]))
    assert "column PRICE" in refusal(f"ITEM_ID,PRICE\n1,{text}\n", of, "ITEMS")


def test_d60_blanks_around_strings_stay() -> None:
    assert rows(HEADER + " u , i,1\n") == [[" u ", " i", 1]]


def test_d61_booleans() -> None:
    of = schema("Items", ITEM, field("ADULT", ["null", "boolean"]))
    assert rows('ITEM_ID,ADULT\n1,true\n2,false\n3,"true"\n4,\n', of, "ITEMS") == [
        ["1", True],
        ["2", False],
        ["3", True],
        ["4", None],
    ]
    for text in ("True", "FALSE", "1", "0", "yes", " true"):
        assert "neither true nor false" in refusal(f"ITEM_ID,ADULT\n1,{text}\n", of, "ITEMS")


def test_d62_milliseconds_are_read_as_seconds() -> None:
    assert rows(HEADER + "u,i,1596238243000\n") == [["u", "i", 1596238243000]]


def test_d63_bars_count_towards_the_limit() -> None:
    of = schema("Items", ITEM, field("GENRES", categorical=True))
    assert rows(f"ITEM_ID,GENRES\n1,{'ab|' * 333}c\n", of, "ITEMS") == [["1", "ab|" * 333 + "c"]]
    assert "1000 characters for GENRES" in refusal(f"ITEM_ID,GENRES\n1,{'ab|' * 333}cd\n", of, "ITEMS")


@pytest.mark.parametrize(
    ("column", "limit"),
    [("USER_ID", 256), ("ITEM_ID", 256), ("EVENT_TYPE", 1000), ("IMPRESSION", 1000), ("NOTE", 1000)],
)
def test_d64_lengths_in_characters(column: str, limit: int) -> None:
    of = schema("Interactions", USER, ITEM, TIME, TYPE, field("IMPRESSION"), field("NOTE", ["null", "string"]))
    cells = {"USER_ID": "u", "ITEM_ID": "i", "TIMESTAMP": "1", "EVENT_TYPE": "e", "IMPRESSION": "i", "NOTE": ""}
    header = ",".join(cells)
    fits = {**cells, column: "é" * limit}
    assert len(rows(f"{header}\n{','.join(fits.values())}\n", of)) == 1
    longer = {**cells, column: "é" * (limit + 1)}
    assert refusal(f"{header}\n{','.join(longer.values())}\n", of).startswith(
        f"Length cannot be more than {limit} characters for {column}. If no values exceed the character limit, "
        f"make sure your data follows the formatting guidelines listed in {GUIDELINES}."
    )


def test_d65_long_texts_are_cut() -> None:
    of = schema("Items", ITEM, field("PLOT", ["null", "string"], textual=True))
    content = f"ITEM_ID,PLOT\n1,{'word ' * 5000}\n2,{'漢字カナ' * 2000}\n3,short\n4,\n5,{'漢' * 7000}\n"
    lengths = [len(plot or "") for _, plot in rows(content, of, "ITEMS")]
    assert lengths == [20_000, 7_000, 5, 0, 7_000]


def test_d68_ids_are_exact() -> None:
    assert [row[0] for row in rows(HEADER + "A,i,1\na,i,1\nа,i,1\n1,i,1\n01,i,1\n")] == ["A", "a", "а", "1", "01"]


def test_d13_d14_plain_strings_and_booleans_are_stored() -> None:
    of = schema("Items", ITEM, field("NOTE"), field("FLAG", "boolean"))
    assert rows("ITEM_ID,NOTE,FLAG\n1,any text,false\n", of, "ITEMS") == [["1", "any text", False]]


def test_d17_d67_reserved_words_and_special_characters_may_be_values() -> None:
    assert rows(HEADER + "USER_ID,TIMESTAMP,1\nö#%&/()=?;|,<b>'x',2\n") == [
        ["USER_ID", "TIMESTAMP", 1],
        ["ö#%&/()=?;|", "<b>'x'", 2],
    ]


def test_d111_a_file_of_one_column() -> None:
    of = schema("Users", USER)
    assert rows("USER_ID\nu\n\nv", of, "USERS") == [["u"], ["v"]]
    assert refusal("u\nv\n", of, "USERS") .startswith("Input CSV is missing the following columns:[USER_ID].")


def test_d119_event_types_of_actions_are_normalised() -> None:
    header = "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\n"
    spelt = ["Taken", "Not Taken", "NOT_TAKEN", "Not taken", "viewed"]
    content = header + "".join(f"u,a,{kind},1\n" for kind in spelt)
    kinds = [row[2] for row in rows(content, ACTION_EVENTS, "ACTION_INTERACTIONS")]
    assert kinds == ["TAKEN", "NOT_TAKEN", "NOT_TAKEN", "NOT_TAKEN", "VIEWED"]
    reason = refusal(header + "u,a,Taken,1\nu,a,Bought,1\n", ACTION_EVENTS, "ACTION_INTERACTIONS")
    assert reason.startswith(NONCONFORMING)
    assert "line 3, column EVENT_TYPE" in reason


@pytest.mark.parametrize(
    ("kind", "mode", "counted"),
    [
        ("INTERACTIONS", "FULL", True),
        ("INTERACTIONS", "INCREMENTAL", True),
        ("ACTION_INTERACTIONS", "FULL", False),
        ("ACTION_INTERACTIONS", "INCREMENTAL", True),
        ("ITEMS", "INCREMENTAL", False),
        ("USERS", "FULL", False),
        ("ACTIONS", "FULL", False),
    ],
)
def test_d70_d71_d72_d74_minimum_of_rows(kind: str, mode: Any, counted: bool) -> None:
    check_enough_rows(1000, kind, mode)
    if counted:
        with pytest.raises(RejectedData) as caught:
            check_enough_rows(999, kind, mode)
        assert caught.value.failure_reason == (
            "Input data has 999 interactions. A minimum of 1000 interactions is required."
        )
    else:
        check_enough_rows(0, kind, mode)
