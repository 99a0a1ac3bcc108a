"""Where events of the shop go: to PutEvents, or through a Kinesis stream from which a consumer sends them there."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from botocore.exceptions import ClientError

from personalize_emu.edge.kinesis.checkpoints import Checkpoints
from personalize_emu.edge.kinesis.consumer import StreamConsumer
from personalize_emu.edge.kinesis.records import Trackers

MOST_IMPRESSIONS = 25
"""Items in the member `impression` of an event."""
PAUSE_SECONDS = 0.5
"""Between two looks into the stream."""


@dataclass(frozen=True)
class ShopEvent:
    """One event of a visitor.

    sent_at: epoch seconds. source: what metric attribution counts the event for; None leaves it to the service.
    recommendation_id, impression: of the list that led to the item, if one did.
    """

    user_id: str
    session_id: str
    event_type: str
    item_id: str
    sent_at: int
    device: str
    source: str | None = None
    recommendation_id: str | None = None
    impression: tuple[str, ...] = ()

    def request(self, tracking_id: str) -> dict[str, Any]:
        """The members of a PutEvents request."""
        event: dict[str, Any] = {
            "eventType": self.event_type,
            "itemId": self.item_id,
            "sentAt": self.sent_at,
            "properties": json.dumps({"device": self.device}),
        }
        if self.recommendation_id is not None:
            event["recommendationId"] = self.recommendation_id
        if self.impression:
            event["impression"] = list(self.impression[:MOST_IMPRESSIONS])
        if self.source is not None:
            event["metricAttribution"] = {"eventAttributionSource": self.source}
        return {
            "trackingId": tracking_id,
            "userId": self.user_id,
            "sessionId": self.session_id,
            "eventList": [event],
        }


class EventSink(Protocol):
    """Takes the events of the shop."""

    def send(self, event: ShopEvent) -> None: ...

    def flush(self) -> None:
        """Return when all events sent so far have reached Personalize."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class PutEventsSink:
    """events: a boto3 client of personalize-events."""

    events: Any
    tracking_id: str

    def send(self, event: ShopEvent) -> None:
        self.events.put_events(**event.request(self.tracking_id))

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class KinesisSink:
    """Puts events on a stream, and reads it in a thread as `personalize-emu kinesis` does.

    clients: boto3 clients of `kinesis` and `personalize-events`. The stream is created if it does not exist.
    """

    clients: Mapping[str, Any]
    tracking_id: str
    stream: str
    _stop: threading.Event = field(default_factory=threading.Event)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        kinesis = self.clients["kinesis"]
        try:
            kinesis.create_stream(StreamName=self.stream, ShardCount=1)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceInUseException":
                raise
        kinesis.get_waiter("stream_exists").wait(StreamName=self.stream)
        self._folder = TemporaryDirectory()
        self._consumer = StreamConsumer(
            kinesis=kinesis,
            events=self.clients["personalize-events"],
            stream=self.stream,
            checkpoints=Checkpoints.load(Path(self._folder.name) / "checkpoints.json", self.stream),
            trackers=Trackers(self.tracking_id),
            report=sys.stderr,
            started=time.time(),
            latest=True,
        )
        self.flush()
        self._thread = threading.Thread(target=self._read, name="shop-stream", daemon=True)
        self._thread.start()

    def send(self, event: ShopEvent) -> None:
        record = json.dumps(event.request(self.tracking_id)).encode()
        # Records of a visitor stay in order in one shard.
        self.clients["kinesis"].put_record(StreamName=self.stream, PartitionKey=event.user_id, Data=record)

    def flush(self) -> None:
        with self._reading:
            self._consumer.run(once=True)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._folder.cleanup()

    def _read(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            self.flush()
