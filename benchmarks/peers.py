"""Recommenders of the library `implicit`, tuned on users of the training data only.

They cannot recommend to users they were not trained on, so the history of a test user before the cut is part of their
training data; our models get it at query time only.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.hits import LIST_LENGTH, Lists, hits_of, ndcg_of
from personalize_emu.recipes.contract.base import HeldOut, TrainingData
from personalize_emu.recipes.contract.split import cut_user, hash_draws, rows_of_users

VALIDATION_SHARE = 0.2
SEED = 7

Setting = Mapping[str, Any]


@dataclass(frozen=True)
class Peer:
    """settings: candidates of the search. make: creates an untrained recommender of the library."""

    name: str
    settings: tuple[Setting, ...]
    make: Callable[[Setting], Any]


@dataclass(frozen=True)
class Trained:
    """A recommender trained with the histories of the test users. seconds: processor time of the training."""

    model: Any
    known_users: int
    histories: list[NDArray[np.int32]]
    bags: sp.csr_matrix
    seconds: float

    def recommended(self, *, leave_out: bool) -> Lists:
        """Recommendations for each test user, with or without items of the history."""
        users = np.arange(self.known_users, self.known_users + len(self.histories))
        items, scores = self.model.recommend(users, self.bags, N=LIST_LENGTH, filter_already_liked_items=leave_out)
        return [_real(row, values) for row, values in zip(items, scores, strict=True)]

    def related(self) -> tuple[Lists, Lists]:
        """Items related to the newest item of each test user, with and without items of the history."""
        within, without = [], []
        for history in self.histories:
            near, values = self.model.similar_items(int(history[-1]), N=min(self.bags.shape[1], 1000))
            for lists, left_out in ((within, history[-1:]), (without, history)):
                kept = ~np.isin(near, left_out) & (near >= 0)
                lists.append(_real(near[kept][:LIST_LENGTH], values[kept][:LIST_LENGTH]))
        return within, without


def peers(most_settings: int | None = None) -> tuple[Peer, ...]:
    """All peers, each with at most so many settings."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    def item_item(kind: Callable[..., Any]) -> Callable[[Setting], Any]:
        return lambda setting: kind(num_threads=1, **setting)

    def factors(kind: Callable[..., Any]) -> Callable[[Setting], Any]:
        return lambda setting: kind(num_threads=1, random_state=SEED, **setting)

    neighbours = grid(K=(10, 20, 40, 60, 80, 120, 160, 240, 320, 500, 1000))
    found = (
        Peer(
            "implicit ALS",
            grid(factors=(32, 64, 96), regularization=(0.05, 10.0), alpha=(1.0, 4.0), iterations=(15,)),
            factors(AlternatingLeastSquares),
        ),
        Peer("implicit BM25", grid(K=(20, 80, 320), K1=(0.2, 1.2), B=(0.2, 0.75)), item_item(BM25Recommender)),
        Peer("implicit cosine", neighbours, item_item(CosineRecommender)),
        Peer("implicit TF-IDF", neighbours, item_item(TFIDFRecommender)),
        Peer(
            "implicit BPR",
            grid(factors=(16, 48), learning_rate=(0.01, 0.03, 0.1), regularization=(0.01, 0.1), iterations=(40,)),
            factors(BayesianPersonalizedRanking),
        ),
    )
    return tuple(Peer(peer.name, peer.settings[:most_settings], peer.make) for peer in found)


def grid(**values: Sequence[Any]) -> tuple[Setting, ...]:
    """All combinations."""
    return tuple(dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values()))


def trained(peer: Peer, setting: Setting, data: TrainingData, users: Sequence[HeldOut]) -> Trained:
    """Train on `data` and the histories of `users`, who are not in it."""
    histories = [user.history.items for user in users]
    bags = _bags(histories, len(data.catalog))
    model = peer.make(setting)
    started = time.process_time()
    model.fit(sp.vstack([_bags(list(_histories(data)), len(data.catalog)), bags]).tocsr(), show_progress=False)
    return Trained(model, len(data.user_ids), histories, bags, time.process_time() - started)


def tuned(peer: Peer, data: TrainingData) -> tuple[Setting, Setting, Setting]:
    """The settings with the highest NDCG@10 on a part of the training users: for recommendations, for related items
    with and without items of the history.
    """
    validation = hash_draws(data.user_ids, SEED) < VALIDATION_SHARE
    rest = rows_of_users(data, ~validation)
    testable = np.flatnonzero(validation & (data.interactions.lengths >= 2))
    users = [cut_user(data.interactions, int(user)) for user in testable]
    truths = [user.truth for user in users]
    found = []
    for setting in peer.settings:
        model = trained(peer, setting, rest, users)
        lists = (model.recommended(leave_out=True), *model.related())
        found.append([float(ndcg_of(hits_of(each, truths), 10).mean()) for each in lists])
    next_best, within_best, without_best = np.argmax(found, axis=0)
    return peer.settings[next_best], peer.settings[within_best], peer.settings[without_best]


def _histories(data: TrainingData) -> Iterator[NDArray[np.int32]]:
    for user in range(len(data.user_ids)):
        yield data.interactions.items[data.interactions.of_user(user)]


def _bags(histories: Sequence[NDArray[np.int32]], item_count: int) -> sp.csr_matrix:
    """float32 csr[histories, items], 1 for every item of the history."""
    rows = np.repeat(np.arange(len(histories)), [len(items) for items in histories])
    columns = np.concatenate(histories) if histories else np.empty(0, np.int32)
    bags = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(histories), item_count))
    bags.sum_duplicates()
    bags.data[:] = 1
    return bags


def _real(items: NDArray[np.int32], scores: NDArray[np.float32]) -> NDArray[np.int32]:
    """Lists without the padding of the library."""
    kept: NDArray[np.int32] = items[(items >= 0) & (scores > -1e30)]
    return kept
