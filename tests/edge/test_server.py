"""The production server as a program: start, state, signals."""

from __future__ import annotations

import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
import pytest

from personalize_emu.cli import main
from personalize_emu.edge.testing.server_process import ServerFailed, ServerProcess

REGION = "us-west-2"
MANAGED = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


def client_at(url: str, service: str = "personalize") -> Any:
    return boto3.client(service, REGION, endpoint_url=url, aws_access_key_id="k", aws_secret_access_key="s")


def test_state_is_shared_by_requests_until_reset(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ServerProcess("--pace", "instant") as server:
        personalize = client_at(server.url)
        threads = [
            threading.Thread(target=lambda name: personalize.create_dataset_group(name=name), args=(f"g{number}",))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = {len(personalize.list_dataset_groups()["datasetGroups"]) for _ in range(40)}
        assert seen == {4}
        s3 = client_at(server.url, "s3")
        place = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration=place)
        s3.put_object(Bucket="a-bucket", Key="key with spaces/ü", Body=b"content")
        assert s3.head_object(Bucket="a-bucket", Key="key with spaces/ü")["ContentLength"] == 7

        with urlopen(Request(f"{server.url}/_emu/clock", b'{"advance": "9h"}', method="POST")) as moved:
            assert json.load(moved)["now"] > time.time() + 8 * 3600
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        assert main(["reset"]) == 0
        assert f"{server.url} was reset" in capsys.readouterr().out
        with urlopen(Request(f"{server.url}/_emu/clock", b'{"advance": 0}', method="POST")) as moved:
            assert json.load(moved)["now"] < time.time() + 3600
        assert personalize.list_dataset_groups()["datasetGroups"] == []
        assert s3.list_buckets()["Buckets"] == []

        port = str(urlsplit(server.url).port)
        assert main(["serve", "--port", port]) == 1
        message = capsys.readouterr().err
        assert f"port {port} of 127.0.0.1 is in use" in message
        assert "--port 0" in message
        with urlopen(f"{server.url}/_emu/health") as answer:
            assert json.load(answer)["status"] == "ok"
        assert server.stop() == 0


def test_s6_managed_policies_can_be_attached() -> None:
    with ServerProcess("--pace", "instant") as server:
        iam = client_at(server.url, "iam")
        iam.create_role(RoleName="Managed", AssumeRolePolicyDocument="{}")
        for name in ("service-role/AmazonPersonalizeFullAccess", "AmazonS3FullAccess"):
            iam.attach_role_policy(RoleName="Managed", PolicyArn=f"arn:aws:iam::aws:policy/{name}")
        assert len(iam.list_attached_role_policies(RoleName="Managed")["AttachedPolicies"]) == 2
        denied = {"Effect": "Deny", "Action": "*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": denied})
        iam.create_policy_version(PolicyArn=MANAGED, PolicyDocument=document, SetAsDefault=True)
        iam.tag_policy(PolicyArn=MANAGED, Tags=[{"Key": "a", "Value": "b"}])
        with urlopen(Request(f"{server.url}/_emu/reset", method="POST")):
            pass
        found = iam.get_policy(PolicyArn=MANAGED)["Policy"]
        assert (found["AttachmentCount"], found.get("Tags", [])) == (0, [])
        assert len(iam.list_policy_versions(PolicyArn=MANAGED)["Versions"]) == 1


def test_failed_start_reports_reason() -> None:
    with pytest.raises(ServerFailed, match="cannot listen on"), ServerProcess("--host", "192.0.2.1"):
        pass
