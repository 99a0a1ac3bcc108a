"""UpdateCampaign: its own record beside a campaign that goes on serving (R-CMP-10 to R-CMP-14)."""

from __future__ import annotations

from typing import Any

from personalize_emu.service.context import Context
from personalize_emu.state.jobs import Job
from personalize_emu.state.lifecycle import (
    ACTIVE,
    CREATE_FAILED,
    CREATE_IN_PROGRESS,
    CREATE_PENDING,
    CREATING,
    creation_duration,
)
from personalize_emu.state.resources import Campaign
from personalize_emu.wire.errors import ResourceInUseException


def require_no_update(campaign: Campaign) -> None:
    """E-25: one update at a time, and no deletion meanwhile (R-CMP-16)."""
    update = campaign.latest_campaign_update
    if update is not None and update["status"] in CREATING:
        raise ResourceInUseException(f"Resource {campaign.arn} has an update in {update['status']} state.")


def begin_update(context: Context, campaign: Campaign, target: dict[str, Any]) -> None:
    """Deploy `target` (solutionVersionArn, minProvisionedTPS, campaignConfig) when its time has come."""
    store, clock = context.world.store, context.clock
    now = clock.now()
    record = {name: value for name, value in target.items() if value is not None}
    record |= {"status": CREATE_PENDING, "creationDateTime": now, "lastUpdatedDateTime": now}
    store.change(campaign, latest_campaign_update=record)

    def move(update_status: str, **deployment: Any) -> bool:
        moved = record | {"status": update_status, "lastUpdatedDateTime": clock.now()}
        return store.change(campaign, latest_campaign_update=moved, **deployment) is not None

    def succeeded(_: None) -> None:
        move(
            ACTIVE,
            status=ACTIVE,
            failure_reason=None,
            last_updated_date_time=clock.now(),
            solution_version_arn=target["solutionVersionArn"],
            min_provisioned_tps=target["minProvisionedTPS"],
            campaign_config=target["campaignConfig"],
        )

    def failed(reason: str) -> None:
        record["failureReason"] = reason
        move(CREATE_FAILED)

    job = Job(
        f"update {campaign.arn}",
        creation_duration(context.settings, campaign.kind),
        lambda: move(CREATE_IN_PROGRESS),
        lambda: None,
        succeeded,
        failed,
    )
    context.afterwards(lambda: context.world.jobs.start(job))
