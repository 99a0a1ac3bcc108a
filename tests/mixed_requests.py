"""A seeded script of mixed requests to one emulator, to compare the bytes of its answers under different settings.

    made data ─▶ trained groups ─▶ requests of every kind, with events, records, changes and clock moves in between
"""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import boto3

from personalize_emu.edge.request_pipeline import answer
from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.render import Response
from tests.domain_groups import recommender, shop
from tests.given import POPULARITY, RANKING, REGION, ROLE, SIMS, USER_PERSONALIZATION, Given, avro
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


KINDS = (
    "plain",
    "other",
    "shop",
    "context",
    "filtered",
    "promoted",
    "metadata",
    "ranking",
    "action",
    "invalid",
)
"""Kinds of requests, each made by a method of `Script`."""


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
    with MockPersonalize(settings, ManualClock(float(NOW))).emulating() as emulator:
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


def answers(settings: Settings, seed: int, **counts: int) -> Iterator[tuple[str, Response | None]]:
    """The kind and the answer of each step of a script."""
    with served(settings) as made:
        for kind, step in Script(seed).steps(**counts):
            yield kind, step(made)


def _recommender(given: Given) -> str:
    """A use case that hides what the user has bought (R-102)."""
    return recommender(given, shop(given), "ecomm-recommended-for-you")


Step = tuple[str, Callable[[Served], Response | None]]
"""Its kind, and what it does."""
Members = Callable[[Served], dict[str, Any]]


def _request(operation: str, members: Members) -> Callable[[Served], Response]:
    return lambda made: made.call(operation, **members(made))


def _asked(made: Served, campaign: str, **members: Any) -> dict[str, Any]:
    return {"campaignArn": made.campaigns[campaign], **members}


def _configure(made: Served, number: int) -> Response:
    weight = str(round(0.1 + 0.2 * (number % 4), 1))
    config = {"itemExplorationConfig": {"explorationWeight": weight}, "enableMetadataWithRecommendations": True}
    return made.call("UpdateCampaign", campaignArn=made.campaigns["exploring"], campaignConfig=config)


def _another_filter(made: Served, number: int) -> Response:
    """The same ARN for another expression."""
    made.call("DeleteFilter", filterArn=made.filters["comedy"])
    genre = ("comedy", "drama")[number % 2]
    expression = f'INCLUDE ItemID WHERE Items.GENRE IN ("{genre}")'
    return made.call("CreateFilter", name="comedy", datasetGroupArn=made.group, filterExpression=expression)


def _import_items(made: Served, number: int) -> Response:
    rows = f"ITEM_ID,GENRE,PRICE,CREATION_TIMESTAMP\n{SEEN[number % 20]},drama,{number},{NOW}\n"
    return _import(made, "ITEMS", rows, number)


def _import_events(made: Served, number: int) -> Response:
    more = f"u{number % 10},{SEEN[number % 20]},{NOW},buy,phone\n"
    return _import(made, "INTERACTIONS", tables()["INTERACTIONS"] + more, number, "FULL")


def _import(made: Served, kind: str, rows: str, number: int, mode: str = "INCREMENTAL") -> Response:
    source = {"dataLocation": made.given.upload(rows, f"{kind}-{number}.csv")}
    into = {"datasetArn": made.datasets[kind], "dataSource": source, "roleArn": ROLE, "importMode": mode}
    return made.call("CreateDatasetImportJob", jobName=f"{kind}-{number}", **into)


def _delete_user(made: Served, number: int) -> Response:
    source = {"dataLocation": made.given.upload(f"USER_ID\nu{number % 10}\n", f"delete/{number}.csv")}
    who = {"jobName": f"d{number}", "datasetGroupArn": made.group, "dataSource": source, "roleArn": ROLE}
    return made.call("CreateDataDeletionJob", **who)


def _train(made: Served, number: int) -> Response:
    """A new version, with what has come in meanwhile, takes the place of the one that a campaign serves."""
    version = json.loads(made.call("CreateSolutionVersion", solutionArn=made.solution, trainingMode="FULL").body)
    campaign = made.campaigns["steady"]
    return made.call("UpdateCampaign", campaignArn=campaign, solutionVersionArn=version["solutionVersionArn"])


CHANGES = (_configure, _another_filter, _import_items, _import_events, _delete_user, _train)


