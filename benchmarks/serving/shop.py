"""The data, campaigns and requests of the serving benchmark."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.group_to_answer import BUCKET, ROLE, GroupToAnswer
from benchmarks.serving.load import Request
from personalize_emu.demo import Dataset, generate
from personalize_emu.demo.dataset import Interaction
from personalize_emu.schema_files import schema_text

HEADERS = {
    "Content-Type": "application/json",
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=benchmark/20260101/us-east-1/personalize/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
    ),
    "X-Amz-Date": "20260101T000000Z",
}
CONTROL = {**HEADERS, "Content-Type": "application/x-amz-json-1.1"}
EVENTS_OF_VISITOR = 16
RANKED = 500


def list_schemas(_number: int = 0) -> Request:
    return Request("/", {**CONTROL, "X-Amz-Target": "AmazonPersonalize.ListSchemas"}, b"{}")


@dataclass(frozen=True)
class Shop:
    """A group with two campaigns and an event tracker. users: with long histories. visitors: each is asked once."""

    path: GroupToAnswer
    group: str
    personal: str
    ranking: str
    tracking_id: str
    users: Sequence[str]
    visitors: Sequence[str]
    items: Sequence[str]

    def recommend(self, user_id: str) -> Request:
        return _live("/recommendations", {"campaignArn": self.personal, "userId": user_id})

    def rank(self, user_id: str) -> Request:
        asked = {"campaignArn": self.ranking, "userId": user_id, "inputList": list(self.items[:RANKED])}
        return _live("/personalize-ranking", asked)

    def event(self, number: int, user_id: str) -> Request:
        """Another event for each number."""
        event = {
            "eventType": "View",
            "itemId": self.items[number % len(self.items)],
            "sentAt": 1_700_000_000 + number,
            "properties": '{"device":"phone"}',
        }
        session = {"trackingId": self.tracking_id, "userId": user_id, "sessionId": user_id}
        return _live("/events", {**session, "eventList": [event]})


def _live(path: str, members: object) -> Request:
    return Request(path, HEADERS, json.dumps(members).encode())


def prepared_shop(url: str, visitors: int) -> Shop:
    """The bundled shop with more users, loaded and trained."""
    path, shop = GroupToAnswer(url), with_visitors(generate(), visitors)
    group = path.group()
    with TemporaryDirectory() as folder:
        for file in shop.write_csv(Path(folder)):
            path.load(group, file.stem.capitalize(), schema_text(f"demo/{file.stem}"), file)
    tracker = path.personalize.create_event_tracker(name="benchmark", datasetGroupArn=group)
    users = [user.user_id for user in shop.users]
    return Shop(
        path=path,
        group=group,
        personal=path.deploy("personal", path.train(group, "aws-user-personalization")),
        ranking=path.deploy("ranking", path.train(group, "aws-personalized-ranking")),
        tracking_id=tracker["trackingId"],
        users=users[: len(users) - visitors],
        visitors=users[len(users) - visitors :],
        items=[item.item_id for item in shop.items],
    )


def with_visitors(shop: Dataset, count: int) -> Dataset:
    """The shop with `count` more users, each with some consecutive events of one of its users."""
    random, own = Random(7), dict[str, list[Interaction]]()
    for event in shop.interactions:
        own.setdefault(event.user_id, []).append(event)
    histories = [events for events in own.values() if len(events) >= EVENTS_OF_VISITOR]
    events, users = list(shop.interactions), list(shop.users)
    for number in range(count):
        history = random.choice(histories)
        start = random.randrange(len(history) - EVENTS_OF_VISITOR + 1)
        users.append(shop.users[0]._replace(user_id=f"visitor{number:06d}"))
        events += [
            event._replace(user_id=users[-1].user_id) for event in history[start : start + EVENTS_OF_VISITOR]
        ]
    return replace(shop, interactions=tuple(events), users=tuple(users))


def busy_work(shop: Shop) -> dict[str, Callable[[], object]]:
    """Work by name; each call does it once, with pace instant, and returns when it is done."""
    personalize, count = shop.path.personalize, iter(range(10**9))
    queries = "\n".join(json.dumps({"userId": user}) for user in (*shop.users, *shop.visitors))
    shop.path.s3.put_object(Bucket=BUCKET, Key="queries.json", Body=queries.encode())
    versions = personalize.describe_campaign(campaignArn=shop.personal)["campaign"]["solutionVersionArn"]
    datasets = personalize.list_datasets(datasetGroupArn=shop.group)["datasets"]
    interactions = next(each["datasetArn"] for each in datasets if each["datasetType"] == "INTERACTIONS")

    def train() -> object:
        return personalize.create_solution_version(solutionArn=versions.rpartition("/")[0], trainingMode="FULL")

    def load() -> object:
        return personalize.create_dataset_import_job(
            jobName=f"again-{next(count)}",
            datasetArn=interactions,
            dataSource={"dataLocation": f"s3://{BUCKET}/Interactions.csv"},
            roleArn=ROLE,
        )

    def batch() -> object:
        return personalize.create_batch_inference_job(
            jobName=f"all-{next(count)}",
            solutionVersionArn=versions,
            jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/queries.json"}},
            jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/answers/"}},
            roleArn=ROLE,
        )

    return {"a training": train, "an import": load, "a batch job": batch}
