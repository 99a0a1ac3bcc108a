"""Sessions of the embedded STS with the option `auth`: who gets one, and what it is allowed (S-29)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.settings import Settings
from tests.edge.auth.test_permissions import DENIED, allow, deny, trusting
from tests.given import REGION
from tests.refusals import refusal

ACCOUNT, OTHER = "123456789012", "999999999999"
ROOT = {"aws_access_key_id": "personalize-emu", "aws_secret_access_key": "personalize-emu"}
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def personalize(credentials: dict[str, Any], **options: Any) -> Any:
    """A client with the credentials that STS returned."""
    return boto3.client(
        "personalize",
        region_name=REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
        **options,
    )


class Accounts:
    """Clients of IAM and STS, a user `ann`, and a role `r` that may do everything and trusts the account."""

    def __init__(self) -> None:
        self.iam = boto3.client("iam", region_name=REGION, **ROOT)
        self.sts = boto3.client("sts", region_name=REGION, **ROOT)
        self.iam.create_user(UserName="ann")
        self.key = self.iam.create_access_key(UserName="ann")["AccessKey"]
        self.role = self.make_role("r", trusting({"AWS": ACCOUNT}))

    def make_role(self, name: str, trust: Any, *statements: Any, **more: Any) -> str:
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **more)["Role"]
        document = policy(*(statements or (allow("*"),)))
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        return str(made["Arn"])

    def grant(self, *statements: Any) -> None:
        self.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(*statements))

    def managed(self, name: str, *statements: Any) -> str:
        made = self.iam.create_policy(PolicyName=name, PolicyDocument=policy(*statements))
        return str(made["Policy"]["Arn"])

    def sts_of(self, credentials: dict[str, Any]) -> Any:
        names = {"AccessKeyId": "aws_access_key_id", "SecretAccessKey": "aws_secret_access_key"}
        given = {names[name]: credentials[name] for name in names}
        return boto3.client("sts", region_name=REGION, aws_session_token=credentials.get("SessionToken"), **given)

    def session(self, role: str | None = None, **more: Any) -> Any:
        return self.sts.assume_role(RoleArn=role or self.role, RoleSessionName="visit", **more)["Credentials"]


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    with mock_personalize(auth="iam"):
        yield Accounts()


def test_a_session_policy_limits_the_role(accounts: Accounts) -> None:
    reader = personalize(accounts.session(Policy=policy(allow("personalize:List*"))))
    assert reader.list_schemas()["schemas"] == []
    code, text = refusal(reader.create_dataset_group, name="g")
    assert code == DENIED
    assert text.endswith("because no session policy allows the personalize:CreateDatasetGroup action")


def test_a_session_policy_cannot_add_permissions(accounts: Accounts) -> None:
    role = accounts.make_role("lister", trusting({"AWS": ACCOUNT}), allow("personalize:ListSchemas"))
    session = personalize(accounts.session(role, Policy=policy(allow("*"))))
    assert session.list_schemas()["schemas"] == []
    assert "no identity-based policy allows" in refusal(session.list_campaigns)[1]


def test_managed_policies_of_a_session_limit_it(accounts: Accounts) -> None:
    lists = accounts.managed("lists", allow("personalize:List*"))
    session = personalize(accounts.session(PolicyArns=[{"arn": lists}]))
    assert session.list_schemas()["schemas"] == []
    assert "no session policy allows" in refusal(session.create_dataset_group, name="g")[1]
    unlimited = personalize(accounts.session())
    assert unlimited.create_dataset_group(name="g")


def test_an_explicit_deny_of_a_session_wins(accounts: Accounts) -> None:
    session = personalize(accounts.session(Policy=policy(allow("*"), deny("personalize:List*"))))
    assert refusal(session.list_schemas)[1].endswith("with an explicit deny in a session policy")


def test_a_permissions_boundary_limits_the_role(accounts: Accounts) -> None:
    boundary = accounts.managed("limits", allow("personalize:List*"), deny("personalize:ListCampaigns"))
    role = accounts.make_role("bounded", trusting({"AWS": ACCOUNT}), PermissionsBoundary=boundary)
    session = personalize(accounts.session(role))
    assert session.list_schemas()["schemas"] == []
    assert refusal(session.list_campaigns)[1].endswith("with an explicit deny in a permissions boundary")
    assert "because no permissions boundary allows" in refusal(session.create_dataset_group, name="g")[1]
    accounts.iam.delete_role_permissions_boundary(RoleName="bounded")
    assert session.create_dataset_group(name="g")


@pytest.mark.parametrize(
    ("principal", "is_trusted"),
    [
        ({"AWS": ANN}, True),
        ({"AWS": "*"}, True),
        ("*", True),
        ({"AWS": [ANN, OTHER]}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, False),
        ({"AWS": OTHER}, False),
        ({"Service": "personalize.amazonaws.com"}, False),
    ],
)
def test_a_role_is_assumed_by_those_whom_it_trusts(accounts: Accounts, principal: Any, is_trusted: bool) -> None:
    role = accounts.make_role("of-ann", trusting(principal))
    assume = accounts.sts_of(accounts.key).assume_role
    request = {"RoleArn": role, "RoleSessionName": "visit"}
    if is_trusted:
        assert personalize(assume(**request)["Credentials"]).list_schemas()["schemas"] == []
    else:
        assert refusal(assume, status=403, **request) == (
            "AccessDenied",
            f"User: {ANN} is not authorized to perform: sts:AssumeRole on resource: {role}",
        )


def test_a_role_that_trusts_the_account_leaves_it_to_the_users_policies(accounts: Accounts) -> None:
    assume = accounts.sts_of(accounts.key).assume_role
    request = {"RoleArn": accounts.role, "RoleSessionName": "visit"}
    assert refusal(assume, status=403, **request)[0] == "AccessDenied"
    accounts.grant(allow("sts:AssumeRole", accounts.role))
    assert assume(**request)["Credentials"]
    accounts.grant(allow("sts:*"), deny("sts:AssumeRole", accounts.role))
    assert refusal(assume, status=403, **request)[0] == "AccessDenied"


def test_conditions_of_a_trust_policy_are_checked(accounts: Accounts) -> None:
    needs_id = trusting({"AWS": "*"}, Condition={"StringEquals": {"sts:ExternalId": "secret"}})
    role = accounts.make_role("partner", needs_id)
    assert refusal(accounts.sts.assume_role, RoleArn=role, RoleSessionName="visit", status=403)[0] == "AccessDenied"
    assert accounts.session(role, ExternalId="secret")
    unknown = trusting({"AWS": "*"}, Condition={"StringEquals": {"vendor:mood": "good"}})
    strange = accounts.make_role("strange", unknown)
    code, text = refusal(accounts.sts.assume_role, RoleArn=strange, RoleSessionName="visit", status=403)
    assert code == "AccessDenied"
    assert "does not evaluate the condition StringEquals of vendor:mood" in text


def test_a_session_may_assume_the_next_role(accounts: Accounts) -> None:
    """The role of the session is the principal."""
    role = accounts.make_role("next", trusting({"AWS": accounts.role}))
    session = accounts.sts_of(accounts.session())
    assert session.assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
    of_ann = accounts.sts_of(accounts.key)
    assert refusal(of_ann.assume_role, RoleArn=role, RoleSessionName="visit", status=403)[0] == "AccessDenied"


def test_a_role_that_does_not_exist_cannot_be_assumed(accounts: Accounts) -> None:
    for role in (f"arn:aws:iam::{ACCOUNT}:role/none", f"arn:aws:iam::{OTHER}:role/none", "nonsense" * 5):
        assert refusal(accounts.sts.assume_role, RoleArn=role, RoleSessionName="visit", status=403)[0] == "AccessDenied"


def test_sessions_of_a_deleted_role_are_allowed_nothing(accounts: Accounts) -> None:
    session = personalize(accounts.session())
    assert session.list_schemas()["schemas"] == []
    accounts.iam.delete_role_policy(RoleName="r", PolicyName="p")
    accounts.iam.delete_role(RoleName="r")
    assert refusal(session.list_schemas)[0] == DENIED


def test_a_role_of_another_account_acts_in_that_account() -> None:
    """P-20. Without `iam` everybody may assume every role, as in moto."""
    with mock_personalize(auth="sigv4"):
        sts = boto3.client("sts", region_name=REGION, **ROOT)
        role = f"arn:aws:iam::{OTHER}:role/abroad"
        session = sts.assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
        group = personalize(session).create_dataset_group(name="g")["datasetGroupArn"]
    assert group == f"arn:aws:personalize:{REGION}:{OTHER}:dataset-group/g"


def test_inactive_and_deleted_keys_are_unknown(accounts: Accounts) -> None:
    """P-61."""
    accounts.grant(allow("*"))
    of_ann = {"UserName": "ann", "AccessKeyId": accounts.key["AccessKeyId"]}
    client = personalize(accounts.key)
    assert client.list_schemas()["schemas"] == []
    accounts.iam.update_access_key(**of_ann, Status="Inactive")
    assert refusal(client.list_schemas)[0] == "UnrecognizedClientException"
    accounts.iam.update_access_key(**of_ann, Status="Active")
    assert client.list_schemas()["schemas"] == []
    accounts.iam.delete_access_key(**of_ann)
    assert refusal(client.list_schemas)[0] == "UnrecognizedClientException"


def test_session_tokens_of_a_user(accounts: Accounts) -> None:
    """GetSessionToken: the permissions of the user, only with the token, while the user's key is active."""
    accounts.grant(allow("personalize:List*"))
    token = accounts.sts_of(accounts.key).get_session_token()["Credentials"]
    client = personalize(token)
    assert client.list_schemas()["schemas"] == []
    assert ANN in refusal(client.create_dataset_group, name="g")[1]
    assert refusal(personalize({**token, "SessionToken": "x"}).list_schemas)[0] == "UnrecognizedClientException"
    assert accounts.sts_of(token).get_caller_identity()["Arn"] == ANN
    accounts.iam.delete_access_key(UserName="ann", AccessKeyId=accounts.key["AccessKeyId"])
    assert refusal(client.list_schemas)[0] == DENIED


