"""What is overwritten or deleted in the embedded services needs no memory any more."""

from __future__ import annotations

import gc

import boto3
from botocore.config import Config
from moto.iam.models import Role
from moto.s3.models import FakeKey

from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from tests.given import BUCKET, REGION


def alive(kind: type) -> int:
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


def test_objects_and_roles_go_when_they_are_overwritten_and_deleted() -> None:
    """moto itself lists all that it has ever made; a server that runs for long would grow with every request."""
    reset_services()
    config = Config(s3={"addressing_style": "path"})
    with emulator_with_services(Settings(pace="instant")) as emulator, LiveServer(emulator) as server:
        given = {"region_name": REGION, "aws_access_key_id": "a", "aws_secret_access_key": "s"}
        s3, iam = (boto3.client(name, endpoint_url=server.url, config=config, **given) for name in ("s3", "iam"))
        s3.create_bucket(Bucket=BUCKET)
        objects, roles = alive(FakeKey), alive(Role)
        for number in range(20):
            s3.put_object(Bucket=BUCKET, Key=f"key-{number % 2}", Body=str(number).encode())
            iam.create_role(RoleName="role", AssumeRolePolicyDocument="{}")
            iam.delete_role(RoleName="role")
        assert alive(FakeKey) == objects + 2
        assert alive(Role) == roles
        assert s3.get_object(Bucket=BUCKET, Key="key-1")["Body"].read() == b"19"
    reset_services()
