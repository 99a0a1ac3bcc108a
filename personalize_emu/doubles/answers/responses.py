"""The response to a request that an answer is declared for, with the checks that any answer depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.doubles.answers.declaration import Answer
from personalize_emu.doubles.answers.deployments import Deployment
from personalize_emu.service.configuration.campaign_config import shows_metadata
from personalize_emu.service.core.context import Context, Params
from personalize_emu.wire.errors import InvalidInputException

RESULTS: Mapping[str, tuple[int, int]] = {"GetRecommendations": (25, 500), "GetActionRecommendations": (5, 100)}
"""Default and maximum of numResults (RT-14, RT-90)."""
MOST_RANKED = 500
MOST_WITH_METADATA = 50
MOST_COLUMNS = 10
"""RT-66, RT-81."""
SCORE_PLACES = 7
"""Decimals of a score (RT-33)."""
WITH_REASONS = frozenset({"aws-user-personalization-v2"})
"""RT-75."""


def check_request(deployment: Deployment, operation: str, params: Params) -> None:
    """Raises InvalidInputException: RT-20, RT-21, RT-65, RT-66, RT-81, RT-96."""
    with_metadata = bool(params.get("metadataColumns"))
    if operation == "GetPersonalizedRanking":
        most = MOST_WITH_METADATA if with_metadata else MOST_RANKED
        if not 1 <= len(params["inputList"]) <= most:
            raise InvalidInputException(f"inputList must contain between 1 and {most} items")
    else:
        most = MOST_WITH_METADATA if with_metadata else RESULTS[operation][1]
        if params.get("numResults", 0) > most:
            raise InvalidInputException(f"numResults must be between 1 and {most}")
    for member in deployment.facts.needs:
        if not params.get(member):
            raise InvalidInputException(f"{member} is required")
    if with_metadata:
        _check_metadata(deployment, params["metadataColumns"])


def response_of(
    context: Context, deployment: Deployment, operation: str, answer: Answer, params: Params
) -> dict[str, Any]:
    """The members of the response. Its recommendation id is known to later events."""
    if operation == "GetPersonalizedRanking":
        listed = _ranking(deployment, answer, params)
        name = "personalizedRanking"
    else:
        count = params.get("numResults", 0) or RESULTS[operation][0]
        id_name = "actionId" if operation == "GetActionRecommendations" else "itemId"
        listed = _scored(deployment, answer, answer.items, id_name)[:count]
        name = "actionList" if operation == "GetActionRecommendations" else "itemList"
    columns = [column.lower() for names in params.get("metadataColumns", {}).values() for column in names]
    if columns:
        listed = [each | {"metadata": _metadata(answer, each["itemId"], columns)} for each in listed]
    if deployment.facts.name in WITH_REASONS:
        listed = [each | {"reason": []} for each in listed]
    # Actions are not impressions of items (EV-75).
    item_ids = [each["itemId"] for each in listed if "itemId" in each]
    recommendation_id = context.identifiers.recommendation_id(deployment.arn)
    context.state.answers.remember(recommendation_id, deployment.arn, params.get("userId"), item_ids)
    return {name: listed, "recommendationId": recommendation_id}


def _ranking(deployment: Deployment, answer: Answer, params: Params) -> list[dict[str, Any]]:
    """The requested items that are declared, in their declared order; then the others as requested, without score."""
    wanted = dict.fromkeys(params["inputList"])
    declared = [item for item in answer.items if item in wanted]
    others = [item for item in wanted if item not in set(declared)]
    return _scored(deployment, answer, declared, "itemId") + [{"itemId": item} for item in others]


def _scored(deployment: Deployment, answer: Answer, ids: Sequence[str], id_name: str) -> list[dict[str, Any]]:
    """With the declared scores, or with made ones if the recipe has scores (RT-31)."""
    if not deployment.facts.has_scores:
        return [{id_name: each} for each in ids]
    given = None if answer.scores is None else dict(zip(answer.items, answer.scores, strict=True))
    scores = made_scores(len(ids)) if given is None else [given[each] for each in ids]
    return [{id_name: each, "score": score} for each, score in zip(ids, scores, strict=True)]


def made_scores(count: int) -> list[float]:
    """Falling scores that sum to 1: each is in proportion to 1 / rank."""
    total = sum(1 / rank for rank in range(1, count + 1))
    return [round(1 / rank / total, SCORE_PLACES) for rank in range(1, count + 1)]


def _metadata(answer: Answer, item_id: str, columns: Sequence[str]) -> dict[str, str]:
    """The requested columns that are declared for an item, sorted (RT-67)."""
    declared = answer.metadata.get(item_id, {})
    return {column: declared[column] for column in sorted(set(columns)) if column in declared}


def _check_metadata(deployment: Deployment, columns: Mapping[str, Sequence[str]]) -> None:
    if deployment.has_model and not shows_metadata(deployment.facts, deployment.config):
        raise InvalidInputException(
            "metadataColumns requires a campaign or recommender with enableMetadataWithRecommendations"
        )
    for key, names in columns.items():
        if key.upper() != "ITEMS":
            raise InvalidInputException("metadataColumns has columns of ITEMS only")
        if len(set(names)) > MOST_COLUMNS:
            raise InvalidInputException(f"metadataColumns must name at most {MOST_COLUMNS} columns")
