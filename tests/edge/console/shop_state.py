"""A server with the demo's shop imported, trained and deployed, for tests and pictures of the console."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from personalize_emu.demo.shoppers import generate
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from personalize_emu.schema_files import schema_text
from tests.given import POPULARITY, RANKING, ROLE, SIMS, USER_PERSONALIZATION, Given

SHOPPERS = 80
SESSIONS = 60
"""Answers of each of the two campaigns that are compared."""
CLICKS_EVERY = {"popular": 12, "for-you": 4}
"""So many answers of a campaign come to one that is clicked."""
METRICS = (
    {"metricName": "views", "eventType": "View", "expression": "SAMPLECOUNT()"},
    {"metricName": "revenue", "eventType": "Purchase", "expression": "SUM(Items.PRICE)"},
)
RECIPES = {
    "popular": POPULARITY,
    "for-you": USER_PERSONALIZATION,
    "related": SIMS,
    "ranked": RANKING,
}


@dataclass(frozen=True)
class ShopState:
    """campaigns: ARN by name of RECIPES. datasets: ARN by kind. user_id: of a shopper with a history."""

    server: LiveServer
    personalize: Any
    group: str
    datasets: dict[str, str]
    campaigns: dict[str, str]
    filter: str
    failed_import: str
    user_id: str
    item_ids: tuple[str, ...]

    @property
    def emulator(self) -> Emulator:
        return self.server.emulator


@contextmanager
def shop_server() -> Iterator[ShopState]:
    """A server whose emulator has one dataset group with data, four campaigns, and a failed import."""
    with LiveServer() as server:
        yield _filled(server)


def _filled(server: LiveServer) -> ShopState:
    personalize, s3 = (_client(service, server.url) for service in ("personalize", "s3"))
    given, shop = Given(personalize, s3), generate(seed=1, users=SHOPPERS)
    group = given.group("demo-shop")
    datasets = {}
    with TemporaryDirectory() as folder:
        for path in shop.write_csv(Path(folder)):
            kind = path.stem
            schema = given.schema(schema_text(f"demo/{kind}"), name=kind)
            datasets[kind] = given.dataset(group, schema, kind.capitalize(), name=kind)
            # One row that does not conform to the schema: it is left out.
            broken = {"interactions": "u1,,yesterday,View,phone\n"}.get(kind, "")
            given.import_job(datasets[kind], given.upload(path.read_text() + broken, path.name), name=kind)
    failed = given.import_job(datasets["users"], given.upload("USER\nu1\n", "wrong.csv"), name="wrong-columns")
    campaigns = {}
    for name, recipe in RECIPES.items():
        version = given.version(given.solution(group, recipe, name=name))
        campaigns[name] = given.campaign(version, name=name)
    made = personalize.create_filter(
        name="one-brand", datasetGroupArn=group, filterExpression="INCLUDE ItemID WHERE Items.BRAND IN ($BRAND)"
    )
    _sessions(given, server, group, campaigns)
    items = tuple(item.item_id for item in shop.items)
    user_id = shop.interactions[-1].user_id
    return ShopState(server, personalize, group, datasets, campaigns, made["filterArn"], failed, user_id, items)


def _sessions(given: Given, server: LiveServer, group: str, campaigns: dict[str, str]) -> None:
    """Visitors without a history see lists of two campaigns; some view an item, some of those buy it."""
    output = {"roleArn": ROLE}
    given.personalize.create_metric_attribution(
        name="shop-events", datasetGroupArn=group, metrics=list(METRICS), metricsOutputConfig=output
    )
    tracker = given.personalize.create_event_tracker(name="shop-tracker", datasetGroupArn=group)["trackingId"]
    runtime, events = (_client(service, server.url) for service in ("personalize-runtime", "personalize-events"))
    for name, every in CLICKS_EVERY.items():
        for number in range(SESSIONS):
            answer = runtime.get_recommendations(campaignArn=campaigns[name], userId=f"visitor-{number}", numResults=5)
            kinds = ("View", "Purchase") if number % (2 * every) == 0 else ("View",) if number % every == 0 else ()
            sent = {
                "itemId": answer["itemList"][number % 5]["itemId"],
                "recommendationId": answer["recommendationId"],
                "sentAt": time.time() - 1800 * (number % 40),
                "properties": json.dumps({"device": "phone"}),
            }
            if kinds:
                events.put_events(
                    trackingId=tracker,
                    userId=f"visitor-{number}",
                    sessionId=f"session-{name}-{number}",
                    eventList=[{"eventType": kind, **sent} for kind in kinds],
                )


def _client(service: str, url: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)
