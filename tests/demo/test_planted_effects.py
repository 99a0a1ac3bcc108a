"""Every effect in the bundled shop data is found by the recipe for it.

Seasons are passed as context, through a column of the interactions. Repeat purchases are tested with a solution on
purchases alone. Weekends (effect 8) change the number of sales only and are not tested; nor are different repurchase
intervals, because the recipes learn one interval for all consumables.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import gmtime
from typing import Any

import boto3
import numpy as np
import pytest

from personalize_emu.demo import Dataset, Shopper, generate
from personalize_emu.demo.shop import CATEGORIES, DAY, FOLLOW_UPS, PERSONAS
from personalize_emu.demo.shoppers import END
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.schema_files import schema_text
from personalize_emu.state.clock import ManualClock
from tests.given import REGION, Given, field

CONSUMABLES = frozenset(category.name for category in CATEGORIES if category.again)
BOUGHT = {"eventParametersList": [{"eventType": "Purchase"}]}
UNEXPLORED = {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}
NEWCOMERS = {"young": "18-29", "old": "50+"}
"""Users with age and no events."""
PURCHASES = "aws-user-personalization of purchases"
RECIPES = ("aws-user-personalization", "aws-trending-now", "aws-similar-items", "aws-sims", "aws-popularity-count")
SUMMER, WINTER = ("Tents", "Sleeping Bags"), ("Toys", "Tea", "Lamps")


@dataclass(frozen=True)
class Shop:
    """Campaigns by recipe, and the data."""

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

    def scores(self, recipe: str, **request: Any) -> dict[str, float]:
        """The score of each item for a user."""
        campaign = self.campaigns[recipe]
        answer = self.runtime.get_recommendations(campaignArn=campaign, numResults=len(self.data.items), **request)
        return {item["itemId"]: item["score"] for item in answer["itemList"]}

    def chance(self, categories: Sequence[str] | frozenset[str], **request: Any) -> float:
        """The total score of the items of some categories."""
        category_of = {item.item_id: item.category_l1 for item in self.data.items}
        scores = self.scores("aws-user-personalization", **request)
        return sum(score for item, score in scores.items() if category_of[item] in categories)

    def share(self, items: Sequence[str], categories: Sequence[str] | frozenset[str]) -> float:
        """The items of some categories."""
        category_of = {item.item_id: item.category_l1 for item in self.data.items}
        return float(np.mean([category_of[item] in categories for item in items]))

    def users_of(self, persona: str, count: int) -> list[str]:
        return sorted(user for user, theirs in self.data.personas.items() if theirs == persona)[:count]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data = generate()
    known = (*data.users, *(Shopper(name, age, "none") for name, age in NEWCOMERS.items()))
    files = replace(data, users=known).write_csv(tmp_path_factory.mktemp("shop"))
    with mock_personalize(clock=ManualClock(float(END + 60)), quotas="off"):
        given = Given(boto3.client("personalize", REGION), boto3.client("s3", REGION))
        group = filled_group(given, files)
        campaigns = {
            recipe: given.campaign(given.version(solution(given, group, recipe)), recipe) for recipe in RECIPES
        }
        buying = solution(given, group, RECIPES[0], "purchases", {"eventsConfig": BOUGHT})
        campaigns[PURCHASES] = given.campaign(given.version(buying), "purchases", **UNEXPLORED)
        tracker = given.personalize.create_event_tracker(name="tracker", datasetGroupArn=group)["trackingId"]
        runtime = boto3.client("personalize-runtime", REGION)
        yield Shop(data, campaigns, tracker, runtime, boto3.client("personalize-events", REGION))


def season_of(moment: int) -> str:
    return "summer" if 4 <= gmtime(moment).tm_mon <= 9 else "winter"


def share_of_brand(data: Dataset, scores: dict[str, float], brand: str, category: str) -> float:
    """The share of one brand in the scores of a category."""
    of_category = [item for item in data.items if item.category_l1 == category and item.item_id in scores]
    of_brand = sum(scores[item.item_id] for item in of_category if item.brand == brand)
    return of_brand / sum(scores[item.item_id] for item in of_category)


def with_seasons(path: Path) -> str:
    """The interactions file with a column SEASON."""
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


def solution(
    given: Given, group: str, recipe: str, name: str | None = None, config: dict[str, Any] | None = None
) -> str:
    arn = f"arn:aws:personalize:::recipe/{recipe}"
    return given.solution(group, arn, name or recipe, performAutoTraining=False, solutionConfig=config or {})


@pytest.mark.parametrize("persona", PERSONAS)
def test_effect_1_tastes(shop: Shop, persona: str) -> None:
    """Three quarters of the views are in the persona's categories; chance would be a fifth to a quarter."""
    shares = [
        shop.share(shop.recommended("aws-user-personalization", userId=user), PERSONAS[persona])
        for user in shop.users_of(persona, 8)
    ]
    assert np.mean(shares) > 0.5


