"""Exported files (D-101, D-106, D-108) are read back as the same records."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.files.csv_writer import ROWS_A_CHUNK, csv_parts
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.schemas.avro import Schema, parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.data.schemas.dataset_types import ITEMS
from tests.given import avro, field

SCHEMA = parse_schema(
    avro(
        "Items",
        field("PRICE", ["null", "float"]),
        field("ITEM_ID"),
        field("WEIGHT", ["double", "null"]),
        field("GENRES", ["null", "string"], categorical=True),
        field("YEAR", ["int", "null"]),
        field("PLOT", ["null", "string"], textual=True),
        field("CREATION_TIMESTAMP", "long"),
        field("ADULT", ["null", "boolean"]),
    )
)


def written(table: pa.Table, most_bytes: int = 1 << 30) -> list[bytes]:
    return [part.read() for part in csv_parts(table, most_bytes)]


def read(parts: list[bytes], schema: Schema = SCHEMA) -> pa.Table:
    files = [(f"part-{number}.csv", lambda part=part: io.BytesIO(part)) for number, part in enumerate(parts)]
    return read_files(files, schema, ITEMS)


def test_d106_the_form_of_a_file() -> None:
    table = rows_table(
        SCHEMA,
        [
            {"ITEM_ID": "a", "CREATION_TIMESTAMP": 7, "PRICE": 0.1, "ADULT": False, "GENRES": "x|y"},
            {"ITEM_ID": 'b,"c"', "CREATION_TIMESTAMP": -1, "WEIGHT": 1e300, "PLOT": "C:\\x", "YEAR": 2},
        ],
    )
    assert written(table) == [
        b"PRICE,ITEM_ID,WEIGHT,GENRES,YEAR,PLOT,CREATION_TIMESTAMP,ADULT\n"
        b"0.1,a,,x|y,,,7,false\n"
        b',"b,\\"c\\"",1e+300,,2,"C:\\\\x",-1,\n'
    ]


def test_d106_line_breaks_become_blanks() -> None:
    row = {"ITEM_ID": "a", "CREATION_TIMESTAMP": 1, "PLOT": "one\r\ntwo\nthree\rfour"}
    assert read(written(rows_table(SCHEMA, [row])))["PLOT"].to_pylist() == ["one two three four"]


def test_d108_no_records_are_a_header() -> None:
    parts = written(rows_table(SCHEMA, []))
    assert parts == [b"PRICE,ITEM_ID,WEIGHT,GENRES,YEAR,PLOT,CREATION_TIMESTAMP,ADULT\n"]
    assert read(parts).num_rows == 0


def test_d106_large_exports_have_several_files() -> None:
    """D-101: every file has the header."""
    rows = [{"ITEM_ID": f"i{number}", "CREATION_TIMESTAMP": number} for number in range(3 * ROWS_A_CHUNK + 1)]
    table = rows_table(SCHEMA, rows)
    one, parts = written(table), written(table, 100_000)
    assert (len(one), len(parts)) == (1, 4)
    assert all(part.startswith(b"PRICE,ITEM_ID,") for part in parts)
    assert read(parts).equals(read(one))
    assert read(parts)["CREATION_TIMESTAMP"].to_pylist() == list(range(len(rows)))


TEXTS = st.text(st.one_of(st.sampled_from('",\\ |\'x\t'), st.characters(exclude_characters="\0\r\n", codec="utf-8")))
NOT_EMPTY = TEXTS.filter(bool)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"ITEM_ID": NOT_EMPTY, "CREATION_TIMESTAMP": st.integers(-(2**63), 2**63 - 1)},
        optional={
            "PRICE": st.floats(width=32, allow_nan=False, allow_infinity=False),
            "WEIGHT": st.floats(allow_nan=False, allow_infinity=False),
            "GENRES": NOT_EMPTY,
            "YEAR": st.integers(-(2**31), 2**31 - 1),
            "PLOT": NOT_EMPTY,
            "ADULT": st.booleans(),
        },
    ),
    max_size=8,
)


@settings(deadline=None)
@given(ROWS, st.integers(1, 400))
def test_d106_written_csv_is_read_back(rows: list[dict[str, Any]], most_bytes: int) -> None:
    table = rows_table(SCHEMA, rows)
    assert read(written(table, most_bytes)).to_pylist() == table.to_pylist()
