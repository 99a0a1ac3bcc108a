"""The embedded IAM and STS with the option `auth`: known keys only, ended sessions are forgotten (S-29, S-37)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from werkzeug.test import Client

from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.moto_adapter.accounts import TOKENS
from personalize_emu.edge.moto_adapter.sessions import FORGOTTEN_AFTER
from personalize_emu.edge.one_port import emulator_with_services, one_port
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.settings import Settings
from tests.edge.auth.test_sessions import ACCOUNT, ANN, ROOT, Accounts
from tests.given import REGION
from tests.refusals import refusal

INVALID = ("InvalidClientTokenId", "The security token included in the request is invalid.")
NOBODY = {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "x"}
FORM = {"content-type": "application/x-www-form-urlencoded", "host": "localhost"}
OWN = Credentials("personalize-emu", "personalize-emu")


def client(service: str, **options: Any) -> Any:
    return boto3.client(service, region_name=REGION, **options)  # type: ignore[call-overload]


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    with mock_personalize(auth="iam"):
        yield Accounts()


@pytest.mark.parametrize("auth", ["sigv4", "iam"])
def test_unknown_keys_make_no_identities(auth: Any) -> None:
    with mock_personalize(auth=auth):
        iam, sts = client("iam", **NOBODY), client("sts", **NOBODY)
        role = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any", "RoleSessionName": "visit"}
        assert refusal(sts.get_session_token, status=403) == INVALID
        assert refusal(sts.get_caller_identity, status=403) == INVALID
        assert refusal(sts.get_federation_token, status=403, Name="guest") == INVALID
        assert refusal(sts.assume_role, status=403, **role) == INVALID
        assert refusal(iam.create_user, status=403, UserName="ann") == INVALID
        assert refusal(iam.create_access_key, status=403, UserName="ann") == INVALID
        assert client("iam").list_users()["Users"] == []


def test_secrets_and_tokens_are_verified(accounts: Accounts) -> None:
    wrong = client("sts", aws_access_key_id="personalize-emu", aws_secret_access_key="wrong")
    assert refusal(wrong.get_caller_identity, status=403)[0] == "SignatureDoesNotMatch"
    unsigned = client("sts", config=Config(signature_version=UNSIGNED))
    assert refusal(unsigned.get_caller_identity, status=403)[0] == "MissingAuthenticationToken"
    token = accounts.sts_of(accounts.key).get_session_token()["Credentials"]
    assert accounts.sts_of(token).get_caller_identity()["Arn"] == ANN
    forged = {**token, "SessionToken": "x"}
    assert refusal(accounts.sts_of(forged).get_caller_identity, status=403) == INVALID


def test_inactive_keys_are_unknown(accounts: Accounts) -> None:
    key = {"UserName": "ann", "AccessKeyId": accounts.key["AccessKeyId"]}
    sts = accounts.sts_of(accounts.key)
    assert sts.get_caller_identity()["Arn"] == ANN
    accounts.iam.update_access_key(**key, Status="Inactive")
    assert refusal(sts.get_session_token, status=403) == INVALID


@pytest.fixture
def port() -> Iterator[Client]:
    """The application of a server with `auth`, in process."""
    with emulator_with_services(Settings(pace="instant", auth="iam")) as emulator:
        yield Client(one_port(emulator))
    reset_services()


def sent(port: Client, data: str, key: Credentials = OWN, *, service: str = "sts", more: str = "") -> Any:
    """The answer to a signed form. more: added to the Authorization header."""
    request = AWSRequest("POST", "http://localhost/", FORM, data)
    SigV4Auth(key, service, REGION).add_auth(request)
    headers = dict(request.headers.items())
    headers["Authorization"] += more
    return port.post("/", headers=headers, data=data)


IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"
CREATE = "Action=CreateUser&UserName=ann&Version=2010-05-08"
CREATE_KEY = "Action=CreateAccessKey&UserName=ann&Version=2010-05-08"


def test_a_server_verifies_requests_to_iam_and_sts(port: Client) -> None:
    assert sent(port, IDENTITY).status_code == 200
    for service, data in (("sts", IDENTITY), ("iam", CREATE)):
        refused = sent(port, data, Credentials("AKIANOBODY", "x"), service=service)
        assert refused.status_code == 403
        assert "<Code>InvalidClientTokenId</Code>" in refused.text
    request = AWSRequest("POST", "http://localhost/", FORM, IDENTITY)
    SigV4Auth(OWN, "sts", REGION).add_auth(request)
    changed = port.post("/", headers=dict(request.headers.items()), data=IDENTITY + "&X=1")
    assert (changed.status_code, "<Code>SignatureDoesNotMatch</Code>" in changed.text) == (403, True)


def test_the_key_that_signed_is_the_caller(port: Client) -> None:
    """Not another one that is named behind it."""
    sent(port, CREATE, service="iam")
    made = sent(port, CREATE_KEY, service="iam").text
    key, secret = (made.split(f"<{name}>")[1].split("<")[0] for name in ("AccessKeyId", "SecretAccessKey"))
    ann = Credentials(key, secret)
    assert f"<Arn>{ANN}</Arn>" in sent(port, IDENTITY, ann).text
    assert f"<Arn>{ANN}</Arn>" in sent(port, IDENTITY, ann, more=", X=AKIAAAAAAAAAAAAAAAAA/").text


def test_the_key_of_a_signed_address_is_the_caller(accounts: Accounts) -> None:
    """A session of the user, not of the account."""
    given = (accounts.key["AccessKeyId"], accounts.key["SecretAccessKey"])
    named = dict(zip(("aws_access_key_id", "aws_secret_access_key"), given, strict=True))
    presigning = client("sts", config=Config(signature_version="v4-query"), **named)
    assert presigning.get_caller_identity()["Arn"] == ANN
    assert accounts.sts_of(presigning.get_session_token()["Credentials"]).get_caller_identity()["Arn"] == ANN


def test_sessions_that_ended_are_forgotten(accounts: Accounts) -> None:
    store, keys = sts_backends[ACCOUNT]["aws"], iam_backends[ACCOUNT]["aws"].access_keys
    accounts.session()
    accounts.sts.get_session_token()
    over, kept = (accounts.sts.get_session_token()["Credentials"]["AccessKeyId"] for _ in range(2))
    tokens = vars(store)[TOKENS]
    past = utcnow() - FORGOTTEN_AFTER - timedelta(seconds=1)
    object.__setattr__(tokens[over], "expiration", past)
    role_session = store.assumed_roles[0]
    role_session.expiration = past
    assert {over, role_session.access_key_id} <= set(keys)
    accounts.session()
    assert over not in tokens
    assert kept in tokens
    assert role_session not in store.assumed_roles
    assert not {over, role_session.access_key_id} & set(keys)


def test_keys_of_the_mock_are_not_keys_of_a_server(port: Client) -> None:
    assert sent(port, IDENTITY, Credentials("FOOBARKEY", "FOOBARSECRET")).status_code == 403
    with mock_personalize(auth="iam"):
        assert client("sts").get_caller_identity()["Account"] == ACCOUNT
        assert client("sts", **ROOT).get_caller_identity()["Account"] == ACCOUNT
