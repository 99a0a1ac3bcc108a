"""How much more often items are chosen at a level of context or of user metadata than at large.

The lift of an item at a level is the logarithm of observed over expected users, shrunk towards the lift of the other
items of its groups (items with one value of a metadata column), and that towards 0: the ratios have a gamma prior of
mean 1, as strong as makes the counts likeliest (empirical Bayes, as in DuMouchel's gamma-Poisson shrinker). A column
without effect has lifts of about 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.lazy_imports import special
from personalize_emu.recipes.context.levels import (
    Levels,
    columns_of,
    levels_of_column,
    levels_of_columns,
    rows_of_sum_one,
)
from personalize_emu.recipes.contract.base import History, TrainingData
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.numerics.sparse_products import sum_of_dense_rows

PRIORS = np.array([0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 10_000.0])
"""Expected users at which a ratio is shrunk half way."""
MOST_PRIOR_ITEMS = 3000
MOST_GROUPS, MOST_GROUP_COLUMNS = 200, 6
"""Values of a column of item metadata, and columns, that lifts are shrunk towards."""
LEAST_GAIN = 5.0
"""In log-likelihood, of a column of item metadata that is used."""

Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factor:
    """One column. lifts: float32[levels, items]. members: of a column of users float32 csr[users, levels], rows of
    sum 1 or 0; None for a column of context.
    """

    levels: Levels
    lifts: NDArray[np.float32]
    members: sp.csr_matrix | None = None

    @property
    def name(self) -> str:
        """Columns of interactions and of users may have one name."""
        return f"{'context' if self.members is None else 'user'} {self.levels.name}"


@dataclass(frozen=True, eq=False)
class Factors:
    """The columns that shift scores. user_ids: of the users with metadata, sorted."""

    factors: tuple[Factor, ...]
    user_ids: tuple[str, ...]

    def shifts(self, histories: Sequence[History]) -> list[NDArray[np.float32]]:
        """For each factor float32[histories, items]: the mean lift of the levels of each history, 0 for none."""
        users = [self._number_of.get(history.user_id, -1) for history in histories]
        if len(histories) == 1:
            return [_mean_row(factor.lifts, self._levels_of(factor, histories[0], users[0])) for factor in self.factors]
        return [np.asarray(self._levels(factor, histories, users) @ factor.lifts) for factor in self.factors]

    def _levels_of(self, factor: Factor, history: History, user: int) -> Sequence[int] | NDArray[np.int32]:
        if factor.members is None:
            return factor.levels.of_text(history.context.get(factor.levels.name, ""))
        pointers = factor.members.indptr
        found: NDArray[np.int32] = factor.members.indices[pointers[user] : pointers[user + 1]] if user >= 0 else []
        return found

    def _levels(self, factor: Factor, histories: Sequence[History], users: list[int]) -> sp.csr_matrix:
        """float32 csr[histories, levels], rows of sum 1 or 0."""
        found = [self._levels_of(factor, history, user) for history, user in zip(histories, users, strict=True)]
        rows = np.repeat(np.arange(len(found)), [len(levels) for levels in found])
        places = np.concatenate([np.asarray(levels, np.int64) for levels in found]) if found else rows
        ones = np.ones(len(rows), np.float32)
        return rows_of_sum_one(sp.csr_matrix((ones, (rows, places)), (len(histories), factor.levels.count)))

    @cached_property
    def _number_of(self) -> Mapping[str, int]:
        return {user: number for number, user in enumerate(self.user_ids)}


def _mean_row(lifts: NDArray[np.float32], levels: Sequence[int] | NDArray[np.int32]) -> NDArray[np.float32]:
    """float32[1, items]: the mean of some rows of float32[levels, items], 0 of none."""
    if not len(levels):
        return np.zeros((1, lifts.shape[1]), np.float32)
    if len(levels) == 1:
        only = int(levels[0])
        return lifts[only : only + 1]
    shares = np.full(len(levels), 1 / len(levels), np.float32)
    return sum_of_dense_rows(lifts, np.sort(levels), shares)[None]


def fit_factors(data: TrainingData) -> Factors:
    """Of all columns of context and of user metadata; every user counts once an item and level."""
    items = len(data.catalog)
    matrix = sp.csr_matrix((np.ones(len(data.items)), (data.users, data.items)), (len(data.user_ids), items))
    matrix.data[:] = 1
    popularity = np.asarray(matrix.sum(axis=0), np.float64).ravel()
    groups = _groups_of(data.item_features)
    factors = []
    if data.context is not None:
        for levels in levels_of_columns(data.context, items):
            members = levels.of_column(columns_of(data.context)[levels.name])
            factors.append(Factor(levels, lifts_of(_users_at(data, members), popularity, groups)))
    if data.profiles is not None:
        known = data.profiles.along(data.user_ids)
        for levels in levels_of_columns(known, items):
            own = levels.of_column(columns_of(known)[levels.name])
            own.data[:] = 1
            members = levels.of_column(columns_of(data.profiles.features)[levels.name])
            factors.append(Factor(levels, lifts_of((own.T @ matrix).toarray(), popularity, groups), members))
    return Factors(tuple(factors), () if data.profiles is None else data.profiles.ids)


def _users_at(data: TrainingData, members: sp.csr_matrix) -> Table:
    """float64[levels, items]: distinct users of each item at each level. members: csr[rows, levels]."""
    items, levels = len(data.catalog), members.shape[1]
    rows = np.repeat(np.arange(members.shape[0]), np.diff(members.indptr))
    keys = (data.users[rows].astype(np.int64) * levels + members.indices) * items + data.items[rows]
    distinct = np.sort(keys)
    distinct = distinct[np.diff(distinct, prepend=-1) > 0]
    counts = np.bincount(distinct % (levels * items), minlength=levels * items)
    return counts.reshape(levels, items).astype(np.float64)


def _groups_of(features: Features | None) -> list[sp.csr_matrix]:
    """For each column of item metadata float32 csr[items, groups], rows of sum 1 or 0."""
    if features is None:
        return []
    columns = list(columns_of(features).values())[:MOST_GROUP_COLUMNS]
    return [levels_of_column(column, MOST_GROUPS).of_column(column) for column in columns]


def lifts_of(counts: Table, popularity: Table, groups: Sequence[sp.csr_matrix] = ()) -> NDArray[np.float32]:
    """float32[levels, items].

    counts: float64[levels, items], users of each item at each level. popularity: float64[items], users of each item.
    groups: csr[items, groups] for each column of item metadata; columns that make the counts no likelier are left out.
    """
    expected = counts.sum(axis=1, keepdims=True) * (popularity / max(1.0, popularity.sum()))
    lifts = np.zeros_like(expected)
    prior, likelihood = best_prior(counts, expected)
    for members in groups:
        shared = lifts_of_other_items(counts, expected, members)
        shifted = expected * np.exp(shared)
        better_prior, better = best_prior(counts, shifted)
        if better > likelihood + LEAST_GAIN:
            lifts += shared
            expected, prior, likelihood = shifted, better_prior, better
    lifts += np.log((counts + prior) / (expected + prior))
    result: NDArray[np.float32] = lifts.astype(np.float32)
    return result


def lifts_of_other_items(counts: Table, expected: Table, members: sp.csr_matrix) -> Table:
    """float64[levels, items]: the lift of the other items of each item's groups, the mean over its groups.

    The item itself is left out, or its own chance deviations would count twice. members: csr[items, groups].
    """
    items = np.repeat(np.arange(members.shape[0]), np.diff(members.indptr))
    groups, shares = members.indices, members.data.astype(np.float64)
    observed, usual = np.asarray(counts @ members), np.asarray(expected @ members)
    prior, _ = best_prior(observed, usual)
    lifts = np.empty_like(expected)
    for level in range(len(counts)):
        others = observed[level, groups] - shares * counts[level, items]
        others_usual = usual[level, groups] - shares * expected[level, items]
        # Differences of equal sums may be slightly below 0.
        ratios = np.log((np.maximum(others, 0) + prior) / (np.maximum(others_usual, 0) + prior))
        lifts[level] = np.bincount(items, shares * ratios, minlength=members.shape[0])
    return lifts


def best_prior(counts: Table, expected: Table) -> tuple[float, float]:
    """The strength of the gamma prior under which the counts are likeliest (negative binomial), and how likely.

    The log-likelihood lacks terms that depend on the counts alone.
    """
    if counts.shape[1] > MOST_PRIOR_ITEMS:
        popular = np.argsort(-counts.sum(axis=0), kind="stable")[:MOST_PRIOR_ITEMS]
        counts, expected = counts[:, popular], expected[:, popular]
    positive = counts > 0
    seen, usual = counts[positive], expected[positive]
    of_expected = float((seen * np.log(usual)).sum())
    likelihoods = [
        of_expected
        + float((special.gammaln(seen + prior) - special.gammaln(prior)).sum())
        + float((prior * np.log(prior) - (counts + prior) * np.log(expected + prior)).sum())
        for prior in PRIORS
    ]
    best = int(np.argmax(likelihoods))
    return float(PRIORS[best]), likelihoods[best]
