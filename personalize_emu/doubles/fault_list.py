"""Declared faults: numbers, counts of hits, removal. Shared by the faults of requests and of jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from personalize_emu.doubles.handles import RemovableHandle

MOST_FAULTS = 1000
"""Of one emulator. The oldest that are used up are forgotten first."""


class Fault(Protocol):
    """times: how often it is used; None for every time."""

    @property
    def times(self) -> int | None: ...

    def members(self) -> dict[str, Any]:
        """As JSON, in the form in which it is declared over HTTP."""


F = TypeVar("F", bound=Fault)


class DeclaredFault(RemovableHandle, Generic[F]):
    """A fault in the list of an emulator. As a context manager it is removed at the end of the block.

    number: 1 for the first of an emulator; also counts removed ones. hits: how often it has been used.
    """

    def __init__(self, number: int, fault: F, remove: Callable[[int], bool]) -> None:
        self.number = number
        self.fault = fault
        self.hits = 0
        self._remove = remove

    def __repr__(self) -> str:
        return f"<fault {self.members()}>"

    @property
    def used_up(self) -> bool:
        """Whether it has hit as often as it may."""
        return self.fault.times is not None and self.hits >= self.fault.times

    def remove(self) -> None:
        """Has no effect on a fault that has been removed."""
        self._remove(self.number)

    def members(self) -> dict[str, Any]:
        """As JSON: id, the declaration, hits."""
        return {"id": self.number, **self.fault.members(), "hits": self.hits}


class FaultList(Generic[F]):
    """Thread-safe. lock: held while a fault is chosen and counted."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._listed: dict[int, DeclaredFault[F]] = {}
        self._last_number = 0
        self.active: tuple[DeclaredFault[F], ...] = ()
        """Faults that are not used up, oldest first. Empty for most emulators, so reading it is all that a request
        without faults costs."""

    def add(self, fault: F) -> DeclaredFault[F]:
        """Raises ValueError: there are too many."""
        with self.lock:
            if len(self._listed) >= MOST_FAULTS:
                self._forget_one()
            self._last_number += 1
            declared = DeclaredFault(self._last_number, fault, self.remove)
            self._listed[declared.number] = declared
            self._refresh()
            return declared

    def listed(self) -> list[DeclaredFault[F]]:
        """All that have not been removed, oldest first, including those that are used up."""
        with self.lock:
            return list(self._listed.values())

    def remove(self, number: int) -> bool:
        """False if there is no such fault."""
        with self.lock:
            declared = self._listed.pop(number, None)
            self._refresh()
        if declared is not None:
            self.removed([declared])
        return declared is not None

    def clear(self) -> None:
        with self.lock:
            before = self.listed()
            self._listed.clear()
            self._refresh()
        self.removed(before)

    def removed(self, faults: list[DeclaredFault[F]]) -> None:
        """Called after faults were removed, without the lock."""

    def count(self, declared: DeclaredFault[F]) -> None:
        """Count one use. Called with the lock held."""
        declared.hits += 1
        if declared.used_up:
            self._refresh()

    def _refresh(self) -> None:
        self.active = tuple(each for each in self._listed.values() if not each.used_up)

    def _forget_one(self) -> None:
        oldest = next((number for number, each in self._listed.items() if each.used_up), None)
        if oldest is None:
            raise ValueError(f"there are {MOST_FAULTS} faults already; remove some first")
        del self._listed[oldest]


def subset_of(expected: Any, value: Any) -> bool:
    """Whether a value has all that is expected: the same scalar, an object with at least these members, or a list in
    which each expected element occurs."""
    if isinstance(expected, Mapping):
        return isinstance(value, Mapping) and all(
            name in value and subset_of(each, value[name]) for name, each in expected.items()
        )
    if isinstance(expected, list | tuple):
        return isinstance(value, list | tuple) and all(
            any(subset_of(each, item) for item in value) for each in expected
        )
    return bool(expected == value) and isinstance(expected, bool) == isinstance(value, bool)


def names(value: Any, arn: str) -> bool:
    """Whether the text occurs as a whole value anywhere in nested objects and lists."""
    if isinstance(value, Mapping):
        return any(names(each, arn) for each in value.values())
    if isinstance(value, list | tuple):
        return any(names(each, arn) for each in value)
    return bool(value == arn)
