"""Event trackers and what the service makes beside them, through boto3 (R-ET, R-DS-21)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.given import SIMS, Given, arn, two_camps
from tests.refusals import refusal

GROUP = arn("dataset-group", "group")
INTERACTIONS = arn("dataset", "group/INTERACTIONS")
EVENTS = INTERACTIONS.replace("INTERACTIONS", "EVENT_INTERACTIONS")
"""As the public clean-up notebooks make the ARN."""


def tracked_group(given: Given, name: str = "group") -> str:
    """ARN of the tracker of a new group with interactions."""
    given.dataset(given.group(name), given.schema(name=name))
    made = given.personalize.create_event_tracker(name="t", datasetGroupArn=arn("dataset-group", name))
    tracker: str = made["eventTrackerArn"]
    return tracker


def schema_names(given: Given) -> set[str]:
    return {schema["name"] for schema in given.personalize.list_schemas()["schemas"]}


def test_a_tracker_needs_an_interactions_dataset(given: Given) -> None:
    """R-ET-10, R-ET-5, P-56: other datasets do not help, and a second tracker is still a second one."""
    group = given.group()
    given.dataset(group, given.schema(json_of_items(), "items"), "Items")
    create = given.personalize.create_event_tracker
    assert refusal(create, name="t", datasetGroupArn=group) == (
        "InvalidInputException",
        f"Dataset group {group} must contain an INTERACTIONS dataset.",
    )
    assert given.personalize.list_event_trackers()["eventTrackers"] == []
    given.dataset(group, given.schema(name="interactions"))
    create(name="t", datasetGroupArn=group)
    assert refusal(create, name="t", datasetGroupArn=group)[0] == "ResourceAlreadyExistsException"


def json_of_items() -> str:
    fields = [{"name": "ITEM_ID", "type": "string"}, {"name": "PRICE", "type": "float"}]
    return json.dumps({"type": "record", "name": "Items", "fields": fields})


def test_the_interactions_dataset_may_be_in_creation_but_not_in_deletion(slow: Given, clock: ManualClock) -> None:
    """R-ET-10, R-GEN-20."""
    group = slow.group()
    create = slow.personalize.create_event_tracker
    assert refusal(create, name="t", datasetGroupArn=group)[0] == "ResourceInUseException"
    clock.advance(60)
    dataset = slow.dataset(group)
    create(name="t", datasetGroupArn=group)
    clock.advance(60)
    slow.personalize.delete_event_tracker(eventTrackerArn=tracker_of(slow))
    clock.advance(60)
    slow.personalize.delete_dataset(datasetArn=dataset)
    assert refusal(create, name="t", datasetGroupArn=group)[0] == "InvalidInputException"


def tracker_of(given: Given) -> str:
    (tracker,) = given.personalize.list_event_trackers()["eventTrackers"]
    found: str = tracker["eventTrackerArn"]
    return found


def test_a_tracker_creates_an_event_schema_and_dataset(given: Given) -> None:
    """R-DS-21: a schema of its own in every list; a dataset that is not listed, as recorded in 2024."""
    tracked_group(given)
    described = given.personalize.describe_dataset(datasetArn=EVENTS)["dataset"]
    assert (described["datasetType"], described["status"]) == ("EVENT_INTERACTIONS", "ACTIVE")
    assert described["datasetGroupArn"] == GROUP
    assert schema_names(given) == {"group", "group-event-interactions"}
    text = given.personalize.describe_schema(schemaArn=described["schemaArn"])["schema"]["schema"]
    assert "USER_ID" in {field["name"] for field in json.loads(text)["fields"]}
    for params in ({}, {"datasetGroupArn": GROUP}):
        listed = given.personalize.list_datasets(**params)["datasets"]
        assert [dataset["datasetArn"] for dataset in listed] == [INTERACTIONS]


def test_the_event_dataset_can_only_be_described_and_deleted(given: Given) -> None:
    """R-DS-21: events are in INTERACTIONS."""
    tracked_group(given)
    location = given.upload("USER_ID,ITEM_ID,TIMESTAMP\nu,i,1\n")
    wide = given.schema(name="wide")
    for call, params in (
        (given.import_job, {"dataset": EVENTS, "location": location}),
        (given.export_job, {"dataset": EVENTS}),
        (given.personalize.update_dataset, {"datasetArn": EVENTS, "schemaArn": wide}),
        (given.dataset, {"group": GROUP, "schema": wide, "dataset_type": "EVENT_INTERACTIONS"}),
    ):
        assert refusal(call, **params)[0] == "InvalidInputException"


def test_a_solution_is_trained_as_without_a_tracker(given: Given) -> None:
    """R-DS-21: the columns of the event schema are no columns of the group."""
    given.imported_group(two_camps())
    given.personalize.create_event_tracker(name="t", datasetGroupArn=GROUP)
    columns = {"excludedDatasetColumns": {"EVENT_INTERACTIONS": ["SESSION_ID"]}}
    config = {"trainingDataConfig": columns}
    assert refusal(given.solution, group=GROUP, solutionConfig=config)[0] == "InvalidInputException"
    assert given.version(given.solution(GROUP, SIMS))


def test_clean_up_of_the_getting_started_notebook_works(given: Given) -> None:
    """R-DS-21, R-ET-8, R-ET-9, R-SCH-7: tracker, dataset, event dataset, schema, group."""
    tracker, client = tracked_group(given), given.personalize
    client.delete_event_tracker(eventTrackerArn=tracker)
    assert client.describe_dataset(datasetArn=EVENTS)["dataset"]["status"] == "ACTIVE"
    client.delete_dataset(datasetArn=INTERACTIONS)
    client.delete_dataset(datasetArn=EVENTS)
    assert refusal(client.describe_dataset, datasetArn=EVENTS)[0] == "ResourceNotFoundException"
    client.delete_schema(schemaArn=arn("schema", "group"))
    client.delete_dataset_group(datasetGroupArn=GROUP)
    assert schema_names(given) == set()


def test_clean_up_of_the_exploration_notebook_works(slow: Given, clock: ManualClock) -> None:
    """R-DS-18, R-DSG-12: all datasets first, then the tracker, and the group without waiting for that."""
    slow.group()
    clock.advance(60)
    slow.dataset(GROUP)
    clock.advance(60)
    slow.personalize.create_event_tracker(name="t", datasetGroupArn=GROUP)
    clock.advance(60)
    for dataset in slow.personalize.list_datasets(datasetGroupArn=GROUP)["datasets"]:
        slow.personalize.delete_dataset(datasetArn=dataset["datasetArn"])
    clock.advance(60)
    assert slow.personalize.list_datasets(datasetGroupArn=GROUP)["datasets"] == []
    tracker = tracker_of(slow)
    assert refusal(slow.personalize.delete_dataset_group, datasetGroupArn=GROUP) == (
        "ResourceInUseException",
        f"Resource {GROUP} is in use: event-tracker {tracker}.",
    )
    slow.personalize.delete_event_tracker(eventTrackerArn=tracker)
    slow.personalize.delete_dataset_group(datasetGroupArn=GROUP)
    clock.advance(60)
    assert slow.personalize.list_dataset_groups()["datasetGroups"] == []
    assert slow.personalize.list_event_trackers()["eventTrackers"] == []
    assert schema_names(slow) == {"schema"}


def test_deleting_the_group_removes_event_schema_and_dataset(given: Given, emulator: Emulator) -> None:
    """R-DS-21, R-SCH-7: nothing of one group is left for the next of that name; other groups keep theirs."""
    tracked_group(given, "other")
    for _ in range(2):
        tracker = tracked_group(given)
        assert schema_names(given) == {"other", "other-event-interactions", "group", "group-event-interactions"}
        event_schema = given.personalize.describe_dataset(datasetArn=EVENTS)["dataset"]["schemaArn"]
        assert refusal(given.personalize.delete_schema, schemaArn=event_schema)[0] == "ResourceInUseException"
        given.personalize.delete_event_tracker(eventTrackerArn=tracker)
        given.personalize.delete_dataset(datasetArn=INTERACTIONS)
        given.personalize.delete_schema(schemaArn=arn("schema", "group"))
        given.personalize.delete_dataset_group(datasetGroupArn=GROUP)
        assert schema_names(given) == {"other", "other-event-interactions"}
        assert refusal(given.personalize.describe_dataset, datasetArn=EVENTS)[0] == "ResourceNotFoundException"
    assert [group for group, _ in emulator.state.groups.items()] == [arn("dataset-group", "other")]


@pytest.mark.parametrize("deletes_schema", [True, False])
def test_a_second_tracker_reuses_or_recreates_both(given: Given, deletes_schema: bool) -> None:
    """R-DS-21, R-ET-8."""
    tracker = tracked_group(given)
    before = given.personalize.describe_dataset(datasetArn=EVENTS)["dataset"]
    given.personalize.delete_event_tracker(eventTrackerArn=tracker)
    given.personalize.create_event_tracker(name="t", datasetGroupArn=GROUP)
    assert given.personalize.describe_dataset(datasetArn=EVENTS)["dataset"] == before
    given.personalize.delete_dataset(datasetArn=EVENTS)
    if deletes_schema:
        given.personalize.delete_schema(schemaArn=before["schemaArn"])
    given.personalize.delete_event_tracker(eventTrackerArn=tracker_of(given))
    given.personalize.create_event_tracker(name="t", datasetGroupArn=GROUP)
    assert given.personalize.describe_dataset(datasetArn=EVENTS)["dataset"]["schemaArn"] == before["schemaArn"]
    assert schema_names(given) == {"group", "group-event-interactions"}


def test_the_event_schema_avoids_a_taken_name(given: Given) -> None:
    """R-DS-21, R-GEN-4: what the client has named so stays the client's."""
    mine = given.schema(name="group-event-interactions")
    tracker = tracked_group(given)
    assert schema_names(given) == {"group", "group-event-interactions", "group-event-interactions-1"}
    given.personalize.delete_event_tracker(eventTrackerArn=tracker)
    given.personalize.delete_dataset(datasetArn=INTERACTIONS)
    given.personalize.delete_dataset_group(datasetGroupArn=GROUP)
    assert schema_names(given) == {"group", "group-event-interactions"}
    given.personalize.delete_schema(schemaArn=mine)


def test_the_event_dataset_has_tags_like_others(given: Given) -> None:
    """R-DS-22, R-TAG-1."""
    tracked_group(given)
    tags: list[Any] = [{"tagKey": "k", "tagValue": "v"}]
    given.personalize.tag_resource(resourceArn=EVENTS, tags=tags)
    assert given.personalize.list_tags_for_resource(resourceArn=EVENTS)["tags"] == tags
