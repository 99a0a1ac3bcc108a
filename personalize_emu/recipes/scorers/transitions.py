"""Item-to-item transitions: what follows the last few items of a history within twenty steps (Markov chain of counts).

Near pairs count more. Pairs of an item with itself are left to wrappers/repeats.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Interactions
from personalize_emu.recipes.numerics.sparse_products import (
    FEW,
    FullestRows,
    fullest_rows,
    sum_of_dense_rows,
    weighted_cells,
)
from personalize_emu.recipes.scorers.base import Column, Kernels, Part, Scorer, Table, part_of_cells
from personalize_emu.recipes.scorers.histories import Kernel, weighted_rows

REACH = 20
DISTANCE_POWER = -0.8
POPULARITY_POWER = -0.3
POPULARITY_OFFSET = 20.0
MOST_PAIRS = 40_000_000
"""Pairs looked at in one training: longer data looks less far."""
MOST_STORED = 12_000_000
NEIGHBOURS = 200
"""Followers kept of each item where there are more than MOST_STORED."""
MOST_DENSE, FULL = 4_000_000, 0.1
"""Cells of a matrix that is also held dense (16 MB), and the share of them that must say something."""


def pairs_at(interactions: Interactions, distance: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of all pairs of interactions of one user that lie `distance` interactions apart: (earlier, later)."""
    same_user = interactions.users[distance:] == interactions.users[:-distance]
    earlier = np.flatnonzero(same_user)
    return earlier, earlier + distance


def lagged_pairs(interactions: Interactions, reach: int) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """(distance, earlier, later) for every distance from 1 to `reach`."""
    for distance in range(1, min(reach, int(interactions.lengths.max(initial=0)) - 1) + 1):
        yield distance, *pairs_at(interactions, distance)


@dataclass(frozen=True, eq=False)
class Transitions:
    """matrix: float32 csr[items, items], row a: how well each item follows a."""

    matrix: sp.csr_matrix

    def scores_many(self, histories: Sequence[History], kernel: Kernel) -> NDArray[np.float32]:
        """float32[histories, items]: rows of the newest items, weighted by the kernel."""
        bags = weighted_rows(histories, kernel, item_count=self.matrix.shape[0])
        if self._dense is not None:
            dense: NDArray[np.float32] = bags @ self._dense
            return dense
        if len(histories) >= FEW:
            return self._fullest.products(bags)
        scores = np.empty((len(histories), self.matrix.shape[1]), np.float32)
        for row, start, end in zip(scores, bags.indptr[:-1], bags.indptr[1:], strict=True):
            # A product of sparse matrices takes twice as long.
            chosen = self.matrix[bags.indices[start:end]]
            weights = np.repeat(bags.data[start:end], np.diff(chosen.indptr))
            row[:] = np.bincount(chosen.indices, chosen.data * weights, minlength=len(row))
        return scores

    def part(self, history: History, kernel: Kernel) -> Part:
        """The same of one history."""
        items, weights = kernel.bag(history)
        if self._dense is not None:
            return Part(sum_of_dense_rows(self._dense, items, weights))
        return part_of_cells(*weighted_cells(self.matrix, items, weights), self.matrix.shape[1])

    @cached_property
    def _fullest(self) -> FullestRows:
        return fullest_rows(self.matrix, max(1, MOST_DENSE // max(1, self.matrix.shape[1])))

    @cached_property
    def _dense(self) -> NDArray[np.float32] | None:
        """The same matrix, where it is small and full enough to be faster."""
        cells = self.matrix.shape[0] * self.matrix.shape[1]
        if cells > MOST_DENSE or self.matrix.nnz < FULL * cells:
            return None
        dense: NDArray[np.float32] = self.matrix.toarray()
        return dense


def fit_transitions(interactions: Interactions, item_count: int) -> Transitions:
    """Count pairs up to REACH apart by distance**-0.8; rows divided by their sum + 1, columns damped.

    Interactions of weight w count w times; both ends of a pair count.
    """
    reach = max(1, min(REACH, MOST_PAIRS // max(1, len(interactions))))
    rows, columns, values = [], [], []
    for distance, earlier, later in lagged_pairs(interactions, reach):
        other = interactions.items[earlier] != interactions.items[later]
        first, second = earlier[other], later[other]
        rows.append(interactions.items[first])
        columns.append(interactions.items[second])
        weights = interactions.weights[first] * interactions.weights[second]
        values.append((weights * distance**DISTANCE_POWER).astype(np.float32))
    if not rows:
        return Transitions(sp.csr_matrix((item_count, item_count), dtype=np.float32))
    triples = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    counts = sp.coo_matrix(triples, shape=(item_count, item_count)).tocsr()
    popularity = np.bincount(interactions.items, minlength=item_count)
    damping = (popularity + POPULARITY_OFFSET) ** POPULARITY_POWER
    shares = 1.0 / (np.asarray(counts.sum(axis=1)).ravel() + 1.0)
    counts.data *= np.repeat(shares, np.diff(counts.indptr)).astype(np.float32)
    counts.data *= damping[counts.indices].astype(np.float32)
    return Transitions(_canonical(strongest(counts, NEIGHBOURS) if counts.nnz > MOST_STORED else counts))


def strongest(matrix: sp.csr_matrix, keep: int) -> sp.csr_matrix:
    """The `keep` greatest values of each row; of equal values the lower column is kept."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    kept = order[rank < keep]
    return sp.csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)


def _canonical(matrix: sp.csr_matrix) -> sp.csr_matrix:
    matrix = matrix.tocsr()
    matrix.sum_duplicates()
    return matrix


@dataclass(frozen=True, eq=False)
class TransitionScorer(Scorer):
    """transitions: of all interactions."""

    transitions: Transitions
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("transitions", True, 0.1),)

    def part(self, column: int, history: History) -> Part:
        del column
        return self.transitions.part(history, self.kernels.last)

    def scores(self, histories: Sequence[History]) -> Table:
        return self.transitions.scores_many(histories, self.kernels.last)[None]


def fit_transition_scorer(interactions: Interactions, item_count: int, kernels: Kernels) -> TransitionScorer:
    return TransitionScorer(fit_transitions(interactions, item_count), kernels)
