"""Item vectors and the regression of scores on them, against obvious versions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from personalize_emu.recipes.content.content_regression import STRENGTH, fit_content_regression
from personalize_emu.recipes.content.item_vectors import (
    KNOTS,
    NUMBER_WEIGHT,
    ItemVectors,
    fit_item_vectoriser,
    hat_functions,
    vectors_of,
)
from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.features import Features, Numbers, Texts
from personalize_emu.recipes.scorers.histories import Kernel, weighted_rows
from personalize_emu.recipes.scorers.latent import fit_latent_items
from tests.recipes.described_data import categories, paint, painted
from tests.recipes.made_data import checkerboard, training_data

ALL = Kernel(reach=100, decay=0.0, recency=False)
GENRES = [("drama",), ("comedy", "drama"), ("comedy",), (), ("drama", "war"), ("war",), ("comedy", "war")] * 4
YEARS = np.array([1990.0, 1991, 2005, np.nan, 1950, 1951, 2005] * 4) + np.repeat(np.arange(4.0), 7)
FILMS = Features(len(GENRES), (categories("GENRE", GENRES),), (Numbers("YEAR", YEARS),))
DESCRIBED = Features(
    4,
    (
        categories("GENRE", [["war", "love"], ["war"], ["love"], []]),
        categories("LAND", [["fr"], ["fr"], ["it"], ["it"]]),
    ),
    (Numbers("YEAR", np.array([1950.0, 1960.0, np.nan, 2000.0])),),
    (Texts("PLOT", ("a soldier falls in love", "soldiers march", "", "a feast")),),
)


def past(*items: int) -> History:
    return History(np.array(items, np.int32), np.arange(len(items), dtype=np.int64))


def vectors(features: Features) -> ItemVectors:
    found = vectors_of(features)
    assert found is not None
    return found


@given(arrays.arrays(np.float64, 12, elements=st.floats(-50, 50)), st.integers(2, 9))
def test_hat_functions_reproduce_the_number(values: np.ndarray, count: int) -> None:
    knots = np.unique(np.quantile(values, np.linspace(0, 1, count)))
    if len(knots) < 2:
        return
    weights = hat_functions(values, knots).toarray()
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights @ knots == pytest.approx(values, abs=1e-3)
    assert (np.count_nonzero(weights, axis=1) <= 2).all()


def plain_hats(value: float, knots: np.ndarray) -> np.ndarray:
    weights = np.zeros(len(knots))
    for place, (low, high) in enumerate(pairwise(knots.tolist())):
        if low <= value < high or (value == high and place == len(knots) - 2):
            weights[place : place + 2] = (high - value) / (high - low), (value - low) / (high - low)
    return weights


def unit(row: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(row)
    return row / length if length else row


def test_vectors_are_idf_categories_and_binned_numbers() -> None:
    counts = {value: sum(value in genres for genres in GENRES) for value in ("comedy", "drama", "war")}
    idf = {value: np.log((len(GENRES) + 1) / (count + 0.5)) for value, count in counts.items()}
    knots = np.unique(np.quantile(YEARS[np.isfinite(YEARS)], np.linspace(0, 1, KNOTS)))
    for row, genres, year in zip(vectors(FILMS).sparse.toarray(), GENRES, YEARS, strict=True):
        members = unit(np.array([idf[value] * (value in genres) for value in ("comedy", "drama", "war")]))
        assert row.tolist() == pytest.approx([*members, *(NUMBER_WEIGHT * unit(plain_hats(year, knots)))], abs=1e-5)


def test_unknown_columns_and_values_are_ignored() -> None:
    vectoriser = fit_item_vectoriser(FILMS)
    assert vectoriser is not None
    stranger = Features(1, (categories("GENRE", [("unheard of",)]),), (Numbers("OTHER", np.array([1.0])),))
    found = vectoriser.vectors(stranger)
    assert found.sparse.shape[1] == vectors(FILMS).sparse.shape[1]
    assert not found.sparse.nnz
    assert not found.described.any()


def test_items_like_those_of_a_history_score_more() -> None:
    scores = vectors(DESCRIBED).scores_of(weighted_rows([past(1)], ALL, item_count=4))[0]
    assert scores[0] > scores[2]
    assert scores[0] > scores[3]


def test_similarity_is_the_score_of_a_history_of_one() -> None:
    found = vectors(DESCRIBED)
    whole = np.hstack((found.sparse.toarray(), found.dense))
    assert np.stack([found.similarity(item) for item in range(4)]) == pytest.approx(whole @ whole.T, abs=1e-5)


@pytest.mark.parametrize(
    "features",
    [
        None,
        Features(3),
        Features(3, (categories("A", [[], [], []]),)),
        Features(3, (categories("NAME", [["x"], ["y"], ["z"]]),)),
        Features(3, (), (Numbers("N", np.array([1.0, 1.0, np.nan])),)),
        Features(3, (), (), (Texts("T", ("", "", "")),)),
    ],
)
def test_columns_that_tell_nothing_apart_give_no_vectors(features: Features | None) -> None:
    assert vectors_of(features) is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_predicted_scores_are_those_of_ridge_regression(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = np.arange(28) % 7 != 1
    scores = rng.standard_normal((2, 28)).astype(np.float32)
    content = fit_content_regression(FILMS, known.astype(np.int64))
    assert content is not None
    design, new = content.design.toarray().astype(np.float64), content.new_design.toarray()
    known = scores[:, content.trained].astype(np.float64)
    slopes = np.linalg.solve(design.T @ design + STRENGTH * np.eye(design.shape[1]), design.T @ known.T)
    explained = design @ slopes
    predicted = content.of_new(scores)
    assert predicted.estimates == pytest.approx((new @ slopes - explained.mean(axis=0)).T, abs=2e-3)
    missed = (known - explained.T)[:, content.rare].mean(axis=1) - (known - explained.T).mean(axis=1)
    assert predicted.levels == pytest.approx(known.mean(axis=1) + np.minimum(missed, 0), abs=2e-3)


def test_items_outside_the_catalog_are_predicted_from_their_metadata() -> None:
    data = painted(red=30)
    content = fit_content_regression(data.item_features, np.ones(len(data.catalog), np.int64))
    assert content is not None
    scores = np.array([[item.startswith(colour) for item in data.catalog] for colour in ("red", "blue")], np.float32)
    new = paint(["red-0.3", "blue-0.3", "plain-0.3"])
    estimates = content.of_others(scores, new).estimates
    assert estimates[0, 0] > 0.1 > -0.1 > estimates[0, 1]
    assert content.describes(new).tolist() == [True, True, False]


def test_too_few_items_give_no_regression() -> None:
    assert fit_content_regression(FILMS, (np.arange(28) < 5).astype(np.int64)) is None


def test_latent_factors_of_items_of_one_group_are_near_each_other() -> None:
    board = checkerboard(users=60)
    latent = fit_latent_items(board.interactions, len(board.catalog))
    even = np.array([int(item[1:]) % 2 == 0 for item in board.catalog])
    for item in range(len(even)):
        near = latent.of_item(item)
        near[item] = -9
        assert even[int(near.argmax())] == even[item]


def test_without_pairs_latent_scores_are_0() -> None:
    data = training_data([("u", "a", 1), ("v", "b", 2)])
    assert not fit_latent_items(data.interactions, 2).scores_of(weighted_rows([past(0)], ALL, item_count=2)).any()
