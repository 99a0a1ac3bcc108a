"""Parts of runtime requests that recommendations and rankings share."""

from __future__ import annotations

from personalize_emu.runtime.deployments import Deployment, refuse_unknown
from personalize_emu.service.campaign_config import shows_metadata
from personalize_emu.service.context import Params
from personalize_emu.wire.errors import InvalidInputException, NotImplementedException


def refuse_promotions(params: Params) -> None:
    """A promotion needs a share and a filter (RT-58)."""
    for promotion in params.get("promotions", ()):
        if "percentPromotedItems" not in promotion or "filterArn" not in promotion:
            raise InvalidInputException("A promotion requires percentPromotedItems and filterArn")
        refuse_unknown("filter", promotion["filterArn"])


def refuse_metadata(deployment: Deployment, params: Params) -> None:
    """RT-65, RT-68: only where the campaign has metadata enabled."""
    if not params.get("metadataColumns"):
        return
    if not shows_metadata(deployment.trained.recipe, deployment.campaign.campaign_config):
        raise InvalidInputException(
            "metadataColumns requires a campaign with enableMetadataWithRecommendations"
        )
    raise NotImplementedException("personalize-emu does not return metadataColumns yet.")
