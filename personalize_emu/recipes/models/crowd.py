"""All users at once, as segments look at them: what they had, how active they are, and what EASE makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.models.blend import standardised
from personalize_emu.recipes.models.ease import DualEase, Ease, PrimalEase, user_item_matrix
from personalize_emu.recipes.visits import Visits


@dataclass(frozen=True, eq=False)
class Crowd:
    """bags: float32 csr[users, items], what each user had. visits: int64[users], how many visits each made."""

    bags: sp.csr_matrix
    visits: NDArray[np.int64]

    @cached_property
    def activity(self) -> NDArray[np.float32]:
        """float32[users]: standardised logarithm of the number of visits."""
        return standardised(np.log1p(self.visits).astype(np.float32))

    def share_had(self, groups: sp.csc_matrix) -> NDArray[np.float32]:
        """float32[users, groups]: how much of each group of items a user had. groups: 0 or 1, csc[items, groups]."""
        owned = self.bags.copy()
        owned.data = np.ones_like(owned.data)
        sizes = np.maximum(np.diff(groups.indptr), 1).astype(np.float32)
        shares: NDArray[np.float32] = (owned @ groups).toarray() / sizes
        return shares


def crowd_of(visits: Visits, user_count: int, item_count: int) -> Crowd:
    return Crowd(user_item_matrix(visits, user_count, item_count), visits.lengths)


def groups_of(members: list[NDArray[np.int32]], item_count: int) -> sp.csc_matrix:
    """float32 csc[items, groups]: 1 where the item, by its number, is in the group."""
    indptr = np.cumsum([0, *map(len, members)])
    indices = np.concatenate(members) if members else np.zeros(0, np.int32)
    return sp.csc_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=(item_count, len(members)))


def group_affinity(ease: Ease, bags: sp.csr_matrix, groups: sp.csc_matrix) -> NDArray[np.float32]:
    """float32[users, groups]: EASE scores added up over each group of items."""
    if isinstance(ease, PrimalEase):
        weights = (groups.T.tocsr()[:, ease.columns] @ ease.weights.T).T
        primal: NDArray[np.float32] = bags[:, ease.columns] @ np.ascontiguousarray(weights)
        return primal
    if not isinstance(ease, DualEase):
        raise TypeError("there are two forms of EASE")
    # score = bag - (bag - explained) / (r d), summed over the items of a group; see DualEase.
    inverse = np.float32(1) / (np.float32(ease.regularisation) * ease.diagonal)
    own = bags @ (sp.diags_array(1 - inverse).astype(np.float32) @ groups)
    through = ease.transposed.T @ (sp.diags_array(inverse) @ groups)
    dual: NDArray[np.float32] = own.toarray() + (bags @ ease.tastes) @ through.toarray()
    return dual.astype(np.float32, copy=False)


def return_shift(visits: Visits, item_count: int) -> float:
    """How much likelier a user's next visit is to an item the user had than to one the user had not, as a logarithm.

    Far below 0 where users hardly ever come back to an item.
    """
    keys = visits.users.astype(np.int64) * item_count + visits.items
    first = np.zeros(len(visits), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    had: NDArray[np.int64] = np.cumsum(first) - first
    had -= had[visits.offsets[visits.users]]
    returns = (np.count_nonzero(~first) + 0.5) / (float(had.sum()) + 1.0)
    discoveries = (np.count_nonzero(first) + 0.5) / (float((item_count - had).sum()) + 1.0)
    return float(np.log(returns / discoveries))
