"""Exceptions of moto as error responses, seen by boto3 clients of the embedded services."""

from __future__ import annotations

import bz2
import gzip
import logging
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config

from personalize_emu.edge.moto_adapter import EmbeddedClients, reset_services
from personalize_emu.edge.moto_adapter.faults import FailedRequest, converted
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from tests.given import REGION
from tests.refusals import refusal

ClientOf = Callable[[str], Any]
BUCKET = {"Bucket": "films"}
PART = {**BUCKET, "Key": "b", "UploadId": "none"}
RULE = {"Name": "rule", "EventPattern": '{"source": ["shop"]}'}
TARGET = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:queue"}


def client_of(url: str) -> ClientOf:
    session = boto3.session.Session("testing", "testing", region_name=REGION)
    config = Config(retries={"total_max_attempts": 1})
    return lambda service: session.client(service, endpoint_url=url, config=config)


@pytest.fixture(scope="module")
def embedded() -> Iterator[ClientOf]:
    with LiveServer() as server:
        made = client_of(server.url)
        s3 = made("s3")
        s3.create_bucket(**BUCKET)
        s3.put_object(**BUCKET, Key="a", Body=b"a")
        made("kinesis").create_stream(StreamName="clicks", ShardCount=1)
        made("iam").create_user(UserName="ann")
        yield made
    reset_services()


@pytest.mark.parametrize(
    ("service", "operation", "members", "status", "code"),
    [
        ("s3", "list_objects_v2", {**BUCKET, "ContinuationToken": "zz"}, 400, "InvalidArgument"),
        ("s3", "upload_part", {**PART, "PartNumber": 1, "Body": b"a"}, 404, "NoSuchUpload"),
        ("s3", "upload_part_copy", {**PART, "PartNumber": 1, "CopySource": "films/a"}, 404, "NoSuchUpload"),
        (
            "s3",
            "complete_multipart_upload",
            {**PART, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "a"}]}},
            404,
            "NoSuchUpload",
        ),
        ("s3", "delete_objects", {**BUCKET, "Delete": {"Objects": []}}, 400, "MalformedXML"),
        ("s3", "copy_object", {**BUCKET, "Key": "b", "CopySource": "zz"}, 400, "InvalidArgument"),
        ("s3", "put_bucket_policy", {**BUCKET, "Policy": "zz"}, 400, "MalformedPolicy"),
        ("kms", "list_grants", {"KeyId": "none"}, 400, "NotFoundException"),
        ("kms", "list_resource_tags", {"KeyId": "none"}, 400, "NotFoundException"),
        ("kinesis", "get_records", {"ShardIterator": "zz"}, 400, "InvalidArgumentException"),
        ("kinesis", "list_streams", {"ExclusiveStartStreamName": "zz"}, 400, "InvalidArgumentException"),
        ("kinesis", "create_stream", {"StreamName": "a", "ShardCount": 2**31 - 1}, 400, "LimitExceededException"),
        ("iam", "list_roles", {"Marker": "zz"}, 400, "ValidationError"),
        ("iam", "list_policies", {"Marker": "zz"}, 400, "ValidationError"),
        ("sns", "list_topics", {"NextToken": "zz"}, 400, "InvalidParameter"),
        (
            "sts",
            "assume_role_with_saml",
            {"RoleArn": "a" * 20, "PrincipalArn": "a" * 20, "SAMLAssertion": "zzzz"},
            400,
            0,
        ),
        ("sts", "decode_authorization_message", {"EncodedMessage": "zz"}, 501, "NotImplementedException"),
        ("cloudwatch", "list_metrics", {"NextToken": "zz"}, 400, "InvalidParameterValue"),
    ],
)
def test_malformed_requests_get_errors_of_the_service(
    embedded: ClientOf, service: str, operation: str, members: Any, status: int, code: Any
) -> None:
    found, message = refusal(getattr(embedded(service), operation), status=status, **members)
    assert code in (0, found)
    assert message
    assert "Traceback" not in message


def test_a_refused_policy_leaves_the_bucket_usable(embedded: ClientOf) -> None:
    s3 = embedded("s3")
    assert refusal(s3.put_bucket_policy, **BUCKET, Policy="zz")[0] == "MalformedPolicy"
    assert s3.get_object(**BUCKET, Key="a")["Body"].read() == b"a"
    s3.put_object(**BUCKET, Key="c", Body=b"c")
    assert refusal(s3.get_bucket_policy, status=404, **BUCKET)[0] == "NoSuchBucketPolicy"


def test_missing_members_are_reported_from_the_model(embedded: ClientOf) -> None:
    session = boto3.session.Session("testing", "testing", region_name=REGION)
    url = embedded("kms").meta.endpoint_url
    unchecked = session.client("kms", endpoint_url=url, config=Config(parameter_validation=False))
    code, message = refusal(unchecked.create_grant, KeyId=1)
    assert code == "ValidationException"
    assert 'Missing required parameter in input: "Operations"' in message


