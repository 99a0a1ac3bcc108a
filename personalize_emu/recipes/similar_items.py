"""Similar-Items: what goes with one item, by shared histories and by metadata (R-78).

Four things are said of an item and the one asked about: whether the same people visit both; whether people who visit
items *like* the one asked about visit it; how alike the two are; and, among equals, how popular it is. The fewer users
the item asked about has, the less its own histories count and the more the rest does, so an item that nobody met has
neighbours, too. How much metadata are worth beside histories is learned on users held back for it.

`item_id_hidden_dim` and `item_metadata_hidden_dim` (R-67, R-68) have no counterpart here and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.content.content_neighbours import Likeness, likeness_of
from personalize_emu.recipes.content.item_basis import counts_of_texts
from personalize_emu.recipes.content.text_embedding import fit_text_embedding
from personalize_emu.recipes.contract.base import (
    HeldOut,
    History,
    Hyperparameters,
    Kind,
    Model,
    Progress,
    Recipe,
    TrainingData,
    within,
)
from personalize_emu.recipes.contract.split import rows_of_users
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.numerics.logits import blended, standardised
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.scorers.linear_models import Kernels
from personalize_emu.recipes.sims import RelatedModel, RelatedRecipe

FEW_USERS = 5
"""With so many users, the histories of an item count half of what they may."""
LEND = (0.15, 0.45)
"""Weight of the histories of like items: of an item that many met, and of one that nobody met."""
ALIKE = (0.25, 1.25)
"""Weight of likeness, likewise; standardised shared histories of an item that many met weigh 1."""
LENT_WEIGHTS = (1.0, 0.2, 0.5)
"""Of standardised ease, transitions and ridge scores of the items that lend theirs."""
POPULAR = 0.05
LENDERS = 10
"""Like items whose histories an item borrows."""
TRUSTS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Factors of LEND and ALIKE that are tried; the least that is not clearly worse than the best."""
USUAL_TRUST = (0.5, 0.25)
"""Where nothing can be learned: of items of few users, and of many. What nobody met is trusted so much at least."""
FEWEST_ASKED = 10
"""Pairs from which something can be learned."""
TOP = 5.0
"""Places at the top of a list that count about the same when trust is learned; lower ones count ever less."""
MANY_USERS = 20
"""Metadata are trusted differently below and from so many users on."""
TRIAL_SHARE, TRIAL_PAIRS, FEWEST_PAIRS = 0.1, 300, 50
"""Of the users, held back to learn from, and how many pairs of visits one after another are asked about."""
TRIAL_CELLS = 10_000_000
"""Pairs times items: fewer pairs in large catalogs."""
TOGETHER = Kernels(*[Kernel(reach=LENDERS, decay=0.0, recency=False)] * 3)

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Said:
    """Of all items beside one, float32[items] each: shared histories, histories of items like it, likeness."""

    shared: Vector
    lent: Vector
    alike: Vector


@dataclass(frozen=True, eq=False)
class SimilarModel(Model):
    """base: says it from histories alone. described: bool[items]. lenders: int64[l], described items with histories.

    trust: of metadata, for items of few users and for items of many.
    """

    catalog: tuple[str, ...]
    base: RelatedModel
    likeness: Likeness
    described: NDArray[np.bool_]
    lenders: NDArray[np.int64]
    trust: tuple[float, float]
    has_scores = False

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return self.base.trained_items

    def scores(self, history: History) -> Vector:
        """float32[items]: the item itself -inf; last what neither metadata nor histories say anything of."""
        if not len(history.items) or not self.described[history.items[-1]]:
            return self.base.scores(history)
        item = int(history.items[-1])
        trust = self.trust[self.has_many_users(item)]
        said = self.said_of(item) if trust or self._any_new or not self.trained_items[item] else self._said_alone(item)
        scores = self.weighed(said, item, trust)
        if self._any_new and trust < USUAL_TRUST[0]:
            new = ~self.trained_items
            scores[new] = self.weighed(said, item, USUAL_TRUST[0])[new]
        unknown = ~self.described & ~self.trained_items
        scores[unknown] = scores.min() - np.float32(1)
        scores[item] = -np.inf
        return scores

    def said_of(self, item: int) -> Said:
        """What goes with a described item."""
        alike = self.likeness.to_all(item)
        alike[item] = 0
        return Said(self._shared(item), self._lent(alike), standardised(alike) + self._popular)

    @cached_property
    def _popular(self) -> Vector:
        return np.float32(POPULAR) * standardised(self.base.popularity.log_shares())

    @cached_property
    def _any_new(self) -> bool:
        """Whether there are items that nobody met but something is known of."""
        return bool((self.described & ~self.trained_items).any())

    def _said_alone(self, item: int) -> Said:
        """By histories."""
        nothing = np.zeros(len(self.catalog), np.float32)
        return Said(self._shared(item), nothing, nothing)

    def weighed(self, said: Said, item: int, trust: float) -> Vector:
        """float32[items]: all that is said of `item` together. Of what nobody met, metadata say everything."""
        users = int(self.base.popularity.users[item])
        met = users / (users + FEW_USERS)
        lend, alike = ((trust if users else 1.0) * (many * met + few * (1 - met)) for many, few in (LEND, ALIKE))
        total: Vector = np.float32(met) * said.shared + np.float32(lend) * said.lent + np.float32(alike) * said.alike
        return total

    def has_many_users(self, item: int) -> bool:
        return bool(self.base.popularity.users[item] >= MANY_USERS)

    def _shared(self, item: int) -> Vector:
        if not self.trained_items[item]:
            return np.zeros(len(self.catalog), np.float32)
        return standardised(self.base.relevance(item))

    def _lent(self, alike: Vector) -> Vector:
        among = alike[self.lenders]
        nearest = top_k(among, LENDERS)
        nearest = nearest[among[nearest] > 0]
        if not len(nearest):
            return np.zeros(len(self.catalog), np.float32)
        like = self.lenders[nearest].astype(np.int32)
        parts = self.base.affinities.scores(History(like, np.zeros(len(like), np.int64)), TOGETHER)
        return standardised(blended(parts, LENT_WEIGHTS))


