"""An emulator with some of everything, requests that fit it, and ways to see whether it changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import boto3
from botocore.model import Shape, StructureShape

from personalize_emu.edge.request_pipeline import answer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.emulator_state import EmulatorState, new_state
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.store import Table
from personalize_emu.wire.models import operations
from tests.attributions import attribution, metric
from tests.domain_groups import RECIPE, recommender, shop
from tests.filters.worked_data import SCHEMA_TEXTS
from tests.given import BUCKET, INTERACTIONS_SCHEMA, POPULARITY, RANKING, REGION, ROLE, Given, arn, as_csv, two_camps
from tests.wire.model_values import botocore_operations, full

MODELS = botocore_operations()
COMMON = frozenset(
    {"ValidationException", "SerializationException", "AccessDeniedException", "ThrottlingException"}
)
HEADERS = {
    "authorization": f"AWS4-HMAC-SHA256 Credential=KEY/20260101/{REGION}/personalize/aws4_request, Signature=0"
}
ALSO_GIVEN = frozenset({"dataSource", "recipeArn", "solutionVersionArn", "performAutoTraining", "itemId", "userId"})
"""Members that the model does not require and most requests need."""
PROPERTIES: Mapping[str, Mapping[str, Any]] = {
    "PutItems": {"category": "hat", "stock": 1, "inStock": "x", "creationTimestamp": 1, "isNew": True},
    "PutUsers": {"age": 1},
    "PutActions": {"category": "app"},
}
OTHER_NAMES = {
    ("PutItems", "datasetArn"): "itemsArn",
    ("PutUsers", "datasetArn"): "usersArn",
    ("PutActions", "datasetArn"): "actionsArn",
    ("PutActionInteractions", "trackingId"): "actionTrackingId",
    ("PutActionInteractions", "eventType"): "actionEventType",
    ("GetActionRecommendations", "campaignArn"): "actionCampaignArn",
    ("GetActionRecommendations", "filterArn"): "actionFilterArn",
    ("GetPersonalizedRanking", "campaignArn"): "rankingArn",
    ("UpdateDataset", "datasetArn"): "usersArn",
    ("UpdateDataset", "schemaArn"): "widerArn",
    ("CreateDataset", "datasetGroupArn"): "emptyGroupArn",
    ("DeleteSchema", "schemaArn"): "widerArn",
    ("DeleteDatasetGroup", "datasetGroupArn"): "emptyGroupArn",
    ("CreateEventTracker", "datasetGroupArn"): "untrackedGroupArn",
    ("CreateBatchInferenceJob", "solutionVersionArn"): "rankingVersionArn",
    ("CreateBatchSegmentJob", "solutionVersionArn"): "segmentVersionArn",
    ("CreateRecommender", "datasetGroupArn"): "shopArn",
    ("CreateRecommender", "recipeArn"): "useCaseArn",
}
"""Operation and member to the key of the value that fits better than that of the member."""


@dataclass(frozen=True)
class Populated:
    """A populated emulator, and values for the members of requests by member name."""

    emulator: Emulator
    values: Mapping[str, Any]

    @contextmanager
    def copied(self) -> Iterator[None]:
        """Whatever happens to resources inside is forgotten afterwards; logs of records go on growing."""
        before = self.emulator.state
        self.emulator._state = copy_of(before, self.emulator)
        try:
            yield
        finally:
            self.emulator._state.jobs.close()
            self.emulator._state = before


@contextmanager
def populated_emulator() -> Iterator[Populated]:
    with mock_personalize(clock=ManualClock()) as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        yield Populated(emulator, populate(given))


def populate(given: Given) -> dict[str, Any]:
    group = given.group("films")
    datasets = {}
    for kind, text in {**SCHEMA_TEXTS, "INTERACTIONS": INTERACTIONS_SCHEMA}.items():
        schema = given.schema(text, name=kind)
        datasets[kind] = given.dataset(group, schema, kind, name=kind)
    location = given.upload(as_csv(two_camps()))
    job = given.import_job(datasets["INTERACTIONS"], location)
    tracker = given.personalize.create_event_tracker(name="films", datasetGroupArn=group)
    solution = given.solution(group, POPULARITY, "films")
    version = given.version(solution)
    expression = 'EXCLUDE ItemID WHERE Items.CATEGORY IN ("shoe")'
    made = given.personalize.create_filter(name="films", datasetGroupArn=group, filterExpression=expression)
    export = given.personalize.create_dataset_export_job(
        jobName="films", datasetArn=datasets["INTERACTIONS"], roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/out/"}},
    )  # fmt: skip
    given.upload("USER_ID\nu1\n", "users/users.csv")
    deletion = given.personalize.create_data_deletion_job(
        jobName="films", datasetGroupArn=group, roleArn=ROLE, dataSource={"dataLocation": f"s3://{BUCKET}/users/"}
    )
    wider = json.loads(SCHEMA_TEXTS["USERS"])
    wider["fields"].append({"name": "CITY", "type": ["null", "string"], "categorical": True})
    shop_group = shop(given)
    ranking = given.version(given.solution(group, RANKING, "ranking"))
    queries = given.upload('{"userId": "u1", "itemList": ["i001"]}\n', "queries.json")
    batch = given.personalize.create_batch_inference_job(
        jobName="films", solutionVersionArn=ranking, roleArn=ROLE, jobInput={"s3DataSource": {"path": queries}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/out/"}},
    )  # fmt: skip
    segments = given.version(given.solution(group, RECIPE + "item-affinity", "segments"))
    segment = given.personalize.create_batch_segment_job(
        jobName="films", solutionVersionArn=segments, roleArn=ROLE,
        jobInput={"s3DataSource": {"path": given.upload('{"itemId": "i001"}\n', "items.json")}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/out/"}},
    )  # fmt: skip
    boto3.client("personalize-events", region_name=REGION).put_actions(
        datasetArn=datasets["ACTIONS"], actions=[{"actionId": "a1", "properties": json.dumps(PROPERTIES["PutActions"])}]
    )
    actions = given.version(given.solution(group, RECIPE + "next-best-action", "actions"))
    chosen = given.personalize.create_filter(
        name="actions", datasetGroupArn=group, filterExpression='EXCLUDE ActionID WHERE Actions.CATEGORY IN ("card")'
    )
    return {
        "datasetGroupArn": group,
        "actionCampaignArn": given.campaign(actions, "actions"),
        "actionFilterArn": chosen["filterArn"],
        "batchSegmentJobArn": segment["batchSegmentJobArn"],
        "segmentVersionArn": segments,
        "batchInferenceJobArn": batch["batchInferenceJobArn"],
        "inputPath": queries,
        "rankingVersionArn": ranking,
        "emptyGroupArn": given.group("empty"),
        "untrackedGroupArn": shop_group,
        "shopArn": shop_group,
        "useCaseArn": RECIPE + "ecomm-popular-items-by-views",
        "widerArn": given.schema(json.dumps(wider), name="wider"),
        "actionEventType": "Viewed",
        "metricAttributionArn": attribution(given, shop_group, metric("views", event_type="View")),
        "expression": "SAMPLECOUNT()",
        "schemaArn": arn("schema", "INTERACTIONS"),
        "datasetArn": datasets["INTERACTIONS"],
        "itemsArn": datasets["ITEMS"],
        "usersArn": datasets["USERS"],
        "actionsArn": datasets["ACTIONS"],
        "datasetImportJobArn": job,
        "datasetExportJobArn": export["datasetExportJobArn"],
        "dataDeletionJobArn": deletion["dataDeletionJobArn"],
        "eventTrackerArn": tracker["eventTrackerArn"],
        "filterArn": made["filterArn"],
        "solutionArn": solution,
        "solutionVersionArn": version,
        "campaignArn": given.campaign(version, "films"),
        "rankingArn": given.campaign(ranking, "ranking"),
        "recommenderArn": recommender(given, shop_group, "ecomm-popular-items-by-views"),
        "resourceArn": group,
        "recipeArn": POPULARITY,
        "algorithmArn": "arn:aws:personalize:::algorithm/aws-popularity-count",
        "featureTransformationArn": "arn:aws:personalize:::feature-transformation/JSON-percentile-filtering",
        "trackingId": tracker["trackingId"],
        "actionTrackingId": given.personalize.describe_dataset(datasetArn=datasets["ACTION_INTERACTIONS"])["dataset"][
            "trackingId"
        ],
        "roleArn": ROLE,
        "dataLocation": location,
        "path": f"s3://{BUCKET}/out/",
        "name": "fresh",
        "jobName": "fresh",
        "schema": INTERACTIONS_SCHEMA,
        "datasetType": "Interactions",
        "filterExpression": expression,
    }


def copy_of(state: EmulatorState, emulator: Emulator) -> EmulatorState:
    """Another state with the same resources; what datasets hold is shared."""
    twin = new_state(emulator.clock)
    for record in state.store.records():
        twin.store.insert(record)
        twin.store.set_tags(record.arn, state.store.tags(record.arn))
    for name, table in tables_of(state).items():
        for resource, entry in table.items():
            vars(getattr(twin, name)[resource]).update(entry)
    return twin


def tables_of(state: EmulatorState) -> dict[str, dict[str, dict[str, Any]]]:
    """What is kept beside records: by table, ARN and field."""
    tables = {each.name: getattr(state, each.name) for each in fields(state)}
    return {
        name: {resource: dict(vars(entry)) for resource, entry in table.items()}
        for name, table in tables.items()
        if isinstance(table, Table)
    }


def dump(state: EmulatorState) -> dict[str, Any]:
    """All that requests can change, to be compared."""
    return {
        **tables_of(state),
        "records": {record.arn: (record, state.store.tags(record.arn)) for record in state.store.records()},
        "marks": [(contents.data_version, contents.layer) for contents in state.all_contents()],
    }


def input_shape(name: str) -> StructureShape:
    shape = MODELS[name].input_shape
    return shape if isinstance(shape, StructureShape) else StructureShape("Empty", {"members": {}})


def fitting(populated: Populated, name: str) -> dict[str, Any]:
    """A request with the required members and all ARNs, after the fashion of the state; not always accepted."""
    shape = input_shape(name)
    names = [m for m in shape.members if m in shape.required_members]
    names += [m for m in shape.members if m not in names and m in ALSO_GIVEN]
    if name in ("GetRecommendations", "GetActionRecommendations"):
        names.append("campaignArn")
    if "dataSource" in names:
        names.append("roleArn")
    request = {member: full(shape.members[member]) for member in names}
    return dict(placed(populated, name, request))


def placed(populated: Populated, operation: str, value: Any, member: str = "") -> Any:
    """The value with what the state knows a value for in its place."""
    if member == "s3DataSource":
        return {**value, "path": populated.values["inputPath"]}
    if isinstance(value, dict):
        return {key: placed(populated, operation, each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [placed(populated, operation, each) for each in value]
    if member == "properties":
        return json.dumps(PROPERTIES.get(operation, {}))
    return populated.values.get(OTHER_NAMES.get((operation, member), member), value)


def wire_form(value: Any) -> Any:
    """Drawn values as JSON has them."""
    if isinstance(value, dict):
        return {key: wire_form(each) for key, each in value.items()}
    if isinstance(value, list):
        return [wire_form(each) for each in value]
    return value.timestamp() if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Outcome:
    status: int
    code: str | None
    text: str


def outcome(populated: Populated, name: str, request: Any) -> Outcome:
    """InterceptedRequest at the door with any JSON.

    Whatever it is, the answer is a success, or an error that the operation declares or all operations
    have, with the status of that error; and a refusal leaves everything as it was.
    """
    operation = operations()[name]
    headers = HEADERS if operation.target is None else {**HEADERS, "x-amz-target": operation.target}
    before = dump(populated.emulator.state)
    response = answer(populated.emulator, "POST", operation.path, "", headers, json.dumps(request).encode())
    if response.status == 200:
        return Outcome(200, None, "")
    body = json.loads(response.body)
    found = Outcome(response.status, body["__type"], body.get("message") or body.get("Message", ""))
    if found.code == "NotImplementedException":
        assert found.status == 501
    else:
        declared = {shape.name for shape in MODELS[name].error_shapes}
        assert found.code in declared | COMMON, (name, request, found)
        assert found.status == (400 if found.code in COMMON else operation.error_statuses[found.code])
        assert found.text, (name, request, found)
    assert dump(populated.emulator.state) == before, (name, request, found)
    return found


def members_below(shape: Shape, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Shape]]:
    """Every member below `shape` with the path to it in a full value; lists by their first element."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield (*path, name), member
            yield from members_below(member, (*path, name))
    elif shape.type_name == "list":
        yield from members_below(shape.member, (*path, 0))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of `value` with something else at the end of `path`."""
    if not path:
        return new
    if isinstance(value, list):
        return [replaced(each, path[1:], new) if n == path[0] else each for n, each in enumerate(value)]
    return {**value, path[0]: replaced(value[path[0]], path[1:], new)}


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy of `value` without the member at the end of `path`."""
    if isinstance(value, list):
        return [without(each, path[1:]) if n == path[0] else each for n, each in enumerate(value)]
    if len(path) == 1:
        return {key: each for key, each in value.items() if key != path[0]}
    return {**value, path[0]: without(value[path[0]], path[1:])}
