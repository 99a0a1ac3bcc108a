"""Reading and writing of batch jobs, with instrumented and failing buckets (spec 11 sections 2 and 3)."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from personalize_emu.aws_services import AwsServices, ObjectInfo, ObjectStore, StoreUnavailable
from personalize_emu.batch import transfer
from personalize_emu.data.files.byte_streams import stream_of
from personalize_emu.emulator import Emulator
from tests.batch_requests import begin, shown
from tests.given import POPULARITY, Given

LINES, LINE = 20_000, b'{"userId": "u1", "note": "' + b"x" * 1000 + b'"}\n'


class Watched:
    """A bucket with one generated object, whose output is counted and not kept."""

    def __init__(self, breaks_after: int = LINES + 1) -> None:
        self.breaks_after = breaks_after
        self.written: dict[str, int] = {}

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        del bucket
        yield ObjectInfo(prefix, LINES * len(LINE))

    def open(self, bucket: str, key: str) -> BinaryIO:
        del key
        return stream_of(self._content(bucket))

    def customer_key_of(self, bucket: str, key: str) -> str | None:
        raise NotImplementedError

    def put(self, bucket: str, key: str, body: BinaryIO | bytes, *, kms_key_arn: str | None = None) -> None:
        del bucket, kms_key_arn
        stream = io.BytesIO(body) if isinstance(body, bytes) else body
        count = 0
        while part := stream.read(1 << 20):
            count += part.count(b"\n")
        self.written[key] = count

    def _content(self, bucket: str) -> Iterator[bytes]:
        for number in range(LINES):
            if number == self.breaks_after:
                raise StoreUnavailable(bucket, "gone")
            yield LINE


class WatchedNeighbours(AwsServices):
    def __init__(self, store: ObjectStore) -> None:
        super().__init__(lambda service, region: None)
        self._store = store

    def objects(self, region: str) -> ObjectStore:
        del region
        return self._store


def prepared(given: Given, emulator: Emulator, store: Watched) -> str:
    """Replaces every bucket by the given one after training."""
    version = given.version(given.solution(recipe=POPULARITY))
    emulator.aws_services = WatchedNeighbours(store)
    return version


def test_memory_does_not_grow_with_the_input(given: Given, emulator: Emulator) -> None:
    """B-20: 20 MB are processed in a few chunks of half a megabyte."""
    store = Watched()
    version = prepared(given, emulator, store)
    tracemalloc.start()
    try:
        job = shown(given, begin(given, version, "s3://b/in.json", numResults=1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert job["status"] == "ACTIVE"
    assert store.written == {"out/_CHECK": 0, "out/in.json.out": LINES}
    assert peak < 12 * 2**20


def test_a_connection_that_breaks_fails_the_job(given: Given, emulator: Emulator) -> None:
    """B-16: no output object is written."""
    store = Watched(breaks_after=2000)
    job = shown(given, begin(given, prepared(given, emulator, store), "s3://b/in.json"))
    assert (job["status"], job["failureReason"]) == ("CREATE FAILED", "Invalid Data location. (b: gone)")
    assert list(store.written) == ["out/_CHECK"]


def test_a_reset_ends_a_job(given: Given, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deleted job stops between two chunks."""
    store = Watched()
    state, chunks = emulator.state, []
    add = transfer._Tally.add

    def counting(self: Any, *args: Any) -> None:
        add(self, *args)
        chunks.append(self.lines)
        if len(chunks) == 2:
            emulator.reset()

    monkeypatch.setattr(transfer._Tally, "add", counting)
    begin(given, prepared(given, emulator, store), "s3://b/in.json")
    assert chunks == [512, 1024]
    assert list(store.written) == ["out/_CHECK"]
    assert state.running() == {}
