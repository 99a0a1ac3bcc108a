"""Independent parts of a training, one after the other or in threads; their results are the same.

Threads gain because NumPy, BLAS and SciPy's sparse matrices release the interpreter lock while they compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(tasks: Sequence[Callable[[], T]], threads: int) -> Iterator[T]:
    """The results in the order of the tasks; what a task raises is raised in its place, and ends the rest.

    threads: 1 does each task when its result is asked for, so that no more than one result need be held.
    """
    if threads <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task()
        return
    with ThreadPoolExecutor(min(threads, len(tasks)), thread_name_prefix="personalize-emu-fit") as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
