"""`personalize-emu kinesis` with an embedded Kinesis on the same port, over HTTP."""

from __future__ import annotations

import functools
import io
import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from personalize_emu.cli import main
from personalize_emu.edge.kinesis.checkpoints import Checkpoints
from personalize_emu.edge.kinesis.consumer import StreamConsumer
from personalize_emu.edge.kinesis.records import PoisonRecord, StreamRecord, Trackers, call_of
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.testing.live_server import LiveServer
from tests.given import ITEMS_SCHEMA, REGION, Given

STREAM = "clicks"


@dataclass
class Town:
    """A server with a stream of two shards and a dataset group with an event tracker."""

    url: str
    server: LiveServer
    kinesis: Any
    events: Any
    given: Given
    dataset: str
    tracking_id: str
    checkpoints: Path
    capsys: pytest.CaptureFixture[str]

    def put(self, document: Any, key: str = "k") -> str:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        sequence: str = self.kinesis.put_record(StreamName=STREAM, Data=data, PartitionKey=key)["SequenceNumber"]
        return sequence

    def consumed(self, *options: str) -> tuple[int, dict[str, int], str]:
        """Exit code, totals and error output of the command."""
        arguments = ["--endpoint", self.url, "--region", REGION, "--checkpoints", str(self.checkpoints)]
        code = main(
            ["kinesis", "--stream", STREAM, "--tracking-id", self.tracking_id, "--once", *arguments, *options]
        )
        printed = self.capsys.readouterr()
        return code, json.loads(printed.out or "{}"), printed.err

    def stored(self) -> list[tuple[str, str, int]]:
        rows = self.server.emulator.state.contents(self.dataset).log.rows()
        return [(row["USER_ID"], row["ITEM_ID"], row["TIMESTAMP"]) for row in rows]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Callable[[str], Any]:
    @functools.cache
    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=server.url,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )

    return client


