"""Segments on data whose right answers are known, and against slow and obvious versions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from personalize_emu.recipes import segments
from personalize_emu.recipes.contract.base import TrainingData, TrainingRun
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.numerics.logits import standardised
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.scorers.ease import fit_dual, fit_primal
from personalize_emu.recipes.segments import (
    PRIOR,
    SegmentModel,
    UserHistories,
    group_matrix,
    repeat_log_odds,
    segment_metrics,
    user_histories,
)
from personalize_emu.recipes.training.training import no_progress, train
from tests.recipes.made_data import checkerboard, training_data

RECIPES = ("aws-item-affinity", "aws-item-attribute-affinity")


def fitted(data: TrainingData) -> tuple[SegmentModel, UserHistories]:
    recipe = recipe_named("aws-item-affinity")
    assert recipe is not None
    model = recipe.fit(data, TrainingRun({"hidden_dimension": "149"}))
    assert isinstance(model, SegmentModel)
    return model, user_histories(data.interactions, len(data.user_ids), len(data.catalog))


@pytest.mark.parametrize("group", [[4], [4, 8, 12]])
def test_users_of_the_right_camp_come_first(group: list[int]) -> None:
    """R-81, R-82: for an item, and for items with something in common."""
    data = checkerboard(users=60, items=20, interactions=6)
    model, users = fitted(data)
    (scores,) = model.user_scores(users, [np.array(group, np.int32)])
    seen = users.bags[:, group].toarray().any(axis=1)
    fresh = [user for user in top_k(scores, 60).tolist() if not seen[user]]
    even = [user for user in fresh if user % 2 == 0]
    assert fresh[: len(even)] == even


def test_the_active_come_first_among_equals() -> None:
    """R-81."""
    rows = [("a", "x", 1), ("b", "x", 1), ("b", "y", 2), ("b", "z", 3), *(("c", "xyzw"[n], n) for n in range(4))]
    data = training_data([*rows, *((f"u{n}", "xw"[k], k) for n in range(9) for k in range(2))])
    model, users = fitted(data)
    flat = replace(model, ease=fit_primal(sp.csr_matrix(users.bags.shape, dtype=np.float32), 1.0, 10), shift=0.0)
    (scores,) = flat.user_scores(users, [np.array([0], np.int32)])
    assert [data.user_ids[user] for user in top_k(scores, 2)] == ["c", "b"]


@pytest.mark.parametrize(("returns", "first"), [(False, "fresh"), (True, "owner")])
def test_whether_owners_come_back_is_learned(returns: bool, first: str) -> None:
    """R-81: where nobody has an item twice, those who have it are the last to want it."""
    rows = [(f"u{user}", f"i{(user + step) % 12}", step) for user in range(40) for step in range(6)]
    if returns:
        rows += [(user, item, 100 + 10 * round + time) for round in range(3) for user, item, time in rows]
    data = training_data(rows)
    model, users = fitted(data)
    assert (model.shift > 0) == returns
    assert model.shift == pytest.approx(repeat_log_odds(data.interactions, len(data.catalog)))
    (scores,) = model.user_scores(users, [np.array([3], np.int32)])
    owned = users.bags[:, [3]].toarray().ravel() > 0
    assert ("owner" if owned[int(scores.argmax())] else "fresh") == first


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 9))
def test_group_scores_are_sums_of_item_scores(seed: int, users: int, items: int) -> None:
    """Of both forms of EASE, also for users it was not fitted on."""
    rng = np.random.default_rng(seed)
    matrix = sp.csr_matrix((rng.random((users, items)) < 0.4).astype(np.float32))
    bags = sp.csr_matrix((rng.random((5, items)) < 0.4).astype(np.float32))
    members = [np.flatnonzero(rng.random(items) < 0.5).astype(np.int32) for _ in range(3)]
    groups = group_matrix(members, items)
    gram = (matrix.T @ matrix).toarray().astype(np.float64) + 3.0 * np.eye(items)
    inverse = np.linalg.inv(gram)
    weights = np.eye(items) - inverse / np.diag(inverse)
    expected = np.stack([(bags.toarray() @ weights)[:, member].sum(axis=1) for member in members], axis=1)
    assert fit_dual(matrix, 3.0).of_groups(bags, groups) == pytest.approx(expected, abs=1e-4)
    seen = np.asarray(matrix.sum(axis=0)).ravel() > 0
    known = np.stack([(bags.toarray() @ (weights * seen))[:, member].sum(axis=1) for member in members], axis=1)
    assert fit_primal(matrix, 3.0, items).of_groups(bags, groups) == pytest.approx(known, abs=1e-4)


def loyal(users: int = 300, seed: int = 0) -> TrainingData:
    """Sessions of four items of a kind, nine in ten of the kind the user likes; nobody has an item twice.

    How active anybody was says nothing of what comes.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        liked, left = int(rng.integers(10)), [list(rng.permutation(np.arange(kind, 200, 10))) for kind in range(10)]
        kinds = [liked if rng.random() < 0.9 else int(rng.integers(10)) for _ in range(int(rng.integers(4, 7)))]
        items = [left[kind].pop() for kind in kinds for _ in range(4) if left[kind]]
        rows += [(f"u{user:03}", f"i{item:03}", 1000 + 60 * step) for step, item in enumerate(items)]
    return training_data(rows)


