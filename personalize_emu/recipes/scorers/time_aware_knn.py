"""Session kNN that prefers sessions near the user's last interaction in time (in the manner of V-SKNN and STAN).

A session is what one user did in one short bucket of time. Its items count by the similarity of the user's history to
that of the session's owner (squared cosine) and by exp(-distance in time). Stretch and decay follow from how long the
data reach, so a week of clicks and twenty years of ratings both work. Only interactions before the training are known,
so no session lies in the future of a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Interactions, subsample_users
from personalize_emu.recipes.numerics.sparse_products import (
    FEW,
    cells_of,
    products,
    sum_of_rows,
    weighted_cells,
)
from personalize_emu.recipes.scorers.base import Column, Kernels, Part, Scorer, Table, part_of_cells
from personalize_emu.recipes.scorers.ease import user_item_matrix
from personalize_emu.recipes.scorers.histories import weighted_rows
from personalize_emu.recipes.scorers.sessions import in_sessions, newest_times, time_scale

MOST_INTERACTIONS = 120_000
"""A request reads every session: of more data only every second, third, ... user is kept."""
SIMILAR = 4
"""Where fewer than one of so many users have an item in common, their sessions alone are read."""
DISTANT = np.float32(0.1)
"""What the most distant sessions count beside those of the time."""


@dataclass(frozen=True, eq=False)
class TimeAwareKnn(Scorer):
    """by_item: float32 csr[items, users]. sessions: float32 csr[items, sessions]. owners: int32[sessions]. moments:
    float32[sessions], in time scales since `origin`. norms: float32[users]. origin, scale: seconds.
    """

    by_item: sp.csr_matrix
    sessions: sp.csr_matrix
    owners: NDArray[np.int32]
    moments: Table
    norms: Table
    origin: int
    scale: float
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column("time-aware kNN", True, 0.15),)

    def scores(self, histories: Sequence[History]) -> Table:
        bags = weighted_rows(histories, self.kernels.recent, item_count=self.by_item.shape[0])
        now = (newest_times([history.timestamps for history in histories]) - self.origin) / self.scale
        if len(histories) >= FEW:
            return self._scores_of_many(bags, now.astype(np.float32))[None]
        weights = self._nearness(self.moments, now.astype(np.float32)[:, None])
        weights *= self._similarity(bags).take(self.owners, axis=1)
        return products(self.sessions, weights)[None]

    def part(self, column: int, history: History) -> Part:
        del column
        similarity = sum_of_rows(self.by_item, *self.kernels.recent.bag(history))
        similarity *= self._inverse_norms
        np.square(similarity, out=similarity)
        now = np.float32((int(newest_times([history.timestamps])[0]) - self.origin) / self.scale)
        similar = np.flatnonzero(similarity)
        if len(similar) * SIMILAR > len(similarity):
            return Part(self.sessions @ (self._nearness(self.moments, now) * similarity[self.owners]))
        sessions, counts = cells_of(self._session_offsets, similar)
        weights = self._nearness(self.moments[sessions], now) * np.repeat(similarity[similar], counts)
        return part_of_cells(*weighted_cells(self._by_session, sessions, weights), self.sessions.shape[0])

    def _nearness(self, moments: Table, now: np.float32 | NDArray[np.float32]) -> Table:
        nearness: Table = np.exp(-np.abs(moments - now))
        nearness += DISTANT
        return nearness

    @cached_property
    def _session_offsets(self) -> NDArray[np.int64]:
        """int64[users + 1]: the sessions of a user follow each other."""
        return np.searchsorted(self.owners, np.arange(len(self.norms) + 1))

    @cached_property
    def _by_session(self) -> sp.csr_matrix:
        return self.sessions.T.tocsr()

    def _similarity(self, bags: sp.csr_matrix) -> Table:
        """float32[histories, users]: squared cosine up to a factor of each history."""
        similarity = np.ascontiguousarray((bags @ self.by_item).toarray(), np.float32)
        similarity *= self._inverse_norms
        return np.square(similarity, out=similarity)

    def _scores_of_many(self, bags: sp.csr_matrix, now: Table) -> Table:
        """float32[histories, items]. now: float32[histories].

        Together the histories have something in common with nearly all users, so their similarities are a product of
        a sparse and a dense matrix; tables have a column for each history, as such products run along their rows.
        """
        similarity = self._by_user @ np.ascontiguousarray(bags.toarray().T)
        similarity *= self._inverse_norms[:, None]
        np.square(similarity, out=similarity)
        weights = self.moments[:, None] - now
        np.abs(weights, out=weights)
        np.negative(weights, out=weights)
        np.exp(weights, out=weights)
        weights += DISTANT
        weights *= similarity.take(self.owners, axis=0)
        return np.ascontiguousarray((self.sessions @ weights).T)

    @cached_property
    def _by_user(self) -> sp.csr_matrix:
        return self.by_item.T.tocsr()

    @cached_property
    def _inverse_norms(self) -> Table:
        return np.float32(1) / self.norms


def fit_time_aware_knn(interactions: Interactions, item_count: int, kernels: Kernels) -> TimeAwareKnn:
    """Of all interactions, or of an even choice of users with about MOST_INTERACTIONS."""
    interactions = subsample_users(interactions, MOST_INTERACTIONS)
    origin, scale = time_scale(interactions.timestamps)
    sessions = in_sessions(interactions, origin, scale)
    first = sessions.offsets[:-1]
    moments = np.bincount(sessions.users, (interactions.timestamps - origin) / scale, minlength=len(first))
    return TimeAwareKnn(
        user_item_matrix(interactions, len(interactions.lengths), item_count).T.tocsr(),
        user_item_matrix(sessions, len(first), item_count).T.tocsr(),
        interactions.users[first],
        (moments / np.maximum(sessions.lengths, 1)).astype(np.float32),
        np.sqrt(np.maximum(interactions.lengths, 1)).astype(np.float32),
        origin,
        scale,
        kernels,
    )
