"""Actions and their interactions: the training data of Next-Best-Action."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

VIEWED, NOT_TAKEN, TAKEN = 0, 1, 2
"""What became of an action that was put before a user, as far as one row tells."""
OUTCOMES = 3


@dataclass(frozen=True, eq=False)
class ActionData:
    """Action interactions, sorted by user, then time, then order of arrival.

    ids: of all actions, sorted; an action's number is its position. values: float64[actions], VALUE, 0 where there
    is none. user_ids: users with at least one row, sorted. users, actions: int32[n] numbers. outcomes: int8[n].
    timestamps: int64[n] epoch seconds.
    """

    ids: tuple[str, ...]
    values: NDArray[np.float64]
    user_ids: tuple[str, ...]
    users: NDArray[np.int32]
    actions: NDArray[np.int32]
    outcomes: NDArray[np.int8]
    timestamps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """int64[users + 1]: rows of user u are offsets[u] to offsets[u + 1]."""
        return np.searchsorted(self.users, np.arange(len(self.user_ids) + 1)).astype(np.int64)

    def of_rows(self, kept: NDArray[np.bool_]) -> ActionData:
        """The rows marked in bool[n]; users stay as they are."""
        return replace(
            self,
            users=self.users[kept],
            actions=self.actions[kept],
            outcomes=self.outcomes[kept],
            timestamps=self.timestamps[kept],
        )

    def of_users(self, kept: NDArray[np.bool_]) -> ActionData:
        """The rows of the users marked in bool[users]; users stay as they are."""
        return self.of_rows(kept[self.users])

    def newest(self, count: int) -> ActionData:
        """At most `count` rows."""
        if len(self) <= count:
            return self
        kept = np.zeros(len(self), np.bool_)
        kept[np.argsort(-self.timestamps, kind="stable")[:count]] = True
        return self.of_rows(kept)

    def history(self, rows: slice) -> ActionHistory:
        """Some rows, all of one user."""
        return ActionHistory(self.actions[rows], self.outcomes[rows])


@dataclass(frozen=True, eq=False)
class ActionHistory:
    """What one user did with actions so far. actions: int32[k] numbers, outcomes: int8[k], in any order."""

    actions: NDArray[np.int32]
    outcomes: NDArray[np.int8]


NO_ACTIONS = ActionHistory(np.zeros(0, np.int32), np.zeros(0, np.int8))
