"""Reads of other AWS services by handlers: never while they hold the store's lock.

    lock ─▶ handler ─▶ result known? ──yes──▶ further checks, commit ─▶ unlock
              ▲             no
              └── read ◀── unlock

A handler is written as if reads were immediate. Under the lock only results that are known already are given; the first
read without a result raises PendingRead, is done without the lock, and the handler starts again. So all checks are made
again after whatever took long, in the order of P-56, and a request that is refused for another reason reads nothing.
A handler must change nothing before its last read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NoReturn, TypeVar, cast

from personalize_emu.aws_services import (
    AwsServices,
    Listing,
    MetricDatum,
    ObjectInfo,
    ObjectStore,
    PolicyDocument,
    Role,
    RoleError,
    StoreError,
)
from personalize_emu.kms_keys import DataKey, EncryptionContext, KeyState, KeyUnavailable

T = TypeVar("T")
_PAGE = 1000
"""Objects of one answer of S3."""


class PendingRead(Exception):
    """A read that was not done yet. `perform` does it, without the store's lock, and remembers the result."""

    def __init__(self, perform: Callable[[], None]) -> None:
        super().__init__("a read of another AWS service is pending")
        self.perform = perform


class AwsReads:
    """The other services as the handler of one call sees them, and later the jobs that it has begun.

    Until `release`, reads give remembered results or raise PendingRead. Afterwards each read is done anew.
    """

    def __init__(self, aws_services: AwsServices) -> None:
        self._aws_services = aws_services
        self._results: dict[Hashable, Callable[[], object]] = {}
        self._released = False

    def release(self) -> None:
        """The handler is done. Results are forgotten, since rights can be taken away before a job begins."""
        self._released = True
        self._results.clear()

    def read(self, key: Hashable, call: Callable[[], T]) -> T:
        """The result of `call`, remembered under `key`. Raises PendingRead, and what `call` raises."""
        if self._released:
            return call()
        result = self._results.get(key)
        if result is None:
            raise PendingRead(lambda: self._results.update({key: _result_of(call)}))
        return cast(T, result())

    def listing(self, region: str) -> Listing:
        """Buckets as seen from a region, for handlers: names and sizes of objects only."""
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

    def key_state(self, arn: str) -> KeyState:
        """Of a KMS key that a dataset group uses; looked up for many requests."""
        keys = self._aws_services.keys
        return keys.state(arn) if keys.answers_at_once(arn) else self.read(("key state", arn), lambda: keys.state(arn))

    def knows_key_state(self, arn: str) -> bool:
        """Whether `key_state` waits for nothing."""
        return self._aws_services.keys.answers_at_once(arn)

    def decrypted_data_key(self, arn: str, wrapped: bytes, context: EncryptionContext) -> bytes:
        """For the start and for jobs. Raises KeyUnavailable."""
        return self._aws_services.keys.decrypted(arn, wrapped, context)

    def new_data_key(self, arn: str, context: EncryptionContext) -> DataKey | None:
        return self.read(("data key", arn), lambda: self._aws_services.keys.new_data_key(arn, context))

    def role(self, region: str, arn: str) -> Role:
        return self.read(("role", region, arn), lambda: self._aws_services.role(region, arn))


class _Listed:
    """Names and sizes of objects."""

    def __init__(self, reads: AwsReads, aws_services: AwsServices, region: str) -> None:
        self._reads = reads
        self._aws_services = aws_services
        self._region = region

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """The first page is read alone, since it is enough for a request that names one object."""
        key = (self._region, bucket, prefix)

        def listed(most: int | None) -> tuple[ObjectInfo, ...]:
            return tuple(islice(self._aws_services.objects(self._region).list(bucket, prefix), most))

        first = self._reads.read((*key, "page"), lambda: listed(_PAGE))
        yield from first
        if len(first) == _PAGE:
            everything = self._reads.read((*key, "all"), lambda: listed(None))
            yield from (info for info in everything if info.key > first[-1].key)


def _result_of(call: Callable[[], T]) -> Callable[[], T]:
    """A function that returns the value of `call`, or raises the error of the other service."""
    try:
        value = call()
    except (StoreError, RoleError, KeyUnavailable) as error:
        return partial(_raised, error)
    return lambda: value


def _raised(error: Exception) -> NoReturn:
    raise error
