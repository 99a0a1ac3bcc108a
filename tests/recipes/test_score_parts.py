"""The parts of a score add up to it, whatever the recipe, the data, the history and the item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import History, Model, TrainingRun
from personalize_emu.recipes.personalized import PersonalModel
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.wrappers.catalog_extension import extended
from tests.recipes.made_data import checkerboard, history, random_data, soap_shop, training_data

DATA = {
    "returns": soap_shop(users=30, months=4),
    "random": random_data(users=40, items=300, rows=1200, seed=5),
    "cold items": training_data(
        [(f"u{u}", f"i{(u * 3 + t) % 17}", t) for u in range(30) for t in range(6)], ["cold-1", "cold-2"]
    ),
}
RUNS = {"ensemble": TrainingRun({}), "with a network": TrainingRun({}, sequential_from=1)}


@pytest.fixture(scope="module", params=[(data, run) for data in DATA for run in RUNS], ids=str)
def model(request: pytest.FixtureRequest) -> Model:
    """Each fitted once, before examples are drawn."""
    data, run = request.param
    recipe = recipe_named("aws-user-personalization-v2")
    assert recipe is not None
    fitted = recipe.fit(DATA[data], RUNS[run])
    # What a model computes once, on first use.
    fitted.scores(History(np.zeros(1, np.int32), np.zeros(1, np.int64)))
    return fitted


def assert_adds_up(model: Model, query: History, item: int) -> None:
    parts = model.parts(query, item)
    assert sum(part.value for part in parts) == pytest.approx(float(model.scores(query)[item]), rel=0, abs=1e-5)


@given(drawn=st.data())
def test_parts_add_up_to_the_score(model: Model, drawn: st.DataObject) -> None:
    numbers = st.integers(0, len(model.catalog) - 1)
    items = drawn.draw(st.lists(numbers, max_size=30))
    query = History(np.array(items, np.int32), np.arange(len(items), dtype=np.int64) * 3600)
    assert_adds_up(model, query, drawn.draw(numbers))
    assert_adds_up(extended(model, ["zzz"]), query, drawn.draw(numbers))


def test_every_weighted_column_is_a_part_of_its_own() -> None:
    data = checkerboard(users=200)
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    model = recipe.fit(data, TrainingRun({}))
    assert isinstance(model, PersonalModel)
    parts = {part.source: part.value for part in model.parts(history(data, "i04"), model.number_of["i06"])}
    weighted = [
        column.name
        for column, weights in zip(model.ensemble.columns, model.ensemble.weights.T, strict=True)
        if weights.any()
    ]
    assert {"ease", "normalisation"} <= set(parts) <= {*weighted, "popularity of new users", "normalisation"}
    other = {part.source: part.value for part in model.parts(history(data, "i04"), model.number_of["i07"])}
    assert parts["ease"] > other["ease"]
