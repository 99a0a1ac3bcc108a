"""Declared answers, through boto3 clients in this process."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from personalize_emu import mock_personalize
from personalize_emu.doubles.answers.responses import made_scores
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.errors import ThrottlingException
from tests.given import POPULARITY, SIMS, Given, arn, two_camps
from tests.refusals import refusal


def items_of(answer: dict[str, Any]) -> list[str]:
    return [item["itemId"] for item in answer["itemList"]]


def test_newest_declaration_for_a_request_wins(emulator: Emulator, ask: Any) -> None:
    campaign = emulator.campaign("home-page", ["default"])
    emulator.recommend(campaign, user_id="u1", items=["first"])
    emulator.recommend(campaign, user_id="u1", items=["second"])
    assert (ask(campaign, "u1"), ask(campaign, "u2")) == (["second"], ["default"])
    emulator.recommend(campaign, items=["for all"])
    assert (ask(campaign, "u1"), ask(campaign, "u2")) == (["for all"], ["for all"])


def test_declaration_with_times_gives_way_to_the_one_before(emulator: Emulator, ask: Any) -> None:
    campaign = emulator.campaign("home-page", ["default"])
    declared = emulator.recommend(campaign, "u1", ["once"], times=1)
    assert [ask(campaign), ask(campaign)] == [["once"], ["default"]]
    assert declared.hits == 1
    emulator.recommend(campaign, "u1", ["twice"], times=2)
    assert [ask(campaign) for _ in range(3)] == [["twice"], ["twice"], ["default"]]


def test_refused_request_uses_up_no_declaration(emulator: Emulator, runtime: Any, ask: Any) -> None:
    campaign = emulator.campaign("home-page", ["default"])
    emulator.recommend(campaign, "u1", ["once"], times=1)
    code, message = refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1", numResults=501)
    assert (code, message) == ("InvalidInputException", "numResults must be between 1 and 500")
    assert ask(campaign) == ["once"]


def test_declaration_is_removed_at_the_end_of_its_block(emulator: Emulator, ask: Any) -> None:
    campaign = emulator.campaign("home-page", ["default"])
    with emulator.recommend(campaign, "u1", ["inside"]):
        assert ask(campaign) == ["inside"]
    assert ask(campaign) == ["default"]


def test_further_members_of_a_request_must_match(emulator: Emulator, ask: Any) -> None:
    campaign = emulator.campaign("home-page", ["default"])
    filter_arn = arn("filter", "in-stock")
    emulator.recommend(campaign, items=["phone"], where={"context": {"DEVICE": "phone"}})
    emulator.recommend(campaign, items=["filtered"], where={"filterArn": filter_arn})
    assert ask(campaign, context={"DEVICE": "phone", "HOUR": "7"}) == ["phone"]
    assert ask(campaign, context={"DEVICE": "desktop"}) == ["default"]
    assert ask(campaign, filterArn=filter_arn) == ["filtered"]
    assert ask(campaign) == ["default"]


def test_related_items_are_declared_by_item(emulator: Emulator, runtime: Any) -> None:
    campaign = emulator.campaign("related", ["other"], recipe="aws-sims")
    emulator.recommend(campaign, item_id="tent", items=["sleeping-bag"])
    answer = runtime.get_recommendations(campaignArn=campaign, itemId="tent")
    assert answer["itemList"] == [{"itemId": "sleeping-bag"}]
    assert items_of(runtime.get_recommendations(campaignArn=campaign, itemId="lamp")) == ["other"]
    assert refusal(runtime.get_recommendations, campaignArn=campaign) == (
        "InvalidInputException",
        "itemId is required",
    )


def test_required_members_are_those_of_the_recipe(emulator: Emulator, runtime: Any) -> None:
    """RT-20."""
    campaign = emulator.campaign("home-page", ["a"])
    assert refusal(runtime.get_recommendations, campaignArn=campaign)[1] == "userId is required"
    popular = emulator.campaign("popular", ["a"], recipe=POPULARITY)
    assert runtime.get_recommendations(campaignArn=popular)["itemList"] == [{"itemId": "a"}]


def test_ranking_is_the_declared_order_of_the_input(emulator: Emulator, runtime: Any) -> None:
    """RT-83: items that are not declared follow without score."""
    campaign = emulator.campaign("ranker", recipe="aws-personalized-ranking")
    emulator.rank(campaign, "u1", ["c", "x", "a"], scores=[0.7, 0.2, 0.1])
    answer = runtime.get_personalized_ranking(campaignArn=campaign, userId="u1", inputList=["a", "b", "c", "a", "d"])
    assert answer["personalizedRanking"] == [
        {"itemId": "c", "score": 0.7},
        {"itemId": "a", "score": 0.1},
        {"itemId": "b"},
        {"itemId": "d"},
    ]
    other = runtime.get_personalized_ranking(campaignArn=campaign, userId="u2", inputList=["a", "b"])
    assert other["personalizedRanking"] == [{"itemId": "a"}, {"itemId": "b"}]
    code, message = refusal(runtime.get_personalized_ranking, campaignArn=campaign, userId="u1", inputList=[])
    assert (code, message) == ("InvalidInputException", "inputList must contain between 1 and 500 items")


def test_actions_are_declared(emulator: Emulator, runtime: Any) -> None:
    campaign = emulator.campaign("next", ["call"], recipe="aws-next-best-action")
    emulator.actions(campaign, "u1", [f"action{number}" for number in range(8)])
    answer = runtime.get_action_recommendations(campaignArn=campaign, userId="u1")
    assert [action["actionId"] for action in answer["actionList"]] == [f"action{number}" for number in range(5)]
    assert [action["score"] for action in answer["actionList"]] == made_scores(8)[:5]
    code, _ = refusal(runtime.get_action_recommendations, campaignArn=campaign, userId="u1", numResults=101)
    assert code == "InvalidInputException"


def test_metadata_is_in_answers_to_requests_that_ask_for_it(emulator: Emulator, runtime: Any) -> None:
    """RT-67: keys in lower case."""
    metadata = {"a": {"GENRE": "drama", "YEAR": "1999"}}
    campaign = emulator.campaign("home-page", ["a", "b"], metadata=metadata)
    request = {"campaignArn": campaign, "userId": "u1"}
    assert "metadata" not in runtime.get_recommendations(**request)["itemList"][0]
    answer = runtime.get_recommendations(**request, metadataColumns={"ITEMS": ["Genre", "PRICE"]})
    assert [item["metadata"] for item in answer["itemList"]] == [{"genre": "drama"}, {}]
    columns = {"ITEMS": ["GENRE"]}
    message = refusal(runtime.get_recommendations, **request, numResults=51, metadataColumns=columns)[1]
    assert message == "numResults must be between 1 and 50"


def test_items_of_the_v2_recipe_have_reasons(emulator: Emulator, runtime: Any) -> None:
    """RT-75."""
    campaign = emulator.campaign("v2", ["a"], recipe="aws-user-personalization-v2")
    assert runtime.get_recommendations(campaignArn=campaign, userId="u")["itemList"][0]["reason"] == []


def test_declared_answer_of_a_trained_campaign_and_the_model_for_other_requests(
    emulator: Emulator, given: Given, runtime: Any, ask: Any
) -> None:
    campaign = given.deployed(SIMS, two_camps())
    other = {"campaignArn": campaign, "itemId": "i002", "numResults": 5}
    before = runtime.get_recommendations(**other)["itemList"]
    emulator.recommend(campaign, item_id="i000", items=["x"])
    assert items_of(runtime.get_recommendations(campaignArn=campaign, itemId="i000")) == ["x"]
    assert runtime.get_recommendations(**other)["itemList"] == before
    columns = {"ITEMS": ["GENRE"]}
    message = refusal(runtime.get_recommendations, campaignArn=campaign, itemId="i000", metadataColumns=columns)[1]
    assert "enableMetadataWithRecommendations" in message
    emulator.clear_answers()
    assert items_of(runtime.get_recommendations(campaignArn=campaign, itemId="i000")) != ["x"]
    with pytest.raises(ValueError, match="exists already: declare answers for its ARN"):
        emulator.campaign(campaign.rpartition("/")[2])


def test_events_refer_to_a_declared_answer(emulator: Emulator, runtime: Any) -> None:
    """RT-5: the impression of a recommendation id is the list that was answered."""
    campaign = emulator.campaign("home-page", ["a", "b", "c"])
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=2)
    served = emulator.state.answers.find(answer["recommendationId"])
    assert served is not None
    assert (served.deployment_arn, served.user_id, served.items) == (campaign, "u1", ("a", "b"))


def test_declared_answers_are_in_usage_and_metrics(emulator: Emulator, ask: Any) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    ask(campaign)
    assert emulator.usage()["lines"]
    counts = emulator.state.counters.counts().requests
    assert counts["GetRecommendations", 200] == 1


def test_reset_removes_answers_and_deployments(emulator: Emulator, personalize: Any, runtime: Any) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    emulator.reset()
    assert emulator.answers() == []
    assert personalize.list_campaigns()["campaigns"] == []
    assert refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1", status=404)[0] == (
        "ResourceNotFoundException"
    )


def test_made_scores_fall_and_sum_to_one() -> None:
    scores = made_scores(500)
    assert scores == sorted(set(scores), reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-4)


def test_answers_of_a_deleted_campaign_are_not_those_of_the_next_one_with_its_name(
    emulator: Emulator, given: Given, personalize: Any, runtime: Any
) -> None:
    campaign = given.deployed(SIMS, two_camps(), name="c")
    version = personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    emulator.recommend(campaign, item_id="i000", items=["x"])
    personalize.delete_campaign(campaignArn=campaign)
    assert given.campaign(version, name="c") == campaign
    assert items_of(runtime.get_recommendations(campaignArn=campaign, itemId="i000")) != ["x"]
    emulator.strict_answers()
    message = refusal(runtime.get_recommendations, campaignArn=campaign, itemId="i000")[1]
    assert message.endswith("its campaign or recommender was deleted.")


def test_capacity_holds_for_declared_answers() -> None:
    with mock_personalize(capacity="on", clock=ManualClock()) as emulator:
        request = {"campaignArn": emulator.campaign("home-page", ["a"]), "userId": "u1"}
        assert emulator.call("GetRecommendations", request) is not None
        with pytest.raises(ThrottlingException):
            emulator.call("GetRecommendations", request)
        emulator.advance(1)
        assert emulator.call("GetRecommendations", request) is not None


def test_declaration_with_times_is_used_so_often_by_concurrent_requests(emulator: Emulator) -> None:
    campaign = emulator.campaign("home-page", ["default"])
    declared = emulator.recommend(campaign, items=["five times"], times=5)
    start = threading.Barrier(8)

    def ask_five_times() -> list[str]:
        start.wait()
        answers = [emulator.call("GetRecommendations", {"campaignArn": campaign, "userId": "u1"}) for _ in range(5)]
        return [item["itemId"] for answer in answers if answer for item in answer["itemList"]]

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(ask_five_times) for _ in range(8)]
        items = [item for future in futures for item in future.result()]
    assert Counter(items) == {"five times": 5, "default": 35}
    assert declared.hits == 5
