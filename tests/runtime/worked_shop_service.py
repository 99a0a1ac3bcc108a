"""The worked shop (spec 08 section 5), trained and deployed through boto3."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.clients import client
from tests.filters.worked_data import ALL_ITEMS, INTERACTIONS, ITEMS, SCHEMA_TEXTS, SCHEMAS, USERS
from tests.given import Given

V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
BACKGROUND_USERS = 250
"""Users that make i1 the most popular item and i7 the least."""


def interactions() -> list[dict[str, Any]]:
    background = [
        (f"crowd{user}", item, "browse")
        for place, item in enumerate(ALL_ITEMS)
        for user in range(BACKGROUND_USERS - 20 * place)
    ]
    return [
        {"USER_ID": user, "ITEM_ID": item, "TIMESTAMP": 1_600_000_000 + number, "EVENT_TYPE": kind}
        for number, (user, item, kind) in enumerate([*background, *INTERACTIONS])
    ]


def csv_text(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, SCHEMAS[kind].names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: str(v).lower() if isinstance(v, bool) else v for name, v in row.items()} for row in rows)
    return text.getvalue()


@dataclass
class Shop:
    """One dataset group with its data and deployments."""

    given: Given
    group: str

    @property
    def runtime(self) -> Any:
        return client("personalize-runtime")

    @property
    def events(self) -> Any:
        return client("personalize-events")

    def deployed(self, recipe: str, name: str, config: Mapping[str, Any] | None = None) -> str:
        version = self.given.version(self.given.solution(self.group, recipe, name=name))
        return self.given.campaign(version, name=name, **({"campaignConfig": config} if config else {}))

    def filter(self, expression: str, name: str = "f") -> str:
        answer = self.given.personalize.create_filter(
            name=name, datasetGroupArn=self.group, filterExpression=expression
        )
        return str(answer["filterArn"])

    def forget_filter(self, arn: str) -> None:
        self.given.personalize.delete_filter(filterArn=arn)

    def tracker(self) -> str:
        answer = self.given.personalize.create_event_tracker(name="t", datasetGroupArn=self.group)
        return str(answer["trackingId"])

    def record_event(self, tracking_id: str, user: str, item: str, event_type: str, when: int = 1_700_000_000) -> None:
        event = {"eventType": event_type, "itemId": item, "sentAt": when}
        self.events.put_events(trackingId=tracking_id, userId=user, sessionId=user, eventList=[event])


def open_shop(
    given: Given,
    *,
    items: Sequence[Mapping[str, Any]] = ITEMS,
    events: Sequence[Mapping[str, Any]] | None = None,
    name: str = "shop",
) -> Shop:
    group = given.group(name)
    rows = {"INTERACTIONS": interactions() if events is None else events, "ITEMS": items, "USERS": USERS}
    for kind, table in rows.items():
        dataset = given.dataset(group, given.schema(SCHEMA_TEXTS[kind], name=f"{name}-{kind}"), kind, name=kind)
        location = given.upload(csv_text(kind, table), f"{name}/{kind}.csv")
        given.import_job(dataset, location, name=f"{name}-{kind}")
    return Shop(given, group)


def ids(answer: Mapping[str, Any]) -> list[str]:
    listed = answer["itemList"] if "itemList" in answer else answer["personalizedRanking"]
    return [item["itemId"] for item in listed]
