"""Interactions: events of one user on one item at one time, merged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Interactions:
    """One row for each distinct (user, item, timestamp), in the order of its first event.

    users, items: int32[n]. timestamps: int64[n]. weights: float32[n], the greatest weight of the events.
    offsets: int64[users + 1], interactions of user u are offsets[u] to offsets[u + 1]. rows: int64[n], the first event
    of each interaction among the rows it was merged from; None where that is not known any more.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]
    weights: NDArray[np.float32]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """int64[users]: interactions of each user."""
        return np.diff(self.offsets)

    def chosen(self, kept: NDArray[np.bool_]) -> Interactions:
        """The interactions marked in bool[n], of the same users."""
        users = self.users[kept]
        offsets = np.searchsorted(users, np.arange(len(self.offsets))).astype(np.int64)
        rows = None if self.rows is None else self.rows[kept]
        return Interactions(users, self.items[kept], self.timestamps[kept], self.weights[kept], offsets, rows)

    def of_user(self, user: int) -> slice:
        return slice(int(self.offsets[user]), int(self.offsets[user + 1]))


def merge_events(
    user_count: int,
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    timestamps: NDArray[np.int64],
    weights: NDArray[np.float32] | None,
) -> Interactions:
    """Merge events of one user on one item at one timestamp; events of weight 0 are left out (T-22).

    The rows are sorted by user, then time. weights: float32[n], None for all 1.
    """
    weights = np.ones(len(items), np.float32) if weights is None else weights
    rows = np.arange(len(items))
    if len(items):
        order = np.lexsort((items, timestamps, users))
        starts = np.flatnonzero(~_same_as_before(users[order], items[order], timestamps[order]))
        greatest = np.maximum.reduceat(weights[order], starts)
        by_arrival = np.argsort(order[starts])
        rows, weights = order[starts][by_arrival], greatest[by_arrival].astype(np.float32)
    rows, weights = rows[weights > 0], weights[weights > 0]
    offsets = np.searchsorted(users[rows], np.arange(user_count + 1)).astype(np.int64)
    return Interactions(users[rows], items[rows], timestamps[rows], weights, offsets, rows)


def first_events(items: NDArray[np.int32], timestamps: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """bool[n]: the first event of every interaction in the history of one user; None where that is all of them."""
    if len(items) < 2 or not bool((timestamps[1:] == timestamps[:-1]).any()):
        return None
    order = np.lexsort((items, timestamps))
    first = np.ones(len(items), np.bool_)
    first[order] = ~_same_as_before(items[order], timestamps[order])
    return first


def _same_as_before(*columns: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[n]: rows that equal the row above in every column."""
    same = np.ones(len(columns[0]), np.bool_)
    same[:1] = False
    for column in columns:
        same[1:] &= column[1:] == column[:-1]
    return same


def subsample_users(interactions: Interactions, most: int) -> Interactions:
    """All interactions of every second, third, ... user, so that about `most` interactions remain."""
    step = -(-len(interactions) // most) if len(interactions) > most else 1
    if step == 1:
        return interactions
    kept = interactions.users % step == 0
    users = interactions.users[kept] // step
    offsets = np.searchsorted(users, np.arange(-(-(len(interactions.offsets) - 1) // step) + 1)).astype(np.int64)
    return Interactions(
        users, interactions.items[kept], interactions.timestamps[kept], interactions.weights[kept], offsets
    )
