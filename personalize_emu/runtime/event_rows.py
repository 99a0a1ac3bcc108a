"""From one event of a request to the row it becomes; the same for events and action interactions (EV-78)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from personalize_emu.data.avro import Schema
from personalize_emu.data.properties import InvalidProperties, event_row, impression_text
from personalize_emu.service.attribution_ledger import UNDEFINED_SOURCE
from personalize_emu.service.context import Context
from personalize_emu.wire.errors import InvalidInputException

MOST_BYTES = 10 * 1024
"""Size of one event as JSON in UTF-8 (EV-23, EV-76)."""
_MILLISECONDS_BEGIN = 10**11
"""A greater time of an event is in milliseconds, not seconds (EV-25)."""


def row_of(schema: Schema, event: Mapping[str, Any], members: Mapping[str, Any]) -> Mapping[str, Any]:
    """members: what the event says outside of its properties, by column name.

    Raises:
        InvalidInputException: the event is too large, or its properties do not fit the schema (EV-30 to EV-35).
    """
    size = len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MOST_BYTES:
        raise InvalidInputException(f"An event has {size} bytes. A maximum of {MOST_BYTES} bytes is allowed.")
    try:
        return event_row(schema, event.get("properties"), members)
    except InvalidProperties as error:
        raise InvalidInputException(error.text) from error


def whole_seconds(member: str, moment: float) -> int:
    """A time of a request, in seconds since the epoch, as it is stored. Raises InvalidInputException (EV-25)."""
    if not 0 <= moment < _MILLISECONDS_BEGIN:
        raise InvalidInputException(f"{member} must be a time in seconds since the epoch, not {moment:.0f}")
    return int(moment)


def impression_of(context: Context, event: Mapping[str, Any]) -> str | None:
    """The items shown: those the event names, else those answered under its recommendation id (EV-44, EV-45)."""
    if "impression" in event:
        return impression_text(event["impression"])
    answer = context.world.answers.find(event.get("recommendationId", ""))
    return impression_text(answer.items) if answer and answer.items else None


def source_of(context: Context, event: Mapping[str, Any]) -> str:
    """Who is credited with an event (EV-52)."""
    if "metricAttribution" in event:
        source: str = event["metricAttribution"]["eventAttributionSource"]
        return source
    answer = context.world.answers.find(event.get("recommendationId", ""))
    return answer.deployment_arn if answer else UNDEFINED_SOURCE
