"""The fixtures of the pytest plugin, and its import cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from urllib.request import urlopen

import boto3
import pytest

import personalize_emu as package
from personalize_emu import Emulator
from personalize_emu.edge.testing.bypass_warning import EndpointBypassesEmulator
from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns, TrainingFailed, table_of

pytest_plugins = ("pytester",)
HEAVY = ("boto3", "botocore", "flask", "httptools", "moto", "numpy", "pyarrow", "scipy", "sklearn")


@pytest.mark.parametrize(
    "statement",
    [
        "import personalize_emu",
        "import personalize_emu.edge.pytest_plugin",
        "import personalize_emu.cli",
        "from personalize_emu import mock_personalize",
        "from personalize_emu import Settings, mock_personalize; mock_personalize(seed=1)(print)",
        "from personalize_emu import __version__",
    ],
)
def test_imports_are_light(statement: str) -> None:
    script = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_fixture_in_process(personalize_emu: Emulator) -> None:
    boto3.client("personalize", "eu-west-1").create_dataset_group(name="shop")
    assert personalize_emu.health()["resources"]


def test_mocks_do_not_affect_the_server_fixture(personalize_server: str) -> None:
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


def test_trained_campaign_accepts_dicts_and_custom_columns() -> None:
    rows = [
        {"user_id": "u1", "item_id": "a", "timestamp": 1, "Price": 2, "seen": True},
        {"USER_ID": "u2", "ITEM_ID": "b", "TIMESTAMP": 2, "event_type": "buy", "PRICE": 2.5, "SEEN": False},
    ]
    table = table_of(rows)
    assert table.columns == ("USER_ID", "ITEM_ID", "TIMESTAMP", "PRICE", "SEEN", "EVENT_TYPE")
    assert table.rows == (("u1", "a", 1, 2, True, None), ("u2", "b", 2, 2.5, False, "buy"))
    types = {field["name"]: field["type"] for field in json.loads(table.schema())["fields"]}
    assert types == {
        "USER_ID": "string",
        "ITEM_ID": "string",
        "TIMESTAMP": "long",
        "PRICE": "double",
        "SEEN": "boolean",
        "EVENT_TYPE": ["string", "null"],
    }
    with pytest.raises(ValueError, match="row 1 has no item_id"):
        table_of([rows[0], {"user_id": "u", "timestamp": 1}])
    with pytest.raises(ValueError, match="all alike"):
        table_of([rows[0], ("u", "i", 3)])


def test_trained_campaigns_of_dicts_answer(
    trained_campaign: TrainedCampaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"user_id": f"camper{user}", "item_id": item, "timestamp": 1_700_000_000 + 60 * step, "price": step}
        for user in range(300)
        for step, item in enumerate(["tent", "sleeping-bag", f"lamp{user % 7}", f"rope{user % 11}"])
    ]
    runtime = boto3.client("personalize-runtime", region_name="us-east-1")
    # AWS_ENDPOINT_URL of the shell has no effect on the fixture.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    campaign = trained_campaign(rows, recipe="aws-sims")
    answer = runtime.get_recommendations(campaignArn=campaign, itemId="tent", numResults=5)
    assert answer["itemList"][0]["itemId"] == "sleeping-bag"


def test_client_that_bypasses_the_emulator_causes_a_warning(
    personalize_emu: Emulator, personalize_server_session: str
) -> None:
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
    elsewhere = boto3.client("personalize", endpoint_url=personalize_server_session, **keys)  # type: ignore[call-overload]
    with pytest.warns(EndpointBypassesEmulator, match="bypasses the emulator of this process: unset AWS_ENDPOINT_URL"):
        elsewhere.list_schemas()
    here = boto3.client("personalize", **keys)  # type: ignore[call-overload]
    assert here.list_schemas()["schemas"] == []


def test_fixture_of_a_server_is_empty_in_each_test_and_named_by_the_environment(personalize_server: str) -> None:
    assert os.environ["AWS_ENDPOINT_URL"] == personalize_server
    boto3.client("s3").create_bucket(Bucket="of-this-test")
    personalize = boto3.client("personalize")
    assert personalize.list_dataset_groups()["datasetGroups"] == []
    personalize.create_dataset_group(name="of-this-test")


def test_server_fixture_is_reset_before_each_test(personalize_server: str) -> None:
    assert boto3.client("personalize").list_dataset_groups()["datasetGroups"] == []
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    test_fixture_of_a_server_is_empty_in_each_test_and_named_by_the_environment(personalize_server)


def test_session_fixtures_share_resources(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import boto3

        def groups():
            return boto3.client("personalize", region_name="us-east-1").list_dataset_groups()["datasetGroups"]

        def test_first(personalize_emu_session, trained_campaign_session):
            boto3.client("personalize", region_name="us-east-1").create_dataset_group(name="shared")
            assert callable(trained_campaign_session)

        def test_inner(personalize_emu):
            assert groups() == []

        def test_second(personalize_emu_session):
            assert [group["name"] for group in groups()] == ["shared"]
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=3)


def test_public_names() -> None:
    names = ["Emulator", "ServerControl", "Settings", "__version__", "mock_personalize", "try_out"]
    assert package.__all__ == names
    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
