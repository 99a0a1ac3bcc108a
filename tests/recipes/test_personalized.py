"""What User-Personalization and Personalized-Ranking must do (R-72 to R-74)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from personalize_emu.recipes.contract.base import Model, TrainingData, TrainingRun
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.personalized import PersonalModel, users_to_measure
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.scorers.transitions import TransitionScorer
from personalize_emu.recipes.training.training import train
from tests.recipes.made_data import DAY, chains, checkerboard, history, random_data, soap_shop, training_data

SWITCHES = [
    ("aws-user-personalization", "recency_mask"),
    ("aws-user-personalization-v2", "apply_recency_bias"),
    ("aws-personalized-ranking", "recency_mask"),
    ("aws-personalized-ranking-v2", "apply_recency_bias"),
]
CHAINS = chains(users=200, interactions=6)
BOARD = checkerboard(users=200)
SHOP = soap_shop()


def fitted(name: str, data: TrainingData, **hyperparameters: str) -> Model:
    recipe = recipe_named(name)
    assert recipe is not None
    return recipe.fit(data, TrainingRun(hyperparameters))


@cache
def board_model() -> Model:
    return fitted("aws-user-personalization", BOARD)


def best(model: Model, data: TrainingData, k: int, *items: str) -> list[str]:
    return [data.catalog[item] for item in top_k(model.scores(history(data, *items)), k)]


@pytest.mark.parametrize(("name", "switch"), SWITCHES)
def test_r72d_a_single_event_separates_the_two_colours(name: str, switch: str) -> None:
    model = fitted(name, BOARD, **{switch: "true"})
    assert {int(item[1:]) % 2 for item in best(model, BOARD, 8, "i04")} == {0}
    assert {int(item[1:]) % 2 for item in best(model, BOARD, 8, "i05")} == {1}


@pytest.mark.parametrize(("name", "switch"), SWITCHES)
def test_r72b_planted_sequences_are_continued(name: str, switch: str) -> None:
    model = fitted(name, CHAINS, **{switch: "true"})
    for start in range(0, 30, 3):
        walked = [f"i{(start + step) % 30:02}" for step in range(4)]
        assert best(model, CHAINS, 1, *walked) == [f"i{(start + 4) % 30:02}"]


@pytest.mark.parametrize(("name", "switch"), SWITCHES)
def test_r72b_order_matters_with_recency_and_not_without(name: str, switch: str) -> None:
    """R-73c for the second versions."""
    items = ["i03", "i04", "i11", "i12"]
    other = ["i11", "i12", "i03", "i04"]
    recent = fitted(name, CHAINS, **{switch: "true"})
    assert best(recent, CHAINS, 5, *items) != best(recent, CHAINS, 5, *other)
    assert best(recent, CHAINS, 1, *items) == ["i13"]
    assert best(recent, CHAINS, 1, *other) == ["i05"]
    equal = fitted(name, CHAINS, **{switch: "False"})
    assert best(equal, CHAINS, 5, *items) == best(equal, CHAINS, 5, *other)


def test_one_appended_event_changes_that_users_list() -> None:
    before = history(BOARD, "i02", "i06", "i08")
    after = history(BOARD, "i02", "i06", "i08", "i05")
    model = board_model()
    assert top_k(model.scores(before), 10).tolist() != top_k(model.scores(after), 10).tolist()
    assert np.array_equal(model.scores(before), model.scores(history(BOARD, "i02", "i06", "i08")))


def test_an_event_recorded_twice_at_one_moment_counts_once() -> None:
    once = history(BOARD, "i02", "i06")
    twice = history(BOARD, "i02", "i06", "i06")
    twice.timestamps[2] = twice.timestamps[1]
    assert np.array_equal(board_model().scores(once), board_model().scores(twice))


def test_what_never_comes_back_ranks_below_what_is_new() -> None:
    data = random_data(users=300, items=60, rows=6000, seed=11)
    keys = data.users.astype(np.int64) * 60 + data.items
    _, first = np.unique(keys, return_index=True)
    rows = np.sort(first)
    once = TrainingData(data.catalog, data.user_ids, data.users[rows], data.items[rows], data.timestamps[rows])
    model = fitted("aws-user-personalization", once)
    own = [once.catalog[item] for item in once.items[once.offsets[3] : once.offsets[4]]]
    assert not set(best(model, once, 20, *own)) & set(own)


def test_what_comes_back_is_recommended_when_it_is_due() -> None:
    model = fitted("aws-user-personalization", SHOP)
    scores = model.scores(history(SHOP, "soap", "good01", "good02", "good03", step=7 * DAY))
    assert SHOP.catalog[int(scores.argmax())] == "soap"
    early = model.scores(history(SHOP, "good01", "good02", "good03", "soap", step=7 * DAY))
    assert "soap" not in [SHOP.catalog[item] for item in top_k(early, 10)]
    assert "good03" not in [SHOP.catalog[item] for item in top_k(scores, 10)]


def test_returns_raise_the_metrics_of_data_with_returns() -> None:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    shop = soap_shop(users=150, months=4, ends_with_soap=True)
    assert train(recipe, shop, TrainingRun({}, 2)).metrics["mean_reciprocal_rank_at_25"] > 0.8


def test_r71_histories_above_the_percentile_are_left_out_of_training() -> None:
    rows = [(f"u{user}", f"i{(user + step) % 8}", step) for user in range(40) for step in range(3)]
    rows += [("crawler", f"i{step % 2 * 7}", step) for step in range(400)]
    data = training_data(rows)
    calm = fitted("aws-user-personalization", data)
    loud = fitted("aws-user-personalization", data, max_user_history_length_percentile="1.0")

    def after_i0(model: Model) -> list[str]:
        return best(model, data, 1, "i0")

    assert after_i0(calm) == ["i1"]
    assert after_i0(loud) == ["i7"]


def test_r58_bptt_is_how_far_back_sequences_are_read() -> None:
    short = fitted("aws-user-personalization", CHAINS, bptt="2")
    assert isinstance(short, PersonalModel)
    reaches = {scorer.kernels.last.reach for scorer in short.ensemble.scorers if isinstance(scorer, TransitionScorer)}
    assert reaches == {2}


def test_the_final_model_is_calibrated_on_held_out_users() -> None:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    rng = np.random.default_rng(1)
    noise = training_data(
        (f"u{user}", f"i{item:02}", t) for t in range(9) for user, item in enumerate(rng.integers(30, size=200))
    )
    sure = train(recipe, CHAINS, TrainingRun({}, 3)).model.scores(history(CHAINS, "i03", "i04"))
    unsure = train(recipe, noise, TrainingRun({}, 3)).model.scores(history(noise, "i03", "i04"))
    assert np.exp(sure.max()) > 0.8
    assert np.exp(unsure.max()) < 0.15


def test_event_weights_decide_what_is_learned() -> None:
    rows, weights = [], []
    for user in range(60):
        rows += [
            (f"u{user}", "start", 1),
            (f"u{user}", "bought" if user % 2 else "viewed", 2),
            (f"u{user}", f"other{user % 7}", 0),
        ]
        weights += [1.0, 1.0 if user % 2 else 0.1, 0.5]
    data = training_data(rows, weights=weights)
    scores = fitted("aws-user-personalization", data).scores(history(data, "other3", "start"))
    assert scores[data.catalog.index("bought")] > scores[data.catalog.index("viewed")]


@pytest.mark.parametrize(("items", "users"), [(0, 400), (50_000, 400), (750_000, 44), (10_000_000, 20)])
def test_large_catalogs_are_calibrated_on_fewer_users(items: int, users: int) -> None:
    assert users_to_measure(400, items) == users
