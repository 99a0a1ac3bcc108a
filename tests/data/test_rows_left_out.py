"""Rows that do not conform are left out and counted while they are few (D-58), in CSV and in Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_emu.data.files import csv_files, parquet_files
from personalize_emu.data.files import csv_nonconforming as csv_sifting
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.rejection import MOST_REASONS, RejectedData, RowCounts
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import encoded
from tests.data.schema_texts import ACTION, EVERY_TYPE, INTERACTIONS_SCHEMA, ITEM, TIME, TYPE, USER, field, schema

NONCONFORMING = "Input csv has rows that do not conform to the dataset schema."
HEADER = ",".join(EVERY_TYPE.names)
GOOD = "i,a|b,t,p,1999,1596238243,1.5,-2e3,true"
YEARS = schema("Items", ITEM, field("YEAR", "int"))


def opened(content: str | bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(content.encode() if isinstance(content, str) else content)


def read(
    contents: Sequence[str | bytes], of: Schema, kind: str = "ITEMS", tolerated: float = 0.05
) -> tuple[pa.Table, RowCounts]:
    counts = RowCounts()
    files = [(f"part-{number}", opened(content)) for number, content in enumerate(contents)]
    return read_files(files, of, kind, tolerated=tolerated, counts=counts), counts


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=7)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",a,t,p,1999,1,1.5,-2e3,true", "column ITEM_ID: a value is required"),
        ('"",a,t,p,1999,1,1.5,-2e3,true', "column ITEM_ID: a value is required"),
        ("i,a,t,p,2006–2007,1,1.5,-2e3,true", "column YEAR: '2006–2007' is not of type int"),
        ("i,a,t,p,1999.0,1,1.5,-2e3,true", "column YEAR: '1999.0' is not of type int"),
        ("i,a,t,p,2147483648,1,1.5,-2e3,true", "column YEAR: '2147483648' is out of the range of type int"),
        ("i,a,t,p,1999,9223372036854775808,1.5,-2e3,true", "column CREATION_TIMESTAMP: "),
        ("i,a,t,p,1999,,1.5,-2e3,true", "column CREATION_TIMESTAMP: a value is required"),
        ("i,a,t,p,1999,1,nan,-2e3,true", "column PRICE: 'nan' is not of type float"),
        ("i,a,t,p,1999,1,1e39,-2e3,true", "column PRICE: "),
        ("i,a,t,p,1999,1,,-2e3,true", "column PRICE: a value is required"),
        ("i,a,t,p,1999,1,1.5,1e999,true", "column WEIGHT: "),
        ("i,a,t,p,1999,1,1.5,-2e3,True", "column ADULT: 'True' is neither true nor false"),
        ("i,a,t,p,1999,1,1.5,-2e3", ": 8 values, the header has 9"),
        ("i,a,t, and more,p,1999,1,1.5,-2e3,true", ": 10 values, the header has 9"),
        ("i,a,t\0,p,1999,1,1.5,-2e3,true", ": NUL bytes are not text"),
        (" ", ": 1 values, the header has 9"),
    ],
)
def test_d58_up_to_five_per_cent_of_rows_may_be_nonconforming(line: str, reason: str) -> None:
    good = [GOOD] * 19
    table, counts = read(["\n".join([HEADER, *good, line, ""])], EVERY_TYPE)
    assert table.num_rows == 19
    assert (counts.rows, counts.left_out) == (20, 1)
    (found,) = counts.reasons
    assert found.startswith("part-0, line 21")
    assert reason in found
    with pytest.raises(RejectedData) as caught:
        read(["\n".join([HEADER, *good[1:], line, ""])], EVERY_TYPE)
    assert caught.value.failure_reason.startswith(NONCONFORMING)
    assert caught.value.failure_reason.endswith(f"(1 of 19 rows, the first: {found.replace('line 21', 'line 20')})")


def test_d53_rows_that_are_not_utf8_are_left_out() -> None:
    content = ("ITEM_ID,YEAR\n" + "é,1\n" * 39).encode() + "ü,1\n".encode("latin-1")
    table, counts = read([content], YEARS)
    assert table.column("ITEM_ID").to_pylist() == ["é"] * 39
    assert counts.reasons == ["part-0, line 41: not UTF-8 text"]


def test_d119_event_types_of_actions_that_do_not_exist_are_left_out() -> None:
    of = schema("ActionInteractions", USER, ACTION, TYPE, TIME)
    kinds = ["Taken"] * 39 + ["Bought"]
    lines = "".join(f"u,a,{kind},1\n" for kind in kinds)
    for content in (
        f"USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\n{lines}",
        parquet({"USER_ID": ["u"] * 40, "ACTION_ID": ["a"] * 40, "EVENT_TYPE": kinds, "TIMESTAMP": [1] * 40}),
    ):
        table, counts = read([content], of, "ACTION_INTERACTIONS")
        assert table.column("EVENT_TYPE").to_pylist() == ["TAKEN"] * 39
        assert counts.left_out == 1


def test_the_share_is_of_the_rows_of_all_files() -> None:
    good, bad = "ITEM_ID,YEAR\n" + "i,1\n" * 60, "ITEM_ID,YEAR\n" + "i,x\n" * 3
    table, counts = read([good, bad], YEARS)
    assert (table.num_rows, counts.rows, counts.left_out) == (60, 63, 3)
    assert read([bad, good], YEARS)[1].reasons == [
        f"part-0, line {line}, column YEAR: 'x' is not of type int" for line in (2, 3, 4)
    ]
    with pytest.raises(RejectedData, match="3 of 13 rows"):
        read([good[: good.index("i,1\n") + 40], bad], YEARS)


@pytest.mark.parametrize("tolerated", [0.0, 1.0])
def test_at_least_one_row_must_conform(tolerated: float) -> None:
    with pytest.raises(RejectedData, match="2 of 2 rows"):
        read(["ITEM_ID,YEAR\ni,x\nj,\n"], YEARS, tolerated=tolerated)
    assert read(["ITEM_ID,YEAR\n"], YEARS, tolerated=tolerated)[0].num_rows == 0


def test_the_first_reasons_are_kept_and_all_rows_counted() -> None:
    lines = [f"i{n},{'x' if n % 50 == 7 else n}" for n in range(2000)]
    with mock.patch.object(csv_files, "BLOCK_BYTES", 64):
        table, counts = read(["\n".join(["ITEM_ID,YEAR", *lines])], YEARS)
    assert table.column("ITEM_ID").to_pylist() == [f"i{n}" for n in range(2000) if n % 50 != 7]
    assert (counts.rows, counts.left_out) == (2000, 40)
    assert [reason.partition(",")[2].split(",")[0] for reason in counts.reasons] == [
        f" line {9 + 50 * n}" for n in range(MOST_REASONS)
    ]


@pytest.mark.parametrize("bad", ["x" * 257 + ",1", '"a"b,1'])
def test_d57_d64_a_value_that_is_too_long_fails_the_job_however_many_rows_are_good(bad: str) -> None:
    with pytest.raises(RejectedData, match=r"^Length cannot be more than 256 characters for ITEM_ID\..*line 1002"):
        read(["ITEM_ID,YEAR\n" + "i,1\n" * 1000 + bad], YEARS)
    long = parquet({"ITEM_ID": ["i"] * 1000 + ["x" * 257], "YEAR": [1] * 1001})
    with pytest.raises(RejectedData, match=r"^Length cannot be more than 256 characters for ITEM_ID\..*row 1001"):
        read([long], YEARS)


def test_only_candidate_lines_are_parsed_slowly() -> None:
    """A block with few nonconforming lines takes little longer than one without."""
    lines = ['"a, ""b""",1', "c\\\"d,2", "é,-3", "+e, 4 "] * 500 + ["f,x"]
    with mock.patch.object(csv_sifting, "line_fault", wraps=csv_sifting.line_fault) as slowly:
        _, counts = read(["\n".join(["ITEM_ID,YEAR", *lines])], YEARS)
        assert slowly.call_count == counts.left_out == 1
        ragged = ["a,1", "b, 2"] * 500 + ["c", "d,1,2"]
        _, counts = read(["\n".join(["ITEM_ID,YEAR", *ragged])], YEARS)
        assert slowly.call_count - 1 == counts.left_out == 2


