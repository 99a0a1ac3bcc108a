"""Converts events and action interactions of requests to rows (EV-78)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from personalize_emu.data.records.properties import InvalidProperties, event_row, impression_text
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import EVENT_ID, SESSION_ID
from personalize_emu.service.core.context import Context
from personalize_emu.service.state.attribution_ledger import UNDEFINED_SOURCE
from personalize_emu.wire.errors import InvalidInputException

MOST_BYTES = 10 * 1024
"""Size of one event as JSON in UTF-8 (EV-23, EV-76)."""
_MILLISECONDS_BEGIN = 10**11
"""Event times from this value on are in milliseconds, not seconds (EV-25)."""
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_END_OF_TIME = 253_402_300_800
"""Epoch seconds at which the year 10000 begins."""


def row_of(
    schema: Schema, event: Mapping[str, Any], session_id: str, members: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The row of an event. members: values outside of the properties by column name, except session id and event id.

    These two are stored in string columns only; columns of that name with another type contain other data (EV-91).

    Raises:
        InvalidInputException: the event is too large, or its properties do not fit the schema (EV-30 to EV-35).
    """
    size = len(_ENCODE(event).encode())
    if size > MOST_BYTES:
        raise InvalidInputException(f"An event has {size} bytes. A maximum of {MOST_BYTES} bytes is allowed.")
    named = {SESSION_ID: session_id, EVENT_ID: event.get("eventId")}
    texts = {name: value for name, value in named.items() if _holds_text(schema, name)}
    try:
        return event_row(schema, event.get("properties"), {**texts, **members})
    except InvalidProperties as error:
        raise InvalidInputException(error.text) from error


def _holds_text(schema: Schema, column: str) -> bool:
    field = schema.field(column)
    return field is not None and field.type == "string"


def whole_seconds(member: str, moment: float) -> int:
    """Convert a time in seconds or milliseconds since the epoch to whole seconds (EV-25).

    Raises:
        InvalidInputException: it is before 1970 or after the year 9999.
    """
    seconds = moment / 1000 if moment >= _MILLISECONDS_BEGIN else moment
    if not 0 <= seconds < _END_OF_TIME:
        raise InvalidInputException(f"{member} must be a time in seconds since the epoch, not {moment:.0f}")
    return int(seconds)


def impression_of(context: Context, event: Mapping[str, Any]) -> str | None:
    """The items shown: those of the event, or else of the response with its recommendation id (EV-44, EV-45)."""
    if "impression" in event:
        return impression_text(event["impression"])
    answer = context.state.answers.find(event.get("recommendationId", ""))
    return impression_text(answer.items) if answer and answer.items else None


def source_of(context: Context, event: Mapping[str, Any]) -> str:
    """The attribution source of an event (EV-52)."""
    if "metricAttribution" in event:
        source: str = event["metricAttribution"]["eventAttributionSource"]
        return source
    answer = context.state.answers.find(event.get("recommendationId", ""))
    return answer.deployment_arn if answer else UNDEFINED_SOURCE
