"""Who does the work of a job: an executor that may be in this thread, in others, or on other machines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class InThread(Executor):
    """Does everything at once, where it is asked to; what the work raises, `submit` raises."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _as_it_is(work: Any) -> Any:
    return work


@dataclass(frozen=True)
class Workers:
    """ahead: how many pieces of work may wait for their turn to be written, which bounds the memory.

    carry: brings what the work needs to where it is done, once for all pieces; gives what stands for it there.
    """

    executor: Executor = field(default_factory=InThread)
    ahead: int = 1
    carry: Callable[[Any], Any] = _as_it_is

    def in_order(self, carried: Callable[[T], R], pieces: Iterator[T]) -> Iterator[R]:
        """The result of each piece, in the order of the pieces. carried: the work, as `carry` gave it."""
        waiting: deque[Future[R]] = deque()
        for piece in pieces:
            waiting.append(self.executor.submit(_done, carried, piece))
            if len(waiting) >= self.ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _done(work: Callable[[T], R], piece: T) -> R:
    return work(piece)
