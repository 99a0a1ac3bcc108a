"""What is known of items as columns of a linear model: categories, numbers, texts, and what meets what.

A number is spread over two neighbouring knots of its quantiles, so that a linear model of it can bend anywhere.
Categories that often occur together, and common categories in each region of each number, have columns of their
own: a comedy of the forties is not a comedy plus a film of the forties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.content.text_embedding import TextEmbedding, fit_text_embedding, term_counts
from personalize_emu.recipes.contract.features import Features

FEWEST_ITEMS = 3
"""A category of fewer items has no column: nothing can be learned of it."""
MOST_CATEGORIES = 250
FEWEST_TOGETHER = 8
MOST_PAIRS = 150
FINE_KNOTS, COARSE_KNOTS = 30, 12
CROSSED = 30
"""So many most common categories are told apart in each coarse region of a number."""
CROSSED_NUMBERS = 2
TEXT_DIMENSIONS = 32


@dataclass(frozen=True, eq=False)
class NumberTerms:
    """fine, coarse: float64 knots, ascending; at least two each."""

    name: str
    fine: NDArray[np.float64]
    coarse: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ItemBasis:
    """Learned on the items of one training; describes any items with the same columns.

    categories: (column, value) of each category term, common ones first. pairs: int32[p, 2] of them that have a
    column together. numbers: those of the features that vary. text: of all text columns together, None without.
    """

    categories: tuple[tuple[str, str], ...]
    pairs: NDArray[np.int32]
    numbers: tuple[NumberTerms, ...]
    text: TextEmbedding | None

    def matrix(self, features: Features, counts: sp.csr_matrix | None) -> sp.csr_matrix:
        """float32 csr[rows, columns]; the first column is 1 everywhere. counts: `counts_of_texts` of the features."""
        members = self._members(features)
        blocks = [sp.csr_matrix(np.ones((features.count, 1), np.float32)), members]
        if len(self.pairs):
            by_term = members.tocsc()
            blocks.append(by_term[:, self.pairs[:, 0]].multiply(by_term[:, self.pairs[:, 1]]).tocsr())
        common = members[:, :CROSSED]
        columns = {column.name: column.values for column in features.numbers}
        for place, terms in enumerate(self.numbers):
            values = columns.get(terms.name, np.full(features.count, np.nan))
            blocks.append(spread(values, terms.fine))
            if place < CROSSED_NUMBERS:
                blocks.append(_crossed(common, spread(values, terms.coarse)))
        if self.text is not None and counts is not None:
            blocks.append(sp.csr_matrix(self.text.vectors(self.text.terms(counts))))
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def _members(self, features: Features) -> sp.csr_matrix:
        blocks = []
        for column in features.categories:
            places = [(place, value) for place, (name, value) in enumerate(self.categories) if name == column.name]
            known = [(place, column.number_of[value]) for place, value in places if value in column.number_of]
            chosen = column.members[:, [number for _, number in known]]
            targets = ([1.0] * len(known), (range(len(known)), [place for place, _ in known]))
            blocks.append(chosen @ sp.csr_matrix(targets, shape=(len(known), len(self.categories))))
        total = sum(blocks[1:], blocks[0]) if blocks else sp.csr_matrix((features.count, len(self.categories)))
        return total.tocsr().astype(np.float32)


def fit_item_basis(features: Features, counts: sp.csr_matrix | None, rng: np.random.Generator) -> ItemBasis:
    """Choose the columns from the items there are. counts: `counts_of_texts` of the features."""
    categories = _common_categories(features)
    numbers = tuple(
        NumberTerms(column.name, knots_of(known, FINE_KNOTS), knots_of(known, COARSE_KNOTS))
        for column in features.numbers
        if len(known := column.values[np.isfinite(column.values)]) and known.min() < known.max()
    )
    text = None if counts is None else fit_text_embedding(counts, rng, TEXT_DIMENSIONS)
    plain = ItemBasis(categories, np.empty((0, 2), np.int32), numbers, text)
    return ItemBasis(categories, _common_pairs(plain._members(features)), numbers, text)


def counts_of_texts(features: Features) -> sp.csr_matrix | None:
    """`term_counts` of all text columns of each row together; None where there are no text columns."""
    if not features.texts:
        return None
    return term_counts([" ".join(parts) for parts in zip(*(column.texts for column in features.texts), strict=True)])


def knots_of(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """At most `count` quantiles of finite `values`, each once, from the least to the greatest."""
    return np.unique(np.quantile(values, np.linspace(0.0, 1.0, count)))


def spread(values: NDArray[np.float64], knots: NDArray[np.float64]) -> sp.csr_matrix:
    """float32 csr[values, knots]: weights of the two knots about each value, which add up to 1; none for NaN."""
    rows = np.flatnonzero(np.isfinite(values))
    known = np.clip(values[rows], knots[0], knots[-1])
    left = np.clip(np.searchsorted(knots, known, side="right") - 1, 0, len(knots) - 2)
    share = (known - knots[left]) / (knots[left + 1] - knots[left])
    cells = (np.r_[1 - share, share].astype(np.float32), (np.r_[rows, rows], np.r_[left, left + 1]))
    matrix = sp.csr_matrix(cells, shape=(len(values), len(knots)))
    matrix.eliminate_zeros()
    return matrix


def _crossed(members: sp.csr_matrix, regions: sp.csr_matrix) -> sp.csr_matrix:
    """csr[rows, members * regions]: each category in each region."""
    width = regions.shape[1]
    repeated = members.tocsc()[:, np.repeat(np.arange(members.shape[1]), width)]
    tiled = regions.tocsc()[:, np.tile(np.arange(width), members.shape[1])]
    return repeated.multiply(tiled).tocsr()


def _common_categories(features: Features) -> tuple[tuple[str, str], ...]:
    """Most common first; those that (nearly) every item has, or hardly any, say nothing."""
    counted: list[tuple[int, str, str]] = []
    for column in features.categories:
        counts = np.asarray(column.members.sum(axis=0)).ravel().astype(int).tolist()
        counted.extend(
            (-count, column.name, value)
            for count, value in zip(counts, column.values, strict=True)
            if FEWEST_ITEMS <= count < features.count
        )
    return tuple((name, value) for _, name, value in sorted(counted)[:MOST_CATEGORIES])


def _common_pairs(members: sp.csr_matrix) -> NDArray[np.int32]:
    together = sp.triu(members.T @ members, k=1).tocoo()
    often = together.data >= FEWEST_TOGETHER
    pairs, counts = np.stack([together.row[often], together.col[often]], axis=1), together.data[often]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -counts))[:MOST_PAIRS]
    return pairs[order].astype(np.int32)
