"""Texts as vectors: hashed words, weighted by how rare they are, in the few directions in which texts differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.features import Features

TEXT_DIMENSIONS = 64
BUCKETS = 2**17
"""Of hashed words."""
MOST_TEXTS_FITTED = 50_000
"""Directions and rarities need no more texts than this, spread over all."""
NAME_COUNTS = 2
"""A word in the name of an item says as much as so many in its description."""


@dataclass(frozen=True, eq=False)
class Words:
    """buckets: int64[w], ascending, the hashed words that are known. rarity: float32[w], inverse document frequency.

    directions: float32[w, width].
    """

    buckets: NDArray[np.int64]
    rarity: NDArray[np.float32]
    directions: NDArray[np.float32]

    @property
    def width(self) -> int:
        return int(self.directions.shape[1])

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[texts, width], of length 1; zeros for a text without any known word."""
        projected = _weighted(hashed(texts)[:, self.buckets], self.rarity) @ self.directions
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = projected / np.where(lengths > 1e-6, lengths, np.inf)
        return vectors.astype(np.float32)


def fit_words(texts: Sequence[str], dimensions: int, seed: int) -> Words:
    """Words of a single text are of no use, and neither are those of every text."""
    counts = hashed(texts[:: -(-len(texts) // MOST_TEXTS_FITTED)])
    frequency = np.bincount(counts.indices, minlength=BUCKETS)
    written = max(1, int((np.diff(counts.indptr) > 0).sum()))
    buckets = np.flatnonzero((frequency >= 2) & (frequency < written))
    rarity = np.log((1 + written) / (1 + frequency[buckets])).astype(np.float32)
    weighted = _weighted(counts[:, buckets], rarity)
    return Words(buckets, rarity, _directions(weighted, dimensions, seed))


def joined_texts(features: Features) -> list[str]:
    """All text columns of each row in one; no text at all where there are no such columns."""
    joined = [""] * features.count if features.texts else []
    for column in features.texts:
        times = NAME_COUNTS if column.name == features.item_name else 1
        joined = [before + times * f" {text}" for before, text in zip(joined, column.texts, strict=True)]
    return joined


def hashed(texts: Sequence[str]) -> sp.csr_matrix:
    """float32 csr[texts, BUCKETS]: how often each word occurs."""
    # Takes a second to import, which only those with texts should wait for.
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        n_features=BUCKETS, norm=None, alternate_sign=False, dtype=np.float32, token_pattern=r"(?u)\b\w+\b"
    )
    return sp.csr_matrix(vectorizer.transform(texts))


def _weighted(counts: sp.csr_matrix, rarity: NDArray[np.float32]) -> sp.csr_matrix:
    """Rows of length 1; the more often a word occurs, the less once more adds."""
    damped = counts.copy()
    damped.data = 1 + np.log(damped.data)
    weighted = (damped @ sp.diags(rarity)).tocsr()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1))).ravel()
    return (sp.diags((1 / np.where(lengths > 0, lengths, 1)).astype(np.float32)) @ weighted).tocsr()


def _directions(weighted: sp.csr_matrix, dimensions: int, seed: int) -> NDArray[np.float32]:
    """float32[words, at most `dimensions`]: each word as it is where there are few, else the first singular vectors."""
    rows, words = weighted.shape
    if words <= dimensions:
        return np.eye(words, dtype=np.float32)
    from sklearn.decomposition import TruncatedSVD

    reduction = TruncatedSVD(min(dimensions, rows), n_iter=4, random_state=seed).fit(weighted)
    return np.ascontiguousarray(reduction.components_.T, dtype=np.float32)
