"""What kinds of items somebody visits: metadata of the items of a history, and which items share them.

Every column of metadata is a block of a sparse matrix: categories, of which rare ones count more; a number as the two
knots of its quantiles it lies between; all texts together by their most telling terms.

Items of the same categories, numbers and words as those of the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.content.content_neighbours import heaviest, ranks_of, rarity_of
from personalize_emu.recipes.content.item_basis import counts_of_texts, knots_of, spread
from personalize_emu.recipes.content.text_embedding import fit_text_embedding, unit_rows
from personalize_emu.recipes.contract.base import History
from personalize_emu.recipes.contract.features import Features
from personalize_emu.recipes.numerics.sparse_sums import products
from personalize_emu.recipes.scorers.base import Column, Kernels, Scorer, Table
from personalize_emu.recipes.scorers.histories import weighted_rows

MOST_COLUMNS = 6
"""Of categories, and of numbers, that are told apart; those that vary most come first."""
KNOTS = 12
NUMBER_WEIGHT = np.float32(0.5)
"""Of a number beside a column of categories, in one sum of all that is known."""
SEED = 13




@dataclass(frozen=True, eq=False)
class Kinds:
    """columns: float32 csr[items, d], in each block rows of length 1 or, where nothing is known, 0.

    block_of: int32[d], ascending. weights: float32[blocks]. ranks: float32[items, numbers] from 0 to 1, UNKNOWN where
    nothing is known.
    """

    columns: sp.csr_matrix
    block_of: NDArray[np.int32]
    weights: Table
    ranks: Table

    @property
    def blocks(self) -> int:
        return len(self.weights)

    def scores_of(self, bags: sp.csr_matrix) -> Table:
        """float32[histories, items]: how much of what is known of a weighted history, csr[histories, items], is so of
        each item.
        """
        profiles = np.asarray((bags @ self.columns).todense(), np.float32)
        profiles *= self._weight_of_column
        return products(self.columns, profiles)

    @cached_property
    def _weight_of_column(self) -> Table:
        weights: Table = self.weights[self.block_of]
        return weights


def kinds_of(features: Features | None) -> Kinds | None:
    """None where nothing is known of any item."""
    if not features:
        return None
    blocks = [(_categories(column.members), 1.0) for column in features.categories]
    blocks = sorted(blocks, key=lambda block: -block[0].nnz)[:MOST_COLUMNS]
    numbers = [column.values for column in features.numbers if _varies(column.values)][:MOST_COLUMNS]
    blocks += [(unit_rows(spread(values, knots_of(_known(values), KNOTS))), float(NUMBER_WEIGHT)) for values in numbers]
    counts = counts_of_texts(features)
    if counts is not None:
        terms = fit_text_embedding(counts, np.random.default_rng(SEED), 0).terms(counts)
        blocks.append((unit_rows(heaviest(_shared(terms))), 1.0))
    blocks = [(block, weight) for block, weight in blocks if block.nnz]
    if not blocks:
        return None
    ranks = [ranks_of(values) for values in numbers]
    return Kinds(
        sp.hstack([block for block, _ in blocks], format="csr", dtype=np.float32),
        np.repeat(np.arange(len(blocks), dtype=np.int32), [block.shape[1] for block, _ in blocks]),
        np.array([weight for _, weight in blocks], np.float32),
        np.stack(ranks, axis=1) if ranks else np.zeros((features.count, 0), np.float32),
    )


def _categories(members: sp.csr_matrix) -> sp.csr_matrix:
    return unit_rows(_shared(members.multiply(rarity_of(members)).tocsr()))


def _shared(columns: sp.csr_matrix) -> sp.csr_matrix:
    """What only one item has makes nothing alike: names and numbers of items would make up most of a matrix."""
    return columns[:, np.flatnonzero(np.bincount(columns.indices, minlength=columns.shape[1]) > 1)]


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _varies(values: NDArray[np.float64]) -> bool:
    known = _known(values)
    return bool(len(known)) and bool(known.min() < known.max())


@dataclass(frozen=True, eq=False)
class ContentScorer(Scorer):
    """features: of the items of the catalog."""

    features: Kinds
    kernels: Kernels

    @property
    def columns(self) -> tuple[Column, ...]:
        return Column("content", True, 0.0), Column("content of recent items", True, 0.05)

    def scores(self, histories: Sequence[History]) -> Table:
        count = self.features.columns.shape[0]
        bags = weighted_rows(histories, self.kernels.whole, self.kernels.recent, item_count=count)
        return self.features.scores_of(bags).reshape(2, len(histories), count)