@pytest.fixture
def town(
    server: LiveServer, client: Callable[[str], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Town]:
    given = Given(client("personalize"), client("s3"))
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    group = given.group()
    dataset = given.dataset(group)
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    events, checkpoints = client("personalize-events"), tmp_path / "at.json"
    yield Town(server.url, server, kinesis, events, given, dataset, tracker, checkpoints, capsys)
    server.emulator.reset()
    reset_services()


def view(user: str, at: int, **extra: Any) -> dict[str, Any]:
    return {"sessionId": "s", "userId": user, "eventList": [{"eventType": "v", "itemId": "i", "sentAt": at, **extra}]}


def test_every_kind_of_record_of_every_shard_arrives(town: Town) -> None:
    items = town.given.dataset(
        schema=town.given.schema(ITEMS_SCHEMA, "items"), dataset_type="Items", group=town.given.group("other")
    )
    for number in range(8):
        town.put(view(f"u{number}", 100 + number), key=f"key-{number}")
    town.put({"datasetArn": items, "items": [{"itemId": "i1", "properties": {"genre": "a"}}]})
    code, done, complaints = town.consumed("--from", "trim_horizon")
    assert (code, done, complaints) == (0, {"records": 9, "entries": 9, "poison": 0}, "")
    assert town.server.emulator.state.contents(items).log.rows()[0]["GENRE"] == "a"
    assert sorted(town.stored()) == [(f"u{number}", "i", 100 + number) for number in range(8)]


def test_restart_continues_from_checkpoint(town: Town) -> None:
    town.put(view("u1", 1))
    assert town.consumed("--from", "trim_horizon")[1]["records"] == 1
    assert town.consumed("--from", "trim_horizon")[1]["records"] == 0
    town.put(view("u2", 2))
    assert town.consumed("--from", "trim_horizon")[1]["records"] == 1
    assert town.stored() == [("u1", "i", 1), ("u2", "i", 2)]


def test_records_read_twice_after_kill_count_once(town: Town) -> None:
    """EV-40: the event id is derived from the sequence number."""
    town.put(view("u1", 1))
    assert town.consumed("--from", "trim_horizon")[1]["records"] == 1
    town.checkpoints.unlink()
    assert town.consumed("--from", "trim_horizon")[1]["records"] == 1
    assert town.stored() == [("u1", "i", 1)]


def test_from_latest_reads_all_later_records(town: Town) -> None:
    town.put(view("before", 1))
    assert town.consumed()[1]["records"] == 0
    town.put(view("after", 2))
    # Stream timestamps have whole seconds, so earlier records of the same second may be read.
    assert town.consumed()[1]["records"] in (1, 2)
    assert ("after", "i", 2) in town.stored()
    assert town.consumed()[1]["records"] == 0


POISON = (
    (b"no json", "is no JSON"),
    (b'["a"]', "is no JSON object"),
    (b'{"sessionId": "s"}', "has not exactly one list"),
    (b'{"eventList": [], "items": []}', "has not exactly one list"),
    (b'{"sessionId": "s", "eventList": [3]}', "lists something else"),
    (b'{"eventList": [{"eventType": "v", "itemId": "i"}]}', "Missing required parameter in input: \"sessionId\""),
    (b'{"sessionId": "s", "eventList": [{"eventType": "v"}]}', "InvalidInputException: "),
    (b"\xf3\x89\x9a\xc2\x0a", "several records in one"),
    (b'{"sessionId": "s", "eventList": [{"eventType": "v", "sentAt": 1e18}]}', "1e+18"),
    (b'{"sessionId": "s", "eventList": [{"eventType": "v", "eventValue": 1%s}]}' % (b"0" * 400), "too large"),
)


def test_poison_record_is_reported_and_skipped(town: Town) -> None:
    sequences = [town.put(data) for data, _ in POISON]
    town.put(view("u", 1))
    code, done, complaints = town.consumed("--from", "trim_horizon")
    assert (code, done) == (0, {"records": len(POISON) + 1, "entries": 1, "poison": len(POISON)})
    for sequence, (_, reason), complaint in zip(sequences, POISON, complaints.splitlines(), strict=True):
        assert re.match(rf"poison record: shard shardId-\d+ sequence {sequence}: .*{re.escape(reason)}", complaint)
    assert town.stored() == [("u", "i", 1)]


def test_strict_ends_at_the_first_poison_record(town: Town) -> None:
    town.put(view("u", 1))
    town.put(b"no json")
    code, _, complaints = town.consumed("--from", "trim_horizon", "--strict")
    assert code == 1
    assert "poison record" in complaints
    assert town.consumed()[1] == {"records": 1, "entries": 0, "poison": 1}
    assert town.stored() == [("u", "i", 1)]


def test_children_of_a_split_shard_are_read_after_their_parent(town: Town) -> None:
    town.put(view("u1", 1))
    assert town.consumed("--from", "trim_horizon")[1]["records"] == 1
    shard = town.kinesis.list_shards(StreamName=STREAM)["Shards"][0]
    ends = shard["HashKeyRange"]
    middle = (int(ends["StartingHashKey"]) + int(ends["EndingHashKey"])) // 2
    town.kinesis.split_shard(
        StreamName=STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
    )
    for number in range(6):
        town.put(view(f"u{number + 2}", 2), key=f"key-{number}")
    town.consumed()
    assert {user for user, _, _ in town.stored()} >= {f"u{number + 2}" for number in range(6)}
    saved = json.loads(town.checkpoints.read_text())["shards"]
    assert len(saved) == 4
    assert saved[shard["ShardId"]]["ended"] is True


def test_unwritable_checkpoints_end_with_an_error(town: Town) -> None:
    town.checkpoints = town.checkpoints.parent / "nowhere" / "at.json"
    code, _, complaints = town.consumed()
    assert code == 1
    assert complaints.startswith(f"personalize-emu: cannot keep checkpoints in {town.checkpoints}")


def test_checkpoints_of_another_stream_are_refused(town: Town) -> None:
    town.checkpoints.write_text('{"stream": "arn:other made at 1", "shards": {}}')
    code, _, complaints = town.consumed()
    assert (code, "holds checkpoints of arn:other" in complaints) == (2, True)
    town.checkpoints.write_text("nothing")
    assert town.consumed()[0] == 2


def test_missing_stream(town: Town) -> None:
    town.kinesis.delete_stream(StreamName=STREAM)
    code, _, complaints = town.consumed()
    assert (code, "ResourceNotFoundException" in complaints) == (1, True)


def test_entries_are_completed_from_their_record() -> None:
    """Default id and time of an event; text of properties; tracking ids."""
    data = {"sessionId": "s", "eventList": [{"eventType": "v", "properties": {"a": 1}}, {"eventId": "e", "sentAt": 5}]}
    record = StreamRecord("shard-1", "77", json.dumps(data).encode(), 12.5)
    call = call_of(record, Trackers("of-events", "of-actions"))
    assert (call.method, call.size, call.params["trackingId"]) == ("put_events", 2, "of-events")
    first, second = call.params["eventList"]
    assert first == {"eventId": "shard-1-77-0", "sentAt": 12.5, "eventType": "v", "properties": '{"a": 1}'}
    assert second == {"eventId": "e", "sentAt": 5}
    taken = StreamRecord("s", "1", b'{"actionInteractions": [{}], "trackingId": "own"}', 3.0)
    assert call_of(taken, Trackers("x", "y")).params == {
        "trackingId": "own",
        "actionInteractions": [{"eventId": "s-1-0", "timestamp": 3.0}],
    }
    with pytest.raises(PoisonRecord):
        call_of(StreamRecord("s", "1", b"[" * 100_000, 0.0), Trackers())


def consumer(kinesis: Any, events: Any, path: Path, tracking_id: str = "t") -> StreamConsumer:
    return StreamConsumer(
        kinesis=kinesis,
        events=events,
        stream=STREAM,
        checkpoints=Checkpoints(path, "s"),
        trackers=Trackers(tracking_id),
        report=io.StringIO(),
        started=0.0,
    )


def failing_first(call: Any, *errors: Exception) -> Any:
    """A call that succeeds after some failures."""
    waiting = iter(errors)

    def flaky(**params: Any) -> Any:
        for error in waiting:
            raise error
        return call(**params)

    return flaky


def test_throttling_and_lost_connections_are_retried(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same record is retried with increasing pauses."""
    town.put(view("u", 1))
    reading = consumer(town.kinesis, town.events, town.checkpoints, town.tracking_id)
    pauses: list[float] = []
    monkeypatch.setattr(reading.stop, "wait", pauses.append)
    lost = EndpointConnectionError(endpoint_url="x")
    put = failing_first(town.events.put_events, throttled("PutEvents"), lost, throttled("PutEvents"))
    monkeypatch.setattr(town.events, "put_events", put)
    assert reading.run(once=True).entries == 1
    assert (pauses, reading.tally.poison) == ([0.2, 0.4, 0.8], 0)


def throttled(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException"}}, operation)


def test_record_is_kept_if_stopped_while_retrying(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(view("u1", 1))
    town.put(view("u2", 2))
    reading = consumer(town.kinesis, town.events, town.checkpoints, town.tracking_id)

    def stopped(_: float) -> bool:
        reading.stop.set()
        return True

    monkeypatch.setattr(reading.stop, "wait", stopped)
    put = failing_first(town.events.put_events, throttled("PutEvents"))
    monkeypatch.setattr(town.events, "put_events", put)
    assert reading.run().records == 0
    again = consumer(town.kinesis, town.events, town.checkpoints, town.tracking_id)
    assert again.run(once=True).records == 2


def test_an_expired_iterator_is_replaced(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.put(view("u", 1))
    expired = ClientError({"Error": {"Code": "ExpiredIteratorException"}}, "GetRecords")
    monkeypatch.setattr(town.kinesis, "get_records", failing_first(town.kinesis.get_records, expired))
    assert consumer(town.kinesis, town.events, town.checkpoints, town.tracking_id).run(once=True).records == 1


def test_ctrl_c_ends_after_the_current_record(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        town.put(view(f"u{number}", 1), key=f"key-{number}")
    put, before = StreamConsumer._put, signal.getsignal(signal.SIGINT)

    def interrupted(consumer: StreamConsumer, call: Any) -> bool:
        signal.raise_signal(signal.SIGINT)
        return put(consumer, call)

    monkeypatch.setattr(StreamConsumer, "_put", interrupted)
    arguments = ["--endpoint", town.url, "--region", REGION, "--checkpoints", str(town.checkpoints)]
    tracking = ["--tracking-id", town.tracking_id, "--from", "trim_horizon"]
    assert main(["kinesis", "--stream", STREAM, *tracking, *arguments]) == 0
    assert json.loads(town.capsys.readouterr().out) == {"records": 1, "entries": 1, "poison": 0}
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.undo()
    assert town.consumed()[1]["records"] == 5


def test_help_describes_the_record_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["kinesis", "--help"])
    text = capsys.readouterr().out
    for expected in ("eventList", "actionInteractions", "--once", "trim_horizon", "--stream-endpoint", "examples:"):
        assert expected in text