def test_session_tokens_differ_and_those_of_the_account_may_do_everything(accounts: Accounts) -> None:
    first, second = (accounts.sts.get_session_token()["Credentials"] for _ in range(2))
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert first["SecretAccessKey"] != second["SecretAccessKey"]
    assert personalize(first).create_dataset_group(name="g")


def test_federated_users_are_limited_by_the_policy_passed(accounts: Accounts) -> None:
    accounts.grant(allow("personalize:List*"))
    given = policy(allow("personalize:ListSchemas"), allow("personalize:Create*"))
    made = accounts.sts_of(accounts.key).get_federation_token(Name="guest", Policy=given)
    guest = personalize(made["Credentials"])
    assert guest.list_schemas()["schemas"] == []
    code, text = refusal(guest.list_campaigns)
    assert code == DENIED
    assert text.startswith(f"User: arn:aws:sts::{ACCOUNT}:federated-user/guest is not authorized")
    assert "no identity-based policy allows" in refusal(guest.create_dataset_group, name="g")[1]


def test_a_server_checks_trust_policies_too() -> None:
    with LiveServer(emulator_with_services(Settings(pace="instant", auth="iam"))) as server:
        at = {"endpoint_url": server.url, "region_name": REGION, **ROOT}
        iam, sts = boto3.client("iam", **at), boto3.client("sts", **at)
        trust = json.dumps(trusting({"AWS": OTHER}))
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        assert refusal(sts.assume_role, RoleArn=role, RoleSessionName="visit", status=403)[0] == "AccessDenied"
        iam.update_assume_role_policy(RoleName="r", PolicyDocument=json.dumps(trusting({"AWS": ACCOUNT})))
        session = sts.assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
        assert refusal(personalize(session, endpoint_url=server.url).list_schemas)[0] == DENIED
        server.emulator.close()
    reset_services()


