"""Every answer of a long history is strictly of its output shape and lacks nothing (P-26 to P-31, spec 02).

A spy stands before the emulator: whatever is answered is checked as the handler gives it and as it is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.operations import HANDLERS
from personalize_emu.state.clock import ManualClock
from tests.attributions import WATCHED, attribution, metric
from tests.batch_requests import begin, inference_request
from tests.domain_groups import recommender, shop
from tests.given import (
    ITEMS_SCHEMA,
    POPULARITY,
    RANKING,
    REGION,
    ROLE,
    USER_PERSONALIZATION,
    USERS_SCHEMA,
    Given,
    arn,
    avro,
    field,
    two_camps,
)
from tests.runtime.action_group import NOW, open_group
from tests.service.output_checks import checked_body
from tests.service.required_members import BESIDE, DESCRIBED, LISTED, required

KEY = f"arn:aws:kms:{REGION}:123456789012:key/k"
ACTIONS = avro("Actions", field("ACTION_ID"), field("SORT", "string", categorical=True))
TAKEN = avro(
    "ActionInteractions", field("USER_ID"), field("ACTION_ID"), field("EVENT_TYPE"), field("TIMESTAMP", "long")
)
ITEM_AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"
SOLUTIONS = {"s": USER_PERSONALIZATION, "few": POPULARITY, "rank": RANKING, "segments": ITEM_AFFINITY}


class Spy:
    """Checks each answer and remembers its body."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.call = emulator.call
        self.bodies: dict[str, list[bytes]] = {}

    def __call__(self, operation: str, params: Mapping[str, Any], **scope: Any) -> dict[str, Any] | None:
        answer = self.call(operation, params, **scope)
        self.bodies.setdefault(operation, []).append(checked_body(operation, answer))
        return answer

    def look_at_everything(self) -> None:
        """Describe and list whatever there is, in whatever state it is."""
        for record in list(self.emulator.state.store.records()):
            name = "".join(word.capitalize() for word in record.kind.split("-"))
            member = name[0].lower() + name[1:] + "Arn"
            self(f"Describe{name}", {member: record.arn})
        for name in HANDLERS:
            if name.startswith("List") and name != "ListTagsForResource":
                self(name, {})


