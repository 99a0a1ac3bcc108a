"""The fast CSV reader compared with a slow reference, and with tables written in many dialects."""

from __future__ import annotations

import io
import math
import re
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.files import csv_files
from personalize_emu.data.files import csv_nonconforming as csv_sifting
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.rejection import MOST_REASONS, RejectedData, RowCounts
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import arrow_schema
from tests.data.plain_csv_reader import Refused, read_rows
from tests.data.schema_texts import EVERY_TYPE, INTERACTIONS_SCHEMA

TOLERATED = st.sampled_from([0.0, 0.25, 0.5, 1.0])
BLOCK_SIZES = st.sampled_from([1, 7, 64, 1000])


def fast(
    content: bytes, schema: Schema, block_bytes: int, tolerated: float = 0.0, counts: RowCounts | None = None
) -> list[dict[str, Any]]:
    files = [("data.csv", lambda: io.BytesIO(content))]
    with mock.patch.object(csv_files, "BLOCK_BYTES", block_bytes):
        table = read_files(files, schema, "ITEMS", tolerated=tolerated, counts=counts)
    assert table.schema == arrow_schema(schema)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-44)
    return type(one) is type(other) and bool(one == other)


def assert_same_rows(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        assert all(same(one[name], other[name]) for name in one), (one, other)


def text_of(refused: Refused) -> tuple[str, str]:
    """Start and content of the expected error message."""
    if refused.verdict == "missing":
        return f"Input CSV is missing the following columns:[{refused.column}].", ""
    line = rf"line {refused.line}\b" if refused.line else "header"
    if refused.verdict == "length":
        limit = 256 if refused.column in ("USER_ID", "ITEM_ID") else 1000
        return f"Length cannot be more than {limit} characters for {refused.column}. If no values", line
    return "Input csv has rows that do not conform to the dataset schema.", line


def expected_rows(content: bytes, schema: Schema, tolerated: float) -> tuple[list[dict[str, Any]], list[int]]:
    """D-58: raises Refused for the first nonconforming line if there are too many."""
    rows, left_out = read_rows(content, schema)
    if left_out and (not rows or len(left_out) > tolerated * (len(rows) + len(left_out))):
        raise Refused("nonconforming", left_out[0])
    return rows, left_out


def assert_same_verdict(
    content: bytes, schema: Schema, block_bytes: int, tolerated: float, most_reasons: int = MOST_REASONS
) -> None:
    """most_reasons: number of lines of a block for which reasons are computed; others may only be counted."""
    with mock.patch.object(csv_sifting, "MOST_REASONS", most_reasons):
        _assert_same_verdict(content, schema, block_bytes, tolerated)


def _assert_same_verdict(content: bytes, schema: Schema, block_bytes: int, tolerated: float) -> None:
    counts = RowCounts()
    try:
        expected, left_out = expected_rows(content, schema, tolerated)
    except Refused as error:
        refused = error
    else:
        assert_same_rows(fast(content, schema, block_bytes, tolerated, counts), expected)
        assert (counts.rows, counts.left_out) == (len(expected) + len(left_out), len(left_out))
        named = [re.match(r"data\.csv, line (\d+)\b", reason) for reason in counts.reasons]
        lines = [int(found[1]) for found in named if found]
        assert lines[:1] == left_out[:1]
        assert set(lines) <= set(left_out)
        if csv_sifting.MOST_REASONS == MOST_REASONS:
            assert lines == left_out[:MOST_REASONS]
        return
    try:
        fast(content, schema, block_bytes, tolerated)
    except RejectedData as error:
        beginning, inside = text_of(refused)
        found = error.failure_reason
    else:
        raise AssertionError(f"accepted, expected {refused}")
    assert found.startswith(beginning), (found, refused)
    assert re.search(inside, found), (found, refused)


# Text that a CSV value can hold: no line breaks (D-56), no NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=12)
TRICKY = st.text(st.sampled_from('",\\ a|é\t\ufeff\u2028+0x'), max_size=8)
STRING = TEXT | TRICKY
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TABLES = st.lists(
    st.fixed_dictionaries(
        {
            "ITEM_ID": STRING.filter(bool),
            "GENRES": st.none() | STRING.filter(bool),
            "TITLE": st.none() | STRING.filter(bool),
            "PLOT": st.none() | STRING.filter(bool),
            "YEAR": st.none() | st.integers(-(2**31), 2**31 - 1),
            "CREATION_TIMESTAMP": st.integers(-(2**63), 2**63 - 1),
            "PRICE": FLOATS,
            "WEIGHT": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "ADULT": st.none() | st.booleans(),
        }
    ),
    max_size=8,
)


def cell_text(value: Any, style: int) -> str:
    if value is None:
        return '""' if style == 1 else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value!r} " if style == 1 else repr(value)
    if isinstance(value, int):
        return f" {value:+}" if style == 1 else str(value)
    if style == 0 and not value.startswith('"') and not set(value) & set(',"\\'):
        return str(value)
    escaped = value.replace("\\", "\\\\")
    return '"' + escaped.replace('"', '""' if style == 1 else '\\"') + '"'


