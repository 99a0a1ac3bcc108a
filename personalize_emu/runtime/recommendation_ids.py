"""The id that every live answer carries, and what is remembered under it (RT-5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from personalize_emu.service.core.context import Context, Params


def issued_id(context: Context, params: Params, listed: Iterable[Mapping[str, Any]]) -> str:
    """A new id for the answer `listed` to a request, remembered for the events that will name it."""
    deployment_arn = params["campaignArn"] if "campaignArn" in params else params["recommenderArn"]
    recommendation_id = context.identifiers.recommendation_id(deployment_arn)
    # Actions are no impressions of items, so an answer of actions shows none (EV-75).
    items = [item["itemId"] for item in listed if "itemId" in item]
    context.state.answers.remember(recommendation_id, deployment_arn, params.get("userId"), items)
    return recommendation_id
