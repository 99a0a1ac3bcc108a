"""What policies know of the caller and of the request, and permissions boundaries of users (spec 05 section 5)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from tests.edge.auth.test_permissions import DENIED, allow, deny, trusting
from tests.edge.auth.test_sessions import ACCOUNT, ANN, Accounts, personalize
from tests.given import REGION
from tests.refusals import refusal

TEAM = [{"Key": "Team", "Value": "films"}]
NO_ENTITY = "NoSuchEntity"


@pytest.fixture(scope="module")
def emulated() -> Iterator[tuple[Accounts, Emulator]]:
    with mock_personalize(auth="iam") as emulator:
        accounts = Accounts()
        accounts.iam.tag_user(UserName="ann", Tags=TEAM)
        yield accounts, emulator


@pytest.fixture
def accounts(emulated: tuple[Accounts, Emulator]) -> Accounts:
    emulated[0].grant(deny("iam:*"))
    return emulated[0]


@pytest.fixture
def client(accounts: Accounts) -> Any:
    return personalize(accounts.key)


def test_the_boundary_of_a_user_limits_it(accounts: Accounts, client: Any) -> None:
    limits = accounts.managed("limits", allow("personalize:List*"), deny("personalize:ListCampaigns"))
    accounts.grant(allow("*"))
    assert "PermissionsBoundary" not in accounts.iam.get_user(UserName="ann")["User"]
    accounts.iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=limits)
    shown = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": limits}
    assert accounts.iam.get_user(UserName="ann")["User"]["PermissionsBoundary"] == shown
    assert all("PermissionsBoundary" not in user for user in accounts.iam.list_users()["Users"])
    assert client.list_schemas()["schemas"] == []
    assert refusal(client.list_campaigns)[1].endswith("with an explicit deny in a permissions boundary")
    assert "because no permissions boundary allows" in refusal(client.create_schema, name="s", schema="{}")[1]
    token = personalize(accounts.sts_of(accounts.key).get_session_token()["Credentials"])
    assert "because no permissions boundary allows" in refusal(token.create_schema, name="s", schema="{}")[1]
    accounts.iam.delete_user_permissions_boundary(UserName="ann")
    assert client.list_campaigns()["campaigns"] == []


def test_a_user_is_created_with_a_boundary(accounts: Accounts) -> None:
    limits = accounts.managed("reads", allow("personalize:Describe*"))
    made = accounts.iam.create_user(UserName="bob", Path="/staff/", PermissionsBoundary=limits)["User"]
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == limits
    accounts.iam.put_user_policy(
        UserName="bob",
        PolicyName="p",
        PolicyDocument='{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
    )
    key = accounts.iam.create_access_key(UserName="bob")["AccessKey"]
    text = refusal(personalize(key).list_schemas)[1]
    assert text.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/staff/bob is not authorized")
    assert text.endswith("because no permissions boundary allows the personalize:ListSchemas action")
    details = accounts.iam.get_account_authorization_details(Filter=["User"])["UserDetailList"]
    assert {
        user["UserName"]: user.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") for user in details
    } == {
        "ann": None,
        "bob": limits,
    }


def test_a_boundary_is_a_policy_that_exists(accounts: Accounts) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/none"
    put, create = accounts.iam.put_user_permissions_boundary, accounts.iam.create_user
    text = f"Scope ARN: {arn} does not exist or is not attachable."
    assert refusal(put, status=404, UserName="ann", PermissionsBoundary=arn) == (NO_ENTITY, text)
    assert refusal(create, status=404, UserName="eve", PermissionsBoundary=arn) == (NO_ENTITY, text)
    assert refusal(accounts.iam.get_user, status=404, UserName="eve")[0] == NO_ENTITY
    remove = accounts.iam.delete_user_permissions_boundary
    assert refusal(remove, status=404, UserName="eve")[0] == NO_ENTITY
    gone = accounts.managed("gone", allow("*"))
    accounts.grant(allow("*"))
    put(UserName="ann", PermissionsBoundary=gone)
    accounts.iam.delete_policy(PolicyArn=gone)
    assert "no permissions boundary allows" in refusal(personalize(accounts.key).list_schemas)[1]
    remove(UserName="ann")


@pytest.mark.parametrize(
    ("operator", "key", "right", "wrong"),
    [
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8", "10.0.0.0/8"),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", "127.0.0.1"),
        ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", "2200-01-01T00:00:00Z"),
        ("NumericLessThan", "aws:EpochTime", "7258118400", "1577836800"),
        ("StringEquals", "aws:username", "ann", "bob"),
        ("StringLike", "aws:userid", "?*", "AROA*:*"),
        ("ArnEquals", "aws:PrincipalArn", ANN, ANN + "e"),
        ("StringEquals", "aws:PrincipalAccount", ACCOUNT, "999999999999"),
        ("StringEquals", "aws:PrincipalType", "User", "AssumedRole"),
        ("StringEquals", "aws:PrincipalTag/team", "films", "books"),
        ("Null", "aws:PrincipalTag/stage", "true", "false"),
        ("StringLike", "aws:UserAgent", "*Boto3*", "curl*"),
        ("Null", "aws:Referer", "true", "false"),
        ("Bool", "aws:SecureTransport", "true", "false"),
        ("StringEquals", "aws:RequestedRegion", REGION, "eu-west-1"),
        ("StringEquals", "aws:ResourceAccount", ACCOUNT, "999999999999"),
        ("Null", "aws:TokenIssueTime", "true", "false"),
        ("BoolIfExists", "aws:MultiFactorAuthPresent", "true", None),
        ("Null", "aws:SourceVpce", "true", "false"),
        ("Bool", "aws:ViaAWSService", "false", "true"),
    ],
)
def test_condition_keys_of_a_request(
    accounts: Accounts, client: Any, operator: str, key: str, right: str, wrong: str | None
) -> None:
    """S-31: the keys that all services have."""
    accounts.grant(allow("personalize:ListSchemas", Condition={operator: {key: right}}))
    assert client.list_schemas()["schemas"] == []
    if wrong is not None:
        accounts.grant(allow("personalize:ListSchemas", Condition={operator: {key: wrong}}))
        assert refusal(client.list_schemas)[0] == DENIED


def test_variables_are_the_name_and_the_tags_of_the_user(accounts: Accounts, client: Any) -> None:
    own = f"arn:aws:personalize:{REGION}:{ACCOUNT}:schema/${{aws:username}}-${{aws:PrincipalTag/Team}}"
    accounts.grant(allow("personalize:DescribeSchema", own))
    schema = f"arn:aws:personalize:{REGION}:{ACCOUNT}:schema/ann-films"
    assert refusal(client.describe_schema, schemaArn=schema)[0] == "ResourceNotFoundException"
    assert refusal(client.describe_schema, schemaArn=schema + "s")[0] == DENIED


def test_the_time_is_that_of_the_emulator(emulated: tuple[Accounts, Emulator], accounts: Accounts, client: Any) -> None:
    accounts.grant(allow("*"), deny("*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2100-01-01"}}))
    assert client.list_schemas()["schemas"] == []
    emulated[1].advance(90 * 365 * 86400)
    assert refusal(client.list_schemas)[1].endswith("with an explicit deny in an identity-based policy")


def test_sessions_have_the_tags_of_role_and_session(accounts: Accounts) -> None:
    trust = trusting({"AWS": ACCOUNT})
    seen = {
        "StringEquals": {
            "aws:PrincipalTag/Team": "films",
            "aws:PrincipalTag/Stage": "test",
            "aws:PrincipalType": "AssumedRole",
        },
        "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/staff/tagged"},
        "StringLike": {"aws:userid": "AROA*:visit"},
        "Null": {"aws:username": "true"},
        "Bool": {"aws:MultiFactorAuthPresent": "false"},
    }
    role = accounts.make_role("tagged", trust, allow("personalize:*", Condition=seen), Tags=TEAM, Path="/staff/")
    stage = [{"Key": "Stage", "Value": "test"}]
    assert personalize(accounts.session(role, Tags=stage)).list_schemas()["schemas"] == []
    assert refusal(personalize(accounts.session(role)).list_schemas)[0] == DENIED


def test_sessions_that_began_before_a_time_are_revoked(accounts: Accounts) -> None:
    """As the console does with AWSRevokeOlderSessions."""
    older = {"DateLessThan": {"aws:TokenIssueTime": "2200-01-01T00:00:00Z"}}
    trust = trusting({"AWS": ACCOUNT})
    role = accounts.make_role("revoked", trust, allow("*"), deny("*", Condition=older))
    assert "with an explicit deny" in refusal(personalize(accounts.session(role)).list_schemas)[1]


def test_a_trust_policy_knows_the_principal(accounts: Accounts) -> None:
    only_ann = trusting({"AWS": "*"}, Condition={"ArnLike": {"aws:PrincipalArn": ANN}})
    role = accounts.make_role("of-ann", only_ann)
    assume = accounts.sts_of(accounts.key).assume_role
    assert assume(RoleArn=role, RoleSessionName="visit")["Credentials"]
    assert refusal(accounts.sts.assume_role, RoleArn=role, RoleSessionName="visit", status=403)[0] == "AccessDenied"


def test_what_is_not_evaluated_is_named_in_error_and_log(
    accounts: Accounts, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for condition in (
        {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        {"StringEquals": {"aws:username": "${vendor:mood}"}},
    ):
        caplog.clear()
        accounts.grant(allow("personalize:*", Condition=condition))
        with caplog.at_level(logging.WARNING, "personalize_emu.access"):
            code, text = refusal(client.list_schemas, status=501)
        named = text.removeprefix("personalize-emu does not evaluate ").partition(" in the policies of")[0]
        assert (code, named.startswith("the ")) == ("NotImplementedException", True)
        assert named in caplog.text
        assert ANN in caplog.text


def test_a_statement_that_is_not_evaluated_matters_only_where_it_decides(accounts: Accounts, client: Any) -> None:
    unknown = {"StringEquals": {"vendor:mood": "good"}}
    accounts.grant(allow("*", Condition=unknown), allow("personalize:ListSchemas"))
    assert client.list_schemas()["schemas"] == []
    accounts.grant(deny("*", Condition=unknown))
    assert "no identity-based policy allows" in refusal(client.list_schemas)[1]
    accounts.grant(allow("*"), deny("*", Condition=unknown), deny("personalize:ListSchemas"))
    assert "with an explicit deny" in refusal(client.list_schemas)[1]
    accounts.grant(allow("*"), deny("*", Condition=unknown))
    assert refusal(client.list_schemas, status=501)[0] == "NotImplementedException"


def test_a_session_policy_without_resource_allows_nothing(accounts: Accounts) -> None:
    document = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*"}}'
    session = personalize(accounts.session(Policy=document))
    text = refusal(session.list_schemas)[1]
    assert text.endswith("because a session policy is malformed: a statement has neither Resource nor NotResource")
