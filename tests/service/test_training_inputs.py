"""What trainings read beside interactions: metadata, context, impressions (spec 06 section 1.1, T-28)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.contract.features import Features
from personalize_emu.schema_files import schema_text
from personalize_emu.state.clock import ManualClock
from tests.domain_groups import recommender
from tests.given import RANKING, REGION, SIMS, USER_PERSONALIZATION, Given, arn, avro, field, two_camps

RECIPE = "arn:aws:personalize:::recipe/aws-"
INTERACTIONS = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("DEVICE", ["null", "string"], categorical=True),
    field("IMPRESSION", ["string", "null"]),
)
ITEMS = avro(
    "Items",
    field("ITEM_ID"),
    field("GENRES", ["null", "string"], categorical=True),
    field("PRICE", ["null", "float"]),
    field("ABOUT", ["null", "string"], textual=True),
    field("CREATION_TIMESTAMP", "long"),
    field("TITLE", itemName=True),
)
USERS = avro("Users", field("USER_ID"), field("AGE", "int"), field("PLAN", "string", categorical=True))


@dataclass
class Shop:
    given: Given
    emulator: Emulator

    def trained_on(self, recipe: str, name: str, columns: dict[str, Any] | None = None) -> TrainingData:
        config = {"solutionConfig": {"trainingDataConfig": columns}} if columns else {}
        solution = self.given.solution(arn("dataset-group", "shop"), recipe, name=name, **config)
        return self.emulator.state.trained(self.given.version(solution)).data


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with mock_personalize(clock=ManualClock()) as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        fill(given)
        yield Shop(given, emulator)


def fill(given: Given) -> None:
    group = given.group("shop")
    rows = "".join(
        f"{user},{item},{time},{'phone' if time % 2 else ''},{item}|i-shown\n" for user, item, time in two_camps()
    )
    texts = (
        ("Interactions", INTERACTIONS, "USER_ID,ITEM_ID,TIMESTAMP,DEVICE,IMPRESSION\n" + rows),
        (
            "Items",
            ITEMS,
            "ITEM_ID,GENRES,PRICE,ABOUT,CREATION_TIMESTAMP,TITLE\n"
            "i000,Drama|Crime,2.5,<b>salt</b>,1000,Zero\n"
            "i-shown,,,,2000,Shown\n",
        ),
        ("Users", USERS, "USER_ID,AGE,PLAN\nu1,33,gold\nquiet,44,basic\n"),
    )
    for kind, schema, text in texts:
        dataset = given.dataset(group, given.schema(schema, f"shop-{kind}"), kind, f"shop-{kind}")
        given.import_job(dataset, given.upload(text, f"{kind}.csv"), f"shop-{kind}")


def names(features: Features | None) -> list[str]:
    assert features is not None
    categories, numbers, texts = features.categories, features.numbers, features.texts
    return [*(c.name for c in categories), *(n.name for n in numbers), *(t.name for t in texts)]


def test_metadata_of_all_datasets_are_read(shop: Shop) -> None:
    """R-21 to R-23, R-42: also those of items and users nobody has seen; impressions count for what was passed over."""
    data = shop.trained_on(USER_PERSONALIZATION, "all")
    items, number = data.item_features, data.catalog.index("i000")
    assert names(items) == ["GENRES", "PRICE", "ABOUT", "TITLE"]
    assert items is not None
    assert items.count == len(data.catalog) == 61
    assert items.item_name == "TITLE"
    assert items.categories[0].values == ("Crime", "Drama")
    assert items.categories[0].members.sum(axis=1)[number] == 2
    assert (items.numbers[0].values[number], items.texts[0].texts[number]) == (2.5, "salt")
    assert data.stated_creation is not None
    assert data.stated_creation[[number, number + 1]].tolist() == [1000, -1]
    assert data.profiles is not None
    assert data.profiles.ids == ("quiet", "u1")
    assert names(data.profiles.features) == ["PLAN", "AGE"]
    assert data.profiles.features.numbers[0].values.tolist() == [44, 33]
    assert data.shown is not None
    assert (data.shown[data.catalog.index("i-shown")], data.shown[number]) == (1200, 0)


def test_r22_use_cases_read_impressions(given: Given, emulator: Emulator) -> None:
    """Of what is personal; most viewed counts views and nothing else."""
    group = given.group("films", domain="VIDEO_ON_DEMAND")
    columns = [field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE")]
    schema = avro("Interactions", *columns, field("IMPRESSION", ["string", "null"]))
    rows = "".join(f"{user},{item},{time},Watch,{item}|i001\n" for user, item, time in two_camps())
    header = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,IMPRESSION\n"
    for kind, text, data in (
        ("Interactions", schema, header + rows),
        ("Items", schema_text("video-on-demand/items"), "ITEM_ID,GENRES,CREATION_TIMESTAMP\ni001,Drama,7\n"),
    ):
        made = given.schema(text, f"films-{kind}", domain="VIDEO_ON_DEMAND")
        dataset = given.dataset(group, made, kind, f"films-{kind}")
        given.import_job(dataset, given.upload(data, f"{kind}.csv"), f"films-{kind}")
    picks = emulator.state.trained(recommender(given, group, "vod-top-picks")).data
    assert picks.shown is not None
    assert picks.shown[picks.catalog.index("i001")] > 1000
    assert picks.stated_creation is not None
    assert picks.stated_creation.max() == 7
    popular = emulator.state.trained(recommender(given, group, "vod-most-popular", "popular")).data
    assert (popular.shown, popular.item_features) == (None, None)


@pytest.mark.parametrize(
    ("recipe", "items", "users", "shown"),
    [
        (RECIPE + "user-personalization-v2", True, True, False),
        (RANKING, True, True, False),
        (RECIPE + "similar-items", True, False, False),
        (RECIPE + "popularity-count", False, False, False),
        (SIMS, False, False, False),
    ],
)
def test_each_recipe_reads_its_inputs_only(shop: Shop, recipe: str, items: bool, users: bool, shown: bool) -> None:
    """R-22, R-23 and the table of spec 06 section 1.1."""
    data = shop.trained_on(recipe, recipe.rpartition("/")[2])
    assert (data.item_features is not None, data.profiles is not None, data.shown is not None) == (items, users, shown)


def test_t28_excluded_columns_are_not_read(shop: Shop) -> None:
    excluded = {"Items": ["GENRES", "TITLE", "CREATION_TIMESTAMP"], "users": ["AGE"], "INTERACTIONS": ["IMPRESSION"]}
    data = shop.trained_on(USER_PERSONALIZATION, "without", {"excludedDatasetColumns": excluded})
    assert names(data.item_features) == ["PRICE", "ABOUT"]
    assert data.stated_creation is None
    assert data.shown is None
    assert data.profiles is not None
    assert names(data.profiles.features) == ["PLAN"]
    data = shop.trained_on(USER_PERSONALIZATION, "only", {"includedDatasetColumns": {"ITEMS": ["PRICE"]}})
    assert names(data.item_features) == ["PRICE"]
    assert data.shown is not None


def test_r113_streamed_records_count_in_the_next_training(shop: Shop) -> None:
    """The newest record of an id is what it is (D-84)."""
    before = shop.trained_on(USER_PERSONALIZATION, "before").profiles
    boto3.client("personalize-events", region_name=REGION).put_users(
        datasetArn=arn("dataset", "shop/USERS"),
        users=[
            {"userId": user, "properties": json.dumps({"age": age, "plan": "gold|trial"})}
            for user, age in (("u1", 55), ("u2", 22))
        ],
    )
    after = shop.trained_on(USER_PERSONALIZATION, "after").profiles
    assert before is not None
    assert before.ids == ("quiet", "u1")
    assert after is not None
    assert after.ids == ("quiet", "u1", "u2")
    assert after.features.numbers[0].values.tolist() == [44, 55, 22]
    assert after.features.categories[0].values == ("basic", "gold", "trial")
