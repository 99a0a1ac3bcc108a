"""UpdateCampaign, also where a campaign follows its solution by itself (R-CMP-10 to R-CMP-14)."""

from __future__ import annotations

from typing import Any

from personalize_emu.service.context import Context
from personalize_emu.service.updates import begin_update
from personalize_emu.state.jobs import no_work
from personalize_emu.state.lifecycle import ACTIVE, CREATING
from personalize_emu.state.resources import Campaign


def planned_deployment(campaign: Campaign) -> dict[str, Any]:
    """What the campaign deploys once the update that runs, if one does, has ended."""
    update = campaign.latest_campaign_update
    if update is not None and update["status"] in CREATING:
        return {member: update.get(member) for member in ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")}
    return {
        "solutionVersionArn": campaign.solution_version_arn,
        "minProvisionedTPS": campaign.min_provisioned_tps,
        "campaignConfig": campaign.campaign_config,
    }


def served_versions(campaign: Campaign) -> frozenset[str]:
    """ARNs of the version that the campaign serves and of the one that a running update will have it serve."""
    return frozenset({campaign.solution_version_arn, planned_deployment(campaign)["solutionVersionArn"]})


def begin_campaign_update(context: Context, campaign: Campaign, target: dict[str, Any]) -> None:
    """Deploy `target` (solutionVersionArn, minProvisionedTPS, campaignConfig) when its time has come."""

    def deployed(_: Campaign, __: None) -> dict[str, Any]:
        return {
            "status": ACTIVE,
            "failure_reason": None,
            "last_updated_date_time": context.clock.now(),
            "solution_version_arn": target["solutionVersionArn"],
            "min_provisioned_tps": target["minProvisionedTPS"],
            "campaign_config": target["campaignConfig"],
        }

    begin_update(context, campaign, "latest_campaign_update", target, no_work, deployed)
