"""Credential scopes (P-19)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.wire.sigv4 import CredentialScope, credential_scope

GOOD = "AKID/20240101/eu-west-1/personalize/aws4_request"
HEAD = "AWS4-HMAC-SHA256 "


def test_the_header_of_botocore() -> None:
    request = AWSRequest("POST", "https://personalize.ap-south-1.amazonaws.com/", data=b"{}")
    SigV4Auth(Credentials("AKIDEXAMPLE", "secret", "token"), "personalize", "ap-south-1").add_auth(request)
    scope = credential_scope({"authorization": request.headers["Authorization"]}, "")
    assert scope is not None
    assert (scope.access_key, scope.region, scope.service) == ("AKIDEXAMPLE", "ap-south-1", "personalize")
    assert len(scope.date) == 8


def test_the_query_of_botocore() -> None:
    request = AWSRequest("POST", "https://personalize.ap-south-1.amazonaws.com/events")
    SigV4QueryAuth(Credentials("AKIDEXAMPLE", "secret"), "personalize", "ap-south-1").add_auth(request)
    scope = credential_scope({}, request.url.partition("?")[2])
    assert scope is not None
    assert (scope.access_key, scope.region) == ("AKIDEXAMPLE", "ap-south-1")


@pytest.mark.parametrize(
    "header",
    [
        f"{HEAD}Credential={GOOD}, SignedHeaders=host, Signature=0",
        f"{HEAD}Credential={GOOD},SignedHeaders=host,Signature=0",
        f"{HEAD}SignedHeaders=host,Credential={GOOD}",
        f"{HEAD} Credential={GOOD}",
    ],
)
def test_layouts_of_the_header(header: str) -> None:
    expected = CredentialScope("AKID", "20240101", "eu-west-1", "personalize")
    assert credential_scope({"authorization": header}, "") == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic dXNlcjpwYXNz",
        f"AWS4-ECDSA-P256-SHA256 Credential={GOOD}",
        f"{HEAD}SignedHeaders=host",
        f"{HEAD}Credential=AKID/2024/eu-west-1/personalize/aws4_request",
        f"{HEAD}Credential=AKID/20240101/personalize/aws4_request",
        f"{HEAD}Credential=AKID/20240101/eu west/personalize/aws4_request",
        f"{HEAD}Credential=AKID/20240101/../personalize/aws4_request",
        f"{HEAD}Credential={GOOD}x",
        f"{HEAD}Credential=/20240101/eu-west-1/personalize/aws4_request",
    ],
)
def test_malformed_scope_is_none(header: str) -> None:
    assert credential_scope({"authorization": header}, "") is None


@pytest.mark.parametrize("value", ["", "AKID", GOOD + "/", "A" * 10_000])
def test_a_malformed_query_is_no_scope(value: str) -> None:
    assert credential_scope({}, urlencode({"X-Amz-Credential": value})) is None


@given(st.text(), st.text())
def test_any_text_is_a_scope_or_none(header: str, query: str) -> None:
    credential_scope({"authorization": HEAD + "Credential=" + header}, "")
    credential_scope({}, "X-Amz-Credential=" + query)


def test_the_last_of_several_credentials_counts() -> None:
    """P-19: the same with and without further parts of the header; equal beginnings do not hide them."""
    first, second = (f"Credential={key}/20260101/us-east-1/personalize/aws4_request" for key in ("A", "B"))
    for rest, key in (("", "A"), (", Signature=0", "A"), (f", {second}", "B"), (f", {second}, Signature=0", "B")):
        scope = credential_scope({"authorization": f"AWS4-HMAC-SHA256 {first}{rest}"}, "")
        assert scope is not None
        assert scope.access_key == key, rest
