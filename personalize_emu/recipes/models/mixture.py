"""Two distributions over the items a user never had into one: a weighted mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
TINY = np.float32(1e-37)
ROUNDS = 40


def mixed(first: Rows, second: Rows, share: float, had: Sequence[NDArray[np.int32]]) -> Rows:
    """Logarithms of (1 - share) p + share q, with p and q the softmax of `first` and `second`.

    first, second: float32[rows, items]; -inf has no probability. had: for each row int32[h], items that are left out
    of both sums; they get values on the same scale.
    """
    mixture = _probabilities(first, had)
    mixture *= np.float32(1 - share)
    other = _probabilities(second, had)
    other *= np.float32(share)
    mixture += other
    np.maximum(mixture, TINY, out=mixture)
    return np.log(mixture, out=mixture)


def best_share(
    first: Rows, second: Rows, had: Sequence[NDArray[np.int32]], targets: Sequence[NDArray[np.int32]], default: float
) -> float:
    """The share of `second` under which the mixture gives the targets most likelihood; targets had do not count.

    Found by expectation and maximisation; every row counts the same, however many targets it has.
    """
    p, q = _probabilities(first, had), _probabilities(second, had)
    rows = [np.setdiff1d(items, owned) for items, owned in zip(targets, had, strict=True)]
    sizes = np.array([len(items) for items in rows])
    if not sizes.sum():
        return default
    owner = np.repeat(np.arange(len(rows)), sizes)
    items = np.concatenate(rows)
    weight = (1 / sizes[owner]) / np.count_nonzero(sizes)
    ours, theirs = p[owner, items] + np.float64(TINY), q[owner, items] + np.float64(TINY)
    share = 0.5
    for _ in range(ROUNDS):
        share = float((weight * share * theirs / ((1 - share) * ours + share * theirs)).sum())
    return round(share, 4)


def _probabilities(logits: Rows, had: Sequence[NDArray[np.int32]]) -> Rows:
    """exp of each row over its sum of those that were not had, or over 1 where all were; never infinite."""
    owner = np.repeat(np.arange(len(logits)), [len(items) for items in had])
    places = owner, np.concatenate(had) if had else owner
    own = logits[places]
    raised = logits.copy()
    raised[places] = -np.inf
    peak = raised.max(axis=1, keepdims=True)
    peak[peak == -np.inf] = 0
    raised[places] = own
    raised -= peak
    np.minimum(raised, np.float32(60), out=raised)
    np.exp(raised, out=raised)
    own = raised[places]
    raised[places] = 0
    total = raised.sum(axis=1, keepdims=True)
    raised[places] = own
    total[total == 0] = 1
    raised /= total
    return raised
