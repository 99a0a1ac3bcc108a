"""Solutions with an optimization objective, through boto3 (T-18, T-26, T-27, M-3, M-27, R-24)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.given import RANKING, Given
from tests.item_market import SEEN, USERS, WEIGHTLESS, Market, market, price

METRIC = "average_rewards_at_k"


def objective(sensitivity: str) -> dict[str, Any]:
    return {"optimizationObjective": {"itemAttribute": "PRICE", "objectiveSensitivity": sensitivity}}


@pytest.fixture
def ours(given: Given) -> Market:
    return market(given)


def metrics(ours: Market, version: str) -> dict[str, float]:
    found: dict[str, float] = ours.given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    return found


def test_higher_sensitivity_recommends_items_of_higher_value(ours: Market) -> None:
    """T-18, T-26, T-27, M-3, M-27: OFF recommends what a solution without an objective does."""
    means, lists = {}, {}
    for level in ("OFF", "HIGH", None):
        extra = {"solutionConfig": objective(level)} if level else {}
        version = ours.version(name=str(level), **extra)
        campaign = ours.campaign(version, WEIGHTLESS, name=str(level))
        lists[level] = [ours.ids(campaign, user, 5) for user in USERS[:12]]
        means[level] = float(np.mean([price(item) for ids in lists[level] for item in ids]))
        assert (METRIC in metrics(ours, version)) is (level is not None)
        assert 0 <= metrics(ours, version).get(METRIC, 0) <= 1
    assert means["OFF"] < means["HIGH"]
    assert lists["OFF"] == lists[None]


@pytest.mark.parametrize("recipe", [RANKING, RANKING + "-v2"])
def test_rankings_follow_objectives_too(ours: Market, recipe: str) -> None:
    """T-26, R-24: the second version, too; and their scores are a softmax as ever."""
    version = ours.version(recipe, solutionConfig=objective("HIGH"))
    campaign = ours.campaign(version)
    ask = ours.runtime.get_personalized_ranking
    ranked = ask(campaignArn=campaign, userId="nobody", inputList=list(SEEN[:12]))["personalizedRanking"]
    assert sum(item["score"] for item in ranked) == pytest.approx(1, abs=1e-5)
    assert ranked[0]["itemId"] > ranked[-1]["itemId"]
    assert METRIC in metrics(ours, version)