def test_weights_are_learned_from_the_newest_interactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-81, M-30: where activity is chance, affinity counts more than it does by default, and more is found."""
    data, recipe = loyal(), recipe_named("aws-item-affinity")
    assert recipe is not None
    learned = recipe.own_metrics(data, TrainingRun({}))
    affinity, _, activity = fitted(data)[0].weights
    assert affinity > PRIOR[0]
    assert activity < PRIOR[2]
    monkeypatch.setattr(segments, "learned_weights", lambda *_: PRIOR)
    assert fitted(data)[0].weights is PRIOR
    assert learned["recall_at_1_percent"] > 1.2 * recipe.own_metrics(data, TrainingRun({}))["recall_at_1_percent"]


def test_without_newer_interactions_the_weights_are_the_prior() -> None:
    """R-81."""
    assert fitted(training_data([("a", "x", 1), ("b", "y", 2)]))[0].weights == pytest.approx(PRIOR)


def test_r70d_hidden_dimension_changes_nothing() -> None:
    data, recipe = loyal(100), recipe_named("aws-item-affinity")
    assert recipe is not None
    narrow, wide = (recipe.own_metrics(data, TrainingRun({"hidden_dimension": width})) for width in ("32", "256"))
    assert narrow == wide


def test_shares_of_the_groups_of_seen_items() -> None:
    users = UserHistories(sp.csr_matrix(np.array([[2, 0, 1], [0, 0, 0]], np.float32)), np.array([3, 0]))
    groups = group_matrix([np.array([0, 1], np.int32), np.array([2], np.int32)], 3)
    assert users.group_shares(groups).tolist() == [[0.5, 0.0], [1.0, 0.0]]
    assert users.activity.tolist() == standardised(np.log1p(users.interactions).astype(np.float32)).tolist()


def test_metrics_by_hand() -> None:
    """M-24, M-30: of 200 users the best two are asked for; an item nobody met counts for nothing."""
    catalog = ("a", "b", "c")
    future = Interactions(
        np.array([0, 1, 1, 5], np.int32),
        np.array([0, 0, 1, 1], np.int32),
        np.zeros(4, np.int64),
        np.ones(4, np.float32),
        np.searchsorted([0, 1, 1, 5], np.arange(201)).astype(np.int64),
    )

    class Stated(SegmentModel):
        def user_scores(self, users: UserHistories, groups: object) -> NDArray[np.float32]:
            del users, groups
            scores = np.zeros((3, 200), np.float32)
            scores[0, [0, 1]] = 1
            scores[1, [0, 1]] = 1
            scores[2, [7, 8]] = 1
            return scores

    data = checkerboard()
    plain, _ = fitted(data)
    model = Stated(catalog, plain.ease, plain.popularity, 0.0, PRIOR)
    users = UserHistories(sp.csr_matrix((200, 3), dtype=np.float32), np.zeros(200, np.int64))
    items = [np.array([number], np.int32) for number in range(3)]
    assert segment_metrics(model, users, items, future, no_progress) == {
        "coverage": 2 / 200,
        "hits_at_1_percent": (2 + 1) / 2,
        "recall_at_1_percent": (2 / 2 + 1 / 2) / 2,
    }


@pytest.mark.parametrize("name", RECIPES)
def test_training_measures_segments_and_nothing_else(name: str) -> None:
    """M-3, M-4, M-10, M-30, M-57."""
    recipe = recipe_named(name)
    assert recipe is not None
    data = checkerboard(users=200, items=20, interactions=8)
    halves = tuple(np.arange(first, 20, 2).astype(np.int32) for first in range(2))
    trained = train(recipe, replace(data, attributes=halves), TrainingRun({}))
    assert list(trained.metrics) == ["coverage", "hits_at_1_percent", "recall_at_1_percent"]
    assert trained.metrics["hits_at_1_percent"] > (1.0 if name == RECIPES[1] else 0.3)
    assert 0 < trained.metrics["recall_at_1_percent"] <= 1
    again = train(recipe, replace(data, attributes=halves), TrainingRun({}, 1))
    assert again.metrics == trained.metrics


def test_of_many_groups_an_even_choice_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """And how many are looked at together changes nothing."""
    data = checkerboard(users=60, items=20, interactions=8)
    model, users = fitted(data)
    items = [np.array([number], np.int32) for number in range(20)]
    usual = segment_metrics(model, users, items, data.interactions, no_progress)
    monkeypatch.setattr(segments, "MOST_CELLS", 3 * 60)
    assert segment_metrics(model, users, items, data.interactions, no_progress) == pytest.approx(usual)
    monkeypatch.setattr(segments, "FEWEST_MEASURED", 5)
    monkeypatch.setattr(segments, "MOST_MEASURED", 7 * 60)
    third = segment_metrics(model, users, items[::3], data.interactions, no_progress)
    assert segment_metrics(model, users, items, data.interactions, no_progress) == third
