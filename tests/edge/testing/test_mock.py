"""The in-process mock, also with moto's mock_aws."""

from __future__ import annotations

import asyncio
import os
import threading
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from moto.core.models import botocore_stubber

from personalize_emu import Emulator, mock_personalize
from personalize_emu.edge.moto_adapter import EmbeddedClients, MockEnded
from personalize_emu.state.clock import ManualClock

REGION = "us-east-1"


def client(service: str = "personalize") -> Any:
    return boto3.client(service, region_name=REGION)


def keyed_client(service: str) -> Any:
    return boto3.client(service, REGION, aws_access_key_id="k", aws_secret_access_key="s")


def groups(of: Any = None) -> list[str]:
    return sorted(each["name"] for each in (of or client()).list_dataset_groups()["datasetGroups"])


def use_both() -> list[str]:
    client("s3").create_bucket(Bucket="shop-bucket")
    client().create_dataset_group(name="shop")
    assert [each["Name"] for each in client("s3").list_buckets()["Buckets"]] == ["shop-bucket"]
    return groups()


@mock_aws
@mock_personalize
def inside_mock_aws() -> list[str]:
    return use_both()


@mock_personalize()
@mock_aws
def outside_mock_aws() -> list[str]:
    return use_both()


@mock_personalize
def alone() -> list[str]:
    return use_both()


@pytest.mark.parametrize("run", [inside_mock_aws, outside_mock_aws, alone])
def test_every_order_works_and_starts_empty(run: Any) -> None:
    assert run() == ["shop"]
    assert run() == ["shop"]


def test_start_and_stop() -> None:
    mock = mock_personalize()
    emulator = mock.start()
    assert isinstance(emulator, Emulator)
    client().create_dataset_group(name="shop")
    assert groups() == ["shop"]
    mock.stop()
    with pytest.raises(RuntimeError, match=r"stop\(\) without start\(\)"):
        mock.stop()
    mock.start()
    assert groups() == []
    mock.stop()


def test_clients_made_before_and_after_and_in_sessions() -> None:
    early, early_s3 = keyed_client("personalize"), keyed_client("s3")
    with mock_personalize():
        early.create_dataset_group(name="shop")
        early_s3.create_bucket(Bucket="shop-bucket")
        session = boto3.session.Session(region_name=REGION)
        assert groups(session.client("personalize")) == ["shop"]
        assert [each.name for each in session.resource("s3").buckets.all()] == ["shop-bucket"]
        assert groups() == ["shop"]


def test_clients_older_than_moto_are_caught_too() -> None:
    with mock_personalize():
        old = client()
        old.meta.events.unregister("before-send", botocore_stubber)
        old_s3 = client("s3")
        old_s3.meta.events.unregister("before-send", botocore_stubber)
        old.create_dataset_group(name="shop")
        old_s3.create_bucket(Bucket="shop-bucket")
        assert groups() == ["shop"]


def test_all_three_services_and_dual_stack_hosts() -> None:
    with mock_personalize():
        campaign = f"arn:aws:personalize:{REGION}:123456789012:campaign/none"
        with pytest.raises(ClientError) as caught:
            client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="u")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        event = {"eventType": "click", "sentAt": 1_700_000_000}
        with pytest.raises(ClientError, match="InvalidInputException"):
            client("personalize-events").put_events(trackingId="t", sessionId="s", eventList=[event])
        assert groups(boto3.client("personalize", "cn-north-1")) == []


def test_regions_and_accounts_are_separate() -> None:
    with mock_personalize():
        client().create_dataset_group(name="shop")
        assert groups(boto3.client("personalize", "eu-west-1")) == []
        role = "arn:aws:iam::210987654321:role/Other"
        issued = client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        other = boto3.client(
            "personalize",
            REGION,
            aws_access_key_id=issued["AccessKeyId"],
            aws_secret_access_key=issued["SecretAccessKey"],
            aws_session_token=issued["SessionToken"],
        )
        assert ":210987654321:" in other.create_dataset_group(name="shop")["datasetGroupArn"]


def test_the_innermost_mock_answers() -> None:
    with mock_personalize() as outer:
        client().create_dataset_group(name="outer")
        with mock_personalize() as inner:
            assert groups() == []
            client().create_dataset_group(name="inner")
        assert groups() == ["outer"]
        assert outer is not inner


def test_mocks_may_end_in_any_order() -> None:
    first, second = mock_personalize(), mock_personalize()
    first.__enter__()
    second.__enter__()
    client().create_dataset_group(name="second")
    first.__exit__(None, None, None)
    assert groups() == ["second"]
    second.__exit__(None, None, None)
    with mock_aws():
        assert client().list_schemas()["schemas"] == []


