"""A dataset group with actions and users with known preferences."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.clients import client
from tests.given import Given, avro, field

NEXT_BEST_ACTION = "arn:aws:personalize:::recipe/aws-next-best-action"
NOW = 1_700_000_000
"""Start time of the test clock."""
DAY = 86_400
SCHEMAS: Mapping[str, str] = {
    "INTERACTIONS": avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long")),
    "USERS": avro("Users", field("USER_ID"), field("MEMBERSHIP", categorical=True)),
    "ACTIONS": avro(
        "Actions",
        field("ACTION_ID"),
        field("CATEGORY", categorical=True),
        field("VALUE", ["null", "long"]),
        field("EXPIRATION_TIMESTAMP", ["null", "long"]),
        field("ACTION_EXPIRATION_TIMESTAMP", ["null", "long"]),
        field("REPEAT_FREQUENCY", ["null", "long"]),
    ),
    "ACTION_INTERACTIONS": avro(
        "ActionInteractions", field("USER_ID"), field("ACTION_ID"), field("EVENT_TYPE"), field("TIMESTAMP", "long")
    ),
}
ACTIONS: Sequence[Mapping[str, Any]] = [
    {"ACTION_ID": "climb", "CATEGORY": "sport", "VALUE": 3},
    {"ACTION_ID": "swim", "CATEGORY": "sport", "VALUE": 3},
    {"ACTION_ID": "read", "CATEGORY": "book", "VALUE": 1},
    {"ACTION_ID": "seldom", "CATEGORY": "book", "VALUE": 2},
    {"ACTION_ID": "worthless", "CATEGORY": "book"},
    {"ACTION_ID": "worthy", "CATEGORY": "book", "VALUE": 9},
]
"""The first three have enough interactions for a score; `seldom` has too few, the last two have none."""


def interactions(users: int = 100, steps: int = 14) -> list[dict[str, Any]]:
    """Even users interact with even items, odd users with odd ones."""
    chance = random.Random(1)
    return [
        {
            "USER_ID": f"u{user:03}",
            "ITEM_ID": f"i{2 * chance.randrange(12) + user % 2:02}",
            "TIMESTAMP": NOW - 80 * DAY + step * DAY,
        }
        for user in range(users)
        for step in range(steps)
    ]


def action_interactions(users: int = 100) -> list[dict[str, Any]]:
    """Even users take `climb`, odd users `swim`, everybody sometimes `read`."""
    chance, rows = random.Random(2), []
    for user in range(users):
        likely = {"climb": 0.85 - 0.75 * (user % 2), "swim": 0.1 + 0.75 * (user % 2), "read": 0.5}
        for place, (action, share) in enumerate(likely.items()):
            for step in range(3):
                kind = "TAKEN" if chance.random() < share else ("VIEWED", "Not Taken", "not_taken")[step]
                rows.append((user, action, kind, NOW - (60 - 9 * step - place) * DAY))
    rows += [(user, "seldom", "TAKEN", NOW - 50 * DAY) for user in range(49)]
    rows += [(user, "seldom", "VIEWED", NOW - 50 * DAY) for user in range(50, 100)]
    names = ("USER_ID", "ACTION_ID", "EVENT_TYPE", "TIMESTAMP")
    return [dict(zip(names, (f"u{row[0]:03}", *row[1:]), strict=True)) for row in rows]


def users(count: int = 100) -> list[dict[str, Any]]:
    return [{"USER_ID": f"u{user:03}", "MEMBERSHIP": ("gold", "silver")[user % 3 == 0]} for user in range(count)]


@dataclass
class ActionGroup:
    """One dataset group with its data and deployments."""

    given: Given
    group: str
    datasets: Mapping[str, str]

    @property
    def runtime(self) -> Any:
        return client("personalize-runtime")

    @property
    def events(self) -> Any:
        return client("personalize-events")

    def deployed(self, name: str = "actions", recipe: str = NEXT_BEST_ACTION) -> str:
        return self.given.campaign(self.given.version(self.given.solution(self.group, recipe, name=name)), name=name)

    def filter(self, expression: str, name: str = "f") -> str:
        answer = self.given.personalize.create_filter(
            name=name, datasetGroupArn=self.group, filterExpression=expression
        )
        return str(answer["filterArn"])

    def listed(self, campaign: str, user: str, **request: Any) -> dict[str, float]:
        """Scores by action, best first."""
        answer = self.runtime.get_action_recommendations(campaignArn=campaign, userId=user, **request)
        return {entry["actionId"]: entry["score"] for entry in answer["actionList"]}

    def record_event(self, user: str, action: str, event_type: str, when: int = NOW) -> None:
        dataset = self.given.personalize.describe_dataset(datasetArn=self.datasets["ACTION_INTERACTIONS"])["dataset"]
        self.events.put_action_interactions(
            trackingId=dataset["trackingId"],
            actionInteractions=[
                {"userId": user, "sessionId": user, "actionId": action, "eventType": event_type, "timestamp": when}
            ],
        )

    def put(self, **actions: str) -> None:
        """Actions by id, with their properties as JSON."""
        self.events.put_actions(
            datasetArn=self.datasets["ACTIONS"],
            actions=[{"actionId": action, "properties": properties} for action, properties in actions.items()],
        )


def open_group(
    given: Given, *, name: str = "group", without: Iterable[str] = (), **tables: Sequence[Mapping[str, Any]]
) -> ActionGroup:
    """tables: replace the default data by dataset type. without: dataset types that are not created."""
    usual = {
        "INTERACTIONS": interactions(),
        "USERS": users(),
        "ACTIONS": ACTIONS,
        "ACTION_INTERACTIONS": action_interactions(),
    }
    group, datasets = given.group(name), {}
    for kind in usual.keys() - set(without):
        rows = tables.get(kind, usual[kind])
        datasets[kind] = given.dataset(group, given.schema(SCHEMAS[kind], name=f"{name}-{kind}"), kind, name=kind)
        if rows:
            location = given.upload(csv_text(kind, rows), f"{name}/{kind}.csv")
            given.import_job(datasets[kind], location, name=f"{name}-{kind}")
    return ActionGroup(given, group, datasets)


def csv_text(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    names = [column["name"] for column in json.loads(SCHEMAS[kind])["fields"]]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
