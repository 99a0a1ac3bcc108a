"""PutEvents: what users do, heard one by one (spec 10 section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalize_emu.data.avro import Schema as AvroSchema
from personalize_emu.data.columns import EVENT_TYPE, EVENT_VALUE, IMPRESSION, ITEM_ID, TIMESTAMP, USER_ID
from personalize_emu.data.dataset_types import INTERACTIONS
from personalize_emu.data.properties import InvalidProperties, event_row, impression_text
from personalize_emu.service.context import Context, Params
from personalize_emu.service.datasets import dataset_of_type
from personalize_emu.service.schemas import parsed_schema
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Dataset, EventTracker, Schema
from personalize_emu.wire.errors import InvalidInputException

MOST_BYTES = 10 * 1024
"""Size of one event (EV-23)."""
_MILLISECONDS_BEGIN = 10**11
"""A greater time of an event is in milliseconds, not seconds (EV-25)."""


def put_events(context: Context, params: Params) -> None:
    """All events are stored, or none (EV-6). They count from the next request on (EV-47)."""
    dataset = _dataset_of_tracker(context, params["trackingId"])
    schema = parsed_schema(context.get(Schema, dataset.schema_arn).schema)
    user_id = params.get("userId") or params["sessionId"]
    rows = [(event.get("eventId"), _row(schema, user_id, event)) for event in params["eventList"]]
    context.world.contents[dataset.arn].append_events(rows)


def _dataset_of_tracker(context: Context, tracking_id: str) -> Dataset:
    """Raises InvalidInputException for a tracking id that is not usable (EV-7, EV-24)."""
    arn = context.world.trackers.get(tracking_id)
    tracker = context.find(EventTracker, arn) if arn else None
    if tracker is None or tracker.status != ACTIVE:
        raise InvalidInputException(f"Invalid tracking id: {tracking_id}")
    dataset = dataset_of_type(context, tracker.dataset_group_arn, INTERACTIONS)
    if dataset is None or dataset.arn not in context.world.contents:
        raise InvalidInputException(
            f"Dataset group {tracker.dataset_group_arn} has no INTERACTIONS dataset to record events in."
        )
    return dataset


def _row(schema: AvroSchema, user_id: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    sent_at = event["sentAt"]
    if not 0 <= sent_at < _MILLISECONDS_BEGIN:
        raise InvalidInputException(f"sentAt must be a time in seconds since the epoch, not {sent_at:.0f}")
    members = {
        USER_ID: user_id,
        ITEM_ID: event.get("itemId"),
        TIMESTAMP: int(sent_at),
        EVENT_TYPE: event["eventType"],
        EVENT_VALUE: event.get("eventValue"),
        IMPRESSION: impression_text(event["impression"]) if "impression" in event else None,
        "RECOMMENDATION_ID": event.get("recommendationId"),
        "EVENT_ATTRIBUTION_SOURCE": event.get("metricAttribution", {}).get("eventAttributionSource"),
    }
    try:
        return event_row(schema, event.get("properties"), members)
    except InvalidProperties as error:
        raise InvalidInputException(error.text) from error
