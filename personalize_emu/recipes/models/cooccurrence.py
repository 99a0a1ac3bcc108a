"""How many users visited both of two items (R-77b)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.models.ease import user_item_matrix
from personalize_emu.recipes.visits import Visits


@dataclass(frozen=True, eq=False)
class Cooccurrence:
    """by_user: csr[users, items] and by_item: csr[items, users], who visited what at all."""

    by_user: sp.csr_matrix
    by_item: sp.csr_matrix

    def users_of_both(self, item: int) -> NDArray[np.int64]:
        """int64[items]: distinct users of `item` who also visited each item; at `item` itself, its users."""
        rows = self.by_item.indices[self.by_item.indptr[item] : self.by_item.indptr[item + 1]]
        starts, lengths = self.by_user.indptr[rows], np.diff(self.by_user.indptr)[rows]
        # Positions of all entries of those rows, without a loop over the rows.
        before = np.cumsum(lengths) - lengths
        entries = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
        return np.bincount(self.by_user.indices[entries], minlength=self.by_user.shape[1])


def fit_cooccurrence(visits: Visits, user_count: int, item_count: int) -> Cooccurrence:
    """Only whether a user visited an item counts, not how often."""
    by_user = user_item_matrix(visits, user_count, item_count)
    return Cooccurrence(by_user, by_user.T.tocsr())
