"""The most recently used values by key, bounded by the memory they take."""

from __future__ import annotations

from collections.abc import Hashable
from operator import attrgetter
from threading import Lock
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache


class Sized(Protocol):
    """size: bytes of the value with all that belongs to it alone, its key included; an estimate from above."""

    @property
    def size(self) -> int: ...


V = TypeVar("V", bound=Sized)


class BoundedCache(Generic[V]):
    """most_bytes: of all values together; 0 keeps nothing. Values are immutable. Any thread may call any method."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._values: LRUCache[Hashable, V] = LRUCache(most_bytes, getsizeof=attrgetter("size"))
        self._lock = Lock()

    def get(self, key: Hashable) -> V | None:
        # A look-up moves the value to the end of the queue, so readers need the lock, too.
        with self._lock:
            return self._values.get(key)

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value, in the place of the one that has the key; one that is larger than the whole is not kept."""
        with self._lock:
            self._values.pop(key, None)
            if value.size <= self.most_bytes:
                self._values[key] = value

    @property
    def held_bytes(self) -> int:
        with self._lock:
            return int(self._values.currsize)

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)
