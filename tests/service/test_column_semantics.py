"""What columns mean to training, recommendations and filters, and what they do not (spec 03), through boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import numpy as np
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.recipes.contract.creation_time import creation_times
from personalize_emu.schema_files import schema_text
from personalize_emu.state.clock import ManualClock
from tests.domain_groups import cinema, recommender, shop_rows
from tests.given import (
    ITEMS_SCHEMA,
    POPULARITY,
    REGION,
    SIMS,
    USER_PERSONALIZATION,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.recipes.made_data import training_data
from tests.refusals import refusal

BASE = (field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"))
Row = Sequence[Any]


def csv(header: str, rows: Sequence[Row]) -> str:
    return header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["itemId"] for item in answer["itemList"]]


def test_training_needs_interactions_only(given: Given, runtime: Any) -> None:
    """D-30: for recipes of every type that need nothing else."""
    group = given.imported_group()
    asked = {"userId": "u0", "itemId": "i000", "numResults": 5}
    for recipe in (USER_PERSONALIZATION, SIMS, POPULARITY):
        name = recipe.rpartition("/")[2]
        campaign = given.campaign(given.version(given.solution(group, recipe, name)), name)
        assert len(ids(runtime.get_recommendations(campaignArn=campaign, **asked))) == 5
    assert len(given.personalize.list_datasets()["datasets"]) == 1


def test_bulk_interactions_count_from_the_next_version(given: Given, runtime: Any) -> None:
    """D-86: recommendations are the same until a version has been trained on them."""
    group = given.imported_group()
    solution = given.solution(group, POPULARITY)
    campaign = given.campaign(given.version(solution))
    before = runtime.get_recommendations(campaignArn=campaign)["itemList"]
    loved = [(f"w{number}", "i-new", 1_700_000_000 + number) for number in range(1000)]
    dataset = arn("dataset", "group/INTERACTIONS")
    given.import_job(dataset, given.upload(as_csv(loved)), "more", importMode="INCREMENTAL")
    assert runtime.get_recommendations(campaignArn=campaign)["itemList"] == before
    newer = given.version(solution)
    assert runtime.get_recommendations(campaignArn=campaign)["itemList"] == before
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=newer)
    assert ids(runtime.get_recommendations(campaignArn=campaign))[0] == "i-new"


def test_single_items_go_with_a_full_import_only(given: Given, emulator: Emulator) -> None:
    """D-88: there is no operation for it."""
    names = boto3.client("personalize-events", region_name=REGION).meta.service_model.operation_names
    assert not [name for name in names if name.startswith("Delete")]
    dataset = given.dataset(schema=given.schema(ITEMS_SCHEMA), dataset_type="Items")
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\na,x\nb,x\n"), "both")
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\na,y\n"), "one", importMode="INCREMENTAL")
    contents = emulator.state.contents(dataset)
    assert contents.bulk is not None
    assert sorted(contents.bulk.column("ITEM_ID").to_pylist()) == ["a", "b"]
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\na,y\n"), "full")
    assert contents.bulk.column("ITEM_ID").to_pylist() == ["a"]


def test_a_schema_can_be_replaced_without_deleting_anything(given: Given, emulator: Emulator) -> None:
    """D-99: what an older guide denies."""
    dataset = given.dataset(schema=given.schema(ITEMS_SCHEMA), dataset_type="Items")
    given.import_job(dataset, given.upload("ITEM_ID,GENRE\na,x\n"))
    wide = json.loads(ITEMS_SCHEMA)
    wide["fields"].append(field("PRICE", ["null", "float"]))
    given.personalize.update_dataset(datasetArn=dataset, schemaArn=given.schema(json.dumps(wide), "wide"))
    shown = given.personalize.describe_dataset(datasetArn=dataset)["dataset"]
    assert shown["schemaArn"] == arn("schema", "wide")
    bulk = emulator.state.contents(dataset).bulk
    assert bulk is not None
    assert bulk.num_rows == 1


def test_items_without_a_creation_time_are_accepted() -> None:
    """D-121: the oldest interaction with an item, and for one that nobody met the newest of all."""
    data = training_data([("u", "a", 50), ("v", "a", 20), ("v", "b", 90)], ["a", "b", "c", "d"])
    assert creation_times(data).tolist() == [20, 90, 90, 90]
    stated = np.array([7, -1, -1, 5])
    data = type(data)(**{**vars(data), "stated_creation": stated})
    assert creation_times(data).tolist() == [7, 90, 90, 5]


VALUED = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP,EVENT_VALUE"


def valued_shop(given: Given, name: str, values: Sequence[float]) -> str:
    text = json.loads(schema_text("ecommerce/interactions"))
    text["fields"].append(field("EVENT_VALUE", ["float", "null"]))
    group = given.group(name, domain="ECOMMERCE")
    dataset = given.dataset(group, given.schema(json.dumps(text), name, domain="ECOMMERCE"), name=name)
    rows = [(u, i, kind, t, values[n % len(values)]) for n, (u, i, t, kind) in enumerate(shop_rows())]
    given.import_job(dataset, given.upload(csv(VALUED, rows), f"{name}.csv"), name)
    return recommender(given, group, "ecomm-popular-items-by-views", name)


def test_use_cases_ignore_event_values(given: Given, runtime: Any) -> None:
    """D-122, T-24: nor can they be told to, as a recommender has no threshold."""
    made = [valued_shop(given, "one", [1.0]), valued_shop(given, "two", [0.0, 9.5])]
    answers = [ids(runtime.get_recommendations(recommenderArn=each, userId="u0")) for each in made]
    assert answers[0] == answers[1]
    members = given.personalize.meta.service_model.shape_for("RecommenderConfig").members
    assert not [name for name in members if "event" in name.lower()]


def test_event_types_of_the_shop(given: Given, runtime: Any) -> None:
    """D-36: what sells best is counted by Purchase alone, what is looked at most by View."""
    views = [(user, item, time, "View") for user, item, time in two_camps()]
    bought = [(f"u{number % 60}", "i007", 1_650_000_000 + number, "Purchase") for number in range(1000)]
    group = given.group(domain="ECOMMERCE")
    schema = given.schema(schema_text("ecommerce/interactions"), domain="ECOMMERCE")
    text = csv("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE", [*views, *bought])
    given.import_job(given.dataset(group, schema), given.upload(text))
    top = {
        word: ids(
            runtime.get_recommendations(
                recommenderArn=recommender(given, group, f"ecomm-popular-items-by-{word}", word), userId="u0"
            )
        )
        for word in ("views", "purchases")
    }
    assert top["purchases"][0] == "i007"
    assert top["views"][0] != "i007"


@pytest.mark.parametrize("recipe", [SIMS, POPULARITY])
def test_impressions_are_not_trained_on(given: Given, runtime: Any, recipe: str) -> None:
    """D-123: whatever was shown, and in whatever order, models without exploration are the same."""
    schema = given.schema(avro("Interactions", *BASE, field("IMPRESSION", ["string", "null"])))
    answers = []
    for name, impression in (("none", ""), ("some", "i000|i001|never"), ("turned", "never|i001|i000")):
        group = given.group(name)
        rows = [(*row, impression) for row in two_camps()]
        text = csv("USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION", rows)
        given.import_job(given.dataset(group, schema, name=name), given.upload(text, f"{name}.csv"), name)
        campaign = given.campaign(given.version(given.solution(group, recipe, name)), name)
        answers.append(ids(runtime.get_recommendations(campaignArn=campaign, itemId="i000")))
    assert answers[0] == answers[1] == answers[2]


def test_implicit_impressions_need_no_column(given: Given, events: Any, runtime: Any, emulator: Emulator) -> None:
    """D-124: an event names the recommendations it comes from although its schema does not."""
    campaign = given.deployed(POPULARITY, name="films")
    answer = runtime.get_recommendations(campaignArn=campaign)
    group = arn("dataset-group", "films")
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {
        "eventType": "watch",
        "itemId": ids(answer)[0],
        "sentAt": 1_700_000_000,
        "recommendationId": answer["recommendationId"],
    }
    events.put_events(trackingId=tracker, sessionId="s", userId="u", eventList=[event])
    (row,) = emulator.state.contents(arn("dataset", "films/INTERACTIONS")).log.rows()
    assert "RECOMMENDATION_ID" not in row


@pytest.fixture(scope="module")
def films() -> Iterator[tuple[Given, Any]]:
    with mock_personalize(clock=ManualClock()):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        levels = ("GENRES", "GENRE_L2", "GENRE_L3")
        columns = [field(name, ["string", "null"], categorical=True) for name in levels]
        group = given.imported_group()
        items = given.dataset(group, given.schema(avro("Items", field("ITEM_ID"), *columns), "items"), "Items")
        rows = [(f"i{n:03d}", "Drama|Crime" if n % 2 else "Comedy", f"a{n % 3}|b", f"c{n % 5}") for n in range(60)]
        given.import_job(items, given.upload(csv("ITEM_ID,GENRES,GENRE_L2,GENRE_L3", rows), "items.csv"), "items")
        given.campaign(given.version(given.solution(group, POPULARITY)))
        yield given, boto3.client("personalize-runtime", region_name=REGION)


@pytest.mark.parametrize(
    ("column", "value", "fits"),
    [
        ("GENRES", "Crime", lambda n: n % 2 == 1),
        ("GENRE_L2", "a1", lambda n: n % 3 == 1),
        ("GENRE_L2", "b", lambda n: True),
        ("GENRE_L3", "c4", lambda n: n % 5 == 4),
    ],
)
def test_category_levels_are_separate_columns(films: tuple[Given, Any], column: str, value: str, fits: Any) -> None:
    """D-125, D-63: each with any number of values; what is in one is not looked for in another."""
    given, runtime = films
    made = given.personalize.create_filter(
        name=f"{column}-{value}",
        datasetGroupArn=arn("dataset-group", "group"),
        filterExpression=f'INCLUDE ItemID WHERE Items.{column} IN ("{value}")',
    )["filterArn"]
    answer = runtime.get_recommendations(campaignArn=arn("campaign", "campaign"), filterArn=made, numResults=100)
    assert sorted(ids(answer)) == [f"i{n:03d}" for n in range(60) if fits(n)]


def test_which_recipes_can_promote_items(films: tuple[Given, Any]) -> None:
    """R-25: those that recommend items, to a user, from an item or to everybody; a ranking has no such member."""
    given, runtime = films
    group = arn("dataset-group", "group")
    text = 'INCLUDE ItemID WHERE Items.GENRE_L3 IN ("c0")'
    made = given.personalize.create_filter(name="c0", datasetGroupArn=group, filterExpression=text)["filterArn"]
    promotions = [{"name": "p", "percentPromotedItems": 50, "filterArn": made}]
    for recipe in (USER_PERSONALIZATION, SIMS, POPULARITY):
        name = f"p-{recipe.rpartition('/')[2]}"
        campaign = given.campaign(given.version(given.solution(group, recipe, name)), name)
        asked = {"userId": "u0", "itemId": "i002", "numResults": 10, "promotions": promotions}
        answer = runtime.get_recommendations(campaignArn=campaign, **asked)["itemList"]
        assert sum(item.get("promotionName") == "p" for item in answer) == 5, recipe
    shape = runtime.meta.service_model.operation_model("GetPersonalizedRanking").input_shape
    assert "promotions" not in shape.members
    actions = runtime.meta.service_model.operation_model("GetActionRecommendations").input_shape
    assert "promotions" not in actions.members


def test_only_one_use_case_promotes_nothing(given: Given, runtime: Any) -> None:
    """R-25: trending films."""
    group = cinema(given)
    text = 'INCLUDE ItemID WHERE Items.GENRES IN ("Drama")'
    made = given.personalize.create_filter(name="f", datasetGroupArn=group, filterExpression=text)["filterArn"]
    promotions = [{"name": "p", "percentPromotedItems": 50, "filterArn": made}]
    asked = {"userId": "u0", "promotions": promotions}
    trending = recommender(given, group, "vod-trending-now", "trending")
    code, text = refusal(runtime.get_recommendations, recommenderArn=trending, **asked)
    assert (code, "does not support promotions" in text) == ("InvalidInputException", True)
    popular = recommender(given, group, "vod-most-popular", "popular")
    answer = runtime.get_recommendations(recommenderArn=popular, **asked)
    assert any("promotionName" in item for item in answer["itemList"])
