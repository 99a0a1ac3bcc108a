"""Event trackers: one a dataset group, the address of streamed events (R-ET)."""

from __future__ import annotations

from typing import Any

from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.service.core.context import Context, Params, already_exists
from personalize_emu.service.datasets.datasets import dataset_of_type, in_group
from personalize_emu.service.datasets.event_datasets import make_event_dataset
from personalize_emu.service.lifecycle.changes import (
    begin_deletion,
    begin_plain_creation,
    create,
    require_active,
    require_deletable,
)
from personalize_emu.state.lifecycle import DELETING
from personalize_emu.state.resources import DatasetGroup, EventTracker
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
    make_event_dataset(context, group)
    begin_plain_creation(context, tracker)
    return {"eventTrackerArn": tracker.arn, "trackingId": tracker.tracking_id}


def describe_event_tracker(context: Context, params: Params) -> dict[str, Any]:
    return {"eventTracker": context.get(EventTracker, params["eventTrackerArn"]).members()}


def list_event_trackers(context: Context, params: Params) -> dict[str, Any]:
    trackers = in_group(context, EventTracker, params)
    return context.list_page(trackers, params, "eventTrackers", query="ListEventTrackers")


def delete_event_tracker(context: Context, params: Params) -> None:
    """The events stay in the dataset (R-ET-8)."""
    tracker = context.get(EventTracker, params["eventTrackerArn"])
    require_deletable(tracker)
    begin_deletion(context, tracker)


def _require_interactions(context: Context, group: DatasetGroup) -> None:
    """Events need a place (R-ET-10). A dataset that is still being created will do (R-GEN-20)."""
    dataset = dataset_of_type(context, group.arn, INTERACTIONS)
    if dataset is None or dataset.status in DELETING:
        raise InvalidInputException(f"Dataset group {group.arn} must contain an INTERACTIONS dataset.")
