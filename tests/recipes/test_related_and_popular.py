"""What SIMS, Similar-Items and Popularity-Count must do (R-75, R-77, M-25, M-26)."""

from __future__ import annotations

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import Kind, Model, TrainingData, TrainingRun
from personalize_emu.recipes.contract.split import split_users
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import RARE_REPEATS, measure, train
from personalize_emu.recipes.wrappers.repeats import repeat_share
from tests.recipes.made_data import checkerboard, history, random_data, soap_shop, training_data

BOARD = checkerboard(users=60)


def pairs_and_a_hit() -> TrainingData:
    """a goes with b (8 of 8 users), c with d; the hit is with everything; x and y meet twice only."""
    rows = []
    for user in range(8):
        rows += [(f"ab{user}", "a", 1), (f"ab{user}", "b", 2), (f"ab{user}", "hit", 3)]
        rows += [(f"cd{user}", "c", 1), (f"cd{user}", "d", 2), (f"cd{user}", "hit", 3)]
    rows += [(f"xy{user}", item, time) for user in range(2) for time, item in enumerate("xy")]
    rows += [(f"h{user}", "hit", 1) for user in range(20)] + [(f"h{user}", "other", 2) for user in range(20)]
    return training_data(rows)


PAIRS = pairs_and_a_hit()
ALL = {
    "min_user_history_length_percentile": "0.0",
    "max_user_history_length_percentile": "1.0",
    "min_item_interaction_count_percentile": "0.0",
}


def fitted(name: str, data: TrainingData, **hyperparameters: str) -> Model:
    recipe = recipe_named(name)
    assert recipe is not None
    return recipe.fit(data, TrainingRun({**ALL, **hyperparameters}))


def related(model: Model, data: TrainingData, item: str, k: int = 25) -> list[str]:
    return [data.catalog[other] for other in top_k(model.scores(history(data, item)), k)]


@pytest.mark.parametrize("name", ["aws-sims", "aws-similar-items"])
def test_r77_neighbours_are_of_the_same_colour(name: str) -> None:
    model = fitted(name, BOARD)
    for item in range(20):
        assert {int(other[1:]) % 2 for other in related(model, BOARD, f"i{item:02}", 9)} == {item % 2}


def test_r77_the_popularity_discount_decides_between_fit_and_fame() -> None:
    assert related(fitted("aws-sims", PAIRS, popularity_discount_factor="0.0"), PAIRS, "a", 1) == ["hit"]
    assert related(fitted("aws-sims", PAIRS, popularity_discount_factor="0.5"), PAIRS, "a", 1) == ["b"]
    assert related(fitted("aws-sims", PAIRS, popularity_discount_factor="1.0"), PAIRS, "a", 1) == ["b"]
    assert related(fitted("aws-sims", PAIRS, popularity_discount_factor="1.0"), PAIRS, "c", 1) == ["d"]


def test_r77_factor_0_sorts_the_candidates_by_popularity() -> None:
    data = random_data(users=60, items=40, rows=900, seed=3)
    model = fitted("aws-sims", data, popularity_discount_factor="0", min_cointeraction_count="0")
    users = [len(set(data.users[data.items == item].tolist())) for item in range(len(data.catalog))]
    ranked = top_k(model.scores(history(data, data.catalog[5])), 40).tolist()
    assert ranked == sorted(set(range(len(data.catalog))) - {5}, key=lambda item: (-users[item], item))


def test_r69a_pairs_of_too_few_users_do_not_count() -> None:
    assert related(fitted("aws-sims", PAIRS, min_cointeraction_count="2"), PAIRS, "x", 1) == ["y"]
    few = fitted("aws-sims", PAIRS, min_cointeraction_count="3")
    popular = related(fitted("aws-popularity-count", PAIRS), PAIRS, "x")
    assert related(few, PAIRS, "x") == [item for item in popular if item != "x"]


def test_r77a_sparse_and_unknown_items_get_the_one_global_list() -> None:
    data = training_data(
        zip(*[[row[column] for row in rows_of(PAIRS)] for column in range(3)], strict=True), extra_items=["unheard"]
    )
    model = fitted("aws-sims", data)
    lists = [related(model, data, item, 5) for item in ("x", "y", "unheard")]
    assert lists[0] == lists[1] == lists[2]
    assert lists[0][0] == "hit"


def rows_of(data: TrainingData) -> list[tuple[str, str, int]]:
    columns = data.users.tolist(), data.items.tolist(), data.timestamps.tolist()
    return [(data.user_ids[user], data.catalog[item], time) for user, item, time in zip(*columns, strict=True)]


def test_r77b_an_item_is_never_in_its_own_list() -> None:
    for data in (PAIRS, BOARD):
        model = fitted("aws-sims", data)
        for item in data.catalog:
            assert item not in related(model, data, item)


def test_only_the_newest_item_of_a_query_counts() -> None:
    model = fitted("aws-sims", PAIRS)
    assert np.array_equal(model.scores(history(PAIRS, "c", "a")), model.scores(history(PAIRS, "a")))


def test_r71_items_above_the_percentile_are_left_out() -> None:
    model = fitted("aws-sims", PAIRS, max_item_interaction_count_percentile="0.8")
    assert related(model, PAIRS, "a", 1) == ["b"]
    assert related(model, PAIRS, "a", 2)[1] == "hit", "left to the list of popular items that follows"
    assert model.scores(history(PAIRS, "a"))[PAIRS.catalog.index("hit")] < 1
    assert related(model, PAIRS, "hit", 1) == ["other"]


def test_r71_users_outside_the_percentiles_and_their_synonyms() -> None:
    rows = rows_of(PAIRS) + [(f"all{user}", item, 9) for user in range(4) for item in ("a", "c", "d", "b", "x", "y")]
    data = training_data(rows)
    without = fitted("aws-sims", data, max_user_history_length_percentile="0.9")
    assert without.scores(history(data, "a"))[data.catalog.index("c")] < 1
    recipe = recipe_named("aws-sims")
    assert recipe is not None
    synonyms = {"min_hist_length_percentile": "0.0", "max_hist_length_percentile": "0.9"}
    same = recipe.fit(data, TrainingRun(synonyms))
    assert np.array_equal(same.scores(history(data, "a")), without.scores(history(data, "a")))


def test_r75_everybody_gets_the_same_popular_items() -> None:
    model = fitted("aws-popularity-count", PAIRS)
    assert np.array_equal(model.scores(history(PAIRS, "a")), model.scores(history(PAIRS, "x", "y")))
    assert related(model, PAIRS, "a", 4) == ["hit", "other", "a", "b"]


def test_m25_personal_lists_cover_more_than_popular_ones() -> None:
    data = checkerboard(users=200, items=80, interactions=8)
    covered = {}
    for name in ("aws-user-personalization", "aws-popularity-count"):
        recipe = recipe_named(name)
        assert recipe is not None
        covered[name] = train(recipe, data, TrainingRun({}, 4)).metrics["coverage"]
    assert covered["aws-user-personalization"] > covered["aws-popularity-count"]


def test_m26_evaluation_leaves_out_seen_items_only_without_repeats() -> None:
    once, again = checkerboard(users=100), soap_shop()
    assert repeat_share(once.interactions) == 0.0
    assert repeat_share(again.interactions) > RARE_REPEATS
    split = split_users(again, 1)
    measured = measure(Kind.RELATED, fitted("aws-sims", split.training), split)
    assert measured["precision_at_25"] > 0
