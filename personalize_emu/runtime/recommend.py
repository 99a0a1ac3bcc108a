"""GetRecommendations (spec 09 section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.base import Kind
from personalize_emu.runtime.answers import best_items
from personalize_emu.runtime.deployments import Deployment, deployed, refuse_unknown
from personalize_emu.runtime.histories import history_of, single_item
from personalize_emu.runtime.requests import refuse_metadata, refuse_promotions
from personalize_emu.service.context import Context, Params
from personalize_emu.wire.errors import InvalidInputException

DEFAULT_RESULTS = 25
MOST_RESULTS = 500
_KINDS = frozenset({Kind.PERSONALIZED, Kind.RELATED, Kind.POPULAR})
_V2 = "aws-user-personalization-v2"


def get_recommendations(context: Context, params: Params) -> dict[str, Any]:
    if ("campaignArn" in params) == ("recommenderArn" in params):
        raise InvalidInputException("Provide exactly one of campaignArn and recommenderArn")
    if "recommenderArn" in params:
        refuse_unknown("recommender", params["recommenderArn"])
    deployment = deployed(context, params["campaignArn"], "GetRecommendations", _KINDS)
    count = _result_count(params)
    _require_ids(deployment.trained.kind, params)
    if "filterArn" in params:
        refuse_unknown("filter", params["filterArn"])
    refuse_promotions(params)
    refuse_metadata(deployment, params)
    items = _items(context, deployment, params, count)
    return {"itemList": items, "recommendationId": context.identifiers.recommendation_id()}


def _items(context: Context, deployment: Deployment, params: Params, count: int) -> list[dict[str, Any]]:
    trained = deployment.trained
    model = trained.model
    if trained.kind is Kind.RELATED:
        scores = model.scores(single_item(trained, params["itemId"]))
    else:
        scores = model.scores(history_of(context.world, trained, params.get("userId", "")))
    if trained.recipe.name != _V2:
        return best_items(scores, model.catalog, count, show_scores=model.has_scores)
    items = best_items(_only(scores, model.trained_items), model.catalog, count, show_scores=model.has_scores)
    return [item | {"reason": []} for item in items]


def _only(scores: NDArray[np.float32], subset: NDArray[np.bool_]) -> NDArray[np.float32]:
    """v2 scores a subset of the catalog, and sums to 1 over it (R-73)."""
    return np.where(subset, scores, np.float32(-np.inf))


def _result_count(params: Params) -> int:
    """RT-21: 0 means the default."""
    count: int = params.get("numResults", 0)
    if count > MOST_RESULTS:
        raise InvalidInputException(f"numResults must be between 1 and {MOST_RESULTS}")
    return count or DEFAULT_RESULTS


def _require_ids(kind: Kind, params: Params) -> None:
    """RT-19, RT-20: an empty id counts as missing."""
    if kind is Kind.PERSONALIZED and not params.get("userId"):
        raise InvalidInputException("userId is required")
    if kind is Kind.RELATED and not params.get("itemId"):
        raise InvalidInputException("itemId is required")
