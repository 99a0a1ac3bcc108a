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
"""Chunks per worker thread: one in progress, the others in transfer."""


@contextmanager
def workers_at(executor: str, *, alone: bool) -> Iterator[Workers]:
    """The workers of one job. executor: the option of that name.

    alone: the work needs the state of the server and cannot be distributed.

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
    """An executor that runs the work in the calling thread; exceptions are raised by `submit`."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _unchanged(work: Any) -> Any:
    return work


@dataclass(frozen=True)
class Workers:
    """ahead: maximum number of chunks in progress, which bounds the memory.

    carry: sends the work to the workers once per job and returns a reference to it.
    """

    executor: Executor = field(default_factory=InThread)
    ahead: int = 1
    carry: Callable[[Any], Any] = _unchanged

    def in_order(self, work: Callable[[T], R], chunks: Iterator[T]) -> Iterator[R]:
        """The results of the chunks, in order. work: as returned by `carry`."""
        waiting: deque[Future[R]] = deque()
        for chunk in chunks:
            waiting.append(self.executor.submit(_done, work, chunk))
            if len(waiting) >= self.ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _done(work: Callable[[T], R], chunk: T) -> R:
    return work(chunk)
