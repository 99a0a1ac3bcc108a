"""Every effect planted in the bundled shop is found by the recipe that should find it.

Seasons are told to the recipe the way an application would tell them: by a column of the interactions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import gmtime
from typing import Any

import boto3
import numpy as np
import pytest

from personalize_emu.demo import Dataset, Shopper, generate
from personalize_emu.demo.shop import CATEGORIES, FOLLOW_UPS, PERSONAS
from personalize_emu.demo.shoppers import END
from personalize_emu.edge.mock import mock_personalize
from personalize_emu.schema_files import schema_text
from personalize_emu.state.clock import ManualClock
from tests.given import REGION, Given, field

CONSUMABLES = frozenset(category.name for category in CATEGORIES if category.again)
NEWCOMERS = {"young": "18-29", "old": "50+"}
"""Shoppers of whom the shop knows their age and nothing else."""
SUMMER, WINTER = ("Tents", "Sleeping Bags"), ("Toys", "Tea", "Lamps")


@dataclass(frozen=True)
class Shop:
    """Campaigns by recipe, and what is in the data."""

    data: Dataset
    campaigns: dict[str, str]
    tracker: str
    runtime: Any
    events: Any

    def recommended(self, recipe: str, count: int = 25, **request: Any) -> list[str]:
        answer = self.runtime.get_recommendations(campaignArn=self.campaigns[recipe], numResults=count, **request)
        return [item["itemId"] for item in answer["itemList"]]

    def put(self, user: str, item: str, moment: int, kind: str = "View") -> None:
        properties = json.dumps({"device": "phone", "season": season_of(moment)})
        event = {"eventType": kind, "itemId": item, "sentAt": moment, "properties": properties}
        self.events.put_events(trackingId=self.tracker, userId=user, sessionId="s", eventList=[event])

    def first_of(self, category: str) -> str:
        return next(item.item_id for item in self.data.items if item.category_l1 == category)

    def chance(self, categories: Sequence[str] | frozenset[str], **request: Any) -> float:
        """Of all items of some categories together, to be what a user wants next."""
        category_of = {item.item_id: item.category_l1 for item in self.data.items}
        campaign = self.campaigns["aws-user-personalization"]
        answer = self.runtime.get_recommendations(campaignArn=campaign, numResults=len(self.data.items), **request)
        return sum(item["score"] for item in answer["itemList"] if category_of[item["itemId"]] in categories)

    def share(self, items: Sequence[str], categories: Sequence[str] | frozenset[str]) -> float:
        """Of the items that are of some categories."""
        category_of = {item.item_id: item.category_l1 for item in self.data.items}
        return float(np.mean([category_of[item] in categories for item in items]))

    def users_of(self, persona: str, count: int) -> list[str]:
        return sorted(user for user, theirs in self.data.personas.items() if theirs == persona)[:count]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data = generate()
    known = (*data.users, *(Shopper(name, age, "none") for name, age in NEWCOMERS.items()))
    files = replace(data, users=known).write_csv(tmp_path_factory.mktemp("shop"))
    with mock_personalize(clock=ManualClock(float(END + 60))):
        given = Given(boto3.client("personalize", REGION), boto3.client("s3", REGION))
        group = filled_group(given, files)
        campaigns = {
            recipe: given.campaign(given.version(solution(given, group, recipe)), recipe)
            for recipe in ("aws-user-personalization", "aws-trending-now", "aws-similar-items")
        }
        tracker = given.personalize.create_event_tracker(name="tracker", datasetGroupArn=group)["trackingId"]
        runtime = boto3.client("personalize-runtime", REGION)
        yield Shop(data, campaigns, tracker, runtime, boto3.client("personalize-events", REGION))


def season_of(moment: int) -> str:
    return "summer" if 4 <= gmtime(moment).tm_mon <= 9 else "winter"


def with_seasons(path: Path) -> str:
    """The file of interactions with a column SEASON."""
    header, *rows = path.read_text("utf-8").splitlines()
    place = header.split(",").index("TIMESTAMP")
    return "\n".join([header + ",SEASON", *(f"{row},{season_of(int(row.split(',')[place]))}" for row in rows)])


def filled_group(given: Given, files: Sequence[Path]) -> str:
    group = given.group()
    for path in files:
        schema, text = json.loads(schema_text(f"demo/{path.stem}")), path.read_text("utf-8")
        if path.stem == "interactions":
            schema["fields"].append(field("SEASON", categorical=True))
            text = with_seasons(path)
        dataset = given.dataset(group, given.schema(json.dumps(schema), path.stem), path.stem, path.stem)
        given.import_job(dataset, given.upload(text, path.name), path.stem)
    return group


def solution(given: Given, group: str, recipe: str) -> str:
    arn = f"arn:aws:personalize:::recipe/{recipe}"
    return given.solution(group, arn, recipe, performAutoTraining=False)


@pytest.mark.parametrize("persona", PERSONAS)
def test_effect_1_tastes(shop: Shop, persona: str) -> None:
    """Three quarters of what shoppers look at is of their persona; chance would be a fifth to a quarter."""
    shares = [
        shop.share(shop.recommended("aws-user-personalization", userId=user), PERSONAS[persona])
        for user in shop.users_of(persona, 8)
    ]
    assert np.mean(shares) > 0.5


@pytest.mark.parametrize("bought", FOLLOW_UPS)
def test_effect_3_sequences(shop: Shop, bought: str) -> None:
    """Who has just bought the one is recommended the other, at once."""
    user = f"just-bought-{bought.replace(' ', '-')}"
    wanted = [FOLLOW_UPS[bought]]
    before = shop.chance(wanted, userId=user)
    shop.put(user, shop.first_of(bought), END + 30)
    shop.put(user, shop.first_of(bought), END + 40, "Purchase")
    assert shop.chance(wanted, userId=user) > 1.2 * before


def test_effect_8_seasons(shop: Shop) -> None:
    chances = {
        season: {goods: shop.chance(goods, userId="somebody", context={"SEASON": season}) for goods in (SUMMER, WINTER)}
        for season in ("summer", "winter")
    }
    assert chances["summer"][SUMMER] > 1.5 * chances["winter"][SUMMER]
    assert chances["winter"][WINTER] > 1.5 * chances["summer"][WINTER]


def test_effect_9_trends(shop: Shop) -> None:
    trending = shop.recommended("aws-trending-now", len(shop.data.trending))
    popular = [item in shop.data.trending for item in trending]
    assert np.mean(popular) > 5 * len(shop.data.trending) / len(shop.data.items)


def test_effect_10_new_items(shop: Shop) -> None:
    """What nobody met yet is similar to what is of its category."""
    met = {event.item_id for event in shop.data.interactions}
    unmet = [item for item in shop.data.items if item.item_id not in met]
    shares = [
        shop.share(shop.recommended("aws-similar-items", 10, itemId=item.item_id), [item.category_l1])
        for item in unmet
    ]
    assert np.mean(shares) > 0.5


def test_effect_11_devices(shop: Shop) -> None:
    users = [user for persona in PERSONAS for user in shop.users_of(persona, 4)]

    def consumables(device: str) -> float:
        lists = [
            shop.recommended("aws-user-personalization", userId=user, context={"DEVICE": device}) for user in users
        ]
        return float(np.mean([shop.share(items, CONSUMABLES) for items in lists]))

    assert consumables("phone") > consumables("desktop") + 0.1


def test_effect_12_segments(shop: Shop) -> None:
    """Of a newcomer only the age is known: the young are into gadgets, the old into pets."""
    lists = {name: shop.recommended("aws-user-personalization", 50, userId=name) for name in NEWCOMERS}
    for persona, (more, less) in {"gadget": ("young", "old"), "pets": ("old", "young")}.items():
        own = frozenset(PERSONAS[persona])
        assert shop.share(lists[more], own) > shop.share(lists[less], own)
