"""What metadata say of items: from scores of the items people met to scores of those that nobody met.

Whatever model has scored the items with interactions, its scores of one user are explained by what is known of the
items, in two ways, and so carried over to other items:

* a ridge regression of the scores on the columns of `ItemBasis`;
* the mean score of the nearest items by content.

How strongly to regularise, and how far to trust which of the two, is learned by hiding some of the items people met
and asking which of these they met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.content.content_neighbours import Likeness, content_neighbours, likeness_of
from personalize_emu.recipes.content.item_basis import ItemBasis, counts_of_texts, fit_item_basis
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.numerics.logits import best_sharpness
from personalize_emu.recipes.numerics.symmetric_inverse import inverse_of_positive_definite

STRENGTHS = (10.0, 30.0, 100.0)
"""Of regularisation, tried on the hidden items."""
SHARES = (0.0, 0.2, 0.4, 0.6)
"""Of the neighbours beside the regression, tried on the hidden items."""
SHARPNESS = 0.3
"""Where the hidden items teach nothing."""
FEWEST_ITEMS = 20
"""With interactions and metadata, to learn from."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Trial:
    """Some users and what they did with some items, as if these were new.

    hidden: bool[items]. scores: float32[users, items], a model's standardised scores of users whose histories were
    without the hidden items. truths: for each of them the hidden items that the user met.
    """

    hidden: NDArray[np.bool_]
    scores: Vector
    truths: Sequence[NDArray[np.int32]]


@dataclass(frozen=True, eq=False)
class Told:
    """What metadata say, in the units of the scores they were learned from.

    levels: float32[rows], where an item stands of which metadata say what they say of a trained one on average: below
    the mean by as much as the rarest trained items score less than their metadata promise. estimates: float32[rows, n]
    beside that; 0 is what they say of a trained item on average.
    """

    levels: Vector
    estimates: Vector


@dataclass(frozen=True, eq=False)
class Content:
    """Fitted to the items of one catalog.

    trained: int64[t], items that something is known of and that have interactions; columns: csr[t, d] of these, in
    the terms of `basis`; rare: int64[r], places in `trained` of the tenth with fewest interactions. new: int64[c],
    the items without interactions that something is known of; new_columns: csr[c, d]. inverse: float32[d, d], of the
    regression. neighbours: csr[c, t]; share: what they count beside the regression. sharpness: from estimates to
    log-probabilities.
    """

    basis: ItemBasis
    trained: NDArray[np.int64]
    columns: sp.csr_matrix
    rare: NDArray[np.int64]
    new: NDArray[np.int64]
    new_columns: sp.csr_matrix
    inverse: NDArray[np.float32]
    neighbours: sp.csr_matrix
    share: float
    sharpness: float

    def of_new(self, scores: Vector) -> Told:
        """What the metadata say of the new items, in the units of `scores`, float32[rows, items]."""
        known = scores[:, self.trained]
        told = self._told(known, self.new_columns)
        if self.share and len(self.new):
            mean = known.mean(axis=1, keepdims=True)
            near = (self.neighbours @ (known - mean).T).T
            has_near = np.diff(self.neighbours.indptr) > 0
            told.estimates[:, has_near] += np.float32(self.share) * (near - told.estimates)[:, has_near]
        return told

    def of_others(self, scores: Vector, features: Features) -> Told:
        """The same of items outside the catalog."""
        return self._told(scores[:, self.trained], columns_of(self.basis, features))

    def describes(self, features: Features) -> NDArray[np.bool_]:
        """bool[features.count]: whether anything is known of an item that was known of others."""
        known: NDArray[np.bool_] = np.diff(columns_of(self.basis, features).indptr) > 1
        return known

    def _told(self, known: Vector, columns: sp.csr_matrix) -> Told:
        slopes = (self._transposed @ known.T).T @ self.inverse
        mean, centre = known.mean(axis=1), slopes @ self._mean_column
        promised = slopes @ self._rare_column - centre
        missed = known[:, self.rare].mean(axis=1) - mean - promised
        estimates = np.ascontiguousarray((columns @ slopes.T).T - centre[:, None], np.float32)
        return Told(mean + np.minimum(missed, np.float32(0)), estimates)

    @cached_property
    def _transposed(self) -> sp.csr_matrix:
        return self.columns.T.tocsr()

    @cached_property
    def _mean_column(self) -> Vector:
        return np.asarray(self.columns.mean(axis=0), np.float32).ravel()

    @cached_property
    def _rare_column(self) -> Vector:
        return np.asarray(self.columns[self.rare].mean(axis=0), np.float32).ravel()


