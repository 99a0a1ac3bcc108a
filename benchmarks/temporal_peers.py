"""What the recipes are compared with on temporal splits: each is tuned on an inner temporal split of its training data.

All read the same histories. Library recommenders are those of `implicit`; EASE and the popularities are written out
here, plainly; SASRec is that of `benchmarks.transformer` and needs torch.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.hits import LIST_LENGTH, Lists
from benchmarks.peers import Setting, grid
from benchmarks.temporal import Recommend, without_seen
from personalize_emu.recipes.contract.base import History, TrainingData, TrainingRun

MOST_ITEMS = 3_000
"""EASE models the most popular items of larger catalogs."""
DAY = 86_400
SASREC_SECONDS = 30.0


@dataclass(frozen=True)
class Peer:
    """fit: trains on the data with one of the settings. every: how many cuts one fit serves; the histories are always
    those of the cut. tuned: whether there is anything to choose.
    """

    name: str
    fit: Callable[[TrainingData, Setting], Recommend]
    settings: tuple[Setting, ...] = ({},)
    every: int = 1


def bags_of(histories: Sequence[NDArray[np.int32]], item_count: int) -> sp.csr_matrix:
    """float32 csr[histories, items], 1 for every item of the history."""
    rows = np.repeat(np.arange(len(histories)), [len(items) for items in histories])
    columns = np.concatenate(histories) if len(histories) else np.empty(0, np.int32)
    bags = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(histories), item_count))
    bags.sum_duplicates()
    bags.data[:] = 1
    return bags


def training_matrix(data: TrainingData) -> sp.csr_matrix:
    return bags_of(np.split(data.items, data.offsets[1:-1]), len(data.catalog))


def popularity(data: TrainingData, setting: Setting) -> Recommend:
    """Interactions, each weighed by 2 to the minus age over half_life (days)."""
    age = (data.timestamps.max() - data.timestamps) / DAY
    weights = 0.5 ** (age / setting["half_life"]) if setting else None
    scores = np.bincount(data.items, weights, minlength=len(data.catalog)).astype(np.float32)
    return lambda histories: without_seen(np.tile(scores, (len(histories), 1)), histories)


def ease(data: TrainingData, setting: Setting) -> Recommend:
    matrix = training_matrix(data)
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    columns = np.sort(np.argsort(-counts, kind="stable")[:MOST_ITEMS])
    times_inverse, diagonal = inverse_gram(matrix[:, columns].astype(np.float64), setting["regularisation"])

    def recommend(histories: Sequence[History]) -> Lists:
        scores = np.full((len(histories), len(counts)), -np.inf, np.float32)
        bags = bags_of([history.items for history in histories], len(counts))[:, columns]
        # Every weight from an item to itself would be -1 and not 0: seen items leave the lists anyway.
        scores[:, columns] = -times_inverse(bags) / diagonal
        return without_seen(scores, histories)

    return recommend


def inverse_gram(
    matrix: sp.csr_matrix, regularisation: float
) -> tuple[Callable[[sp.csr_matrix], NDArray[np.float64]], NDArray[np.float64]]:
    """The product of bags, csr[k, items], with P, and the diagonal of P: the inverse of X'X + regularisation I.

    matrix: X, float64 csr[users, items]. Where users are fewer than items, by the matrix inversion lemma:
    P = (I - X' (XX' + regularisation I)^-1 X) / regularisation, of which only a matrix of users x items is made.
    """
    users, items = matrix.shape
    if users >= items:
        inverse = np.linalg.inv((matrix.T @ matrix).toarray() + regularisation * np.eye(items))
        return lambda bags: bags @ inverse, np.diag(inverse)
    inner = np.linalg.solve((matrix @ matrix.T).toarray() + regularisation * np.eye(users), matrix.toarray())
    diagonal = (1 - np.asarray(matrix.multiply(inner).sum(axis=0)).ravel()) / regularisation

    def times_inverse(bags: sp.csr_matrix) -> NDArray[np.float64]:
        product: NDArray[np.float64] = (bags.toarray() - (bags @ matrix.T).toarray() @ inner) / regularisation
        return product

    return times_inverse, diagonal


def of_library(
    make: Callable[[Setting], Any], recalculate: bool = False
) -> Callable[[TrainingData, Setting], Recommend]:
    def fit(data: TrainingData, setting: Setting) -> Recommend:
        model = make(setting)
        with warnings.catch_warnings():
            # The library converts its own intermediate matrices, and warns of it.
            warnings.simplefilter("ignore")
            model.fit(training_matrix(data), show_progress=False)
        options = {"recalculate_user": True} if recalculate else {}

        def recommend(histories: Sequence[History]) -> Lists:
            bags = bags_of([history.items for history in histories], len(data.catalog))
            items, scores = model.recommend(
                np.arange(len(histories)), bags, N=LIST_LENGTH, filter_already_liked_items=True, **options
            )
            return [row[(row >= 0) & (values > -1e30)] for row, values in zip(items, scores, strict=True)]

        return recommend

    return fit


def sasrec(data: TrainingData, setting: Setting) -> Recommend:
    from benchmarks import transformer

    sequences = [items for items in np.split(data.items, data.offsets[1:-1]) if len(items) > 1]
    loss = getattr(transformer, setting["loss"])
    *_, model = transformer.trained(sequences, len(data.catalog), setting["seconds"], loss)

    def recommend(histories: Sequence[History]) -> Lists:
        return without_seen(transformer.scores(model, [history.items for history in histories]).copy(), histories)

    return recommend


def peers() -> tuple[Peer, ...]:
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

    def factors(setting: Setting) -> Any:
        return AlternatingLeastSquares(num_threads=1, random_state=7, iterations=15, **setting)

    return (
        Peer("popularity", popularity),
        Peer("recent popularity", popularity, grid(half_life=(0.25, 1, 3, 10, 30, 100, 365))),
        Peer(
            "implicit ALS",
            of_library(factors, recalculate=True),
            grid(factors=(16, 48, 96), regularization=(0.05, 10.0), alpha=(1.0, 4.0)),
        ),
        Peer(
            "implicit BM25",
            of_library(lambda setting: BM25Recommender(num_threads=1, **setting)),
            grid(K=(20, 80, 320), K1=(0.2, 1.2), B=(0.2, 0.75)),
        ),
        Peer(
            "implicit item-kNN",
            of_library(lambda setting: CosineRecommender(num_threads=1, **setting)),
            grid(K=(10, 20, 40, 80, 160, 320, 1000)),
        ),
        Peer("EASE", ease, grid(regularisation=(50.0, 150.0, 500.0, 1500.0))),
        Peer("SASRec", sasrec, grid(loss=("one_sampled",), seconds=(SASREC_SECONDS,)), every=10),
    )


def recipe_peer(name: str) -> Peer:
    """A recipe with default hyperparameters, trained as a solution version is, evaluation included."""
    from personalize_emu.recipes.registry import recipe_named
    from personalize_emu.recipes.training.training import train

    def fit(data: TrainingData, _setting: Setting) -> Recommend:
        recipe = recipe_named(name)
        assert recipe is not None
        model = train(recipe, data, TrainingRun({})).model
        return lambda histories: without_seen(model.scores_many(histories), histories)

    return Peer(name, fit)


@dataclass
class Stopwatch:
    """Processor seconds spent in `with` blocks."""

    seconds: float = 0.0

    def __enter__(self) -> Stopwatch:
        self._began = time.process_time()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.seconds += time.process_time() - self._began
