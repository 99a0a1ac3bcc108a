"""Columns as recipes read them, against the same thing done value by value."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.records.interactions import collect_interactions
from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.columns import STRING
from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.contract.creation_time import creation_times
from personalize_emu.recipes.contract.features import Categories
from personalize_emu.service.state.feature_columns import features_of, not_chosen
from personalize_emu.service.state.training_selection import EventSelection, training_data

GENRES = Field("GENRES", "string", nullable=True, categorical=True)
PRICE = Field("PRICE", "float", nullable=True)
ABOUT = Field("ABOUT", "string", nullable=True, textual=True)
TITLE = Field("TITLE", "string", names_item=True)
RATED = Field("RATED", "boolean")

lists = st.none() | st.lists(st.sampled_from(["a", "b", "c", "dd", ""]), max_size=4).map("|".join)


def strings(values: Sequence[str | None]) -> pa.ChunkedArray:
    """Two pieces with dictionaries of their own, as bulk and streamed rows make them."""
    half = len(values) // 2
    return pa.chunked_array([pa.array(part, STRING) for part in (values[:half], values[half:])], STRING)


def listed(column: Categories) -> list[set[str]]:
    members = column.members.tolil()
    return [{column.values[number] for number in row} for row in members.rows]


@given(st.lists(lists, max_size=12))
@settings(max_examples=60)
def test_d10_categories_are_separated_by_bars(values: list[str | None]) -> None:
    """Each once a row, sorted; null and the empty text are nothing known."""
    features = features_of(pa.table({"GENRES": strings(values)}), [GENRES])
    (column,) = features.categories
    assert listed(column) == [{part for part in (value or "").split("|") if part} for value in values]
    assert list(column.values) == sorted(set().union(*listed(column)))
    assert set(column.members.data.tolist()) <= {1.0}
    assert (column.members.dtype, features.count, column.members.shape[0]) == (np.float32, len(values), len(values))


def test_d13_d14_r23_only_trainable_columns_become_features() -> None:
    """Numbers and text without markup are read; plain strings only as the name of an item, truth values never."""
    table = pa.table(
        {
            "GENRES": strings(["a", None]),
            "PRICE": pa.array([2.5, None], pa.float32()),
            "ABOUT": strings(["<b>Salt</b> &amp;\npepper", None]),
            "TITLE": strings(["One", "Two"]),
            "RATED": pa.array([True, False]),
        }
    )
    fields = [GENRES, PRICE, ABOUT, TITLE, RATED, Field("NOT_THERE", "float")]
    features = features_of(table, fields)
    assert [features.categories[0].name, features.numbers[0].name] == ["GENRES", "PRICE"]
    assert features.numbers[0].values[0] == 2.5
    assert math.isnan(features.numbers[0].values[1])
    assert [(column.name, column.texts) for column in features.texts] == [("ABOUT", ("Salt & pepper", ""))]
    named = features_of(table, fields, "TITLE")
    assert [column.name for column in named.texts] == ["ABOUT", "TITLE"]
    assert (named.item_name, features.item_name) == ("TITLE", "")


def test_a_column_without_any_value() -> None:
    features = features_of(pa.table({"GENRES": pa.nulls(3), "PRICE": pa.nulls(3)}), [GENRES, PRICE])
    assert features.categories[0].values == ()
    assert features.categories[0].members.shape == (3, 0)
    assert np.isnan(features.numbers[0].values).all()
    assert features_of(pa.table({"GENRES": strings([])}), [GENRES]).categories[0].members.shape == (0, 0)


@given(st.lists(st.tuples(lists, st.sampled_from("abe")), min_size=1, max_size=12))
@settings(max_examples=60)
def test_r22_r72e_impressions_without_a_choice_are_counted(rows: list[tuple[str | None, str]]) -> None:
    """Every impression counts once for each of its items but the chosen one; unknown items do not count."""
    catalog = ["a", "b", "e"]
    number_of = {item: number for number, item in enumerate(catalog)}
    items = np.array([number_of[item] for _, item in rows], np.int32)
    counts = not_chosen(pa.table({"IMPRESSION": strings([shown for shown, _ in rows])}), items, number_of)
    if all(shown is None for shown, _ in rows):
        assert counts is None
        return
    assert counts is not None
    assert counts.tolist() == [
        sum(item in set((shown or "").split("|")) - {chosen} for shown, chosen in rows) for item in catalog
    ]


def test_context_columns_stay_aligned_with_rows() -> None:
    """R-21: through sorting, dropping repeats and choosing event types."""
    device = Field("DEVICE", "string", nullable=True, categorical=True)
    hour = Field("HOUR", "int")
    kinds = ["buy", "see", "buy", "buy", "buy"]
    bulk = pa.table(
        {
            "USER_ID": pa.array(["v", "u", "u", "u", "v"], STRING),
            "ITEM_ID": pa.array(["x", "y", "x", "y", "x"], STRING),
            "TIMESTAMP": [5, 4, 3, 2, 5],
            "EVENT_TYPE": pa.array(kinds, STRING),
            "DEVICE": pa.array(["tv", "car", "phone", None, "tv"], STRING),
            "HOUR": pa.array([1, 2, 3, 4, 1], pa.int32()),
        }
    )
    put = [{"USER_ID": "u", "ITEM_ID": "z", "TIMESTAMP": 9, "EVENT_TYPE": "buy", "DEVICE": "watch|car"}]
    found = collect_interactions(bulk, put, more_columns=("DEVICE", "HOUR", "IMPRESSION"))
    data = training_data(found, EventSelection.of("buy", {}), set(), (device, hour))
    assert data.context is not None
    assert [data.catalog[item] for item in data.items] == ["y", "x", "z", "x"]
    assert listed(data.context.categories[0]) == [set(), {"phone"}, {"watch", "car"}, {"tv"}]
    assert np.array_equal(data.context.numbers[0].values, [4, 3, np.nan, 1], equal_nan=True)
    assert data.shown is None
    assert training_data(collect_interactions(bulk, put), EventSelection.of("buy", {}), set()).context is None


def test_r42_d121_times_of_creation() -> None:
    """As stated, else of the oldest interaction, else of the newest one of all."""
    data = TrainingData(
        catalog=("a", "b", "c", "d"),
        user_ids=("u",),
        users=np.zeros(3, np.int32),
        items=np.array([0, 1, 1], np.int32),
        timestamps=np.array([50, 60, 70], np.int64),
        stated_creation=np.array([10, -1, -1, 99], np.int64),
    )
    assert creation_times(data).tolist() == [10, 60, 70, 99]
