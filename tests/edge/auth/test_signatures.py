"""Verification of signatures with the option `auth` (spec 01 section 6, spec 05 section 6)."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import assume
from hypothesis import given as drawn
from hypothesis import strategies as st

from personalize_emu.edge.auth.access_control import MOST_SKEW_SECONDS, authenticated
from personalize_emu.edge.auth.callers import known_callers, no_issued_keys
from personalize_emu.edge.moto_adapter import caller_of, reset_services
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.settings import Settings, settings_from_environment
from personalize_emu.wire.errors import (
    AwsError,
    IncompleteSignature,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    RequestExpired,
    UnrecognizedClientException,
)
from personalize_emu.wire.sigv4 import SignedRequest, expected_signature, read_signature
from tests.given import REGION
from tests.refusals import refusal

OWN = Credentials("personalize-emu", "personalize-emu")
NOW = datetime.now(UTC).timestamp()
CALLERS = known_callers(Settings(), no_issued_keys)


def client(key: str = "personalize-emu", secret: str = "personalize-emu", **options: Any) -> Any:
    return boto3.client(
        "personalize", region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret, **options
    )


def signed(body: bytes = b"{}", path: str = "/", *, presigned: bool = False, service: str = "personalize") -> Any:
    """Sign a request with botocore."""
    request = AWSRequest("POST", f"https://personalize.{REGION}.amazonaws.com{path}", {"x-amz-target": " a  b "}, body)
    signer = SigV4QueryAuth(OWN, service, REGION, 60) if presigned else SigV4Auth(OWN, service, REGION)
    signer.add_auth(request)
    return request


def received(request: Any) -> SignedRequest:
    url = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return SignedRequest(request.method, url.path, url.query, {"host": url.netloc, **headers}, request.body or b"")


def time_of(request: SignedRequest) -> float:
    signature = read_signature(request.headers, request.query)
    assert signature is not None
    return signature.signed_at


@pytest.fixture
def locked() -> Iterator[None]:
    with mock_personalize(auth="sigv4"):
        yield


def test_no_authentication_by_default() -> None:
    """P-21, S-37."""
    assert Settings().auth == "off"
    with pytest.raises(ValueError, match="auth must be one of off, sigv4, iam"):
        settings_from_environment({"PERSONALIZE_EMU_AUTH": "on"})
    with pytest.raises(ValueError, match=r"^credentials must be KEY:SECRET pairs, separated by commas$"):
        Settings(credentials="key:secret,other:")


@pytest.mark.usefixtures("locked")
def test_unsigned_requests_are_refused() -> None:
    """P-60, S-36."""
    stranger = client(config=Config(signature_version=UNSIGNED))
    assert refusal(stranger.list_schemas) == ("MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.usefixtures("locked")
def test_keys_must_be_known_and_secrets_their_own() -> None:
    """P-61, S-37."""
    assert client().list_schemas()["schemas"] == []
    nobody_has = refusal(client("AKIANOBODY").list_schemas)
    assert nobody_has == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )
    assert refusal(client(secret="wrong").list_schemas)[0] == "InvalidSignatureException"


@pytest.mark.usefixtures("locked")
def test_checks_come_in_order() -> None:
    """P-56: checked after the syntax and before the constraints; errors in the format of each service (P-40)."""
    stranger = client(secret="wrong")
    assert refusal(stranger.describe_schema, schemaArn="no ARN")[0] == "InvalidSignatureException"
    events = boto3.client("personalize-events", REGION, aws_access_key_id="a", aws_secret_access_key="b")
    event = {"eventType": "e", "sentAt": 1}
    call = events.put_events
    code, _ = refusal(call, trackingId="t", sessionId="s", eventList=[event])
    assert code == "UnrecognizedClientException"


@pytest.mark.usefixtures("locked")
def test_users_and_sessions_of_the_embedded_services() -> None:
    """S-29, S-37: permanent keys of users, temporary keys of roles with token, until they expire (P-61)."""
    iam, sts = boto3.client("iam", region_name=REGION), boto3.client("sts", region_name=REGION)
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert client(key["AccessKeyId"], key["SecretAccessKey"]).list_schemas()["schemas"] == []
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    session = sts.assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
    key_and_secret = session["AccessKeyId"], session["SecretAccessKey"]
    assert client(*key_and_secret, aws_session_token=session["SessionToken"]).list_schemas()["schemas"] == []
    assert refusal(client(*key_and_secret).list_schemas)[0] == "UnrecognizedClientException"
    assert refusal(client(*key_and_secret, aws_session_token="x").list_schemas)[0] == "UnrecognizedClientException"
    caller = caller_of(session["AccessKeyId"])
    assert caller is not None
    assert caller.expires is not None
    assert 3500 < caller.expires - datetime.now(UTC).timestamp() < 3700


def test_an_expired_session() -> None:
    """P-61."""
    session = Credentials("key", "secret", "token")
    caller = known_callers(Settings(), no_issued_keys)("personalize-emu")
    assert caller is not None
    request = AWSRequest("POST", "https://h/", {}, b"{}")
    SigV4Auth(session, "personalize", REGION).add_auth(request)
    over = type(caller)("arn", "secret", "token", time_of(received(request)) - 1)
    with pytest.raises(AwsError, match="The security token included in the request is expired") as caught:
        authenticated(received(request), lambda _: over, time_of(received(request)))
    assert caught.value.code == "ExpiredTokenException"


@drawn(body=st.binary(max_size=60), path=st.sampled_from(["/", "/events", "/items"]), presigned=st.booleans())
def test_requests_signed_by_botocore_are_accepted(body: bytes, path: str, presigned: bool) -> None:
    """P-19, S-36: any change of the request invalidates the signature."""
    request = received(signed(b"" if presigned else body, path, presigned=presigned))
    assert authenticated(request, CALLERS, time_of(request)).arn == "arn:aws:iam::123456789012:root"
    for changed in (replace(request, method="PUT"), replace(request, body=request.body + b" ")):
        with pytest.raises(InvalidSignatureException):
            authenticated(changed, CALLERS, time_of(request))


@pytest.mark.parametrize(("late", "taken"), [(0, True), (800, True), (-800, True), (1000, False), (-1000, False)])
def test_requests_of_another_time(late: float, taken: bool) -> None:
    """P-22: 15 minutes from the time of the server, on the system clock."""
    request = received(signed())
    if taken:
        assert authenticated(request, CALLERS, time_of(request) + late)
    else:
        with pytest.raises(RequestExpired):
            authenticated(request, CALLERS, time_of(request) + late)
    assert timedelta(seconds=MOST_SKEW_SECONDS) == timedelta(minutes=15)


def test_presigned_request_expires() -> None:
    """P-19, P-22."""
    request = received(signed(presigned=True))
    assert authenticated(request, CALLERS, time_of(request) + 60)
    with pytest.raises(RequestExpired):
        authenticated(request, CALLERS, time_of(request) + 61)


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (None, MissingAuthenticationTokenException),
        ("", IncompleteSignature),
        ("Basic dXNlcg==", IncompleteSignature),
        ("AWS4-HMAC-SHA256 Credential=k/1/2", IncompleteSignature),
        ("AWS4-HMAC-SHA256 Credential=k/20260101/r/personalize/aws4_request", IncompleteSignature),
        ("AWS4-HMAC-SHA256 Credential=k/20260101/r/personalize/aws4_request, SignedHeaders=h", IncompleteSignature),
        (
            "AWS4-HMAC-SHA256 Credential=k/20260101/r/personalize/aws4_request, SignedHeaders=h, Signature=0",
            UnrecognizedClientException,
        ),
        (
            "AWS4-HMAC-SHA256 Credential=personalize-emu/20260101/r/s3/aws4_request, SignedHeaders=h, Signature=0",
            InvalidSignatureException,
        ),
        (
            "AWS4-HMAC-SHA256 Credential=personalize-emu/20260101/r/personalize/aws4_request, "
            "SignedHeaders=h, Signature=é",
            InvalidSignatureException,
        ),
    ],
)
def test_malformed_credentials_are_refused(authorization: str | None, error: type[AwsError]) -> None:
    """P-60, P-61, P-63."""
    headers = {"x-amz-date": "20260101T000000Z"} | ({} if authorization is None else {"authorization": authorization})
    with pytest.raises(error):
        authenticated(SignedRequest("POST", "/", "", headers, b""), CALLERS, NOW)


@drawn(authorization=st.text(max_size=80), date=st.text(max_size=20), query=st.text(max_size=40))
def test_any_credentials_are_accepted_or_refused(authorization: str, date: str, query: str) -> None:
    """P-64: malformed credentials never cause a server error."""
    headers = {"authorization": f"AWS4-HMAC-SHA256 {authorization}", "x-amz-date": date}
    for given in (headers, {}):
        with pytest.raises(AwsError):
            authenticated(SignedRequest("POST", "/", f"X-Amz-Credential={query}", given, b""), CALLERS, NOW)


def test_a_server_that_asks_for_signatures() -> None:
    """P-4, P-60, S-24, S-36: over plain HTTP with the client's host and path; preflight needs no signature (P-80)."""
    with LiveServer(emulator_with_services(Settings(pace="instant", auth="sigv4"))) as server:
        at = {"endpoint_url": server.url}
        assert client(**at).list_schemas()["schemas"] == []
        assert refusal(client(secret="wrong", **at).list_schemas)[0] == "InvalidSignatureException"
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        connection.request("OPTIONS", "/events")
        assert connection.getresponse().status == 200
        connection.close()
        server.emulator.close()
    reset_services()


