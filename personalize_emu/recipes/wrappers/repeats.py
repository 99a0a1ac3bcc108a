"""Repeat consumption: the hazard that a user comes back to an item of the history, learned from the data.

Every interaction opens a gap to the next one of the same user with the same item. The hazard, repeats over
opportunities, is estimated by length of the gap and by how often the user interacted with the item, times a factor for
each item, with shrinkage. Gaps are measured in interactions or in time, whichever explains the repeats better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.interactions import Interactions, subsample_users

HOUR = 3600
COUNT_EDGES = np.unique(np.r_[1:9, (1.35 ** np.arange(7, 45)).astype(np.int64)])
TIME_EDGES = np.r_[0, 60, 600, (HOUR * 1.5 ** np.arange(0, 30)).astype(np.int64)]
"""Lower edges of the buckets of gaps, in interactions and in seconds (up to 14 years)."""
LEVELS = 3
"""PastItems the item once, twice, more often."""
PRIOR_EXPOSURE = 20.0
PRIOR_REPEATS = 3.0
SHRINKAGE = 0.1
"""Share of the hazard at any gap in each hazard: an item bought in regular intervals will be bought again soon, even if
nobody ever buys it twice in a row.
"""
MOST_INTERACTIONS = 200_000
"""Hazards need no more than this: beyond it, an even subsample of users is used."""
GREATEST = 0.95
RELEVANCE_SHARE = 0.5
"""How far relevance, beside the hazard, decides among the items a user already interacted with."""
GREATEST_SHARE = 0.98


@dataclass(frozen=True, eq=False)
class Repeats:
    """in_time: gaps are in seconds, else in interactions.

    hazards: float64[levels, buckets]. factors: float64[levels, items].
    """

    in_time: bool
    hazards: NDArray[np.float64]
    factors: NDArray[np.float64]

    def hazard(
        self, gaps: NDArray[np.int64], times: NDArray[np.int64], items: NDArray[np.integer[Any]]
    ) -> NDArray[np.float64]:
        """float64[n]: the probability of a return after each gap, to an item that was had so many times."""
        edges = TIME_EDGES if self.in_time else COUNT_EDGES
        bucket = np.maximum(np.searchsorted(edges, gaps, side="right") - 1, 0)
        level = np.minimum(times, LEVELS) - 1
        hazard = self.hazards[level, bucket] * self.factors[level, items]
        bounded: NDArray[np.float64] = np.minimum(hazard, GREATEST)
        return bounded


@dataclass(frozen=True, eq=False)
class Gaps:
    """One wait a interaction. rows, ends: int64[n], the interaction and the last interaction at which its item had
    a chance.

    returned: bool[n]. level: int64[n], interactions of the user to the item so far, at most LEVELS, less one.
    """

    rows: NDArray[np.int64]
    ends: NDArray[np.int64]
    returned: NDArray[np.bool_]
    level: NDArray[np.int64]


def repeat_share(interactions: Interactions) -> float:
    """Share of all interactions that return to an item the user had before."""
    return float(gaps_of(interactions).returned.sum() / max(1, len(interactions)))


def fit_repeats(interactions: Interactions, item_count: int) -> Repeats:
    """Estimate the hazards on both scales of gap and keep the scale of greater likelihood."""
    interactions = subsample_users(interactions, MOST_INTERACTIONS)
    waits = gaps_of(interactions)
    if not waits.returned.any():
        never = 0.5 / (float((waits.ends - waits.rows).sum()) + 1.0)
        return Repeats(False, np.full((LEVELS, len(COUNT_EDGES)), never), np.ones((LEVELS, item_count)))
    by_count = _tables(waits, waits.ends - waits.rows, _exposures_by_count(waits), COUNT_EDGES)
    elapsed = interactions.timestamps[waits.ends - waits.returned] - interactions.timestamps[waits.rows]
    by_time = _tables(waits, elapsed, _exposures_by_time(interactions, waits), TIME_EDGES)
    in_time = _likelihood(*by_time[:2]) > _likelihood(*by_count[:2])
    returns, chances, chances_of_waits = by_time if in_time else by_count
    hazards = _smoothed(returns, chances)
    expected = np.einsum("wb,wb->w", chances_of_waits, hazards[waits.level])
    return Repeats(in_time, hazards, _factors(interactions, waits, expected, item_count))


def _factors(
    interactions: Interactions, waits: Gaps, expected: NDArray[np.float64], item_count: int
) -> NDArray[np.float64]:
    """Returns over expected returns, float64[levels, items], drawn to that of all levels, and that to 1."""
    cells = waits.level * item_count + interactions.items
    came = np.bincount(cells, waits.returned, minlength=LEVELS * item_count).reshape(LEVELS, item_count)
    awaited = np.bincount(cells, expected, minlength=LEVELS * item_count).reshape(LEVELS, item_count)
    overall = (came.sum(axis=0) + PRIOR_REPEATS) / (awaited.sum(axis=0) + PRIOR_REPEATS)
    factors: NDArray[np.float64] = (came + PRIOR_REPEATS * overall) / (awaited + PRIOR_REPEATS)
    return factors


def gaps_of(interactions: Interactions) -> Gaps:
    """Match every interaction with the user's next interaction to the same item, or with the user's last
    interaction.
    """
    count = len(interactions)
    order = np.lexsort((np.arange(count), interactions.items, interactions.users))
    users, items = interactions.users[order], interactions.items[order]
    again = np.zeros(count, np.bool_)
    again[1:] = (users[1:] == users[:-1]) & (items[1:] == items[:-1])
    starts = np.flatnonzero(~again)
    rank = np.arange(count) - np.repeat(starts, np.diff(np.r_[starts, count]))
    returned = np.r_[again[1:], False][:count]
    ends = interactions.offsets[interactions.users[order] + 1] - 1
    following = np.r_[order[1:], 0][:count]
    ends = np.where(returned, following, ends)
    back = np.argsort(order)
    return Gaps(np.arange(count), ends[back], returned[back], np.minimum(rank, LEVELS - 1)[back])


def _exposures_by_count(waits: Gaps) -> NDArray[np.float64]:
    """float64[waits, buckets]: at how many interactions of the wait the gap was in the bucket."""
    length = (waits.ends - waits.rows)[:, None]
    upper = np.r_[COUNT_EDGES[1:], np.iinfo(np.int64).max]
    chances: NDArray[np.float64] = (np.minimum(length + 1, upper) - COUNT_EDGES).clip(0).astype(np.float64)
    return chances


def _exposures_by_time(interactions: Interactions, waits: Gaps) -> NDArray[np.float64]:
    """The same for gaps in time: from the wait's interaction to the newest interaction before each chance."""
    origin = int(interactions.timestamps.min(initial=0))
    since = interactions.timestamps - origin
    span = int(since.max(initial=0)) + int(TIME_EDGES[-1]) + 1
    moments = interactions.users * np.int64(span) + since
    reached = np.empty((len(waits.rows), len(TIME_EDGES) + 1), np.int64)
    for bucket, edge in enumerate(TIME_EDGES):
        reached[:, bucket] = np.searchsorted(moments, moments[waits.rows] + edge)
    reached[:, -1] = waits.ends
    reached = np.clip(reached, waits.rows[:, None], waits.ends[:, None])
    return np.diff(reached, axis=1).astype(np.float64)