@pytest.fixture
def spy(slow_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy(slow_emulator)
    monkeypatch.setattr(slow_emulator, "call", spy)
    return spy


def structures(value: Any) -> Iterator[tuple[str, Any]]:
    """Every member of a body that holds a structure or a list of them, at any depth."""
    for name, each in value.items() if isinstance(value, dict) else ():
        yield name, each
        for entry in each if isinstance(each, list) else [each]:
            yield from structures(entry)


def test_every_response_has_its_shape_and_required_members(slow: Given, clock: ManualClock, spy: Spy) -> None:
    """P-26 to P-31, R-GEN-11, R-GEN-12 and the member lists of every kind in spec 02."""

    def wait() -> None:
        spy.look_at_everything()
        clock.advance(20)
        spy.look_at_everything()
        clock.advance(5000)
        spy.look_at_everything()

    for step in (custom_group, streamed, trained, served, domain_group):
        step(slow, spy, wait)
    deleted(slow, wait)
    assert set(HANDLERS) - set(spy.bodies) == {"GetActionRecommendations"}
    for operation, bodies in spy.bodies.items():
        for body in filter(None, bodies):
            check_presence(operation, json.loads(body))


def test_action_recommendations_have_their_shape() -> None:
    """RT-3, P-27, P-29: a history of its own, on data of its own."""
    with mock_personalize(clock=ManualClock(NOW)) as emulator, pytest.MonkeyPatch.context() as patch:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        group = open_group(given)
        spy = Spy(emulator)
        patch.setattr(emulator, "call", spy)
        campaign = group.deployed()
        spy.look_at_everything()
        assert group.listed(campaign, "u000", numResults=3)
    assert json.loads(spy.bodies["GetActionRecommendations"][0])["actionList"][0]["score"]


def check_presence(operation: str, answer: Mapping[str, Any]) -> None:
    for name, value in structures(answer):
        top = value is answer.get(name)
        if top and operation.startswith("Describe"):
            assert required(DESCRIBED, name) <= set(value), operation
            assert ("failureReason" in value) == ("FAILED" in value.get("status", "")), operation
        if top and operation.startswith("List") and name in LISTED:
            assert all(required(LISTED, name) <= set(entry) for entry in value), operation
        if name in BESIDE:
            assert required(BESIDE, name) <= set(value), operation


def custom_group(slow: Given, spy: Spy, wait: Callable[[], None]) -> None:
    group = slow.group(roleArn=ROLE, kmsKeyArn=KEY, tags=[{"tagKey": "a", "tagValue": ""}])
    wait()
    for name, text in (("Interactions", WATCHED), ("Items", ITEMS_SCHEMA), ("Users", USERS_SCHEMA)):
        slow.dataset(group, slow.schema(text, name), name)
    for name, text in (("Actions", ACTIONS), ("Action_Interactions", TAKEN)):
        slow.dataset(group, slow.schema(text, name), name)
    wait()
    rows = "".join(f"{user},{item},{time},watch,1.0,,\n" for user, item, time in two_camps())
    header = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,RECOMMENDATION_ID,EVENT_ATTRIBUTION_SOURCE\n"
    slow.import_job(arn("dataset", "group/INTERACTIONS"), slow.upload(header + rows))
    slow.import_job(arn("dataset", "group/USERS"), slow.upload("USER_ID,AGE\nu1,x\n", "users.csv"), "fails")
    wait()
    slow.export_job(arn("dataset", "group/INTERACTIONS"), ingestionMode="ALL")
    slow.deletion_job(group, slow.upload("USER_ID\nu59\n", "gone.csv"))
    slow.personalize.create_event_tracker(name="tracker", datasetGroupArn=group)
    slow.personalize.create_filter(
        name="filter", datasetGroupArn=group, filterExpression='INCLUDE ItemID WHERE Items.GENRE IN ("x")'
    )
    attribution(slow, group, metric())
    wide = ITEMS_SCHEMA.replace("]", ', {"name": "X", "type": ["null", "int"]}]')
    wait()
    slow.personalize.update_dataset(
        datasetArn=arn("dataset", "group/ITEMS"), schemaArn=slow.schema(wide, "wide")
    )
    slow.personalize.update_metric_attribution(
        metricAttributionArn=arn("metric-attribution", "attribution"), addMetrics=[metric("more")]
    )
    wait()


def streamed(slow: Given, spy: Spy, _: Callable[[], None]) -> None:
    events = boto3.client("personalize-events", region_name=REGION)
    trackers = slow.personalize.list_event_trackers()["eventTrackers"]
    tracker = slow.personalize.describe_event_tracker(eventTrackerArn=trackers[0]["eventTrackerArn"])["eventTracker"]
    dataset = slow.personalize.describe_dataset(datasetArn=arn("dataset", "group/ACTION_INTERACTIONS"))["dataset"]
    event = {"eventType": "watch", "itemId": "i001", "sentAt": 1_700_000_000}
    events.put_events(trackingId=tracker["trackingId"], sessionId="s", userId="u1", eventList=[event])
    for word, values in (("items", {"genre": "x"}), ("users", {"age": 3}), ("actions", {"sort": "x"})):
        record = {f"{word[:-1]}Id": "n1", "properties": json.dumps(values)}
        put = getattr(events, f"put_{word}")
        put(datasetArn=arn("dataset", f"group/{word.upper()}"), **{word: [record]})
    taken = {"actionId": "n1", "userId": "u1", "sessionId": "s", "timestamp": 1_700_000_000, "eventType": "taken"}
    events.put_action_interactions(trackingId=dataset["trackingId"], actionInteractions=[taken])


def trained(slow: Given, spy: Spy, wait: Callable[[], None]) -> None:
    group = arn("dataset-group", "group")
    for name, recipe in SOLUTIONS.items():
        extra = {"eventType": "nobody does this"} if name == "few" else {}
        slow.solution(group, recipe, name, performAutoTraining=False, **extra)
        version = slow.version(arn("solution", name))
        slow.personalize.stop_solution_version_creation(solutionVersionArn=slow.version(arn("solution", name)))
        spy.look_at_everything()
        assert version
    wait()
    slow.personalize.update_solution(solutionArn=arn("solution", "s"), performAutoTraining=True)
    slow.personalize.update_solution(solutionArn=arn("solution", "few"), performAutoTraining=False)
    wait()


def active_version(slow: Given, solution: str) -> str:
    listed = slow.personalize.list_solution_versions(solutionArn=arn("solution", solution))["solutionVersions"]
    found: str = next(each["solutionVersionArn"] for each in listed if each["status"] == "ACTIVE")
    return found


def served(slow: Given, spy: Spy, wait: Callable[[], None]) -> None:
    versions = {name: active_version(slow, name) for name in ("s", "rank", "segments")}
    campaigns = {name: slow.campaign(versions[name], name) for name in ("s", "rank")}
    slow.personalize.get_solution_metrics(solutionVersionArn=versions["s"])
    begin(slow, versions["s"], slow.upload('{"userId": "u1"}\n', "asked.json"))
    wanted = slow.upload('{"itemId": "i001"}\n', "wanted.json")
    slow.personalize.create_batch_segment_job(**inference_request(versions["segments"], wanted))
    wait()
    slow.personalize.update_campaign(campaignArn=campaigns["s"], minProvisionedTPS=2)
    wait()
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    runtime.get_recommendations(campaignArn=campaigns["s"], userId="u1")
    runtime.get_personalized_ranking(campaignArn=campaigns["rank"], userId="u1", inputList=["i001", "i002"])
    tags = {"resourceArn": campaigns["s"]}
    slow.personalize.tag_resource(**tags, tags=[{"tagKey": "a", "tagValue": "b"}])
    slow.personalize.list_tags_for_resource(**tags)
    slow.personalize.untag_resource(**tags, tagKeys=["a"])
    recipe = slow.personalize.describe_recipe(recipeArn=USER_PERSONALIZATION)["recipe"]
    slow.personalize.describe_algorithm(algorithmArn=recipe["algorithmArn"])
    slow.personalize.describe_feature_transformation(featureTransformationArn=recipe["featureTransformationArn"])


def domain_group(slow: Given, spy: Spy, wait: Callable[[], None]) -> None:
    made = recommender(slow, shop(slow, wait=wait), "ecomm-popular-items-by-views")
    wait()
    slow.personalize.update_recommender(
        recommenderArn=made, recommenderConfig={"minRecommendationRequestsPerSecond": 2}
    )
    wait()
    for switch in (slow.personalize.stop_recommender, slow.personalize.start_recommender):
        switch(recommenderArn=made)
        wait()


def deleted(slow: Given, wait: Callable[[], None]) -> None:
    """In the order of R-GEN-16, through every DELETE state."""
    personalize = slow.personalize
    for name in ("s", "rank"):
        personalize.delete_campaign(campaignArn=arn("campaign", name))
    personalize.delete_recommender(recommenderArn=arn("recommender", "recommender"))
    wait()
    for name in SOLUTIONS:
        personalize.delete_solution(solutionArn=arn("solution", name))
    for tracker in personalize.list_event_trackers()["eventTrackers"]:
        personalize.delete_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])
    personalize.delete_metric_attribution(metricAttributionArn=arn("metric-attribution", "attribution"))
    personalize.delete_filter(filterArn=arn("filter", "filter"))
    wait()
    for dataset in personalize.list_datasets()["datasets"]:
        personalize.delete_dataset(datasetArn=dataset["datasetArn"])
    wait()
    for group in personalize.list_dataset_groups()["datasetGroups"]:
        personalize.delete_dataset_group(datasetGroupArn=group["datasetGroupArn"])
    wait()
    for schema in personalize.list_schemas()["schemas"]:
        personalize.delete_schema(schemaArn=schema["schemaArn"])
    assert personalize.list_dataset_groups()["datasetGroups"] == []
