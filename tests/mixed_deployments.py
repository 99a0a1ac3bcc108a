"""One emulator with made data and a deployment of every kind, called without clients (mixed_requests.py)."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3

from personalize_emu.edge.request_pipeline import answer
from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.render import Response
from tests.domain_groups import recommender, shop
from tests.given import POPULARITY, RANKING, REGION, SIMS, USER_PERSONALIZATION, Given, avro
from tests.given import field as column

NOW = 1_700_000_000
DAY = 86_400
USERS = tuple(f"u{number}" for number in range(50))
SEEN = tuple(f"i{number:02}" for number in range(24))
NEW = tuple(f"new{number}" for number in range(6))
UNKNOWN = ("nobody", "s-3", "s-5")
"""Users without imported events; sessions send anonymous events under the last two."""
PATHS: Mapping[str, str] = {
    "GetRecommendations": "/recommendations",
    "GetPersonalizedRanking": "/personalize-ranking",
    "GetActionRecommendations": "/action-recommendations",
    "PutEvents": "/events",
    "PutItems": "/items",
    "PutUsers": "/users",
    "PutActions": "/actions",
    "PutActionInteractions": "/action-interactions",
}
SCHEMAS: Mapping[str, str] = {
    "INTERACTIONS": avro(
        "Interactions",
        column("USER_ID"),
        column("ITEM_ID"),
        column("TIMESTAMP", "long"),
        column("EVENT_TYPE"),
        column("DEVICE", ["null", "string"], categorical=True),
    ),
    "ITEMS": avro(
        "Items",
        column("ITEM_ID"),
        column("GENRE", ["null", "string"], categorical=True),
        column("PRICE", ["null", "float"]),
        column("CREATION_TIMESTAMP", "long"),
    ),
    "USERS": avro("Users", column("USER_ID"), column("PLAN", "string", categorical=True)),
    "ACTIONS": avro(
        "Actions",
        column("ACTION_ID"),
        column("CATEGORY", categorical=True),
        column("EXPIRATION_TIMESTAMP", ["null", "long"]),
        column("REPEAT_FREQUENCY", ["null", "long"]),
    ),
    "ACTION_INTERACTIONS": avro(
        "ActionInteractions", column("USER_ID"), column("ACTION_ID"), column("EVENT_TYPE"), column("TIMESTAMP", "long")
    ),
}
FILTERS: Mapping[str, str] = {
    "comedy": 'INCLUDE ItemID WHERE Items.GENRE IN ("comedy")',
    "genre": "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)",
    "unseen": 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view", "buy")',
    "plan": 'EXCLUDE ItemID WHERE Items.PRICE > 15 IF CurrentUser.PLAN IN ("free")',
    "related": "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)",
}
ACTION_FILTER = 'INCLUDE ActionID WHERE Actions.CATEGORY IN ("sport")'
ACTIONS = ("climb", "swim", "read")


def tables() -> dict[str, str]:
    """CSV by dataset type; tastes are planted: users and items of one parity belong together."""
    rng = random.Random(3)
    views = [
        (user, SEEN[2 * rng.randrange(12) + number % 2], NOW - 40 * DAY + step * DAY + number, step)
        for number, user in enumerate(USERS)
        for step in range(22)
    ]
    events = [f"{u},{i},{t},{('view', 'buy')[s % 5 == 0]},{('phone', 'desk')[s % 2]}\n" for u, i, t, s in views]
    items = [
        f"{item},{('comedy', 'drama', 'crime')[place % 3]},{5 + place}.5,{NOW - (3 if item in NEW else 400) * DAY}\n"
        for place, item in enumerate((*SEEN, *NEW))
    ]
    taken = [
        f"{user},{action},{('TAKEN', 'NOT TAKEN')[rng.random() < 0.4]},{NOW - (30 - step) * DAY}\n"
        for user in (*USERS, *(f"more{number}" for number in range(40)))
        for action in ACTIONS
        for step in range(3)
    ]
    actions = [f"{action},sport,,\n" for action in ACTIONS[:2]]
    actions += [f"read,book,{NOW + 20 * DAY},2\n", "seldom,book,,\n"]
    return {
        "INTERACTIONS": "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE\n" + "".join(events),
        "ITEMS": "ITEM_ID,GENRE,PRICE,CREATION_TIMESTAMP\n" + "".join(items),
        "USERS": "USER_ID,PLAN\n" + "".join(f"{u},{('free', 'paid')[n % 2]}\n" for n, u in enumerate(USERS)),
        "ACTIONS": "ACTION_ID,CATEGORY,EXPIRATION_TIMESTAMP,REPEAT_FREQUENCY\n" + "".join(actions),
        "ACTION_INTERACTIONS": "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\n" + "".join(taken),
    }


@dataclass
class Served:
    """One emulator with trained deployments. calls: made so far, by operation and status."""

    emulator: Emulator
    given: Given
    group: str
    datasets: dict[str, str] = field(default_factory=dict)
    campaigns: dict[str, str] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)
    solution: str = ""
    tracking: str = ""
    action_tracking: str = ""
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)

    def call(self, operation: str, **params: Any) -> Response:
        path, headers = PATHS.get(operation, "/"), {"x-amz-target": f"AmazonPersonalize.{operation}"}
        body = json.dumps(params).encode()
        response = answer(self.emulator, "POST", path, "", headers if path == "/" else {}, body)
        self.calls[operation, response.status] += 1
        return response


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    """An emulator with the settings, its groups trained and deployed; deterministic."""
    with MockPersonalize(settings, ManualClock(float(NOW))).new_emulator() as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        yield _deployed(Served(emulator, given, given.group("mixed")))


def _deployed(made: Served) -> Served:
    given, group = made.given, made.group
    for kind, text in tables().items():
        made.datasets[kind] = given.dataset(group, given.schema(SCHEMAS[kind], kind), kind, kind)
        given.import_job(made.datasets[kind], given.upload(text, f"{kind}.csv"), kind)
    made.solution = given.solution(group, USER_PERSONALIZATION, name="personal")
    personal = given.version(made.solution)
    shown = {"enableMetadataWithRecommendations": True}
    exploring = {"explorationWeight": "0.6", "explorationItemAgeCutOff": "30"}
    configs: dict[str, Mapping[str, Any]] = {
        "exploring": {**shown, "itemExplorationConfig": exploring},
        "steady": {**shown, "itemExplorationConfig": {"explorationWeight": "0"}},
    }
    for name, config in configs.items():
        made.campaigns[name] = given.campaign(personal, name, campaignConfig=config)
    recipes = {
        "v2": f"{USER_PERSONALIZATION}-v2",
        "ranking": RANKING,
        "sims": SIMS,
        "popular": POPULARITY,
        "actions": "arn:aws:personalize:::recipe/aws-next-best-action",
    }
    for name, recipe in recipes.items():
        made.campaigns[name] = given.campaign(given.version(given.solution(group, recipe, name=name)), name)
    for name, expression in {**FILTERS, "actions": ACTION_FILTER}.items():
        more = {"name": name, "datasetGroupArn": group, "filterExpression": expression}
        made.filters[name] = given.personalize.create_filter(**more)["filterArn"]
    made.tracking = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    shown_dataset = given.personalize.describe_dataset(datasetArn=made.datasets["ACTION_INTERACTIONS"])["dataset"]
    made.action_tracking = shown_dataset["trackingId"]
    made.campaigns["shop"] = _recommender(given)
    return made


def _recommender(given: Given) -> str:
    """A use case that hides what the user has bought (R-102)."""
    return recommender(given, shop(given), "ecomm-recommended-for-you")
