"""PutEvents (spec 10 section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.data.schemas.columns import (
    EVENT_ATTRIBUTION_SOURCE,
    EVENT_TYPE,
    EVENT_VALUE,
    IMPRESSION,
    ITEM_ID,
    RECOMMENDATION_ID,
    TIMESTAMP,
    USER_ID,
)
from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.runtime.events.event_rows import impression_of, row_of, source_of, whole_seconds
from personalize_emu.service.attribution.event_attribution import admit_sources, count_events, ledgers_of_group
from personalize_emu.service.core.context import Context, MustWait, Params
from personalize_emu.service.core.group_keys import require_usable_key
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.state.dataset_contents import DatasetContents, StreamedEvent
from personalize_emu.state.lifecycle import ACTIVE, CREATING
from personalize_emu.state.resources import Dataset, EventTracker, Schema
from personalize_emu.wire.errors import InvalidInputException


def put_events(context: Context, params: Params) -> None:
    """Store all events or none (EV-6). They affect the next request (EV-47).

    Raises:
        MustWait: events are counted for an attribution, which may read items; or they cannot be stored at once.
    """
    dataset, contents = _dataset_of_tracker(context, params["trackingId"])
    schema = parsed_schema(context.get(Schema, dataset.schema_arn).schema)
    arrivals = [_arrival(context, schema, params, event) for event in params["eventList"]]
    is_measured = bool(ledgers_of_group(context, dataset.dataset_group_arn))
    if is_measured and not context.may_wait:
        raise MustWait
    if is_measured:
        admit_sources(context, dataset.dataset_group_arn, arrivals)
    if not contents.append_events(arrivals, at_once=not context.may_wait):
        raise MustWait
    for event in params["eventList"]:
        if "recommendationId" in event:
            context.state.answers.note_event(event["recommendationId"], event["eventType"], event.get("itemId"))
    if is_measured:
        count_events(context, dataset.dataset_group_arn, arrivals)


def _dataset_of_tracker(context: Context, tracking_id: str) -> tuple[Dataset, DatasetContents]:
    """Raises InvalidInputException if the tracking id, or the KMS key of its data, cannot be used (EV-7, EV-24)."""
    arn = context.state.trackers.get(tracking_id)
    tracker = context.find(EventTracker, arn) if arn else None
    if tracker is None or not _accepts_events(context, tracker):
        raise InvalidInputException(f"Invalid tracking id: {tracking_id}")
    require_usable_key(context, tracker)
    dataset = dataset_of_type(context, tracker.dataset_group_arn, INTERACTIONS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        raise InvalidInputException(
            f"Dataset group {tracker.dataset_group_arn} has no INTERACTIONS dataset to record events in."
        )
    return dataset, contents


def _accepts_events(context: Context, tracker: EventTracker) -> bool:
    """Whether the tracker is ACTIVE (R-ET-7), or being created with another pace than `real`.

    Published programs send events right after CreateEventTracker without waiting. This works with the service because
    of the delay between the two calls, which does not exist here with pace `fast`.
    """
    if tracker.status in CREATING:
        return context.settings.pace != "real"
    return tracker.status == ACTIVE


def _arrival(context: Context, schema: AvroSchema, params: Params, event: Mapping[str, Any]) -> StreamedEvent:
    """Without a user id the session id is used (EV-42)."""
    members = {
        USER_ID: params.get("userId", params["sessionId"]),
        ITEM_ID: event.get("itemId"),
        TIMESTAMP: whole_seconds("sentAt", event["sentAt"]),
        EVENT_TYPE: event["eventType"],
        EVENT_VALUE: event.get("eventValue"),
        IMPRESSION: impression_of(context, event),
        RECOMMENDATION_ID: event.get("recommendationId"),
        EVENT_ATTRIBUTION_SOURCE: event.get("metricAttribution", {}).get("eventAttributionSource"),
    }
    return StreamedEvent(
        row=row_of(schema, event, params["sessionId"], members),
        event_id=event.get("eventId"),
        session_id=params["sessionId"],
        anonymous="userId" not in params,
        source=source_of(context, event),
    )
