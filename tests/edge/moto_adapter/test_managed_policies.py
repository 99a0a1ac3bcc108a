"""AWS managed policies are parsed when IAM is asked for them, and once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.iam.models import AWSManagedPolicy

from personalize_emu import mock_personalize
from personalize_emu.edge.moto_adapter import managed_policies, reset_services
from tests.clients import client
from tests.given import REGION

CONFIG: Any = {"iam": {"load_aws_managed_policies": True}}
MANAGED = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many times each policy has been parsed, by its name."""
    managed_policies.parsed_policies.cache_clear()
    counts: Counter[str] = Counter()
    parse: Any = AWSManagedPolicy.from_data

    def counted(name: str, *facts: Any) -> Any:
        counts[name] += 1
        return parse(name, *facts)

    monkeypatch.setattr(AWSManagedPolicy, "from_data", counted)
    return counts


def test_calls_of_other_services_parse_no_policies(parsed: Counter[str]) -> None:
    with mock_aws(config=CONFIG), mock_personalize(auth="iam", check_roles=True):
        client("iam").create_user(UserName="caller")
        key = client("iam").create_access_key(UserName="caller")["AccessKey"]
        document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        client("iam").put_user_policy(UserName="caller", PolicyName="all", PolicyDocument=json.dumps(document))
        named = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        s3 = boto3.client("s3", region_name=REGION, **named)  # type: ignore[call-overload]
        s3.create_bucket(Bucket="a-bucket")
        s3.put_object(Bucket="a-bucket", Key="key", Body=b"content")
        personalize = boto3.client("personalize", region_name=REGION, **named)  # type: ignore[call-overload]
        assert personalize.list_schemas()["schemas"] == []
        client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")
        assert parsed == {}


def test_policies_are_parsed_once_for_all_accounts_and_resets(parsed: Counter[str]) -> None:
    """S-6."""
    with mock_aws(config=CONFIG), mock_personalize():
        for account in ("123456789012", "111122223333"):
            role = client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/any", RoleSessionName="session")
            keys = role["Credentials"]
            iam = boto3.client(
                "iam",
                region_name=REGION,
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys["SessionToken"],
            )
            assert iam.get_policy(PolicyArn=MANAGED)["Policy"]["PolicyName"] == "AmazonS3FullAccess"
        client("iam").tag_policy(PolicyArn=MANAGED, Tags=[{"Key": "a", "Value": "b"}])
        reset_services()
        assert client("iam").get_policy(PolicyArn=MANAGED)["Policy"].get("Tags", []) == []
        assert set(parsed.values()) == {1}


def test_mocks_have_managed_policies_only_if_moto_is_configured_for_them() -> None:
    with mock_personalize():
        assert client("iam").list_policies()["Policies"] == []
    with mock_aws(config=CONFIG), mock_personalize():
        assert len(client("iam").list_policies(MaxItems=1000)["Policies"]) == 1000
    with mock_personalize():
        assert client("iam").list_policies(Scope="AWS")["Policies"] == []
