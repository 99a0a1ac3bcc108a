"""HRNN-Metadata and HRNN-Coldstart: HRNN that reads what is known of items (R-14, R-15, R-65, R-66)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import NotEnoughData, TrainingData, TrainingRun
from personalize_emu.recipes.hrnn import SequenceModel
from personalize_emu.recipes.hrnn_metadata import cold_items
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import train
from tests.recipes.described_data import paint, painted
from tests.recipes.made_data import DAY, history, training_data

NEW = ["red-0.200-new", "red-0.800-new", "blue-0.200-new", "blue-0.800-new"]
DATA = painted(red=20, cold=NEW, users=80, interactions=6)


def fitted(name: str, data: TrainingData) -> SequenceModel:
    recipe = recipe_named(name)
    assert recipe is not None
    model = recipe.fit(data, TrainingRun({"hidden_dimension": "32"}))
    assert isinstance(model, SequenceModel)
    return model


@pytest.fixture(scope="module")
def model() -> SequenceModel:
    return fitted("aws-hrnn-metadata", DATA)


def test_r14_items_without_interactions_follow_their_metadata(model: SequenceModel) -> None:
    scores = model.scores(history(DATA, "red-0.100", "red-0.150", "red-0.200"))
    number = model.number_of
    assert min(scores[number[item]] for item in NEW[:2]) > max(scores[number[item]] for item in NEW[2:])
    _, others = model.scores_with_others([history(DATA, "red-0.100")], paint(["red-0.150", "blue-0.150"]))
    assert others is not None
    assert others[0, 0] > others[0, 1]


def test_r13_hrnn_itself_reads_no_metadata() -> None:
    plain = fitted("aws-hrnn", DATA)
    scores = plain.scores(history(DATA, "red-0.100"))
    assert len({float(scores[plain.number_of[item]]) for item in NEW}) == 1


def late_arrivals(old: int, new: int) -> TrainingData:
    """`old` items with 20 interactions over 20 days each, and `new` ones with 3 on the last day."""
    rows = [(f"u{time}", f"old{item:03}", DAY * time) for item in range(old) for time in range(20)]
    rows += [(f"u{time}", f"new{item:03}", 20 * DAY + time) for item in range(new) for time in range(3)]
    return training_data(rows, ["nobody"])


@pytest.mark.parametrize(("new", "refused"), [(99, True), (100, False)])
def test_r66_the_number_of_cold_items_is_bounded(new: int, refused: bool) -> None:
    """Q-60."""
    recipe = recipe_named("aws-hrnn-coldstart")
    assert recipe is not None
    data = late_arrivals(3, new)
    assert np.count_nonzero(cold_items(data, TrainingRun({}))) == new
    if refused:
        with pytest.raises(NotEnoughData, match="99 cold start items, fewer than 100"):
            train(recipe, data, TrainingRun({}))
    else:
        recipe.check(data, TrainingRun({}))


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), min_size=1, max_size=60),
    st.integers(1, 8),
    st.floats(0.5, 15),
    st.sampled_from(["latestItem", "currentTime"]),
)
def test_r66_cold_is_few_and_of_late(exposures: list[tuple[int, int]], most: int, days: float, origin: str) -> None:
    data = training_data([(f"u{day}", f"i{item}", DAY * day) for item, day in exposures], ["nobody"])
    given = {
        "cold_start_max_interactions": str(most),
        "cold_start_max_duration": str(days),
        "cold_start_relative_from": origin,
    }
    first = {f"i{item}": min(day for other, day in exposures if other == item) for item, _ in exposures}
    end = 25 if origin == "currentTime" else max(first.values())
    expected = {
        item
        for item, day in first.items()
        if sum(f"i{other}" == item for other, _ in exposures) < most and end - day < days
    }
    found = cold_items(data, TrainingRun(given, now=25 * DAY))
    assert {item for item, cold in zip(data.catalog, found, strict=True) if cold} == expected


def test_r65_coldstart_is_wider_by_default_and_learns_the_same_way() -> None:
    recipe = recipe_named("aws-hrnn-coldstart")
    metadata = recipe_named("aws-hrnn-metadata")
    assert getattr(recipe, "default_hidden", 0) == 149
    assert getattr(metadata, "default_hidden", 0) == 43
    coldstart = fitted("aws-hrnn-coldstart", replace(DATA, stated_creation=None))
    assert coldstart.cold.content is not None
