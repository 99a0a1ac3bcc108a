"""The embedded services are imported when they are first needed; in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

SETTING_UP = """
import sys
from werkzeug.test import Client
from personalize_emu.edge.embedded_services import load_managed_policies
from personalize_emu.edge.one_port import emulator_with_services, one_port
from personalize_emu.settings import Settings

def signed(service):
    return f"AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/{service}/aws4_request, Signature=0"

def personalize(operation, body="{}"):
    headers = {"authorization": signed("personalize"), "x-amz-target": f"AmazonPersonalize.{operation}"}
    answer = client.post("/", data=body, headers=headers)
    assert answer.status_code == 200, answer.text

def s3(method, path):
    answer = client.open(path, method=method, headers={"authorization": signed("s3")})
    assert answer.status_code == 200, answer.text
    return answer.text

def imported(*names):
    return [name for name in names if name in sys.modules]

load_managed_policies()
client = Client(one_port(emulator_with_services(Settings(pace="instant"))))
"""
NOTHING_BUT_PERSONALIZE = """
personalize("ListSchemas")
personalize("CreateDatasetGroup", '{"name": "group"}')
assert client.post("/_emu/reset").status_code == 200
assert client.get("/_emu/health").status_code == 200
personalize("ListDatasetGroups")
assert imported("boto3", "moto", "responses", "scipy", "sklearn") == []
"""
S3_LATER = """
s3("PUT", "/bucket")
assert "bucket" in s3("GET", "/")
assert client.post("/_emu/reset").status_code == 200
assert "bucket" not in s3("GET", "/")
personalize("ListSchemas")
from personalize_emu.edge.moto_adapter.managed_policies import parsed_policies
assert parsed_policies.cache_info().misses == 0
policy = "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAmazonS3FullAccess"
form = f"Action=GetPolicy&Version=2010-05-08&PolicyArn={policy}"
content_type = "application/x-www-form-urlencoded"
answer = client.post("/", data=form, content_type=content_type, headers={"authorization": signed("iam")})
assert answer.status_code == 200, answer.text
assert parsed_policies.cache_info().misses == 1
"""


def run(*scripts: str) -> None:
    done = subprocess.run([sys.executable, "-c", "".join(scripts)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_personalize_is_served_without_importing_the_other_services() -> None:
    run(SETTING_UP, NOTHING_BUT_PERSONALIZE)


def test_services_are_imported_by_their_first_request_and_policies_by_the_first_of_iam() -> None:
    """S-6."""
    run(SETTING_UP, NOTHING_BUT_PERSONALIZE, S3_LATER)
