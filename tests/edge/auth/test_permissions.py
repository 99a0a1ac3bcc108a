"""Policies of users and roles with the option `auth` set to `iam` (spec 05 section 5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from personalize_emu.edge.application import create_app
from personalize_emu.edge.moto_adapter import caller_of
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.operations import HANDLERS
from personalize_emu.state.resources import RESOURCE_TYPES
from tests.given import INTERACTIONS_SCHEMA, POPULARITY, REGION, ROLE, Given, arn
from tests.refusals import refusal

DENIED = "AccessDeniedException"
ANN = "arn:aws:iam::123456789012:user/ann"
Statement = Mapping[str, Any]


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def trusting(principal: Any, **more: Any) -> dict[str, Any]:
    """A trust policy."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


class Account:
    """The account itself, with all permissions, and a user with one policy."""

    def __init__(self) -> None:
        self.iam = boto3.client("iam", region_name=REGION)
        self.iam.create_user(UserName="ann")
        made = self.iam.create_access_key(UserName="ann")["AccessKey"]
        self.key = {
            "aws_access_key_id": made["AccessKeyId"],
            "aws_secret_access_key": made["SecretAccessKey"],
        }
        own = {"aws_access_key_id": "personalize-emu", "aws_secret_access_key": "personalize-emu"}
        s3 = boto3.client("s3", region_name=REGION)
        self.root = Given(boto3.client("personalize", region_name=REGION, **own), s3)
        self.ann = Given(boto3.client("personalize", region_name=REGION, **self.key), s3)

    def grant(self, *statements: Statement) -> None:
        """Replace the policy of the user."""
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)


@pytest.fixture(scope="module")
def emulated() -> Iterator[tuple[Account, Emulator]]:
    with mock_personalize(auth="iam") as emulator:
        yield Account(), emulator


@pytest.fixture
def account(emulated: tuple[Account, Emulator]) -> Account:
    """Remove the policy and the resources."""
    account, emulator = emulated
    emulator.reset()
    account.grant(deny("iam:*"))
    return account


def test_without_a_policy_nothing_is_allowed(account: Account) -> None:
    """S-28, S-29, P-62: status 400 and a message with user, action and resource."""
    group = account.root.group()
    assert refusal(account.ann.personalize.describe_dataset_group, datasetGroupArn=group) == (
        DENIED,
        f"User: {ANN} is not authorized to perform: personalize:DescribeDatasetGroup on resource: {group} "
        "because no identity-based policy allows the personalize:DescribeDatasetGroup action",
    )


def test_actions_are_named_like_operations(account: Account) -> None:
    """S-28: wildcards, and all three services; S-34: policy changes take effect immediately."""
    group = account.root.group()
    describe = account.ann.personalize.describe_dataset_group
    for action in ("personalize:DescribeDatasetGroup", "personalize:describe*", "personalize:*", "*"):
        account.grant(allow(action))
        assert describe(datasetGroupArn=group)["datasetGroup"]["name"] == "group"
    account.grant(allow(["personalize:Put*", "s3:*"]))
    assert refusal(describe, datasetGroupArn=group)[0] == DENIED
    events = boto3.client("personalize-events", REGION, **account.key)
    runtime = boto3.client("personalize-runtime", REGION, **account.key)
    event = {"eventType": "watch", "sentAt": 1_700_000_000}
    put = {"trackingId": "none", "sessionId": "s", "eventList": [event]}
    assert refusal(events.put_events, **put)[0] == "InvalidInputException", "allowed, and then unknown"
    campaign = arn("campaign", "c")
    assert refusal(runtime.get_recommendations, campaignArn=campaign, userId="u")[0] == DENIED
    account.grant(allow("personalize:GetRecommendations"))
    assert refusal(events.put_events, **put)[0] == DENIED
    assert refusal(runtime.get_recommendations, status=404, campaignArn=campaign, userId="u")
    assert "PutEvents" in HANDLERS


