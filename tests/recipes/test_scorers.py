"""Transitions, EASE, popularity and co-occurrence against slow, obvious versions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.numerics.sparse_products import fullest_rows, sum_of_dense_rows
from personalize_emu.recipes.numerics.symmetric_inverse import inverse_of_positive_definite
from personalize_emu.recipes.scorers.ease import Ease, fit_dual, fit_ease, fit_primal, user_item_matrix
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.scorers.popularity import count_popularity
from personalize_emu.recipes.scorers.transitions import Transitions, fit_transitions, strongest
from personalize_emu.recipes.sims import fit_cooccurrence
from tests.recipes.made_data import random_data, training_data

DATA = random_data(users=25, items=14, rows=400, seed=8)
ITEMS = len(DATA.catalog)
KERNEL = Kernel(reach=6, decay=3.0, harmonic=0.5)


def sequences(data: TrainingData) -> list[list[int]]:
    return [data.interactions.items[data.interactions.of_user(user)].tolist() for user in range(len(data.user_ids))]


def some_histories() -> list[History]:
    rng = np.random.default_rng(1)
    return [
        History(rng.integers(ITEMS, size=size).astype(np.int32), np.arange(size, dtype=np.int64))
        for size in (0, 1, 2, 5, 9, 30)
    ]


def bag(history: History) -> np.ndarray:
    total = np.zeros(ITEMS)
    for back, item in enumerate(history.items[::-1][:6]):
        total[item] += np.exp(-back / 3.0) + 0.5 / (back + 1)
    return total


def check_scores(model: Transitions | Ease, table: np.ndarray) -> None:
    histories = some_histories()
    expected = np.stack([bag(history) @ table for history in histories])
    assert model.scores_many(histories, KERNEL) == pytest.approx(expected, rel=2e-3, abs=2e-5)
    one_by_one = np.concatenate([model.scores_many([history], KERNEL) for history in histories])
    assert one_by_one == pytest.approx(expected, rel=2e-3, abs=2e-5)
    assert one_by_one.dtype == np.float32


def test_transitions() -> None:
    counts = np.zeros((ITEMS, ITEMS))
    for sequence in sequences(DATA):
        for place, item in enumerate(sequence):
            for distance in range(1, min(20, len(sequence) - 1 - place) + 1):
                counts[item, sequence[place + distance]] += distance**-0.8
    np.fill_diagonal(counts, 0)
    popularity = np.bincount(DATA.interactions.items, minlength=ITEMS)
    table = counts / (counts.sum(axis=1, keepdims=True) + 1) * (popularity + 20.0) ** -0.3
    model = fit_transitions(DATA.interactions, ITEMS)
    check_scores(model, table)


def test_strongest_keeps_the_greatest_of_each_row() -> None:
    matrix = fit_transitions(DATA.interactions, ITEMS).matrix
    kept = strongest(matrix, 3).toarray()
    dense = matrix.toarray()
    for row in range(ITEMS):
        assert sorted(kept[row][kept[row] > 0]) == pytest.approx(sorted(dense[row])[-3:])


def obvious_ease(matrix: np.ndarray, regularisation: float) -> np.ndarray:
    inverse = np.linalg.inv(matrix.T @ matrix + regularisation * np.eye(matrix.shape[1]))
    return np.eye(matrix.shape[1]) - inverse / np.diag(inverse)


@pytest.mark.parametrize("regularisation", [5.0, 300.0])
def test_both_forms_of_ease(regularisation: float) -> None:
    sparse = user_item_matrix(DATA.interactions, len(DATA.user_ids), ITEMS)
    dense = np.zeros((len(DATA.user_ids), ITEMS))
    dense[DATA.interactions.users, DATA.interactions.items] = 1
    assert np.array_equal(sparse.toarray(), dense)
    table = obvious_ease(dense, regularisation)
    check_scores(fit_primal(sparse, regularisation, 100), table)
    check_scores(fit_dual(sparse, regularisation), table)


def test_ease_restricted_to_the_most_popular_items() -> None:
    sparse = user_item_matrix(DATA.interactions, len(DATA.user_ids), ITEMS)
    model = fit_primal(sparse, 5.0, 6)
    table = np.zeros((ITEMS, ITEMS))
    table[np.ix_(model.columns, model.columns)] = obvious_ease(sparse.toarray()[:, model.columns], 5.0)
    known = np.asarray((sparse > 0).sum(axis=0)).ravel()
    assert known[model.columns].min() >= np.delete(known, model.columns).max()
    check_scores(model, table)


def test_the_greatest_weight_of_a_user_and_an_item_counts() -> None:
    data = training_data([("a", "x", 1), ("a", "x", 2), ("b", "y", 1)], weights=[2.0, 0.5, 1.5])
    assert user_item_matrix(data.interactions, 2, 2).toarray().tolist() == [[2.0, 0.0], [0.0, 1.5]]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 1000))
def test_inverse_of_positive_definite(size: int, seed: int) -> None:
    root = np.random.default_rng(seed).normal(size=(size, size + 3))
    matrix = root @ root.T + np.eye(size)
    expected = np.linalg.inv(matrix)
    assert inverse_of_positive_definite(matrix.copy()) == pytest.approx(expected, abs=1e-8)
    single = inverse_of_positive_definite(matrix.astype(np.float32))
    assert single == pytest.approx(expected, rel=0.02, abs=0.002)
    assert np.array_equal(single, single.T)


def test_inverse_over_several_blocks() -> None:
    root = np.random.default_rng(0).normal(size=(1100, 1200))
    matrix = root @ root.T / 1200 + np.eye(1100)
    assert np.allclose(inverse_of_positive_definite(matrix.copy()) @ matrix, np.eye(1100), atol=1e-8)


def test_inverse_refuses_what_is_not_positive_definite() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        inverse_of_positive_definite(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_r75_popularity_by_users_then_interactions_then_id() -> None:
    rows = [("a", "z", 1), ("b", "z", 1), ("a", "y", 1), ("a", "y", 2), ("a", "y", 3), ("a", "x", 1), ("b", "w", 5)]
    data = training_data(rows, extra_items=["none"])
    popularity = count_popularity(data.interactions, len(data.catalog))
    assert [data.catalog[item] for item in popularity.order] == ["z", "y", "w", "x", "none"]
    assert np.exp(popularity.log_shares()).sum() == pytest.approx(1, abs=1e-6)


def test_r77b_users_of_both() -> None:
    pairs = fit_cooccurrence(DATA.interactions, ITEMS)
    sets = [set(sequence) for sequence in sequences(DATA)]
    for item in range(ITEMS):
        expected = [sum(item in known and other in known for known in sets) for other in range(ITEMS)]
        assert pairs.users_of_both(item).tolist() == expected


def test_ease_takes_the_smaller_form() -> None:
    wide = random_data(users=5, items=40, rows=200, seed=1)
    tall = random_data(users=60, items=8, rows=300, seed=1)
    assert type(fit_ease(wide.interactions, 5, len(wide.catalog), 9.0)).__name__ == "DualEase"
    assert type(fit_ease(tall.interactions, len(tall.user_ids), len(tall.catalog), 9.0)).__name__ == "PrimalEase"


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(1, 40))
def test_a_matrix_in_two_parts_has_the_same_products(seed: int, dense_rows: int) -> None:
    matrix = sp.random_array((30, 25), density=0.3, rng=seed, dtype=np.float32).tocsr()
    bags = sp.random_array((7, 30), density=0.2, rng=seed + 1, dtype=np.float32).tocsr()
    parts = fullest_rows(sp.csr_matrix(matrix), dense_rows)
    assert len(parts.rows) == min(dense_rows, 30)
    assert parts.products(sp.csr_matrix(bags)) == pytest.approx((bags @ matrix).toarray(), rel=1e-5)


@pytest.mark.parametrize("most_copied", [0, 1 << 18])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_sums_of_rows_are_the_same_bits_either_way_and_of_equal_columns(
    monkeypatch: pytest.MonkeyPatch, most_copied: int, count: int
) -> None:
    """Items with the same interactions must stay equal, as ties are resolved by their ids (RT-32)."""
    monkeypatch.setattr("personalize_emu.recipes.numerics.sparse_products.MOST_COPIED", most_copied)
    rng = np.random.default_rng(count)
    table = np.repeat(rng.random((30, 1), np.float32), 37, axis=1)
    rows, weights = rng.integers(30, size=count).astype(np.int32), rng.random(count, np.float32)
    total = np.float32(0)
    for row, weight in zip(rows.tolist(), weights, strict=True):
        total += weight * table[row, 0]
    assert sum_of_dense_rows(table, rows, weights).tolist() == [float(total)] * 37
    with pytest.raises(IndexError):
        sum_of_dense_rows(table, np.array([30], np.int32), np.ones(1, np.float32))


def test_transitions_of_many_histories_are_those_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalize_emu.recipes.scorers.transitions.MOST_DENSE", 300)
    data = random_data(users=20, items=40, rows=400, seed=1)
    transitions = fit_transitions(data.interactions, len(data.catalog))
    histories = [
        History(data.items[start:end], data.timestamps[start:end])
        for start, end in pairwise(data.offsets[:13].tolist())
    ]
    kernel = Kernel(reach=12, decay=4.0)
    together = transitions.scores_many(histories, kernel)
    assert 0 < len(transitions._fullest.rows) < len(data.catalog)
    for row, history in zip(together, histories, strict=True):
        assert row == pytest.approx(transitions.scores_many([history], kernel)[0], rel=1e-4, abs=1e-6)
