"""Whether a question comes from a returning user: one of whom nothing is known but what the training knew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, TrainingData


@dataclass(frozen=True, eq=False)
class KnownUsers:
    """digests: uint64[users], of the user ids, ascending. newest: int64[users], epoch seconds of the newest interaction
    of each.
    """

    digests: NDArray[np.uint64]
    newest: NDArray[np.int64]

    def returning(self, histories: Sequence[History]) -> NDArray[np.bool_]:
        """bool[histories]: those of a user of the training that end where the training data did."""
        found = np.zeros(len(histories), np.bool_)
        for row, history in enumerate(histories):
            if len(history.timestamps) and len(self.digests):
                digest = digest_of(history.user_id)
                place = min(int(np.searchsorted(self.digests, digest)), len(self.digests) - 1)
                same = bool(self.digests[place] == digest)
                found[row] = same and bool(self.newest[place] == history.timestamps[-1])
        return found


NOBODY = KnownUsers(np.empty(0, np.uint64), np.empty(0, np.int64))


def digest_of(user_id: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest(), "big"))


def known_users(data: TrainingData) -> KnownUsers:
    """The users with interactions. The same few bytes a user whatever their ids look like."""
    active = np.flatnonzero(np.diff(data.offsets))
    digests = np.array([digest_of(data.user_ids[user]) for user in active.tolist()], np.uint64)
    newest = data.timestamps[data.offsets[1:][active] - 1]
    order = np.argsort(digests)
    return KnownUsers(digests[order], newest[order])
