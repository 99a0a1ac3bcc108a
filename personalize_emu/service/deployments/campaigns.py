"""Operations on campaigns: deployments of a trained version, updated on request or with each new version (R-CMP)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from personalize_emu.service.catalog.recipe_catalog import recipe_by_arn
from personalize_emu.service.configuration.campaign_config import check_campaign_config
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import schemas_of_group
from personalize_emu.service.lifecycle.creation import begin_plain_creation, create
from personalize_emu.service.lifecycle.deletion import begin_deletion, require_deletable
from personalize_emu.service.lifecycle.updates import begin_update, require_no_update
from personalize_emu.service.training.versions import latest_version, require_trained
from personalize_emu.state.jobs import no_work
from personalize_emu.state.lifecycle import ACTIVE, CREATE_FAILED, CREATING
from personalize_emu.state.resources import Campaign, Solution, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException, ResourceInUseException

_LATEST = "/$LATEST"
_UPDATABLE = ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")


def create_campaign(context: Context, params: Params) -> dict[str, Any]:
    config = params.get("campaignConfig")
    version = _version_to_deploy(context, params["solutionVersionArn"], config)
    _check_config(context, version, config)
    campaign = create(
        context,
        Campaign,
        params,
        solution_version_arn=version.arn,
        min_provisioned_tps=params.get("minProvisionedTPS", 1),
        campaign_config=config,
    )
    begin_plain_creation(context, campaign)
    return {"campaignArn": campaign.arn}


def describe_campaign(context: Context, params: Params) -> dict[str, Any]:
    return {"campaign": context.get(Campaign, params["campaignArn"]).members()}


def list_campaigns(context: Context, params: Params) -> dict[str, Any]:
    campaigns = context.all(Campaign)
    if "solutionArn" in params:
        context.find(Solution, params["solutionArn"])
        prefix = params["solutionArn"] + "/"
        campaigns = [c for c in campaigns if c.solution_version_arn.startswith(prefix)]
    return context.list_page(campaigns, params, "campaigns", query="ListCampaigns")


def update_campaign(context: Context, params: Params) -> dict[str, Any]:
    """The old deployment serves until the update is ACTIVE (R-CMP-11 to R-CMP-14, R-CMP-22).

    The new version may be one of another solution, and of another dataset group (R-CMP-15).
    """
    if "solutionVersionArn" in params:
        context.find(SolutionVersion, params["solutionVersionArn"])
    campaign = context.get(Campaign, params["campaignArn"])
    given = {member: params[member] for member in _UPDATABLE if member in params}
    if not given:
        raise InvalidInputException(f"Provide at least one of {', '.join(_UPDATABLE)}.")
    config = given.get("campaignConfig", campaign.campaign_config)
    target = given.get("solutionVersionArn", campaign.solution_version_arn)
    version = _version_to_deploy(context, target, given.get("campaignConfig"))
    if campaign.status not in (ACTIVE, CREATE_FAILED):
        raise ResourceInUseException(f"Resource {campaign.arn} is in {campaign.status} state.")
    require_no_update(campaign, campaign.latest_campaign_update)
    _check_config(context, version, config)
    begin_campaign_update(
        context,
        campaign,
        {
            "solutionVersionArn": version.arn,
            "minProvisionedTPS": given.get("minProvisionedTPS", campaign.min_provisioned_tps),
            "campaignConfig": config,
        },
    )
    return {"campaignArn": campaign.arn}


def delete_campaign(context: Context, params: Params) -> None:
    campaign = context.get(Campaign, params["campaignArn"])
    require_deletable(campaign)
    require_no_update(campaign, campaign.latest_campaign_update)
    begin_deletion(context, campaign)


def _version_to_deploy(context: Context, arn: str, config: Any) -> SolutionVersion:
    """The version named, or the newest ACTIVE one for `<solution ARN>/$LATEST` (R-CMP-6 to R-CMP-8)."""
    synced = bool((config or {}).get("syncWithLatestSolutionVersion"))
    if arn.endswith(_LATEST):
        version = latest_version(context, context.get(Solution, arn.removesuffix(_LATEST)))
    else:
        version = context.get(SolutionVersion, arn)
    require_trained(context, version)
    if synced and not arn.endswith(_LATEST):
        raise InvalidInputException(
            "syncWithLatestSolutionVersion requires a solutionVersionArn that ends with /$LATEST."
        )
    return version


def _check_config(context: Context, version: SolutionVersion, config: Any) -> None:
    recipe = recipe_by_arn(version.recipe_arn or "")
    if recipe is None:
        raise InvalidInputException(f"Resource {version.arn} has no recipe to deploy.")
    if recipe.recipe_type == "USER_SEGMENTATION":
        raise InvalidInputException(f"Recipe type {recipe.recipe_type} is not supported by CreateCampaign")
    schemas = schemas_of_group(context, version.dataset_group_arn)
    check_campaign_config(recipe, config or {}, schemas)


def planned_deployment(campaign: Campaign) -> dict[str, Any]:
    """What the campaign deploys, or will once its running update has ended."""
    update = campaign.latest_campaign_update
    if update is not None and update["status"] in CREATING:
        return {member: update.get(member) for member in ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")}
    return {
        "solutionVersionArn": campaign.solution_version_arn,
        "minProvisionedTPS": campaign.min_provisioned_tps,
        "campaignConfig": campaign.campaign_config,
    }


def served_versions(campaign: Campaign) -> frozenset[str]:
    """ARNs of the version that the campaign serves and of the one that its running update leads to."""
    return frozenset({campaign.solution_version_arn, planned_deployment(campaign)["solutionVersionArn"]})


def begin_campaign_update(context: Context, campaign: Campaign, target: dict[str, Any]) -> None:
    """target: solutionVersionArn, minProvisionedTPS and campaignConfig, which apply once the update is ACTIVE."""

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


def follow_version(context: Context, version: SolutionVersion) -> None:
    """Once the lock is free, update the campaigns that are in sync with the solution of a new version (R-CMP-8)."""
    for campaign in context.all(Campaign):
        context.afterwards(partial(_follow, replace(context, deferred=[]), campaign.arn, version))


def _follow(context: Context, arn: str, version: SolutionVersion) -> None:
    """Other members stay as they are, or as a running update will leave them."""
    store = context.state.store
    with store.lock:
        campaign = store.get(Campaign, arn)
        if campaign is not None and _is_next(context, campaign, version):
            target = planned_deployment(campaign) | {"solutionVersionArn": version.arn}
            begin_campaign_update(context, campaign, target)
    context.run_deferred()


def _is_next(context: Context, campaign: Campaign, version: SolutionVersion) -> bool:
    """Whether an ACTIVE campaign is in sync with the solution of the version, and has an older one."""
    store, planned = context.state.store, planned_deployment(campaign)
    deployed = store.get(SolutionVersion, planned["solutionVersionArn"])
    in_sync = (planned["campaignConfig"] or {}).get("syncWithLatestSolutionVersion")
    if not in_sync or campaign.status != ACTIVE or deployed is None or deployed.solution_arn != version.solution_arn:
        return False
    return store.ordinal(deployed) < store.ordinal(version)
