"""What roles and bucket policies must say when they are checked, through boto3 (spec 05 sections 1 to 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from moto import mock_aws
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.access.role_access import READ, READ_AND_WRITE, REPORT, WRITE
from personalize_emu.settings import settings_from_environment
from personalize_emu.state.clock import ManualClock
from tests.bucket_owner import INVALID, KEY, NO_ACCESS, READING, SERVICE, TRUST, Owner, policy
from tests.given import ACCOUNT, BUCKET, REGION, ROLE, Given, as_csv, two_camps
from tests.refusals import refusal


@pytest.fixture
def owner(clock: ManualClock) -> Iterator[Owner]:
    with mock_personalize(clock=clock, check_roles=True):
        yield Owner()


@pytest.fixture
def dataset(owner: Owner) -> str:
    return owner.dataset()


def test_roles_are_not_checked_by_default(given: Given) -> None:
    """S-8, S-15, S-25: an invented role will do."""
    dataset = given.dataset()
    job = given.import_job(dataset, given.upload(as_csv(two_camps())))
    answer = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)
    assert answer["datasetImportJob"]["status"] == "ACTIVE"
    assert settings_from_environment({}).check_roles is False
    assert settings_from_environment({"PERSONALIZE_EMU_CHECK_ROLES": "true"}).check_roles is True
    with pytest.raises(ValueError, match="PERSONALIZE_EMU_CHECK_ROLES must be true or false"):
        settings_from_environment({"PERSONALIZE_EMU_CHECK_ROLES": "perhaps"})


def test_role_and_bucket_policy_together_grant_access(owner: Owner, dataset: str) -> None:
    """S-1, S-3, S-9, S-10."""
    owner.role()
    owner.grant_role()
    owner.grant_service()
    assert owner.imports(dataset) == "ACTIVE"


def test_without_a_role_the_bucket_policy_decides(owner: Owner, dataset: str) -> None:
    """S-7: the service reads as itself."""
    create = owner.given.personalize.create_dataset_import_job
    request = owner.request(dataset)
    del request["roleArn"]
    assert refusal(create, **request) == NO_ACCESS
    owner.grant_service()
    assert owner.job(create(**request)["datasetImportJobArn"])["status"] == "ACTIVE"


def test_a_role_may_have_a_path(owner: Owner, dataset: str) -> None:
    """S-4; the path is part of its name to clients."""
    role = owner.role(path="/service-role/")
    owner.grant_role()
    owner.grant_service()
    assert owner.refused(dataset, ROLE)[0] == "AccessDeniedException"
    assert owner.imports(dataset, role) == "ACTIVE"


@pytest.mark.parametrize("role", [ROLE, "arn:aws:iam::999999999999:role/PersonalizeRole"])
def test_an_unknown_role_is_refused(owner: Owner, dataset: str, role: str) -> None:
    """S-5, S-8, E-21, P-62."""
    owner.grant_service()
    assert owner.refused(dataset, role) == (
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: iam:PassRole on resource: {role} "
        "because no identity-based policy allows the iam:PassRole action",
    )


@pytest.mark.parametrize(
    "trust",
    [
        {**TRUST, "Principal": {"Service": "forecast.amazonaws.com"}},
        {**TRUST, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {**TRUST, "Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}},
    ],
)
def test_a_role_must_trust_the_service(owner: Owner, dataset: str, trust: Mapping[str, Any]) -> None:
    """S-3, S-26."""
    owner.role(trust)
    owner.grant_role()
    owner.grant_service()
    code, text = owner.refused(dataset)
    assert (code, text.startswith(f"Role {ROLE} cannot be assumed")) == ("InvalidInputException", True)


def test_trust_policy_conditions_on_source_account_are_evaluated(owner: Owner, dataset: str) -> None:
    """S-26, S-27."""
    source = f"arn:aws:personalize:{REGION}:{ACCOUNT}:*"
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "StringLike": {"aws:SourceArn": source}}
    owner.role({**TRUST, "Condition": condition})
    owner.grant_role()
    owner.grant_service()
    assert owner.imports(dataset) == "ACTIVE"


@pytest.mark.parametrize(
    "statement",
    [
        {**READING, "Action": "s3:GetObject"},
        {**READING, "Action": "s3:ListBucket"},
        {**READING, "Resource": f"arn:aws:s3:::{BUCKET}"},
        {**READING, "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        {**READING, "Resource": ["arn:aws:s3:::other", "arn:aws:s3:::other/*"]},
        {**READING, "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/elsewhere/*"]},
    ],
)
def test_partial_grants_are_refused(owner: Owner, dataset: str, statement: Mapping[str, Any]) -> None:
    """S-9, S-10, S-13, E-6, R-DIJ-8: for the role and for the bucket alike."""
    owner.role()
    owner.grant_role(statement)
    owner.grant_service()
    assert owner.refused(dataset) == NO_ACCESS
    owner.grant_role()
    owner.grant_service({**statement, "Principal": SERVICE})
    assert owner.refused(dataset) == NO_ACCESS


def test_both_grants_are_needed(owner: Owner, dataset: str) -> None:
    """S-9, S-13, E-6."""
    owner.role()
    owner.grant_role()
    assert owner.refused(dataset) == NO_ACCESS
    owner.grant_service()
    owner.iam.delete_role_policy(RoleName=owner.name, PolicyName="inline")
    assert owner.refused(dataset) == NO_ACCESS


@pytest.mark.parametrize("principal", [SERVICE, "*", {"AWS": ROLE}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}])
def test_a_bucket_may_deny_the_service_or_the_role(owner: Owner, dataset: str, principal: Any) -> None:
    """S-9, E-6."""
    owner.role()
    owner.grant_role()
    allow = {**READING, "Principal": SERVICE}
    owner.grant_service(allow, {**READING, "Effect": "Deny", "Principal": principal})
    assert owner.refused(dataset) == NO_ACCESS
    owner.grant_service(allow, {**READING, "Effect": "Deny", "Principal": principal, "Action": "s3:DeleteObject"})
    assert owner.imports(dataset) == "ACTIVE"


def test_customer_managed_policies_are_evaluated(owner: Owner, dataset: str) -> None:
    """S-9."""
    owner.role()
    made = owner.iam.create_policy(PolicyName="reading", PolicyDocument=policy(READING))["Policy"]
    owner.iam.attach_role_policy(RoleName=owner.name, PolicyArn=made["Arn"])
    owner.grant_service()
    assert owner.imports(dataset) == "ACTIVE"


@pytest.mark.parametrize(
    ("managed", "bucket", "status"),
    [
        ("service-role/AmazonPersonalizeFullAccess", "my-personalize-data", "ACTIVE"),
        ("service-role/AmazonPersonalizeFullAccess", "my-data", None),
        ("AmazonS3FullAccess", "my-data", "ACTIVE"),
    ],
)
def test_aws_managed_policies_are_evaluated(
    clock: ManualClock, managed: str, bucket: str, status: str | None
) -> None:
    """S-6: the service's own policy opens buckets with its name in theirs."""
    config: Any = {"iam": {"load_aws_managed_policies": True}}
    with mock_aws(config=config), mock_personalize(clock=clock, check_roles=True):
        owner = Owner()
        owner.role()
        owner.iam.attach_role_policy(RoleName=owner.name, PolicyArn=f"arn:aws:iam::aws:policy/{managed}")
        owner.s3.create_bucket(Bucket=bucket)
        owner.s3.put_object(Bucket=bucket, Key="a.csv", Body=as_csv(two_camps()).encode())
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        opened = policy({**READING, "Resource": resources, "Principal": SERVICE})
        owner.s3.put_bucket_policy(Bucket=bucket, Policy=opened)
        owner.location = f"s3://{bucket}/a.csv"
        if status:
            assert owner.imports(owner.dataset()) == status
        else:
            code, text = owner.refused(owner.dataset())
            assert (code, text.endswith(f"fix bucket policy on {bucket}.")) == ("InvalidInputException", True)


