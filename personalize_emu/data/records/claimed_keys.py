"""Which texts have been seen, and whose each is, in 16 bytes a text however long it is."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_RECENT = 512
"""Keys in a dictionary, before they become sorted numbers."""
_GROWTH = 4
"""A level of sorted numbers is at least so many times as large as the next one, so that there are few levels."""

_Numbers = NDArray[np.uint64]


class ClaimedKeys:
    """A map from keys to owners, both known by 64-bit hashes.

    Of ten million keys, a new one is taken for one of them once in 10^12 times. Whoever uses it takes care that one
    thread does at a time.
    """

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._levels: list[tuple[_Numbers, _Numbers]] = []

    def __contains__(self, key: str) -> bool:
        return self._holds(_number(key))

    def claim(self, key: str, owner: str) -> bool:
        """False, and no change, when the key was claimed before."""
        number = _number(key)
        if self._holds(number):
            return False
        self._recent[number] = _number(owner)
        if len(self._recent) >= _RECENT:
            self._settle()
        return True

    def forget(self, owners: Collection[str]) -> None:
        """Give free all keys of these owners."""
        numbers = np.fromiter(map(_number, owners), np.uint64, len(owners))
        gone = set(numbers.tolist())
        self._recent = {key: owner for key, owner in self._recent.items() if owner not in gone}
        levels = [(keys, owned, ~np.isin(owned, numbers)) for keys, owned in self._levels]
        self._levels = [(keys[kept], owned[kept]) for keys, owned, kept in levels if kept.any()]

    def __len__(self) -> int:
        return len(self._recent) + sum(len(keys) for keys, _ in self._levels)

    def _holds(self, number: int) -> bool:
        if number in self._recent:
            return True
        wanted = np.uint64(number)
        for keys, _ in self._levels:
            place = keys.searchsorted(wanted)
            if place < len(keys) and keys[place] == wanted:
                return True
        return False

    def _settle(self) -> None:
        """Make the recent keys a level, and join levels that have become too much alike in size."""
        count = len(self._recent)
        keys = np.fromiter(self._recent.keys(), np.uint64, count)
        owners = np.fromiter(self._recent.values(), np.uint64, count)
        while self._levels and len(self._levels[-1][0]) < _GROWTH * len(keys):
            before, owned = self._levels.pop()
            keys, owners = np.concatenate((before, keys)), np.concatenate((owned, owners))
        order = keys.argsort(kind="stable")
        self._levels.append((keys[order], owners[order]))
        self._recent = {}


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
