"""From a campaign ARN to the trained version it serves now."""

from __future__ import annotations

from dataclasses import dataclass

from personalize_emu.recipes.base import Kind
from personalize_emu.service.context import Context
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.state.arns import parse_arn
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Campaign
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException


@dataclass(frozen=True)
class Deployment:
    campaign: Campaign
    trained: TrainedVersion


def deployed(context: Context, campaign_arn: str, operation: str, kinds: frozenset[Kind]) -> Deployment:
    """What the campaign serves; a campaign being updated goes on serving its old version (RT-22).

    Raises:
        ResourceNotFoundException: no such campaign.
        InvalidInputException: it is not ACTIVE, or its recipe answers another operation (RT-110).
    """
    campaign = context.find(Campaign, campaign_arn)
    if campaign is None:
        raise not_found("campaign", campaign_arn)
    trained = context.world.trained.get(campaign.solution_version_arn)
    if campaign.status != ACTIVE or trained is None:
        raise InvalidInputException(f"Campaign {campaign_arn} is not ACTIVE")
    if trained.kind not in kinds:
        raise InvalidInputException(
            f"Campaign recipe type {trained.recipe.recipe_type} is not supported by {operation}"
        )
    return Deployment(campaign, trained)


def not_found(kind: str, arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"The given {kind} ARN could not be found: {arn}")


def refuse_unknown(kind: str, arn: str) -> None:
    """For kinds of which this emulator has no resources: wrong type first, then not found (RT-23)."""
    parsed = parse_arn(arn)
    if parsed is None or parsed.resource_type != kind:
        raise InvalidInputException(f"Resource Arn {arn} is not of type {kind}.")
    raise not_found(kind, arn)
