"""Whether a solution may select its interactions in the way it asks (T-12, T-13, T-20 to T-23)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.data.avro import Schema
from personalize_emu.service.parameter_values import decimal_value, shown
from personalize_emu.wire.errors import InvalidInputException

Document = Mapping[str, Any]


def check_event_selection(event_type: str | None, config: Document, schemas: Mapping[str, Schema]) -> None:
    """`config` is a solutionConfig. `schemas` maps dataset types to the schemas of the group's datasets.

    Raises:
        InvalidInputException: a column that the selection reads is missing (T-21), the threshold is no
            number, or the events configuration has no meaning (T-22).
    """
    if event_type is not None:
        _require_column(schemas, "EVENT_TYPE", "eventType")
    if "eventValueThreshold" in config:
        threshold = config["eventValueThreshold"]
        if decimal_value(threshold) is None:
            raise InvalidInputException(f"eventValueThreshold must be a number, not {shown(threshold)}.")
        _require_column(schemas, "EVENT_VALUE", "eventValueThreshold")
    _check_events_config(config.get("eventsConfig", {}), schemas)


def _check_events_config(events_config: Document, schemas: Mapping[str, Schema]) -> None:
    entries: Sequence[Document] = events_config.get("eventParametersList", ())
    if not entries:
        return
    _require_column(schemas, "EVENT_TYPE", "eventsConfig")
    types = [entry.get("eventType") for entry in entries]
    if None in types:
        raise InvalidInputException("Each entry of eventParametersList must have an eventType.")
    if len(set(types)) < len(types):
        raise InvalidInputException("eventParametersList must not name an eventType more than once.")
    if any("eventValueThreshold" in entry for entry in entries):
        _require_column(schemas, "EVENT_VALUE", "eventValueThreshold")
    # Weights act relative to their mean (T-23), which must not be zero.
    if not any(entry.get("weight", 1.0) > 0 for entry in entries):
        raise InvalidInputException("At least one weight of eventParametersList must be greater than 0.")


def _require_column(schemas: Mapping[str, Schema], column: str, member: str) -> None:
    schema = schemas.get("INTERACTIONS")
    if schema is None or column not in schema.names:
        raise InvalidInputException(f"{member} requires a column {column} in the INTERACTIONS dataset.")
