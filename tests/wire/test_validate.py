"""Messages of validation errors."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.wire.errors import ValidationException
from personalize_emu.wire.models import operations
from personalize_emu.wire.validate import validate

ARN = "arn:aws:personalize:eu-west-1:123456789012:campaign/films"
NAME_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*"
BATCH_JOB = {
    "jobName": "job",
    "solutionVersionArn": ARN,
    "jobInput": {"s3DataSource": {"path": "s3://in"}},
    "jobOutput": {"s3DataDestination": {"path": "s3://out"}},
    "roleArn": "arn:aws:iam::123456789012:role/reader",
}


def refusal(operation: str, params: dict[str, Any]) -> str:
    with pytest.raises(ValidationException) as refused:
        validate(operations()[operation], params)
    return refused.value.message


def test_the_recorded_text() -> None:
    """P-45."""
    assert refusal("CreateBatchInferenceJob", {**BATCH_JOB, "solutionVersionArn": "$.SolutionVersionArn"}) == (
        "1 validation error detected: Value '$.SolutionVersionArn' at 'solutionVersionArn' failed to satisfy "
        r"constraint: Member must satisfy regular expression pattern: arn:([a-z\d-]+):personalize:.*:.*:.+"
    )


def test_several_violations_are_counted_and_joined_in_the_order_of_the_model() -> None:
    """P-46, P-47."""
    assert refusal("CreateSchema", {"schema": "x" * 20_001, "domain": "video", "name": ""}) == (
        "4 validation errors detected: "
        "Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        "Value '' at 'name' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {NAME_PATTERN}; "
        f"Value '{'x' * 20_001}' at 'schema' failed to satisfy constraint: "
        "Member must have length less than or equal to 20000; "
        "Value 'video' at 'domain' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ECOMMERCE, VIDEO_ON_DEMAND]"
    )


def test_a_missing_member_has_the_value_null() -> None:
    """P-46."""
    assert refusal("DeleteSchema", {}) == (
        "1 validation error detected: Value null at 'schemaArn' failed to satisfy constraint: Member must not be null"
    )


def test_a_text_that_is_too_long_is_not_matched() -> None:
    assert refusal("DeleteSchema", {"schemaArn": "x" * 257}).count("failed to satisfy") == 1


def test_nested_members_have_dotted_paths() -> None:
    """P-48."""
    broken = {**BATCH_JOB, "jobOutput": {"s3DataDestination": {"path": "out"}}}
    assert "at 'jobOutput.s3DataDestination.path' failed" in refusal("CreateBatchInferenceJob", broken)
    promotions = [{"percentPromotedItems": 1}, {"percentPromotedItems": 0}]
    text = refusal("GetRecommendations", {"campaignArn": ARN, "promotions": promotions[1:]})
    assert "Value '0' at 'promotions.1.member.percentPromotedItems' failed" in text
    text = refusal("GetRecommendations", {"campaignArn": ARN, "metadataColumns": {"ITEMS": ["A", "x" * 151]}})
    assert "at 'metadataColumns.ITEMS.member.2.member' failed" in text


@pytest.mark.parametrize(
    ("operation", "params", "place"),
    [
        ("CreateFilter", {"name": "f", "datasetGroupArn": ARN, "filterExpression": ""}, "filterExpression"),
        ("TagResource", {"resourceArn": ARN, "tags": [{"tagKey": "a;", "tagValue": "b"}]}, "tags.1.member.tagKey"),
        ("TagResource", {"resourceArn": ARN, "tags": [{"tagKey": "a", "tagValue": ";"}]}, "tags.1.member.tagValue"),
        ("UntagResource", {"resourceArn": ARN, "tagKeys": [";"]}, "tagKeys.1.member"),
        ("GetRecommendations", {"context": {"A": "secret" * 1000}}, "context"),
        ("GetRecommendations", {"filterValues": {"A": "secret" * 1000}}, "filterValues"),
        ("PutEvents", {"trackingId": "t", "sessionId": "s", "userId": "secret" * 99, "eventList": []}, "userId"),
        (
            "PutEvents",
            {"trackingId": "t", "sessionId": "s", "eventList": [{"eventType": "secret" * 99, "sentAt": 1.0}]},
            "eventList.1.member.eventType",
        ),
        ("PutUsers", {"datasetArn": ARN, "users": [{"userId": "u", "properties": ""}]}, "users.1.member.properties"),
    ],
)
def test_sensitive_values_are_not_echoed(operation: str, params: dict[str, Any], place: str) -> None:
    """P-49."""
    text = refusal(operation, params)
    assert f"Value at '{place}' failed to satisfy constraint: " in text
    assert "secret" not in text


def test_collections_of_sensitive_values_are_not_echoed() -> None:
    """P-49."""
    tags = [{"tagKey": "secret", "tagValue": "secret"}] * 201
    assert refusal("TagResource", {"resourceArn": ARN, "tags": tags}) == (
        "1 validation error detected: Value at 'tags' failed to satisfy constraint: "
        "Member must have length less than or equal to 200"
    )


def test_a_map_names_all_constraints_of_its_keys() -> None:
    config = {"rankingInfluence": {"PRICE": 1.0, "FRESHNESS": 2.0}}
    text = refusal("CreateBatchInferenceJob", {**BATCH_JOB, "batchInferenceJobConfig": config})
    echo = "Value '{PRICE=1.0, FRESHNESS=2.0}' at 'batchInferenceJobConfig.rankingInfluence'"
    keys = "Map keys must satisfy constraint: [Member must satisfy enum value set: [POPULARITY, FRESHNESS]]"
    values = (
        "Map value must satisfy constraint: [Member must have value less than or equal to 1, "
        "Member must have value greater than or equal to 0]"
    )
    assert text == (
        f"2 validation errors detected: {echo} failed to satisfy constraint: {keys}; "
        f"{echo} failed to satisfy constraint: {values}"
    )


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateSolution", {"name": "a" * 63, "datasetGroupArn": ARN}),
        ("UpdateMetricAttribution", {}),
        ("GetRecommendations", {"numResults": 0}),
        ("GetRecommendations", {"numResults": 501}),
        ("GetPersonalizedRanking", {"campaignArn": ARN, "userId": "u", "inputList": []}),
        ("CreateDatasetImportJob", {"jobName": "j", "datasetArn": ARN, "dataSource": {}}),
        ("ListSchemas", {"maxResults": 100, "nextToken": ""}),
        ("TagResource", {"resourceArn": ARN, "tags": [{"tagKey": "Größe", "tagValue": ""}]}),
    ],
)
def test_values_valid_in_the_model_pass(operation: str, params: dict[str, Any]) -> None:
    """P-54, P-55, 09 section 12."""
    validate(operations()[operation], params)
