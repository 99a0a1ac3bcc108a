"""Resolves the ARN of a campaign or recommender to the model it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personalize_emu.recipes.contract.base import Kind, Model
from personalize_emu.service.core.context import Context
from personalize_emu.service.core.group_keys import require_usable_key
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Campaign, Recommender
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException


@dataclass(frozen=True)
class Deployment:
    """config: the current campaignConfig or recommenderConfig."""

    config: Mapping[str, Any] | None
    trained: TrainedVersion

    @property
    def model(self) -> Model:
        """The model with the ranking influence of this deployment (RT-70)."""
        return self.trained.model.influenced((self.config or {}).get("rankingInfluence", {}))

    @property
    def influence(self) -> str:
        """Differs where `model` does, for one version."""
        return repr((self.config or {}).get("rankingInfluence", {}))


def campaign_deployment(context: Context, campaign_arn: str, operation: str, kinds: frozenset[Kind]) -> Deployment:
    """The deployment of a campaign; during an update it serves the previous version (RT-22).

    Raises:
        ResourceNotFoundException: no such campaign.
        InvalidInputException: it is not ACTIVE, the KMS key of its data cannot be used, or its recipe answers another
            operation (RT-110).
    """
    campaign = context.find(Campaign, campaign_arn)
    if campaign is None:
        raise not_found("campaign", campaign_arn)
    require_usable_key(context, campaign)
    trained = context.state.trained(campaign.solution_version_arn)
    if campaign.status != ACTIVE or trained is None:
        raise InvalidInputException(f"Campaign {campaign_arn} is not ACTIVE")
    if trained.kind not in kinds:
        raise InvalidInputException(
            f"Campaign recipe type {trained.recipe.recipe_type} is not supported by {operation}"
        )
    return Deployment(campaign.campaign_config, trained)


def recommender_deployment(context: Context, recommender_arn: str) -> Deployment:
    """The deployment of a recommender; during an update or training it serves the previous model (RT-22).

    Raises:
        ResourceNotFoundException: no such recommender.
        InvalidInputException: it is not ACTIVE, or the KMS key of its data cannot be used.
    """
    recommender = context.find(Recommender, recommender_arn)
    if recommender is None:
        raise not_found("recommender", recommender_arn)
    require_usable_key(context, recommender)
    trained = context.state.trained(recommender_arn)
    if recommender.status != ACTIVE or trained is None:
        raise InvalidInputException(f"Recommender {recommender_arn} is not ACTIVE")
    return Deployment(recommender.recommender_config, trained)


def not_found(kind: str, arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"The given {kind} ARN could not be found: {arn}")
