"""Campaigns and recommenders that are declared without data."""

from __future__ import annotations

from typing import Any

from personalize_emu.doubles.answers.responses import made_scores
from personalize_emu.emulator import Emulator
from tests.given import RANKING, REGION, Given, arn, two_camps
from tests.refusals import refusal


def items_of(answer: dict[str, Any]) -> list[str]:
    return [item["itemId"] for item in answer["itemList"]]


def test_campaign_without_data_answers_at_once(emulator: Emulator, runtime: Any) -> None:
    campaign = emulator.campaign("home-page", ["a", "b", "c"])
    assert campaign == arn("campaign", "home-page")
    answer = runtime.get_recommendations(campaignArn=campaign, userId="anyone", numResults=2)
    assert items_of(answer) == ["a", "b"]
    assert [item["score"] for item in answer["itemList"]] == made_scores(3)[:2]
    assert answer["recommendationId"].startswith("RID-")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_campaign_without_data_and_items_has_empty_answers(emulator: Emulator, ask: Any) -> None:
    assert ask(emulator.campaign("home-page")) == []


def test_campaign_without_data_is_described_listed_tagged_and_deleted(
    emulator: Emulator, personalize: Any, runtime: Any
) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    described = personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert (described["name"], described["status"], described["minProvisionedTPS"]) == ("home-page", "ACTIVE", 1)
    assert described["solutionVersionArn"] == arn("solution", "declared-home-page/00000000")
    assert [each["campaignArn"] for each in personalize.list_campaigns()["campaigns"]] == [campaign]
    personalize.tag_resource(resourceArn=campaign, tags=[{"tagKey": "team", "tagValue": "web"}])
    personalize.delete_campaign(campaignArn=campaign)
    assert personalize.list_campaigns()["campaigns"] == []
    code, _ = refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1", status=404)
    assert code == "ResourceNotFoundException"


def test_campaign_that_is_declared_anew_after_its_deletion_has_its_new_answer_only(
    emulator: Emulator, personalize: Any, ask: Any
) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    emulator.recommend(campaign, user_id="u1", items=["of u1"])
    personalize.delete_campaign(campaignArn=campaign)
    assert emulator.campaign("home-page", ["b"]) == campaign
    assert ask(campaign) == ["b"]


def test_campaign_that_is_declared_twice_has_the_newer_answer(emulator: Emulator, ask: Any) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    assert emulator.campaign("home-page", ["b"]) == campaign
    assert ask(campaign) == ["b"]
    assert len(emulator.answers()) == 1


def test_answers_count_for_no_quota(emulator: Emulator, personalize: Any) -> None:
    for number in range(12):
        emulator.campaign(f"c{number}")
        emulator.recommender(f"r{number}")
    assert len(personalize.list_campaigns()["campaigns"]) == 12


def test_recommender_without_data_answers_and_is_stopped_started_and_deleted(
    emulator: Emulator, personalize: Any, runtime: Any
) -> None:
    recommender = emulator.recommender("for-you", ["a"])
    emulator.recommend(recommender_arn=recommender, user_id="u1", items=["b"])
    answer = runtime.get_recommendations(recommenderArn=recommender, userId="u1")
    assert answer["itemList"] == [{"itemId": "b"}]
    assert items_of(runtime.get_recommendations(recommenderArn=recommender, userId="u2")) == ["a"]
    personalize.stop_recommender(recommenderArn=recommender)
    assert "not ACTIVE" in refusal(runtime.get_recommendations, recommenderArn=recommender, userId="u1")[1]
    personalize.start_recommender(recommenderArn=recommender)
    assert items_of(runtime.get_recommendations(recommenderArn=recommender, userId="u1")) == ["b"]
    config = {"minRecommendationRequestsPerSecond": 3}
    personalize.update_recommender(recommenderArn=recommender, recommenderConfig=config)
    described = personalize.describe_recommender(recommenderArn=recommender)["recommender"]
    assert (described["status"], described["recommenderConfig"]) == ("ACTIVE", config)
    personalize.delete_recommender(recommenderArn=recommender)
    assert personalize.list_recommenders()["recommenders"] == []


def test_other_operations_of_a_campaign_without_data_are_refused_by_its_recipe(
    emulator: Emulator, runtime: Any
) -> None:
    """RT-22."""
    campaign = emulator.campaign("home-page", ["a"])
    message = refusal(runtime.get_personalized_ranking, campaignArn=campaign, userId="u1", inputList=["a"])[1]
    assert message == "Campaign recipe type USER_PERSONALIZATION is not supported by GetPersonalizedRanking"


def test_campaign_without_data_is_updated_to_a_trained_version(
    emulator: Emulator, given: Given, personalize: Any, runtime: Any
) -> None:
    trained = given.deployed(RANKING, two_camps())
    version = personalize.describe_campaign(campaignArn=trained)["campaign"]["solutionVersionArn"]
    campaign = emulator.campaign("ranker", recipe=RANKING)
    code, message = refusal(personalize.update_campaign, campaignArn=campaign, minProvisionedTPS=2)
    assert code == "ResourceNotFoundException"
    assert "declared-ranker" in message
    personalize.update_campaign(campaignArn=campaign, solutionVersionArn=version)
    emulator.clear_answers()
    request = {"userId": "u0", "inputList": ["i000", "i001", "i002"]}
    answer = runtime.get_personalized_ranking(campaignArn=campaign, **request)["personalizedRanking"]
    assert answer == runtime.get_personalized_ranking(campaignArn=trained, **request)["personalizedRanking"]
    assert len(answer) == 3


def test_answers_are_for_the_region_and_account_of_their_arn(emulator: Emulator, runtime: Any) -> None:
    campaign = emulator.campaign("home-page", ["a"], region="eu-west-1")
    assert campaign.startswith("arn:aws:personalize:eu-west-1:")
    assert refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1", status=404)
    assert REGION != "eu-west-1"
