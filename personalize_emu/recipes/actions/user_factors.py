"""Latent factors of users, read from their histories.

Items get coordinates from a truncated SVD of the users x items matrix, each item's column divided by the square root of
its number of users. The factors of a user are the direction of the sum over the newest items of the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.numerics.truncated_svd import truncated_svd
from personalize_emu.recipes.scorers.ease import user_item_matrix

REACH = 100
"""Newest interactions that make up a factors."""
FEWEST_INTERACTIONS = 20
"""A factors is read from the first interactions of a user where fewer lie in the past: user_factors hardly change,
and none at all says nothing."""


@dataclass(frozen=True, eq=False)
class UserFactors:
    """coordinates: float32[items, dimensions], 0 for items without interactions."""

    coordinates: NDArray[np.float32]

    @property
    def dimensions(self) -> int:
        return int(self.coordinates.shape[1])

    def of_items(self, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """float64[dimensions] of a history, oldest first; 0 for an empty one."""
        return directions(self.coordinates[items[-REACH:]].sum(axis=0, dtype=np.float64))

    def at_moments(
        self, interactions: Interactions, users: NDArray[np.int64], moments: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """float64[n, dimensions]: the factors of each user, int64[n] or -1 for an unknown user, just before a
        moment.
        """
        wanted = np.zeros(len(interactions.lengths), np.bool_)
        wanted[users[users >= 0]] = True
        # The sums take 128 bytes an interaction: only those of the given users are made.
        interactions = interactions.chosen(wanted[interactions.users])
        if not len(interactions):
            return np.zeros((len(users), self.dimensions))
        summed = np.zeros((len(interactions) + 1, self.dimensions))
        np.cumsum(self.coordinates[interactions.items], axis=0, dtype=np.float64, out=summed[1:])
        known = np.maximum(users, 0)
        first, end = interactions.offsets[known], interactions.offsets[known + 1]
        reached = np.maximum(_earlier_rows(interactions, known, moments), np.minimum(first + FEWEST_INTERACTIONS, end))
        totals = summed[reached] - summed[np.maximum(first, reached - REACH)]
        totals[users < 0] = 0
        return directions(totals)


def fit_user_factors(
    interactions: Interactions, user_count: int, item_count: int, dimensions: int, seed: int
) -> UserFactors:
    """At most `dimensions` of them, and fewer than there are users or items."""
    matrix = user_item_matrix(interactions, user_count, item_count)
    matrix.data = np.ones_like(matrix.data)
    users_of_item = np.bincount(matrix.indices, minlength=item_count)
    scaled = (matrix @ sp.diags_array(1 / np.sqrt(np.maximum(users_of_item, 1)))).astype(np.float32)
    rank = min(dimensions, *(size - 1 for size in scaled.shape))
    _, items = truncated_svd(scaled, rank, seed)
    coordinates = items / np.sqrt(np.maximum(users_of_item, 1))[:, None]
    return UserFactors(np.ascontiguousarray(coordinates, np.float32))


def directions(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row at length 1; rows of 0 stay."""
    lengths = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    turned: NDArray[np.float64] = vectors / np.where(lengths > 1e-12, lengths, 1)
    return turned


def _earlier_rows(
    interactions: Interactions, users: NDArray[np.int64], moments: NDArray[np.int64]
) -> NDArray[np.int64]:
    """int64[n]: the row after the last interaction of each user before each moment."""
    start, span = int(interactions.timestamps.min()), int(np.ptp(interactions.timestamps)) + 2
    keys = interactions.users.astype(np.int64) * span + (interactions.timestamps - start)
    sought = users * span + np.clip(moments - start, 0, span - 1)
    return np.searchsorted(keys, sought).astype(np.int64)


def numbers_of(user_ids: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    """int64[wanted]: the position of each id in `user_ids`, -1 where it is not there."""
    number_of = {user: number for number, user in enumerate(user_ids)}
    return np.array([number_of.get(user, -1) for user in wanted], np.int64)