def test_moto_serves_personalize_after_the_mock() -> None:
    with mock_personalize():
        pass
    with mock_aws():
        client().create_schema(name="motos", schema="{}")
        assert [each["name"] for each in client().list_schemas()["schemas"]] == ["motos"]
        with pytest.raises((ClientError, NotImplementedError)):
            groups()


def test_calls_after_the_mock_fail() -> None:
    with mock_personalize():
        late = boto3.client("personalize", REGION, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(EndpointConnectionError):
        late.list_dataset_groups()


def test_moto_reset_resets_personalize() -> None:
    with mock_personalize() as emulator:
        client().create_dataset_group(name="shop")
        mock_aws().reset()
        assert groups() == []
        assert emulator.health()["resources"] == {}


def test_aws_endpoint_url_does_not_bypass_the_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with mock_personalize():
        assert groups() == []
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" not in os.environ


def test_threads_share_the_mock() -> None:
    with mock_personalize():
        threads = [
            threading.Thread(target=lambda name: client().create_dataset_group(name=name), args=(f"g{number}",))
            for number in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert groups() == [f"g{number}" for number in range(5)]


def test_job_of_an_ended_mock_does_not_affect_the_next() -> None:
    with mock_personalize() as emulator:
        client("s3").create_bucket(Bucket="shop-bucket")
        store = emulator.aws_services.objects(REGION)
        store.put("shop-bucket", "in-time", b"1")
        clients = EmbeddedClients()
        late = clients("s3", REGION)
    clients.close()
    with mock_personalize():
        client("s3").create_bucket(Bucket="shop-bucket")
        with pytest.raises(MockEnded):
            late.put_object(Bucket="shop-bucket", Key="late", Body=b"1")
        with pytest.raises(MockEnded):
            store.put("shop-bucket", "late", b"1")
        assert "Contents" not in client("s3").list_objects_v2(Bucket="shop-bucket")


def test_internal_calls_are_executed_once() -> None:
    with mock_personalize():
        client("s3").create_bucket(Bucket="shop-bucket")
        versioning = {"Status": "Enabled"}
        client("s3").put_bucket_versioning(Bucket="shop-bucket", VersioningConfiguration=versioning)
        EmbeddedClients()("s3", REGION).put_object(Bucket="shop-bucket", Key="once", Body=b"1")
        assert len(client("s3").list_object_versions(Bucket="shop-bucket")["Versions"]) == 1


def test_mock_uses_given_clock_and_seed() -> None:
    clock = ManualClock(1_000_000.0)

    def first_answer(seed: int) -> Any:
        with mock_personalize(seed=seed, clock=clock) as emulator:
            assert isinstance(emulator, Emulator)
            assert emulator.clock.now() == 1_000_000.0
            return client().list_dataset_groups()["ResponseMetadata"]["RequestId"]

    assert first_answer(1) == first_answer(1)
    assert first_answer(1) != first_answer(2)


@mock_personalize
async def coroutine() -> list[str]:
    await asyncio.sleep(0)
    return use_both()


@mock_personalize
def generator() -> Iterator[list[str]]:
    yield use_both()
    yield groups()


def test_coroutines_and_generators() -> None:
    assert asyncio.run(coroutine()) == ["shop"]
    assert list(generator()) == [["shop"], ["shop"]]


@mock_personalize
class TestPlainClass:
    def test_one(self) -> None:
        assert use_both() == ["shop"]

    def test_two(self, tmp_path: Path) -> None:
        assert tmp_path.exists()
        assert use_both() == ["shop"]


@mock_personalize
class TestWithSetup:
    def setup_method(self, method: Any) -> None:
        client().create_dataset_group(name=method.__name__.replace("_", "-"))

    def teardown_method(self) -> None:
        assert len(groups()) == 1

    def test_one(self) -> None:
        assert groups() == ["test-one"]

    def test_two(self) -> None:
        assert groups() == ["test-two"]


@mock_personalize(seed=3)
class TestUnittest(unittest.TestCase):
    def setUp(self) -> None:
        client().create_dataset_group(name="made-in-set-up")

    def test_one(self) -> None:
        assert groups() == ["made-in-set-up"]

    def test_two(self) -> None:
        assert groups() == ["made-in-set-up"]

    def tearDown(self) -> None:
        assert groups() == ["made-in-set-up"]
