"""aws-semantic-similarity: items with similar names and texts (R-79), with or without interactions.

The similarity is the mean of two cosines: of the embedded texts (latent semantic analysis), and of their TF-IDF terms.
Popularity and freshness re-rank on request (R-79a, R-79c); both are what they were at the last full training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.content.text_embedding import TextEmbedding, fit_text_embedding, term_counts
from personalize_emu.recipes.contract.base import History, Kind, Model, NotEnoughData, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.creation_time import creation_times
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.contract.metrics import LIST_LENGTH, coverage
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.scorers.popularity import Popularity, count_popularity

NAME = "aws-semantic-similarity"
NAME_TIMES = 2
"""A word in the name of an item counts as much as so many in its texts."""
FRESH_DAYS = 30.0
"""Days in which freshness falls to 1/e."""
SAMPLED_QUERIES = 500
"""Query items to measure coverage, where there are no interactions."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SemanticModel(Model):
    """by_term: csr[terms, items], TF-IDF of length 1 a column; vectors: float32[items, dimensions] of length 1 or 0.

    popular, fresh: float32[items] from 0 to 1. popularity: of items in interactions; all 0 where there are none.
    influence: weights of popularity and of freshness, 0 to 1 each.
    """

    catalog: tuple[str, ...]
    embedding: TextEmbedding
    by_term: sp.csr_matrix
    vectors: NDArray[np.float32]
    popularity: Popularity
    popular: Vector
    fresh: Vector
    influence: tuple[float, float] = (0.0, 0.0)
    has_scores = False

    @cached_property
    def has_text(self) -> NDArray[np.bool_]:
        """bool[items]: those that can be recommended; the others are known from interactions only."""
        return np.bincount(self.by_term.indices, minlength=len(self.catalog)) > 0

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.has_text

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        return np.stack([self._of_one(history) for history in histories])

    def _of_one(self, history: History) -> Vector:
        """float32[items]: -inf for the item itself and for items without a text.

        An item without a text, or that is not known, gets popular items; nothing at all without interactions
        (RT-47).
        """
        if not len(history.items) or not self.has_text[history.items[-1]]:
            users = self.popularity.users
            return np.where(users > 0, self.popularity.scores(), np.float32(-np.inf)).astype(np.float32)
        item = int(history.items[-1])
        by_popularity, by_freshness = self.influence
        rest = max(0.0, 1.0 - by_popularity - by_freshness)
        scores = np.float32(rest) * self.similarity(item)
        scores += np.float32(by_popularity) * self.popular + np.float32(by_freshness) * self.fresh
        scores[~self.has_text] = -np.inf
        scores[item] = -np.inf
        return scores

    def similarity(self, item: int) -> Vector:
        """float32[items] from 0 to 1."""
        words = (self._by_item[[item]] @ self.by_term).toarray()[0]
        meaning = np.maximum(self.vectors @ self.vectors[item], np.float32(0))
        similarity: Vector = (words + meaning) / np.float32(2)
        return np.minimum(similarity, np.float32(1))

    @cached_property
    def _by_item(self) -> sp.csr_matrix:
        return self.by_term.T.tocsr()

    def influenced(self, influence: Mapping[str, float]) -> SemanticModel:
        wanted = (influence.get("POPULARITY", 0.0), influence.get("FRESHNESS", 0.0))
        if wanted == self.influence:
            return self
        model = replace(self, influence=wanted)
        # Every request asks for this: what does not depend on the influence is worked out once for all of them.
        vars(model).update(number_of=self.number_of, has_text=self.has_text, _by_item=self._by_item)
        return model

    def evaluated_on(self, data: TrainingData) -> SemanticModel:
        """The items of `data` in place of those it knew; popularity and freshness stay what they were (R-79b)."""
        places = np.array([self.number_of.get(item, -1) for item in data.catalog], np.int64)
        known = places >= 0
        users, interactions = (
            np.where(known, each[places], 0) for each in (self.popularity.users, self.popularity.interactions)
        )
        popularity = Popularity(users, interactions, np.lexsort((-interactions, -users)).astype(np.int32))
        popular, fresh = (np.where(known, each[places], np.float32(0)) for each in (self.popular, self.fresh))
        by_term, vectors = _embedded(self.embedding, _counts(data.item_features, len(data.catalog)))
        return SemanticModel(data.catalog, self.embedding, by_term, vectors, popularity, popular, fresh, self.influence)


class SemanticSimilarity(Recipe):
    """Reads the items; interactions, if there are any, for popularity."""

    name = NAME
    kind = Kind.RELATED

    def fit(self, data: TrainingData, run: TrainingRun) -> SemanticModel:
        """Raises NotEnoughData: no item has a name or a text."""
        run.progress("reading texts", 0.0)
        counts = _counts(data.item_features, len(data.catalog))
        if not counts.nnz:
            raise NotEnoughData("Dataset has no item with a name or a text to train on.")
        run.progress("finding what words have in common", 0.3)
        embedding = fit_text_embedding(counts, run.seed)
        run.progress("finding out what goes together", 0.6)
        by_term, vectors = _embedded(embedding, counts)
        run.progress("counting", 0.9)
        popularity = count_popularity(data.interactions, len(data.catalog))
        model = SemanticModel(data.catalog, embedding, by_term, vectors, popularity, _popular(popularity), _fresh(data))
        run.progress("fitted", 1.0)
        return model

    def own_metrics(self, data: TrainingData, run: TrainingRun) -> dict[str, float]:
        """Coverage by lists of items themselves, where there are no users whose lists could be measured (M-24)."""
        if len(data.items):
            return {}
        model = self.fit(data, run)
        described = np.flatnonzero(model.has_text).astype(np.int32)
        queried = described[:: -(-len(described) // SAMPLED_QUERIES)]
        queries = [History(item, np.zeros(1, np.int64)) for item in queried.reshape(-1, 1)]
        lists = [top_k(model.scores(query), LIST_LENGTH) for query in queries]
        return {"coverage": coverage(lists, len(data.catalog))}


def _counts(features: Features | None, count: int) -> sp.csr_matrix:
    """`term_counts` of name and texts of every item."""
    columns = () if features is None else features.texts
    texts = [
        " ".join(
            text
            for name, text in zip((column.name for column in columns), parts, strict=True)
            for _ in range(NAME_TIMES if features is not None and name == features.item_name else 1)
        )
        for parts in (zip(*(column.texts for column in columns), strict=True) if columns else [()] * count)
    ]
    return term_counts(texts)


def _embedded(embedding: TextEmbedding, counts: sp.csr_matrix) -> tuple[sp.csr_matrix, NDArray[np.float32]]:
    """Terms by item and vectors of the items with these texts."""
    terms = embedding.terms(counts)
    return terms.T.tocsr(), embedding.vectors(terms)


def _popular(popularity: Popularity) -> Vector:
    """From 0 to 1, on a logarithmic scale."""
    counts = np.log1p(popularity.interactions)
    shares: Vector = (counts / max(1.0, float(counts.max(initial=0)))).astype(np.float32)
    return shares


def _fresh(data: TrainingData) -> Vector:
    """1 for the newest item, falling with age; all 0 where times of creation are not stated (R-79a)."""
    if data.stated_creation is None:
        return np.zeros(len(data.catalog), np.float32)
    created = creation_times(data)
    days = (int(created.max(initial=0)) - created) / 86_400
    fresh: Vector = np.exp(-days / FRESH_DAYS).astype(np.float32)
    return fresh
