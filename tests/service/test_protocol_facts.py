"""Facts of specs 01 and 02 that stand for themselves: regions, content types, lists in deletion, what is read-only."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import boto3
import pytest

from personalize_emu.edge.request_pipeline import answer
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, REGION, Given, arn

REGIONS = [
    *("us-east-1", "us-east-2", "us-west-2", "ca-central-1", "eu-west-1", "eu-central-1", "ap-northeast-1"),
    *("ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "cn-north-1"),
]
LATER = {"aws-item-affinity": "2021-07-15", "aws-item-attribute-affinity": "2021-08-25"}


@pytest.mark.parametrize("region", [*REGIONS, "moon-east-1"])
def test_p2_p3_each_region_has_an_endpoint_and_resources(emulator: Emulator, region: str) -> None:
    """P-2, P-3, R-GEN-1: a partition of its own in China; an emulator takes any region."""
    china = region.startswith("cn-")
    client = boto3.client("personalize", region_name=region)
    assert client.meta.endpoint_url == f"https://personalize.{region}.amazonaws.com{'.cn' if china else ''}"
    made = client.create_dataset_group(name="g")["datasetGroupArn"]
    assert made == f"arn:aws{'-cn' if china else ''}:personalize:{region}:123456789012:dataset-group/g"


@pytest.mark.parametrize("kind", ["x-amz-json-1.1", "x-amz-json-1.0", "json"])
@pytest.mark.parametrize("charset", ["", "; charset=utf-8"])
@pytest.mark.parametrize(("path", "target"), [("/", "AmazonPersonalize.ListSchemas"), ("/events", "")])
def test_p15_content_types(emulator: Emulator, kind: str, charset: str, path: str, target: str) -> None:
    """P-14, P-15: any of them on any endpoint; /events gets as far as its own checks."""
    headers = {"content-type": f"application/{kind}{charset}"} | ({"x-amz-target": target} if target else {})
    response = answer(emulator, "POST", path, "", headers, b"{}")
    assert response.status == (200 if target else 400)
    assert target or json.loads(response.body)["__type"] == "ValidationException"


def test_p34_create_returns_the_arn_only(slow: Given, slow_emulator: Emulator) -> None:
    """P-34, P-35: before the work is done."""
    create = slow.personalize.create_dataset_group
    answer = create(name="g", domain="ECOMMERCE")
    assert set(answer) - {"ResponseMetadata"} == {"datasetGroupArn", "domain"}
    group = create(name="h")
    assert set(group) - {"ResponseMetadata"} == {"datasetGroupArn"}
    assert status(slow) == {"g": "CREATE PENDING", "h": "CREATE PENDING"}
    slow_emulator.advance(60)
    slow.dataset(group["datasetGroupArn"])
    answer = slow.personalize.create_event_tracker(name="t", datasetGroupArn=group["datasetGroupArn"])
    assert set(answer) - {"ResponseMetadata"} == {"eventTrackerArn", "trackingId"}


def status(slow: Given) -> dict[str, str]:
    return {each["name"]: each["status"] for each in slow.personalize.list_dataset_groups()["datasetGroups"]}


def test_p76_resources_in_deletion_are_listed(slow: Given, clock: ManualClock) -> None:
    """P-76, P-78."""
    slow.group()
    clock.advance(60)
    slow.personalize.delete_dataset_group(datasetGroupArn=arn("dataset-group", "group"))
    assert status(slow) == {"group": "DELETE PENDING"}
    clock.advance(59)
    assert status(slow) == {"group": "DELETE PENDING"}
    clock.advance(1)
    assert status(slow) == {}


def test_p67_page_tokens_are_opaque(given: Given) -> None:
    """P-67, P-69: base64, of at most 1500 characters, without the name of what comes next."""
    for name in ("one", "two", "three"):
        given.group(name)
    token = given.personalize.list_dataset_groups(maxResults=1)["nextToken"]
    assert len(token) <= 1500
    assert set(token) <= set(string.ascii_letters + string.digits + "+/=-_")
    assert not any(name in base64.b64decode(token, b"-_") for name in (b"one", b"two", b"three", b"dataset-group"))


def recipes(personalize: Any) -> list[dict[str, Any]]:
    pages = personalize.get_paginator("list_recipes").paginate(recipeProvider="SERVICE")
    return [recipe for page in pages for recipe in page["recipes"]]


def test_recipes_describe_their_algorithm_and_transformation(given: Given) -> None:
    """R-RCP-1, R-RCP-2, R-RCP-3, R-ALG-1, R-FT-1."""
    personalize, moments = given.personalize, set()
    for summary in recipes(personalize):
        recipe = personalize.describe_recipe(recipeArn=summary["recipeArn"])["recipe"]
        same = {"name", "recipeArn", "status", "creationDateTime", "lastUpdatedDateTime"}
        assert set(summary) - {"domain"} == same
        assert set(recipe) == same | {"algorithmArn", "featureTransformationArn", "description", "recipeType"}
        assert {member: recipe[member] for member in same} == {member: summary[member] for member in same}
        assert recipe["status"] == "ACTIVE"
        assert ("domain" in summary) == recipe["name"].startswith(("aws-ecomm-", "aws-vod-"))
        assert f"{recipe['creationDateTime']:%H:%M:%S}" == "00:00:00"
        if recipe["name"] in LATER:
            assert f"{recipe['creationDateTime']:%Y-%m-%d}" == LATER[recipe["name"]]
        moments.add(recipe["lastUpdatedDateTime"])
        stands_on(personalize, recipe)
    assert len(moments) == 1


def stands_on(personalize: Any, recipe: dict[str, Any]) -> None:
    algorithm = personalize.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
    assert set(algorithm["algorithmImage"]) == {"name", "dockerURI"}
    kinds = {f"{kind}HyperParameterRanges" for kind in ("integer", "continuous", "categorical")}
    assert set(algorithm["defaultHyperParameterRanges"]) == kinds
    assert {"status", "failureReason"}.isdisjoint(algorithm)
    describe = personalize.describe_feature_transformation
    transformation = describe(featureTransformationArn=recipe["featureTransformationArn"])["featureTransformation"]
    dates = {"creationDateTime", "lastUpdatedDateTime"}
    assert set(transformation) == {"name", "featureTransformationArn", "defaultParameters", "status"} | dates
    assert transformation["status"] == "ACTIVE"


def test_recipes_are_read_only(given: Given) -> None:
    """R-RCP-4, R-ALG-1, R-FT-1: nothing makes, changes or removes them, and only recipes are listed."""
    names = [each.removesuffix("s") for each in given.personalize.meta.service_model.operation_names]
    for kind, allowed in (("Recipe", {"Describe", "List"}), ("Algorithm", {"Describe"})):
        assert {name.removesuffix(kind) for name in names if name.endswith(kind)} == allowed
    found = {name.removesuffix("FeatureTransformation") for name in names if name.endswith("FeatureTransformation")}
    assert found == {"Describe"}


@pytest.mark.parametrize("name", ["JSON-percentile-filtering", "sims", "featurize_metadata", "item-attribute-affinity"])
def test_r_ft_2_known_feature_transformations(given: Given, name: str) -> None:
    path = f"arn:aws:personalize:::feature-transformation/{name}"
    describe = given.personalize.describe_feature_transformation
    assert describe(featureTransformationArn=path)["featureTransformation"]["name"] == name


def test_r_sv_10_versions_need_their_solution_active(slow: Given, clock: ManualClock, slow_emulator: Emulator) -> None:
    """R-SV-10, R-GEN-20; a solution is ACTIVE at once (R-SOL-5)."""
    group = slow.group()
    clock.advance(60)
    slow.dataset(group)
    clock.advance(60)
    slow.personalize.create_event_tracker(name="t", datasetGroupArn=group)
    clock.advance(60)
    (tracker,) = slow.personalize.list_event_trackers()["eventTrackers"]
    shown = slow.personalize.describe_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])["eventTracker"]
    event = {"eventType": "watch", "itemId": "i", "sentAt": 1_700_000_000}
    boto3.client("personalize-events", region_name=REGION).put_events(
        trackingId=shown["trackingId"], sessionId="s", userId="u", eventList=[event]
    )
    solution = slow.solution(group, POPULARITY, performAutoTraining=False)
    slow.personalize.delete_solution(solutionArn=solution)
    with pytest.raises(slow.personalize.exceptions.ResourceInUseException):
        slow.version(solution)
