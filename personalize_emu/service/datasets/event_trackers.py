"""Event trackers: one a dataset group, the address of streamed events (R-ET), and the dataset that comes with them.

With a group's first tracker the service makes a schema and a dataset of type EVENT_INTERACTIONS (R-DS-21). It holds
nothing: events are kept in the INTERACTIONS dataset. It can be described and deleted, as programs that clean up do by
its ARN, is left out of ListDatasets (recorded in 2024), and goes with its group.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.service.core.context import Context, Params, already_exists
from personalize_emu.service.datasets.datasets import EVENT_INTERACTIONS, dataset_of_type, records_of_group
from personalize_emu.service.lifecycle.creation import begin_plain_creation, create, new_record, require_active
from personalize_emu.service.lifecycle.deletion import begin_deletion, require_deletable
from personalize_emu.state.lifecycle import ACTIVE, DELETING
from personalize_emu.state.resources import Dataset, DatasetGroup, EventTracker, Schema
from personalize_emu.wire.errors import InvalidInputException


def create_event_tracker(context: Context, params: Params) -> dict[str, Any]:
    group = context.get(DatasetGroup, params["datasetGroupArn"])
    require_active(group)
    _require_interactions(context, group)
    for tracker in context.all(EventTracker):
        if tracker.dataset_group_arn == group.arn:
            raise already_exists(tracker.arn)
    tracker = create(
        context,
        EventTracker,
        params,
        resource_name=context.identifiers.suffix(group.arn),
        account_id=context.account,
        tracking_id=context.identifiers.tracking_id(group.arn),
        dataset_group_arn=group.arn,
    )
    create_event_dataset(context, group)
    begin_plain_creation(context, tracker)
    return {"eventTrackerArn": tracker.arn, "trackingId": tracker.tracking_id}


def describe_event_tracker(context: Context, params: Params) -> dict[str, Any]:
    return {"eventTracker": context.get(EventTracker, params["eventTrackerArn"]).members()}


def list_event_trackers(context: Context, params: Params) -> dict[str, Any]:
    trackers = records_of_group(context, EventTracker, params)
    return context.list_page(trackers, params, "eventTrackers", query="ListEventTrackers")


def delete_event_tracker(context: Context, params: Params) -> None:
    """The events are kept in the dataset (R-ET-8)."""
    tracker = context.get(EventTracker, params["eventTrackerArn"])
    require_deletable(tracker)
    begin_deletion(context, tracker)


def _require_interactions(context: Context, group: DatasetGroup) -> None:
    """Raises InvalidInputException without an INTERACTIONS dataset; one in creation will do (R-ET-10, R-GEN-20)."""
    dataset = dataset_of_type(context, group.arn, INTERACTIONS)
    if dataset is None or dataset.status in DELETING:
        raise InvalidInputException(f"Dataset group {group.arn} must contain an INTERACTIONS dataset.")


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


def create_event_dataset(context: Context, group: DatasetGroup) -> None:
    """Insert the event schema and dataset of a group, unless they exist from an earlier tracker."""
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


def remove_event_dataset(context: Context, group: DatasetGroup) -> None:
    """Remove the event schema and dataset of a group that is being deleted."""
    store = context.state.store
    dataset = store.get(Dataset, context.arn("dataset", f"{group.name}/{EVENT_INTERACTIONS}"))
    schema = store.get(Schema, context.state.groups[group.arn].event_schema_arn)
    for record in (dataset, schema):
        if record is not None:
            store.remove(record)


def _event_schema(context: Context, group: DatasetGroup) -> Schema:
    """The event schema of a group, created if necessary, under a name that is not taken."""
    store = context.state.store
    made = store.get(Schema, context.state.groups[group.arn].event_schema_arn)
    if made is not None:
        return made
    names = (f"{group.name}-event-interactions{f'-{number}' if number else ''}" for number in count())
    name = next(name for name in names if store.get(Schema, context.arn("schema", name)) is None)
    schema = new_record(context, Schema, name, name=name, schema=_SCHEMA_TEXT, domain=group.domain)
    store.insert(schema)
    context.state.groups[group.arn].event_schema_arn = schema.arn
    store.touch(group.arn)
    return schema
