"""The next items as a linear function of the recent ones (LinSeq), and EASE over sliding windows.

One row for every position of every user's sequence: x, the recent items with exponentially decaying weights,
and y, the items to come with weights that decay faster; ridge regression of y on x. Neither matrix is ever
built: X'X and X'Y are sums over pairs of visits that depend on their distance only, since sequences may be
thought of as padded with nothing at both ends. What an item says of itself is left to `repeats`.

    X'X[a, b] = sum over d of autocorrelation(d) * pairs[a, b at distance d], both directions
    X'Y[a, b] = sum over d of convolution(d)     * pairs[a, then b at distance d]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Visits
from personalize_emu.recipes.numerics.symmetric_inverse import inverse_of_positive_definite
from personalize_emu.recipes.scorers.ease import most_visited, of_modelled, places_of, without_self
from personalize_emu.recipes.scorers.histories import Kernel, newest, weighted_rows
from personalize_emu.recipes.scorers.transitions import lagged_pairs

REACH = 40
MEMORY = 8.0
"""Visits after which a recent item counts 1/e."""
FORESIGHT = 0.6
"""Each further step ahead counts this much of the one before."""
WINDOW_SHARE = 0.5
"""Size of the sliding-window EASE, added to the ridge, relative to it (Frobenius norm, without diagonal)."""
FEWEST_ITEMS, MOST_ITEMS = 1500, 6000
VISITS_AN_ITEM = 60
"""One item is modelled for so many visits, within the bounds above: rare items teach nothing and cost most."""
BATCH = 4_000_000


@dataclass(frozen=True, eq=False)
class NextItemRidge:
    """columns: int32[m] items modelled. place: int32[items], where in columns or -1. weights: float32[m, m]."""

    columns: NDArray[np.int32]
    place: NDArray[np.int32]
    weights: NDArray[np.float32]

    def scores(self, history: History, kernel: Kernel) -> NDArray[np.float32]:
        """float32[items]: 0 for items that are not modelled."""
        items, weights = newest(history, kernel)
        places = self.place[items]
        known = places >= 0
        scores = np.zeros(len(self.place), np.float32)
        scores[self.columns] = weights[known] @ self.weights[places[known]]
        return scores

    def scores_many(self, histories: Sequence[History], kernel: Kernel) -> NDArray[np.float32]:
        """float32[histories, items]."""
        return self.scores_of(weighted_rows(histories, kernel, item_count=len(self.place)))

    def scores_of(self, bags: sp.csr_matrix) -> NDArray[np.float32]:
        """The same of weighted histories, csr[histories, items]."""
        return of_modelled(bags, self.columns, self.place, self.weights)


def fit_next_item_ridge(visits: Visits, item_count: int, regularisation: float) -> NextItemRidge:
    """Fit on the most visited items; a visit of weight w counts as w of its item on both sides."""
    budget = int(np.clip(len(visits) // VISITS_AN_ITEM, FEWEST_ITEMS, MOST_ITEMS))
    columns = most_visited(np.bincount(visits.items, minlength=item_count), budget)
    place = places_of(columns, item_count)
    gram, targets = moments(visits, place, len(columns))
    gram[np.diag_indices_from(gram)] += np.float32(regularisation)
    inverse = inverse_of_positive_definite(gram)
    ridge = inverse @ targets
    return NextItemRidge(columns, place, _with_window(ridge, without_self(inverse)))


def moments(visits: Visits, place: NDArray[np.int32], size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """X'X and X'Y, float32[m, m], of all positions of all users."""
    memory = np.exp(-np.arange(REACH) / MEMORY)
    overlap = np.correlate(memory, memory, "full")[REACH - 1 :]
    ahead = np.convolve(memory, FORESIGHT ** np.arange(REACH))[:REACH]
    gram = np.zeros(size * size, np.float32)
    targets = np.zeros(size * size, np.float32)
    batch: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
    waiting = 0
    places = place[visits.items].astype(np.int64)
    for distance, earlier, later in lagged_pairs(visits, REACH):
        known = (places[earlier] >= 0) & (places[later] >= 0)
        before, after = earlier[known], later[known]
        worth = visits.weights[before].astype(np.float64) * visits.weights[after]
        seen_with = overlap[distance] if distance < REACH else 0.0
        batch.append((places[before] * size + places[after], worth * seen_with, worth * ahead[distance - 1]))
        waiting += len(before)
        if waiting > BATCH:
            _add(batch, gram, targets)
            batch, waiting = [], 0
    _add(batch, gram, targets)
    square = gram.reshape(size, size)
    square += square.T.copy()
    own = np.bincount(places[places >= 0], (visits.weights**2)[places >= 0], minlength=size)
    square[np.diag_indices(size)] += (overlap[0] * own).astype(np.float32)
    return square, targets.reshape(size, size)


def _add(
    batch: Sequence[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]],
    gram: NDArray[np.float32],
    targets: NDArray[np.float32],
) -> None:
    if batch:
        keys = np.concatenate([keys for keys, _, _ in batch])
        gram += np.bincount(keys, np.concatenate([seen for _, seen, _ in batch]), minlength=len(gram))
        targets += np.bincount(keys, np.concatenate([ahead for _, _, ahead in batch]), minlength=len(gram))


def _with_window(ridge: NDArray[np.float32], window: NDArray[np.float32]) -> NDArray[np.float32]:
    """`ridge` plus `window` at WINDOW_SHARE of its size; one matrix serves both."""
    size = np.sqrt(max(0.0, float(np.sum(ridge * ridge) - np.sum(np.diag(ridge) ** 2))))
    window_size = float(np.linalg.norm(window))
    if window_size > 0.0:
        window *= np.float32(WINDOW_SHARE * size / window_size)
        ridge += window
    np.fill_diagonal(ridge, 0.0)
    return ridge