def test_resources_are_named_by_their_arns(account: Account) -> None:
    """S-30: ARNs as in R-GEN-1; requests without a resource need permission for all."""
    one, two = account.root.group("one"), account.root.group("two")
    describe = account.ann.personalize.describe_dataset_group
    for pattern in (one, one.replace("us-east-1", "*"), arn("dataset-group", "on?")):
        account.grant(allow("personalize:*", pattern))
        assert describe(datasetGroupArn=one)
        assert refusal(describe, datasetGroupArn=two)[0] == DENIED
    assert refusal(account.ann.personalize.list_dataset_groups)[0] == DENIED
    assert refusal(account.ann.group, name="three")[0] == DENIED
    account.grant(allow(["personalize:List*", "personalize:CreateDatasetGroup"]))
    assert account.ann.personalize.list_dataset_groups()["datasetGroups"]
    assert account.ann.group("three")
    words = {kind.type_word for kind in RESOURCE_TYPES}
    assert {"dataset-group", "solution", "campaign", "metric-attribution"} < words


def test_every_resource_of_a_request_counts(account: Account) -> None:
    """S-30: CreateDataset needs permission for the schema, the group, and the dataset that is to be created."""
    group, schema = account.root.group(), account.root.schema()
    account.grant(allow("personalize:CreateDataset", group))
    assert refusal(account.ann.dataset, group=group, schema=schema)[1].startswith(f"User: {ANN} is not authorized")
    account.grant(allow("personalize:CreateDataset", [group, schema]))
    assert arn("dataset", "group/INTERACTIONS") in refusal(account.ann.dataset, group=group, schema=schema)[1]
    account.grant(allow("personalize:CreateDataset", [group, schema, arn("dataset", "group/*")]))
    assert account.ann.dataset(group, schema)


def test_recipes_belong_to_no_account(account: Account) -> None:
    """S-33."""
    group = account.root.imported_group()
    mine = "arn:aws:personalize:*:123456789012:*"
    account.grant(allow("personalize:*", mine))
    code, text = refusal(account.ann.solution, group=group, recipe=POPULARITY)
    assert (code, f"on resource: {POPULARITY} because" in text) == (DENIED, True)
    account.grant(allow("personalize:*", [mine, "arn:aws:personalize:::recipe/*"]))
    assert account.ann.solution(group, POPULARITY)


def test_an_explicit_deny_wins(account: Account) -> None:
    """S-28, S-35."""
    group = account.root.group()
    account.grant(allow("*"), deny("personalize:Delete*"))
    code, text = refusal(account.ann.personalize.delete_dataset_group, datasetGroupArn=group)
    assert (code, text.endswith("with an explicit deny in an identity-based policy")) == (DENIED, True)
    assert account.ann.personalize.describe_dataset_group(datasetGroupArn=group)


TEAM = [{"tagKey": "Team", "tagValue": "films"}]


def test_tags_of_requests_and_resources_are_conditions(account: Account) -> None:
    """S-31, S-34: tag keys in any case, and current tags of resources."""
    tagged, plain = account.root.group("tagged", tags=TEAM), account.root.group("plain")
    describe = account.ann.personalize.describe_dataset_group
    of_team = {"StringEquals": {"aws:ResourceTag/team": "films"}}
    account.grant(allow("personalize:*", "*", Condition=of_team))
    assert describe(datasetGroupArn=tagged)
    assert refusal(describe, datasetGroupArn=plain)[0] == DENIED
    account.root.personalize.tag_resource(resourceArn=plain, tags=TEAM)
    account.root.personalize.untag_resource(resourceArn=tagged, tagKeys=["Team"])
    assert describe(datasetGroupArn=plain)
    assert refusal(describe, datasetGroupArn=tagged)[0] == DENIED
    account.grant(allow("personalize:*", "*", Condition={"StringLike": {"aws:RequestTag/Team": "film*"}}))
    assert account.ann.group("mine", tags=TEAM)
    assert refusal(account.ann.group, name="other")[0] == DENIED
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "Stage"]}}
    account.grant(allow("personalize:*", "*", Condition=only))
    tag = account.ann.personalize.tag_resource
    tag(resourceArn=plain, tags=TEAM)
    assert refusal(tag, resourceArn=plain, tags=[*TEAM, {"tagKey": "x", "tagValue": ""}])[0] == DENIED
    some = {"ForAnyValue:StringEquals": {"aws:TagKeys": "x"}, "Null": {"aws:RequestTag/y": "true"}}
    account.grant(allow("personalize:*", "*", Condition=some))
    assert refusal(tag, resourceArn=plain, tags=TEAM)[0] == DENIED
    tag(resourceArn=plain, tags=[*TEAM, {"tagKey": "x", "tagValue": ""}])
    assert refusal(tag, resourceArn=plain, tags=[{"tagKey": k, "tagValue": ""} for k in "xy"])[0] == DENIED


