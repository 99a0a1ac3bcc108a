"""Routes below /_emu with the option `auth`: callers see their own account, and change nothing of others (P-20)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from personalize_emu.edge.application import create_app
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from tests.given import POPULARITY, REGION, Given, as_csv, two_camps

ROOT = Credentials("personalize-emu", "personalize-emu")
OTHER = "999999999999"
MARKER = "secret-films"


@dataclass(frozen=True)
class Server:
    """url: of a server with resources of its own account. other: credentials of another. arguments: of all routes."""

    url: str
    other: Credentials
    arguments: Mapping[str, str]

    def get(self, credentials: Credentials | None, path: str, method: str = "GET") -> tuple[int, str]:
        url = f"{self.url}{path}?{urlencode(self.arguments)}"
        headers: dict[str, str] = {}
        if credentials is not None:
            signed = AWSRequest(method, url, headers={})
            SigV4Auth(credentials, "personalize", REGION).add_auth(signed)
            headers = dict(signed.headers)
        try:
            with urlopen(Request(url, headers=headers, method=method)) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with LiveServer(emulator_with_services(Settings(pace="instant", auth="sigv4", capacity="on"))) as started:
        session = boto3.session.Session("personalize-emu", "personalize-emu", region_name=REGION)
        clients = {name: session.client(name, endpoint_url=started.url) for name in ("personalize", "s3", "sts")}
        given = Given(clients["personalize"], clients["s3"])
        group = given.group(MARKER)
        dataset = given.dataset(group, name=MARKER)
        rows = [(f"{MARKER}-{user}", f"{MARKER}-{item}", time) for user, item, time in two_camps()]
        given.import_job(dataset, given.upload(as_csv(rows)), MARKER)
        campaign = given.campaign(given.version(given.solution(group, POPULARITY, MARKER)), MARKER)
        assumed = clients["sts"].assume_role(RoleArn=f"arn:aws:iam::{OTHER}:role/r", RoleSessionName="other")
        keys = assumed["Credentials"]
        other = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        # As far as a route reads any: the console has the same names for other pages.
        arguments = {"campaignArn": campaign, "userId": f"{MARKER}-u1", "itemId": f"{MARKER}-i001", "group": group}
        yield Server(started.url, other, arguments | {"user": f"{MARKER}-u1", "item": f"{MARKER}-i001"})
        started.emulator.close()
    reset_services()


def reading_routes() -> list[str]:
    rules = create_app(emulator_with_services(Settings())).url_map.iter_rules()
    paths = {rule.rule for rule in rules if "GET" in (rule.methods or set()) and "<" not in rule.rule}
    return sorted(path for path in paths if path.startswith("/_emu/"))




@pytest.mark.parametrize("path", reading_routes())
def test_another_account_sees_nothing(server: Server, path: str) -> None:
    shown = [server_with(server, arn).get(server.other, path) for arn in arns(server)]
    for status, text in shown:
        assert status in (200, 204, 400, 403, 404), text
        # Unknown ARNs may be repeated in the text of a refusal.
        assert status in (400, 403, 404) or (MARKER not in text and "123456789012" not in text)


@pytest.mark.parametrize("path", ["state", "usage", "calls", "logs", "explanations", "console/", "console/dataset"])
def test_the_owner_sees_its_resources(server: Server, path: str) -> None:
    """So that the test above says something."""
    shown = [server_with(server, arn).get(ROOT, f"/_emu/{path}") for arn in arns(server)]
    assert any(status == 200 and MARKER in text for status, text in shown)


@pytest.mark.parametrize("path", ["health", "metrics"])
def test_open_routes_name_nothing(server: Server, path: str) -> None:
    status, text = server.get(None, f"/_emu/{path}")
    assert (status, MARKER in text) == (200, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "reset"), ("POST", "export"), ("POST", "clock"), ("POST", "console/clock"), ("POST", "answers"),
     ("GET", "answers"), ("DELETE", "answers"), ("POST", "faults"), ("GET", "faults"),
     ("DELETE", "job-faults"), ("DELETE", "calls")],
)  # fmt: skip
def test_another_account_does_nothing_for_all(server: Server, method: str, path: str) -> None:
    status, text = server.get(server.other, f"/_emu/{path}", method)
    assert (status, f"not of {OTHER}" in text) == (403, True)


def arns(server: Server) -> list[str]:
    """Of resources that routes may show."""
    head = server.arguments["campaignArn"].removesuffix(f"campaign/{MARKER}")
    kinds = ("campaign", "solution", "dataset-import-job", "dataset-group")
    return [f"{head}dataset/{MARKER}/INTERACTIONS", *(f"{head}{kind}/{MARKER}" for kind in kinds)]


def server_with(server: Server, arn: str) -> Any:
    return Server(server.url, server.other, {**server.arguments, "arn": arn})