def test_after_enough_reasons_invalid_lines_are_only_counted() -> None:
    """A large file with a column of another type is refused quickly."""
    lines = [f"i{n},2020-01-01 00:00:00" for n in range(5000)] + ["x,1"]
    with mock.patch.object(csv_sifting, "line_fault", wraps=csv_sifting.line_fault) as slowly:
        table, counts = read(["\n".join(["ITEM_ID,YEAR", *lines])], YEARS, tolerated=1.0)
    assert (table.num_rows, counts.left_out, slowly.call_count) == (1, 5000, MOST_REASONS)


@pytest.mark.parametrize(
    ("column", "kind", "reason"),
    [
        (pa.array([*range(1, 40), None]), "int", "a value is required"),
        (pa.array([*range(39), 2**31]), "int", "out of the range of type int"),
        (pa.array([*range(39), -(2**31) - 1]), "int", "out of the range of type int"),
        (pa.array([*range(39), 2**63], pa.uint64()), "long", "out of the range of type long"),
        (pa.array([1.0] * 39 + [float("nan")]), "double", "not a finite number"),
        (pa.array([1.0] * 39 + [1e39]), "float", "not a finite number"),
        (pa.array(["a"] * 39 + [""]), "string", "a value is required"),
        (pa.array(["a"] * 39 + ["\0"]), "string", "NUL"),
        (pa.array([b"a"] * 39 + [b"\xff"]).view(pa.string()), "string", "not UTF-8 text"),
        (pa.array([b"a"] * 39 + [b"\xff"], pa.large_binary()).view(pa.large_string()), "string", "not UTF-8 text"),
        (pa.array([b"a"] * 39 + [b"\xed\xa0\x80"]).view(pa.string()).dictionary_encode(), "string", "not UTF-8 text"),
        (pa.array([True] * 39 + [None]), "boolean", "a value is required"),
    ],
)
def test_d58_rows_of_parquet(column: pa.Array, kind: str, reason: str) -> None:
    of = schema("Items", ITEM, field("A", kind))
    content = parquet({"ITEM_ID": [f"i{n}" for n in range(40)], "A": column})
    with mock.patch.object(parquet_files, "BATCH_ROWS", 9):
        table, counts = read([content], of)
    assert table.column("ITEM_ID").to_pylist() == [f"i{n}" for n in range(39)]
    assert (counts.rows, counts.left_out) == (40, 1)
    (found,) = counts.reasons
    assert found.startswith("part-0, row 40, column A: ")
    assert reason in found
    table.validate(full=True)
    assert None not in table.column("A").to_pylist()
    with pytest.raises(RejectedData, match=r"1 of 40 rows, the first: part-0, row 40, column A"):
        read([content], of, tolerated=0.02)