@settings(deadline=None, max_examples=150)
@given(st.data(), TABLES, BLOCK_SIZES)
def test_d50_d52_d53_d54_d55_d56_tables_survive_every_dialect(
    data: st.DataObject, rows: list[dict[str, Any]], block_bytes: int
) -> None:
    columns = data.draw(st.permutations([*EVERY_TYPE.names, "", "EXTRA"]))
    spelt = [data.draw(st.sampled_from([name, name.lower(), name.title(), f'"{name}"'])) for name in columns]
    end = data.draw(st.sampled_from(["\n", "\r\n", "\n\n", "\r"]))
    styles = st.sampled_from([0, 1, 2])
    lines = [",".join(spelt)]
    lines += [",".join(cell_text(row.get(name), data.draw(styles)) for name in columns) for row in rows]
    text = data.draw(st.sampled_from(["", "\ufeff"])) + end.join(lines) + data.draw(st.sampled_from(["", end]))
    expected = [{**row, "PRICE": float(np.float32(row["PRICE"]))} for row in rows]
    content = text.encode()
    assert_same_rows(fast(content, EVERY_TYPE, block_bytes), expected)
    assert_same_rows(read_rows(content, EVERY_TYPE)[0], expected)


GOOD = ["i1", "a|b", '"x, y"', "", "1999", "1596238243", "1.5", "-2e3", "true"]
ODD = [
    "",
    '""',
    " ",
    '"',
    '"a',
    '"a"b',
    '"a\\"',
    'a"b',
    "\\",
    '\\"',
    "a\\nb",
    '"""',
    '""""',
    "+5",
    " 5\t",
    "0x1F",
    "5.0",
    "1e5",
    "nan",
    "-inf",
    "1e39",
    "1e999",
    ".5",
    "5.",
    ".",
    "1_0",
    "9223372036854775808",
    "-9223372036854775808",
    "0000000000000000000000000000007",
    "2147483648",
    "TRUE",
    "false",
    "１",
    "\x0b5",
    "x" * 257,
    "y" * 1001,
    "é" * 256,
    "\0",
    "a,b",
    "\r",
    "\n",
    "\ufeff",
]
CELLS = st.integers(0, len(GOOD) - 1).flatmap(lambda place: st.tuples(st.just(place), st.sampled_from(ODD)))


def line_with(odd: list[tuple[int, str]]) -> str:
    cells = list(GOOD)
    for place, text in odd:
        cells[place] = text
    return ",".join(cells)


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.lists(CELLS, max_size=2).map(line_with), max_size=6),
    BLOCK_SIZES,
    TOLERATED,
    st.sampled_from([1, MOST_REASONS]),
)
def test_fast_reader_equals_reference_on_unusual_cells(
    lines: list[str], block_bytes: int, tolerated: float, most_reasons: int
) -> None:
    content = "\n".join([",".join(EVERY_TYPE.names), *lines]).encode()
    assert_same_verdict(content, EVERY_TYPE, block_bytes, tolerated, most_reasons)


RANDOM_LINES = st.lists(
    st.sampled_from(
        [
            b"u",
            b"1",
            b",",
            b",",
            b'"',
            b"\\",
            b"\n",
            b"\r",
            b"\xc3\xa9",
            b"\xff",
            b" ",
            b"+",
            b"u,i,1\n",
            b"\xef\xbb\xbf",
        ]
    ),
    max_size=25,
).map(b"".join)


@settings(deadline=None, max_examples=500)
@given(RANDOM_LINES, BLOCK_SIZES, TOLERATED, st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_fast_reader_equals_reference_on_random_bytes(
    content: bytes, block_bytes: int, tolerated: float, end: bytes
) -> None:
    assert_same_verdict(b"USER_ID,ITEM_ID,TIMESTAMP" + end + content, INTERACTIONS_SCHEMA, block_bytes, tolerated)


HEADER_NAMES = [b"USER_ID", b"ITEM_ID", b"Item_Id", b"TIMESTAMP", b'"timestamp"', b'"X"']
HEADER_PARTS = [*HEADER_NAMES, b'"', b",", b"", b"\xff", b"\n"]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from(HEADER_PARTS), max_size=9),
    BLOCK_SIZES,
)
def test_fast_reader_equals_reference_on_headers(parts: list[bytes], block_bytes: int) -> None:
    assert_same_verdict(b",".join(parts), INTERACTIONS_SCHEMA, block_bytes, 0.0)