def test_clients_require_https_by_default(locked: None) -> None:
    """P-4, S-24: the mock verifies what a client would have sent over TLS."""
    personalize = client()
    assert personalize.meta.endpoint_url == f"https://personalize.{REGION}.amazonaws.com"
    assert json.dumps(personalize.list_schemas()["schemas"]) == "[]"


@pytest.mark.parametrize("service", ["personalize-runtime", "personalize-events"])
@pytest.mark.parametrize("auth", ["off", "sigv4", "iam"])
def test_p8_requests_signed_with_the_name_of_another_client(service: str, auth: Any) -> None:
    """Requests with another signing name are answered by Personalize, never by an unknown service."""
    with emulator_with_services(Settings(pace="instant", auth=auth)) as emulator, LiveServer(emulator) as server:
        host = urlsplit(server.url).netloc
        request = AWSRequest("POST", f"{server.url}/recommendations", {"host": host}, b'{"userId":"u"}')
        SigV4Auth(OWN, service, REGION).add_auth(request)
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request("POST", "/recommendations", request.body, dict(request.headers.items()))
        answer = connection.getresponse()
        output = json.loads(answer.read())["message"]
        connection.close()
    if auth == "off":
        assert answer.getheader("x-amzn-errortype") == "InvalidInputException"
    else:
        assert answer.getheader("x-amzn-errortype") == "InvalidSignatureException"
        assert output == "Credential should be scoped to correct service: 'personalize'."


