"""Explanations of recommendations, in process and over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.runtime.explanations.explanation import Explanation
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException
from tests.given import RANKING, SIMS, USER_PERSONALIZATION, Given

V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
POPULAR = "arn:aws:personalize:::recipe/aws-popularity-count"


def listed(runtime: Any, campaign: str, user: str) -> list[dict[str, object]]:
    answer = runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=10)
    found: list[dict[str, object]] = answer["itemList"]
    return found


def relevance(found: Explanation) -> float:
    """The utility without exploration, which differs between users."""
    return sum(part.value for part in found.parts if part.source != "exploration")


@pytest.mark.parametrize("recipe", [USER_PERSONALIZATION, V2, RANKING, POPULAR])
def test_parts_add_up_to_the_utility(emulator: Emulator, given: Given, recipe: str) -> None:
    campaign = given.deployed(recipe)
    for item in ("i000", "i001", "i010"):
        found = emulator.explain(campaign, "u2", item)
        assert sum(part.value for part in found.parts) == pytest.approx(found.utility, rel=0, abs=1e-5)


@pytest.mark.parametrize("recipe", [USER_PERSONALIZATION, V2])
def test_rank_and_share_are_those_of_the_list(emulator: Emulator, given: Given, runtime: Any, recipe: str) -> None:
    """RT-33, R-72."""
    campaign = given.deployed(recipe)
    for place, entry in enumerate(listed(runtime, campaign, "u2"), start=1):
        found = emulator.explain(campaign, "u2", str(entry["itemId"]))
        assert (found.rank, found.share) == (place, entry["score"])


def test_an_effect_is_what_the_utility_loses_without_the_item(emulator: Emulator, given: Given, events: Any) -> None:
    """A new user's only event decides alone: without it, the user is nobody."""
    campaign = given.deployed(USER_PERSONALIZATION)
    group = given.personalize.list_dataset_groups()["datasetGroups"][0]["datasetGroupArn"]
    tracking = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    nobody = emulator.explain(campaign, "nobody", "i010")
    assert nobody.history == ()
    event = {"eventType": "watch", "itemId": "i004", "sentAt": 1_600_100_000}
    events.put_events(trackingId=tracking, userId="new", sessionId="s", eventList=[event])
    even, odd = (emulator.explain(campaign, "new", item) for item in ("i010", "i011"))
    assert [each.item_id for each in even.history] == ["i004"]
    assert even.history[0].effect > odd.history[0].effect
    assert relevance(even) - even.history[0].effect == pytest.approx(relevance(nobody), rel=0, abs=1e-5)


def test_what_cannot_be_explained_is_refused(emulator: Emulator, given: Given) -> None:
    campaign = given.deployed(USER_PERSONALIZATION)
    with pytest.raises(ResourceNotFoundException, match="does not know the item nothing"):
        emulator.explain(campaign, "u2", "nothing")
    with pytest.raises(ResourceNotFoundException):
        emulator.explain(f"{campaign}-2", "u2", "i000")
    with pytest.raises(ValueError, match="is not the ARN"):
        emulator.explain("home-page", "u2", "i000")


def test_related_items_have_no_user_to_explain(emulator: Emulator, given: Given) -> None:
    campaign = given.deployed(SIMS)
    with pytest.raises(InvalidInputException, match="not supported by an explanation"):
        emulator.explain(campaign, "u2", "i000")
