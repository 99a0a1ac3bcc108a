"""Facts about the service models (P-9 to P-11, P-53)."""

from __future__ import annotations

from collections import Counter

import pytest

from personalize_emu.wire.errors import ValidationException
from personalize_emu.wire.models import operations
from personalize_emu.wire.validate import validate

CONTROL = {name for name, operation in operations().items() if operation.service == "personalize"}
VERBS = ("Create", "Describe", "List", "Delete", "Update")
OTHERS = {
    "GetSolutionMetrics",
    "StartRecommender",
    "StopRecommender",
    "StopSolutionVersionCreation",
    "TagResource",
    "UntagResource",
}


def verb(name: str) -> str:
    return next((verb for verb in VERBS if name.startswith(verb)), "other")


def test_p10_the_control_plane_has_71_operations() -> None:
    counts = Counter(map(verb, CONTROL))
    assert counts == {"Create": 15, "Describe": 18, "List": 18, "Delete": 9, "Update": 5, "other": 6}
    assert {name for name in CONTROL if verb(name) == "other"} == OTHERS
    assert {name for name in CONTROL if name.startswith("List") and "ForResource" in name} == {"ListTagsForResource"}


def test_p11_operations_that_do_not_exist() -> None:
    deleted = {name.removeprefix("Delete") for name in CONTROL if verb(name) == "Delete"}
    updated = {name.removeprefix("Update") for name in CONTROL if verb(name) == "Update"}
    assert deleted == {
        "Campaign",
        "Dataset",
        "DatasetGroup",
        "EventTracker",
        "Filter",
        "MetricAttribution",
        "Recommender",
        "Schema",
        "Solution",
    }
    assert updated == {"Campaign", "Dataset", "MetricAttribution", "Recommender", "Solution"}


@pytest.mark.parametrize("name", sorted(operations()))
def test_p9_everything_is_in_the_body(name: str) -> None:
    operation = operations()[name]
    assert "{" not in operation.path
    assert operation.input_shape is not None
    assert all("location" not in member.serialization for member in operation.input_shape.members.values())


def metrics(count: int) -> dict[str, object]:
    one = {"eventType": "e", "metricName": "m", "expression": "SAMPLECOUNT()"}
    group = "arn:aws:personalize:us-east-1:123456789012:dataset-group/g"
    role = {"roleArn": "arn:aws:iam::123456789012:role/r"}
    return {"name": "n", "datasetGroupArn": group, "metrics": [one] * count, "metricsOutputConfig": role}


def tags(count: int) -> dict[str, object]:
    return {"name": "n", "tags": [{"tagKey": f"k{number}", "tagValue": ""} for number in range(count)]}


@pytest.mark.parametrize(
    ("operation", "most", "request_of"), [("CreateMetricAttribution", 10, metrics), ("CreateDatasetGroup", 200, tags)]
)
def test_p53_lists_have_a_longest(operation: str, most: int, request_of: object) -> None:
    assert callable(request_of)
    validate(operations()[operation], request_of(most))
    with pytest.raises(ValidationException, match=f"length less than or equal to {most}"):
        validate(operations()[operation], request_of(most + 1))


@pytest.mark.parametrize("name", ["a\n", " a", "a b", "é", "-a"])
def test_p50_a_name_must_match_as_a_whole(name: str) -> None:
    with pytest.raises(ValidationException, match="regular expression pattern"):
        validate(operations()["CreateDatasetGroup"], {"name": name})
