"""What the service keeps to itself, and where it does not go (spec 05 sections 3 and 6)."""

from __future__ import annotations

import json
import logging
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.given import REGION, Given, as_csv, two_camps
from tests.refusals import refusal

SECRET = "nobody-may-read-this"


def test_nothing_sensitive_reaches_the_log(given: Given, events: Any, caplog: pytest.LogCaptureFixture) -> None:
    """S-38, S-39, P-49: a line of log has operation, request id and outcome."""
    caplog.set_level(logging.DEBUG)
    group = given.imported_group()
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "watch", "itemId": SECRET, "sentAt": 1_700_000_000}
    request = {"trackingId": tracker, "sessionId": "s", "userId": SECRET}
    answer = events.put_events(**request, eventList=[{**event, "properties": json.dumps({"a": SECRET})}])
    given.group("tagged", tags=[{"tagKey": SECRET, "tagValue": SECRET}])
    refusal(events.put_events, **request, eventList=[{**event, "properties": SECRET}])
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("personalize_emu")]
    assert not any(SECRET in line for line in ours)
    put = next(line for line in ours if "PutEvents" in line)
    assert answer["ResponseMetadata"]["RequestId"] in put
    assert "status=200" in put


def test_nothing_sensitive_is_echoed(given: Given) -> None:
    """S-38, P-49."""
    tags = [{"tagKey": SECRET + "\n!", "tagValue": "v"}]
    code, text = refusal(given.group, tags=tags)
    assert code == "ValidationException"
    assert "Value at 'tags.1.member.tagKey' failed" in text
    assert SECRET not in text


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/data.csv", "https://example.com/data.csv"])
def test_data_is_fetched_from_buckets_only(given: Given, place: str) -> None:
    """S-40, E-11, D-42."""
    dataset = given.dataset()
    assert refusal(given.import_job, dataset=dataset, location=place) == (
        "InvalidInputException",
        "Invalid Data location. (it must have the form s3://BUCKET/KEY)",
    )


def test_imports_have_no_kms_key(given: Given) -> None:
    """S-18: the request has no member for one."""
    given.import_job(given.dataset(), given.upload(as_csv(two_camps())))
    shape = given.personalize.meta.service_model.operation_model("CreateDatasetImportJob").input_shape
    assert "kmsKeyArn" not in shape.members | shape.members["dataSource"].members


def test_any_access_key_is_accepted(given: Given) -> None:
    """S-36, S-37: signatures are not verified unless asked for."""
    group = given.group()
    for config in (Config(), Config(signature_version=UNSIGNED)):
        stranger = boto3.client(
            "personalize",
            region_name=REGION,
            aws_access_key_id="AKIAINVENTED",
            aws_secret_access_key="wrong",
            aws_session_token="opaque",
            config=config,
        )
        assert [entry["datasetGroupArn"] for entry in stranger.list_dataset_groups()["datasetGroups"]] == [group]


def test_every_caller_is_authorized_by_default(given: Given) -> None:
    """S-33, S-35: the policies of callers are not asked; recipes have no account."""
    recipe = "arn:aws:personalize:::recipe/aws-sims"
    assert given.personalize.describe_recipe(recipeArn=recipe)["recipe"]["recipeArn"] == recipe
    assert given.solution(recipe=recipe)
