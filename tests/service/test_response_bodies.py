"""Bodies of the service to the byte (P-26 to P-31).

Rebuilt are recorded bodies whose every part is known. Of DescribeSolution (475, 477 bytes), DescribeDataset (717)
and DescribeSolutionVersion (633) the names are not; their forms are written out here with names of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_emu.edge.request_pipeline import answer
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.given import ITEMS_SCHEMA, avro, field

ACCOUNT = "402114309305"
START = 1_698_431_760.0
"""A minute of 2023-10-27, of which dates are recorded."""


@pytest.fixture
def recorded() -> Iterator[Emulator]:
    settings = Settings(pace="real", region="us-east-1", account=ACCOUNT, auto_training=False)
    with Emulator(settings, clock=ManualClock(START)) as emulator:
        yield emulator


def body(emulator: Emulator, operation: str, **params: Any) -> str:
    headers = {"x-amz-target": f"AmazonPersonalize.{operation}"}
    return answer(emulator, "POST", "/", "", headers, json.dumps(params).encode()).body.decode()


def arn(path: str) -> str:
    return f"arn:aws:personalize:us-east-1:{ACCOUNT}:{path}"


def test_p26_create_schema_response_has_84_bytes(recorded: Emulator) -> None:
    text = body(recorded, "CreateSchema", name="users-schema-85652", schema=ITEMS_SCHEMA)
    assert text == '{"schemaArn":"arn:aws:personalize:us-east-1:402114309305:schema/users-schema-85652"}'
    assert len(text) == 84


def test_p31_empty_list_of_dataset_groups_has_20_bytes(recorded: Emulator) -> None:
    text = body(recorded, "ListDatasetGroups")
    assert (text, len(text)) == ('{"datasetGroups":[]}', 20)


def test_p27_describe_dataset_after_an_update(recorded: Emulator) -> None:
    """P-26, P-27, P-29, R-DS-6, R-DS-11: nothing that has no value, and dates in Java's notation."""
    group = "retaildemostore-products-DSG-85652"
    wide = avro("Items", field("ITEM_ID"), field("GENRE", "string", categorical=True), field("X", ["null", "int"]))
    body(recorded, "CreateDatasetGroup", name=group)
    for name, text in (("old", ITEMS_SCHEMA), ("new", wide)):
        body(recorded, "CreateSchema", name=name, schema=text)
    recorded.advance(60)
    parents = {"datasetGroupArn": arn(f"dataset-group/{group}"), "schemaArn": arn("schema/old")}
    body(recorded, "CreateDataset", name="items", datasetType="Items", **parents)
    recorded.advance(62.857)
    dataset = arn(f"dataset/{group}/ITEMS")
    body(recorded, "UpdateDataset", datasetArn=dataset, schemaArn=arn("schema/new"))
    recorded.advance(200)
    assert body(recorded, "DescribeDataset", datasetArn=dataset) == (
        '{"dataset":{"name":"items","datasetArn":"' + dataset + '","datasetGroupArn":"' + parents["datasetGroupArn"]
        + '","datasetType":"ITEMS","schemaArn":"' + arn("schema/new") + '","status":"ACTIVE",'
        '"creationDateTime":1.69843182E9,"lastUpdatedDateTime":1.698432002857E9,'
        '"latestDatasetUpdate":{"schemaArn":"' + arn("schema/new") + '","status":"ACTIVE",'
        '"creationDateTime":1.698431882857E9,"lastUpdatedDateTime":1.698432002857E9}}}'
    )


def test_p27_domain_is_present_only_when_given(recorded: Emulator) -> None:
    """P-27, P-34, R-DSG-3."""
    text = body(recorded, "CreateDatasetGroup", name="films", domain="VIDEO_ON_DEMAND")
    assert text == '{"datasetGroupArn":"' + arn("dataset-group/films") + '","domain":"VIDEO_ON_DEMAND"}'
    assert body(recorded, "CreateDatasetGroup", name="plain") == (
        '{"datasetGroupArn":"' + arn("dataset-group/plain") + '"}'
    )
