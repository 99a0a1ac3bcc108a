"""PutActionInteractions (spec 10 section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalize_emu.data.records.properties import impression_text
from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.data.schemas.column_rules import action_event_type
from personalize_emu.data.schemas.columns import (
    ACTION_ID,
    EVENT_TYPE,
    IMPRESSION,
    RECOMMENDATION_ID,
    TIMESTAMP,
    USER_ID,
)
from personalize_emu.runtime.events.event_rows import row_of, whole_seconds
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.core.group_keys import require_usable_key
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.lifecycle.creation import require_active
from personalize_emu.service.state.dataset_contents import DatasetContents, StreamedEvent
from personalize_emu.state.resources import Dataset, Schema
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException


def put_action_interactions(context: Context, params: Params) -> None:
    """All interactions are stored, or none (EV-6)."""
    dataset, contents = _dataset_of(context, params["trackingId"])
    schema = parsed_schema(context.get(Schema, dataset.schema_arn).schema)
    contents.append_events([_arrival(schema, interaction) for interaction in params["actionInteractions"]])
    for each in params["actionInteractions"]:
        if "recommendationId" in each:
            context.state.answers.note_event(each["recommendationId"], _event_type(each["eventType"]), each["actionId"])


def _dataset_of(context: Context, tracking_id: str) -> tuple[Dataset, DatasetContents]:
    """The dataset with that tracking id, which is not the id of an event tracker (EV-70).

    Raises:
        ResourceNotFoundException: EV-77.
        ResourceInUseException: the dataset is being created or deleted.
        InvalidInputException: the KMS key of its data cannot be used.
    """
    for dataset in context.all(Dataset):
        if dataset.tracking_id == tracking_id:
            require_active(dataset)
            require_usable_key(context, dataset)
            contents = context.state.contents(dataset.arn)
            if contents is not None:
                return dataset, contents
    raise ResourceNotFoundException(f"Invalid tracking id: {tracking_id}")


def _arrival(schema: AvroSchema, interaction: Mapping[str, Any]) -> StreamedEvent:
    session_id = interaction["sessionId"]
    members = {
        USER_ID: interaction.get("userId", session_id),
        ACTION_ID: interaction["actionId"],
        TIMESTAMP: whole_seconds("timestamp", interaction["timestamp"]),
        EVENT_TYPE: _event_type(interaction["eventType"]),
        IMPRESSION: impression_text(interaction["impression"]) if "impression" in interaction else None,
        RECOMMENDATION_ID: interaction.get("recommendationId"),
    }
    return StreamedEvent(
        row=row_of(schema, interaction, session_id, members),
        event_id=interaction.get("eventId"),
        session_id=session_id,
        anonymous="userId" not in interaction,
    )


def _event_type(text: str) -> str:
    """VIEWED, TAKEN or NOT_TAKEN (EV-74)."""
    event_type = action_event_type(text)
    if event_type is None:
        raise InvalidInputException("eventType must be one of: Viewed, Taken, Not Taken")
    return event_type
