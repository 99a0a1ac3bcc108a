"""GetRecommendations and GetPersonalizedRanking through boto3 (spec 09)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.given import POPULARITY, RANKING, SIMS, USER_PERSONALIZATION, Given, arn, two_camps
from tests.refusals import refusal

V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
UNKNOWN = arn("campaign", "none")


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["itemId"] for item in answer["itemList"]]


def test_recommendations_are_of_the_users_group(given: Given, runtime: Any) -> None:
    """R-72, RT-30 to RT-34, RT-5."""
    campaign = given.deployed(USER_PERSONALIZATION)
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u2", numResults=5)
    assert re.fullmatch(r"RID-[0-9a-f]{2}(-[0-9a-f]{4}){2}-[0-9a-f]{12}-CID-[0-9a-f]{6}", answer["recommendationId"])
    assert len(answer["itemList"]) == 5
    assert all(int(item[1:]) % 2 == 0 for item in ids(answer))
    scores = [item["score"] for item in answer["itemList"]]
    assert scores == sorted(scores, reverse=True)
    assert all(set(item) == {"itemId", "score"} for item in answer["itemList"])
    assert all(round(score, 7) == score for score in scores)


def test_scores_sum_to_one_over_the_catalog(given: Given, runtime: Any) -> None:
    """R-72, RT-34."""
    campaign = given.deployed(USER_PERSONALIZATION)
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u2", numResults=60)
    assert len(answer["itemList"]) == 60
    assert sum(item["score"] for item in answer["itemList"]) == pytest.approx(1, abs=1e-5)


def test_v2_gives_reasons(given: Given, runtime: Any) -> None:
    """RT-75, R-73."""
    answer = runtime.get_recommendations(campaignArn=given.deployed(V2), userId="u2")
    assert all(item["reason"] == [] for item in answer["itemList"])
    assert all(0 < item["score"] < 1 for item in answer["itemList"])


def test_the_default_is_25_results(given: Given, runtime: Any) -> None:
    """RT-14, RT-21."""
    campaign = given.deployed(POPULARITY)
    assert len(ids(runtime.get_recommendations(campaignArn=campaign))) == 25
    assert len(ids(runtime.get_recommendations(campaignArn=campaign, numResults=0))) == 25
    assert len(ids(runtime.get_recommendations(campaignArn=campaign, numResults=500))) == 60
    assert refusal(runtime.get_recommendations, campaignArn=campaign, numResults=501) == (
        "InvalidInputException",
        "numResults must be between 1 and 500",
    )


def test_popularity_counts_users_and_shows_no_scores(given: Given, runtime: Any) -> None:
    """R-75, RT-31, RT-59, R-33: the key of an item is itemId."""
    rows = two_camps()
    extra = [(f"u{user}", "i059", 1_700_000_000 + user) for user in range(50)]
    answer = runtime.get_recommendations(campaignArn=given.deployed(POPULARITY, rows + extra), numResults=3)
    assert ids(answer)[0] == "i059"
    assert all(set(item) == {"itemId"} for item in answer["itemList"])


def test_related_items_are_of_the_items_group(given: Given, runtime: Any) -> None:
    """R-77, R-77b, RT-19, RT-31."""
    campaign = given.deployed(SIMS)
    answer = runtime.get_recommendations(campaignArn=campaign, itemId="i010", numResults=5)
    assert all(int(item[1:]) % 2 == 0 for item in ids(answer))
    assert "i010" not in ids(answer)
    assert all(set(item) == {"itemId"} for item in answer["itemList"])
    assert refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1") == (
        "InvalidInputException",
        "itemId is required",
    )


def test_an_unknown_item_gets_popular_items(given: Given, runtime: Any) -> None:
    """RT-44, R-77a."""
    campaign = given.deployed(SIMS)
    answer = runtime.get_recommendations(campaignArn=campaign, itemId="never seen", numResults=5)
    assert len(ids(answer)) == 5


@pytest.mark.parametrize("missing", [{}, {"userId": ""}, {"itemId": "i001"}])
def test_personalized_recipes_need_a_user(given: Given, runtime: Any, missing: dict[str, str]) -> None:
    """RT-19, RT-20."""
    campaign = given.deployed(USER_PERSONALIZATION)
    assert refusal(runtime.get_recommendations, campaignArn=campaign, **missing) == (
        "InvalidInputException",
        "userId is required",
    )


def test_an_unknown_user_gets_popular_items_with_scores(given: Given, runtime: Any) -> None:
    """RT-40, R-72d."""
    rows = two_camps()
    extra = [(f"u{user}", "i059", 1_700_000_000 + user) for user in range(60)]
    campaign = given.deployed(USER_PERSONALIZATION, rows + extra)
    answer = runtime.get_recommendations(campaignArn=campaign, userId="stranger", numResults=3)
    assert ids(answer)[0] == "i059"
    assert all("score" in item for item in answer["itemList"])


def test_ranking_scores_known_items_and_appends_unknown(given: Given, runtime: Any) -> None:
    """R-74, R-74a, RT-81 to RT-84."""
    campaign = given.deployed(RANKING)
    asked = ["zz", "i001", "i024", "i003", "aa", "i024", "i006"]
    answer = runtime.get_personalized_ranking(campaignArn=campaign, userId="u2", inputList=asked)
    ranking = answer["personalizedRanking"]
    assert sorted(item["itemId"] for item in ranking[:4]) == ["i001", "i003", "i006", "i024"]
    assert sum(item["score"] for item in ranking[:4]) == pytest.approx(1, abs=1e-6)
    assert {item["itemId"] for item in ranking[:2]} == {"i006", "i024"}
    assert ranking[4:] == [{"itemId": "zz"}, {"itemId": "aa"}]
    assert answer["recommendationId"].startswith("RID-")


def test_a_ranking_of_unknown_items_only(given: Given, runtime: Any) -> None:
    """RT-83."""
    campaign = given.deployed(RANKING)
    answer = runtime.get_personalized_ranking(campaignArn=campaign, userId="new", inputList=["b", "a"])
    assert answer["personalizedRanking"] == [{"itemId": "b"}, {"itemId": "a"}]


@pytest.mark.parametrize("count", [0, 501])
def test_rankings_take_1_to_500_items(given: Given, runtime: Any, count: int) -> None:
    """RT-81."""
    campaign = given.deployed(RANKING)
    items = [f"i{number}" for number in range(count)]
    assert refusal(runtime.get_personalized_ranking, campaignArn=campaign, userId="u", inputList=items) == (
        "InvalidInputException",
        "inputList must contain between 1 and 500 items",
    )


def test_operations_and_recipes_must_fit(given: Given, runtime: Any) -> None:
    """RT-22, RT-85, RT-110."""
    ranking, sims = given.deployed(RANKING, name="r"), given.deployed(SIMS, name="s")
    assert refusal(runtime.get_recommendations, campaignArn=ranking, userId="u") == (
        "InvalidInputException",
        "Campaign recipe type PERSONALIZED_RANKING is not supported by GetRecommendations",
    )
    assert refusal(runtime.get_personalized_ranking, campaignArn=sims, userId="u", inputList=["i"]) == (
        "InvalidInputException",
        "Campaign recipe type RELATED_ITEMS is not supported by GetPersonalizedRanking",
    )


def test_unknown_campaigns_are_404_at_the_runtime(emulator: Any, runtime: Any) -> None:
    """P-38, RT-4, RT-110."""
    expected = ("ResourceNotFoundException", f"The given campaign ARN could not be found: {UNKNOWN}")
    assert refusal(runtime.get_recommendations, status=404, campaignArn=UNKNOWN, userId="u") == expected
    assert (
        refusal(
            runtime.get_personalized_ranking, status=404, campaignArn=UNKNOWN, userId="u", inputList=["i"]
        )
        == expected
    )


def test_arns_are_checked_for_their_type_first(given: Given, runtime: Any) -> None:
    """RT-10, RT-23."""
    campaign, recommender = given.deployed(POPULARITY), arn("recommender", "none")
    call = runtime.get_recommendations
    assert refusal(call, campaignArn=recommender, userId="u")[0] == "InvalidInputException"
    assert refusal(call, userId="u")[0] == "InvalidInputException"
    both = {"campaignArn": campaign, "recommenderArn": recommender}
    assert refusal(call, userId="u", **both)[0] == "InvalidInputException"
    assert refusal(call, status=404, userId="u", recommenderArn=recommender)[0] == "ResourceNotFoundException"
    assert refusal(call, campaignArn=campaign, filterArn=campaign)[0] == "InvalidInputException"
    unknown = arn("filter", "none")
    assert refusal(call, status=404, campaignArn=campaign, filterArn=unknown)[0] == "ResourceNotFoundException"


def test_promotions_and_metadata_are_checked(given: Given, runtime: Any) -> None:
    """RT-58, RT-68."""
    campaign = given.deployed(POPULARITY)
    for extra in ({"promotions": [{"name": "p"}]}, {"metadataColumns": {"ITEMS": ["GENRE"]}}):
        code, _ = refusal(runtime.get_recommendations, campaignArn=campaign, **extra)
        assert code == "InvalidInputException"


def test_equal_requests_get_equal_answers(given: Given, runtime: Any) -> None:
    """RT-35."""
    campaign = given.deployed(USER_PERSONALIZATION)
    answers = [runtime.get_recommendations(campaignArn=campaign, userId="u5")["itemList"] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]


def test_deleted_campaign_is_not_found(given: Given, runtime: Any) -> None:
    """R-CMP-16, RT-22."""
    campaign = given.deployed(POPULARITY)
    given.personalize.delete_campaign(campaignArn=campaign)
    assert refusal(runtime.get_recommendations, status=404, campaignArn=campaign)[0] == (
        "ResourceNotFoundException"
    )
