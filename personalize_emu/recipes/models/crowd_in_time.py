"""What other people did about the time in question: what was popular, what similar people had, what followed.

Tastes and offers change, so what others did near the user's newest visit says more than what they did years before
or after it. What happened counts by exp(-distance in time / scale); the scales follow from how long the data reach, so
that a week of clicks and twenty years of ratings both have eras.

A stay is what one user did in one short stretch of time: people come, and come back years later as others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.models.ease import user_item_matrix
from personalize_emu.recipes.models.eras import Eras, eras_of
from personalize_emu.recipes.models.nearest_moments import ByMoment, by_moment
from personalize_emu.recipes.models.repeats import thinned
from personalize_emu.recipes.models.sparse_sums import products, sum_of_rows
from personalize_emu.recipes.visits import Visits

MOST_VISITS = 120_000
"""A request looks at every visit of the crowd: of more data only every second, third, ... user is kept."""
ERAS = 6.0
"""Long scales in the time that the middle 98 % of the visits span."""
SHORTER = 4
"""Short scales in a long one."""
STAYS = 8
"""Stretches of time in a long scale."""
REACH = 10
FADING = (np.arange(1, REACH + 1) ** -0.6).astype(np.float32)
OCCURRENCES = 100
"""Visits to one item, those nearest in time, whose followers are looked up."""
FLOOR = np.float32(0.02)
"""What followed counts this much however long ago it was."""

Vector = NDArray[np.float32]
Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CrowdInTime:
    """Stays, and visits by item.

    had: float32 csr[users, items] and stays: float32 csr[stays, items], the greatest weight of the visits; owners:
    int32[stays], their users; moments: float32[stays], in long scales since `origin`.
    sequence: int32[n] items by user, then order of visits; worth: float32[n], their weights; ends: int32[n] where the
    sequence of each visit's user ends.
    places: int32[n] positions in `sequence`, by item and time, and stay_at: int32[n] the stay of each; offsets:
    int64[items + 1] into both. norms: float32[users], square roots of the numbers of visits. origin, scale: seconds.
    """

    had: sp.csr_matrix
    stays: sp.csr_matrix
    owners: NDArray[np.int32]
    moments: Vector
    sequence: NDArray[np.int32]
    worth: Vector
    ends: NDArray[np.int32]
    places: NDArray[np.int32]
    stay_at: NDArray[np.int32]
    offsets: NDArray[np.int64]
    norms: Vector
    origin: int
    scale: float

    def nearness(self, timestamps: NDArray[np.int64]) -> Table:
        """float32[moments, stays] in (0, 1]: exp(-distance in time / long scale)."""
        now = ((timestamps - self.origin) / self.scale).astype(np.float32)
        near: Table = np.exp(-np.abs(self.moments - now[:, None]))
        return near

    def similarity(self, bags: sp.csr_matrix) -> Table:
        """float32[bags, users]: squared cosine, up to a factor, of weighted histories and every user."""
        similarity = np.empty((bags.shape[0], len(self.norms)), np.float32)
        for row in range(len(similarity)):
            part = slice(bags.indptr[row], bags.indptr[row + 1])
            similarity[row] = sum_of_rows(self._had_by_item, bags.indices[part], bags.data[part])
        similarity /= self.norms
        return np.square(similarity, out=similarity)

    def gathered(self, worth: Table) -> Table:
        """float32[rows, items]: what each stay is worth, float32[rows, stays], added up for the items in it."""
        return products(self._by_item, worth)

    def popular_at(self, timestamps: NDArray[np.int64]) -> Table:
        """float32[moments, items]: `gathered` of the nearness in short time scales."""
        now = (timestamps - self.origin) / self.scale
        return self._eras.popular_at(now)

    def followers(self, bags: sp.csr_matrix, timestamps: NDArray[np.int64], nearness: Table) -> Table:
        """float32[histories, items]: what came up to REACH visits after the items in each bag; each of them has 1 to
        give, times its weight.

        bags: float32 csr[histories, items]. nearness: float32[histories, stays], what each occurrence counts.
        """
        total = np.zeros(bags.shape, np.float32)
        histories = np.repeat(np.arange(len(total)), np.diff(bags.indptr))
        counts = self.offsets[bags.indices + 1] - self.offsets[bags.indices]
        met = np.flatnonzero(counts)
        items, histories, counts = bags.indices[met], histories[met], np.minimum(counts[met], OCCURRENCES)
        if not len(items):
            return total
        ends = np.cumsum(counts)
        firsts = self._first_occurrences(items, histories, timestamps, nearness)
        rows = np.arange(ends[-1]) + np.repeat(firsts - ends + counts, counts)
        shares = nearness[np.repeat(histories, counts), self.stay_at[rows]] + FLOOR
        sums = np.add.reduceat(shares, ends - counts)
        shares *= np.repeat(bags.data[met] / (sums + np.float32(1)), counts)
        bounds = np.append(0, ends)[np.searchsorted(histories, np.arange(len(total) + 1))].tolist()
        for row, (first, last) in enumerate(pairwise(bounds)):
            total[row] = sum_of_rows(self._followed, rows[first:last], shares[first:last])
        return total

    def _first_occurrences(
        self, items: NDArray[np.int32], histories: NDArray[np.int64], timestamps: NDArray[np.int64], nearness: Table
    ) -> NDArray[np.int64]:
        """The first, along `places`, of the OCCURRENCES visits to each item about the one nearest in time."""
        first, last = self.offsets[items], self.offsets[items + 1]
        common = np.flatnonzero(last - first > OCCURRENCES)
        if not len(common):
            return first
        now = ((timestamps - self.origin) / self.scale).astype(np.float32)[histories[common]]
        nearest = self._by_moment.nearest(items[common], now, first[common], last[common])
        gone = nearness[histories[common], self.stay_at[nearest]] == 0
        nearest = np.where(gone, first[common], nearest)
        firsts = first.copy()
        firsts[common] = np.clip(nearest - OCCURRENCES // 2, first[common], last[common] - OCCURRENCES)
        return firsts

    @cached_property
    def _by_moment(self) -> ByMoment:
        owners = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        return by_moment(owners, self.moments[self.stay_at])

    @cached_property
    def _followed(self) -> sp.csr_matrix:
        """float32 csr[n, items], along `places`: the worth of up to REACH visits after each."""
        later = self.places[:, None] + np.arange(1, REACH + 1, dtype=np.int32)
        inside = later < self.ends[self.places][:, None]
        pointers = np.zeros(len(later) + 1, np.int32)
        np.cumsum(np.count_nonzero(inside, axis=1), out=pointers[1:])
        fading = np.broadcast_to(FADING, later.shape)[inside]
        later = later[inside]
        parts = self.worth[later] * fading, self.sequence[later], pointers
        return sp.csr_matrix(parts, shape=(len(self.places), len(self.offsets) - 1))

    @cached_property
    def _eras(self) -> Eras:
        return eras_of(self.stays, self.moments, SHORTER)

    @cached_property
    def _had_by_item(self) -> sp.csr_matrix:
        return self.had.T.tocsr()

    @cached_property
    def _by_item(self) -> sp.csr_matrix:
        return self.stays.T.tocsr()


def crowd_in_time(visits: Visits, item_count: int) -> CrowdInTime:
    """Of all visits, or of an even choice of users with about MOST_VISITS."""
    visits = thinned(visits, MOST_VISITS)
    origin, scale = time_scale(visits.timestamps)
    moment = (visits.timestamps - origin) / scale
    stays = in_stays(visits, origin, scale)
    stay, first = stays.users, stays.offsets[:-1]
    order = np.lexsort((visits.timestamps, visits.items))
    return CrowdInTime(
        had=user_item_matrix(visits, len(visits.lengths), item_count),
        stays=user_item_matrix(stays, len(first), item_count),
        owners=visits.users[first],
        moments=(np.bincount(stay, moment) / stays.lengths).astype(np.float32),
        sequence=visits.items,
        worth=visits.weights,
        ends=visits.offsets[visits.users.astype(np.int64) + 1].astype(np.int32),
        places=order.astype(np.int32),
        stay_at=stay[order].astype(np.int32),
        offsets=np.searchsorted(visits.items[order], np.arange(item_count + 1)).astype(np.int64),
        norms=np.sqrt(np.maximum(visits.lengths, 1)).astype(np.float32),
        origin=origin,
        scale=scale,
    )


def in_stays(visits: Visits, origin: int, scale: float) -> Visits:
    """The same visits, every stay a user."""
    stretch = ((visits.timestamps - origin) / scale * STAYS).astype(np.int64)
    begins = np.ones(len(visits), np.bool_)
    begins[1:] = (np.diff(visits.users) != 0) | (np.diff(stretch) != 0)
    offsets = np.append(np.flatnonzero(begins), len(visits)).astype(np.int64)
    return replace(visits, users=(np.cumsum(begins) - 1).astype(np.int32), offsets=offsets)


def time_scale(timestamps: NDArray[np.int64]) -> tuple[int, float]:
    """(earliest time, long scale), in seconds."""
    if not len(timestamps):
        return 0, 1.0
    low, high = np.quantile(timestamps, (0.01, 0.99))
    return int(timestamps.min()), max(1.0, float(high - low) / ERAS)


def newest_times(timestamps: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """int64[histories]: of each the newest timestamp, 0 for an empty one."""
    return np.array([int(times[-1]) if len(times) else 0 for times in timestamps], np.int64)
