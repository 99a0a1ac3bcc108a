"""What the service makes for itself beside a group's first event tracker: a schema and a dataset (R-DS-21).

Events are kept in the INTERACTIONS dataset; this one holds nothing. It can be described and deleted, as programs that
clean up do by its ARN, is left out of ListDatasets, as recorded in 2024, and goes with its group.
"""

from __future__ import annotations

import json
from itertools import count

from personalize_emu.data.schemas.dataset_types import DATASET_TYPES
from personalize_emu.service.core.context import Context
from personalize_emu.service.lifecycle.changes import new_record
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Dataset, DatasetGroup, Schema
from personalize_emu.wire.errors import InvalidInputException

EVENT_INTERACTIONS = "EVENT_INTERACTIONS"

_SCHEMA_TEXT = json.dumps(
    {
        "type": "record",
        "name": "EventInteractions",
        "namespace": "com.amazonaws.personalize.schema",
        "fields": [
            {"name": "USER_ID", "type": "string"},
            {"name": "ITEM_ID", "type": "string"},
            {"name": "SESSION_ID", "type": "string"},
            {"name": "EVENT_TYPE", "type": "string"},
            {"name": "TIMESTAMP", "type": "long"},
        ],
        "version": "1.0",
    }
)


def is_filled_by_clients(dataset: Dataset) -> bool:
    """Whether a dataset is of one of the types that clients create."""
    return dataset.dataset_type in DATASET_TYPES


def require_filled_by_clients(dataset: Dataset) -> None:
    """Raises InvalidInputException for a dataset whose records nobody can import or export."""
    if not is_filled_by_clients(dataset):
        raise InvalidInputException(f"Dataset {dataset.arn} is of type {dataset.dataset_type}.")


def make_event_dataset(context: Context, group: DatasetGroup) -> None:
    """Once a group: a later tracker finds both there, unless they have been deleted."""
    store, resource_name = context.state.store, f"{group.name}/{EVENT_INTERACTIONS}"
    if store.get(Dataset, context.arn("dataset", resource_name)) is not None:
        return
    dataset = new_record(
        context,
        Dataset,
        resource_name,
        name=f"{group.name}-event-interactions",
        dataset_group_arn=group.arn,
        dataset_type=EVENT_INTERACTIONS,
        schema_arn=_event_schema(context, group).arn,
        status=ACTIVE,
    )
    store.insert(dataset)


def forget_event_dataset(context: Context, group: DatasetGroup) -> None:
    """The group is gone."""
    store = context.state.store
    dataset = store.get(Dataset, context.arn("dataset", f"{group.name}/{EVENT_INTERACTIONS}"))
    schema = store.get(Schema, context.state.groups[group.arn].event_schema_arn)
    for record in (dataset, schema):
        if record is not None:
            store.remove(record)


def _event_schema(context: Context, group: DatasetGroup) -> Schema:
    """The one that there is, or a new one, named after its group beside whatever clients have named so."""
    store = context.state.store
    made = store.get(Schema, context.state.groups[group.arn].event_schema_arn)
    if made is not None:
        return made
    names = (f"{group.name}-event-interactions{f'-{number}' if number else ''}" for number in count())
    name = next(name for name in names if store.get(Schema, context.arn("schema", name)) is None)
    schema = new_record(context, Schema, name, name=name, schema=_SCHEMA_TEXT, domain=group.domain)
    store.insert(schema)
    context.state.groups[group.arn].event_schema_arn = schema.arn
    return schema
