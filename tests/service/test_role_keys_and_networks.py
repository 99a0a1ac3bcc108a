"""Keys, networks and regions when roles are checked, through boto3 (spec 05 sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.bucket_owner import INVALID, KEY, NO_ACCESS, READING, SERVICE, Owner, policy
from tests.given import BUCKET, REGION, ROLE, Given
from tests.refusals import refusal

USE = ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:ListGrants"]
GRANT = [*USE, "kms:CreateGrant"]


@pytest.fixture
def owner(clock: ManualClock) -> Iterator[Owner]:
    with mock_personalize(clock=clock, check_roles=True):
        yield Owner()


@pytest.fixture
def dataset(owner: Owner) -> str:
    return owner.dataset()


@pytest.mark.parametrize(
    ("by_role", "of_key", "lacks"),
    [
        (USE, {"AWS": GRANT, "Service": GRANT}, ""),
        (["kms:*"], {"AWS": ["kms:*"], "Service": ["kms:*"]}, ""),
        (USE[1:], {"AWS": GRANT, "Service": GRANT}, "Role {role} does not allow kms:Decrypt."),
        (GRANT, {"AWS": GRANT, "Service": USE}, "The policy of key {key} does not allow kms:CreateGrant."),
        (GRANT, {"AWS": GRANT[1:], "Service": GRANT}, "The policy of key {key} does not allow kms:Decrypt."),
        (GRANT, {"AWS": ["kms:*"]}, "The policy of key {key} does not allow kms:Decrypt."),
    ],
)
def test_role_and_service_need_access_to_the_key(
    owner: Owner, by_role: list[str], of_key: dict[str, list[str]], lacks: str
) -> None:
    """S-21, S-22: what the role may do, and what the key's own policy lets role and service do."""
    owner.role()
    kms = boto3.client("kms", region_name=REGION)
    principals = {"AWS": ROLE, "Service": "personalize.amazonaws.com"}
    statements = [
        {"Effect": "Allow", "Principal": {kind: principals[kind]}, "Action": actions, "Resource": "*"}
        for kind, actions in of_key.items()
    ]
    key = kms.create_key(Policy=policy(*statements))["KeyMetadata"]["Arn"]
    owner.grant_role({"Effect": "Allow", "Action": by_role, "Resource": key})
    create = owner.given.personalize.create_dataset_group
    if lacks:
        text = lacks.format(role=ROLE, key=key)
        assert refusal(create, name="g", roleArn=ROLE, kmsKeyArn=key) == (INVALID, text)
    else:
        assert create(name="g", roleArn=ROLE, kmsKeyArn=key)["datasetGroupArn"]


def test_exports_of_encrypted_groups_succeed(given: Given) -> None:
    """S-23, R-DEJ-6: what its key would have to allow is left to the service."""
    group = given.group(roleArn=ROLE, kmsKeyArn=KEY)
    given.s3.create_bucket(Bucket=BUCKET)
    job = given.export_job(given.dataset(group))
    shown = given.personalize.describe_dataset_export_job(datasetExportJobArn=job)["datasetExportJob"]
    assert shown["status"] == "ACTIVE"


@pytest.mark.parametrize("condition", ["aws:SourceVpc", "aws:SourceVpce"])
def test_a_bucket_restricted_to_one_network_is_refused(owner: Owner, dataset: str, condition: str) -> None:
    """S-11: the service comes through no VPC of the customer's."""
    owner.role()
    owner.grant_role()
    allow = {**READING, "Principal": SERVICE}
    elsewhere = {"StringNotEquals": {condition: "vpc-1"}}
    owner.grant_service(allow, {**READING, "Effect": "Deny", "Principal": "*", "Condition": elsewhere})
    assert owner.refused(dataset) == NO_ACCESS


@pytest.mark.parametrize("checked", [True, False])
def test_a_bucket_of_another_region_is_refused(clock: ManualClock, checked: bool) -> None:
    """S-12, D-44: when it is asked at all."""
    with mock_personalize(clock=clock, check_roles=checked):
        owner = Owner()
        owner.role()
        owner.grant_role()
        owner.grant_service()
        owner.given.personalize = boto3.client("personalize", region_name="eu-west-1")
        dataset = owner.dataset()
        if checked:
            text = f"Bucket {BUCKET} is in region us-east-1, not in eu-west-1."
            assert owner.refused(dataset) == (INVALID, text)
        else:
            assert owner.imports(dataset) == "ACTIVE"
