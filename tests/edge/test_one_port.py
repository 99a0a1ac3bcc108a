"""A live server with boto3 clients: Personalize and the other AWS services on one port."""

from __future__ import annotations

import http.client
import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from personalize_emu.edge.application import LARGEST_BODY, create_app
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from personalize_emu.operations import HANDLERS
from personalize_emu.settings import Settings
from personalize_emu.state.clock import LATEST, ManualClock
from personalize_emu.wire.models import operations
from tests.refusals import refusal

REGION = "eu-central-1"
SCOPE = "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-central-1/{service}/aws4_request, Signature=0"
ClientOf = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        yield server
    reset_services()


@pytest.fixture(scope="module")
def client_of(server: LiveServer) -> ClientOf:
    session = boto3.session.Session("testing", "testing", region_name=REGION)
    config = Config(retries={"total_max_attempts": 1})

    def client_of(service: str, **options: Any) -> Any:
        return session.client(service, endpoint_url=server.url, config=config, **options)

    return client_of


@pytest.fixture
def send(server: LiveServer) -> Callable[..., tuple[int, dict[str, str], bytes]]:
    """A raw HTTP request."""

    def send(
        method: str, path: str, body: Any = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    return send


def test_three_personalize_services_on_one_port(client_of: ClientOf) -> None:
    arn = client_of("personalize").create_dataset_group(name="one-port")["datasetGroupArn"]
    assert arn == f"arn:aws:personalize:{REGION}:123456789012:dataset-group/one-port"
    campaign = f"arn:aws:personalize:{REGION}:123456789012:campaign/none"
    runtime = client_of("personalize-runtime")
    code, _ = refusal(runtime.get_recommendations, status=404, campaignArn=campaign, userId="u")
    assert code == "ResourceNotFoundException"
    event = {"eventType": "click", "sentAt": 1_700_000_000}
    puts = client_of("personalize-events").put_events
    code, _ = refusal(puts, trackingId="t", sessionId="s", eventList=[event])
    assert code == "InvalidInputException"


def test_buckets_named_like_personalize_paths_are_buckets(client_of: ClientOf) -> None:
    s3 = client_of("s3")
    for bucket in ("users", "items", "events"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=bucket, Key="a key/ü.csv", Body=b"USER_ID\n")
        assert s3.get_object(Bucket=bucket, Key="a key/ü.csv")["Body"].read() == b"USER_ID\n"
    assert {each["Name"] for each in s3.list_buckets()["Buckets"]} >= {"users", "items", "events"}


def test_multipart_upload_ranged_read_and_policy(client_of: ClientOf) -> None:
    s3 = client_of("s3")
    s3.create_bucket(Bucket="large-objects", CreateBucketConfiguration={"LocationConstraint": REGION})
    content = bytes(range(256)) * (20 * 4096)
    s3.upload_fileobj(io.BytesIO(content), "large-objects", "20-megabytes")
    head = s3.head_object(Bucket="large-objects", Key="20-megabytes")
    assert head["ContentLength"] == len(content)
    assert head["ETag"].endswith('-3"')
    part = s3.get_object(Bucket="large-objects", Key="20-megabytes", Range="bytes=20971264-")
    assert part["Body"].read() == content[-256:]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "personalize.amazonaws.com"},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::large-objects", "arn:aws:s3:::large-objects/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket="large-objects", Policy=policy)
    assert json.loads(s3.get_bucket_policy(Bucket="large-objects")["Policy"])["Statement"] == [statement]


def test_roles_keys_alarms_and_identity(client_of: ClientOf) -> None:
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
    trust["Statement"][0]["Principal"] = {"Service": "personalize.amazonaws.com"}  # type: ignore[index]
    role = client_of("iam").create_role(RoleName="Personalize", AssumeRolePolicyDocument=json.dumps(trust))
    assert role["Role"]["Arn"] == "arn:aws:iam::123456789012:role/Personalize"
    assert client_of("sts").get_caller_identity()["Account"] == "123456789012"
    key = client_of("kms").create_key()["KeyMetadata"]["Arn"]
    assert key.startswith(f"arn:aws:kms:{REGION}:123456789012:key/")
    watch = client_of("cloudwatch")
    watch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Clicks", "Value": 1.0}])
    assert [each["MetricName"] for each in watch.list_metrics(Namespace="Shop")["Metrics"]] == ["Clicks"]


