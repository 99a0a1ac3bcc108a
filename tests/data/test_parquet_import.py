"""Parquet files under the rules of CSV."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.rejection import RejectedData
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import arrow_schema
from tests.data.schema_texts import EVERY_TYPE, ITEM, field, schema

NONCONFORMING = "Input csv has rows that do not conform to the dataset schema."


def parquet(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def imported(content: bytes, of: Schema, kind: str = "ITEMS") -> pa.Table:
    return read_files([("part-0.PARQUET", lambda: io.BytesIO(content))], of, kind)


def values(column: pa.Array, kind: Any = "string", name: str = "A", **attributes: Any) -> list[Any]:
    of = schema("Items", ITEM, field(name, kind, **attributes))
    ids = pa.array([str(number) for number in range(len(column))])
    found: list[Any] = imported(parquet(pa.table({"ITEM_ID": ids, name: column})), of).column(name).to_pylist()
    return found


def refusal(column: pa.Array, kind: Any = "string", name: str = "A") -> str:
    with pytest.raises(RejectedData) as caught:
        values(column, kind, name)
    return caught.value.failure_reason


def test_d50_d51_d52_columns_are_matched_by_name() -> None:
    table = pa.table({"EXTRA": [1], "TITLE": ["t"], "ITEM_ID": ["i"]})
    of = schema("Items", ITEM, field("TITLE"))
    assert imported(parquet(table), of).to_pylist() == [{"ITEM_ID": "i", "TITLE": "t"}]
    with pytest.raises(RejectedData, match=r"^Input CSV is missing the following columns:\[GENRES, YEAR\]\. \("):
        imported(parquet(table), schema("Items", ITEM, field("GENRES"), field("YEAR", "int")))


def test_d52_a_schema_column_does_not_repeat() -> None:
    twice = pa.Table.from_arrays([pa.array(["i"]), pa.array(["j"])], ["ITEM_ID", "ITEM_ID"])
    with pytest.raises(RejectedData, match="ITEM_ID occurs more than once"):
        imported(parquet(twice), schema("Items", ITEM))


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
)
def test_every_layout_of_strings(kind: pa.DataType) -> None:
    assert values(pa.array(["a", None, "a", ""], kind), ["null", "string"]) == ["a", None, "a", None]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (pa.int8(), "int"),
        (pa.uint16(), "int"),
        (pa.int64(), "int"),
        (pa.uint64(), "long"),
        (pa.int32(), "long"),
        (pa.int64(), "float"),
        (pa.int32(), "double"),
        (pa.float32(), "double"),
        (pa.float64(), "float"),
        (pa.dictionary(pa.int8(), pa.int64()), "long"),
    ],
)
def test_numbers_that_fit(source: pa.DataType, kind: str) -> None:
    assert values(pa.array([1, 2, None], source), ["null", kind]) == [1, 2, None]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([2**31]), "int"),
        (pa.array([2**63], pa.uint64()), "long"),
        (pa.array([1e39]), "float"),
        (pa.array([float("nan")]), "double"),
        (pa.array([float("inf")]), "float"),
        (pa.array([1.0]), "long"),
        (pa.array(["1"]), "int"),
        (pa.array([1]), "string"),
        (pa.array([b"a"]), "string"),
        (pa.array([["a"]]), "string"),
        (pa.array([1]), "boolean"),
        (pa.array([True]), "int"),
        (pa.array([0], pa.timestamp("s")), "long"),
        (pa.array(["a\0b"]), "string"),
        (pa.array([None], pa.string()), "string"),
        (pa.array([""]), "string"),
        (pa.array([None]), "int"),
    ],
)
def test_d58_d60_values_that_do_not_conform(column: pa.Array, kind: str) -> None:
    reason = refusal(column, kind)
    assert reason.startswith(NONCONFORMING)
    assert "column A" in reason


def test_numbers_round_as_their_decimal_notation_in_csv_does() -> None:
    assert values(pa.array([2**24 + 1]), "float") == [2.0**24]
    assert values(pa.array([2**53 + 1]), "double") == [2.0**53]


def test_null_column_needs_nullable_field() -> None:
    for kind in ("string", "long", "float", "boolean"):
        assert values(pa.array([None, None]), ["null", kind]) == [None, None]


def test_d64_d65_lengths() -> None:
    assert refusal(pa.array(["a", "é" * 1001])).startswith("Length cannot be more than 1000 characters for A.")
    assert "row 2" in refusal(pa.array(["a", "é" * 1001]))
    assert values(pa.array(["é" * 1000])) == ["é" * 1000]
    assert [len(text) for text in values(pa.array(["x" * 30_000, "y"]), textual=True)] == [20_000, 1]
    with pytest.raises(RejectedData, match=r"^Length cannot be more than 256 characters for ITEM_ID\."):
        imported(parquet(pa.table({"ITEM_ID": ["i" * 257]})), schema("Items", ITEM))


def test_the_row_to_blame_counts_over_batches() -> None:
    numbers = ["1"] * 70_000
    numbers[69_000] = ""
    with pytest.raises(RejectedData, match="row 69001, column ITEM_ID: a value is required"):
        imported(parquet(pa.table({"ITEM_ID": numbers}), row_group_size=1000), schema("Items", ITEM))


def test_d47_parquet_files_of_a_job_must_have_the_same_columns() -> None:
    first, second = parquet(pa.table({"ITEM_ID": ["i"]})), parquet(pa.table({"ITEM_ID": ["i"], "A": ["a"]}))
    files = [("1.parquet", lambda: io.BytesIO(first)), ("2.parquet", lambda: io.BytesIO(second))]
    with pytest.raises(RejectedData, match=r"2\.parquet: the header differs from that of 1\.parquet"):
        read_files(files, schema("Items", ITEM), "ITEMS")


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_damaged_files_are_read_or_rejected(place: int, byte: int, length: int) -> None:
    content = bytearray(parquet(pa.table({"ITEM_ID": ["a", "b"], "YEAR": [1, 2]}), compression="none"))
    content[place % len(content)] = byte
    for damaged in (bytes(content), bytes(content[: length % len(content)])):
        try:
            imported(damaged, schema("Items", ITEM, field("YEAR", "int")))
        except RejectedData as error:
            reason = error.failure_reason
        else:
            continue
        assert reason.startswith(("Input csv has rows", "Input CSV is missing", "Length cannot be"))


ROWS = st.fixed_dictionaries(
    {
        "ITEM_ID": st.text(min_size=1, max_size=5).filter(lambda text: "\0" not in text),
        "GENRES": st.none() | st.sampled_from(["a", "a|b"]),
        "TITLE": st.none() | st.just("t\nu"),
        "PLOT": st.none(),
        "YEAR": st.none() | st.integers(-(2**31), 2**31 - 1),
        "CREATION_TIMESTAMP": st.integers(-(2**63), 2**63 - 1),
        "PRICE": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "WEIGHT": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "ADULT": st.none() | st.booleans(),
    }
)


@settings(deadline=None, max_examples=50)
@given(st.lists(ROWS, max_size=5))
def test_rows_come_back(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=arrow_schema(EVERY_TYPE))
    assert imported(parquet(table), EVERY_TYPE).to_pylist() == rows