def test_effect_2_consumables_are_recommended_again(shop: Shop) -> None:
    """Buyers of coffee get coffee again; buyers of a printer get printers hardly more often than others."""
    times: dict[str, float] = {}
    for category in CATEGORIES:
        user, item = f"buyer-of-{category.name}", shop.first_of(category.name)
        before = shop.scores(PURCHASES, userId=user)[item]
        shop.put(user, item, END - 30 * DAY, "Purchase")
        times[category.name] = shop.scores(PURCHASES, userId=user)[item] / before
    consumables = [times[category.name] for category in CATEGORIES if category.again]
    durables = [times[category.name] for category in CATEGORIES if not category.again]
    assert min(consumables) > max(durables)
    assert min(consumables) > 5
    assert np.median(durables) < 2


@pytest.mark.parametrize("category", [category.name for category in CATEGORIES if category.again])
def test_effect_2_consumables_run_out_after_a_while(shop: Shop, category: str) -> None:
    chances: dict[int, float] = {}
    for days in (3, 30):
        user, item = f"bought-{category}-{days}-days-ago", shop.first_of(category)
        shop.put(user, item, END - days * DAY, "Purchase")
        shop.put(user, shop.first_of("Bicycles"), END, "Purchase")
        chances[days] = shop.scores(PURCHASES, userId=user)[item]
    assert chances[30] > 2 * chances[3]


@pytest.mark.parametrize("bought", FOLLOW_UPS)
def test_effect_3_sequences(shop: Shop, bought: str) -> None:
    """After a purchase, the item that follows it is recommended immediately."""
    user = f"just-bought-{bought.replace(' ', '-')}"
    wanted = [FOLLOW_UPS[bought]]
    before = shop.chance(wanted, userId=user)
    shop.put(user, shop.first_of(bought), END + 30)
    shop.put(user, shop.first_of(bought), END + 40, "Purchase")
    assert shop.chance(wanted, userId=user) > 1.2 * before


def test_effect_4_sessions(shop: Shop) -> None:
    """Items viewed in one session are related; by chance, one in twenty-two would be of the category."""
    events = Counter(event.item_id for event in shop.data.interactions)
    known = [item for item in shop.data.items if events[item.item_id] >= 20][:150]
    shares = [shop.share(shop.recommended("aws-sims", 10, itemId=i.item_id), [i.category_l1]) for i in known]
    assert np.mean(shares) > 0.6


@pytest.mark.parametrize("category", [category.name for category in CATEGORIES])
def test_effect_4_a_view_raises_scores_of_its_category(shop: Shop, category: str) -> None:
    """After one view, the category has several times its previous score."""
    user, item = f"looking-at-{category}", shop.first_of(category)
    before, itself = shop.chance([category], userId=user), shop.scores("aws-user-personalization", userId=user)[item]
    shop.put(user, item, END + 30)
    assert shop.chance([category], userId=user) > 4 * before
    assert shop.scores("aws-user-personalization", userId=user)[item] > 10 * itself


