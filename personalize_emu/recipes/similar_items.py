"""Similar-Items: items related to one item by the histories of users and by metadata (R-78).

The score is a weighted sum of the collaborative score of SIMS (sims.py), and of the content similarity to the item.
The fewer users the query item has, the less the first counts and the more the second. How much content counts
beside histories is learned on held-out users by a conditional logit, so misleading metadata get no weight. An item
without interactions has neighbours by content alone.

`item_id_hidden_dim` and `item_metadata_hidden_dim` (R-67, R-68) have no counterpart here and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.content.item_vectors import ItemVectors, vectors_of
from personalize_emu.recipes.contract.base import HeldOut, History, Kind, Model, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.split import rows_of_users
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.numerics.conditional_logit import Example, fit_conditional_logit
from personalize_emu.recipes.numerics.logits import standardised
from personalize_emu.recipes.sims import RelatedModel, RelatedRecipe

FEW_USERS = 5
"""With so many users, the histories of an item count half."""
POPULARITY = np.float32(0.05)
"""Of two items of the same content, the more popular one comes first."""
PRIOR = np.array([1.0, 0.1, 0.6])
"""Weights before any are learned: of the collaborative score, of content, and of content for an item of few users."""
STRENGTH = 10.0
"""The prior counts as much as so many examples."""
VALIDATION_SHARE = 0.1
MOST_PAIRS = 300
CANDIDATES = 50
"""Of each score, that an example is learned from."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SimilarModel(Model):
    """base: the collaborative model. described: bool[items]. weights: float64[3], as PRIOR."""

    catalog: tuple[str, ...]
    base: RelatedModel
    vectors: ItemVectors
    described: NDArray[np.bool_]
    weights: NDArray[np.float64]
    has_scores = False

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.base.trained_items

    def scores_many(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """float32[histories, items]: the query item -inf; last the items without metadata and interactions."""
        table = np.empty((len(histories), len(self.catalog)), np.float32)
        for scores, history in zip(table, histories, strict=True):
            known = len(history.items) and self.described[history.items[-1]]
            scores[:] = self._of_item(int(history.items[-1])) if known else self.base.scores(history)
        return table

    def _of_item(self, item: int) -> Vector:
        features = self.features_of(item)
        scores: Vector = features @ self.weights.astype(np.float32)
        if self._any_new:
            # Nothing but content is known of new items: they are compared by no less of it than the prior says.
            new = ~self.trained_items
            scores[new] = features[new] @ np.maximum(self.weights, PRIOR).astype(np.float32)
            scores[new & ~self.described] = scores.min() - np.float32(1)
        scores[item] = -np.inf
        return scores

    def features_of(self, item: int) -> NDArray[np.float32]:
        """float32[items, 3], along the weights, of a described item."""
        users = int(self.base.popularity.users[item])
        known = np.float32(users / (users + FEW_USERS))
        similarity = self.vectors.similarity(item)
        similarity[item] = 0
        content = standardised(similarity) + self._popularity
        shared = known * standardised(self.base.relevance(item)) if users else np.zeros_like(content)
        return np.stack((shared, content, (1 - known) * content), axis=1)

    @cached_property
    def _any_new(self) -> bool:
        return not bool(self.trained_items.all())

    @cached_property
    def _popularity(self) -> Vector:
        return POPULARITY * standardised(self.base.popularity.log_shares())


@dataclass(frozen=True)
class SimilarRecipe(Recipe):
    """histories: what it is without metadata."""

    histories: RelatedRecipe
    name = "aws-similar-items"
    kind = Kind.RELATED

    def fit(self, data: TrainingData, run: TrainingRun) -> Model:
        vectors = vectors_of(data.item_features)
        if vectors is None:
            return self.histories.fit(data, run)
        base = self.histories.fit(data, run.within(0.0, 0.7))
        weights = self._learned_weights(data, vectors, run.within(0.7, 1.0))
        run.progress("fitted", 1.0)
        return SimilarModel(data.catalog, base, vectors, vectors.described, weights)

    def fit_after_evaluation(
        self, evaluated: Model, test_users: Sequence[HeldOut], data: TrainingData, run: TrainingRun
    ) -> Model:
        """With the weights of the evaluated model."""
        del test_users
        base, vectors = self.histories.fit(data, run), vectors_of(data.item_features)
        if vectors is None or not isinstance(evaluated, SimilarModel):
            return base
        return SimilarModel(data.catalog, base, vectors, vectors.described, evaluated.weights)

    def without_effect(self, data: TrainingData, run: TrainingRun) -> frozenset[str]:
        del data, run
        return frozenset({"item_id_hidden_dim", "item_metadata_hidden_dim"})

    def _learned_weights(self, data: TrainingData, vectors: ItemVectors, run: TrainingRun) -> NDArray[np.float64]:
        """From the histories of all but the validation users, what these interacted with next."""
        rng = run.rng()
        held_out = rng.random(len(data.user_ids)) < VALIDATION_SHARE
        pairs = list(_pairs(data, held_out, rng))
        if not pairs:
            return PRIOR
        base = self.histories.fit(rows_of_users(data, ~held_out), run)
        return learned_weights(SimilarModel(data.catalog, base, vectors, vectors.described, PRIOR), pairs)


def learned_weights(model: SimilarModel, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """float64[3] under which the next items are likeliest; none below 0, that of the collaborative score 1.

    pairs: (item, the next item) of users whose histories `model` was not fitted to.
    """
    examples = []
    for item, following in pairs:
        if model.described[item] and item != following:
            features = model.features_of(item)
            best = [top_k(np.ascontiguousarray(column), CANDIDATES) for column in features.T[:2]]
            candidates = np.setdiff1d(np.concatenate([*best, [following]]), [item])
            examples.append(Example(features[candidates], (candidates == following).astype(np.float32)))
    floor = np.array([0.05, 0.0, 0.0])
    found = fit_conditional_logit(examples, PRIOR, STRENGTH / max(1, len(examples)), floor)
    weights: NDArray[np.float64] = found / found[0]
    return weights


def _pairs(data: TrainingData, held_out: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Some interactions of these users, each with the one that followed."""
    interactions = data.interactions
    follows = np.flatnonzero((interactions.users[1:] == interactions.users[:-1]) & held_out[interactions.users[1:]])
    for row in rng.permutation(follows)[:MOST_PAIRS].tolist():
        yield int(interactions.items[row]), int(interactions.items[row + 1])


def similar_items() -> SimilarRecipe:
    """No percentiles are documented: everything is kept."""
    return SimilarRecipe(RelatedRecipe(SimilarRecipe.name, (0.0, 1.0, 0.0, 1.0), fewest_users=1))