def test_p20_assumed_role_uses_its_account(client_of: ClientOf, server: LiveServer) -> None:
    role = "arn:aws:iam::210987654321:role/Other"
    issued = client_of("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    other = boto3.client(
        "personalize",
        endpoint_url=server.url,
        region_name=REGION,
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
    )
    assert ":210987654321:" in other.create_dataset_group(name="elsewhere")["datasetGroupArn"]
    names = {each["name"] for each in client_of("personalize").list_dataset_groups()["datasetGroups"]}
    assert "elsewhere" not in names


def test_p57_unknown_operations_never_reach_another_service(send: Any) -> None:
    for headers in (
        {"authorization": SCOPE.format(service="personalize")},
        {"x-amz-target": "AmazonPersonalize.Nothing"},
        {"authorization": SCOPE.format(service="personalize"), "x-amz-target": "DynamoDB_20120810.ListTables"},
    ):
        status, _, body = send("POST", "/", b"{}", headers)
        assert (status, json.loads(body)["__type"]) == (400, "UnknownOperationException")
    for method, path in (("GET", "/recommendations"), ("POST", "/nothing"), ("DELETE", "/users/1")):
        status, headers, _ = send(method, path, b"", {"authorization": SCOPE.format(service="personalize")})
        assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def test_operations_without_handler_return_501(client_of: ClientOf, send: Any) -> None:
    for name in sorted(set(operations()) - set(HANDLERS)):
        operation = operations()[name]
        if operation.input_shape.required_members:
            continue
        headers = {"authorization": SCOPE.format(service="personalize")}
        if operation.target:
            headers["x-amz-target"] = operation.target
        status, _, body = send(operation.method, operation.path, b"{}", headers)
        assert (status, json.loads(body)["__type"]) == (501, "NotImplementedException")


def test_unsupported_services_return_errors_in_their_format(client_of: ClientOf) -> None:
    code, message = refusal(client_of("translate").list_terminologies, status=501)
    assert code == "NotImplementedException"
    assert "embed" in message


def test_p80_preflight_on_every_personalize_path(send: Any) -> None:
    for path in ("/", "/events", "/recommendations"):
        asked = {"origin": "https://shop.example.com", "access-control-request-headers": "x-amz-date"}
        status, headers, _ = send("OPTIONS", path, b"", asked)
        assert status == 200
        assert headers["access-control-allow-origin"] == "*"
        assert headers["access-control-allow-headers"] == "x-amz-date"


def test_p80_any_origin_may_send_events_but_not_other_requests(send: Any) -> None:
    page = {"origin": "https://evil.com"}
    status, headers, _ = send("POST", "/events", b"{}", page)
    assert (status, headers["access-control-allow-origin"]) == (400, "*")
    for method, path, more in (
        ("POST", "/_emu/reset", {}),
        ("POST", "/_emu/clock", {}),
        ("PUT", "/bucket-of-a-page", {"authorization": SCOPE.format(service="s3")}),
        ("POST", "/moto-api/reset", {}),
    ):
        status, headers, _ = send(method, path, b"", {**page, **more})
        assert status == 403
        assert "access-control-allow-origin" not in headers


def test_rebound_host_names_are_refused(send: Any) -> None:
    for path in ("/", "/_emu/health", "/recommendations", "/some-bucket/key"):
        status, _, _ = send("GET", path, b"", {"host": "rebound.evil.com"})
        assert status == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe",
        b"[]",
        b"null",
        b'{"name":',
        b'{"name": NaN}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"name": 1' + b"0" * 5000 + b"}",
        b'{"name": "\xed\xa0\x80"}',
        b'{"nextToken": "' + b"A" * 100_000 + b'"}',
    ],
    ids=lambda body: repr(body[:12]),
)
def test_malformed_bodies_return_a_client_error(send: Any, body: bytes) -> None:
    for name in ("CreateDatasetGroup", "CreateSchema", "ListRecipes"):
        status, _, _ = send("POST", "/", body, {"x-amz-target": f"AmazonPersonalize.{name}"})
        assert status < 500
    for path in ("/recommendations", "/events", "/personalize-ranking"):
        status, _, _ = send("POST", path, body)
        assert 400 <= status < 500


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "AWS4-HMAC-SHA256 Credential=//////"},
        {"authorization": "Basic YTpi"},
        {"x-amz-target": "Nobody.Nothing"},
        {"x-amz-target": "DynamoDB_20120810"},
        {"authorization": SCOPE.format(service="dynamodb")},
        {"authorization": SCOPE.format(service="../../etc")},
        {"content-type": "application/x-www-form-urlencoded"},
    ],
    ids=str,
)
def test_malformed_headers_return_an_aws_error(send: Any, headers: dict[str, str]) -> None:
    status, found, body = send("POST", "/", b"Action=\xff&=&Version", headers)
    assert 400 <= status <= 501
    assert b"<html" not in body.lower()
    assert "html" not in found.get("content-type", "")


