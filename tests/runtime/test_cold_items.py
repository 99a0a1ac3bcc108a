"""Cold items are recommended by their metadata, through boto3 (R-72, R-78, R-112, R-96, R-99)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.given import ITEMS_SCHEMA, USER_PERSONALIZATION, Given, two_camps

SIMILAR = "arn:aws:personalize:::recipe/aws-similar-items"
PLAIN = {"itemExplorationConfig": {"explorationWeight": "0"}}
CAMPS = ("even", "odd")
NEW = {f"new-{camp}-{number}": camp for camp in CAMPS for number in range(3)}


class Camps:
    """Even users interact with even items; GENRE distinguishes even and odd items, and six cold items have it too."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.group = given.imported_group(two_camps(users=60, items=20, events=18))
        genres = {f"i{item:03d}": CAMPS[item % 2] for item in range(40)} | NEW
        text = "ITEM_ID,GENRE\n" + "".join(f"{item},{genre}\n" for item, genre in genres.items())
        self.items = given.dataset(self.group, given.schema(ITEMS_SCHEMA, "items"), "Items", "items")
        given.import_job(self.items, given.upload(text, "items.csv"), "items")

    def campaign(self, recipe: str, name: str, config: dict[str, Any] | None = None) -> str:
        version = self.given.version(self.given.solution(self.group, recipe, name))
        return self.given.campaign(version, name, **({"campaignConfig": config} if config else {}))


@pytest.fixture
def camps(given: Given) -> Camps:
    return Camps(given)


def ranks(runtime: Any, campaign: str, user: str) -> dict[str, int]:
    """Item -> position in the response; all scores sum to 1."""
    answer = runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=100)["itemList"]
    assert sum(item["score"] for item in answer) == pytest.approx(1, abs=1e-5)
    return {item["itemId"]: place for place, item in enumerate(answer)}


def test_r72_new_items_are_ranked_by_metadata(camps: Camps, runtime: Any, events: Any, clock: ManualClock) -> None:
    campaign = camps.campaign(USER_PERSONALIZATION, "for-users", PLAIN)
    for user, own, other in (("u0", "even", "odd"), ("u1", "odd", "even")):
        found = ranks(runtime, campaign, user)
        assert max(found[f"new-{own}-{n}"] for n in range(3)) < min(found[f"new-{other}-{n}"] for n in range(3))
    events.put_items(
        datasetArn=camps.items,
        items=[{"itemId": f"put-{camp}", "properties": json.dumps({"genre": camp})} for camp in CAMPS],
    )
    assert "put-odd" not in ranks(runtime, campaign, "u1")
    clock.advance(7_300)
    for user, own, other in (("u0", "even", "odd"), ("u1", "odd", "even")):
        found = ranks(runtime, campaign, user)
        assert found[f"put-{own}"] < found[f"put-{other}"]


def test_r78_r112_similar_items_of_cold_items(camps: Camps, runtime: Any) -> None:
    campaign = camps.campaign(SIMILAR, "like-it")

    def near(item: str) -> list[str]:
        answer = runtime.get_recommendations(campaignArn=campaign, itemId=item, numResults=12)
        assert all("score" not in entry for entry in answer["itemList"])
        return [entry["itemId"] for entry in answer["itemList"]]

    odd = {f"i{item:03d}" for item in range(1, 40, 2)} | {item for item, camp in NEW.items() if camp == "odd"}
    assert set(near("new-odd-0")) <= odd
    assert set(near("i001")) <= odd
    assert "new-odd-0" not in near("new-odd-0")
