"""Columns, neighbours and estimates from metadata, each against an obvious version of itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from personalize_emu.recipes.content import content_neighbours as module
from personalize_emu.recipes.content.content_neighbours import POWER, RANK_DECAY, content_neighbours, likeness_of
from personalize_emu.recipes.content.content_scores import Trial, fit_content
from personalize_emu.recipes.content.item_basis import counts_of_texts, fit_item_basis, knots_of, spread
from personalize_emu.recipes.contract.features import Features, Numbers, Texts
from tests.recipes.described_data import categories, paint, painted

GENRES = [("drama",), ("comedy", "drama"), ("comedy",), (), ("drama", "war"), ("war",), ("comedy", "war")] * 4
YEARS = np.array([1990.0, 1991, 2005, np.nan, 1950, 1951, 2005] * 4) + np.repeat(np.arange(4.0), 7)


def films(texts: Sequence[str] = ()) -> Features:
    words = (Texts("PLOT", tuple(texts)),) if texts else ()
    return Features(len(GENRES), (categories("GENRE", GENRES),), (Numbers("YEAR", YEARS),), words)


def basis_matrix(features: Features) -> np.ndarray:
    counts = counts_of_texts(features)
    return np.asarray(fit_item_basis(features, counts, np.random.default_rng(0)).matrix(features, counts).toarray())


@given(arrays.arrays(np.float64, 12, elements=st.floats(-50, 50)), st.integers(2, 9))
def test_a_spread_number_can_be_read_back(values: np.ndarray, count: int) -> None:
    knots = knots_of(values, count)
    if len(knots) < 2:
        return
    weights = spread(values, knots).toarray()
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights @ knots == pytest.approx(values, abs=1e-3)
    assert (np.count_nonzero(weights, axis=1) <= 2).all()


def test_columns_are_those_of_the_obvious_version() -> None:
    features = films()
    matrix = basis_matrix(features)
    basis = fit_item_basis(features, None, np.random.default_rng(0))
    assert [value for _, value in basis.categories] == ["comedy", "drama", "war"]
    pairs = [tuple(pair) for pair in basis.pairs.tolist()]
    assert pairs == []
    known = YEARS[np.isfinite(YEARS)]
    fine, coarse = (np.unique(np.quantile(known, np.linspace(0, 1, count))) for count in (30, 12))
    for row, genres, year in zip(matrix, GENRES, YEARS, strict=True):
        member = [float(value in genres) for value in ("comedy", "drama", "war")]
        crossed = [own * weight for own in member for weight in plain_spread(year, coarse)]
        assert row.tolist() == pytest.approx([1.0, *member, *plain_spread(year, fine), *crossed], abs=1e-5)


def plain_spread(value: float, knots: np.ndarray) -> list[float]:
    weights = [0.0] * len(knots)
    for place, (low, high) in enumerate(pairwise(knots.tolist())):
        if low <= value < high or (value == high and place == len(knots) - 2):
            weights[place], weights[place + 1] = (high - value) / (high - low), (value - low) / (high - low)
    return weights


def test_categories_that_often_meet_have_a_column() -> None:
    features = Features(20, (categories("GENRE", [("a", "b")] * 9 + [("a",)] * 6 + [("b",)] * 5),))
    matrix = basis_matrix(features)
    assert matrix.shape == (20, 4)
    assert matrix[:, 3].tolist() == [1.0] * 9 + [0.0] * 11


def test_what_was_not_known_in_training_says_nothing() -> None:
    basis = fit_item_basis(films(), None, np.random.default_rng(0))
    stranger = Features(1, (categories("GENRE", [("unheard of",)]),), (Numbers("OTHER", np.array([1.0])),))
    row = basis.matrix(stranger, None).toarray()[0]
    assert len(row) == basis.matrix(films(), None).shape[1]
    assert row.tolist() == [1.0] + [0.0] * (len(row) - 1)


def test_neighbours_are_those_of_the_obvious_version() -> None:
    likeness = likeness_of(films(), None)
    rows, candidates = np.array([0, 3, 8]), np.arange(2, 28)
    found = content_neighbours(likeness, rows, candidates, nearest=5).toarray()
    counts = {value: sum(value in genres for genres in GENRES) for value in ("comedy", "drama", "war")}
    rarity = {value: np.log((len(GENRES) + 1) / (count + 0.5)) for value, count in counts.items()}
    for place, row in enumerate(rows.tolist()):
        alike = [0.0 if row == other else plain_likeness(row, other, rarity) for other in candidates.tolist()]
        weights = np.array([value**POWER if rank < 5 else 0.0 for value, rank in zip(alike, ranks(alike), strict=True)])
        expected = weights / weights.sum() if weights.sum() else weights
        assert np.sort(found[place]) == pytest.approx(np.sort(expected), abs=1e-5)


def test_a_neighbour_counts_the_more_the_nearer_it_is() -> None:
    likeness, rows = likeness_of(films(), None), np.arange(len(GENRES))
    closeness = likeness.between(rows, rows)
    weights = content_neighbours(likeness, rows, rows).toarray()
    for row in rows.tolist():
        others = [other for other in np.argsort(-closeness[row]).tolist() if other != row]
        nearest, farther = others[0], next(
            (each for each in others if 0 < closeness[row, each] < 0.7 * closeness[row, others[0]]), None
        )
        if farther is not None:
            assert weights[row, nearest] > 1.4 * weights[row, farther] > 0


def test_many_items_have_fewer_neighbours_each(monkeypatch: pytest.MonkeyPatch) -> None:
    likeness, rows, candidates = likeness_of(films(), None), np.array([0, 3, 8]), np.arange(2, 28)
    all_weights = content_neighbours(likeness, rows, candidates).toarray()
    monkeypatch.setattr(module, "FEWEST_NEIGHBOURS", 1)
    monkeypatch.setattr(module, "MOST_STORED", 6)
    fewer = content_neighbours(likeness, rows, candidates).toarray()
    assert (np.count_nonzero(fewer, axis=1) <= 2).all()
    assert fewer.sum(axis=1) == pytest.approx(all_weights.sum(axis=1))
    monkeypatch.setattr(module, "FEWEST_CANDIDATES", 1)
    monkeypatch.setattr(module, "MOST_COMPARED", 3 * 13)
    looked_at = content_neighbours(likeness, rows, candidates)
    assert looked_at.shape == (3, 26)
    assert (looked_at.indices % 2 == 0).all()


def ranks(values: Sequence[float]) -> list[int]:
    order = sorted(range(len(values)), key=lambda place: -values[place])
    return [order.index(place) for place in range(len(values))]


def plain_likeness(one: int, other: int, rarity: dict[str, float]) -> float:
    shared = sum(rarity[value] ** 2 for value in set(GENRES[one]) & set(GENRES[other]))
    lengths = [np.sqrt(sum(rarity[value] ** 2 for value in GENRES[item])) for item in (one, other)]
    known = YEARS[np.isfinite(YEARS)]
    places = [np.mean([(year < YEARS[item]) + 0.5 * (year == YEARS[item]) for year in known]) for item in (one, other)]
    far = min(1.0, abs(places[0] - places[1])) if np.isfinite(YEARS[[one, other]]).all() else 1.0
    if np.isnan(YEARS[[one, other]]).all():
        far = 0.0
    return 0.0 if not shared else float(shared / (lengths[0] * lengths[1]) * np.exp(-RANK_DECAY * far))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_estimates_are_ridge_regression_and_neighbours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = films([f"word{place % 3} text" for place in range(len(GENRES))])
    visited = np.arange(28) % 4 != 0
    scores = rng.standard_normal((2, 28)).astype(np.float32)
    trial = Trial(visited & (np.arange(28) % 5 == 0), scores, [np.array([5, 10]), np.array([15])])
    content = fit_content(features, visited.astype(np.int64), trial, np.random.default_rng(1))
    assert content is not None
    columns, new_columns = content.columns.toarray().astype(np.float64), content.new_columns.toarray()
    known = scores[:, content.trained].astype(np.float64)
    strength = 1 / np.linalg.eigvalsh(content.inverse.astype(np.float64)).max()
    gram = columns.T @ columns
    regularised = np.linalg.inv(content.inverse.astype(np.float64)) - gram
    assert regularised == pytest.approx(np.eye(len(gram)) * regularised[0, 0], abs=0.05)
    assert strength > 0
    slopes = np.linalg.solve(gram + regularised[0, 0] * np.eye(len(gram)), columns.T @ known.T)
    explained = (new_columns @ slopes).T - (columns @ slopes).T.mean(axis=1, keepdims=True)
    near = (content.neighbours.toarray() @ (known - known.mean(axis=1, keepdims=True)).T).T
    lone = content.neighbours.toarray().sum(axis=1) == 0
    rare = columns[content.rare] @ slopes
    missed = (
        known[:, content.rare].mean(axis=1) - known.mean(axis=1) - (rare - (columns @ slopes).mean(axis=0)).mean(axis=0)
    )
    levels = known.mean(axis=1) + np.minimum(missed, 0)
    assert content.of_new(scores).levels == pytest.approx(levels, abs=2e-3)
    share = np.where(lone, 0, content.share)
    assert content.of_new(scores).estimates == pytest.approx((1 - share) * explained + share * near, abs=2e-3)


def test_regularisation_and_trust_are_learned_from_hidden_items() -> None:
    data = painted(red=30)
    assert data.item_features is not None
    hidden = np.arange(len(data.catalog)) % 4 == 0
    liked = np.array([[item.startswith(colour) for item in data.catalog] for colour in ("red", "blue")])
    scores = liked.astype(np.float32)
    trial = Trial(hidden, scores, [np.flatnonzero(row & hidden).astype(np.int32) for row in liked])
    content = fit_content(data.item_features, np.ones(len(hidden), np.int64), trial, np.random.default_rng(0))
    assert content is not None
    assert content.sharpness > 3
    told = content.of_others(scores, paint(["red-0.3", "blue-0.3", "plain-0.3"]))
    others, levels = told.estimates, told.levels
    assert others[0, 0] > 0.1 > -0.1 > others[0, 1]
    assert content.describes(paint(["red-0.3", "plain-0.3"])).tolist() == [True, False]
    assert (levels <= scores.mean(axis=1) + 1e-6).all()


def test_too_few_items_teach_nothing() -> None:
    trial = Trial(np.zeros(28, np.bool_), np.zeros((0, 28), np.float32), [])
    assert fit_content(films(), (np.arange(28) < 5).astype(np.int64), trial, np.random.default_rng(0)) is None
