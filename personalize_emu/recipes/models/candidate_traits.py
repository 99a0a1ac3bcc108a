"""What distinguishes candidates beside the opinions on them: how near each is to what the user visited of late.

Near in popularity, in the time when an item came up and when it is visited, and in kind. Whoever goes through the
obscure films of one year goes on so; a linear model of who visited what cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import History
from personalize_emu.recipes.models.crowd_in_time import time_scale
from personalize_emu.recipes.models.kinds import Kinds
from personalize_emu.recipes.models.sparse_sums import sum_of_rows
from personalize_emu.recipes.visits import Visits

REACHES = (1, 3, 10, 50)
"""Newest visits that a candidate is compared with."""
SOON = np.float32(0.01)
"""In long time scales: items that came up this much apart came up together."""
SAME_RANK = np.float32(0.02)
SITTING = 1 / 300
"""In long time scales: what was visited within so much of the newest visit belongs to it."""
GENERAL = 14
"""Traits that every data set has beside those of each reach."""

Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ItemTraits:
    """Of every item. popularity: float32[items], logarithms. first_seen, usual_time: float32[items], long time scales
    since `origin`: the first visit, and the mean of all. scale: seconds. kinds: what metadata say, if anything.
    """

    popularity: Table
    first_seen: Table
    usual_time: Table
    origin: int
    scale: float
    kinds: Kinds | None

    @property
    def count(self) -> int:
        """How many numbers describe a candidate."""
        kinds = 0 if self.kinds is None else self.kinds.blocks + self.kinds.ranks.shape[1]
        ranks = 0 if self.kinds is None else self.kinds.ranks.shape[1]
        return len(REACHES) * (2 + kinds) + GENERAL + ranks

    def of(self, history: History, candidates: NDArray[np.int64]) -> Table:
        """float32[candidates, count]: of each beside a history that is not empty."""
        newest = history.items[::-1]
        heads = [newest[:reach] for reach in REACHES]
        table = np.empty((self.count, len(candidates)), np.float32)
        row = self._general(table, history, newest, candidates)
        popularity, first_seen = self.popularity[candidates], self.first_seen[candidates]
        for head in heads:
            table[row] = popularity - self.popularity[head].mean()
            table[row + 1] = _apart(first_seen, _middle(self.first_seen[head]), SOON)
            row += 2
        if self.kinds is not None:
            self._kindred(table[row:], self.kinds, heads, candidates)
        return table.T

    def of_pair(self, item: int, candidates: NDArray[np.int64]) -> Table:
        """float32[candidates, d]: of each beside one item, whoever asks."""
        popularity, first, usual = self.popularity[candidates], self.first_seen[candidates], self.usual_time[candidates]
        own = np.array([self.popularity[item], self.first_seen[item], self.usual_time[item]], np.float32)
        rows = [popularity, first, popularity - own[0], first - own[1], usual - own[2]]
        rows += [np.abs(rows[2]), np.abs(rows[4]), _apart(first, own[1], SOON)]
        rows += [np.full(len(candidates), fact, np.float32) for fact in own]
        if self.kinds is None:
            return np.stack(rows, axis=1)
        kindred = np.empty((self.kinds.blocks + 2 * self.kinds.ranks.shape[1], len(candidates)), np.float32)
        self._kindred(kindred, self.kinds, [np.array([item], np.int32)], candidates)
        return np.concatenate([np.stack(rows), kindred]).T

    def _general(
        self, table: Table, history: History, newest: NDArray[np.int32], candidates: NDArray[np.int64]
    ) -> int:
        """What does not depend on a reach; the rows of `table` that are filled."""
        moments = (history.timestamps - self.origin) / self.scale
        now, usual = float(moments[-1]), self.usual_time[candidates]
        sitting = max(1, int(np.count_nonzero(moments > now - SITTING)))
        table[0] = self.popularity[candidates]
        table[1] = self.first_seen[candidates]
        table[2] = now - table[1]
        table[3] = usual
        table[4] = usual - np.float32(now)
        table[5] = np.abs(table[4])
        table[6] = usual - self.usual_time[newest[:10]].mean()
        table[7] = usual - self.usual_time[newest[0]]
        table[8] = now
        table[9] = np.log(len(newest))
        table[10] = np.log(sitting)
        table[11] = sitting / len(newest)
        table[12] = self.popularity[newest[:5]].mean()
        table[13] = self.popularity[newest].mean()
        return GENERAL

    def _kindred(
        self, table: Table, kinds: Kinds, heads: list[NDArray[np.int32]], candidates: NDArray[np.int64]
    ) -> None:
        profiles = np.stack([sum_of_rows(kinds.columns, head, _even(len(head))) for head in heads])
        row = kinds.blocks * len(heads)
        table[:row] = kinds.likeness(profiles, candidates)
        own = kinds.ranks[candidates].T
        for ranks in [own, *(_apart(own, _middle(kinds.ranks[head])[:, None], SAME_RANK) for head in heads)]:
            table[row : row + len(own)] = ranks
            row += len(own)


def item_traits(visits: Visits, item_count: int, popularity: Table, kinds: Kinds | None) -> ItemTraits:
    """popularity: float32[items]. Items without visits came up, and are usual, when the newest visit was."""
    origin, scale = time_scale(visits.timestamps)
    moments = (visits.timestamps - origin) / scale
    latest = float(moments.max(initial=0.0))
    first = np.full(item_count, latest)
    np.minimum.at(first, visits.items, moments)
    counts = np.bincount(visits.items, minlength=item_count)
    sums = np.bincount(visits.items, moments, minlength=item_count)
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), latest)
    return ItemTraits(popularity, first.astype(np.float32), usual.astype(np.float32), origin, scale, kinds)


def _apart(values: Table, centre: Table, least: np.float32) -> Table:
    apart: Table = np.abs(values - centre)
    apart += least
    np.log(apart, out=apart)
    return apart


def _middle(rows: Table) -> Table:
    """The (upper) median of each column of float32[n, ...]."""
    middle: Table = np.sort(rows, axis=0)[len(rows) // 2]
    return middle


def _even(count: int) -> Table:
    return np.full(count, 1 / count, np.float32)
