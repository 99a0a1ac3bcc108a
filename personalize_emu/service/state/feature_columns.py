"""Features for recipes from the columns of datasets, and counts of impressions without a choice (R-22, R-72e)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.columns import IMPRESSION, encoded
from personalize_emu.data.schemas.values import readable_text
from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Texts

SEPARATOR = "|"
"""Between the categories of one value (D-10)."""


def features_of(table: pa.Table, fields: Sequence[Field], item_name: str = "") -> Features:
    """The columns of `table` that a model can use, in the order of `fields`; those it lacks are left out.

    Plain strings and booleans are stored but not trained on (D-13, D-14), except the name of an item.
    """
    present = [field for field in fields if field.name in table.column_names]
    return Features(
        table.num_rows,
        tuple(_categories(field.name, table.column(field.name)) for field in present if field.categorical),
        tuple(_numbers(field.name, table.column(field.name)) for field in present if field.numeric),
        tuple(
            _texts(field.name, table.column(field.name))
            for field in present
            if field.textual or field.name == item_name
        ),
        item_name if any(field.name == item_name for field in present) else "",
    )


def exploded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], sp.csr_matrix, NDArray[np.int64]]:
    """The values of a column of lists joined by bars: sorted; float32 csr[entries, values], 1 where the entry has the
    value; and int64[rows], the entry of each row. The last entry is that of rows without anything.
    """
    coded = encoded(column)
    size = len(coded.dictionary)
    codes = np.asarray(coded.indices.fill_null(size), dtype=np.int64)
    occurs = np.bincount(codes, minlength=size + 1)[:size] > 0
    parts = pc.split_pattern(pc.cast(coded.dictionary, pa.string()), SEPARATOR)
    owners = np.asarray(pc.list_parent_indices(parts), dtype=np.int64)
    pieces = parts.flatten().dictionary_encode()
    texts, numbers = pieces.dictionary.to_pylist(), np.asarray(pieces.indices, dtype=np.int64)
    filled = np.array([text != "" for text in texts], np.bool_)
    kept = occurs[owners] & filled[numbers] if len(owners) else np.zeros(0, np.bool_)
    owners, numbers = owners[kept], numbers[kept]
    values = tuple(sorted(texts[number] for number in np.unique(numbers)))
    place_of = {value: place for place, value in enumerate(values)}
    places = np.array([place_of.get(text, 0) for text in texts], np.int64)[numbers] if len(numbers) else numbers
    members = sp.csr_matrix(
        (np.ones(len(owners), np.float32), (owners, places)), (size + 1, len(values)), dtype=np.float32
    )
    members.sum_duplicates()
    members.data[:] = 1
    return values, members, codes


def _categories(name: str, column: pa.ChunkedArray) -> Categories:
    values, members, codes = exploded(_strings(column))
    return Categories(name, values, members[codes])


def _numbers(name: str, column: pa.ChunkedArray) -> Numbers:
    values = pc.cast(column, pa.float64()).to_numpy()
    return Numbers(name, np.asarray(values, dtype=np.float64))


def _texts(name: str, column: pa.ChunkedArray) -> Texts:
    coded = encoded(_strings(column))
    texts = ["" if text is None else readable_text(text) for text in coded.dictionary.to_pylist()] + [""]
    codes = np.asarray(coded.indices.fill_null(len(texts) - 1), dtype=np.int64)
    return Texts(name, tuple(texts[code] for code in codes.tolist()))


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without any value has the type null."""
    return pc.cast(column, pa.string()) if pa.types.is_null(column.type) else column


def not_chosen(rows: pa.Table, items: NDArray[np.int32], number_of: Mapping[str, int]) -> NDArray[np.int64] | None:
    """int64[items of the catalog]: impressions in which each item was shown but not chosen; None without impressions.

    Args:
        rows: the interactions, with a column of the items shown, joined by bars.
        items: int32[rows], the numbers of the items chosen.
        number_of: the catalog. Items it lacks do not count.
    """
    if IMPRESSION not in rows.column_names or rows.column(IMPRESSION).null_count == rows.num_rows:
        return None
    values, members, codes = exploded(rows.column(IMPRESSION))
    shown = np.bincount(codes, minlength=members.shape[0]) @ members
    numbers = np.array([number_of.get(value, -1) for value in values], np.int64)
    known = numbers >= 0
    counts = np.zeros(len(number_of), np.int64)
    counts[numbers[known]] = shown[known].astype(np.int64)
    column_of = np.full(len(number_of), -1, np.int64)
    column_of[numbers[known]] = np.flatnonzero(known)
    width = max(1, len(values))
    pairs = np.repeat(np.arange(members.shape[0]), np.diff(members.indptr)) * width + members.indices
    chosen = (column_of[items] >= 0) & np.isin(codes * width + column_of[items], pairs)
    counts -= np.bincount(items[chosen], minlength=len(number_of))
    return counts
