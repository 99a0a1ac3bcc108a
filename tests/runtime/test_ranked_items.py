"""The ranking of some items is that of the catalog, with scores that add up to 1 over those items (RT-84, R-74a)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import Model, TrainingRun
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.runtime.rank import ranked
from tests.recipes.made_data import history, random_data

DATA = random_data(users=40, items=60, rows=1200, seed=3)
RECIPE = recipe_named("aws-personalized-ranking")


@pytest.fixture(scope="module")
def model() -> Model:
    assert RECIPE is not None
    return RECIPE.fit(DATA, TrainingRun({}))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(DATA.catalog), max_size=12),
    st.lists(st.sampled_from([*DATA.catalog, "unknown", "new"]), min_size=1, unique=True),
)
def test_a_ranking_is_the_restriction_of_that_of_the_catalog(model: Model, known: list[str], wanted: list[str]) -> None:
    scores = model.scores(history(DATA, *known))
    whole = {row["itemId"]: row["score"] for row in ranked(model, scores, DATA.catalog)}
    found = ranked(model, scores, wanted)
    scored = [item for item in whole if item in wanted]
    assert [row["itemId"] for row in found] == scored + [item for item in wanted if item not in whole]
    assert [row["score"] for row in found if "score" in row] == [row["score"] for row in found[: len(scored)]]
    exact = np.exp(scores[[model.number_of[item] for item in scored]].astype(np.float64))
    assert [row["score"] for row in found[: len(scored)]] == pytest.approx(exact / exact.sum(), abs=2e-7)


def test_a_ranking_has_the_texts_of_the_catalog_not_those_of_the_request(model: Model) -> None:
    """Recommendations are remembered, a million items in all: an id of every request would fill the memory."""
    asked = ["".join(list(item)) for item in DATA.catalog]
    found = ranked(model, model.scores(history(DATA)), asked)
    own = {item: item for item in model.catalog}
    assert all(row["itemId"] is own[row["itemId"]] for row in found if "score" in row)
    assert len([row for row in found if "score" in row]) > 0
