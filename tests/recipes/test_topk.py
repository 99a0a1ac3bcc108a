"""The k best, with ties, against a full sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from personalize_emu.recipes.contract.topk import top_k, top_k_rows


def sorted_top(scores: np.ndarray, k: int) -> list[int]:
    allowed = [place for place in range(len(scores)) if scores[place] > -np.inf]
    return sorted(allowed, key=lambda place: (-scores[place], place))[:k]


@given(
    arrays(np.float32, st.integers(0, 400), elements=st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 1.0, 3.0])),
    st.integers(0, 40),
)
def test_rt32_ties_go_to_the_lower_position(scores: np.ndarray, k: int) -> None:
    assert top_k(scores, k).tolist() == sorted_top(scores, k)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(0, 4), st.integers(0, 400)),
        elements=st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 1.0, 3.0]),
    ),
    st.integers(0, 40),
)
def test_rt32_rows_have_their_best_and_then_nothing(scores: np.ndarray, k: int) -> None:
    best = top_k_rows(scores, k)
    assert best.shape == (len(scores), min(k, scores.shape[1]))
    for found, row in zip(best.tolist(), scores, strict=True):
        expected = sorted_top(row, k)
        assert found == expected + [-1] * (len(found) - len(expected))


@pytest.mark.parametrize("size", [1, 31, 32, 33, 5_000, 100_003])
def test_agrees_with_a_full_sort(size: int) -> None:
    scores = np.random.default_rng(size).normal(size=size).round(2).astype(np.float32)
    scores[::7] = -np.inf
    assert top_k(scores, 25).tolist() == sorted_top(scores, 25)
    assert top_k(scores, 25).dtype == np.int32


@pytest.mark.parametrize("size", [1, 33, 5_000, 100_003])
@pytest.mark.parametrize("k", [1, 25, 600])
def test_rows_agree_with_single_rows(size: int, k: int) -> None:
    scores = np.random.default_rng(size).normal(size=(3, size)).round(2).astype(np.float32)
    scores[0, ::7] = -np.inf
    best = top_k_rows(scores, k)
    assert best.dtype == np.int32
    assert [row[row >= 0].tolist() for row in best] == [top_k(row, k).tolist() for row in scores]
