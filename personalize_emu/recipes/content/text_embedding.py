"""Texts as vectors: TF-IDF of hashed words and parts of words, and latent semantic analysis (truncated SVD) of it.

Words are compared without regard to case and accents. Parts of words (four letters) let inflections and compounds
match. Chinese, Japanese, Korean and Thai, which blanks do not split into words, are read as pairs of neighbouring
letters; their marks are no accents. Terms are hashed, so a text with new words can be embedded, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.numerics.truncated_svd import truncated_svd

BUCKETS = 1 << 14
PART_LENGTH = 4
DIMENSIONS = 64
FIT_TEXTS = 50_000
"""Texts that the embedding is fitted to: a random sample where there are more."""
_WORD = re.compile(r"\w+")
_PAIRED = re.compile(
    "["
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u3005-\u3007\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31f0-\u31ff"  # kana, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # ideographs
    "]+|[\uac00-\ud7a3]+"  # Hangul
)
"""Runs of letters of which every two neighbours are a term."""


@dataclass(frozen=True, eq=False)
class TextEmbedding:
    """idf: float32[BUCKETS], inverse document frequency of each term. directions: float32[BUCKETS, dimensions]."""

    idf: NDArray[np.float32]
    directions: NDArray[np.float32]

    def terms(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        """float32 csr[texts, BUCKETS]: TF-IDF of `term_counts`, rows of length 1; empty for texts without a word."""
        return _tf_idf(counts, self.idf)

    def vectors(self, terms: sp.csr_matrix) -> NDArray[np.float32]:
        """float32[texts, dimensions] of `terms`, rows of length 1, or 0 where no word is known."""
        rows = terms @ self.directions
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        units: NDArray[np.float32] = rows / np.where(lengths > 1e-6, lengths, np.inf)
        return units.astype(np.float32)


def fit_text_embedding(counts: sp.csr_matrix, seed: int, dimensions: int = DIMENSIONS) -> TextEmbedding:
    """Fit to `term_counts`; empty texts are left out."""
    filled = np.flatnonzero(np.diff(counts.indptr))
    if len(filled) > FIT_TEXTS:
        filled = np.sort(np.random.default_rng(seed).permutation(filled)[:FIT_TEXTS])
    counts = counts[filled]
    documents = np.bincount(counts.indices, minlength=BUCKETS)
    idf = np.maximum(np.log((len(filled) + 1) / (documents + 0.5)), 0).astype(np.float32)
    return TextEmbedding(idf, truncated_svd(_tf_idf(counts, idf), dimensions, seed)[1])


def term_counts(texts: Sequence[str]) -> sp.csr_matrix:
    """float32 csr[texts, BUCKETS]: how often each hashed term occurs."""
    if not texts:
        return sp.csr_matrix((0, BUCKETS), dtype=np.float32)
    from sklearn.feature_extraction.text import HashingVectorizer  # Takes half a second to import.

    hashing = HashingVectorizer(
        analyzer=_terms, n_features=BUCKETS, alternate_sign=False, norm=None, dtype=np.float32
    )
    counts: sp.csr_matrix = hashing.transform(texts)
    return sp.csr_matrix(counts)


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """float32, each row at length 1; rows without an entry stay empty."""
    matrix = matrix.tocsr()
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), np.float32).ravel())
    scaled: sp.csr_matrix = matrix.astype(np.float32, copy=True)
    scaled.data *= np.repeat(1 / np.where(lengths > 0, lengths, np.float32(1)), np.diff(scaled.indptr))
    return scaled


def _tf_idf(counts: sp.csr_matrix, idf: NDArray[np.float32]) -> sp.csr_matrix:
    """With logarithmic term frequency, as scikit-learn's `sublinear_tf`."""
    weighted = counts.copy()
    weighted.data = (1 + np.log(weighted.data)) * idf[weighted.indices]
    return unit_rows(weighted)


def _terms(text: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [term for word in _words(text) if word not in ENGLISH_STOP_WORDS for term in _with_parts(word)]


def _words(text: str) -> list[str]:
    if text.isascii():
        return _WORD.findall(text.lower())
    composed = unicodedata.normalize("NFKC", text.lower())
    words: list[str] = _WORD.findall(_without_accents(_PAIRED.sub(" ", composed)))
    for run in _PAIRED.findall(composed):
        words.extend(run[place : place + 2] for place in range(max(1, len(run) - 1)))
    return words


def _without_accents(text: str) -> str:
    return "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))


@lru_cache(maxsize=1 << 16)
def _with_parts(word: str) -> tuple[str, ...]:
    starts = range(len(word) - PART_LENGTH + 1) if len(word) > PART_LENGTH else ()
    return word, *(f"{word[start : start + PART_LENGTH]}~" for start in starts)