def test_a_server_knows_the_address_of_its_client() -> None:
    """aws:SourceIp, of calls to Personalize and in the policies of buckets."""
    with LiveServer(emulator_with_services(Settings(pace="instant", auth="iam"))) as server:
        at = {"endpoint_url": server.url, "region_name": REGION, **ROOT}
        iam, s3 = boto3.client("iam", **at), boto3.client("s3", **at)
        iam.create_user(UserName="ann")
        client = personalize(iam.create_access_key(UserName="ann")["AccessKey"], endpoint_url=server.url)

        def limit(network: str) -> None:
            here = {"IpAddress": {"aws:SourceIp": network}}
            statement = {**allow("s3:GetObject", "arn:aws:s3:::bucket/*", Condition=here), "Principal": "*"}
            s3.put_bucket_policy(Bucket="bucket", Policy=policy({**statement, "Effect": "Deny"}))
            document = policy(allow("personalize:*", Condition=here))
            iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)

        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"x")
        limit("10.0.0.0/8")
        assert refusal(client.list_schemas)[0] == DENIED
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"x"
        limit("127.0.0.1/32")
        assert client.list_schemas()["schemas"] == []
        assert "Forbidden" in refusal(s3.get_object, status=403, Bucket="bucket", Key="k")[1]
        server.emulator.close()
    reset_services()
