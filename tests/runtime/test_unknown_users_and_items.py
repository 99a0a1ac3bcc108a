"""Unknown users and items, through boto3 (spec 09 section 2.3)."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.given import INTERACTIONS_SCHEMA, ITEMS_SCHEMA, POPULARITY, SIMS, USERS_SCHEMA, Given, as_csv, two_camps

SIMILAR = "arn:aws:personalize:::recipe/aws-similar-items"
LONELY = [("hermit", "alone", 1_600_000_000), ("hermit", "alone", 1_600_000_100)]
FAMOUS = [(f"fan{number}", "famous", 1_600_000_000 + number) for number in range(90)]


@pytest.fixture
def group(given: Given) -> str:
    """One popular item, one without co-occurrence, one without interactions; one user without events."""
    group = given.group()
    rows = [*two_camps(), *LONELY, *FAMOUS]
    given.import_job(given.dataset(group, given.schema(INTERACTIONS_SCHEMA)), given.upload(as_csv(rows)))
    items = given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items", "items")
    described = [*((f"i{number:03d}", f"camp{number % 2}") for number in range(60)), ("cold", "camp1"), ("famous", "x")]
    text = "ITEM_ID,GENRE\n" + "".join(f"{item},{genre}\n" for item, genre in described)
    given.import_job(items, given.upload(text, "items.csv"), "items")
    users = given.dataset(group, given.schema(USERS_SCHEMA, "users"), "Users", "users")
    given.import_job(users, given.upload("USER_ID,AGE\nquiet,30\n", "users.csv"), "users")
    return group


def campaign(given: Given, group: str, recipe: str, config: dict[str, Any] | None = None) -> str:
    name = recipe.rpartition("/")[2]
    extra = {"campaignConfig": config} if config else {}
    return given.campaign(given.version(given.solution(group, recipe, name=name)), name, **extra)


def asked(runtime: Any, campaign_arn: str, **params: Any) -> list[str]:
    answer = runtime.get_recommendations(campaignArn=campaign_arn, **params)
    return [item["itemId"] for item in answer["itemList"]]


def test_item_without_cooccurrence_gets_popular_items(given: Given, runtime: Any, group: str) -> None:
    """RT-44, RT-45, R-77a, R-78a: the same list as for unknown items; known items have their own lists."""
    related = campaign(given, group, SIMS)
    popular = asked(runtime, campaign(given, group, POPULARITY), numResults=5)
    assert popular[0] == "famous"
    assert asked(runtime, related, itemId="alone", numResults=5) == popular
    assert asked(runtime, related, itemId="who knows", numResults=5) == popular
    assert asked(runtime, related, itemId="i001", numResults=5) != popular


def test_cold_item_gets_similar_items(given: Given, runtime: Any, group: str) -> None:
    """RT-46, R-78: by metadata, for items without interactions."""
    found = asked(runtime, campaign(given, group, SIMILAR), itemId="cold", numResults=10)
    assert sum(int(item[1:]) % 2 for item in found if item.startswith("i")) >= 8


def test_a_user_without_events_gets_popular_items(given: Given, group: str) -> None:
    """RT-40, RT-42, R-72d: users in the Users dataset or unknown, with scores."""
    runtime = boto3.client("personalize-runtime", region_name="us-east-1")
    exploring = {"itemExplorationConfig": {"explorationWeight": "0"}}
    personal = campaign(given, group, "arn:aws:personalize:::recipe/aws-user-personalization", exploring)
    for user in ("quiet", "nobody"):
        answer = runtime.get_recommendations(campaignArn=personal, userId=user, numResults=3)["itemList"]
        assert answer[0]["itemId"] == "famous"
        assert all(item["score"] > 0 for item in answer)