def test_effect_5_price_levels(shop: Shop) -> None:
    """Among new items for a user, more are at the user's price level than among popular items."""
    level_of = {item.item_id: number // len(CATEGORIES) % 3 for number, item in enumerate(shop.data.items)}
    seen_items: dict[str, list[str]] = defaultdict(list)
    for event in shop.data.interactions:
        seen_items[event.user_id].append(event.item_id)
    popular = shop.recommended("aws-popularity-count", 200)
    shares: list[tuple[float, float]] = []
    for user in [user for user in sorted(seen_items) if len(seen_items[user]) >= 15][:100]:
        level = Counter(level_of[item] for item in seen_items[user]).most_common(1)[0][0]
        lists = shop.recommended("aws-user-personalization", 200, userId=user), popular
        fresh = [[item for item in items if item not in seen_items[user]][:25] for items in lists]
        own, others = (float(np.mean([level_of[item] == level for item in items])) for items in fresh)
        shares.append((own, others))
    own, others = np.mean(shares, axis=0)
    assert own > 1.2 * others


def test_effect_6_brands(shop: Shop) -> None:
    """A preferred brand has a higher share of the scores than for users who prefer the other brand.

    Over all items, including those the user interacted with; one year of data is not enough for the others alone.
    """
    active = Counter(event.user_id for event in shop.data.interactions)
    shares: dict[tuple[str, str], list[float]] = defaultdict(list)
    for user in [user for user in sorted(active) if active[user] >= 10][:250]:
        scores = shop.scores("aws-user-personalization", userId=user)
        for category in CATEGORIES:
            if category.name in PERSONAS[shop.data.personas[user]]:
                share = share_of_brand(shop.data, scores, category.brands[0], category.name)
                shares[category.name, shop.data.brands[user]].append(share)
    names = [(category.name, *category.brands) for category in CATEGORIES]
    gains = [
        np.mean(shares[name, one]) - np.mean(shares[name, other])
        for name, one, other in names
        if shares[name, one] and shares[name, other]
    ]
    assert len(gains) > 15
    assert np.mean(gains) > 0.08
    assert np.mean(np.array(gains) > 0) > 0.8


def test_effect_7_popularity(shop: Shop) -> None:
    """The most popular items are the first of their categories."""
    place_of = {item.item_id: number // len(CATEGORIES) for number, item in enumerate(shop.data.items)}
    places = [place_of[item] for item in shop.recommended("aws-popularity-count", len(CATEGORIES))]
    assert np.mean(places) < 1
    assert np.mean(places) < 0.1 * np.mean(list(place_of.values()))


def test_effect_8_seasons(shop: Shop) -> None:
    chances = {
        season: {name: shop.chance(name, userId="somebody", context={"SEASON": season}) for name in (SUMMER, WINTER)}
        for season in ("summer", "winter")
    }
    assert chances["summer"][SUMMER] > 1.5 * chances["winter"][SUMMER]
    assert chances["winter"][WINTER] > 1.5 * chances["summer"][WINTER]


def test_effect_9_trends(shop: Shop) -> None:
    trending = shop.recommended("aws-trending-now", len(shop.data.trending))
    popular = [item in shop.data.trending for item in trending]
    assert np.mean(popular) > 5 * len(shop.data.trending) / len(shop.data.items)


def test_effect_10_new_items(shop: Shop) -> None:
    """Items without interactions are similar to items of their category."""
    seen_items = {event.item_id for event in shop.data.interactions}
    unmet = [item for item in shop.data.items if item.item_id not in seen_items]
    shares = [
        shop.share(shop.recommended("aws-similar-items", 10, itemId=item.item_id), [item.category_l1]) for item in unmet
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
    """New users with only an age get the items of their age group: gadgets for young users, pets for old ones."""
    lists = {name: shop.recommended("aws-user-personalization", 50, userId=name) for name in NEWCOMERS}
    for persona, (more, less) in {"gadget": ("young", "old"), "pets": ("old", "young")}.items():
        own = frozenset(PERSONAS[persona])
        assert shop.share(lists[more], own) > shop.share(lists[less], own)
