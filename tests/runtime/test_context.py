"""Context and user metadata in recommendations (spec 09 section 5, spec 06 R-21, R-72d, R-113)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import numpy as np
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.schema_files import schema_text
from personalize_emu.state.clock import ManualClock
from tests.domain_groups import recommender
from tests.given import POPULARITY, RANKING, REGION, ROLE, USER_PERSONALIZATION, Given, arn, avro, field

ITEMS = 40
EVENTS = 20
USERS = 70
INTERACTIONS_SCHEMA = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("DEVICE", ["null", "string"], categorical=True),
    field("HOUR", "int"),
)
USERS_SCHEMA = avro("Users", field("USER_ID"), field("AGE", "int"), field("PLAN", "string", categorical=True))
YOUNG, OLD = 20, 60


def rows(columns: str) -> str:
    """Even items are viewed on phones only and odd ones on desktops; young users view mostly the first half.

    Phones are used before noon. Users with even numbers are young.
    """
    rng = np.random.default_rng(8)
    numbers = np.arange(ITEMS)
    lines = []
    for user in range(USERS):
        for event in range(EVENTS):
            phone = int(rng.integers(2))
            hour = int(rng.integers(12)) + 12 * (1 - phone)
            taste = 1 + 5 * ((numbers < ITEMS // 2) == (user % 2 == 0))
            chances = (numbers % 2 != phone) * taste / (numbers % (ITEMS // 2) + 5)
            item = rng.choice(ITEMS, p=chances / chances.sum())
            row = {"DEVICE": ("desktop", "phone")[phone], "HOUR": hour, "EVENT_TYPE": "View"}
            line = {"USER_ID": f"u{user}", "ITEM_ID": f"i{item:02}", "TIMESTAMP": 1_600_000_000 + event * 3600, **row}
            lines.append(",".join(str(line[column]) for column in columns.split(",")))
    return "\n".join([columns, *lines]) + "\n"


def profiles() -> str:
    """The last two users have no events."""
    ages = [*((YOUNG, OLD)[user % 2] for user in range(USERS)), YOUNG, OLD]
    names = [*(f"u{user}" for user in range(USERS)), "quiet-young", "quiet-old"]
    plans = [f"plan{user * 7 % 3}" for user in range(USERS + 2)]
    return "USER_ID,AGE,PLAN\n" + "".join(
        f"{name},{age},{plan}\n" for name, age, plan in zip(names, ages, plans, strict=True)
    )


@dataclass
class Shop:
    given: Given
    runtime: Any
    campaign: str

    def listed(self, user: str, context: Mapping[str, str] | None = None, **more: Any) -> list[str]:
        request = {"userId": user, "numResults": 10, **more} | ({"context": context} if context else {})
        if "recommenderArn" not in request:
            request.setdefault("campaignArn", self.campaign)
        return [item["itemId"] for item in self.runtime.get_recommendations(**request)["itemList"]]

    def deployed(self, recipe: str, name: str, **extra: Any) -> str:
        exploring = {"campaignConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}
        version = self.given.version(self.given.solution(arn("dataset-group", "shop"), recipe, name=name, **extra))
        return self.given.campaign(version, name, **(exploring if recipe == USER_PERSONALIZATION else {}))


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with mock_personalize(clock=ManualClock()):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        group = given.group("shop")
        events = given.dataset(group, given.schema(INTERACTIONS_SCHEMA, "events"), name="events")
        given.import_job(events, given.upload(rows("USER_ID,ITEM_ID,TIMESTAMP,DEVICE,HOUR")), "events")
        users = given.dataset(group, given.schema(USERS_SCHEMA, "users"), "Users", name="users")
        given.import_job(users, given.upload(profiles(), "users.csv"), "users")
        shop = Shop(given, boto3.client("personalize-runtime", region_name=REGION), "")
        shop.campaign = shop.deployed(USER_PERSONALIZATION, "personal")
        yield shop


def even(items: list[str]) -> float:
    return sum(int(item[1:]) % 2 == 0 for item in items) / len(items)


def for_the_young(items: list[str]) -> float:
    return sum(int(item[1:]) < ITEMS // 2 for item in items) / len(items)


PHONE, DESKTOP = {"DEVICE": "phone"}, {"DEVICE": "desktop"}


@pytest.mark.parametrize("user", ["u1", "u2", "stranger", "quiet-old"])
def test_rt62_rt40_the_device_decides(shop: Shop, user: str) -> None:
    """R-21, R-72d: for users with events, with metadata only, and unknown users."""
    assert even(shop.listed(user, PHONE)) == 1
    assert even(shop.listed(user, DESKTOP)) == 0
    assert 0 < even(shop.listed(user)) < 1


def test_rt60_keys_in_any_case_and_unknown_ones(shop: Shop) -> None:
    """Unknown keys and values have no effect; EVENT_TYPE and the like are no context."""
    plain = shop.listed("u1")
    assert shop.listed("u1", {"device": "phone"}) == shop.listed("u1", PHONE) != plain
    for context in ({"COLOUR": "phone"}, {"DEVICE": "toaster"}, {"DEVICE": ""}, {"TIMESTAMP": "then"}):
        assert shop.listed("u1", context) == plain
    assert shop.listed("u1", {**PHONE, "COLOUR": "red"}) == shop.listed("u1", PHONE)


def test_rt61_numbers_are_sent_as_strings(shop: Shop) -> None:
    campaign = shop.deployed(
        USER_PERSONALIZATION,
        "hours",
        solutionConfig={"trainingDataConfig": {"includedDatasetColumns": {"INTERACTIONS": ["HOUR"]}}},
    )
    users = [f"u{user}" for user in range(8)]
    for hour, low, high in (("8", 0.7, 1.0), ("20.0", 0.0, 0.3)):
        shares = [even(shop.listed(user, {"HOUR": hour}, campaignArn=campaign)) for user in users]
        assert low < np.mean(shares) < high
    unknown = shop.listed("u1", {}, campaignArn=campaign)
    for value in ("noon", "", "nan", "1e999"):
        assert shop.listed("u1", {"HOUR": value}, campaignArn=campaign) == unknown


def test_rt42_r72d_new_users_get_items_popular_in_their_segment(shop: Shop) -> None:
    """By the Users dataset, which has no entry for unknown users."""
    young, stranger, old = (for_the_young(shop.listed(user)) for user in ("quiet-young", "stranger", "quiet-old"))
    assert young == 1
    assert young > stranger > old
    assert for_the_young(shop.listed("quiet-young", PHONE)) > for_the_young(shop.listed("quiet-old", PHONE))


def test_t28_columns_left_out_have_no_effect(shop: Shop) -> None:
    """Such columns are not read, so invalid numbers do no harm."""
    excluded = {"INTERACTIONS": ["DEVICE", "HOUR"], "USERS": ["AGE"]}
    campaign = shop.deployed(
        USER_PERSONALIZATION,
        "blind",
        solutionConfig={"trainingDataConfig": {"excludedDatasetColumns": excluded}},
    )
    for user in ("u1", "stranger"):
        plain = shop.listed(user, campaignArn=campaign)
        assert shop.listed(user, {**PHONE, "HOUR": "noon"}, campaignArn=campaign) == plain
    assert shop.listed("quiet-young", campaignArn=campaign) == shop.listed("stranger", campaignArn=campaign)


def test_rt62_rankings(shop: Shop) -> None:
    """R-21: in both versions; the best item of the other device follows."""
    for recipe in (RANKING, RANKING + "-v2"):
        campaign = shop.deployed(recipe, recipe.rpartition("/")[2])
        for user in ("u3", "stranger"):
            for context, first in ((PHONE, "i20"), (DESKTOP, "i01")):
                ranking = shop.runtime.get_personalized_ranking(
                    campaignArn=campaign, userId=user, inputList=["i01", "i20", "no-such"], context=context
                )["personalizedRanking"]
                assert ranking[0]["itemId"] == first
                assert sum(item.get("score", 0) for item in ranking) == pytest.approx(1, abs=1e-6)
        # A group has at most five campaigns.
        shop.given.personalize.delete_campaign(campaignArn=campaign)


def test_context_of_streamed_events_is_used_by_the_next_training(shop: Shop) -> None:
    """EV-31, EV-35: a new device and the items used on it."""
    tracker = shop.given.personalize.create_event_tracker(name="t", datasetGroupArn=arn("dataset-group", "shop"))
    events = boto3.client("personalize-events", region_name=REGION)
    watch = {"DEVICE": "watch"}
    assert shop.listed("stranger", watch) == shop.listed("stranger")
    for user in range(USERS):
        views = [
            {
                "eventType": "View",
                "itemId": f"i{35 + step:02}",
                "sentAt": 1_690_000_000 + 60 * step,
                "properties": json.dumps({"device": "watch", "hour": 3}),
            }
            for step in range(3)
        ]
        events.put_events(trackingId=tracker["trackingId"], userId=f"w{user}", sessionId=f"s{user}", eventList=views)
    assert shop.listed("stranger", watch) == shop.listed("stranger")
    campaign = shop.deployed(USER_PERSONALIZATION, "watched")
    found = shop.runtime.get_recommendations(campaignArn=campaign, userId="stranger", context=watch, numResults=3)
    # RT-59: the key is itemId.
    assert {item["itemId"] for item in found["itemList"]} == {"i35", "i36", "i37"}
    shop.given.personalize.delete_campaign(campaignArn=campaign)


def test_rt60_other_recipes_ignore_it(shop: Shop) -> None:
    campaign = shop.deployed(POPULARITY, "popular")
    plain = shop.listed("u1", campaignArn=campaign)
    assert shop.listed("u1", {**PHONE, "HOUR": "noon"}, campaignArn=campaign) == plain


def test_r113_profiles_put_since_count_after_the_next_training(shop: Shop) -> None:
    boto3.client("personalize-events", region_name=REGION).put_users(
        datasetArn=arn("dataset", "shop/USERS"),
        users=[{"userId": "late", "properties": json.dumps({"age": OLD, "plan": "plan1"})}],
    )
    assert shop.listed("late") == shop.listed("stranger")
    again = shop.deployed(USER_PERSONALIZATION, "again")
    assert for_the_young(shop.listed("late", campaignArn=again)) < for_the_young(
        shop.listed("stranger", campaignArn=again)
    )


def test_b28_lines_of_batch_jobs_have_their_own_context(shop: Shop) -> None:
    """One user with two contexts gets two lists; a context with values that are not strings is an error."""
    lines: list[dict[str, Any]] = [
        {"userId": "u1", "context": PHONE},
        {"userId": "u1", "context": DESKTOP},
        {"userId": "u1"},
        {"userId": "quiet-old"},
        {"userId": "u1", "context": "phone"},
        {"userId": "u1", "context": {"HOUR": "noon"}},
    ]
    version = shop.given.personalize.describe_campaign(campaignArn=shop.campaign)["campaign"]["solutionVersionArn"]
    shop.given.personalize.create_batch_inference_job(
        jobName="told",
        solutionVersionArn=version,
        roleArn=ROLE,
        numResults=10,
        jobInput={
            "s3DataSource": {"path": shop.given.upload("\n".join(map(json.dumps, lines)), "batch/told.jsonl")}
        },
        jobOutput={"s3DataDestination": {"path": "s3://personalize-tests/told/"}},
        batchInferenceJobConfig={"itemExplorationConfig": {"explorationWeight": "0"}},
    )
    (text,) = (body for key, body in shop.given.downloaded("told/").items() if key.endswith(".out"))
    answers = [json.loads(line) for line in text.splitlines()]
    assert [answer["input"] for answer in answers] == lines
    found = [answer["output"]["recommendedItems"] for answer in answers[:4]]
    assert found == [
        shop.listed("u1", PHONE),
        shop.listed("u1", DESKTOP),
        shop.listed("u1"),
        shop.listed("quiet-old"),
    ]
    assert [answer["error"] for answer in answers[4:]] == ["context must be an object of strings", None]
    assert answers[5]["output"]["recommendedItems"] == shop.listed("u1", {"HOUR": "noon"})


def test_r21_recommended_for_you(shop: Shop) -> None:
    """A use case with context, in a column that is not part of the domain schema."""
    given = shop.given
    group = given.group("domain", domain="ECOMMERCE")
    text = json.loads(schema_text("ecommerce/interactions"))
    text["fields"].append({"name": "DEVICE", "type": ["null", "string"], "categorical": True})
    kept = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "DEVICE")
    text["fields"] = [entry for entry in text["fields"] if entry["name"] in kept]
    schema = given.schema(json.dumps(text), "domain-events", domain="ECOMMERCE")
    dataset = given.dataset(group, schema, name="domain-events")
    given.import_job(dataset, given.upload(rows("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE")), "domain-events")
    quiet = {"itemExplorationConfig": {"explorationWeight": "0"}}
    for_you = recommender(given, group, "ecomm-recommended-for-you", recommenderConfig=quiet)
    assert even(shop.listed("stranger", PHONE, recommenderArn=for_you)) == 1
    assert even(shop.listed("u1", DESKTOP, recommenderArn=for_you)) == 0
    without = {"trainingDataConfig": {"excludedDatasetColumns": {"INTERACTIONS": ["DEVICE"]}}}
    blind = recommender(given, group, "ecomm-recommended-for-you", "blind", recommenderConfig={**quiet, **without})
    assert shop.listed("u1", PHONE, recommenderArn=blind) == shop.listed("u1", recommenderArn=blind)
    viewed = recommender(given, group, "ecomm-popular-items-by-views", name="viewed")
    assert shop.listed("u1", PHONE, recommenderArn=viewed) == shop.listed("u1", recommenderArn=viewed)