def test_a_missing_package_is_named_with_its_extra(embedded: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for CloudFormation, which needs another package."""
    monkeypatch.setitem(sys.modules, "jsonpath_ng", None)
    events = embedded("events")
    events.put_rule(**RULE)
    embedded("sqs").create_queue(QueueName="queue")
    events.put_targets(Rule="rule", Targets=[TARGET])
    entry = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
    code, message = refusal(events.put_events, status=501, Entries=[entry])
    assert (code, "install moto[events]" in message) == ("NotImplementedException", True)


@pytest.mark.parametrize("arn", ["arn:aws:sns:us-east-1:123456789012:topic", "arn:aws:lambda:us-east-1:1:function:f"])
def test_eventbridge_accepts_events_for_any_target(
    embedded: ClientOf, caplog: pytest.LogCaptureFixture, arn: str
) -> None:
    """AWS delivers asynchronously and PutEvents never fails for a target; moto delivers to few kinds of targets."""
    events = embedded("events")
    events.put_rule(Name="told", EventPattern='{"source": ["monitor"]}')
    events.put_targets(Rule="told", Targets=[{"Id": "1", "Arn": arn}])
    entries = [{"Source": source, "DetailType": "changed", "Detail": "{}"} for source in ("monitor", "others")]
    with caplog.at_level(logging.WARNING):
        answer = events.put_events(Entries=entries)
    assert (answer["FailedEntryCount"], ["EventId" in entry for entry in answer["Entries"]]) == (0, [True, True])
    assert [record.getMessage() for record in caplog.records if arn in record.getMessage()] == [
        f"an event of rule told was not delivered: moto does not deliver to ['{arn}']"
    ]
    assert events.list_targets_by_rule(Rule="told")["Targets"][0]["Arn"] == arn


def test_one_log_line_and_traceback_at_debug_level(
    embedded: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    for level, tracebacks in ((logging.INFO, 0), (logging.DEBUG, 1)):
        caplog.clear()
        with caplog.at_level(level):
            refusal(embedded("kinesis").get_records, ShardIterator="zz")
        output = [record for record in caplog.records if record.name == "personalize_emu.services"]
        assert [record.levelno for record in output if "answers GetRecords" in record.getMessage()] == [logging.WARNING]
        assert sum(record.exc_info is not None for record in output) == tracebacks


def failed(service: str = "iam") -> FailedRequest:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return FailedRequest(service, "POST", "/", "", headers, b"Action=ListRoles")


@pytest.mark.parametrize(
    "error",
    [OSError(28, "disk full"), MemoryError("disk full"), RuntimeError("can't start new thread: disk full")],
)
def test_system_errors_return_500(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    answer = converted(error, failed())
    assert answer.status == 500
    assert b"<Code>InternalFailure</Code>" in answer.body
    assert b"disk full" not in answer.body
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


def test_other_runtime_errors_are_client_errors() -> None:
    """botocore's parsers, which moto uses, raise for a time out of range."""
    assert converted(RuntimeError("Unable to calculate correct timezone offset"), failed()).status == 400


@pytest.mark.parametrize("compressed", [bz2.decompress, gzip.decompress, zlib.decompress])
def test_wrong_content_encoding_is_a_client_error(compressed: Callable[..., Any]) -> None:
    with pytest.raises((OSError, zlib.error)) as raised:
        compressed(b"zz" * 20)
    assert converted(raised.value, failed()).status == 400


def test_internal_clients_get_the_same_errors() -> None:
    """Without HTTP."""
    made = EmbeddedClients()
    made("s3", REGION).create_bucket(**BUCKET)
    code, _ = refusal(made("s3", REGION).list_objects_v2, **BUCKET, ContinuationToken="zz")
    assert code == "InvalidArgument"
    assert refusal(made("kms", REGION).list_grants, KeyId="none")[0] == "NotFoundException"
    assert refusal(made("iam", REGION).list_roles, Marker="zz")[0] == "ValidationError"
    reset_services()


class Subscriber(HTTPServer):
    """An HTTP server that receives messages."""

    def __init__(self) -> None:
        self.got = Event()
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.set()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *output: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_topics_send_no_http_by_default(embedded: ClientOf, subscriber: Subscriber) -> None:
    sns = embedded("sns")
    topic = sns.create_topic(Name="clicks")["TopicArn"]
    code, message = refusal(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint=subscriber.address)
    assert (code, "--http-deliveries" in message) == ("InvalidParameter", True)
    sns.publish(TopicArn=topic, Message="a")
    assert not subscriber.got.is_set()


def test_topics_deliver_when_enabled_and_skip_unreachable_subscribers(subscriber: Subscriber) -> None:
    settings = Settings(pace="instant", http_deliveries=True)
    with emulator_with_services(settings) as emulator, LiveServer(emulator) as server:
        sns = client_of(server.url)("sns")
        topic = sns.create_topic(Name="clicks")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:9/")
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.address)
        sns.publish(TopicArn=topic, Message="a")
        assert subscriber.got.is_set()
    reset_services()


def test_an_object_may_be_written_and_read_by_several_threads_at_once() -> None:
    """As batch jobs do that write the same probe object; moto closes an object that is overwritten while it is read."""
    reset_services()
    objects = EmbeddedClients()("s3", REGION)
    objects.create_bucket(**BUCKET)
    objects.put_object(**BUCKET, Key="k", Body=b"0")

    def write_and_read(number: int) -> set[int]:
        lengths = set()
        for _ in range(150):
            objects.put_object(**BUCKET, Key="k", Body=b"x" * number)
            lengths.add(len(objects.get_object(**BUCKET, Key="k")["Body"].read()))
        return lengths

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            lengths = set().union(*threads.map(write_and_read, range(1, 5)))
    finally:
        sys.setswitchinterval(interval)
        reset_services()
    assert lengths <= {1, 2, 3, 4}


def test_timestamp_out_of_range_is_a_client_error() -> None:
    """botocore's own validator raises for it."""
    target = "GraniteServiceVersion20100801.GetInsightRuleReport"
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
    body = b'{"RuleName": "r", "StartTime": "18446744073709551616", "EndTime": 1, "Period": 60}'
    answer = converted(RuntimeError("no timezone"), FailedRequest("cloudwatch", "POST", "/", "", headers, body))
    assert answer.status == 400
