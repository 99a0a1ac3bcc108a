"""How often items were shown and passed over (R-22, R-72e)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from personalize_emu.data.columns import IMPRESSION
from personalize_emu.service.feature_columns import exploded


def not_chosen(rows: pa.Table, items: NDArray[np.int32], number_of: Mapping[str, int]) -> NDArray[np.int64] | None:
    """int64[items of the catalog]: in how many impressions each item was without being the one chosen.

    rows: with the items shown, joined by bars, if it has that column; along `items`, int32[n], the ones chosen.
    None where nothing is known to have been shown. Items that the catalog lacks do not count.
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