class Script:
    """Yields steps, each a function of what is served; equal seeds give equal steps."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._sent = self._changed = 0

    def steps(self, requests: int, events: int, records: int, moves: int, changes: int) -> Iterator[Step]:
        """So many of each, shuffled; requests are of all kinds, and half of them repeat one of the last few.

        The last few are also made again after each change and move.
        """
        recent: deque[Step] = deque(maxlen=8)
        kinds = [KINDS[number % len(KINDS)] for number in range(requests)]
        plan = kinds + ["events"] * events + ["records"] * records + ["move"] * moves + ["change"] * changes
        self._random.shuffle(plan)
        for kind in plan:
            if kind in KINDS and recent and self._random.random() < 0.5:
                yield self._random.choice(recent)
                continue
            made = getattr(self, f"_{kind}")()
            step = kind, made if callable(made) else _request(*made)
            if kind in KINDS:
                recent.append(step)
            yield step
            if kind in ("change", "move"):
                yield from tuple(recent)

    def _user(self) -> str:
        return self._random.choice((*USERS[:10], *UNKNOWN))

    def _plain(self) -> Any:
        campaign, user = self._random.choice(("exploring", "steady", "v2")), self._user()
        count = self._random.choice((0, 5, 25, 500))
        return "GetRecommendations", lambda made: _asked(made, campaign, userId=user, numResults=count)

    def _other(self) -> Any:
        """Related and popular items."""
        campaign, item = self._random.choice(("sims", "popular")), self._random.choice((*SEEN, "unknown"))
        return "GetRecommendations", lambda made: _asked(made, campaign, itemId=item, userId="u1")

    def _shop(self) -> Any:
        user = self._random.choice(("u1", "u2", "u-in-love", "nobody"))
        return "GetRecommendations", lambda made: {"recommenderArn": made.campaigns["shop"], "userId": user}

    def _context(self) -> Any:
        campaign, user = self._random.choice(("exploring", "ranking")), self._user()
        given = {"DEVICE": self._random.choice(("phone", "desk", "none"))}
        if campaign == "ranking":
            return self._ranked(user, context=given)
        return "GetRecommendations", lambda made: _asked(made, campaign, userId=user, context=given)

    def _filtered(self) -> Any:
        name, user = self._random.choice(tuple(FILTERS)), self._user()
        campaign = self._random.choice(("exploring", "steady", "v2", "popular"))
        values = {"GENRE": f'"{self._random.choice(("drama", "crime"))}"'} if "$" in FILTERS[name] else {}
        return "GetRecommendations", lambda made: _asked(
            made, campaign, userId=user, filterArn=made.filters[name], filterValues=values
        )

    def _promoted(self) -> Any:
        user, share, own = self._user(), self._random.choice((20, 50)), self._random.random() < 0.5
        campaign = self._random.choice(("exploring", "v2", "popular"))

        def members(made: Served) -> dict[str, Any]:
            promotion = {"name": "p", "percentPromotedItems": share, "filterArn": made.filters["comedy"]}
            more = {"filterArn": made.filters["unseen"]} if own else {}
            return _asked(made, campaign, userId=user, numResults=10, promotions=[promotion], **more)

        return "GetRecommendations", members

    def _metadata(self) -> Any:
        user, columns = self._user(), self._random.choice((["GENRE"], ["PRICE", "genre", "CREATION_TIMESTAMP"]))
        campaign = self._random.choice(("exploring", "steady"))
        return "GetRecommendations", lambda made: _asked(
            made, campaign, userId=user, numResults=12, metadataColumns={"ITEMS": columns}
        )

    def _ranking(self) -> Any:
        return self._ranked(self._user())

    def _ranked(self, user: str, **more: Any) -> Any:
        items, is_filtered = self._random.sample((*SEEN, *NEW, "unknown"), 9), self._random.random() < 0.3

        def members(made: Served) -> dict[str, Any]:
            wanted = {"filterArn": made.filters["unseen"]} if is_filtered else {}
            return _asked(made, "ranking", userId=user, inputList=items, **wanted, **more)

        return "GetPersonalizedRanking", members

    def _action(self) -> Any:
        user, is_filtered = self._user(), self._random.random() < 0.4
        return "GetActionRecommendations", lambda made: _asked(
            made, "actions", userId=user, **({"filterArn": made.filters["actions"]} if is_filtered else {})
        )

    def _invalid(self) -> Any:
        """Refused requests stay refused."""
        members = self._random.choice(({"userId": ""}, {"numResults": 501, "userId": "u1"}, {"userId": "u1", "x": 1}))
        return "GetRecommendations", lambda made: _asked(made, "exploring", **members)

    def _events(self) -> Any:
        self._sent += 1
        number, user = self._sent, self._random.choice((*USERS[:10], None, None))
        session = f"s-{self._random.randrange(6)}" if user is None else f"s-{user}"
        who = {"sessionId": session} if user is None else {"sessionId": session, "userId": user}
        if self._random.random() < 0.15:
            actions = {"actionId": self._random.choice(ACTIONS), "eventType": "TAKEN", "timestamp": NOW + number}
            return "PutActionInteractions", lambda made: {
                "trackingId": made.action_tracking,
                "actionInteractions": [{**who, **actions}],
            }
        items = self._random.sample((*SEEN, *NEW, "unknown"), self._random.choice((1, 1, 3)))
        kind = self._random.choice(("view", "buy"))
        events = [{"eventType": kind, "itemId": item, "sentAt": NOW + 60 * number} for item in items]
        return "PutEvents", lambda made: {"trackingId": made.tracking, **who, "eventList": events}

    def _change(self) -> Callable[[Served], Response]:
        """A change of configuration or data by an operation of the control plane."""
        self._changed += 1
        return partial(CHANGES[self._changed % len(CHANGES)], number=self._changed)

    def _move(self) -> Callable[[Served], None]:
        seconds = self._random.choice((60, 1800, 4000, 7300, 2 * DAY, 12 * DAY))
        return lambda made: made.emulator.advance(seconds)

    def _records(self) -> Any:
        kind, number = self._random.choice(("PutItems", "PutItems", "PutUsers", "PutActions")), self._random.random()
        if kind == "PutUsers":
            user, plan = self._random.choice(USERS), self._random.choice(("free", "paid"))
            return kind, lambda made: {
                "datasetArn": made.datasets["USERS"],
                "users": [{"userId": user, "properties": json.dumps({"plan": plan})}],
            }
        if kind == "PutActions":
            action = self._random.choice((*ACTIONS, f"put{number:.3f}"))
            return kind, lambda made: {
                "datasetArn": made.datasets["ACTIONS"],
                "actions": [{"actionId": action, "properties": json.dumps({"category": "sport"})}],
            }
        item, genre = self._random.choice((*SEEN, *NEW, f"put{number:.3f}")), self._random.choice(("comedy", "crime"))
        properties = {"genre": genre, "price": round(20 * number, 2), "creationTimestamp": NOW - DAY}
        return kind, lambda made: {
            "datasetArn": made.datasets["ITEMS"],
            "items": [{"itemId": item, "properties": json.dumps(properties)}],
        }
