"""How many resources there may be (spec 04 section 1): one line in QUOTAS for each quota."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from personalize_emu.settings import quota_limits
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.lifecycle import CREATE_FAILED, CREATING, DATA_DELETION
from personalize_emu.state.resources import (
    BatchInferenceJob,
    BatchSegmentJob,
    Campaign,
    DataDeletionJob,
    DatasetGroup,
    DatasetImportJob,
    Filter,
    MetricAttribution,
    Recommender,
    Resource,
    Schema,
    Solution,
    SolutionVersion,
    Stateful,
)
from personalize_emu.state.store import Store
from personalize_emu.wire.errors import LimitExceededException


@dataclass(frozen=True)
class Quota:
    """So many resources of a kind that count, in an account and region or in one dataset group.

    name: what the `quotas` option calls it, and the settings know its number by. text: has a place for that.
    """

    name: str
    kind: type[Resource]
    counts: Callable[[Resource], bool]
    text: str
    per_group: bool = False


def _exists(record: Resource) -> bool:
    """All resources that are not deleted, except those whose creation failed (Q-66)."""
    return not isinstance(record, Stateful) or record.status != CREATE_FAILED


def _is_being_created(record: Resource) -> bool:
    return isinstance(record, Stateful) and record.status in CREATING


def _is_pending_deletion(record: Resource) -> bool:
    return isinstance(record, DataDeletionJob) and record.status == DATA_DELETION.pending


_TOO_MANY_IN_CREATION = "More than {limit} resources with PENDING or IN_PROGRESS status."
_TOO_MANY = "More than {limit} resources in ACTIVE state. Please delete some and try again."

QUOTAS: tuple[Quota, ...] = (
    Quota("schemas", Schema, _exists, _TOO_MANY),
    Quota("dataset-groups", DatasetGroup, _exists, _TOO_MANY),
    Quota("dataset-import-jobs", DatasetImportJob, _is_being_created, _TOO_MANY_IN_CREATION),
    Quota("data-deletion-jobs", DataDeletionJob, _is_pending_deletion, _TOO_MANY_IN_CREATION, per_group=True),
    Quota("batch-inference-jobs", BatchInferenceJob, _is_being_created, _TOO_MANY_IN_CREATION),
    Quota("batch-segment-jobs", BatchSegmentJob, _is_being_created, _TOO_MANY_IN_CREATION),
    Quota("solution-versions", SolutionVersion, _is_being_created, _TOO_MANY_IN_CREATION),
    Quota("solutions", Solution, _exists, _TOO_MANY, per_group=True),
    Quota("recommenders", Recommender, _exists, _TOO_MANY, per_group=True),
    Quota("campaigns", Campaign, _exists, _TOO_MANY, per_group=True),
    Quota("filters", Filter, _exists, _TOO_MANY, per_group=True),
    Quota("metric-attributions", MetricAttribution, _exists, _TOO_MANY, per_group=True),
)
"""Q-1 to Q-6, Q-9, Q-10 to Q-12, Q-16, Q-19, with the texts of E-1, E-2 and E-3."""


def refuse_over_quota(store: Store, record: Resource, option: str) -> None:
    """Refuse a record that is about to be inserted when there are as many as allowed already.

    Called last of all checks, so that a repeated name never reports a quota (P-56). option: see `quota_limits`.

    Raises:
        LimitExceededException: E-1 to E-3.
    """
    limits = quota_limits(option)
    for quota in QUOTAS:
        limit = limits.get(quota.name)
        if limit is None or type(record) is not quota.kind:
            continue
        scope = _scope(store, quota, record)
        count = sum(quota.counts(other) and _scope(store, quota, other) == scope for other in store.all(quota.kind))
        if count >= limit:
            raise LimitExceededException(quota.text.format(limit=limit))


def _scope(store: Store, quota: Quota, record: Resource) -> tuple[str, ...]:
    """Account and region of a resource, or its dataset group."""
    if quota.per_group:
        return (_group_of(store, record),)
    parsed = parse_arn(record.arn)
    return (parsed.account, parsed.region) if parsed else ()


def _group_of(store: Store, record: Resource) -> str:
    """The ARN of the dataset group. A resource made from a solution version has the group of its solution."""
    version = store.get(SolutionVersion, getattr(record, "solution_version_arn", ""))
    group: str = getattr(version or record, "dataset_group_arn", "")
    return group
