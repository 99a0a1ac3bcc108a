"""Rights that export and data deletion jobs need when they are checked, through boto3 (S-9, S-10)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.given import BUCKET, REGION, ROLE, USERS_SCHEMA, Given, arn
from tests.refusals import refusal

SERVICE = {"Service": "personalize.amazonaws.com"}
ACTIONS = {"export": "s3:PutObject", "deletion": "s3:GetObject"}
RESOURCES = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.fixture
def given(clock: ManualClock) -> Iterator[Given]:
    with mock_personalize(clock=clock, check_roles=True, pace="real") as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        given.upload("USER_ID\nu\n", "users.csv")
        group = given.group()
        emulator.advance(60)
        given.dataset(group, given.schema(USERS_SCHEMA), "Users")
        emulator.advance(60)
        boto3.client("iam", region_name=REGION).create_role(
            RoleName=ROLE.rpartition("/")[2],
            AssumeRolePolicyDocument=document(Principal=SERVICE, Action="sts:AssumeRole"),
        )
        yield given


def grant(given: Given, *actions: str) -> None:
    """To the role and to the service, both."""
    rights = {"Action": ["s3:ListBucket", *actions], "Resource": RESOURCES}
    boto3.client("iam", region_name=REGION).put_role_policy(
        RoleName=ROLE.rpartition("/")[2], PolicyName="p", PolicyDocument=document(**rights)
    )
    given.s3.put_bucket_policy(Bucket=BUCKET, Policy=document(Principal=SERVICE, **rights))


def create(given: Given, kind: str) -> Callable[[], str]:
    if kind == "export":
        return lambda: given.export_job(arn("dataset", "group/USERS"))
    return lambda: given.deletion_job(arn("dataset-group", "group"), f"s3://{BUCKET}/users.csv")


@pytest.mark.parametrize("kind", ["export", "deletion"])
def test_each_job_needs_its_own_permissions(given: Given, kind: str, clock: ManualClock) -> None:
    """S-9, S-13, E-6: reading does not allow writing, nor the other way round."""
    (other,) = set(ACTIONS.values()) - {ACTIONS[kind]}
    grant(given, other)
    code, message = refusal(create(given, kind))
    assert code == "InvalidInputException"
    assert message.endswith(f"fix bucket policy on {BUCKET}.")
    grant(given, ACTIONS[kind])
    create(given, kind)()


@pytest.mark.parametrize("kind", ["export", "deletion"])
def test_permissions_revoked_before_the_job_fail_it(given: Given, kind: str, clock: ManualClock) -> None:
    """S-13, D-109, D-116, E-7."""
    grant(given, ACTIONS[kind])
    job = create(given, kind)()
    given.s3.delete_bucket_policy(Bucket=BUCKET)
    clock.advance(3600)
    if kind == "export":
        shown = given.personalize.describe_dataset_export_job(datasetExportJobArn=job)["datasetExportJob"]
    else:
        shown = given.personalize.describe_data_deletion_job(dataDeletionJobArn=job)["dataDeletionJob"]
    assert shown["status"] in ("CREATE FAILED", "FAILED")
    store = "S3." if kind == "export" else "Amazon S3."
    assert shown["failureReason"] == f"Insufficient privileges for accessing data in {store}"
