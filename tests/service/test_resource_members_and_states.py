"""Which members requests and answers of each kind have, and which states it passes (spec 02), through boto3."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from personalize_emu.emulator import Emulator
from tests.given import (
    ACCOUNT,
    INTERACTIONS_SCHEMA,
    POPULARITY,
    REGION,
    USERS_SCHEMA,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

DATES = {"creationDateTime", "lastUpdatedDateTime"}
TAGS = [{"tagKey": "team", "tagValue": "films"}]
ACTIONS = avro("Actions", field("ACTION_ID"), field("VALUE", "int"))
ACTION_INTERACTIONS = avro(
    "ActionInteractions", field("USER_ID"), field("ACTION_ID"), field("EVENT_TYPE"), field("TIMESTAMP", "long")
)


def inputs(given: Given, operation: str) -> set[str]:
    return set(given.personalize.meta.service_model.operation_model(operation).input_shape.members)


def tags_of(given: Given, resource: str) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = given.personalize.list_tags_for_resource(resourceArn=resource)["tags"]
    return tags


def test_the_domain_of_a_group_cannot_change(given: Given) -> None:
    """R-DSG-2, R-DSG-6, R-DSG-16."""
    assert inputs(given, "CreateDatasetGroup") == {"name", "domain", "roleArn", "kmsKeyArn", "tags"}
    assert "UpdateDatasetGroup" not in given.personalize.meta.service_model.operation_names
    group = given.group(domain="ECOMMERCE", tags=TAGS)
    described = given.personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]
    assert described["domain"] == "ECOMMERCE"
    assert tags_of(given, group) == TAGS
    code, text = refusal(given.group, name="other", domain="RETAIL")
    assert (code, "[ECOMMERCE, VIDEO_ON_DEMAND]" in text) == ("ValidationException", True)


def test_a_domain_group_has_no_actions_but_solutions(given: Given) -> None:
    """R-DSG-10, R-DSG-11, R-SOL-20."""
    group = given.group(domain="VIDEO_ON_DEMAND")
    typed = avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"))
    dataset = given.dataset(group, given.schema(typed, "typed", domain="VIDEO_ON_DEMAND"))
    rows = "".join(f"{user},{item},{time},Watch\n" for user, item, time in two_camps())
    given.import_job(dataset, given.upload("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n" + rows))
    assert given.campaign(given.version(given.solution(group, POPULARITY)))
    for text, kind in ((ACTIONS, "Actions"), (ACTION_INTERACTIONS, "Action_Interactions")):
        schema = given.schema(text, kind, domain="VIDEO_ON_DEMAND")
        assert refusal(given.dataset, group=group, schema=schema, dataset_type=kind)[0] == "InvalidInputException"


def test_groups_are_independent(given: Given, runtime: Any) -> None:
    """R-DSG-1."""
    one = given.deployed(POPULARITY, name="one")
    before = runtime.get_recommendations(campaignArn=one)["itemList"]
    given.deployed(POPULARITY, [(user, f"other-{item}", time) for user, item, time in two_camps()], name="two")
    assert runtime.get_recommendations(campaignArn=one)["itemList"] == before


def test_a_group_must_be_active_before_it_gets_a_dataset(slow: Given, slow_emulator: Emulator) -> None:
    """R-DSG-8, R-DS-16, R-SCH-13."""
    schema = slow.schema()
    group = slow.group()
    assert refusal(slow.dataset, group=group, schema=schema)[0] == "ResourceInUseException"
    slow_emulator.advance(60)
    assert slow.dataset(group, schema)


def test_a_schema_exists_at_once_and_is_immutable(slow: Given) -> None:
    """R-SCH-1, R-SCH-2, R-SCH-5, R-SCH-9, R-SCH-13."""
    assert inputs(slow, "CreateSchema") == {"name", "schema", "domain"}
    assert "UpdateSchema" not in slow.personalize.meta.service_model.operation_names
    schema = slow.schema()
    described = slow.personalize.describe_schema(schemaArn=schema)["schema"]
    assert set(described) == {"name", "schemaArn", "schema"} | DATES
    slow.personalize.delete_schema(schemaArn=schema)
    assert refusal(slow.personalize.describe_schema, schemaArn=schema)[0] == "ResourceNotFoundException"


def test_members_of_datasets(given: Given) -> None:
    """R-DS-1, R-DS-7, R-DS-8, R-DS-21, R-DS-22, R-GEN-8."""
    assert inputs(given, "CreateDataset") == {"name", "schemaArn", "datasetGroupArn", "datasetType", "tags"}
    group = given.group()
    plain = given.dataset(group, tags=TAGS)
    actions = given.dataset(group, given.schema(ACTION_INTERACTIONS, "a"), "Action_Interactions")
    given.personalize.create_event_tracker(name="t", datasetGroupArn=group)
    listed = given.personalize.list_datasets(datasetGroupArn=group)["datasets"]
    assert sorted(entry["datasetType"] for entry in listed) == ["ACTION_INTERACTIONS", "INTERACTIONS"]
    assert all(set(entry) == {"name", "datasetArn", "datasetType", "status"} | DATES for entry in listed)
    assert tags_of(given, plain) == TAGS
    describe = given.personalize.describe_dataset
    assert "trackingId" not in describe(datasetArn=plain)["dataset"]
    assert len(describe(datasetArn=actions)["dataset"]["trackingId"]) == 36


def states(emulator: Emulator, status: Any, *, step: float = 1, most: int = 200) -> list[str]:
    """The states in the order in which they are seen."""
    seen: list[str] = []
    for _ in range(most):
        current = status()
        if seen[-1:] != [current]:
            seen.append(current)
        emulator.advance(step)
    return seen


CREATION = ["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"]
DELETION = ["ACTIVE", "DELETE PENDING", "DELETE IN_PROGRESS", "gone"]


def test_states_of_datasets_and_trackers(slow: Given, slow_emulator: Emulator) -> None:
    """R-DS-9, R-ET-4, R-GEN-8, R-GEN-9, R-GEN-10, R-GEN-15, R-GEN-17."""
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group)
    personalize = slow.personalize

    def dataset_status() -> str:
        try:
            status: str = personalize.describe_dataset(datasetArn=dataset)["dataset"]["status"]
        except personalize.exceptions.ResourceNotFoundException:
            return "gone"
        return status

    assert states(slow_emulator, dataset_status) == CREATION
    personalize.delete_dataset(datasetArn=dataset)
    assert states(slow_emulator, dataset_status) == DELETION[1:]
    slow.dataset(group, arn("schema", "schema"))
    tracker = personalize.create_event_tracker(name="t", datasetGroupArn=group, tags=TAGS)["eventTrackerArn"]
    assert tags_of(slow, tracker) == TAGS

    def tracker_status() -> str:
        try:
            status: str = personalize.describe_event_tracker(eventTrackerArn=tracker)["eventTracker"]["status"]
        except personalize.exceptions.ResourceNotFoundException:
            return "gone"
        return status

    assert states(slow_emulator, tracker_status) == CREATION
    personalize.delete_event_tracker(eventTrackerArn=tracker)
    assert states(slow_emulator, tracker_status) == DELETION[1:]


def test_states_of_campaigns(slow: Given, slow_emulator: Emulator) -> None:
    """R-CMP-4, R-CMP-21, R-GEN-5."""
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group)
    slow_emulator.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    slow_emulator.advance(1000)
    version = slow.version(slow.solution(group, POPULARITY, performAutoTraining=False))
    slow_emulator.advance(5000)
    campaign = slow.campaign(version, tags=TAGS)
    assert tags_of(slow, campaign) == TAGS
    assert refusal(slow.campaign, version=version)[0] == "ResourceAlreadyExistsException"

    def status() -> str:
        try:
            found: str = slow.personalize.describe_campaign(campaignArn=campaign)["campaign"]["status"]
        except slow.personalize.exceptions.ResourceNotFoundException:
            return "gone"
        return found

    assert states(slow_emulator, status, step=10) == CREATION
    slow.personalize.delete_campaign(campaignArn=campaign)
    assert states(slow_emulator, status, step=5) == DELETION[1:]


def test_members_of_solutions(given: Given) -> None:
    """R-SOL-1, R-SOL-3, R-SOL-4, R-SOL-7, R-SOL-21, R-SV-5, R-DIJ-14."""
    group = given.group()
    dataset = given.dataset(group)
    job = given.import_job(dataset, given.upload(as_csv(two_camps())), tags=TAGS)
    assert tags_of(given, job) == TAGS
    solution = given.solution(group, POPULARITY, tags=TAGS)
    assert tags_of(given, solution) == TAGS
    describe = given.personalize.describe_solution
    assert "latestSolutionVersion" not in describe(solutionArn=solution)["solution"]
    version = given.version(solution)
    shown = describe(solutionArn=solution)["solution"]
    assert {"failureReason", "eventType", "autoMLResult", "tags"}.isdisjoint(shown)
    summary = shown["latestSolutionVersion"]
    assert set(summary) == {"solutionVersionArn", "status", "trainingMode", "trainingType"} | DATES
    assert summary["solutionVersionArn"] == version
    (listed,) = given.personalize.list_solutions()["solutions"]
    assert set(listed) == {"name", "solutionArn", "status", "recipeArn"} | DATES
    (listed_version,) = given.personalize.list_solution_versions()["solutionVersions"]
    assert listed_version == summary


def test_result_members_of_lists(given: Given) -> None:
    """P-70: only one begins with a capital."""
    for operation in given.personalize.meta.service_model.operation_names:
        model = given.personalize.meta.service_model.operation_model(operation)
        if operation.startswith("List") and operation not in ("ListTagsForResource", "ListRecipes"):
            lists = set(model.output_shape.members) - {"nextToken"}
            (member,) = lists
            expected = operation.removeprefix("List").removeprefix("MetricAttributionM")
            plain = "metrics" if operation == "ListMetricAttributionMetrics" else expected[0].lower() + expected[1:]
            assert member == ("Filters" if operation == "ListFilters" else plain)


def test_a_tracking_id_works_once_its_tracker_is_active(slow: Given, slow_emulator: Emulator) -> None:
    """R-ET-7, R-ET-11: and a new tracker gets a new one."""
    group = slow.group()
    slow_emulator.advance(60)
    slow.dataset(group)
    slow_emulator.advance(60)
    create = slow.personalize.create_event_tracker
    first = create(name="t", datasetGroupArn=group)
    put = boto3.client("personalize-events", region_name=REGION).put_events
    event = {"eventType": "watch", "itemId": "i", "sentAt": 1_700_000_000}
    request = {"trackingId": first["trackingId"], "sessionId": "s", "userId": "u", "eventList": [event]}
    assert refusal(put, **request)[0] == "InvalidInputException"
    slow_emulator.advance(60)
    put(**request)
    slow.personalize.delete_event_tracker(eventTrackerArn=first["eventTrackerArn"])
    slow_emulator.advance(120)
    second = create(name="t", datasetGroupArn=group)
    assert first["trackingId"] != second["trackingId"]
    assert first["eventTrackerArn"] != second["eventTrackerArn"]


@pytest.mark.parametrize("key", ["a b", "é", "ключ_1", "a.:/=+@-", "x" * 128])
def test_keys_of_tags(given: Given, key: str) -> None:
    """R-TAG-5."""
    tags = [{"tagKey": key, "tagValue": "x" * 256}, {"tagKey": key + "A" if len(key) < 128 else "A", "tagValue": ""}]
    assert tags_of(given, given.group(tags=tags)) == tags


@pytest.mark.parametrize(("key", "value"), [("x" * 129, "v"), ("a#", "v"), ("k", "x" * 257), ("k", "a*")])
def test_other_keys_and_values_of_tags(given: Given, key: str, value: str) -> None:
    """R-TAG-5."""
    code, _ = refusal(given.group, tags=[{"tagKey": key, "tagValue": value}])
    assert code == "ValidationException"


def test_names_are_unique_by_kind_and_region(given: Given) -> None:
    """R-GEN-5, R-GEN-1."""
    assert given.group("same") == f"arn:aws:personalize:{REGION}:{ACCOUNT}:dataset-group/same"
    assert given.schema(INTERACTIONS_SCHEMA, "same") == arn("schema", "same")
    assert refusal(given.schema, text=USERS_SCHEMA, name="same")[0] == "ResourceAlreadyExistsException"