VECTOR_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
VECTOR_DATE = "20150830T123600Z"
VECTORS = {
    "get-vanilla": ("GET", "", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-vanilla-query-order-key-case": (
        "GET",
        "Param2=value2&Param1=value1",
        {},
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-vanilla": ("POST", "", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-header-key-case": ("POST", "", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-header-value-case": (
        "POST",
        "",
        {"my-header1": "VALUE1"},
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "get-header-value-trim": (
        "GET",
        "",
        {"my-header1": " value1", "my-header2": ' "a   b   c"'},
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
}
"""AWS's published test suite of Signature Version 4: method, query, further headers, signature."""


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors(name: str) -> None:
    method, query, more, wanted = VECTORS[name]
    headers = {"host": "example.amazonaws.com", "x-amz-date": VECTOR_DATE, **more}
    names = ";".join(sorted(headers))
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={wanted}"
    signature = read_signature(headers, query)
    assert signature is not None
    assert expected_signature(signature, VECTOR_SECRET, SignedRequest(method, "/", query, headers, b"")) == wanted


def resigned(request: SignedRequest, **changes: str) -> SignedRequest:
    """A request whose signature is correct for other signed headers, or another date in the scope."""
    text = request.headers["authorization"]
    for old, new in changes.items():
        text = re.sub(f"{old}[^,]*", new, text, count=1)
    changed = replace(request, headers={**request.headers, "authorization": text})
    signature = read_signature(changed.headers, changed.query)
    assert signature is not None
    value = expected_signature(signature, "personalize-emu", changed)
    return replace(
        changed, headers={**changed.headers, "authorization": re.sub("Signature=.*", f"Signature={value}", text)}
    )


@pytest.mark.parametrize(
    ("unsigned", "message"),
    [
        ("host", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."),
        ("x-amz-target", "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."),
        ("x-amz-date", "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization."),
    ],
)
def test_host_target_and_date_must_be_signed(unsigned: str, message: str) -> None:
    """S-36: otherwise the operation could be replaced under a valid signature."""
    request = received(signed())
    names = [name for name in ("host", "x-amz-date", "x-amz-target") if name != unsigned]
    changed = resigned(request, SignedHeaders=f"SignedHeaders={';'.join(names)}")
    with pytest.raises(InvalidSignatureException) as caught:
        authenticated(changed, CALLERS, time_of(request))
    assert caught.value.message == message


def test_the_date_of_the_scope_must_be_that_of_the_request() -> None:
    request = received(signed())
    moment = request.headers["x-amz-date"]
    scope = f"Credential=personalize-emu/20200101/{REGION}/personalize/aws4_request"
    with pytest.raises(InvalidSignatureException) as caught:
        authenticated(resigned(request, Credential=scope), CALLERS, time_of(request))
    assert caught.value.message == (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20200101' != '{moment[:8]}', from '{moment}'."
    )


@pytest.mark.parametrize("seconds", ["0", "-1", "604801", "9999999", "", "1.5", "x"])
def test_lifetimes_of_presigned_requests_are_limited(seconds: str) -> None:
    """P-63: from a second to a week."""
    request = received(signed(presigned=True))
    changed = replace(request, query=request.query.replace("X-Amz-Expires=60", f"X-Amz-Expires={seconds}"))
    with pytest.raises(IncompleteSignature, match="X-Amz-Expires must be a number of seconds from 1 to 604800"):
        authenticated(changed, CALLERS, time_of(request))


@drawn(data=st.data())
def test_changing_one_bit_of_any_signed_part_is_noticed(data: st.DataObject) -> None:
    """S-36."""
    request = received(signed(b'{"name":"group"}', "/items"))
    part = data.draw(st.sampled_from(["body", "path", "host", "x-amz-target", "x-amz-date", "authorization"]))
    original = getattr(request, part) if part in ("body", "path") else request.headers[part]
    text = original if isinstance(original, bytes) else original.encode()
    place, bit = data.draw(st.integers(0, len(text) - 1)), data.draw(st.integers(0, 6))
    flipped = bytes([*text[:place], text[place] ^ (1 << bit), *text[place + 1 :]])
    value = flipped if isinstance(original, bytes) else flipped.decode()
    changed = (
        replace(request, **{part: value})
        if part in ("body", "path")
        else replace(request, headers={**request.headers, part: value})
    )
    before, after = (canonical_parts(each) for each in (request, changed))
    assume(before != after)
    with pytest.raises(AwsError):
        authenticated(changed, CALLERS, time_of(request))


def canonical_parts(request: SignedRequest) -> tuple[object, ...]:
    """A request without differences that Signature Version 4 ignores: blanks around and within values."""
    return request.body, request.path, {name: value.split() for name, value in request.headers.items()}