def test_create_with_tags_needs_tag_permission(account: Account) -> None:
    """S-32."""
    account.grant(allow("personalize:CreateDatasetGroup"))
    assert account.ann.group("plain")
    code, text = refusal(account.ann.group, name="tagged", tags=TEAM)
    assert (code, "personalize:TagResource" in text) == (DENIED, True)
    account.grant(allow(["personalize:CreateDatasetGroup", "personalize:TagResource"]))
    assert account.ann.group("tagged", tags=TEAM)


def test_pass_role_needs_its_own_permission(account: Account) -> None:
    """S-5, E-21, S-2: any role of the account that is not service-linked."""
    dataset = account.root.dataset(schema=account.root.schema(INTERACTIONS_SCHEMA))
    location = account.root.upload("USER_ID,ITEM_ID,TIMESTAMP\n")
    account.grant(allow("personalize:*"))
    assert refusal(account.ann.import_job, dataset=dataset, location=location) == (
        DENIED,
        f"User: {ANN} is not authorized to perform: iam:PassRole on resource: {ROLE} "
        "because no identity-based policy allows the iam:PassRole action",
    )
    passes = {"StringEquals": {"iam:PassedToService": "personalize.amazonaws.com"}}
    account.grant(allow("personalize:*"), allow("iam:PassRole", ROLE, Condition=passes))
    assert account.ann.import_job(dataset, location)


def test_sessions_of_roles_have_the_policies_of_the_role(account: Account) -> None:
    """S-29: temporary credentials, and documents of managed policies."""
    sts = boto3.client("sts", region_name=REGION)
    trust = json.dumps(trusting({"AWS": "123456789012"}))
    role = account.iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("personalize:List*")]})
    managed = account.iam.create_policy(PolicyName="lists", PolicyDocument=document)["Policy"]["Arn"]
    account.iam.attach_role_policy(RoleName="reader", PolicyArn=managed)
    session = sts.assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
    reader = boto3.client(
        "personalize",
        region_name=REGION,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    assert reader.list_schemas()["schemas"] == []
    code, text = refusal(reader.create_dataset_group, name="g")
    assert code == DENIED
    assert text.startswith("User: arn:aws:sts::123456789012:assumed-role/reader/visit is not authorized")


def test_permission_is_checked_before_existence(account: Account) -> None:
    """P-56, P-62: a denied caller does not learn whether a resource exists."""
    describe = account.ann.personalize.describe_schema
    assert refusal(describe, schemaArn=arn("schema", "none"))[0] == DENIED
    assert refusal(describe, schemaArn="x" * 300)[0] == DENIED


def test_unsupported_condition_is_not_implemented(account: Account) -> None:
    """S-31: the service has no condition keys of its own."""
    account.grant(allow("personalize:*", "*", Condition={"StringEquals": {"personalize:recipe": "x"}}))
    code, text = refusal(account.ann.personalize.list_schemas, status=501)
    assert (code, "the condition StringEquals of personalize:recipe" in text) == ("NotImplementedException", True)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateDatasetGroup", {"name": "g", "tags": [None]}),
        ("UntagResource", {"resourceArn": arn("dataset-group", "g"), "tagKeys": [None]}),
    ],
)
def test_null_in_a_list_is_no_fault_of_the_emulator(
    emulated: tuple[Account, Emulator], operation: str, params: Mapping[str, Any]
) -> None:
    """P-56: policies are read before the constraints are checked. S-31."""
    account, emulator = emulated
    account.grant(allow("*", Condition={"ForAnyValue:StringLike": {"aws:TagKeys": "*"}}))
    headers = {"x-amz-target": f"AmazonPersonalize.{operation}", "content-type": "application/x-amz-json-1.1"}
    signed = AWSRequest("POST", "http://localhost/", headers=headers, data=json.dumps(params))
    SigV4Auth(Credentials(*account.key.values()), "personalize", REGION).add_auth(signed)
    client = create_app(emulator, issued=caller_of).test_client()
    answer = client.post("/", base_url="http://localhost", data=signed.data, headers=dict(signed.headers))
    assert (answer.status_code, json.loads(answer.data)["__type"]) == (400, DENIED)
