"""The legacy HRNN recipes, with the option legacy_recipes (R-13 to R-15, R-32, R-65, R-66)."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.settings import Settings
from tests.given import REGION, Given, Row
from tests.refusals import refusal

HRNN = "arn:aws:personalize:::recipe/aws-hrnn"


@pytest.fixture
def old_account() -> Iterator[Given]:
    with MockPersonalize(Settings(pace="instant", legacy_recipes=True), None):
        yield Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))


def walks() -> list[Row]:
    """User n starts at item n and walks on around a ring of thirty, eight visits each."""
    return [(f"u{user:02}", f"i{(user + step) % 30:02}", 1_000 + 60 * step) for user in range(150) for step in range(8)]


def test_r32_a_withdrawn_recipe_is_refused(given: Given) -> None:
    assert refusal(given.solution, recipe=HRNN)[0] == "InvalidInputException"


def test_r13_hrnn_campaign_predicts_the_next_item(old_account: Given) -> None:
    campaign = old_account.deployed(HRNN, walks())
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u00", numResults=30)
    assert answer["itemList"][0]["itemId"] == "i08"
    assert sum(item["score"] for item in answer["itemList"]) == pytest.approx(1, abs=1e-5)
    names = [recipe["name"] for recipe in old_account.personalize.list_recipes(maxResults=100)["recipes"]]
    assert "aws-hrnn" not in names


def test_r14_hrnn_metadata_trains_and_answers(old_account: Given) -> None:
    campaign = old_account.deployed(HRNN + "-metadata", walks())
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u00", numResults=30)
    assert answer["itemList"][0]["itemId"] == "i08"


def test_r15_r66_hrnn_coldstart_refuses_data_without_enough_cold_items(old_account: Given) -> None:
    group = old_account.imported_group(walks())
    version = old_account.version(old_account.solution(group, HRNN + "-coldstart"))
    shown = old_account.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown["status"] == "CREATE FAILED"
    assert shown["failureReason"] == "Dataset has 0 cold start items, fewer than 100."