def test_revoked_permissions_fail_the_job(clock: ManualClock) -> None:
    """E-7, E-37, S-13, R-GEN-11."""
    with mock_personalize(clock=clock, check_roles=True, pace="real") as emulator:
        owner = Owner()
        job = _waiting_import(owner, emulator)
        owner.s3.delete_bucket_policy(Bucket=BUCKET)
        emulator.advance(1000)
        described = owner.job(job)
        assert described["status"] == "CREATE FAILED"
        assert described["failureReason"] == "Insufficient privileges for accessing data in Amazon S3."


def test_a_deleted_bucket_fails_the_job(slow: Given, slow_emulator: Emulator) -> None:
    """E-7, also when nothing is checked."""
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group)
    slow_emulator.advance(60)
    job = slow.import_job(dataset, slow.upload(as_csv(two_camps()), "a.csv"))
    slow.s3.delete_object(Bucket=BUCKET, Key="a.csv")
    slow.s3.delete_bucket(Bucket=BUCKET)
    slow_emulator.advance(1000)
    described = slow.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    assert described["failureReason"] == (
        f"Insufficient privileges for accessing data in Amazon S3. (there is no bucket {BUCKET})"
    )


def _waiting_import(owner: Owner, emulator: Emulator) -> str:
    owner.role()
    owner.grant_role()
    owner.grant_service()
    group = owner.given.group()
    emulator.advance(60)
    dataset = owner.given.dataset(group)
    emulator.advance(60)
    create = owner.given.personalize.create_dataset_import_job
    job: str = create(**owner.request(dataset))["datasetImportJobArn"]
    assert owner.job(job)["status"] == "CREATE PENDING"
    return job


