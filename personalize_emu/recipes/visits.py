"""Visits: what a user did with one item at one moment, however many events were recorded of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import History, TrainingData


@dataclass(frozen=True, eq=False)
class Visits:
    """One row for each distinct (user, item, timestamp), in the order of its first event.

    users, items: int32[n]. timestamps: int64[n]. weights: float32[n], the greatest weight of the events.
    offsets: int64[users + 1], visits of user u are offsets[u] to offsets[u + 1].
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]
    weights: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """int64[users]: visits of each user."""
        return np.diff(self.offsets)

    def of_user(self, user: int) -> slice:
        return slice(int(self.offsets[user]), int(self.offsets[user + 1]))


def visits_of(data: TrainingData) -> Visits:
    """Merge events of one user on one item at one timestamp; events of weight 0 are left out (T-22)."""
    weights = np.ones(len(data.items), np.float32) if data.weights is None else data.weights
    order = np.lexsort((data.items, data.timestamps, data.users))
    users, items, timestamps = data.users[order], data.items[order], data.timestamps[order]
    starts_here = np.ones(len(order), np.bool_)
    starts_here[1:] = (
        (users[1:] != users[:-1]) | (items[1:] != items[:-1]) | (timestamps[1:] != timestamps[:-1])
    )
    starts = np.flatnonzero(starts_here)
    if not len(starts):
        nothing = np.zeros(len(data.user_ids) + 1, np.int64)
        return Visits(data.users, data.items, data.timestamps, weights, nothing)
    greatest = np.maximum.reduceat(weights[order], starts)
    first_rows, kept_weights = order[starts], greatest
    arrival = np.argsort(first_rows)
    first_rows, kept_weights = first_rows[arrival], kept_weights[arrival]
    counted = kept_weights > 0
    first_rows, kept_weights = first_rows[counted], kept_weights[counted].astype(np.float32)
    kept_users = data.users[first_rows]
    offsets = np.searchsorted(kept_users, np.arange(len(data.user_ids) + 1)).astype(np.int64)
    return Visits(kept_users, data.items[first_rows], data.timestamps[first_rows], kept_weights, offsets)


def merged(history: History) -> History:
    """The same history with events of one item at one timestamp counted once, at the first of them."""
    items, timestamps = history.items, history.timestamps
    if len(items) < 2 or not bool((timestamps[1:] == timestamps[:-1]).any()):
        return history
    order = np.lexsort((items, timestamps))
    again = np.zeros(len(items), np.bool_)
    ordered_items, ordered_times = items[order], timestamps[order]
    again[order[1:]] = (ordered_items[1:] == ordered_items[:-1]) & (ordered_times[1:] == ordered_times[:-1])
    return History(items[~again], timestamps[~again])
