"""Who may assume a role, with the option `auth` set to `iam`: both sides of the request, and other accounts (S-29)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from personalize_emu.edge.testing.mock import mock_personalize
from tests.edge.auth.test_permissions import DENIED, allow, deny, trusting
from tests.edge.auth.test_sessions import ACCOUNT, ANN, OTHER, ROOT, Accounts, personalize, policy
from tests.given import REGION
from tests.refusals import refusal

REFUSED = "AccessDenied"
WEB = "sts:AssumeRoleWithWebIdentity"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/tokens.example.com"


@pytest.fixture(scope="module")
def made() -> Iterator[Accounts]:
    with mock_personalize(auth="iam"):
        yield Accounts()


@pytest.fixture
def accounts(made: Accounts) -> Accounts:
    made.grant(deny("iam:*"))
    return made


@pytest.fixture
def abroad(accounts: Accounts) -> Any:
    """IAM of another account."""
    client = boto3.client("iam", region_name=REGION, **ROOT)
    client.meta.events.register(
        "before-sign.iam", lambda request, **_: request.headers.add_header("x-moto-account-id", OTHER)
    )
    return client


def make_abroad(abroad: Any, name: str, trust: Any, *statements: Any) -> str:
    made = abroad.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    abroad.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
    return str(made["Arn"])


def assume(accounts: Accounts, role: str, **more: Any) -> Any:
    """As ann."""
    return accounts.sts_of(accounts.key).assume_role(RoleArn=role, RoleSessionName="visit", **more)["Credentials"]


def refused(accounts: Accounts, role: str, **more: Any) -> str:
    request = {"RoleArn": role, "RoleSessionName": "visit", **more}
    code, text = refusal(accounts.sts_of(accounts.key).assume_role, status=403, **request)
    assert code == REFUSED
    return text


def test_a_deny_of_the_caller_wins_over_the_trust_of_the_role(accounts: Accounts) -> None:
    role = accounts.make_role("of-ann", trusting({"AWS": ANN}))
    assert assume(accounts, role)
    accounts.grant(allow("*"), deny("sts:AssumeRole"))
    assert refused(accounts, role) == f"User: {ANN} is not authorized to perform: sts:AssumeRole on resource: {role}"


def test_a_deny_of_the_trust_policy_wins(accounts: Accounts) -> None:
    accounts.grant(allow("*"))
    trust = trusting({"AWS": ACCOUNT})
    trust["Statement"].append({"Effect": "Deny", "Principal": {"AWS": ANN}, "Action": "sts:*"})
    refused(accounts, accounts.make_role("not-for-ann", trust))


def test_a_session_of_a_role_with_a_path_is_that_role(accounts: Accounts) -> None:
    first = accounts.make_role("first", trusting({"AWS": ANN}), Path="/staff/")
    second = accounts.make_role("second", trusting({"AWS": first}))
    session = accounts.sts_of(assume(accounts, first))
    assert session.assume_role(RoleArn=second, RoleSessionName="visit")["Credentials"]


def test_conditions_on_the_request_for_a_session(accounts: Accounts) -> None:
    named = {"StringEquals": {"sts:RoleSessionName": "visit", "aws:RequestTag/Team": "films"}}
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}, "Null": {"sts:SourceIdentity": "true"}}
    role = accounts.make_role("named", trusting({"AWS": ANN}, Condition={**named, **only}))
    tags = [{"Key": "Team", "Value": "films"}]
    assert assume(accounts, role, Tags=tags)
    refused(accounts, role)
    refused(accounts, role, Tags=[*tags, {"Key": "x", "Value": "y"}])
    refused(accounts, role, Tags=tags, SourceIdentity="ann")


def test_a_role_of_another_account_needs_both_sides(accounts: Accounts, abroad: Any) -> None:
    """The trust of the role, even by name, and an Allow of the caller."""
    role = make_abroad(abroad, "abroad", trusting({"AWS": ANN}), allow("personalize:List*"))
    refused(accounts, role)
    accounts.grant(allow("sts:AssumeRole", role))
    session = personalize(assume(accounts, role))
    assert session.list_schemas()["schemas"] == []
    assert refusal(session.create_dataset_group, name="g") == (
        DENIED,
        f"User: arn:aws:sts::{OTHER}:assumed-role/abroad/visit is not authorized to perform: "
        f"personalize:CreateDatasetGroup on resource: arn:aws:personalize:{REGION}:{OTHER}:dataset-group/g "
        "because no identity-based policy allows the personalize:CreateDatasetGroup action",
    )
    refused(accounts, make_abroad(abroad, "closed", trusting({"AWS": OTHER}), allow("*")))
    abroad.delete_role_policy(RoleName="abroad", PolicyName="p")
    abroad.delete_role(RoleName="abroad")
    assert refusal(session.list_schemas)[0] == DENIED
    assert OTHER in accounts.sts_of(assume_as_root(accounts, abroad)).get_caller_identity()["Account"]


def assume_as_root(accounts: Accounts, abroad: Any) -> Any:
    """A session of a role that is deleted while the session lasts."""
    role = make_abroad(abroad, "gone", trusting({"AWS": ACCOUNT}), allow("*"))
    credentials = accounts.session(role)
    abroad.delete_role_policy(RoleName="gone", PolicyName="p")
    abroad.delete_role(RoleName="gone")
    return credentials


@pytest.mark.parametrize(
    "role",
    ["arn:aws:iam::x:role/r" + "y" * 10, "arn:aws:iam:::role/nobody", f"arn:aws:iam::{ACCOUNT}:user/ann", "z" * 20],
)
def test_what_is_no_role_cannot_be_assumed(accounts: Accounts, role: str) -> None:
    refused(accounts, role)


def web(provider: str) -> dict[str, Any]:
    return trusting({"Federated": provider}, Action=WEB)


def test_web_identities_need_a_role_that_trusts_their_provider(accounts: Accounts) -> None:
    """Tokens are not verified; a condition on them is not evaluated, and nobody is trusted without a statement."""
    unsigned = boto3.client("sts", region_name=REGION, config=Config(signature_version=UNSIGNED))
    request = {"RoleSessionName": "visit", "WebIdentityToken": "token"}
    role = accounts.make_role("of-users", web(PROVIDER), allow("personalize:List*"))
    session = personalize(unsigned.assume_role_with_web_identity(RoleArn=role, **request)["Credentials"])
    assert session.list_schemas()["schemas"] == []
    assert refusal(session.create_dataset_group, name="g")[0] == DENIED
    audience = {"StringEquals": {"tokens.example.com:aud": "app"}}
    for name, trust in (
        ("of-ann-alone", trusting({"AWS": ANN})),
        ("of-everybody", trusting("*", Action="sts:AssumeRole")),
        ("audience", trusting({"Federated": PROVIDER}, Action=WEB, Condition=audience)),
    ):
        other = accounts.make_role(name, trust)
        refused_call = refusal(unsigned.assume_role_with_web_identity, status=403, RoleArn=other, **request)
        assert refused_call[0] == REFUSED
    assert "tokens.example.com:aud" in refused_call[1]
    none = f"arn:aws:iam::{ACCOUNT}:role/none"
    assert refusal(unsigned.assume_role_with_web_identity, status=403, RoleArn=none, **request)[0] == REFUSED
