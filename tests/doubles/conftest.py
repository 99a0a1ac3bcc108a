"""Fixtures of tests of declared answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def ask(runtime: Any) -> Callable[..., list[str]]:
    """The item ids that GetRecommendations answers: ask(campaign_arn, user_id, **further_members)."""

    def asked(campaign: str, user: str = "u1", **more: Any) -> list[str]:
        answer = runtime.get_recommendations(campaignArn=campaign, userId=user, **more)
        return [item["itemId"] for item in answer["itemList"]]

    return asked