@dataclass(frozen=True)
class SimilarRecipe(Recipe):
    """histories: what it does without metadata."""

    histories: RelatedRecipe
    name = "aws-similar-items"
    kind = Kind.RELATED

    def fit(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> Model:
        described = bool(data.item_features)
        base = self.histories.fit(data, hyperparameters, rng, within(progress, 0.0, 0.7) if described else progress)
        if not described:
            return base
        model = _with_metadata(data, base, rng)
        trust = self._learned_trust(data, hyperparameters, model, rng, within(progress, 0.7, 1.0))
        progress("fitted", 1.0)
        return replace(model, trust=trust)

    def fit_after_evaluation(
        self,
        evaluated: Model,
        test_users: Sequence[HeldOut],
        data: TrainingData,
        hyperparameters: Hyperparameters,
        rng: np.random.Generator,
        progress: Progress,
    ) -> Model:
        """Trusting metadata as was learned for the evaluated model."""
        del test_users
        base = self.histories.fit(data, hyperparameters, rng, progress)
        if not data.item_features or not isinstance(evaluated, SimilarModel):
            return base
        return replace(_with_metadata(data, base, rng), trust=evaluated.trust)

    def without_effect(self, data: TrainingData, hyperparameters: Hyperparameters) -> frozenset[str]:
        del data, hyperparameters
        return frozenset({"item_id_hidden_dim", "item_metadata_hidden_dim"})

    def _learned_trust(
        self,
        data: TrainingData,
        hyperparameters: Hyperparameters,
        model: SimilarModel,
        rng: np.random.Generator,
        progress: Progress,
    ) -> tuple[float, float]:
        held_out = rng.random(len(data.user_ids)) < TRIAL_SHARE
        pairs = list(_pairs(data, held_out, rng))
        if not pairs:
            return model.trust
        part = rows_of_users(data, ~held_out)
        trial = replace(model, base=self.histories.fit(part, hyperparameters, rng, progress))
        trial = replace(trial, lenders=np.flatnonzero(trial.described & trial.trained_items))
        return learned_trust(trial, pairs)


def learned_trust(trial: SimilarModel, pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """For items of few users and for items of many: the trust that ranks highest what was visited next.

    pairs: (item, the next item) of users whom the histories of `trial` do not contain.
    """
    gains: tuple[list[list[float]], list[list[float]]] = ([], [])
    for item, following in pairs:
        if trial.described[item] and item != following:
            said = trial.said_of(item)
            scores = [trial.weighed(said, item, trust) for trust in TRUSTS]
            gains[trial.has_many_users(item)].append(
                [float(1 / (TOP + np.count_nonzero(row > row[following]))) for row in scores]
            )
    few, many = (_least_good(np.array(rows), usual) for rows, usual in zip(gains, USUAL_TRUST, strict=True))
    return few, many


def _least_good(gains: NDArray[np.float64], usual: float) -> float:
    """The least trust within one standard error of the best. gains: float64[pairs, trusts]."""
    if len(gains) < FEWEST_ASKED:
        return usual
    missed = gains[:, [int(gains.mean(axis=0).argmax())]] - gains
    within = missed.mean(axis=0) <= missed.std(axis=0) / np.sqrt(len(gains))
    return TRUSTS[int(np.argmax(within))]


def _with_metadata(data: TrainingData, base: RelatedModel, rng: np.random.Generator) -> SimilarModel:
    features = data.item_features
    assert features is not None
    counts = counts_of_texts(features)
    terms = None if counts is None else fit_text_embedding(counts, rng, 0).terms(counts)
    likeness = likeness_of(features, terms)
    described = likeness.describes()
    lenders = np.flatnonzero(described & base.trained_items)
    return SimilarModel(data.catalog, base, likeness, described, lenders, USUAL_TRUST)


def _pairs(data: TrainingData, held_out: NDArray[np.bool_], rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Some visits of these users with the visit that followed."""
    visits = data.visits
    follows = np.flatnonzero((visits.users[1:] == visits.users[:-1]) & held_out[visits.users[1:]])
    most = max(FEWEST_PAIRS, min(TRIAL_PAIRS, TRIAL_CELLS // max(1, len(data.catalog))))
    for row in rng.permutation(follows)[:most].tolist():
        yield int(visits.items[row]), int(visits.items[row + 1])


def similar_items() -> SimilarRecipe:
    """No percentiles are documented: everything is kept."""
    histories = RelatedRecipe(SimilarRecipe.name, (0.0, 1.0, 0.0, 1.0), fewest_users=1)
    return SimilarRecipe(histories)