def test_oversized_bodies_return_413(send: Any) -> None:
    status, headers, body = send("POST", "/events", b" " * (LARGEST_BODY + 1))
    assert (status, headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert json.loads(body)["__type"] == "RequestEntityTooLargeException"


def test_chunked_bodies_are_read_completely(send: Any) -> None:
    chunks = iter([b'{"name":', b'"in-chunks"}'])
    headers = {"x-amz-target": "AmazonPersonalize.CreateDatasetGroup"}
    status, _, body = send("POST", "/", chunks, headers)
    assert (status, json.loads(body)["datasetGroupArn"].rpartition("/")[2]) == (200, "in-chunks")


def test_admin_routes(send: Any, server: LiveServer, client_of: ClientOf) -> None:
    status, _, body = send("GET", "/_emu/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    status, _, body = send("GET", "/_emu/state")
    assert (status, json.loads(body)) == (200, {"importJobs": []})
    before = server.emulator.clock.now()
    status, _, body = send("POST", "/_emu/clock", b'{"advance": "2h"}')
    assert (status, json.loads(body)["advanced"]) == (200, 7200)
    assert server.emulator.clock.now() >= before + 7200
    deep = b"[" * 100_000, b'{"advance":' * 50_000, b'{"advance": 1' + b"0" * 5000 + b"}"
    for wrong in (b"", b"{}", b"[]", b'{"advance": "soon"}', b'{"advance": -1}', b"\xff", *deep):
        status, _, body = send("POST", "/_emu/clock", wrong)
        assert status == 400
        assert "'1d12h'" in json.loads(body)["error"]
    assert send("GET", "/_emu/nothing")[0] == 404
    assert send("GET", "/_emu/reset")[0] == 405


def test_clock_cannot_pass_year_9998() -> None:
    with Emulator(Settings(pace="instant"), clock=ManualClock(LATEST - 100)) as emulator:
        app = create_app(emulator).test_client()
        assert app.post("/_emu/clock", data=b'{"advance": 99}').status_code == 200
        refused = app.post("/_emu/clock", data=b'{"advance": 99}')
        assert (refused.status_code, "year 9998" in refused.json["error"]) == (400, True)
        assert emulator.clock.now() == LATEST - 1
        emulator.call("CreateDatasetGroup", {"name": "late"})


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//[", "http://a]b"])
def test_malformed_origin_is_refused(send: Any, origin: str) -> None:
    status, _, body = send("POST", "/_emu/reset", b"", {"origin": origin})
    assert (status, json.loads(body)["__type"]) == (403, "AccessDeniedException")


def test_reset_deletes_personalize_and_embedded_resources(send: Any, client_of: ClientOf) -> None:
    client_of("personalize").create_dataset_group(name="forgotten")
    client_of("iam").create_user(UserName="forgotten")
    assert send("POST", "/_emu/reset")[0] == 200
    assert client_of("personalize").list_dataset_groups()["datasetGroups"] == []
    with pytest.raises(ClientError, match="NoSuchEntity"):
        client_of("iam").get_user(UserName="forgotten")


def test_other_account_without_embedded_services() -> None:
    settings = Settings(pace="instant", account="111122223333")
    with emulator_with_services(settings) as emulator, LiveServer(emulator) as server:
        sts = boto3.client(
            "sts",
            endpoint_url=server.url,
            region_name=REGION,
            aws_access_key_id="k",
            aws_secret_access_key="s",
        )
        assert sts.get_caller_identity()["Account"] == "111122223333"
    settings = Settings(aws_endpoint="http://127.0.0.1:9")
    with emulator_with_services(settings) as emulator, LiveServer(emulator) as server:
        s3 = boto3.client(
            "s3",
            endpoint_url=server.url,
            region_name=REGION,
            aws_access_key_id="k",
            aws_secret_access_key="s",
            config=Config(retries={"total_max_attempts": 1}),
        )
        code, message = refusal(s3.list_buckets, status=501)
        assert (code, "aws_endpoint" in message) == ("NotImplementedException", True)
