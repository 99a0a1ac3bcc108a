"""A compact set of keys with their owners: 16 bytes per key, independent of its length."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_RECENT = 512
"""Keys kept in a dictionary before they are sorted into a level."""
_GROWTH = 4
"""Each level is at least this many times as large as the next, which bounds the number of levels."""

_Numbers = NDArray[np.uint64]


class ClaimedKeys:
    """A map from keys to owners, both stored as 64-bit hashes. Not thread-safe.

    With ten million keys, the probability that a new key collides with one of them is 10^-12.
    """

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._levels: list[tuple[_Numbers, _Numbers]] = []

    def __contains__(self, key: str) -> bool:
        return self._holds(_number(key))

    def claim(self, key: str, owner: str) -> bool:
        """Add the key; False without a change if it is already present."""
        number = _number(key)
        if self._holds(number):
            return False
        self._recent[number] = _number(owner)
        if len(self._recent) >= _RECENT:
            self._sort_recent()
        return True

    def sorts_with(self, more: int) -> bool:
        """Whether the next `more` claims may sort keys into levels, which takes the longer the more there are."""
        return len(self._recent) + more >= _RECENT

    def forget(self, owners: Collection[str]) -> None:
        """Remove all keys of these owners."""
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

    def _sort_recent(self) -> None:
        """Sort the recent keys into a new level, and merge levels of similar size."""
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
