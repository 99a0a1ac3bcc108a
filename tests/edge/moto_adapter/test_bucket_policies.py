"""Bucket policies of the embedded S3, for clients and for the service itself (spec 05 S-9, S-24)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from personalize_emu.edge.testing.mock import mock_personalize
from tests.bucket_owner import KEY, READING, SERVICE, Owner, policy
from tests.clients import client
from tests.given import BUCKET, REGION, ROLE
from tests.refusals import refusal

OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
ENFORCE_SSL = {
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": [f"arn:aws:s3:::{BUCKET}", OBJECTS],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
"""As written by the CDK for a bucket with `enforceSSL`."""
OLD_TLS = {**ENFORCE_SSL, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}


def deny(**condition: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": OBJECTS, "Condition": condition}


def _s3(key: str, secret: str, token: str | None = None) -> Any:
    return boto3.client(
        "s3", region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token
    )


@pytest.fixture
def owner() -> Iterator[Owner]:
    with mock_personalize():
        yield Owner()


@pytest.fixture
def checked() -> Iterator[Owner]:
    with mock_personalize(check_roles=True):
        yield Owner()


@pytest.mark.parametrize(
    "statement",
    [
        ENFORCE_SSL,
        OLD_TLS,
        deny(StringNotEquals={"aws:SourceVpc": "vpc-1"}, Bool={"aws:PrincipalIsAWSService": "false"}),
        deny(StringNotEquals={"aws:PrincipalOrgID": "o-1"}, BoolIfExists={"aws:PrincipalIsAWSService": "false"}),
        deny(StringNotEquals={"aws:SourceAccount": "123456789012"}, Null={"aws:SourceAccount": "false"}),
    ],
    ids=lambda statement: json.dumps(statement["Condition"]),
)
def test_deny_for_other_principals_admits_the_service(owner: Owner, statement: Mapping[str, Any]) -> None:
    """S-24: the service uses TLS, its own principal, and the account."""
    owner.grant_service({**READING, "Principal": SERVICE}, statement)
    assert owner.imports(owner.dataset()) == "ACTIVE"


@pytest.mark.parametrize("statement", [ENFORCE_SSL, OLD_TLS], ids=["transport", "version"])
def test_checked_roles_come_over_tls(checked: Owner, statement: Mapping[str, Any]) -> None:
    """S-9, S-24."""
    checked.role()
    checked.grant_role()
    checked.grant_service({**READING, "Principal": SERVICE}, statement)
    assert checked.imports(checked.dataset()) == "ACTIVE"


def test_a_condition_that_holds_denies_the_service(owner: Owner) -> None:
    """S-9: negated operators match missing keys."""
    dataset = owner.dataset()
    owner.grant_service(deny(StringNotEquals={"aws:SourceVpc": "vpc-1"}))
    job = owner.given.personalize.create_dataset_import_job(**owner.request(dataset))["datasetImportJobArn"]
    assert owner.job(job)["status"] == "CREATE FAILED"


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, True),
        ({"StringNotEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, True),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, True),
        ({"Null": {"aws:SourceVpce": "true"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": "x"}}, False),
        ({"ForAllValues:StringEquals": {"aws:CalledVia": "x"}}, True),
        ({"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}, True),
        ({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:root"}}, False),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}, True),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
    ],
    ids=str,
)
def test_conditions_for_clients(owner: Owner, condition: Any, denied: bool) -> None:
    """Unknown condition keys, such as the organization, are ignored."""
    owner.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(deny(**condition)))
    if denied:
        with pytest.raises(ClientError, match="403"):
            owner.s3.get_object(Bucket=BUCKET, Key="data/interactions.csv")
    else:
        assert owner.s3.get_object(Bucket=BUCKET, Key="data/interactions.csv")["Body"].read()


def test_headers_of_a_request_are_condition_keys(owner: Owner) -> None:
    unencrypted = {**deny(StringNotEquals={"s3:x-amz-server-side-encryption": "aws:kms"}), "Action": "s3:PutObject"}
    owner.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(unencrypted))
    with pytest.raises(ClientError, match="403"):
        owner.s3.put_object(Bucket=BUCKET, Key="a", Body=b"")
    owner.s3.put_object(Bucket=BUCKET, Key="a", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=KEY)


def test_a_principal_is_the_user_or_the_role(owner: Owner) -> None:
    """Not every principal matches, unlike in moto."""
    owner.iam.create_user(UserName="ann")
    key = owner.iam.create_access_key(UserName="ann")["AccessKey"]
    session = client("sts").assume_role(RoleArn=ROLE, RoleSessionName="session")["Credentials"]
    ann = _s3(key["AccessKeyId"], key["SecretAccessKey"])
    reader = _s3(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    clients = {"arn:aws:iam::123456789012:user/ann": ann, ROLE: reader, "nobody": owner.s3}
    for named in list(clients)[:2]:
        denied = {**deny(), "Principal": {"AWS": named}}
        owner.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(denied))
        for name, s3 in clients.items():
            if name == named:
                with pytest.raises(ClientError, match="403"):
                    s3.head_object(Bucket=BUCKET, Key="data/interactions.csv")
            else:
                s3.head_object(Bucket=BUCKET, Key="data/interactions.csv")


def test_name_and_tags_of_a_user_with_a_path_are_condition_keys(owner: Owner) -> None:
    team = [{"Key": "team", "Value": "films"}]
    arn = owner.iam.create_user(UserName="ann", Path="/staff/", Tags=team)["User"]["Arn"]
    key = owner.iam.create_access_key(UserName="ann")["AccessKey"]
    ann = _s3(key["AccessKeyId"], key["SecretAccessKey"])
    right = {"aws:username": "ann", "aws:PrincipalTag/team": "films", "aws:PrincipalArn": arn}
    for wrong in ({}, {"aws:username": "staff/ann"}, {"aws:PrincipalTag/team": "books"}):
        denied = {**deny(StringEquals={**right, **wrong}), "Principal": {"AWS": arn}}
        owner.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(denied))
        if wrong:
            assert ann.head_object(Bucket=BUCKET, Key="data/interactions.csv")
        else:
            with pytest.raises(ClientError, match="403"):
                ann.head_object(Bucket=BUCKET, Key="data/interactions.csv")


def test_only_an_allow_opens_a_private_object_to_everybody(owner: Owner) -> None:
    unsigned = boto3.client("s3", region_name=REGION, config=Config(signature_version=UNSIGNED))
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}
    for condition, opened in (({"Bool": {"aws:SecureTransport": "false"}}, False), ({}, True)):
        owner.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy({**public, "Condition": condition}))
        if opened:
            assert unsigned.get_object(Bucket=BUCKET, Key="data/interactions.csv")["Body"].read()
        else:
            with pytest.raises(ClientError, match="403"):
                unsigned.get_object(Bucket=BUCKET, Key="data/interactions.csv")


@pytest.mark.parametrize(
    "text",
    [
        "zz",
        "",
        "[]",
        "[" * 100_000,
        "{}",
        '{"Statement": []}',
        '{"Version": "today", "Statement": []}',
        '{"Statement": "zz"}',
        policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
        policy({"Effect": "Allow", "Principal": "*", "Resource": "*"}),
        policy({"Effect": "Allow", "Principal": "*", "Action": "s3:*"}),
        policy({**deny(), "Principal": "somebody"}),
        policy({**deny(), "Effect": "Perhaps"}),
    ],
    ids=lambda text: text[:60],
)
def test_invalid_policy_is_refused_and_bucket_unchanged(owner: Owner, text: str) -> None:
    """The error code of S3. With moto alone, such a policy makes the bucket unusable."""
    assert refusal(owner.s3.put_bucket_policy, Bucket=BUCKET, Policy=text)[0] == "MalformedPolicy"
    assert refusal(owner.s3.get_bucket_policy, status=404, Bucket=BUCKET)[0] == "NoSuchBucketPolicy"
    owner.s3.put_object(Bucket=BUCKET, Key="a", Body=b"a")
    assert owner.s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"a"
    assert owner.imports(owner.dataset()) == "ACTIVE"
