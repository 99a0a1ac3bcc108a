"""Returns memory that finished work has freed to the operating system.

The allocator of the C library keeps what large jobs have freed, in an arena for each thread: after a training as much
memory as the model takes.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
LONG_WORK = 0.5
"""Seconds. Shorter work leaves little behind, and returning it would take as long as the work."""


def returning_memory(work: Callable[[], T]) -> T:
    """Do the work; if it took long, return what it freed. Raises what the work raises."""
    began = time.monotonic()
    try:
        return work()
    finally:
        if time.monotonic() - began > LONG_WORK:
            return_freed_memory()


def return_freed_memory() -> None:
    """Takes a few milliseconds. Does nothing with C libraries other than that of GNU."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], Any] | None:
    try:
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    # TypeError: Windows has no library without a name. AttributeError: the library lacks the function.
    except (AttributeError, OSError, TypeError):
        return None
    return trim
