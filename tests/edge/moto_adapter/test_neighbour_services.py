"""Service Quotas, CloudTrail and the tagging API tell and change what is true of Personalize."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from personalize_emu.edge.endpoints import reset_server
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.moto_adapter.services.service_quotas import QUOTAS
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import quota_limits
from tests.clients import client
from tests.given import INTERACTIONS_SCHEMA, REGION, Given, arn
from tests.refusals import refusal

PERSONALIZE = {"ServiceCode": "personalize"}


@pytest.fixture
def quotas(emulator: Emulator) -> Any:
    return client("service-quotas")


@pytest.fixture
def trail(emulator: Emulator) -> Any:
    return client("cloudtrail")


@pytest.fixture
def tagging(emulator: Emulator) -> Any:
    return client("resourcegroupstaggingapi")


def code_of(quotas: Any, name: str) -> str:
    found: str = next(
        each["QuotaCode"] for each in quotas.list_service_quotas(**PERSONALIZE)["Quotas"] if each["QuotaName"] == name
    )
    return found


def fill(personalize: Any, count: int) -> None:
    for number in range(count):
        personalize.create_dataset_group(name=f"g{number}")


def test_every_quota_of_the_emulator_is_listed(quotas: Any) -> None:
    listed = quotas.list_service_quotas(**PERSONALIZE)["Quotas"]
    assert {each.key for each in QUOTAS} == set(quota_limits("default"))
    assert [each["Value"] for each in listed] == [quota_limits("default")[quota.key] for quota in QUOTAS]
    assert len({each["QuotaCode"] for each in listed}) == len(QUOTAS)
    first = quotas.list_service_quotas(**PERSONALIZE, MaxResults=7)
    second = quotas.list_service_quotas(**PERSONALIZE, NextToken=first["NextToken"])
    assert first["Quotas"] + second["Quotas"] == listed


def test_an_increase_acts_at_once(quotas: Any, personalize: Any) -> None:
    fill(personalize, 5)
    assert refusal(personalize.create_dataset_group, name="more")[0] == "LimitExceededException"
    code = code_of(quotas, "Active dataset groups")
    granted = quotas.request_service_quota_increase(**PERSONALIZE, QuotaCode=code, DesiredValue=6)["RequestedQuota"]
    assert (granted["Status"], granted["DesiredValue"]) == ("APPROVED", 6)
    personalize.create_dataset_group(name="more")
    assert refusal(personalize.create_dataset_group, name="last")[0] == "LimitExceededException"
    assert quotas.get_service_quota(**PERSONALIZE, QuotaCode=code)["Quota"]["Value"] == 6
    assert quotas.get_aws_default_service_quota(**PERSONALIZE, QuotaCode=code)["Quota"]["Value"] == 5
    history = quotas.list_requested_service_quota_change_history(**PERSONALIZE)["RequestedQuotas"]
    assert [each["Id"] for each in history] == [granted["Id"]]


def test_a_reset_takes_increases_back(emulator: Emulator, quotas: Any, personalize: Any) -> None:
    code = code_of(quotas, "Active dataset groups")
    quotas.request_service_quota_increase(**PERSONALIZE, QuotaCode=code, DesiredValue=50)
    emulator.reset()
    assert quotas.get_service_quota(**PERSONALIZE, QuotaCode=code)["Quota"]["Value"] == 5


def test_settings_of_the_emulator_are_the_applied_values() -> None:
    with mock_personalize(quotas="campaigns=9"):
        quotas = client("service-quotas")
        code = code_of(quotas, "Active campaigns per dataset group")
        assert quotas.get_service_quota(**PERSONALIZE, QuotaCode=code)["Quota"]["Value"] == 9


@pytest.mark.parametrize(("name", "value"), [("Active dataset groups", 5), ("Active schemas", 600)])
def test_impossible_increases_are_refused(quotas: Any, name: str, value: float) -> None:
    increase = quotas.request_service_quota_increase
    refused = refusal(increase, **PERSONALIZE, QuotaCode=code_of(quotas, name), DesiredValue=value)
    assert refused[0] == "IllegalArgumentException"


def test_unknown_quotas_are_refused_and_other_services_are_those_of_moto(quotas: Any) -> None:
    unknown = refusal(quotas.get_service_quota, **PERSONALIZE, QuotaCode="L-00000000")
    assert unknown[0] == "NoSuchResourceException"
    assert quotas.list_aws_default_service_quotas(ServiceCode="vpc")["Quotas"]


def test_calls_of_the_control_plane_are_events(trail: Any, given: Given) -> None:
    group = given.group("films")
    refusal(given.personalize.create_dataset_group, name="films")
    given.personalize.describe_dataset_group(datasetGroupArn=group)
    events = trail.lookup_events()["Events"]
    assert [each["EventName"] for each in events] == [
        "DescribeDatasetGroup", "CreateDatasetGroup", "CreateDatasetGroup"
    ]  # fmt: skip
    described, refused, created = (json.loads(each["CloudTrailEvent"]) for each in events)
    assert created["requestParameters"] == {"name": "films"}
    assert created["responseElements"]["datasetGroupArn"] == group
    assert (refused["errorCode"], created.get("errorCode")) == ("ResourceAlreadyExistsException", None)
    assert (described["responseElements"], described["readOnly"]) == (None, True)
    assert {each["eventSource"] for each in (described, created)} == {"personalize.amazonaws.com"}
    assert events[2]["Resources"] == [{"ResourceType": "AWS::Personalize::DatasetGroup", "ResourceName": group}]
    assert len({each["EventId"] for each in events}) == 3


@pytest.mark.parametrize(
    ("key", "value", "count"),
    [
        ("EventName", "CreateSchema", 1),
        ("ReadOnly", "true", 1),
        ("ResourceName", arn("dataset-group", "films"), 2),
        ("EventSource", "personalize.amazonaws.com", 3),
        ("EventSource", "s3.amazonaws.com", 0),
        ("Username", "ann", 0),
    ],
)
def test_events_are_looked_up_by_attributes(trail: Any, given: Given, key: str, value: str, count: int) -> None:
    given.schema()
    given.personalize.describe_dataset_group(datasetGroupArn=given.group("films"))
    found = trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])["Events"]
    assert len(found) == count


def test_events_come_in_pages_and_within_times(trail: Any, emulator: Emulator, given: Given) -> None:
    given.group("a")
    emulator.advance(3600)
    given.group("b")
    pages = list(trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 1}))
    assert [len(page["Events"]) for page in pages] == [1, 1]
    start = emulator.clock.now() - 60
    (later,) = trail.lookup_events(StartTime=start)["Events"]
    assert json.loads(later["CloudTrailEvent"])["requestParameters"] == {"name": "b"}
    assert refusal(trail.lookup_events, NextToken="none")[0] == "InvalidNextTokenException"


def test_live_calls_and_other_regions_are_no_events(trail: Any, given: Given) -> None:
    given.group()
    refusal(client("personalize-runtime").get_recommendations, status=404, campaignArn=arn("campaign", "c"), userId="u")
    names = [each["EventName"] for each in trail.lookup_events()["Events"]]
    assert names == ["CreateDatasetGroup"]
    assert boto3.client("cloudtrail", region_name="eu-west-1").lookup_events()["Events"] == []


def test_tagged_resources_are_found(tagging: Any, given: Given) -> None:
    tags = [{"tagKey": "team", "tagValue": "search"}]
    group = given.group(tags=tags)
    given.group("untagged")
    client("s3").create_bucket(Bucket="tagged-bucket")
    client("s3").put_bucket_tagging(Bucket="tagged-bucket", Tagging={"TagSet": [{"Key": "team", "Value": "search"}]})
    team = [{"Key": "team", "Values": ["search"]}]
    found = {each["ResourceARN"] for each in tagging.get_resources(TagFilters=team)["ResourceTagMappingList"]}
    assert found == {group, "arn:aws:s3:::tagged-bucket"}
    only = tagging.get_resources(ResourceTypeFilters=["personalize:dataset-group"])["ResourceTagMappingList"]
    assert only == [{"ResourceARN": group, "Tags": [{"Key": "team", "Value": "search"}]}]
    assert set(tagging.get_tag_keys()["TagKeys"]) == {"team"}


def test_resources_are_tagged_and_untagged(tagging: Any, given: Given) -> None:
    group, missing = given.group(), arn("dataset-group", "missing")
    given.personalize.create_schema(name="s", schema=INTERACTIONS_SCHEMA)
    client("s3").create_bucket(Bucket="tagged-bucket")
    arns = [group, missing, "arn:aws:s3:::tagged-bucket"]
    failed = tagging.tag_resources(ResourceARNList=arns, Tags={"a": "1", "b": "2"})["FailedResourcesMap"]
    assert set(failed) == {missing}
    assert failed[missing]["ErrorCode"] == "ResourceNotFoundException"
    assert "does not exist" in failed[missing]["ErrorMessage"]
    assert tagging.untag_resources(ResourceARNList=[group], TagKeys=["a"])["FailedResourcesMap"] == {}
    tags = given.personalize.list_tags_for_resource(resourceArn=group)["tags"]
    assert tags == [{"tagKey": "b", "tagValue": "2"}]
    assert client("s3").get_bucket_tagging(Bucket="tagged-bucket")["TagSet"] == [
        {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}
    ]  # fmt: skip


@pytest.fixture
def server() -> Iterator[str]:
    with LiveServer() as server:
        yield server.url
    reset_services()


def test_a_server_answers_too_and_its_reset_clears_all(server: str) -> None:
    session = boto3.session.Session("a", "b", region_name=REGION)

    def of(service: str) -> Any:
        return session.client(service, endpoint_url=server)

    of("personalize").create_dataset_group(name="g", tags=[{"tagKey": "k", "tagValue": "v"}])
    code = code_of(of("service-quotas"), "Active dataset groups")
    of("service-quotas").request_service_quota_increase(**PERSONALIZE, QuotaCode=code, DesiredValue=9)

    def seen() -> tuple[int, int, float, int]:
        return (
            len(of("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]),
            len(of("cloudtrail").lookup_events()["Events"]),
            of("service-quotas").get_service_quota(**PERSONALIZE, QuotaCode=code)["Quota"]["Value"],
            len(of("service-quotas").list_requested_service_quota_change_history(**PERSONALIZE)["RequestedQuotas"]),
        )

    assert seen() == (1, 1, 9, 1)
    reset_server(server)
    assert seen() == (0, 0, 5, 0)


def test_moto_alone_lacks_what_is_added() -> None:
    with mock_personalize():
        client("service-quotas").list_service_quotas(**PERSONALIZE)
    with mock_aws(), pytest.raises(NotImplementedError):
        client("service-quotas").list_service_quotas(**PERSONALIZE)
