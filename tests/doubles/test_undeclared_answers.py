"""Requests that no answer is declared for, and declarations that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu import mock_personalize
from personalize_emu.doubles.answers import declared_answers
from personalize_emu.emulator import Emulator
from tests.clients import client
from tests.given import SIMS, Given, arn, two_camps
from tests.refusals import refusal


def items_of(answer: dict[str, Any]) -> list[str]:
    return [item["itemId"] for item in answer["itemList"]]


def test_campaign_without_data_whose_answers_were_removed_says_so(emulator: Emulator, runtime: Any) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    emulator.clear_answers()
    code, message = refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1")
    assert code == "InvalidInputException"
    assert "Nothing is declared: use recommend() of the emulator, or POST /_emu/answers." in message


def test_strict_answers_name_the_nearest_declaration(emulator: Emulator, given: Given, runtime: Any) -> None:
    emulator.strict_answers()
    campaign = given.deployed(SIMS, two_camps())
    emulator.recommend(campaign, item_id="i000", items=["x"])
    emulator.recommend(campaign, item_id="i001", user_id="u1", items=["x"])
    assert items_of(runtime.get_recommendations(campaignArn=campaign, itemId="i000")) == ["x"]
    code, message = refusal(runtime.get_recommendations, campaignArn=campaign, itemId="i002")
    assert code == "InvalidInputException"
    assert message.startswith(f"No answer is declared for GetRecommendations with campaignArn '{campaign}', itemId")
    assert "declaration is number 1" in message
    assert message.endswith("itemId 'i000': it differs in itemId.")
    message = refusal(runtime.get_recommendations, campaignArn=campaign + "x", itemId="i000")[1]
    assert message.endswith("itemId 'i000': it differs in campaignArn.")
    emulator.strict_answers(on=False)
    assert runtime.get_recommendations(campaignArn=campaign, itemId="i002")["itemList"]


def test_strict_answers_say_when_a_declaration_is_used_up(emulator: Emulator, runtime: Any) -> None:
    campaign = emulator.campaign("home-page")
    emulator.clear_answers()
    emulator.recommend(campaign, "u1", ["a"], times=1)
    runtime.get_recommendations(campaignArn=campaign, userId="u1")
    message = refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1")[1]
    assert message.endswith("it was used up after 1 requests.")


def test_strictness_of_the_settings_holds_after_a_reset() -> None:
    with mock_personalize(strict_answers=True) as emulator:
        runtime = client("personalize-runtime")
        emulator.strict_answers(on=False)
        emulator.reset()
        request = {"campaignArn": arn("campaign", "none"), "userId": "u1"}
        assert "No answer is declared" in refusal(runtime.get_recommendations, **request)[1]
        emulator.strict_answers(on=False)
        assert refusal(runtime.get_recommendations, **request, status=404)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"campaign_arn": "nothing", "items": ["a"]}, "is not the ARN of a campaign; there are arn:.*home-page"),
        ({"items": ["a"]}, "exactly one of campaignArn and recommenderArn"),
        ({"recommender_arn": arn("campaign", "home-page"), "items": []}, "give it as campaignArn"),
        ({"items": ["a", "a"]}, "'a' twice"),
        ({"items": "abc"}, "items must be a list of ids"),
        ({"items": [""]}, "items must be a list of ids"),
        ({"items": ["a"], "user_id": ""}, "userId must have 1 to 256"),
        ({"items": ["a"], "scores": [0.5, 0.4]}, "one number for each of the 1 items, not 2"),
        ({"items": ["a"], "scores": [1.5]}, "numbers from 0 to 1"),
        ({"items": ["a"], "scores": [float("nan")]}, "numbers from 0 to 1"),
        ({"items": ["a"], "scores": [10**400]}, "numbers from 0 to 1"),
        ({"items": ["a"], "metadata": {"b": {"GENRE": "x"}}}, "metadata is for 'b'"),
        ({"items": ["a"], "metadata": {"a": {"YEAR": 1}}}, "column names and texts"),
        ({"items": ["a"], "times": 0}, "times must be a whole number from 1"),
        ({"items": ["a"], "where": {"itemIdd": "x"}}, "has no 'itemIdd', it has campaignArn, itemId"),
    ],
)
def test_declaration_that_makes_no_sense_is_refused(emulator: Emulator, declared: dict[str, Any], message: str) -> None:
    campaign = emulator.campaign("home-page")
    if not {"campaign_arn", "recommender_arn"} & set(declared) and "exactly" not in message:
        declared = {"campaign_arn": campaign, **declared}
    with pytest.raises(ValueError, match=message):
        emulator.recommend(**declared)
    assert len(emulator.answers()) == 1


def test_declaration_for_another_operation_names_the_right_method(emulator: Emulator) -> None:
    campaign = emulator.campaign("ranker", recipe="aws-personalized-ranking")
    with pytest.raises(ValueError, match=r"answers GetPersonalizedRanking, not GetRecommendations: use rank\(\)"):
        emulator.recommend(campaign, "u1", ["a"])
    with pytest.raises(ValueError, match="recipe aws-sims have no scores"):
        emulator.recommend(emulator.campaign("sims", recipe="aws-sims"), items=["a"], scores=[1.0])


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"name": "two words"}, "failed to satisfy constraint"),
        ({"name": "x", "recipe": "aws-item-affinity"}, "recipe of a campaign must be one of aws-"),
        ({"name": "x", "recipe": "aws-vod-top-picks"}, "recipe of a campaign must be one of aws-"),
        ({"name": "x", "region": "here"}, "region must be one such as us-east-1"),
    ],
)
def test_campaign_that_makes_no_sense_is_refused(emulator: Emulator, declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emulator.campaign(**declared)
    assert emulator.answers() == []


def test_number_of_declarations_is_bounded(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, ask: Any) -> None:
    monkeypatch.setattr(declared_answers, "MOST_ANSWERS", 3)
    campaign = emulator.campaign("home-page", ["default"])
    emulator.recommend(campaign, "u1", ["once"], times=1)
    emulator.recommend(campaign, "u2", ["two"])
    with pytest.raises(ValueError, match="there are 3 declared answers already"):
        emulator.recommend(campaign, "u3", ["three"])
    assert ask(campaign) == ["once"]
    emulator.recommend(campaign, "u3", ["three"])
    assert ask(campaign, "u3") == ["three"]
