"""Quotas that the service has and the emulator does not enforce, or that others replace (spec 04 section 1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.session import get_session

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.core.quotas import QUOTAS, refuse_over_quota
from personalize_emu.settings import Settings, quota_limits
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import Recommender
from personalize_emu.state.store import Store
from personalize_emu.wire.errors import LimitExceededException
from tests.given import POPULARITY, REGION, USERS_SCHEMA, Given, arn, avro, field

ACTIONS = avro("Actions", field("ACTION_ID"), field("VALUE", "long"), field("SORT", "string", categorical=True))
TAKEN = avro(
    "ActionInteractions", field("USER_ID"), field("ACTION_ID"), field("EVENT_TYPE"), field("TIMESTAMP", "long")
)


def many(emulator: Emulator, times: int, operation: str, request: Mapping[str, Any]) -> None:
    """In one second, as the clock stands still. Raises what the service would answer."""
    for _ in range(times):
        emulator.call(operation, request)


def test_the_rate_of_streamed_records_is_not_limited(given: Given, emulator: Emulator) -> None:
    """Q-43, Q-44, Q-45: one request more than the service takes in a second, of each kind."""
    group = given.group()
    given.dataset(group)
    records = {"Users": USERS_SCHEMA, "Actions": ACTIONS, "Action_Interactions": TAKEN}
    arns = {kind: given.dataset(group, given.schema(text, kind), kind) for kind, text in records.items()}
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "watch", "itemId": "i", "sentAt": 1_700_000_000.0}
    put = {"trackingId": tracker, "sessionId": "s", "userId": "u", "eventList": [event]}
    many(emulator, 1001, "PutEvents", put)
    taken = {"actionId": "a", "userId": "u", "sessionId": "s", "timestamp": 1_700_000_000.0, "eventType": "taken"}
    shown = given.personalize.describe_dataset(datasetArn=arns["Action_Interactions"])["dataset"]
    interactions = {"trackingId": shown["trackingId"], "actionInteractions": [taken]}
    many(emulator, 1001, "PutActionInteractions", interactions)
    many(emulator, 11, "PutUsers", {"datasetArn": arns["Users"], "users": [{"userId": "u", "properties": '{"age":1}'}]})
    action = {"actionId": "a", "properties": json.dumps({"value": 1, "sort": "x"})}
    many(emulator, 11, "PutActions", {"datasetArn": arns["Actions"], "actions": [action]})


def test_the_rate_of_requests_is_not_limited(given: Given, emulator: Emulator) -> None:
    """Q-48, Q-49: neither of a campaign nor of the account."""
    campaign = given.deployed(POPULARITY)
    many(emulator, 2501, "GetRecommendations", {"campaignArn": campaign, "numResults": 1})


def test_a_dataset_may_have_more_than_1000_actions(given: Given) -> None:
    """D-76, Q-37: how many a model considers is no limit of what there may be."""
    group = given.group()
    actions = given.dataset(group, given.schema(ACTIONS), "Actions")
    rows = "".join(f"a{number},1,x\n" for number in range(1001))
    given.import_job(actions, given.upload("ACTION_ID,VALUE,SORT\n" + rows))
    job = given.personalize.list_dataset_import_jobs()["datasetImportJobs"][0]
    assert job["status"] == "ACTIVE"


def recommender(number: int, group: str) -> Recommender:
    return Recommender(
        name=f"r{number}",
        recommender_arn=arn("recommender", f"r{number}"),
        dataset_group_arn=arn("dataset-group", group),
        recipe_arn="r",
        recommender_config={},
        status="ACTIVE",
        creation_date_time=0.0,
        last_updated_date_time=0.0,
    )


def test_recommenders_count_in_their_group_and_not_in_the_region() -> None:
    """Q-7, Q-11: the older number of 15 in a region holds no more."""
    store = Store()
    for number in range(25):
        made = recommender(number, f"group-{number // 5}")
        refuse_over_quota(store, made, "default")
        store.insert(made)
    with pytest.raises(LimitExceededException, match=r"^More than 5 resources in ACTIVE state\."):
        refuse_over_quota(store, recommender(25, "group-4"), "default")


def test_adjustable_quotas_are_options() -> None:
    """Q-67: of the adjustable ones, those that are enforced."""
    adjustable = (
        "campaigns",
        "dataset-groups",
        "filters",
        "solutions",
        "incremental-import-bytes",
        "batch-inference-jobs",
        "solution-versions",
    )
    raised = quota_limits(",".join(f"{name}={10**12}" for name in adjustable))
    assert {raised[name] for name in adjustable} == {10**12}


def test_one_error_for_rates_and_for_numbers_of_resources() -> None:
    """Q-68, E-35: the model speaks of a rate, the operations that declare it create something."""
    model = get_session().get_service_model("personalize")
    assert "number of requests per second" in model.shape_for("LimitExceededException").documentation
    declaring = {
        name
        for name in model.operation_names
        if "LimitExceededException" in {shape.name for shape in model.operation_model(name).error_shapes}
    }
    counted = {f"Create{quota.kind.__name__}" for quota in QUOTAS}
    assert counted <= declaring


def test_pages_can_be_shorter_than_asked_for(clock: ManualClock) -> None:
    """P-68, P-66: with more to come; a client that takes the first page for everything is found out."""
    with mock_personalize(clock=clock) as emulator:
        object.__setattr__(emulator, "settings", Settings(pace="instant", page_size=8))
        personalize = boto3.client("personalize", region_name=REGION)
        first = personalize.list_recipes()
        assert len(first["recipes"]) == 8
        assert len(personalize.list_recipes(maxResults=50)["recipes"]) == 8
        assert len(personalize.list_recipes(maxResults=7)["recipes"]) == 7
        pages = personalize.get_paginator("list_recipes").paginate()
        names = [recipe["name"] for page in pages for recipe in page["recipes"]]
        assert len(names) == len(set(names)) > 20
        assert "nextToken" in first
    with pytest.raises(ValueError, match="page_size must be between 1 and 100"):
        Settings(page_size=0)
