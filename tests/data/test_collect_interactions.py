"""Interactions as arrays (D-75, D-82, T-20), compared with a row-by-row reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.records.interactions import Interactions, collect_interactions
from personalize_emu.data.schemas.columns import rows_table
from tests.data.schema_texts import ACTION, TIME, TYPE, USER, WATCHED_SCHEMA, field, schema

FULL_SCHEMA = schema(
    "Interactions",
    *(
        {"name": entry.name, "type": ["null", entry.type] if entry.nullable else entry.type}
        for entry in WATCHED_SCHEMA.fields
    ),
    field("DEVICE", ["null", "string"]),
    field("LIKED", ["null", "boolean"]),
)


def row(user: str, item: str, time: int, kind: str | None = "watch", **more: Any) -> dict[str, Any]:
    values = {"USER_ID": user, "ITEM_ID": item, "TIMESTAMP": time, "EVENT_TYPE": kind, **more}
    return {name: value for name, value in values.items() if value is not None}


def tuples(found: Interactions) -> list[tuple[Any, ...]]:
    values = found.event_values if found.event_values is not None else np.full(len(found), np.nan)
    return [
        (
            found.user_ids[user],
            found.item_ids[item],
            int(time),
            found.event_types[code] if code >= 0 else None,
            None if np.isnan(value) else float(value),
        )
        for user, item, time, code, value in zip(
            found.users, found.items, found.timestamps, found.event_type_codes, values, strict=True
        )
    ]


def test_sorted_by_user_time_and_arrival() -> None:
    rows = [row("v", "c", 5), row("u", "b", 7), row("u", "a", 3), row("u", "z", 7), row("v", "a", 5)]
    found = collect_interactions(rows_table(WATCHED_SCHEMA, rows), [])
    assert found.user_ids == ("u", "v")
    assert found.item_ids == ("a", "b", "c", "z")
    assert [entry[:3] for entry in tuples(found)] == [
        ("u", "a", 3),
        ("u", "b", 7),
        ("u", "z", 7),
        ("v", "c", 5),
        ("v", "a", 5),
    ]
    assert found.offsets.tolist() == [0, 3, 5]
    assert found.history_of("v") == slice(3, 5)
    assert found.history_of("w") == slice(0, 0)
    assert [array.dtype for array in (found.users, found.items, found.timestamps, found.event_type_codes)] == [
        np.int32,
        np.int32,
        np.int64,
        np.int16,
    ]


def test_d75_users_with_two_interactions() -> None:
    found = collect_interactions(None, [row("u", "a", 1), row("u", "b", 2), row("v", "a", 3)])
    assert [found.users_with_at_least(count) for count in (1, 2, 3)] == [2, 1, 0]
    assert len(found) == 3


def test_d77_nothing_at_all() -> None:
    for found in (collect_interactions(None, []), collect_interactions(rows_table(WATCHED_SCHEMA, []), [])):
        assert len(found) == 0
        assert found.user_ids == found.item_ids == found.event_types == ()
        assert found.offsets.tolist() == [0]
        assert found.users_with_at_least(1) == 0


def test_d82_equal_in_all_columns_counts_once() -> None:
    rows = [
        row("u", "a", 1, DEVICE="tv"),
        row("u", "a", 1, DEVICE="pc"),
        row("u", "a", 1),
        row("u", "a", 1, DEVICE="tv"),
        row("u", "a", 1, DEVICE="tv", LIKED=True),
        row("u", "a", 1, DEVICE="tv", EVENT_VALUE=0.1),
    ]
    assert len(collect_interactions(rows_table(FULL_SCHEMA, rows), [])) == 5
    assert len(collect_interactions(rows_table(FULL_SCHEMA, rows), rows)) == 5
    assert len(collect_interactions(None, rows)) == 5


def test_bulk_comes_before_individual_rows() -> None:
    found = collect_interactions(rows_table(WATCHED_SCHEMA, [row("u", "z", 1)]), [row("u", "a", 1), row("t", "a", 1)])
    assert [entry[:2] for entry in tuples(found)] == [("t", "a"), ("u", "z"), ("u", "a")]


def test_t20_event_type_and_threshold() -> None:
    rows = [
        row("u", "a", 1, EVENT_VALUE=0.1),
        row("u", "b", 2, EVENT_VALUE=0.05),
        row("u", "c", 3),
        row("v", "d", 4, "Watch", EVENT_VALUE=9.0),
    ]
    table = rows_table(WATCHED_SCHEMA, rows)
    watched = collect_interactions(table, [], event_type="watch")
    assert watched.item_ids == ("a", "b", "c")
    assert watched.user_ids == ("u",)
    assert watched.event_types == ("watch",)
    assert collect_interactions(table, [], event_value_threshold=0.1).item_ids == ("a", "d")
    assert collect_interactions(table, [], event_type="watch", event_value_threshold=0.1).item_ids == ("a",)
    assert collect_interactions(None, rows, event_value_threshold=0.1).item_ids == ("a", "d")
    assert len(collect_interactions(table, [], event_type="other")) == 0
    assert len(collect_interactions(table, [], event_value_threshold=1e300)) == 0


def test_t20_without_the_columns_nothing_passes() -> None:
    plain = pa.table({"USER_ID": ["u"], "ITEM_ID": ["i"], "TIMESTAMP": [1]})
    assert len(collect_interactions(plain, [])) == 1
    assert collect_interactions(plain, []).event_values is None
    assert collect_interactions(plain, []).event_type_codes.tolist() == [-1]
    assert len(collect_interactions(plain, [], event_type="watch")) == 0
    assert len(collect_interactions(plain, [], event_value_threshold=0.0)) == 0


def test_collect_action_interactions() -> None:
    events = schema("ActionInteractions", USER, ACTION, TYPE, TIME)
    put = [{"USER_ID": "u", "ACTION_ID": "x", "EVENT_TYPE": "TAKEN", "TIMESTAMP": 2}]
    bulk = rows_table(events, [{**put[0], "ACTION_ID": "y"}])
    assert collect_interactions(bulk, put, item_column="ACTION_ID").item_ids == ("x", "y")
    assert collect_interactions(None, put, item_column="ACTION_ID").item_ids == ("x",)
    assert len(collect_interactions(None, [], item_column="ACTION_ID")) == 0


@pytest.mark.parametrize("times", [(-(2**63), 2**63 - 1), (-5, 0), (2**40, 2**62)])
def test_times_far_apart(times: tuple[int, int]) -> None:
    found = collect_interactions(None, [row("u", "late", times[1]), row("u", "early", times[0]), row("v", "x", 1)])
    assert [entry[1] for entry in tuples(found)][:2] == ["early", "late"]


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["u", "U", "v", "ü", "\U0001f600"]),
        st.sampled_from(["a", "b", "￿"]),
        st.sampled_from([0, 1, -1, 2**62, -(2**62)]),
        st.sampled_from(["watch", "click", None]),
        EVENT_VALUE=st.sampled_from([None, 0.5, 2.0]),
        DEVICE=st.sampled_from([None, "tv"]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(ROWS, ROWS, st.sampled_from([None, "watch"]), st.sampled_from([None, 0.5, 1.0]))
def test_equals_row_by_row_reference(
    bulk: list[dict[str, Any]], put: list[dict[str, Any]], kind: str | None, threshold: float | None
) -> None:
    found = collect_interactions(
        rows_table(FULL_SCHEMA, bulk) if bulk else None, put, event_type=kind, event_value_threshold=threshold
    )
    distinct: list[dict[str, Any]] = []
    for entry in [*bulk, *put]:
        right_type = kind is None or entry.get("EVENT_TYPE") == kind
        high_enough = threshold is None or entry.get("EVENT_VALUE", -1) >= threshold
        if right_type and high_enough and entry not in distinct:
            distinct.append(entry)
    distinct.sort(key=lambda entry: (entry["USER_ID"], entry["TIMESTAMP"]))
    names = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE")
    assert tuples(found) == [tuple(entry.get(name) for name in names) for entry in distinct]
    assert found.user_ids == tuple(sorted({entry["USER_ID"] for entry in distinct}))
    assert found.item_ids == tuple(sorted({entry["ITEM_ID"] for entry in distinct}))
    for user in found.user_ids:
        owned = found.users[found.history_of(user)]
        assert len(owned) == sum(entry["USER_ID"] == user for entry in distinct)
