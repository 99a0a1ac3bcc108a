"""Histories cut into chunks, and chunks of similar length batched together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sequences:
    """Items of all users, one after the other. items: int64[n]. weights: float32[n], what learning each counts.

    offsets: int64[users + 1], as in Interactions.
    """

    items: NDArray[np.int64]
    weights: NDArray[np.float32]
    offsets: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def of(self, user: int) -> NDArray[np.int64]:
        return self.items[self.offsets[user] : self.offsets[user + 1]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Pieces side by side. items, targets: int64[steps, rows], 0 and -1 after the end of a chunk; weights: float32."""

    items: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


def chunks_of(
    sequences: Sequences, users: NDArray[np.int64], steps: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(start, length) of chunks of at most `steps` steps, int64[chunks]; where each user is cut is drawn.

    A chunk of length k has k inputs and, one place later each, k targets.
    """
    most = sequences.lengths[users] - 1
    users, most = users[most > 0], most[most > 0]
    first = np.minimum(rng.integers(1, steps + 1, len(users)), most)
    first[most <= steps] = most[most <= steps]
    count = 1 + -(-(most - first) // steps)
    owner = np.repeat(np.arange(len(users)), count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    begins = np.where(number == 0, 0, first[owner] + (number - 1) * steps)
    ends = np.minimum(first[owner] + number * steps, most[owner])
    return sequences.offsets[users[owner]] + begins, ends - begins


def batches(
    sequences: Sequences, users: NDArray[np.int64], steps: int, positions: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """One round through the histories of `users`, in batches of about `positions` steps together."""
    starts, lengths = chunks_of(sequences, users, steps, rng)
    order = np.lexsort((rng.random(len(starts)), lengths))
    groups: list[NDArray[np.int64]] = []
    at = 0
    while at < len(order):
        longest = int(lengths[order[min(len(order) - 1, at + positions // 16)]])
        rows = max(1, positions // max(1, longest))
        groups.append(order[at : at + rows])
        at += rows
    for number in rng.permutation(len(groups)).tolist():
        yield _padded(sequences, starts[groups[number]], lengths[groups[number]])


def _padded(sequences: Sequences, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Batch:
    step = np.arange(int(lengths.max()))[:, None]
    there = step < lengths
    places = np.where(there, starts + step, 0)
    following = np.minimum(places + 1, len(sequences.items) - 1)
    items = np.where(there, sequences.items[places], 0)
    targets = np.where(there, sequences.items[following], -1)
    return Batch(items, targets, sequences.weights[following])
