"""A seeded script of mixed requests to one emulator, to compare the bytes of its answers under different settings.

    made data ─▶ trained groups ─▶ requests of every kind, with events, records, changes and clock moves in between
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from personalize_emu.settings import Settings
from personalize_emu.wire.render import Response
from tests.given import ROLE
from tests.mixed_deployments import ACTIONS, DAY, FILTERS, NEW, NOW, SEEN, UNKNOWN, USERS, Served, served, tables

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


def answers(settings: Settings, seed: int, **counts: int) -> Iterator[tuple[str, Response | None]]:
    """The kind and the answer of each step of a script."""
    with served(settings) as made:
        for kind, step in Script(seed).steps(**counts):
            yield kind, step(made)