def _tables(
    waits: Gaps, gaps: NDArray[np.int64], chances: NDArray[np.float64], edges: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Returns and chances, float64[levels, buckets], and the chances of each wait again."""
    bucket = np.searchsorted(edges, gaps, side="right") - 1
    returns = np.zeros((LEVELS, len(edges)))
    np.add.at(returns, (waits.level[waits.returned], bucket[waits.returned]), 1.0)
    totals = np.stack([chances[waits.level == level].sum(axis=0) for level in range(LEVELS)])
    return returns, totals, chances


def _smoothed(returns: NDArray[np.float64], chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hazards drawn to those of all levels, which are drawn to the overall one; never exactly 0."""
    overall = (returns.sum() + 0.5) / (chances.sum() + 1.0)
    by_gap = (returns.sum(axis=0) + PRIOR_EXPOSURE * overall) / (chances.sum(axis=0) + PRIOR_EXPOSURE)
    smoothed: NDArray[np.float64] = (returns + PRIOR_EXPOSURE * by_gap) / (chances + PRIOR_EXPOSURE)
    at_any_gap = (returns.sum(axis=1) + PRIOR_EXPOSURE * overall) / (chances.sum(axis=1) + PRIOR_EXPOSURE)
    smoothed *= 1 - SHRINKAGE
    smoothed += SHRINKAGE * at_any_gap[:, None]
    return smoothed


def _likelihood(returns: NDArray[np.float64], chances: NDArray[np.float64]) -> float:
    """Log-likelihood of the returns given the smoothed hazards, as independent Poisson counts."""
    hazards = _smoothed(returns, chances)
    return float((returns * np.log(hazards) - chances * hazards).sum())


@dataclass(frozen=True, eq=False)
class PastItems:
    """What the owners of some histories had. rows: int64[h] numbers of histories, ascending; items: int32[h],
    distinct within a row. chances: float64[h], that the next interaction is to this item (see Repeats).
    """

    rows: NDArray[np.int64]
    items: NDArray[np.int64]
    chances: NDArray[np.float64]


def repeat_hazards(repeats: Repeats, histories: Sequence[History], item_count: int) -> PastItems:
    """The distinct items of every history, and the probability that the next interaction is with each."""
    if len(histories) == 1:
        return _hazards_of_one(repeats, histories[0])
    lengths = np.array([len(history.items) for history in histories], np.int64)
    ends = np.cumsum(lengths)
    rows = np.repeat(np.arange(len(histories)), lengths)
    # Newest first within each row, as an item's newest interaction is the first that `unique` finds.
    backwards = np.repeat(2 * ends - lengths, lengths) - 1 - np.arange(len(rows))
    items = _joined([history.items for history in histories])[backwards]
    keys, places, times = np.unique(rows * item_count + items, return_index=True, return_counts=True)
    rows, items = np.divmod(keys, max(1, item_count))
    gaps = places - (ends - lengths)[rows] + 1
    if repeats.in_time:
        when = _joined([history.timestamps for history in histories])[backwards]
        gaps = when[(ends - lengths)[rows]] - when[places]
    return PastItems(rows, items, repeats.hazard(gaps, times, items))


def _hazards_of_one(repeats: Repeats, history: History) -> PastItems:
    items, places, times = np.unique(history.items[::-1], return_index=True, return_counts=True)
    gaps = places + 1
    if repeats.in_time and len(items):
        when = history.timestamps[::-1]
        gaps = when[0] - when[places]
    return PastItems(np.zeros(len(items), np.int64), items.astype(np.int64), repeats.hazard(gaps, times, items))


def with_repeats(logits: NDArray[np.float32], seen: PastItems) -> NDArray[np.float32]:
    """Log-probabilities over the catalog, in the memory of `logits`, float32[rows, items].

    Items the user interacted with share the mass of their hazards; the rest is the softmax over all other items.
    """
    relevance = logits[seen.rows, seen.items].astype(np.float64)
    starts = np.flatnonzero(np.diff(seen.rows, prepend=-1))
    owners = seen.rows[starts]
    returning = np.zeros(len(logits))
    if len(owners):
        returning[owners] = np.minimum(np.add.reduceat(seen.chances, starts), GREATEST_SHARE)
        shares = _shares(relevance, seen, starts)
    logits[seen.rows, seen.items] = -np.inf
    logits += (np.log1p(-returning) - _log_sum_exp(logits)).astype(np.float32)[:, None]
    if len(owners):
        logits[seen.rows, seen.items] = np.log(returning[seen.rows]) + shares
    return logits


def _shares(relevance: NDArray[np.float64], seen: PastItems, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logarithms of how the items of each row share its returns, float64[h]."""
    sizes = np.diff(np.append(starts, len(seen.rows)))
    greatest = np.repeat(np.maximum.reduceat(relevance, starts), sizes)
    shares = np.log(seen.chances) + RELEVANCE_SHARE * (relevance - greatest)
    peak = np.maximum.reduceat(shares, starts)
    total = np.log(np.add.reduceat(np.exp(shares - np.repeat(peak, sizes)), starts)) + peak
    logarithms: NDArray[np.float64] = shares - np.repeat(total, sizes)
    return logarithms


def _log_sum_exp(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[rows]; 0 for a row of nothing but -inf."""
    peak = logits.max(axis=1)
    peak[peak == -np.inf] = 0
    raised = logits - peak[:, None]
    np.exp(raised, out=raised)
    total = raised.sum(axis=1, dtype=np.float64)
    return np.where(total > 0, np.log(np.where(total > 0, total, 1)) + peak, 0)


def _joined(parts: Sequence[NDArray[np.int32]] | Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
