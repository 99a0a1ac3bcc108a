"""Capacity (option `capacity`): requests above what is provisioned, or above a quota, are throttled.

    campaign, recommender    minProvisionedTPS, minRecommendationRequestsPerSecond, with auto-scaling; Q-49
    account and region       Q-48, of recommendations, rankings and actions together
    dataset group            Q-43 to Q-45, each operation for itself

Requests for resources that do not exist are not metered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.settings import quota_limits
from personalize_emu.state.resources import Campaign, Dataset, EventTracker, Recommender, Resource
from personalize_emu.state.throughput import TokenBucket, take_from_all
from personalize_emu.wire.errors import ThrottlingException

RUNTIME_QUOTA = "runtime-tps"
CAMPAIGN_QUOTA = "campaign-tps"
GROUP_QUOTAS: Mapping[str, str] = MappingProxyType(
    {
        "PutEvents": "put-events-tps",
        "PutActionInteractions": "put-action-interactions-tps",
        "PutItems": "put-records-tps",
        "PutUsers": "put-records-tps",
        "PutActions": "put-records-tps",
    }
)
_TEXT = "Rate exceeded"


def require_capacity(context: Context, operation: str, params: Params) -> None:
    """Meter one request of the runtime or events service.

    Raises:
        ThrottlingException: the request is not carried out (RT-101).
    """
    with context.state.metering:
        buckets = list(_buckets(context, operation, params))
        if buckets and not take_from_all(buckets):
            raise ThrottlingException(_TEXT)


def shown_capacity(state: EmulatorState, now: float) -> dict[str, dict[str, int]]:
    """ARN of each campaign and recommender -> the minimum and what is provisioned now, in requests a second."""
    found = {}
    with state.metering:
        for arn, throughput in state.throughput.items():
            record = state.store.get(Campaign, arn) or state.store.get(Recommender, arn)
            if record is not None:
                throughput.pass_time(now)
                minimum = _minimum(record)
                found[arn] = {"minimum": minimum, "provisioned": throughput.capacity(minimum)}
    return found


def _buckets(context: Context, operation: str, params: Params) -> Iterator[TokenBucket]:
    """Those that a request needs a token of, filled up to now."""
    limits, now = quota_limits(context.settings.quotas), context.clock.now()
    if operation in GROUP_QUOTAS:
        group = context.state.groups.get(_group_of(context, params))
        limit = limits.get(GROUP_QUOTAS[operation])
        if group is not None and limit is not None:
            yield _filled(group.rates, operation, limit, now)
        return
    deployed = _deployed(context, params)
    throughput = context.state.throughput.get(deployed.arn) if deployed is not None else None
    if deployed is None or throughput is None:
        return
    throughput.count(now)
    throughput.bucket.fill(throughput.capacity(_minimum(deployed)), now)
    yield throughput.bucket
    if CAMPAIGN_QUOTA in limits:
        yield _filled(throughput.rates, operation, limits[CAMPAIGN_QUOTA], now)
    if RUNTIME_QUOTA in limits:
        yield _filled(context.state.account_rates, f"{context.account} {context.region}", limits[RUNTIME_QUOTA], now)


def _filled(buckets: dict[str, TokenBucket], name: str, rate: int, now: float) -> TokenBucket:
    bucket = buckets.setdefault(name, TokenBucket())
    bucket.fill(rate, now)
    return bucket


def _deployed(context: Context, params: Mapping[str, Any]) -> Campaign | Recommender | None:
    store = context.state.store
    found: Campaign | Recommender | None = store.get(Campaign, params.get("campaignArn", ""))
    found = found or store.get(Recommender, params.get("recommenderArn", ""))
    return found if found is not None and _is_visible(context, found) else None


def _is_visible(context: Context, record: Resource) -> bool:
    return record.arn.startswith(context.arn(record.type_word, ""))


def _minimum(record: Campaign | Recommender) -> int:
    if isinstance(record, Campaign):
        return record.min_provisioned_tps
    minimum: int = (record.recommender_config or {}).get("minRecommendationRequestsPerSecond", 1)
    return minimum


def _group_of(context: Context, params: Mapping[str, Any]) -> str:
    """The ARN of the dataset group that records are put into; empty if there is none."""
    store, tracking_id = context.state.store, params.get("trackingId")
    record: EventTracker | Dataset | None = store.get(Dataset, params.get("datasetArn", ""))
    if tracking_id is not None:
        record = store.get(EventTracker, context.state.trackers.get(tracking_id) or "") or next(
            (dataset for dataset in context.all(Dataset) if dataset.tracking_id == tracking_id), None
        )
    return record.dataset_group_arn if record is not None and _is_visible(context, record) else ""
