"""Themes of batch inference: terms that the items of a list have in common (B-48, B-60 to B-62).

An item is represented by TF-IDF weights of its categories and of the words of its name and texts. The theme of a list
consists of the terms that are more frequent in it than in the catalog. The relevance of an item is the cosine
similarity to the theme, both centred by the mean of the catalog, so it is negative for items less similar than the
average.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from personalize_emu.batch.lines import INFERENCE
from personalize_emu.data.schemas.avro import Field
from personalize_emu.filters.records import Records
from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.wire.java_text import double

Vector = NDArray[np.float32]

MOST_TERMS = 50_000
MOST_TITLE_TERMS = 3
SHARED = 0.3
"""Minimum share of the items of a list, and at least two items, that contain a term of its title."""
OUTSTANDING = 0.25
"""Minimum lift of a term relative to the best term."""
PLACES = 9
"""Decimals of a relevance (B-61)."""
_WORD = re.compile(r"[^\W\d_][\w'-]+")
_CATEGORY, _PLAIN = "category ", "word "


@dataclass(frozen=True)
class Theme:
    """order: int64[k], positions in the list by descending relevance. relevances: float64[k], in that order."""

    title: str
    order: NDArray[np.int64]
    relevances: NDArray[np.float64]

    def members(self) -> str:
        """JSON members of the output after the items (B-48)."""
        numbers = ",".join(double(round(float(value), PLACES)) for value in self.relevances)
        return f'"theme":{INFERENCE.encoder.encode(self.title)},"itemsThemeRelevanceScores":[{numbers}]'


@dataclass(frozen=True, eq=False)
class Themes:
    """names: of the items in the catalog, empty if unknown. terms: sorted.

    weights: float32 csr[items, terms], rows of length 1 or 0. middle: float32[terms], the mean row.
    rarity: float32[terms].
    """

    names: Sequence[str]
    terms: Sequence[str]
    weights: sp.csr_matrix
    middle: Vector
    rarity: Vector

    def of(self, item_name: str, numbers: NDArray[np.int32]) -> Theme:
        """The theme of a list. item_name: name of the query item. numbers: int32[k], the list, most similar first."""
        rows = self.weights[numbers]
        chosen = self._outstanding(rows) if len(numbers) else np.zeros(0, np.int64)
        theme = np.zeros(len(self.terms), np.float32)
        theme[chosen] = self.rarity[chosen]
        if not len(chosen):
            theme = np.asarray(rows.sum(axis=0), np.float32).ravel()
        relevances = self._relevances(rows, theme / (np.linalg.norm(theme) or 1))
        order = np.argsort(-relevances, kind="stable")
        return Theme(self._title(item_name, chosen), order, relevances[order])

    def _outstanding(self, rows: sp.csr_matrix) -> NDArray[np.int64]:
        """int64[t]: terms more frequent in the list than in the catalog, best first; categories before words."""
        present = np.bincount(rows.indices, minlength=len(self.terms))
        lift = np.asarray(rows.mean(axis=0), np.float32).ravel() - self.middle
        least = max(2, int(np.ceil(SHARED * rows.shape[0])))
        shared = np.flatnonzero((present >= least) & (lift > 0))
        shared = shared[lift[shared] >= OUTSTANDING * lift[shared].max(initial=0)]
        best = shared[np.argsort(-lift[shared], kind="stable")][:MOST_TITLE_TERMS]
        words = np.array([self.terms[number].startswith(_PLAIN) for number in best], np.bool_)
        ordered: NDArray[np.int64] = best[np.argsort(words, kind="stable")]
        return ordered

    def _relevances(self, rows: sp.csr_matrix, theme: Vector) -> NDArray[np.float64]:
        """float64[k]: cosine similarity of rows and theme, both centred by the mean row."""
        middle, square = self.middle, float(self.middle @ self.middle)
        aside = theme - middle
        products = rows @ aside - float(middle @ aside)
        lengths = np.asarray(rows.multiply(rows).sum(axis=1)).ravel() - 2 * (rows @ middle) + square
        scale = np.sqrt(np.maximum(lengths, 0)) * float(np.linalg.norm(aside))
        relevances: NDArray[np.float64] = np.zeros(len(scale))
        np.divide(products, scale, out=relevances, where=scale > 1e-9)
        return relevances

    def _title(self, item_name: str, chosen: NDArray[np.int64]) -> str:
        texts = [self.terms[number] for number in chosen]
        categories = [text.removeprefix(_CATEGORY) for text in texts if text.startswith(_CATEGORY)]
        words = [text.removeprefix(_PLAIN) for text in texts if text.startswith(_PLAIN)]
        title = ": ".join(", ".join(part) for part in (categories, words) if part)
        return title[:1].upper() + title[1:] if title else f"Similar to {item_name}"


def themes_of(records: Records, catalog: Sequence[str], name_column: str) -> Themes:
    """Compute the TF-IDF weights of the items. name_column: the column with their names."""
    # Imported lazily because it takes a second.
    from sklearn.feature_extraction.text import TfidfVectorizer

    fields = [field for field in records.schema.fields if field.name != records.id_column]
    read = [field for field in fields if field.name == name_column or field.categorical or field.textual]
    table = records.along(catalog, [field.name for field in read])
    columns = [_texts(table.column(field.name)) for field in read]
    documents = list(zip(*columns, strict=True))
    vectorizer = TfidfVectorizer(
        analyzer=lambda texts: list(_terms(read, texts, name_column)), max_features=MOST_TERMS, dtype=np.float32
    )
    if any(any(_terms(read, texts, name_column)) for texts in documents):
        weights = sp.csr_matrix(vectorizer.fit_transform(documents))
        terms, rarity = vectorizer.get_feature_names_out().tolist(), vectorizer.idf_.astype(np.float32)
    else:
        weights, terms, rarity = sp.csr_matrix((len(catalog), 0), dtype=np.float32), [], np.zeros(0, np.float32)
    middle = np.asarray(weights.mean(axis=0), np.float32).ravel()
    return Themes(_texts(table.column(name_column)), terms, weights, middle, rarity)


def _texts(column: pa.ChunkedArray) -> list[str]:
    return [text or "" for text in column.cast(pa.string()).to_pylist()]


def _terms(fields: Sequence[Field], texts: Sequence[str], name_column: str) -> Iterator[str]:
    """The categories of one item, and the words of its name and texts without stop words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    for field, text in zip(fields, texts, strict=True):
        if field.categorical and field.name != name_column:
            yield from (_CATEGORY + part for part in text.split("|") if part)
        else:
            words = (word.lower() for word in _WORD.findall(text))
            yield from (_PLAIN + word for word in words if len(word) > 2 and word not in ENGLISH_STOP_WORDS)
