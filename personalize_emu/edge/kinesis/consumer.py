"""Sends the records of a Kinesis stream to the events service, in order per shard, at least once.

    shards ──▶ shards whose parents have been read ──▶ records ──▶ call of the events service ──▶ checkpoint

Calls with transient errors are retried. Records that are invalid or refused (poison records) are reported, counted and
skipped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, TextIO

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as NoConnection

from personalize_emu.edge.kinesis.checkpoints import Checkpoints, Progress
from personalize_emu.edge.kinesis.records import Call, PoisonRecord, StreamRecord, Trackers, call_of

MOST_RECORDS = 500
"""Records of one GetRecords call, after which a checkpoint is written."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds between two attempts."""
_TRANSIENT = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "KMSThrottlingException",
        "LimitExceededException",
        "ResourceInUseException",
    }
)
_EXPIRED = "ExpiredIteratorException"
_RIGHTS = frozenset({"AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredToken"})

log = logging.getLogger(__name__)


class Refused(Exception):
    """A permanent error that is not caused by a record; the text states it."""


@dataclass
class Tally:
    """Totals. entries: events, interactions, items, users and actions sent."""

    records: int = 0
    entries: int = 0
    poison: int = 0

    def line(self) -> str:
        return json.dumps(vars(self))


@dataclass
class StreamConsumer:
    """kinesis, events: boto3 clients. latest: without checkpoints, start at new records instead of the oldest.

    strict: raise Refused at the first poison record instead of skipping it. stop: set from any thread to end `run`.
    """

    kinesis: Any
    events: Any
    stream: str
    checkpoints: Checkpoints
    trackers: Trackers
    report: TextIO
    started: float
    latest: bool = False
    strict: bool = False
    idle_seconds: float = 1.0
    stop: Event = field(default_factory=Event)
    tally: Tally = field(default_factory=Tally)
    _iterators: dict[str, str] = field(default_factory=dict)

    def run(self, *, once: bool = False) -> Tally:
        """Read until `stop` is set or, with `once`, until all existing records have been read; returns the totals.

        Raises:
            Refused: the stream does not exist, or access to it or to the events service is denied.
        """
        while not self.stop.is_set():
            found = [self._read(shard, is_closed) for shard, is_closed in self._readable()]
            if not any(found):
                if once:
                    break
                self.stop.wait(self.idle_seconds)
        return self.tally

    def _readable(self) -> Iterator[tuple[str, bool]]:
        """Shards to read, whose parents have been read completely, and whether each is closed."""
        answer = self._with_retries(self._list_shards) or []
        known = self.checkpoints.shards
        self._add_shards(answer)
        present = {shard["ShardId"] for shard in answer}
        for shard in answer:
            name, is_closed = shard["ShardId"], _is_closed(shard)
            parents = [shard.get(member) for member in ("ParentShardId", "AdjacentParentShardId")]
            waits = any(parent in present and not known.get(parent, Progress()).ended for parent in parents)
            if not known[name].ended and not waits and not self.stop.is_set():
                yield name, is_closed

    def _add_shards(self, shards: Sequence[Mapping[str, Any]]) -> None:
        """Add new shards. Children of known shards are read from their beginning, even with `latest`."""
        known, first_time = self.checkpoints.shards, not self.checkpoints.shards
        new = [shard for shard in shards if shard["ShardId"] not in known]
        for shard in new:
            name, skipped = shard["ShardId"], self.latest and first_time
            if skipped and not _is_closed(shard):
                latest = partial(self._iterator, name, ShardIteratorType="LATEST")
                self._iterators[name] = self._with_retries(latest)
            known[name] = Progress(since=self.started if skipped else None, ended=skipped and _is_closed(shard))
        if new:
            self.checkpoints.save()

    def _list_shards(self) -> list[Mapping[str, Any]]:
        shards: list[Mapping[str, Any]] = []
        for page in self.kinesis.get_paginator("list_shards").paginate(StreamName=self.stream):
            shards += page["Shards"]
        return sorted(shards, key=lambda shard: str(shard["ShardId"]))

    def _read(self, shard: str, is_closed: bool) -> bool:
        """Process one batch of a shard; returns whether more records may be available."""
        progress = self.checkpoints.shards[shard]
        try:
            answer = self._with_retries(lambda: self._records(shard, progress))
        except ClientError:
            # An iterator expires after five minutes; the next one starts after the last checkpoint.
            self._iterators.pop(shard, None)
            return True
        if answer is None:
            return False
        for found in answer["Records"]:
            record = StreamRecord(
                shard, found["SequenceNumber"], found["Data"], found["ApproximateArrivalTimestamp"].timestamp()
            )
            if self.stop.is_set() or not self._process(record):
                break
            progress.sequence = record.sequence
        following = answer.get("NextShardIterator")
        caught_up = not answer["Records"] and not answer.get("MillisBehindLatest")
        progress.ended = not self.stop.is_set() and (following is None or (is_closed and caught_up))
        if following is not None:
            self._iterators[shard] = following
        if answer["Records"] or progress.ended:
            self.checkpoints.save()
        return not caught_up or progress.ended

    def _records(self, shard: str, progress: Progress) -> Any:
        if shard not in self._iterators:
            where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
            if progress.sequence is not None:
                where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": progress.sequence}
            elif progress.since is not None:
                where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": progress.since}
            self._iterators[shard] = self._iterator(shard, **where)
        return self.kinesis.get_records(ShardIterator=self._iterators[shard], Limit=MOST_RECORDS)

    def _iterator(self, shard: str, **where: Any) -> str:
        answer = self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard, **where)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _process(self, record: StreamRecord) -> bool:
        """Process a record; False if `stop` was set before it was done."""
        try:
            call = call_of(record, self.trackers)
            if self._with_retries(lambda: self._put(call)) is None:
                return False
        except PoisonRecord as error:
            text = f"poison record: shard {record.shard} sequence {record.sequence}: {error}"
            if self.strict:
                self.checkpoints.save()
                raise Refused(text) from error
            self.tally.poison += 1
            self.report.write(text + "\n")
            self.report.flush()
        else:
            self.tally.entries += call.size
        self.tally.records += 1
        return True

    def _put(self, call: Call) -> bool:
        try:
            getattr(self.events, call.method)(**call.params)
        except (ParamValidationError, OverflowError, RuntimeError) as error:
            # botocore itself raises the latter two for numbers and times out of range.
            raise PoisonRecord(" ".join(str(error).split())) from error
        except ClientError as error:
            if _is_transient(error) or _code(error) in _RIGHTS:
                raise
            raise PoisonRecord(f"{_code(error)}: {error.response['Error'].get('Message', '')}") from error
        return True

    def _with_retries(self, attempt: Callable[[], Any]) -> Any:
        """The result of `attempt`, retried after transient errors; None if `stop` was set first.

        Raises:
            Refused: a permanent error.
            ClientError: the shard iterator has expired.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                return attempt()
            except ClientError as error:
                if _code(error) == _EXPIRED:
                    raise
                if not _is_transient(error):
                    raise Refused(str(error)) from error
                failure: Exception = error
            except (HTTPClientError, NoConnection) as error:
                failure = error
            except BotoCoreError as error:
                raise Refused(str(error)) from error
            log.warning("retrying in %.1f s: %s", pause, failure)
            if self.stop.wait(pause):
                return None
            pause = min(2 * pause, LONGEST_PAUSE)


def _is_closed(shard: Mapping[str, Any]) -> bool:
    return "EndingSequenceNumber" in shard["SequenceNumberRange"]


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_transient(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _code(error) in _TRANSIENT or status >= 500