def test_allowed_null_conforms_in_parquet() -> None:
    of = schema("Items", ITEM, field("A", ["null", "string"]), field("B", ["null", "int"]))
    content = parquet({"ITEM_ID": ["i", "j"], "A": [None, "a"], "B": [2, None]})
    table, counts = read([content], of, tolerated=0.0)
    assert table.to_pylist() == [{"ITEM_ID": "i", "A": None, "B": 2}, {"ITEM_ID": "j", "A": "a", "B": None}]
    assert (counts.rows, counts.left_out) == (2, 0)


def test_dictionaries_contain_only_values_of_kept_rows() -> None:
    content = parquet({"ITEM_ID": ["i"] * 39 + ["gone"], "YEAR": [1] * 39 + [None]})
    table, _ = read([content], YEARS)
    assert encoded(table.column("ITEM_ID")).dictionary.to_pylist() == ["i"]


def test_names_of_parquet_columns_are_in_any_case() -> None:
    """D-50."""
    table, _ = read([parquet({"Year": [1], "item_id": ["i"], "more": [2]})], YEARS)
    assert table.to_pylist() == [{"ITEM_ID": "i", "YEAR": 1}]


def test_unstructured_input_never_conforms() -> None:
    with pytest.raises(RejectedData, match="2 of 2 rows"):
        read(["USER_ID,ITEM_ID,TIMESTAMP\n{}\n[]\n"], INTERACTIONS_SCHEMA, "INTERACTIONS", tolerated=0.9)
