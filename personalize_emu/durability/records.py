"""Records of resources, streamed events and small values as JSON text, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.service.state.dataset_contents import DataVersion, StreamedEvent
from personalize_emu.state.resources import RESOURCE_TYPES, Resource

KINDS: Mapping[str, type[Resource]] = MappingProxyType({kind.__name__: kind for kind in RESOURCE_TYPES})
_TUPLES = frozenset({"metrics"})
"""Fields that hold a tuple, which JSON has no notation for."""
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def text_of(value: object) -> str:
    """Numbers come back as they are: floats are written with all their digits."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be written to the data directory")


def record_text(record: Resource) -> str:
    return text_of({field.name: getattr(record, field.name) for field in fields(record)})


def record_of(kind: str, text: str) -> Resource:
    """Raises ValueError, TypeError or KeyError: it is no record."""
    values: dict[str, Any] = json.loads(text)
    made: Any = KINDS[kind]
    record: Resource = made(**{name: tuple(value) if name in _TUPLES else value for name, value in values.items()})
    return record


def event_text(event: StreamedEvent) -> str:
    """The source is left out: it counts when an event arrives."""
    if event.session_id is None:
        return _encode([event.row])
    return _encode([event.row, event.event_id, event.session_id, event.anonymous])


def event_of(text: str) -> StreamedEvent:
    row, *session = json.loads(text)
    if not session:
        return StreamedEvent(row)
    event_id, session_id, anonymous = session
    return StreamedEvent(row, event_id, session_id, anonymous)


def version_node(version: object) -> object:
    """Data versions are None, one, or a pair of them."""
    if isinstance(version, tuple):
        return {"pair": [version_node(part) for part in version]}
    if isinstance(version, DataVersion):
        return [version.bulk_changes, version.log_length]
    if version is None:
        return None
    raise TypeError(f"a {type(version).__name__} is no data version")


def version_of(node: Any) -> object:
    if isinstance(node, dict):
        return tuple(version_of(part) for part in node["pair"])
    return None if node is None else DataVersion(*node)


def field_node(field: Field) -> object:
    return asdict(field)


def field_of(node: Any) -> Field:
    return Field(**node)


def schema_node(schema: AvroSchema) -> object:
    return {"name": schema.name, "fields": [field_node(field) for field in schema.fields]}


def schema_of(node: Any) -> AvroSchema:
    return AvroSchema(node["name"], tuple(map(field_of, node["fields"])))
