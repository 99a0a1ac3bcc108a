"""Emulators share boto3 clients of the embedded services, and nothing else of each other."""

from __future__ import annotations

import logging

import pytest
from moto import mock_aws

from personalize_emu.aws_services import AwsServices
from personalize_emu.edge.moto_adapter import EmbeddedClients, MockEnded
from tests.given import REGION

ACCOUNTS = ("123456789012", "111122223333")


def test_clients_act_for_the_account_of_their_emulator() -> None:
    with mock_aws():
        one, other = (EmbeddedClients(account)("s3", REGION) for account in ACCOUNTS)
        one.create_bucket(Bucket="of-one")
        other.create_bucket(Bucket="of-other")
        for client, bucket in ((one, "of-one"), (other, "of-other"), (one, "of-one")):
            pages = client.get_paginator("list_buckets").paginate()
            assert [each["Name"] for page in pages for each in page["Buckets"]] == [bucket]


def test_clients_of_ended_emulators_refuse_calls_and_those_of_others_do_not() -> None:
    with mock_aws():
        ended, active = EmbeddedClients(), EmbeddedClients()
        clients = [made("s3", REGION) for made in (ended, active)]
        ended.close()
        with pytest.raises(MockEnded):
            clients[0].list_buckets()
        assert clients[1].list_buckets()["Buckets"] == []


def test_calls_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with mock_aws(), caplog.at_level(logging.DEBUG, "personalize_emu.aws"):
        for _ in range(3):
            AwsServices(EmbeddedClients()).client("s3", REGION).list_buckets()
    messages = [record.message for record in caplog.records if record.name == "personalize_emu.aws"]
    assert messages == ["S3.ListBuckets status=200 error=-"] * 3