@lru_cache(maxsize=64)
def columns_of(basis: ItemBasis, features: Features) -> sp.csr_matrix:
    """csr[features.count, d]: remembered, as the same few items are asked for again and again."""
    return basis.matrix(features, counts_of_texts(features))


def fit_content(
    features: Features, visits: NDArray[np.int64], trial: Trial, rng: np.random.Generator
) -> Content | None:
    """None where there are too few items to learn from.

    features: along the catalog. visits: int64[items], interactions of each item.
    """
    counts = counts_of_texts(features)
    basis = fit_item_basis(features, counts, rng)
    columns = basis.matrix(features, counts)
    described = np.diff(columns.indptr) > 1
    trained, new = np.flatnonzero(described & (visits > 0)), np.flatnonzero(described & (visits == 0))
    if len(trained) < FEWEST_ITEMS:
        return None
    terms = None if counts is None or basis.text is None else basis.text.terms(counts)
    likeness = likeness_of(features, terms)
    strength, share, sharpness = _learned(columns, likeness, trained, trial)
    return Content(
        basis,
        trained,
        columns[trained],
        np.argsort(visits[trained], kind="stable")[: max(1, len(trained) // 10)],
        new,
        columns[new],
        _inverse(columns[trained], strength),
        content_neighbours(likeness, new, trained),
        share,
        sharpness,
    )


def _learned(
    columns: sp.csr_matrix, likeness: Likeness, trained: NDArray[np.int64], trial: Trial
) -> tuple[float, float, float]:
    """Strength, share and sharpness under which what users did with the hidden items is most likely."""
    asked, left = trained[trial.hidden[trained]], trained[~trial.hidden[trained]]
    place = np.full(columns.shape[0], -1, np.int32)
    place[asked] = np.arange(len(asked))
    truths = [place[truth][place[truth] >= 0] for truth in trial.truths]
    best = (-np.inf, STRENGTHS[len(STRENGTHS) // 2], 0.0, SHARPNESS)
    if not any(map(len, truths)):
        return best[1:]
    known = trial.scores[:, left]
    near = (content_neighbours(likeness, asked, left) @ known.T).T
    moments = (columns[left].T @ known.T).T
    for strength in STRENGTHS:
        explained = (columns[asked] @ (moments @ _inverse(columns[left], strength)).T).T
        for share in SHARES:
            estimates = explained + np.float32(share) * (near - explained)
            sharpness = best_sharpness(estimates, truths, SHARPNESS)
            best = max(best, (_likelihood(estimates, truths, sharpness), strength, share, sharpness))
    return best[1:]


def _inverse(columns: sp.csr_matrix, strength: float) -> NDArray[np.float32]:
    gram = (columns.T @ columns).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += strength
    return inverse_of_positive_definite(gram).astype(np.float32)


def _likelihood(estimates: Vector, truths: Sequence[NDArray[np.int32]], sharpness: float) -> float:
    """Mean logarithm of the probability of what each user met, over all users that met any."""
    logits = np.float32(sharpness) * (estimates - estimates.max(axis=1, keepdims=True))
    totals = np.log(np.exp(logits).sum(axis=1))
    own = [
        float(row[truth].mean()) - total
        for row, truth, total in zip(logits, truths, totals.tolist(), strict=True)
        if len(truth)
    ]
    return float(np.mean(own))
