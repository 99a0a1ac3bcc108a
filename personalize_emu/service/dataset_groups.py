"""Dataset groups: the container of everything else (R-DSG)."""

from __future__ import annotations

from typing import Any

from personalize_emu.service.access import require_key
from personalize_emu.service.changes import (
    begin_deletion,
    begin_plain_creation,
    refuse_while_used_by,
    require_deletable,
)
from personalize_emu.service.context import Context, Params
from personalize_emu.service.deletions import deletion_jobs_of
from personalize_emu.service.tags import checked_tags
from personalize_emu.state.lifecycle import CREATE_PENDING, DATA_DELETION
from personalize_emu.state.resources import (
    Dataset,
    DatasetGroup,
    EventTracker,
    Filter,
    MetricAttribution,
    Recommender,
    Solution,
)
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException


def create_dataset_group(context: Context, params: Params) -> dict[str, Any]:
    if ("roleArn" in params) != ("kmsKeyArn" in params):
        raise InvalidInputException("roleArn and kmsKeyArn must be specified together.")
    if "roleArn" in params:
        require_key(context, params["roleArn"], params["kmsKeyArn"])
    now = context.clock.now()
    group = DatasetGroup(
        name=params["name"],
        dataset_group_arn=context.arn("dataset-group", params["name"]),
        status=CREATE_PENDING,
        domain=params.get("domain"),
        role_arn=params.get("roleArn"),
        kms_key_arn=params.get("kmsKeyArn"),
        creation_date_time=now,
        last_updated_date_time=now,
    )
    context.insert(group, checked_tags(params))
    begin_plain_creation(context, group)
    return {"datasetGroupArn": group.arn, "domain": group.domain}


def describe_dataset_group(context: Context, params: Params) -> dict[str, Any]:
    return {"datasetGroup": context.get(DatasetGroup, params["datasetGroupArn"]).members()}


def list_dataset_groups(context: Context, params: Params) -> dict[str, Any]:
    return context.list_page(context.all(DatasetGroup), params, "datasetGroups", query="ListDatasetGroups")


def delete_dataset_group(context: Context, params: Params) -> None:
    """Needs trackers, solutions, recommenders and datasets gone (R-DSG-12), filters and attributions (R-DSG-13)."""
    group = _group_to_delete(context, params["datasetGroupArn"])
    require_deletable(group)
    children = (
        child
        for child in context.world.store.records()
        if isinstance(child, EventTracker | Filter | MetricAttribution | Solution | Recommender | Dataset)
        and child.dataset_group_arn == group.arn
    )
    refuse_while_used_by(group, next(children, None))
    deletions = deletion_jobs_of(context, group.arn)
    refuse_while_used_by(group, next((job for job in deletions if job.status in DATA_DELETION.under_way), None))

    def forget_jobs() -> None:
        """R-DSG-18."""
        for job in deletions:
            context.world.store.remove(job)

    def forget_event_ids() -> None:
        context.world.event_ids.pop(group.arn, None)

    begin_deletion(context, group, forget_jobs, forget_event_ids, shows_progress=False)


def _group_to_delete(context: Context, arn: str) -> DatasetGroup:
    """As `Context.get`, with the recorded text (spec 04 section 3)."""
    group = context.find(DatasetGroup, arn)
    if group is None:
        raise ResourceNotFoundException(f"The given dataset group does not exist: {arn}")
    return group
