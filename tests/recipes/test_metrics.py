"""Metrics against the documented examples and a second, naive implementation (spec 07, section 3.2)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.recipes.contract.metrics import evaluate, ndcg, reciprocal_rank

Queries = list[tuple[list[int], list[int], list[float]]]


def naive(queries: Queries, catalog_size: int, weighted: bool) -> dict[str, float]:
    """M-20 to M-24 and M-28, one query and one position at a time."""
    result: dict[str, float] = {}
    recommended = {item for ranked, _, _ in queries for item in ranked}
    result["coverage"] = len(recommended) / catalog_size if queries else 0.0
    reciprocal = []
    for ranked, truth, _ in queries:
        positions = [position for position, item in enumerate(ranked[:25], 1) if item in truth]
        reciprocal.append(1 / positions[0] if positions else 0.0)
    result["mean_reciprocal_rank_at_25"] = mean(reciprocal)
    for k in (5, 10, 25):
        result[f"precision_at_{k}"] = mean([sum(i in truth for i in ranked[:k]) / k for ranked, truth, _ in queries])
        plain = [naive_ndcg([float(i in truth) for i in ranked[:k]]) for ranked, truth, _ in queries]
        result[f"normalized_discounted_cumulative_gain_at_{k}"] = mean(plain)
        if weighted:
            relevance = [
                naive_ndcg([gains[truth.index(i)] if i in truth else 0.0 for i in ranked[:k]])
                for ranked, truth, gains in queries
            ]
            result[f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}"] = mean(relevance)
    return result


def naive_ndcg(gains: list[float]) -> float:
    reached = sum(gain / math.log(1 + k) for k, gain in enumerate(gains, 1))
    ideal = sum(gain / math.log(1 + k) for k, gain in enumerate(sorted(gains, reverse=True), 1))
    return reached / ideal if ideal else 0.0


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


@st.composite
def query_lists(draw: st.DrawFn) -> Queries:
    queries = []
    for _ in range(draw(st.integers(0, 6))):
        ranked = draw(st.lists(st.integers(0, 49), max_size=25, unique=True))
        truth = sorted(draw(st.lists(st.integers(0, 49), min_size=1, max_size=12, unique=True)))
        gains = draw(st.lists(st.floats(0.25, 4, width=16), min_size=len(truth), max_size=len(truth)))
        queries.append((ranked, truth, gains))
    return queries


def measured(queries: Queries, weighted: bool = True) -> dict[str, float]:
    return evaluate(
        [np.array(ranked, np.int32) for ranked, _, _ in queries],
        [np.array(truth, np.int32) for _, truth, _ in queries],
        50,
        [np.array(gains, np.float32) for _, _, gains in queries] if weighted else None,
    )


@given(query_lists(), st.booleans())
def test_agrees_with_the_naive_implementation_to_four_decimals(queries: Queries, weighted: bool) -> None:
    assert measured(queries, weighted) == pytest.approx(naive(queries, 50, weighted), abs=0.000051)


@given(query_lists())
def test_m58_invariants(queries: Queries) -> None:
    metrics = measured(queries)
    assert all(0 <= value <= 1 for value in metrics.values())
    hits = [k * metrics[f"precision_at_{k}"] for k in (5, 10, 25)]
    assert hits[0] <= hits[1] + 0.002
    assert hits[1] <= hits[2] + 0.002
    assert (metrics["mean_reciprocal_rank_at_25"] > 0) == (metrics["precision_at_25"] > 0)


def test_m21_first_hits_at_4_2_and_6() -> None:
    hits = np.zeros((3, 25))
    hits[[0, 1, 2], [3, 1, 5]] = 1
    assert round(reciprocal_rank(hits), 4) == 0.3056


def test_m22_hits_at_2_and_5() -> None:
    """M-23: the ideal list has the same two hits, at the top."""
    assert round(ndcg(np.array([[0.0, 1, 0, 0, 1]])), 5) == 0.62405


def test_m28_weights_0_3_and_0_1_count_1_5_and_0_5() -> None:
    heavy_first = ndcg(np.array([[1.5, 0.5]]))
    light_first = ndcg(np.array([[0.5, 1.5]]))
    assert heavy_first == pytest.approx(1.0)
    assert light_first == pytest.approx((0.5 + 1.5 / math.log2(3)) / (1.5 + 0.5 / math.log2(3)))


def test_m2_names_in_alphabetical_order_with_four_decimals() -> None:
    metrics = measured([([1, 2, 3], [3], [1.0])], weighted=False)
    assert list(metrics) == [
        "coverage",
        "mean_reciprocal_rank_at_25",
        "normalized_discounted_cumulative_gain_at_10",
        "normalized_discounted_cumulative_gain_at_25",
        "normalized_discounted_cumulative_gain_at_5",
        "precision_at_10",
        "precision_at_25",
        "precision_at_5",
    ]
    assert metrics["mean_reciprocal_rank_at_25"] == 0.3333
    assert metrics["coverage"] == 0.06


def test_m20_divides_by_k_even_for_short_lists() -> None:
    metrics = measured([([3], [3], [1.0])], weighted=False)
    assert [metrics[f"precision_at_{k}"] for k in (5, 10, 25)] == [0.2, 0.1, 0.04]
