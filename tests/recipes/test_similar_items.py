"""Similar-Items: shared histories where there are any, metadata where there are not (R-78, R-78a, R-78b)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import History, Model, TrainingData
from personalize_emu.recipes.contract.saving import load_model, save_model
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.similar_items import TRUSTS, USUAL_TRUST, SimilarModel, learned_trust
from personalize_emu.recipes.training.training import no_progress, train
from tests.recipes.described_data import painted
from tests.recipes.made_data import history

NEW = ["red-0.100-new", "red-0.900-new", "blue-0.110-new", "blue-0.500-new"]
DATA = painted(cold=[*NEW, "plain-1"])
NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.int64))


def fitted(data: TrainingData, name: str = "aws-similar-items") -> Model:
    recipe = recipe_named(name)
    assert recipe is not None
    return recipe.fit(data, {}, np.random.default_rng(0), no_progress)


@pytest.fixture(scope="module")
def model() -> SimilarModel:
    found = fitted(DATA)
    assert isinstance(found, SimilarModel)
    return found


def best(model: Model, item: str, count: int = 10) -> list[str]:
    return [DATA.catalog[number] for number in top_k(model.scores(history(DATA, item)), count)]


def test_r78b_an_item_that_nobody_met_has_neighbours_by_its_metadata(model: SimilarModel) -> None:
    near = best(model, "red-0.100-new")
    assert all(item.startswith("red") for item in near)
    assert np.mean([float(item.split("-")[1]) for item in near[:5]]) < 0.35
    scores = model.scores(history(DATA, "red-0.100-new"))
    assert scores[model.number_of["red-0.900-new"]] > scores[model.number_of["blue-0.110-new"]]


def test_r112_items_that_nobody_met_are_answers_too(model: SimilarModel) -> None:
    scores = model.scores(history(DATA, "red-0.100"))
    number = model.number_of
    assert scores[number["red-0.100-new"]] > scores[number["blue-0.110-new"]]
    assert scores[number["red-0.100-new"]] > scores[number["red-0.900-new"]]
    assert scores.argmin() == number["red-0.100"]
    assert sorted(scores)[1] == scores[number["plain-1"]]


def test_r78b_where_people_know_the_items_sims_says_the_same(model: SimilarModel) -> None:
    sims = fitted(DATA, "aws-sims")
    for item in ("red-0.300", "blue-0.500", "red-0.700"):
        assert len(set(best(model, item)) & set(best(sims, item))) >= 5


def test_r78a_what_is_not_found_or_says_nothing_gets_popular_items(model: SimilarModel) -> None:
    popular = fitted(DATA, "aws-popularity-count")
    expected = top_k(popular.scores(NOTHING), 10)
    assert np.array_equal(top_k(model.scores(NOTHING), 10), expected)
    assert np.array_equal(top_k(model.scores(history(DATA, "plain-1")), 10), expected)


def test_without_metadata_it_stands_on_histories_alone() -> None:
    assert not isinstance(fitted(replace(DATA, item_features=None)), SimilarModel)


def test_metadata_that_say_nothing_of_histories_are_not_trusted(model: SimilarModel) -> None:
    """The histories stay, but every item wears the colour and size of another one."""
    shuffled = np.random.default_rng(1).permutation(len(DATA.catalog))
    assert DATA.item_features is not None
    misleading = fitted(replace(DATA, item_features=DATA.item_features.taken(shuffled)))
    assert isinstance(misleading, SimilarModel)
    assert misleading.trust[1] <= min(model.trust[1], 0.25)


def test_trust_is_what_ranks_the_next_item_highest(model: SimilarModel) -> None:
    item = model.number_of["red-0.300"]
    said = model.said_of(item)
    row = int(model.has_many_users(item))
    for wanted in (int(np.argmax(said.shared)), int(np.argmax(said.alike - 9 * (np.arange(len(said.alike)) == item)))):
        places = [
            int(np.count_nonzero(scores > scores[wanted]))
            for scores in (model.weighed(said, item, trust) for trust in TRUSTS)
        ]
        # All pairs agree, so nothing worse than the best is near enough to it.
        assert learned_trust(model, [(item, wanted)] * 20)[row] == TRUSTS[places.index(min(places))]


def test_a_few_pairs_teach_no_trust(model: SimilarModel) -> None:
    item = model.number_of["red-0.300"]
    assert learned_trust(model, [(item, item + 1)] * 3) == USUAL_TRUST


def test_metadata_do_not_lower_what_is_measured() -> None:
    recipe = recipe_named("aws-similar-items")
    assert recipe is not None
    name = "normalized_discounted_cumulative_gain_at_10"
    without = train(recipe, replace(DATA, item_features=None), {}, 3).metrics[name]
    assert train(recipe, DATA, {}, 3).metrics[name] >= without - 0.02


def test_what_was_learned_for_the_evaluated_model_is_kept(model: SimilarModel) -> None:
    recipe = recipe_named("aws-similar-items")
    assert recipe is not None
    told = replace(model, trust=(2.0, 1.0))
    again = recipe.fit_after_evaluation(told, [], DATA, {}, np.random.default_rng(1), no_progress)
    assert isinstance(again, SimilarModel)
    assert again.trust == told.trust


def test_it_is_saved_with_its_metadata(model: SimilarModel, tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    save_model(model, path)
    back = load_model(path)
    for item in ("red-0.100-new", "red-0.300"):
        assert np.array_equal(back.scores(history(DATA, item)), model.scores(history(DATA, item)))


def test_one_item_is_compared_with_all_as_with_each(model: SimilarModel) -> None:
    everything = np.arange(len(model.catalog))
    for item in range(0, len(model.catalog), 7):
        expected = model.likeness.between(np.array([item]), everything)[0]
        assert model.likeness.to_all(item) == pytest.approx(expected, rel=1e-5, abs=1e-6)
