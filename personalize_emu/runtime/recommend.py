"""GetRecommendations (spec 09 section 2), with what domain use cases require and filter out (spec 06 section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.filters.interactions import folded
from personalize_emu.recipes.contract.base import Kind
from personalize_emu.runtime.deployments import Deployment, campaign_deployment, recommender_deployment
from personalize_emu.runtime.exploration import explorer
from personalize_emu.runtime.filtering import interactions_of
from personalize_emu.runtime.metadata import MOST_RESULTS as MOST_RESULTS_WITH_METADATA
from personalize_emu.runtime.metadata import requested_metadata
from personalize_emu.runtime.model_inputs import single_item
from personalize_emu.runtime.promotions import chosen_items, requested_constraints
from personalize_emu.runtime.remembered import remembered_list, remembered_scores, scores_for_user
from personalize_emu.runtime.responses import new_recommendation_id
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.wire.errors import InvalidInputException

DEFAULT_RESULTS = 25
MOST_RESULTS = 500
_KINDS = frozenset({Kind.PERSONALIZED, Kind.RELATED, Kind.POPULAR})


def get_recommendations(context: Context, params: Params) -> dict[str, Any]:
    if ("campaignArn" in params) == ("recommenderArn" in params):
        raise InvalidInputException("Provide exactly one of campaignArn and recommenderArn")
    if "recommenderArn" in params:
        deployment = recommender_deployment(context, params["recommenderArn"])
        count = _result_count(params)
        require_ids_of_use_case(deployment.trained, params)
    else:
        deployment = campaign_deployment(context, params["campaignArn"], "GetRecommendations", _KINDS)
        count = _result_count(params)
        _require_ids(deployment.trained.kind, params)
    finished = remembered_list(context, deployment, params, lambda: _listed(context, deployment, params, count))
    return {"itemList": finished.listed, "recommendationId": new_recommendation_id(context, params, finished.item_ids)}


def _listed(context: Context, deployment: Deployment, params: Params, count: int) -> list[dict[str, Any]]:
    """The items of the response, with the metadata that is asked for."""
    metadata = requested_metadata(context, deployment, params)
    items = _items(context, deployment, params, count)
    return items if metadata is None else metadata.added_to(items)


def _items(context: Context, deployment: Deployment, params: Params, count: int) -> list[dict[str, Any]]:
    trained = deployment.trained
    constraints = requested_constraints(context, trained, params, count)
    user_id = params.get("userId", "")
    scores = _scores(context, deployment, params)
    scores = without_hidden(context, trained, user_id, scores)
    return chosen_items(explorer(context, trained, deployment.config).explored(user_id, scores), trained, constraints)


def _scores(context: Context, deployment: Deployment, params: Params) -> NDArray[np.float32]:
    """float32[items], read-only."""
    trained = deployment.trained
    if trained.kind is Kind.RELATED:
        item_id = params["itemId"]
        key, basis = ("item", deployment.influence, item_id), ()
        return remembered_scores(
            context, trained, key, basis, lambda: deployment.model.scores(single_item(trained, item_id))
        )
    return scores_for_user(context, deployment, params)


def _result_count(params: Params) -> int:
    """RT-21: 0 means the default. RT-68: fewer with metadata."""
    count: int = params.get("numResults", 0)
    most = MOST_RESULTS_WITH_METADATA if params.get("metadataColumns") else MOST_RESULTS
    if count > most:
        raise InvalidInputException(f"numResults must be between 1 and {most}")
    return count or DEFAULT_RESULTS


def _require_ids(kind: Kind, params: Params) -> None:
    """RT-19, RT-20: an empty id counts as missing."""
    if kind is Kind.PERSONALIZED and not params.get("userId"):
        raise InvalidInputException("userId is required")
    if kind is Kind.RELATED and not params.get("itemId"):
        raise InvalidInputException("itemId is required")


def require_ids_of_use_case(trained: TrainedVersion, params: Params) -> None:
    """R-90 to R-100, RT-20: an empty id counts as missing."""
    for member in trained.recipe.needs:
        if not params.get(member):
            raise InvalidInputException(f"{member} is required")


def without_hidden(
    context: Context, trained: TrainedVersion, user_id: str, scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32[items]: the scores with -inf for items that the user recently purchased or watched (R-102).

    All imported and streamed events up to now count, whether the model was trained on them or not.
    """
    hidden_type = folded(trained.recipe.hidden_event)
    if hidden_type is None:
        return scores
    interactions = interactions_of(context, context.state.contents(trained.interactions_arn), user_id)
    number_of = trained.model.number_of
    hidden = [
        number_of[item_id]
        for item_id, event_type in interactions.pairs
        if event_type == hidden_type and item_id in number_of
    ]
    if not hidden:
        return scores
    scores = scores.copy()
    scores[hidden] = -np.inf
    return scores
