"""Metadata as vectors: rows that have much in common lie close together, whichever columns say so.

Each column gives a block of the vector. A row without a value has zeros there, and so has a value that was not known
when the encoder was fitted; a column is worth at most about 1 in the product of two rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.features import Categories, Features, Numbers
from personalize_emu.recipes.words import TEXT_DIMENSIONS, Words, fit_words, joined_texts

Matrix = NDArray[np.float32]

KNOTS = 8
"""Of a numeric column: neighbouring numbers share, distant ones do not."""
MOST_PLAIN_VALUES = 256
"""A column of more categories is folded into so many dimensions."""
PLACES = 4
"""Of a folded category, each +1/2 or -1/2: two categories rarely share more than one."""


@dataclass(frozen=True, eq=False)
class CategoryWeights:
    """vectors: float32 csr[values, dimensions], what each category adds to a row that has no other."""

    name: str
    values: tuple[str, ...]
    vectors: sp.csr_matrix

    def block(self, column: Categories | None, rows: int) -> Matrix:
        """float32[rows, dimensions]. Rows of k categories have each of them at 1 / sqrt(k)."""
        if column is None or not self.values:
            return np.zeros((rows, self.vectors.shape[1]), np.float32)
        number_of = {value: number for number, value in enumerate(self.values)}
        places = np.array([number_of.get(value, -1) for value in column.values], np.int64)
        known = np.flatnonzero(places >= 0)
        counts = np.asarray(column.members.sum(axis=1)).ravel()
        scale = sp.diags((1 / np.sqrt(np.maximum(counts, 1))).astype(np.float32))
        dense: Matrix = (scale @ column.members[:, known] @ self.vectors[places[known]]).toarray()
        return dense.astype(np.float32)


@dataclass(frozen=True, eq=False)
class NumberKnots:
    """knots: float64[k], distinct quantiles, ascending."""

    name: str
    knots: NDArray[np.float64]

    def block(self, column: Numbers | None, rows: int) -> Matrix:
        """float32[rows, k]: each number shared out between the two knots it lies between."""
        block = np.zeros((rows, len(self.knots)), np.float32)
        if column is None or not len(self.knots):
            return block
        known = np.flatnonzero(~np.isnan(column.values))
        if len(self.knots) == 1:
            block[known] = 1
            return block
        values = np.clip(column.values[known], self.knots[0], self.knots[-1])
        upper = np.clip(np.searchsorted(self.knots, values), 1, len(self.knots) - 1)
        gap = self.knots[upper] - self.knots[upper - 1]
        share = (values - self.knots[upper - 1]) / gap
        block[known, upper] = share
        block[known, upper - 1] = 1 - share
        return block


@dataclass(frozen=True, eq=False)
class Encoder:
    """Fitted on some rows, used for those and for others of the same columns."""

    categories: tuple[CategoryWeights, ...]
    numbers: tuple[NumberKnots, ...]
    words: Words | None

    @classmethod
    def fit(cls, features: Features, seed: int = 0, text_dimensions: int = TEXT_DIMENSIONS) -> Encoder:
        """Learn what is common and what is rare. `seed` decides all chance."""
        texts = [text for text in joined_texts(features) if text.strip()]
        return cls(
            tuple(_category_weights(column) for column in features.categories),
            tuple(_number_knots(column) for column in features.numbers),
            fit_words(texts, text_dimensions, seed) if texts else None,
        )

    @property
    def width(self) -> int:
        """Dimensions of a row."""
        widths = [weights.vectors.shape[1] for weights in self.categories]
        widths += [len(knots.knots) for knots in self.numbers]
        return int(sum(widths)) + (0 if self.words is None else self.words.width)

    def matrix(self, features: Features) -> Matrix:
        """float32[rows, width]."""
        categories = {column.name: column for column in features.categories}
        numbers = {column.name: column for column in features.numbers}
        rows = features.count
        blocks = [weights.block(categories.get(weights.name), rows) for weights in self.categories]
        blocks += [knots.block(numbers.get(knots.name), rows) for knots in self.numbers]
        if self.words is not None:
            blocks.append(self.words.vectors(joined_texts(features) or [""] * rows))
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((rows, 0), np.float32)


def _category_weights(column: Categories) -> CategoryWeights:
    """A category that every row has tells nothing; one of a single row tells most (inverse document frequency)."""
    rows = max(1, column.members.shape[0])
    frequency = np.asarray(column.members.sum(axis=0)).ravel()
    rarity = np.log((1 + rows) / (1 + frequency)) / np.log(1 + rows)
    # The root, as it is the product of two rows that should be their common rarity.
    weights = sp.diags(np.sqrt(rarity).astype(np.float32), shape=(len(column.values), len(column.values)))
    vectors = weights.tocsr() if len(column.values) <= MOST_PLAIN_VALUES else weights @ _folded(column.values)
    return CategoryWeights(column.name, column.values, sp.csr_matrix(vectors, dtype=np.float32))


def _folded(values: Sequence[str]) -> sp.csr_matrix:
    """float32 csr[values, MOST_PLAIN_VALUES]: a few places for each value that depend on its text alone."""
    digests = b"".join(blake2b(value.encode(), digest_size=2 * PLACES).digest() for value in values)
    hashes = np.frombuffer(digests, "<u2").astype(np.int64)
    columns, signs = (hashes >> 1) % MOST_PLAIN_VALUES, (hashes & 1) - 0.5
    rows = np.repeat(np.arange(len(values)), PLACES)
    return sp.csr_matrix((signs, (rows, columns)), (len(values), MOST_PLAIN_VALUES), dtype=np.float32)


def _number_knots(column: Numbers) -> NumberKnots:
    known = column.values[~np.isnan(column.values)]
    if not len(known):
        return NumberKnots(column.name, np.zeros(0))
    return NumberKnots(column.name, np.unique(np.quantile(known, np.linspace(0, 1, KNOTS), method="nearest")))
