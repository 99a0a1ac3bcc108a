"""A dataset group with new and old items without interactions, accessed through boto3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.clients import client
from tests.given import INTERACTIONS_SCHEMA, USER_PERSONALIZATION, Given, arn, as_csv, avro, field, two_camps

DAY = 86_400
HOUR = 3600
NEWEST = max(time for _, _, time in two_camps())
NEW = tuple(f"new{number}" for number in range(8))
AGED = tuple(f"old{number}" for number in range(8))
"""Items in the Items dataset without interactions: NEW are five days old, AGED a year."""
SEEN = tuple(sorted({item for _, item, _ in two_camps()}))
USERS = tuple(f"u{number}" for number in range(60))
SCHEMA = avro(
    "Items",
    field("ITEM_ID"),
    field("PRICE", "float"),
    field("CREATION_TIMESTAMP", "long"),
)
WEIGHTLESS = {"explorationWeight": "0"}


def price(item: str) -> float:
    """Prices increase with the alphabetical order."""
    return float(10 + (SEEN + NEW + AGED).index(item))


def items_csv(items: Sequence[str] = (*SEEN, *NEW, *AGED)) -> str:
    ages = dict.fromkeys(NEW, 5) | dict.fromkeys(AGED, 365)
    rows = [f"{item},{price(item)},{NEWEST - ages.get(item, 400) * DAY}\n" for item in items]
    return "ITEM_ID,PRICE,CREATION_TIMESTAMP\n" + "".join(rows)


@dataclass
class Market:
    """One dataset group."""

    given: Given
    group: str
    items: str

    @property
    def runtime(self) -> Any:
        return client("personalize-runtime")

    @property
    def events(self) -> Any:
        return client("personalize-events")

    def version(self, recipe: str = USER_PERSONALIZATION, name: str = "solution", **extra: Any) -> str:
        solution = self.given.solution(self.group, recipe, name=name, performAutoTraining=False, **extra)
        return self.given.version(solution)

    def campaign(self, version: str, exploring: dict[str, str] | None = None, name: str = "campaign") -> str:
        """Deploy a version; by default without exploration, with None according to the recipe's defaults."""
        extra = {} if exploring is None else {"campaignConfig": {"itemExplorationConfig": exploring}}
        return self.given.campaign(version, name, **extra)

    def list(self, campaign: str, user: str = "u0", count: int = 500, **params: Any) -> list[dict[str, Any]]:
        answer = self.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=count, **params)
        found: list[dict[str, Any]] = answer["itemList"]
        return found

    def ids(self, campaign: str, user: str = "u0", count: int = 500, **params: Any) -> list[str]:
        return [item["itemId"] for item in self.list(campaign, user, count, **params)]

    def scores(self, campaign: str, user: str = "u0") -> dict[str, float]:
        return {item["itemId"]: item["score"] for item in self.list(campaign, user)}

    def put_item(self, item: str, created: int = NEWEST) -> None:
        properties = json.dumps({"price": 5.0, "creationTimestamp": created})
        self.events.put_items(datasetArn=self.items, items=[{"itemId": item, "properties": properties}])

    def tracker(self) -> str:
        made = self.given.personalize.create_event_tracker(name="tracker", datasetGroupArn=self.group)
        tracking: str = made["trackingId"]
        return tracking

    def record_event(self, tracking: str, item: str, user: str = "u0", time: int = NEWEST + 60, **more: Any) -> None:
        event = {"eventType": "view", "itemId": item, "sentAt": time, **more}
        self.events.put_events(trackingId=tracking, userId=user, sessionId=user, eventList=[event])


def market(
    given: Given, schema: str = INTERACTIONS_SCHEMA, interactions: str | None = None, name: str = "group"
) -> Market:
    """interactions: CSV of the schema; by default those of `two_camps`. name: of the dataset group."""
    group = given.group(name)
    given.import_job(given.dataset(group, given.schema(schema)), given.upload(interactions or as_csv(two_camps())))
    items = given.dataset(group, given.schema(SCHEMA, "items-schema"), "Items", "items")
    given.import_job(items, given.upload(items_csv(), "items.csv"), "items-import")
    return Market(given, group, arn("dataset", f"{name}/ITEMS"))
