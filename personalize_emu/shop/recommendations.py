"""The recommendation requests of the shop: GetRecommendations and GetPersonalizedRanking through a boto3 client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_RANKED = 100
"""Items of one ranking request."""


@dataclass(frozen=True)
class Resources:
    """What the shop has created in Personalize.

    campaigns: ARN by name (`for-you`, `popular`, `similar`, `ranked`). category_filter: ARN of a filter with the
    parameter $CATEGORY. tracking_id: of the event tracker.
    """

    campaigns: Mapping[str, str]
    category_filter: str
    tracking_id: str


@dataclass(frozen=True)
class Recommended:
    """items: ids, the best first. recommendation_id: of the response; None if the list comes from elsewhere."""

    items: tuple[str, ...]
    recommendation_id: str | None = None


@dataclass(frozen=True)
class Recommendations:
    """runtime: a boto3 client of personalize-runtime."""

    runtime: Any
    resources: Resources

    def for_user(self, user_id: str, count: int, category: str | None = None) -> Recommended:
        """Personal recommendations, of one category if it is given."""
        return self._recommended("for-you", count, category, userId=user_id)

    def popular(self, user_id: str, count: int, category: str | None = None) -> Recommended:
        """What most people view and buy: the same for all users."""
        return self._recommended("popular", count, category, userId=user_id)

    def similar(self, item_id: str, user_id: str, count: int) -> Recommended:
        return self._recommended("similar", count, None, itemId=item_id, userId=user_id)

    def ranked(self, user_id: str, items: Sequence[str]) -> Recommended:
        """items: at most MOST_RANKED ids, put in the order of the user's interest."""
        answer = self.runtime.get_personalized_ranking(
            campaignArn=self.resources.campaigns["ranked"], userId=user_id, inputList=list(items)
        )
        return Recommended(_ids(answer["personalizedRanking"]), answer.get("recommendationId"))

    def _recommended(self, campaign: str, count: int, category: str | None, **query: str) -> Recommended:
        request: dict[str, Any] = {"campaignArn": self.resources.campaigns[campaign], "numResults": count, **query}
        if category is not None:
            request["filterArn"] = self.resources.category_filter
            # Values of filter parameters are quoted, as JSON texts are.
            request["filterValues"] = {"CATEGORY": json.dumps(category)}
        answer = self.runtime.get_recommendations(**request)
        return Recommended(_ids(answer["itemList"]), answer.get("recommendationId"))


def _ids(items: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(item["itemId"] for item in items)
