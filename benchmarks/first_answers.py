"""Processor time of answers in this process, without HTTP: of users asked for the first time, and remembered ones.

The response is rendered as for the wire. `--large` adds one catalog of 750,000 generated items, which takes a minute to
train, beside one pass over as many vectors of 64 numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.datasets import films
from benchmarks.group_to_answer import GroupToAnswer
from benchmarks.report import show
from benchmarks.scale import generated_interactions
from personalize_emu import mock_personalize
from personalize_emu.demo import generate
from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns
from personalize_emu.emulator import Emulator
from personalize_emu.recipes.contract.base import History, Kind, TrainingRun
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.schema_files import schema_text
from personalize_emu.wire.models import operations
from personalize_emu.wire.render import render

RECIPES = (
    "aws-user-personalization",
    "aws-user-personalization-v2",
    "aws-personalized-ranking",
    "aws-sims",
    "aws-similar-items",
    "aws-popularity-count",
)
RANKINGS = 60
ITEMS, USERS, INTERACTIONS, NUMBERS = 750_000, 100_000, 1_500_000, 64


@dataclass(frozen=True)
class Requests:
    """Of one campaign: the members of each request."""

    operation: str
    members: Sequence[Mapping[str, Any]]


def requests_of(emulator: Emulator, version: str, campaign: str, most: int) -> Requests:
    """For at most so many users or items; rankings of 500 items."""
    trained = emulator.state.trained(version)
    assert trained is not None
    rng = np.random.default_rng(0)
    catalog, user_ids = trained.model.catalog, trained.data.user_ids
    users = [user_ids[number] for number in rng.permutation(len(user_ids))[:most]]
    if trained.kind is Kind.RELATED:
        items = [catalog[number] for number in rng.permutation(len(catalog))[:most]]
        return Requests("GetRecommendations", [{"campaignArn": campaign, "itemId": item} for item in items])
    if trained.kind is Kind.RANKING:
        ranked = [catalog[number] for number in rng.permutation(len(catalog))[:500]]
        # No more than are remembered at the same time.
        members = [{"campaignArn": campaign, "userId": user, "inputList": ranked} for user in users[:RANKINGS]]
        return Requests("GetPersonalizedRanking", members)
    return Requests("GetRecommendations", [{"campaignArn": campaign, "userId": user} for user in users])


def microseconds(emulator: Emulator, requests: Requests) -> float:
    """Of processor time, the mean of all requests, each sent once."""
    operation = operations()[requests.operation]
    began = time.process_time()
    for members in requests.members:
        render(operation, emulator.call(requests.operation, members), "request", 0.0)
    return (time.process_time() - began) / len(requests.members) * 1e6


def row(emulator: Emulator, name: str, version: str, campaign: str, most: int) -> list[str]:
    requests = requests_of(emulator, version, campaign, most)
    microseconds(emulator, Requests(requests.operation, requests.members[:1]))
    others = Requests(requests.operation, requests.members[1:])
    first, remembered = microseconds(emulator, others), microseconds(emulator, others)
    return [name, requests.operation, f"{first:,.0f}", f"{remembered:,.0f}"]


def few_items(campaigns: TrainedCampaigns) -> str:
    """Two groups of 15 items, each with users of its own."""
    rng = np.random.default_rng(1)
    rows = [
        (f"u{user}", f"i{2 * rng.integers(15) + user % 2}", 1_700_000_000 + 3_600 * step)
        for user in range(60)
        for step in range(25)
    ]
    return campaigns(rows)


def shop(path: GroupToAnswer) -> str:
    group = path.group()
    with TemporaryDirectory() as folder:
        for file in generate().write_csv(Path(folder)):
            path.load(group, file.stem.capitalize(), schema_text(f"demo/{file.stem}"), file)
    return group


def movielens(path: GroupToAnswer) -> str | None:
    found = films(Path())
    if found is None:
        return None
    group = path.group()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "interactions.csv"
        lines = [f"{user},{item},{moment}" for user, item, moment in found]
        file.write_text("\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *lines]), encoding="utf-8")
        path.load(group, "Interactions", INTERACTIONS_SCHEMA, file)
    return group


INTERACTIONS_SCHEMA = """{"type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema",
"version": "1.0", "fields": [{"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
{"name": "TIMESTAMP", "type": "long"}]}"""


def rows_of(name: str, prepare: Callable[[GroupToAnswer], str | None], most: int) -> Iterator[list[str]]:
    with mock_personalize(quotas="off") as emulator:
        path = GroupToAnswer(None)
        group = prepare(path)
        for recipe in RECIPES if group is not None else ():
            version = path.train(group, recipe)
            yield row(emulator, f"{name}, {recipe}", version, path.deploy(recipe, version), most)


def large_catalog() -> None:
    """The model alone, and its 25 best."""
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    data = generated_interactions(INTERACTIONS, USERS, ITEMS, 1)
    model = recipe.fit(data, TrainingRun({}, sequential_from=0))
    users = np.random.default_rng(0).integers(USERS, size=60)
    histories = [
        History(data.items[rows], data.timestamps[rows], data.user_ids[user])
        for user in users.tolist()
        for rows in [slice(int(data.offsets[user]), int(data.offsets[user + 1]))]
    ]
    vectors = np.random.default_rng(1).random((ITEMS, NUMBERS), np.float32)
    steps: dict[str, Callable[[History], object]] = {
        "aws-user-personalization, scores and the 25 best": lambda history: top_k(model.scores(history), 25),
        f"one pass over {ITEMS:,} x {NUMBERS} numbers": lambda history: vectors @ vectors[len(history.items)],
    }
    rows = []
    for name, step in steps.items():
        step(histories[0])
        began = time.process_time()
        for history in histories:
            step(history)
        rows.append([name, f"{(time.process_time() - began) / len(histories) * 1000:.1f}"])
    show(f"First answers, {ITEMS:,} items", ["what", "processor ms"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_answers", description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="most users or items of each row")
    parser.add_argument("--large", action="store_true", help="also 750,000 generated items")
    options = parser.parse_args()
    rows = []
    with mock_personalize() as emulator:
        campaign = few_items(TrainedCampaigns())
        version = GroupToAnswer(None).personalize.describe_campaign(campaignArn=campaign)["campaign"]
        arn = version["solutionVersionArn"]
        rows.append(row(emulator, "made, 30 items, aws-user-personalization", arn, campaign, options.requests))
    rows += rows_of("demo shop, 500 items", shop, options.requests)
    rows += rows_of("MovieLens small, 9,477 items", movielens, options.requests)
    header = ["catalog and recipe", "request", "first, us", "remembered, us"]
    show("First answers, processor time in microseconds", header, rows)
    if options.large:
        large_catalog()
    return 0


if __name__ == "__main__":
    sys.exit(main())
