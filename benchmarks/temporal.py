"""Global temporal splits: everything before one cut in time is there to train on, what follows is to be predicted.

Every recommender is fitted on the interactions before the cut and asked for users with at least FEWEST_KNOWN items; the
truth are the next distinct items that the user had not interacted with, TRUTH_LENGTH at most, among those that anybody
had: no recommender here could name others. Nothing after the moment of the question is known to any of them. Sessions
are short: those that begin between one cut and the next are asked after their fifth item, with what they did so far as
history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.hits import LIST_LENGTH, Lists, hits_of, ndcg_of, reciprocal_ranks_of
from personalize_emu.recipes.contract.base import History, TrainingData

FEWEST_KNOWN = 5
TRUTH_LENGTH = 10
MOST_QUERIES = 150
"""Of one cut; a seeded sample of the users beyond."""
DEVELOPMENT, REPORTED = (0.35, 0.62), (0.65, 0.97)
"""Shares of the interactions that lie before the first and the last cut: choices are made on the cuts of the first
range, tables show those of the second.
"""
RESAMPLES = 2_000
UNSEEN = -1
"""In place of a catalog number: an item that nobody interacted with before the cut."""

Recommend = Callable[[Sequence[History]], Lists]
"""Ranked lists of at most LIST_LENGTH items, those of the history left out."""


@dataclass(frozen=True, eq=False)
class Query:
    """user: its number in the whole data set. truth: int32[t], catalog numbers."""

    user: int
    history: History
    truth: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Cut:
    """training: of the interactions before `moment`, with the catalog of their items."""

    moment: int
    training: TrainingData
    queries: tuple[Query, ...]

    @property
    def histories(self) -> list[History]:
        return [query.history for query in self.queries]


@dataclass(frozen=True, eq=False)
class Scores:
    """Of every query: float64[n] each. users: int64[n]."""

    users: NDArray[np.int64]
    ndcg: NDArray[np.float64]
    service_ndcg: NDArray[np.float64]
    reciprocal_rank: NDArray[np.float64]
    recall: NDArray[np.float64]


def moments(data: TrainingData, share: tuple[float, float], count: int) -> list[int]:
    """Epoch seconds of `count` cuts, evenly spaced in interactions."""
    ordered = np.sort(data.timestamps)
    places = (np.linspace(*share, count) * len(ordered)).astype(int)
    return np.unique(ordered[places]).tolist()


def cuts(data: TrainingData, share: tuple[float, float], count: int, sessions: bool = False) -> list[Cut]:
    found = moments(data, share, count + 1)
    return [_cut(data, start, end if sessions else None) for start, end in pairwise(found)]


def _cut(data: TrainingData, moment: int, session_end: int | None) -> Cut:
    before = data.timestamps < moment
    catalog, items = np.unique(data.items[before], return_inverse=True)
    number_of = np.full(len(data.catalog), UNSEEN, np.int32)
    number_of[catalog] = np.arange(len(catalog), dtype=np.int32)
    known, users = np.unique(data.users[before], return_inverse=True)
    training = TrainingData(
        tuple(data.catalog[item] for item in catalog.tolist()),
        tuple(data.user_ids[user] for user in known.tolist()),
        users.astype(np.int32),
        items.astype(np.int32),
        data.timestamps[before],
    )
    rng = np.random.default_rng(moment)
    queries: list[Query] = []
    for user in rng.permutation(_may_be_asked(data, before, session_end is not None)).tolist():
        if len(queries) == MOST_QUERIES:
            break
        rows = slice(int(data.offsets[user]), int(data.offsets[user + 1]))
        query = _query(data, user, rows, moment, session_end, number_of)
        if query is not None:
            queries.append(query)
    return Cut(moment, training, tuple(queries))


def _may_be_asked(data: TrainingData, before: NDArray[np.bool_], sessions: bool) -> NDArray[np.int64]:
    """Users with enough interactions before the cut (of sessions: after it) and some afterwards."""
    count = len(data.user_ids)
    earlier = np.bincount(data.users[before], minlength=count)
    later = np.bincount(data.users[~before], minlength=count)
    asked = (earlier == 0) & (later > FEWEST_KNOWN) if sessions else (earlier >= FEWEST_KNOWN) & (later > 0)
    return np.flatnonzero(asked)


def _query(
    data: TrainingData, user: int, rows: slice, moment: int, session_end: int | None, number_of: NDArray[np.int32]
) -> Query | None:
    items, times = data.items[rows], data.timestamps[rows]
    if session_end is None:
        known = int(np.searchsorted(times, moment))
    else:
        if not moment <= times[0] < session_end:
            return None
        known = _events_up_to(items, FEWEST_KNOWN)
        known += int(np.searchsorted(times[known:], times[known - 1], side="right"))
    seen = np.unique(items[:known])
    after = items[known:][~np.isin(items[known:], seen)]
    after = after[number_of[after] != UNSEEN]
    _, first = np.unique(after, return_index=True)
    truth = after[np.sort(first)][:TRUTH_LENGTH]
    if len(seen) < FEWEST_KNOWN or not len(truth):
        return None
    numbers, stamps = number_of[items[:known]], times[:known]
    history = History(numbers[numbers != UNSEEN], stamps[numbers != UNSEEN], data.user_ids[user])
    return Query(user, history, number_of[truth]) if len(history.items) else None


def _events_up_to(items: NDArray[np.int32], distinct: int) -> int:
    """How many events it takes until there are so many distinct items; all where there are fewer."""
    _, first = np.unique(items, return_index=True)
    return int(np.sort(first)[distinct - 1]) + 1 if len(first) >= distinct else len(items)


def scored(cut: Cut, recommend: Recommend) -> Scores:
    lists = [np.asarray(ranked)[:LIST_LENGTH] for ranked in recommend(cut.histories)] if cut.queries else []
    truths = [query.truth for query in cut.queries]
    hits = hits_of(lists, truths)
    sizes = np.array([len(truth) for truth in truths])
    return Scores(
        np.array([query.user for query in cut.queries], np.int64),
        ndcg_of(hits, 10, truths),
        ndcg_of(hits, 10),
        reciprocal_ranks_of(hits),
        hits.sum(axis=1) / np.maximum(sizes, 1),
    )


def joined(parts: Sequence[Scores]) -> Scores:
    names = ("users", "ndcg", "service_ndcg", "reciprocal_rank", "recall")
    return Scores(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def without_seen(scores: NDArray[np.float32], histories: Sequence[History]) -> list[NDArray[np.int32]]:
    """Ranked lists from float32[histories, items]; ties by number."""
    lists = []
    for original, history in zip(scores, histories, strict=True):
        row = original.copy()
        row[history.items] = -np.inf
        best = np.argsort(-row, kind="stable")[:LIST_LENGTH]
        lists.append(best[row[best] > -np.inf].astype(np.int32))
    return lists


def inner(cut: Cut, data: TrainingData, sessions: bool, count: int = 3) -> list[Cut]:
    """Cuts inside the training data of `cut`, for tuning: they know nothing of what came after it."""
    return cuts(replace_rows(data, data.timestamps < cut.moment), (0.7, 0.95), count, sessions)


def replace_rows(data: TrainingData, kept: NDArray[np.bool_]) -> TrainingData:
    return replace(data, users=data.users[kept], items=data.items[kept], timestamps=data.timestamps[kept])


def ratio_interval(ours: Sequence[Scores], peers: Sequence[Scores], seed: int = 0) -> tuple[float, float, float]:
    """Mean over data sets of mean NDCG@10 over that of a peer, and 95 % of its values when users are resampled.

    ours, peers: of the same queries, one for each data set.
    """
    rng = np.random.default_rng(seed)
    resampled = np.mean([_resampled_ratio(*pair, rng) for pair in zip(ours, peers, strict=True)], axis=0)
    low, high = np.quantile(resampled, (0.025, 0.975))
    exact = np.mean([a.ndcg.mean() / b.ndcg.mean() for a, b in zip(ours, peers, strict=True)])
    return float(exact), float(low), float(high)


def _resampled_ratio(ours: Scores, peer: Scores, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64[RESAMPLES]: all queries of a user are drawn together."""
    _, owner = np.unique(ours.users, return_inverse=True)
    sums = np.stack([np.bincount(owner, ours.ndcg), np.bincount(owner, peer.ndcg)])
    draws = rng.multinomial(sums.shape[1], np.full(sums.shape[1], 1 / sums.shape[1]), size=RESAMPLES)
    totals = draws @ sums.T
    ratios: NDArray[np.float64] = totals[:, 0] / np.maximum(totals[:, 1], 1e-12)
    return ratios
