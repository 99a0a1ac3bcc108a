"""Executors of batch jobs: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from personalize_emu.settings import DASK_SCHEME
from personalize_emu.state.jobs import JobFailed

CONNECT_SECONDS = 10
CHUNKS_PER_THREAD = 3
"""Of a worker: one at work, others on their way to and from it."""


@contextmanager
def workers_at(executor: str, *, alone: bool) -> Iterator[Workers]:
    """Who answers the lines of one job. executor: the option of that name.

    alone: the work needs what only the server has, so nobody else can do it.

    Raises:
        JobFailed: there is no such cluster.
    """
    if alone or not executor:
        yield Workers()
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise JobFailed("Install personalize-emu[dask] to work on batch jobs in a Dask cluster.") from error
    connect: Any = Client
    address = f"tcp://{executor.removeprefix(DASK_SCHEME)}"
    try:
        client = connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise JobFailed(f"No Dask scheduler answers at {executor}.") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise JobFailed(f"The Dask cluster at {executor} has no workers.")
        carry = partial(client.scatter, broadcast=True, hash=False)
        yield Workers(client.get_executor(pure=False), CHUNKS_PER_THREAD * threads, carry)


T = TypeVar("T")
R = TypeVar("R")


class InThread(Executor):
    """Does everything at once, where it is asked to; what the work raises, `submit` raises."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _unchanged(work: Any) -> Any:
    return work


@dataclass(frozen=True)
class Workers:
    """ahead: how many pieces of work may wait for their turn to be written, which bounds the memory.

    carry: brings what the work needs to where it is done, once for all pieces; gives what stands for it there.
    """

    executor: Executor = field(default_factory=InThread)
    ahead: int = 1
    carry: Callable[[Any], Any] = _unchanged

    def in_order(self, work: Callable[[T], R], chunks: Iterator[T]) -> Iterator[R]:
        """The result of each piece, in the order of the pieces. carried: the work, as `carry` gave it."""
        waiting: deque[Future[R]] = deque()
        for chunk in chunks:
            waiting.append(self.executor.submit(_done, work, chunk))
            if len(waiting) >= self.ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _done(work: Callable[[T], R], chunk: T) -> R:
    return work(chunk)