def test_unsupported_elements_are_not_guessed(owner: Owner, dataset: str) -> None:
    owner.role()
    owner.grant_role({**READING, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}})
    owner.grant_service()
    code, text = owner.refused(dataset, status=501)
    assert code == "NotImplementedException"
    assert "does not evaluate the condition StringEquals of aws:PrincipalOrgID" in text


def test_the_role_of_a_dataset_group_is_checked_too(owner: Owner) -> None:
    """S-1, S-3, S-16, S-17, R-DSG-7."""
    create = owner.given.personalize.create_dataset_group
    assert refusal(create, name="g", roleArn=ROLE, kmsKeyArn=KEY)[0] == "AccessDeniedException"
    owner.role()
    code, text = refusal(create, name="g", roleArn=ROLE, kmsKeyArn=KEY)
    assert (code, text.startswith(f"Key {KEY} cannot be used: ")) == (INVALID, True)


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        (KEY, True),
        (f"arn:aws-cn:kms:cn-north-1:{ACCOUNT}:key/a", True),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/a", False),
        ("alias/a", False),
        (f"arn:aws:kms:{REGION}:12345:key/a", False),
    ],
)
def test_keys_are_checked_for_their_form_only(given: Given, key: str, fits: bool) -> None:
    """S-16, S-20, S-25, P-52."""
    create = given.personalize.create_dataset_group
    if fits:
        group = create(name="g", roleArn=ROLE, kmsKeyArn=key)["datasetGroupArn"]
        described = given.personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]
        assert described["kmsKeyArn"] == key
    else:
        assert refusal(create, name="g", roleArn=ROLE, kmsKeyArn=key)[0] == "ValidationException"


@pytest.mark.parametrize(
    "role", ["PersonalizeRole", "arn:aws:iam::12345:role/a", f"arn:aws:iam::{ACCOUNT}:user/a", f"{ROLE}/é"]
)
def test_roles_have_a_form(given: Given, role: str) -> None:
    """S-4, P-52."""
    create = given.personalize.create_dataset_group
    assert refusal(create, name="g", roleArn=role, kmsKeyArn=KEY)[0] == "ValidationException"


def test_each_purpose_needs_its_own_permissions() -> None:
    """S-9, S-14."""
    assert set(READ) == {"s3:GetObject", "s3:ListBucket"}
    assert set(WRITE) == {"s3:PutObject", "s3:ListBucket"}
    assert set(READ_AND_WRITE) == {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}
    assert set(REPORT) == {"s3:PutObject"}


ODD = ["zz", "[]", "null", '{"Statement": "zz"}', '{"Statement": [1]}', "[" * 10_000, '{"Statement": {"Effect": 1}}']


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:20])
def test_invalid_policy_documents_are_malformed(owner: Owner, dataset: str, text: str) -> None:
    """S-3, S-9: the embedded services refuse them, others may hand out anything."""
    owner.role()
    owner.grant_role()
    owner.grant_service()
    bucket = s3_backends[ACCOUNT]["aws"].buckets[BUCKET]
    role = next(iter(iam_backends[ACCOUNT]["aws"].roles.values()))
    policies: list[tuple[Any, str, Any]] = [
        (bucket.__dict__, "policy", text.encode()),
        (role.__dict__, "assume_role_policy_document", text),
        (role.policies, "inline", text),
    ]
    for holder, name, odd in policies:
        kept, holder[name] = holder[name], odd
        code, message = owner.refused(dataset)
        assert code == INVALID
        assert "malformed" in message or "cannot be checked" in message
        holder[name] = kept
    assert owner.imports(dataset) == "ACTIVE"
