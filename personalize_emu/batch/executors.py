"""Executors of batch jobs: the server's own thread, processes beside it, or the workers of a Dask cluster."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any, ClassVar, TypeVar

from threadpoolctl import threadpool_limits

from personalize_emu.dask_cluster import ClusterFailed, cluster_at
from personalize_emu.lazy_imports import load_linear_algebra
from personalize_emu.settings import Settings
from personalize_emu.state.jobs import JobFailed

CHUNKS_PER_THREAD = 3
"""Chunks per worker thread: one in progress, the others in transfer."""
CHUNKS_ALONE = 8
"""The processes of a job take a second to start, in which the server answers about so many chunks itself."""


@contextmanager
def workers_at(settings: Settings) -> Iterator[Workers]:
    """The workers of one job, as the options `executor` and `batch_workers` say.

    Raises:
        JobFailed: there is no such cluster, or a worker process has ended.
    """
    if settings.executor:
        with _cluster_workers(settings.executor) as workers:
            yield workers
    elif settings.batch_workers:
        with process_workers(settings.batch_workers) as workers:
            yield workers
    else:
        yield Workers()


@contextmanager
def _cluster_workers(executor: str) -> Iterator[Workers]:
    try:
        with cluster_at(executor) as cluster:
            carry = partial(cluster.client.scatter, broadcast=True, hash=False)
            yield Workers(cluster.client.get_executor(pure=False), CHUNKS_PER_THREAD * cluster.threads, carry)
    except ClusterFailed as error:
        raise JobFailed(str(error)) from error


@contextmanager
def process_workers(count: int) -> Iterator[Workers]:
    """So many processes of this machine, and this thread until there is enough to do for them.

    Raises:
        JobFailed: one of them has ended.
    """
    executor = _Processes(count)
    try:
        yield Workers(executor, CHUNKS_PER_THREAD * count, executor.carry)
    except BrokenProcessPool as error:
        raise JobFailed("A worker process of the batch job has ended.") from error
    finally:
        executor.shutdown(cancel_futures=True)


T = TypeVar("T")
R = TypeVar("R")


class InThread(Executor):
    """An executor that runs the work in the calling thread; exceptions are raised by `submit`."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class _Carried:
    """Work that every process has got at its start, so that only a reference to it is sent with each chunk."""

    received: ClassVar[Callable[[Any], Any] | None] = None

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work

    def __call__(self, chunk: Any) -> Any:
        return self._work(chunk)

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        return _received, ()


def _received() -> Callable[[Any], Any]:
    if _Carried.received is None:
        raise RuntimeError("the process has not received its work")
    return _Carried.received


def _begin_process(work: Callable[[Any], Any]) -> None:
    """In a worker process: keep the work, and end with the process that started this one, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load_linear_algebra()
    threadpool_limits(limits=1, user_api="blas")
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    _Carried.received = work


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(1)


class _Processes(Executor):
    """Processes that start after the first CHUNKS_ALONE chunks, so that short jobs need none."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._alone = CHUNKS_ALONE
        self._here = InThread()
        self._work: Callable[[Any], Any] | None = None
        self._pool: ProcessPoolExecutor | None = None

    def carry(self, work: Callable[[Any], Any]) -> _Carried:
        self._work = work
        return _Carried(work)

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        if self._alone > 0:
            self._alone -= 1
            return self._here.submit(fn, *args, **kwargs)
        if self._pool is None:
            if self._work is None:
                raise TypeError("work is carried before chunks are submitted")
            # Not forked: a fork would copy the locks that other threads of the server hold.
            begin = partial(_begin_process, self._work)
            self._pool = ProcessPoolExecutor(self._count, get_context("spawn"), begin)
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)


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
