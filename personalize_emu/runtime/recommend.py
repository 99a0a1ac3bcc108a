"""GetRecommendations (spec 09 section 2)."""

from __future__ import annotations

from typing import Any

from personalize_emu.recipes.contract.base import Kind
from personalize_emu.runtime.circumstances import told_context
from personalize_emu.runtime.deployments import Deployment, deployed, recommending
from personalize_emu.runtime.exploring import explorer
from personalize_emu.runtime.histories import history_of, single_item
from personalize_emu.runtime.metadata import MOST_RESULTS as MOST_RESULTS_WITH_METADATA
from personalize_emu.runtime.metadata import requested_metadata
from personalize_emu.runtime.promotions import chosen_items, requested_wishes
from personalize_emu.runtime.recommendation_ids import issued_id
from personalize_emu.runtime.use_cases import require_ids_of_use_case, without_hidden
from personalize_emu.service.core.context import Context, Params
from personalize_emu.wire.errors import InvalidInputException

DEFAULT_RESULTS = 25
MOST_RESULTS = 500
_KINDS = frozenset({Kind.PERSONALIZED, Kind.RELATED, Kind.POPULAR})


def get_recommendations(context: Context, params: Params) -> dict[str, Any]:
    if ("campaignArn" in params) == ("recommenderArn" in params):
        raise InvalidInputException("Provide exactly one of campaignArn and recommenderArn")
    if "recommenderArn" in params:
        deployment = recommending(context, params["recommenderArn"])
        count = _result_count(params)
        require_ids_of_use_case(deployment.trained, params)
    else:
        deployment = deployed(context, params["campaignArn"], "GetRecommendations", _KINDS)
        count = _result_count(params)
        _require_ids(deployment.trained.kind, params)
    metadata = requested_metadata(context, deployment, params)
    items = _items(context, deployment, params, count)
    if metadata is not None:
        items = metadata.added_to(items)
    return {"itemList": items, "recommendationId": issued_id(context, params, items)}


def _items(context: Context, deployment: Deployment, params: Params, count: int) -> list[dict[str, Any]]:
    trained = deployment.trained
    model = deployment.model
    wishes = requested_wishes(context, trained, params, count)
    user_id = params.get("userId", "")
    if trained.kind is Kind.RELATED:
        scores = model.scores(single_item(trained, params["itemId"]))
    else:
        told = told_context(trained, params.get("context", {}))
        scores = model.scores(history_of(context.state, trained, user_id, told))
    scores = without_hidden(context, trained, user_id, scores)
    return chosen_items(explorer(context, trained, deployment.config).explored(user_id, scores), trained, wishes)


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
