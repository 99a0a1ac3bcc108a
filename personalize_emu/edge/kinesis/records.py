"""Records of a stream: each is one request of the events service, as a JSON object.

{"sessionId": "s", "userId": "u", "eventList": [{"eventType": "View", "itemId": "i", "sentAt": 1700000000}]}
{"actionInteractions": [...]}     {"datasetArn": "arn:...", "items": [...]}     users and actions likewise
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "eventList": "put_events",
        "actionInteractions": "put_action_interactions",
        "items": "put_items",
        "users": "put_users",
        "actions": "put_actions",
    }
)
"""List member of a record -> method of a boto3 client of personalize-events."""
_TIMES: Mapping[str, str] = MappingProxyType({"eventList": "sentAt", "actionInteractions": "timestamp"})
"""List member -> member of its entries with the time of the event."""
_AGGREGATED = b"\xf3\x89\x9a\xc2"
"""Prefix of records aggregated by the Kinesis Producer Library."""


class PoisonRecord(Exception):
    """A record that can never be processed; the text states the reason."""


@dataclass(frozen=True)
class StreamRecord:
    """One record of the stream. arrived: epoch seconds."""

    shard: str
    sequence: str
    data: bytes
    arrived: float


@dataclass(frozen=True)
class Call:
    """One call of the events service. size: events, items, ... in it."""

    method: str
    params: Mapping[str, Any]
    size: int


@dataclass(frozen=True)
class Trackers:
    """Default tracking ids for events and for action interactions."""

    events: str = ""
    actions: str = ""


def call_of(record: StreamRecord, trackers: Trackers) -> Call:
    """The call that a record describes.

    Entries without `eventId` get an id derived from shard, sequence number and position, so that a record that is read
    twice is stored once. Entries without a time get the arrival time of the record.

    Raises:
        PoisonRecord: the record has another format. Values are validated by the service.
    """
    members = _parsed(record.data)
    named = [name for name in METHODS if name in members]
    if len(named) != 1 or not isinstance(members[named[0]], list):
        raise PoisonRecord(f"has not exactly one list named {', '.join(METHODS)}")
    name = named[0]
    params = {**members, name: [_entry(entry) for entry in members[name]]}
    if name in _TIMES:
        params[name] = [
            {"eventId": f"{record.shard}-{record.sequence}-{place}", _TIMES[name]: record.arrived, **entry}
            for place, entry in enumerate(params[name])
        ]
        tracking_id = trackers.events if name == "eventList" else trackers.actions
        if tracking_id:
            params.setdefault("trackingId", tracking_id)
    return Call(METHODS[name], params, len(members[name]))


def _parsed(data: bytes) -> Mapping[str, Any]:
    if data.startswith(_AGGREGATED):
        raise PoisonRecord("is several records in one, as the Kinesis Producer Library packs them")
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PoisonRecord(f"is no JSON: {error}") from error
    if not isinstance(members, dict):
        raise PoisonRecord("is no JSON object")
    return members


def _entry(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise PoisonRecord("lists something else than objects")
    properties = entry.get("properties")
    # boto3 takes the text of an object, not the object.
    return {**entry, "properties": json.dumps(properties)} if isinstance(properties, dict) else entry
