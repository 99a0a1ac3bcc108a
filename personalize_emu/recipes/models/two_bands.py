"""The next item as a linear function of the last one and, beside it, of those before (LinSeq in two bands).

One row for every position of every user's sequence: x1, the last item; x2, those before it with exponentially
decaying weights; y, the next item. Ridge regression of y on (x1, x2) together, for what the last item says must not be
counted again where the one before says the same. As in `next_item_ridge`, no matrix of positions is built: all moments
are sums over pairs of visits that depend on their distance only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.ease import most_visited, places_of
from personalize_emu.recipes.models.transitions import lagged_pairs
from personalize_emu.recipes.visits import Visits

REACH = 30
MEMORY = 10.0
"""Visits after which one of the second band counts 1/e."""
MOST_ITEMS = 4000
"""The system to solve has twice as many unknowns: 256 MB."""
REGULARISATION = 300.0


@dataclass(frozen=True, eq=False)
class TwoBands:
    """columns: int32[m] items modelled. place: int32[items], where in columns or -1.

    last, before: float32[m, m], what each item adds to the items that follow, as the last one and further back.
    """

    columns: NDArray[np.int32]
    place: NDArray[np.int32]
    last: NDArray[np.float32]
    before: NDArray[np.float32]

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """float32[histories, items]: how likely each item is to be next; 0 for items not modelled."""
        scores = np.zeros((len(histories), len(self.place)), np.float32)
        for row, history in enumerate(histories):
            places = self.place[history.items[: -REACH - 2 : -1]]
            weights = np.exp(-np.arange(-1, len(places) - 1, dtype=np.float32) / np.float32(MEMORY))
            known = places >= 0
            last, before = known[:1], known[1:]
            total = weights[1:][before] @ self.before[places[1:][before]]
            if last.any():
                total += self.last[places[0]]
            scores[row, self.columns] = total
        return scores


def fit_two_bands(visits: Visits, item_count: int) -> TwoBands:
    """Fit on the most visited items."""
    columns = most_visited(np.bincount(visits.items, minlength=item_count), MOST_ITEMS)
    place = places_of(columns, item_count)
    size = len(columns)
    if not size:
        return TwoBands(columns, place, *np.zeros((2, 0, 0), np.float32))
    gram, targets = moments(visits, place, size)
    gram[np.diag_indices_from(gram)] += np.float32(REGULARISATION)
    _, weights, failed = lapack.sposv(gram.T, targets, lower=1, overwrite_a=1, overwrite_b=1)
    if failed:
        raise np.linalg.LinAlgError("not positive definite")
    return TwoBands(columns, place, np.ascontiguousarray(weights[:size]), np.ascontiguousarray(weights[size:]))


def moments(visits: Visits, place: NDArray[np.int32], size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """X'X, float32[2m, 2m], and X'Y, float32[2m, m]."""
    memory = np.exp(-np.arange(REACH) / MEMORY)
    overlap = np.r_[np.correlate(memory, memory, "full")[REACH - 1 :], 0.0]
    crossed, both, following = (np.zeros((size, size), np.float32) for _ in range(3))
    first = np.zeros((size, size), np.float32)
    places = place[visits.items].astype(np.int64)
    for distance, earlier, later in lagged_pairs(visits, REACH):
        known = (places[earlier] >= 0) & (places[later] >= 0)
        before, after = earlier[known], later[known]
        keys = places[before] * size + places[after]
        worth = visits.weights[before].astype(np.float64) * visits.weights[after]
        counts = np.bincount(keys, worth, minlength=size * size).reshape(size, size).astype(np.float32)
        crossed += np.float32(memory[distance - 1]) * counts
        both += np.float32(overlap[distance]) * counts
        if distance == 1:
            first += counts
        else:
            following += np.float32(memory[distance - 2]) * counts
    gram = np.zeros((2 * size, 2 * size), np.float32)
    own = np.bincount(places[places >= 0], (visits.weights**2)[places >= 0], minlength=size)
    gram[:size, :size] = np.diag(own)
    gram[size:, :size] = crossed
    gram[:size, size:] = crossed.T
    gram[size:, size:] = both + both.T + np.diag(overlap[0] * own).astype(np.float32)
    return gram, np.concatenate([first, following])
