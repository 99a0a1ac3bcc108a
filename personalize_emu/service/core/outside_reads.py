"""What handlers read of other AWS services: never while they hold the store's lock.

    lock ─▶ handler ─▶ answered? ──yes──▶ checks go on, commit ─▶ unlock
              ▲           no
              └── ask ◀── unlock

A handler asks as if the other services were at hand. Under the lock only answers that are known already are given;
the first question without one ends the attempt, is asked without the lock, and the handler begins again. So every
check is made again after whatever took long, in the order of P-56, and a request that is refused for something else
asks nobody. A handler must have changed nothing before its last question.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NoReturn, TypeVar, cast

from personalize_emu.aws_services import (
    AwsServices,
    KeyUnavailable,
    Listing,
    MetricDatum,
    ObjectInfo,
    ObjectStore,
    PolicyDocument,
    Role,
    RoleError,
    StoreError,
)

T = TypeVar("T")
_PAGE = 1000
"""Objects of one answer of S3."""


class Unanswered(Exception):
    """A question that was not asked yet. `ask` asks it, without the store's lock, and remembers the answer."""

    def __init__(self, ask: Callable[[], None]) -> None:
        super().__init__("a question to another AWS service is open")
        self.ask = ask


class OutsideReads:
    """The other services as the handler of one call sees them, and later the jobs that it has begun.

    Until `release` questions are answered from memory or raise Unanswered. Afterwards every question is asked anew.
    """

    def __init__(self, aws_services: AwsServices) -> None:
        self._aws_services = aws_services
        self._answers: dict[Hashable, Callable[[], object]] = {}
        self._released = False

    def release(self) -> None:
        """The handler is done. Its answers are forgotten: rights can be taken away before a job begins."""
        self._released = True
        self._answers.clear()

    def read(self, question: Hashable, ask: Callable[[], T]) -> T:
        """Raises Unanswered, and what `ask` raises."""
        if self._released:
            return ask()
        answer = self._answers.get(question)
        if answer is None:
            raise Unanswered(lambda: self._answers.update({question: _answered(ask)}))
        return cast(T, answer())

    def listing(self, region: str) -> Listing:
        """Buckets as seen from a region, for handlers: what is in them can only be named."""
        return _Listed(self, self._aws_services, region)

    def objects(self, region: str) -> ObjectStore:
        """Buckets as seen from a region, for jobs."""
        assert self._released, "handlers do not read objects"
        return self._aws_services.objects(region)

    def publish(self, region: str, namespace: str, data: Sequence[MetricDatum]) -> None:
        self._aws_services.publish(region, namespace, data)

    def bucket_policy(self, region: str, bucket: str) -> PolicyDocument | None:
        return self.read(("policy", region, bucket), lambda: self._aws_services.bucket_policy(region, bucket))

    def bucket_region(self, region: str, bucket: str) -> str:
        return self.read(("region", region, bucket), lambda: self._aws_services.bucket_region(region, bucket))

    def key_policy(self, region: str, arn: str) -> PolicyDocument:
        return self.read(("key", region, arn), lambda: self._aws_services.key_policy(region, arn))

    def role(self, region: str, arn: str) -> Role:
        return self.read(("role", region, arn), lambda: self._aws_services.role(region, arn))


class _Listed:
    """Names and sizes of objects."""

    def __init__(self, reads: OutsideReads, aws_services: AwsServices, region: str) -> None:
        self._reads = reads
        self._aws_services = aws_services
        self._region = region

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """A page is read first, since whoever looks for one object needs no more."""
        question = (self._region, bucket, prefix)

        def listed(most: int | None) -> tuple[ObjectInfo, ...]:
            return tuple(islice(self._aws_services.objects(self._region).list(bucket, prefix), most))

        first = self._reads.read((*question, "page"), lambda: listed(_PAGE))
        yield from first
        if len(first) == _PAGE:
            everything = self._reads.read((*question, "all"), lambda: listed(None))
            yield from (info for info in everything if info.key > first[-1].key)


def _answered(ask: Callable[[], T]) -> Callable[[], T]:
    """The answer, whether it is a value or the error of another service."""
    try:
        value = ask()
    except (StoreError, RoleError, KeyUnavailable) as error:
        return partial(_raised, error)
    return lambda: value


def _raised(error: Exception) -> NoReturn:
    raise error
