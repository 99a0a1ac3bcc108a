"""GetPersonalizedRanking (spec 09 section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import Kind, Model
from personalize_emu.runtime.deployments import Deployment, campaign_deployment
from personalize_emu.runtime.filtering import requested_filter
from personalize_emu.runtime.metadata import MOST_RESULTS as MOST_ITEMS_WITH_METADATA
from personalize_emu.runtime.metadata import requested_metadata
from personalize_emu.runtime.remembered import remembered_list, scores_for_user
from personalize_emu.runtime.responses import new_recommendation_id, softmax_of
from personalize_emu.service.core.context import Context, Params
from personalize_emu.wire.errors import InvalidInputException

MOST_ITEMS = 500


def get_personalized_ranking(context: Context, params: Params) -> dict[str, Any]:
    deployment = campaign_deployment(
        context, params["campaignArn"], "GetPersonalizedRanking", frozenset({Kind.RANKING})
    )
    most = MOST_ITEMS_WITH_METADATA if params.get("metadataColumns") else MOST_ITEMS
    if not 1 <= len(params["inputList"]) <= most:
        raise InvalidInputException(f"inputList must contain between 1 and {most} items")
    if not params["userId"]:
        raise InvalidInputException("userId is required")
    finished = remembered_list(context, deployment, params, lambda: _ranking(context, deployment, params))
    recommendation_id = new_recommendation_id(context, params, finished.item_ids)
    return {"personalizedRanking": finished.listed, "recommendationId": recommendation_id}


def _ranking(context: Context, deployment: Deployment, params: Params) -> list[dict[str, Any]]:
    """The ranking of the items that the filter admits, with the metadata that is asked for."""
    metadata = requested_metadata(context, deployment, params)
    item_ids = list(dict.fromkeys(params["inputList"]))
    wanted = requested_filter(context, deployment.trained, params, user_id=params["userId"], item_id=None)
    if wanted is not None:
        item_ids = [item for item, kept in zip(item_ids, wanted.over(item_ids), strict=True) if kept]
    # A campaign's ranking influence is for recommendations only.
    unchanged = Deployment(None, deployment.trained)
    ranking = ranked(unchanged.trained.model, scores_for_user(context, unchanged, params), item_ids)
    return ranking if metadata is None else metadata.added_to(ranking)


def ranked(model: Model, scores: NDArray[np.float32], item_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Known items by score, with a softmax over them (RT-84); unknown items follow in the given order (R-74a).

    scores: float32[items], of the whole catalog. item_ids: distinct.
    """
    numbers = np.fromiter(map(model.number_of.get, item_ids, repeat(-1)), np.int64, len(item_ids))
    scored = numbers >= 0
    scored[scored] = model.trained_items[numbers[scored]]
    known = numbers[scored]
    scores = scores[known]
    # Item numbers follow the order of ids, so a stable sort by number resolves ties by id (RT-32).
    order = np.lexsort((known, -scores))
    shares = softmax_of(scores, order.astype(np.int32))
    # Ids of the catalog, because those of requests are other texts each time, and recommendations are remembered.
    ranking: list[dict[str, Any]] = [
        {"itemId": model.catalog[number], "score": share}
        for number, share in zip(known[order].tolist(), shares, strict=True)
    ]
    return ranking + [{"itemId": item_ids[place]} for place in np.flatnonzero(~scored).tolist()]
