"""Dataset groups: the container of everything else (R-DSG)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from personalize_emu.service.access.role_access import require_key
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.core.group_keys import give_key, new_group_key
from personalize_emu.service.dataset_jobs.deletions import deletion_jobs_of_group
from personalize_emu.service.datasets.datasets import is_client_dataset
from personalize_emu.service.datasets.event_trackers import remove_event_dataset
from personalize_emu.service.lifecycle.creation import begin_plain_creation, create
from personalize_emu.service.lifecycle.deletion import begin_deletion, refuse_while_in_use, require_deletable
from personalize_emu.state.lifecycle import DATA_DELETION, DELETING
from personalize_emu.state.resources import (
    Dataset,
    DatasetGroup,
    EventTracker,
    Filter,
    MetricAttribution,
    Recommender,
    Solution,
    Stateful,
)
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException

_CHILDREN = (EventTracker, Filter, MetricAttribution, Solution, Recommender, Dataset)


def create_dataset_group(context: Context, params: Params) -> dict[str, Any]:
    if ("roleArn" in params) != ("kmsKeyArn" in params):
        raise InvalidInputException("roleArn and kmsKeyArn must be specified together.")
    key = None
    if "roleArn" in params:
        require_key(context, params["roleArn"], params["kmsKeyArn"])
        key = new_group_key(context, context.arn(DatasetGroup.type_word, params["name"]), params["kmsKeyArn"])
    group = create(
        context,
        DatasetGroup,
        params,
        domain=params.get("domain"),
        role_arn=params.get("roleArn"),
        kms_key_arn=params.get("kmsKeyArn"),
    )
    if key is not None:
        give_key(context.state, group.arn, key)
    begin_plain_creation(context, group)
    # Before its data have been imported, the processes have started.
    context.afterwards(context.training_processes.warm)
    return {"datasetGroupArn": group.arn, "domain": group.domain}


def describe_dataset_group(context: Context, params: Params) -> dict[str, Any]:
    return {"datasetGroup": context.get(DatasetGroup, params["datasetGroupArn"]).members()}


def list_dataset_groups(context: Context, params: Params) -> dict[str, Any]:
    return context.list_page(context.all(DatasetGroup), params, "datasetGroups", query="ListDatasetGroups")


def delete_dataset_group(context: Context, params: Params) -> None:
    """Refused while the group has solutions, recommenders, datasets, filters or attributions (R-DSG-12, R-DSG-13).

    The deletion of its event tracker must have begun: public programs do not wait for the end of it.
    """
    group = _group_to_delete(context, params["datasetGroupArn"])
    require_deletable(group)
    refuse_while_in_use(group, next(_children_of(context, group), None))
    deletions = deletion_jobs_of_group(context, group.arn)
    refuse_while_in_use(group, next((job for job in deletions if job.status in DATA_DELETION.under_way), None))

    begin_deletion(context, group, partial(remove_event_dataset, context, group), has_in_progress=False)


def _children_of(context: Context, group: DatasetGroup) -> Iterator[Stateful]:
    """Resources that prevent the deletion of a group."""
    for child in context.state.store.records():
        if not isinstance(child, _CHILDREN) or child.dataset_group_arn != group.arn:
            continue
        if isinstance(child, EventTracker) and child.status in DELETING:
            continue
        if isinstance(child, Dataset) and not is_client_dataset(child):
            continue
        yield child


def _group_to_delete(context: Context, arn: str) -> DatasetGroup:
    """As `Context.get`, with the recorded text (spec 04 section 3)."""
    group = context.find(DatasetGroup, arn)
    if group is None:
        raise ResourceNotFoundException(f"The given dataset group does not exist: {arn}")
    return group
