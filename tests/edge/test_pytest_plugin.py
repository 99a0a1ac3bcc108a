"""The fixtures of the plugin, and that it costs nothing before one is used."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.request import urlopen

import boto3
import pytest

import personalize_emu as package
from personalize_emu import Emulator
from personalize_emu.edge.trained_campaign import TrainedCampaigns, TrainingFailed

HEAVY = ("boto3", "botocore", "flask", "granian", "moto", "numpy", "pyarrow", "scipy", "sklearn")


@pytest.mark.parametrize("module", ["personalize_emu", "personalize_emu.edge.pytest_plugin", "personalize_emu.cli"])
def test_importing_it_imports_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_fixture_in_process(personalize_emu: Emulator) -> None:
    boto3.client("personalize", "eu-west-1").create_dataset_group(name="shop")
    assert personalize_emu.health()["resources"]


def test_fixture_of_a_server_that_mocks_do_not_disturb(personalize_server: str) -> None:
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
    s3 = boto3.client("s3", endpoint_url=personalize_server, **keys)  # type: ignore[call-overload]
    place = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="outlives-mocks", CreateBucketConfiguration=place)
    with package.mock_personalize():
        assert "outlives-mocks" in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert "outlives-mocks" in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    with urlopen(f"{personalize_server}/_emu/health") as answer:
        assert json.load(answer)["pace"] == "instant"


def test_fixture_of_trained_campaigns(trained_campaign: TrainedCampaigns) -> None:
    rows = [
        (f"camper{user}", item, 1_700_000_000 + 60 * step)
        for user in range(300)
        for step, item in enumerate(["tent", "sleeping-bag", f"lamp{user % 7}", f"rope{user % 11}"])
    ]
    runtime = boto3.client("personalize-runtime", region_name="us-east-1")
    campaign = trained_campaign(rows, recipe="aws-sims")
    answer = runtime.get_recommendations(campaignArn=campaign, itemId="tent", numResults=5)
    assert answer["itemList"][0]["itemId"] == "sleeping-bag"
    with pytest.raises(TrainingFailed):
        trained_campaign(rows[:5])
    with pytest.raises(ValueError, match="all alike"):
        trained_campaign([("user", "item")])


def test_public_names() -> None:
    assert package.__all__ == ["Emulator", "Settings", "__version__", "mock_personalize"]
    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
