"""Import modes, and what is current of bulk and individual records (D-78 to D-89)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.records.bulk_records import (
    ImportMode,
    current_records,
    distinct_rows,
    latest_records,
    merge_bulk,
    superseded_by,
    without_rows,
)
from personalize_emu.data.schemas.columns import arrow_schema, conformed, rows_table
from tests.data.schema_texts import EVERY_TYPE, INTERACTIONS_SCHEMA, ITEM, field, schema

ITEMS_SCHEMA = schema("Items", ITEM, field("YEAR", ["null", "int"]))


def items(**years: int | None) -> pa.Table:
    return listed(list(years.items()))


def listed(rows: list[tuple[str, int | None]]) -> pa.Table:
    return rows_table(ITEMS_SCHEMA, [{"ITEM_ID": item, "YEAR": year} for item, year in rows])


def pairs(table: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def test_d78_full_replaces_everything() -> None:
    assert pairs(merge_bulk(items(a=1, b=2), items(b=3), "FULL", "ITEM_ID")) == [("b", 3)]
    assert pairs(merge_bulk(None, items(b=3), "FULL", "ITEM_ID")) == [("b", 3)]


def test_d79_incremental_adds_and_replaces_whole_records() -> None:
    merged = merge_bulk(items(a=1, b=2), items(b=None, c=3), "INCREMENTAL", "ITEM_ID")
    assert pairs(merged) == [("a", 1), ("b", None), ("c", 3)]
    assert merged.column("ITEM_ID").num_chunks == 1


def test_d81_interactions_are_only_appended() -> None:
    row = {"USER_ID": "u", "ITEM_ID": "i", "TIMESTAMP": 1}
    one = rows_table(INTERACTIONS_SCHEMA, [row])
    assert merge_bulk(one, one, "INCREMENTAL", None).to_pylist() == [row, row]


def test_d83_d104_duplicate_ids_are_kept_and_last_is_current() -> None:
    old = listed([("a", 1), ("a", 2), ("b", 3)])
    merged = merge_bulk(old, listed([("c", 4), ("c", 5), ("b", 6)]), "INCREMENTAL", "ITEM_ID")
    assert pairs(merged) == [("a", 1), ("a", 2), ("c", 4), ("c", 5), ("b", 6)]
    assert pairs(latest_records(merged, "ITEM_ID")) == [("a", 2), ("c", 5), ("b", 6)]


def test_d96_columns_added_by_a_new_schema_are_null_in_old_records() -> None:
    wider = schema("Items", field("PRICE", ["null", "float"]), ITEM, field("YEAR", ["null", "int"]))
    new = rows_table(wider, [{"PRICE": 1.5, "ITEM_ID": "b"}])
    assert pairs(merge_bulk(items(a=1), new, "INCREMENTAL", "ITEM_ID")) == [(None, "a", 1), (1.5, "b", None)]
    assert pairs(conformed(items(a=1), wider)) == [(None, "a", 1)]
    assert conformed(items(a=1), wider).schema == arrow_schema(wider)


def test_d84_the_newest_of_bulk_and_individual_counts() -> None:
    put = [{"ITEM_ID": "a", "YEAR": 10}, {"ITEM_ID": "x", "YEAR": 11}, {"ITEM_ID": "a", "YEAR": 12}]
    bulk = items(a=1, b=2)
    imported_last = superseded_by({}, bulk, put, "FULL", "ITEM_ID")
    assert pairs(current_records(bulk, put, ITEMS_SCHEMA, "ITEM_ID", imported_last)) == [("a", 1), ("b", 2), ("x", 11)]
    assert pairs(current_records(bulk, put, ITEMS_SCHEMA, "ITEM_ID", {})) == [("b", 2), ("a", 12), ("x", 11)]
    later = [*put, {"ITEM_ID": "a"}]
    found = current_records(bulk, later, ITEMS_SCHEMA, "ITEM_ID", imported_last)
    assert pairs(found) == [("b", 2), ("x", 11), ("a", None)]


def test_d77_d89_individual_records_without_any_bulk() -> None:
    put = [{"ITEM_ID": "a", "YEAR": 10}, {"ITEM_ID": "a"}]
    assert pairs(current_records(None, put, ITEMS_SCHEMA, "ITEM_ID", {})) == [("a", None)]
    assert pairs(current_records(None, [], ITEMS_SCHEMA, "ITEM_ID", {})) == []


@pytest.mark.parametrize("mode", ["FULL", "INCREMENTAL"])
def test_empty_imports(mode: ImportMode) -> None:
    empty = arrow_schema(ITEMS_SCHEMA).empty_table()
    assert pairs(merge_bulk(items(a=1), empty, mode, "ITEM_ID")) == ([] if mode == "FULL" else [("a", 1)])
    assert pairs(latest_records(empty, "ITEM_ID")) == []


def test_rows_table_holds_every_type() -> None:
    row = {
        "ITEM_ID": "i",
        "GENRES": "a|b",
        "TITLE": None,
        "PLOT": "p",
        "YEAR": 1999,
        "CREATION_TIMESTAMP": 7,
        "PRICE": 0.5,
        "WEIGHT": 1e300,
        "ADULT": True,
    }
    assert rows_table(EVERY_TYPE, [row, {**row, "TITLE": "t"}]).to_pylist() == [row, {**row, "TITLE": "t"}]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["FULL", "INCREMENTAL", "PUT"]),
        st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 99)), max_size=4),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(STEPS)
def test_d84_any_sequence_of_imports_and_puts(steps: list[tuple[str, list[tuple[str, int]]]]) -> None:
    """Equals a reference that stores time and origin of every record."""
    bulk: pa.Table | None = None
    put: list[dict[str, Any]] = []
    superseded: dict[str, int] = {}
    in_bulk: dict[str, tuple[int, int]] = {}
    in_puts: dict[str, tuple[int, int]] = {}
    for step, (kind, rows) in enumerate(steps):
        if kind == "PUT":
            put += [{"ITEM_ID": item, "YEAR": year} for item, year in rows]
            in_puts.update((item, (step, year)) for item, year in rows)
        else:
            mode: ImportMode = "FULL" if kind == "FULL" else "INCREMENTAL"
            superseded = superseded_by(superseded, listed(rows), put, mode, "ITEM_ID")
            bulk = merge_bulk(bulk, listed(rows), mode, "ITEM_ID")
            in_bulk = {} if kind == "FULL" else in_bulk
            in_bulk.update((item, (step, year)) for item, year in rows)
    expected = {item: max(in_bulk.get(item, (-1, 0)), in_puts.get(item, (-1, 0)))[1] for item in {*in_bulk, *in_puts}}
    found = pairs(current_records(bulk, put, ITEMS_SCHEMA, "ITEM_ID", superseded))
    assert len(found) == len(expected)
    assert dict(found) == expected


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=8), st.sets(st.sampled_from("abxy")))
def test_d110_removed_rows_leave_no_dictionary_entries(rows: list[tuple[str, int]], unwanted: set[str]) -> None:
    table = listed(rows)
    kept = without_rows(table, "ITEM_ID", unwanted)
    assert pairs(kept) == [row for row in rows if row[0] not in unwanted]
    assert kept.schema == table.schema
    words = {word for chunk in kept.column("ITEM_ID").chunks for word in chunk.dictionary.to_pylist()}
    assert not words & unwanted


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, 1, 2])), max_size=8))
def test_d82_d102_equal_rows_are_one(rows: list[tuple[str, int | None]]) -> None:
    assert pairs(distinct_rows(listed(rows))) == list(dict.fromkeys(rows))
