"""Buckets, objects and identities of the embedded services come back after the server has been killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from personalize_emu.edge.testing.server_process import ServerFailed, ServerProcess
from tests.durability.crash.rounds import kill
from tests.given import BUCKET, REGION, Given, as_csv, two_camps

PART = 5 * 2**20
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "personalize.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "personalize:List*", "Resource": "*"}]}
)
BUCKET_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "personalize.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{BUCKET}/*",
            }
        ],
    }
)
FULL_ACCESS = "arn:aws:iam::aws:policy/service-role/AmazonPersonalizeFullAccess"


class Services:
    """Clients of one start."""

    def __init__(self, url: str, key: str = "a", secret: str = "s") -> None:
        session = boto3.session.Session(key, secret, region_name=REGION)
        self.s3, self.iam, self.kms, self.sts, self.personalize = (
            session.client(name, endpoint_url=url) for name in ("s3", "iam", "kms", "sts", "personalize")
        )
        self.given = Given(self.personalize, self.s3)


@contextmanager
def killed_at_the_end(directory: Path, *options: str) -> Iterator[tuple[Services, str]]:
    with ServerProcess(
        "--data-dir", str(directory), "--pace", "instant", "--training-workers", "0", *options
    ) as server:
        yield Services(server.url), server.url
        kill(server)


def make_buckets(s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=BUCKET_POLICY)
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "team", "Value": "films"}]})
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.org"]}
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={
            "Rules": [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 9}}]
        },
    )
    s3.put_object(Bucket=BUCKET, Key="plain.txt", Body=b"text", Metadata={"made": "here"}, ContentType="text/plain")
    s3.put_object_tagging(Bucket=BUCKET, Key="plain.txt", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.put_object(Bucket=BUCKET, Key="folder/large.bin", Body=b"0123456789" * 20_000)
    s3.copy_object(Bucket=BUCKET, Key="copied é.txt", CopySource={"Bucket": BUCKET, "Key": "plain.txt"})
    upload_parts(s3)
    for key in ("begun.bin", "aborted.bin"):
        begun = begin_upload(s3, key)
    s3.abort_multipart_upload(Bucket=BUCKET, Key="aborted.bin", UploadId=begun)
    for name in ("gone-1", "gone-2", "gone-3"):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    s3.delete_object(Bucket=BUCKET, Key="gone-1")
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "gone-2"}, {"Key": "gone-3"}]})
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    for text in (b"one", b"two"):
        s3.put_object(Bucket="versioned", Key="changing", Body=text)
        s3.put_object(Bucket="versioned", Key="removed", Body=text)
    s3.delete_objects(Bucket="versioned", Delete={"Objects": [{"Key": "removed"}]})
    s3.create_bucket(Bucket="short-lived")
    s3.delete_bucket(Bucket="short-lived")


def begin_upload(s3: Any, key: str) -> str:
    """Its id; it has two parts, of which the first was sent twice."""
    upload: str = s3.create_multipart_upload(Bucket=BUCKET, Key=key, Metadata={"made": "in parts"})["UploadId"]
    for number, body in ((1, b"wrong"), (2, b"end"), (1, b"p" * PART)):
        s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body)
    return upload


def complete_upload(s3: Any, key: str, upload: str) -> None:
    named = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
    parts = [{name: part[name] for name in ("PartNumber", "ETag")} for part in s3.list_parts(**named)["Parts"]]
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})


def upload_parts(s3: Any) -> None:
    complete_upload(s3, "parts.bin", begin_upload(s3, "parts.bin"))


def shown_buckets(s3: Any) -> dict[str, Any]:
    named = {"Bucket": BUCKET}
    found = {
        "buckets": s3.list_buckets()["Buckets"],
        "policy": s3.get_bucket_policy(**named)["Policy"],
        "tags": s3.get_bucket_tagging(**named)["TagSet"],
        "cors": s3.get_bucket_cors(**named)["CORSRules"],
        "lifecycle": s3.get_bucket_lifecycle_configuration(**named)["Rules"],
        "objects": s3.list_objects_v2(**named)["Contents"],
        "object tags": s3.get_object_tagging(**named, Key="plain.txt")["TagSet"],
        "uploads": [each["UploadId"] for each in s3.list_multipart_uploads(**named)["Uploads"]],
        "versioning": s3.get_bucket_versioning(Bucket="versioned")["Status"],
    }
    listed = s3.list_object_versions(Bucket="versioned")
    found |= {"versions": listed["Versions"], "markers": listed["DeleteMarkers"]}
    for each in found["objects"]:
        answer = s3.get_object(**named, Key=each["Key"])
        found[each["Key"]] = {
            "body": answer["Body"].read(), "metadata": answer["Metadata"], "type": answer["ContentType"],
            "etag": answer["ETag"], "modified": answer["LastModified"],
        }  # fmt: skip
    for each in found["versions"]:
        answer = s3.get_object(Bucket="versioned", Key=each["Key"], VersionId=each["VersionId"])
        found[each["VersionId"]] = answer["Body"].read()
    return found


def make_identities(iam: Any) -> dict[str, str]:
    iam.create_role(RoleName="PersonalizeRole", AssumeRolePolicyDocument=TRUST, Description="reads")
    iam.put_role_policy(RoleName="PersonalizeRole", PolicyName="inline", PolicyDocument=POLICY)
    iam.attach_role_policy(RoleName="PersonalizeRole", PolicyArn=FULL_ACCESS)
    own = iam.create_policy(PolicyName="own", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "films"}])
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=own)
    iam.attach_user_policy(UserName="ann", PolicyArn=own)
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="ann")
    key: dict[str, str] = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.create_role(RoleName="gone", AssumeRolePolicyDocument=TRUST)
    iam.delete_role(RoleName="gone")
    return key


def shown_identities(iam: Any) -> dict[str, Any]:
    return {
        "roles": iam.list_roles()["Roles"],
        "inline": iam.get_role_policy(RoleName="PersonalizeRole", PolicyName="inline")["PolicyDocument"],
        "attached": iam.list_attached_role_policies(RoleName="PersonalizeRole")["AttachedPolicies"],
        "policies": iam.list_policies(Scope="Local")["Policies"],
        "count": iam.get_policy(PolicyArn=FULL_ACCESS)["Policy"]["AttachmentCount"],
        "users": iam.list_users()["Users"],
        "boundary": iam.get_user(UserName="ann")["User"]["PermissionsBoundary"],
        "user tags": iam.list_user_tags(UserName="ann")["Tags"],
        "user policies": iam.list_attached_user_policies(UserName="ann")["AttachedPolicies"],
        "groups": iam.list_groups_for_user(UserName="ann")["Groups"],
        "keys": iam.list_access_keys(UserName="ann")["AccessKeyMetadata"],
    }


def test_buckets_objects_and_identities_come_back(tmp_path: Path) -> None:
    with killed_at_the_end(tmp_path) as (services, _):
        make_buckets(services.s3)
        key = make_identities(services.iam)
        before = shown_buckets(services.s3), shown_identities(services.iam)
    with killed_at_the_end(tmp_path, "--auth", "iam") as (_, url):
        account = Services(url, "personalize-emu", "personalize-emu")
        after = shown_buckets(account.s3), shown_identities(account.iam)
        for old, new in zip(before, after, strict=True):
            for part, value in old.items():
                assert new[part] == value, part
        ann = Services(url, key["AccessKeyId"], key["SecretAccessKey"])
        assert ann.personalize.list_schemas()["schemas"] == []
        with pytest.raises(ClientError, match="AccessDenied"):
            ann.personalize.create_dataset_group(name="g")
        # What came back can be changed, and the change comes back.
        account.iam.detach_role_policy(RoleName="PersonalizeRole", PolicyArn=FULL_ACCESS)
        account.s3.put_object(Bucket="versioned", Key="changing", Body=b"three")
        account.s3.delete_object(Bucket=BUCKET, Key="plain.txt")
        (upload,) = before[0]["uploads"]
        complete_upload(account.s3, "begun.bin", upload)
    with killed_at_the_end(tmp_path) as (services, _):
        assert services.iam.list_attached_role_policies(RoleName="PersonalizeRole")["AttachedPolicies"] == []
        assert services.iam.get_policy(PolicyArn=FULL_ACCESS)["Policy"]["AttachmentCount"] == 0
        found = services.s3.get_object(Bucket=BUCKET, Key="begun.bin")
        assert (found["Body"].read(), found["Metadata"]) == (b"p" * PART + b"end", {"made": "in parts"})
        assert "Uploads" not in services.s3.list_multipart_uploads(Bucket=BUCKET)
        assert len(services.s3.list_object_versions(Bucket="versioned", Prefix="changing")["Versions"]) == 3
        assert "plain.txt" not in [each["Key"] for each in services.s3.list_objects_v2(Bucket=BUCKET)["Contents"]]


def make_keys(kms: Any) -> dict[str, Any]:
    """Three keys, one of them for signatures; texts that they have encrypted or signed."""
    enabled, disabled = (kms.create_key(Description=name)["KeyMetadata"]["KeyId"] for name in ("on", "off"))
    signing = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/films", TargetKeyId=enabled)
    kms.tag_resource(KeyId=enabled, Tags=[{"TagKey": "team", "TagValue": "films"}])
    kms.put_key_policy(KeyId=enabled, PolicyName="default", Policy=TRUST)
    kms.create_grant(KeyId=enabled, GranteePrincipal="arn:aws:iam::123456789012:role/r", Operations=["Decrypt"])
    kms.schedule_key_deletion(KeyId=disabled)
    kms.cancel_key_deletion(KeyId=disabled)
    return {
        "secret": kms.encrypt(KeyId="alias/films", Plaintext=b"secret")["CiphertextBlob"],
        "signed": {"KeyId": signing, "Message": b"text", "SigningAlgorithm": "ECDSA_SHA_256"},
        "signature": kms.sign(KeyId=signing, Message=b"text", SigningAlgorithm="ECDSA_SHA_256")["Signature"],
        "disabled": disabled,
    }


def shown_keys(kms: Any) -> dict[str, Any]:
    keys = [each["KeyId"] for each in kms.list_keys()["Keys"]]
    return {
        "metadata": [kms.describe_key(KeyId=key)["KeyMetadata"] for key in keys],
        "policies": [kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"] for key in keys],
        "tags": [kms.list_resource_tags(KeyId=key)["Tags"] for key in keys],
        "grants": [kms.list_grants(KeyId=key)["Grants"] for key in keys],
        "aliases": [each["AliasArn"] for each in kms.list_aliases()["Aliases"] if "films" in each["AliasName"]],
    }


def make_sessions(account: Services, url: str) -> list[dict[str, Any]]:
    """Credentials of an assumed role, and of a user who asked for them."""
    key = make_identities(account.iam)
    trust = json.loads(TRUST)
    trust["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::123456789012:root"}
    account.iam.update_assume_role_policy(RoleName="PersonalizeRole", PolicyDocument=json.dumps(trust))
    role = account.iam.get_role(RoleName="PersonalizeRole")["Role"]["Arn"]
    ann = Services(url, key["AccessKeyId"], key["SecretAccessKey"])
    return [
        account.sts.assume_role(RoleArn=role, RoleSessionName="shop", Policy=POLICY)["Credentials"],
        ann.sts.get_session_token()["Credentials"],
    ]


def exported(account: Services, dataset: str, name: str) -> dict[str, Any]:
    job = account.given.export_job(dataset, name=name)
    shown = account.personalize.describe_dataset_export_job(datasetExportJobArn=job)
    found: dict[str, Any] = shown["datasetExportJob"]
    return found


def test_keys_with_their_material_and_states_and_sessions_come_back(tmp_path: Path) -> None:
    with killed_at_the_end(tmp_path, "--auth", "iam") as (_, url):
        account = Services(url, "personalize-emu", "personalize-emu")
        made, sessions = make_keys(account.kms), make_sessions(account, url)
        key = account.kms.list_keys()["Keys"][0]["KeyArn"]
        group = account.given.group(roleArn="arn:aws:iam::123456789012:role/PersonalizeRole", kmsKeyArn=key)
        dataset = account.given.dataset(group)
        account.given.import_job(dataset, account.given.upload(as_csv(two_camps())))
        before = shown_keys(account.kms)
        assert [each["KeyState"] for each in before["metadata"]] == ["Enabled", "Disabled", "Enabled"]
    with killed_at_the_end(tmp_path, "--auth", "iam") as (_, url):
        account = Services(url, "personalize-emu", "personalize-emu")
        after = shown_keys(account.kms)
        for part, value in before.items():
            assert after[part] == value, part
        assert account.kms.decrypt(CiphertextBlob=made["secret"])["Plaintext"] == b"secret"
        assert account.kms.verify(**made["signed"], Signature=made["signature"])["SignatureValid"]
        assert exported(account, dataset, "first")["status"] == "ACTIVE"
        account.kms.disable_key(KeyId=key)
        assert "its state is Disabled" in exported(account, dataset, "second")["failureReason"]
        for each in sessions:
            named = (each["AccessKeyId"], each["SecretAccessKey"], each["SessionToken"])
            personalize = boto3.session.Session(*named, region_name=REGION).client("personalize", endpoint_url=url)
            assert [schema["name"] for schema in personalize.list_schemas()["schemas"]] == ["schema"]
            with pytest.raises(ClientError, match="AccessDenied"):
                personalize.create_dataset_group(name="g")


def test_exports_are_kept_and_imports_read_what_was_kept(tmp_path: Path) -> None:
    with killed_at_the_end(tmp_path) as (services, _):
        dataset = services.given.dataset()
        services.given.import_job(dataset, services.given.upload(as_csv(two_camps())))
        services.given.export_job(dataset, ingestionMode="ALL")
        exported = services.given.downloaded("exports/")
        assert exported
    with killed_at_the_end(tmp_path) as (services, _):
        assert services.given.downloaded("exports/") == exported
        job = services.given.import_job(dataset, f"s3://{BUCKET}/interactions.csv", "again")
        described = services.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
        assert described["status"] == "ACTIVE"


def test_a_reset_removes_them_for_good(tmp_path: Path) -> None:
    with killed_at_the_end(tmp_path) as (services, url):
        make_buckets(services.s3)
        make_identities(services.iam)
        make_keys(services.kms)
        reset(url)
        assert list((tmp_path / "blobs").iterdir()) == []
    with killed_at_the_end(tmp_path) as (services, _):
        assert services.s3.list_buckets()["Buckets"] == []
        assert services.iam.list_roles()["Roles"] == []
        assert services.kms.list_keys()["Keys"] == []


def reset(url: str) -> None:
    from urllib.request import Request, urlopen

    with urlopen(Request(f"{url}/_emu/reset", method="POST")) as answer:
        assert answer.status == 200


def test_an_object_that_cannot_be_written_is_an_internal_error_with_its_reason(tmp_path: Path) -> None:
    with killed_at_the_end(tmp_path) as (services, _):
        services.s3.create_bucket(Bucket=BUCKET)
        (tmp_path / "blobs").rename(tmp_path / "elsewhere")
        with pytest.raises(ClientError, match=r"\(InternalError\).*could not be written to the data directory"):
            services.s3.put_object(Bucket=BUCKET, Key="large.bin", Body=b"0123456789" * 20_000)
        (tmp_path / "elsewhere").rename(tmp_path / "blobs")
        services.s3.put_object(Bucket=BUCKET, Key="large.bin", Body=b"0123456789" * 20_000)
    with killed_at_the_end(tmp_path) as (services, _):
        found = services.s3.get_object(Bucket=BUCKET, Key="large.bin")
        assert found["Body"].read() == b"0123456789" * 20_000


def test_a_damaged_object_is_named(tmp_path: Path) -> None:
    with killed_at_the_end(tmp_path) as (services, _):
        services.s3.create_bucket(Bucket=BUCKET)
        services.s3.put_object(Bucket=BUCKET, Key="large.bin", Body=b"0123456789" * 20_000)
    (kept,) = (tmp_path / "blobs").iterdir()
    kept.write_bytes(b"other")
    with pytest.raises(ServerFailed, match=rf"of key {BUCKET}/large\.bin has other content"):
        ServerProcess("--data-dir", str(tmp_path)).__enter__()
