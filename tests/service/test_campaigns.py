"""Campaigns through boto3 (spec 02 R-CMP)."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, REGION, SIMS, USER_PERSONALIZATION, Given, arn, as_csv, two_camps
from tests.refusals import refusal


def campaign_of(given: Given, campaign: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_campaign(campaignArn=campaign)
    return answer["campaign"]


@pytest.fixture
def version(given: Given) -> str:
    return given.version(given.solution(recipe=POPULARITY))


def test_campaign_has_the_recorded_members(given: Given, version: str) -> None:
    """R-CMP-1, R-CMP-3, R-CMP-5, R-CMP-10, R-CMP-23."""
    given.personalize.create_campaign(name="c", solutionVersionArn=version)
    shown = campaign_of(given, arn("campaign", "c"))
    assert set(shown) == {
        "name",
        "campaignArn",
        "solutionVersionArn",
        "minProvisionedTPS",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
    }
    assert (shown["minProvisionedTPS"], shown["status"]) == (1, "ACTIVE")
    (summary,) = given.personalize.list_campaigns()["campaigns"]
    assert "solutionVersionArn" not in summary


def test_minimum_throughput_is_described_as_given(given: Given, version: str) -> None:
    """R-CMP-1, R-CMP-23."""
    made = given.personalize.create_campaign(name="c", solutionVersionArn=version, minProvisionedTPS=7)
    assert campaign_of(given, made["campaignArn"])["minProvisionedTPS"] == 7


def test_configuration_is_described_as_given(given: Given) -> None:
    """R-CMP-2, R-CMP-18, R-CMP-23."""
    config = {"itemExplorationConfig": {"explorationWeight": "0.1"}}
    campaign = given.campaign(given.version(given.solution(recipe=USER_PERSONALIZATION)), campaignConfig=config)
    assert campaign_of(given, campaign)["campaignConfig"] == config


def test_configuration_of_other_recipes_is_ignored(given: Given, version: str) -> None:
    """R-CMP-19, RT-50, RT-70, R-CMP-23: it is shown again and has no effect."""
    config = {
        "itemExplorationConfig": {"explorationWeight": "1"},
        "rankingInfluence": {"POPULARITY": 1.0, "FRESHNESS": 1.0},
    }
    configured, plain = given.campaign(version, "configured", campaignConfig=config), given.campaign(version, "plain")
    assert given.personalize.describe_campaign(campaignArn=configured)["campaign"]["campaignConfig"] == config
    recommend = boto3.client("personalize-runtime", region_name=REGION).get_recommendations
    lists = [recommend(campaignArn=each, userId="u1", itemId="i000")["itemList"] for each in (configured, plain)]
    assert lists[0] == lists[1] != []


def test_campaigns_are_listed_by_solution(given: Given, version: str) -> None:
    """P-74."""
    campaign = given.campaign(version)
    other = given.version(given.solution(arn("dataset-group", "group"), POPULARITY, name="other"))
    given.campaign(other, name="another")
    solution = version.rpartition("/")[0]
    listed = given.personalize.list_campaigns(solutionArn=solution)["campaigns"]
    assert [entry["campaignArn"] for entry in listed] == [campaign]
    assert given.personalize.list_campaigns(solutionArn=arn("solution", "none"))["campaigns"] == []


def test_solution_arn_as_version_arn_is_not_found(given: Given, version: str) -> None:
    """R-CMP-7, E-22."""
    code, _ = refusal(given.campaign, version=version.rpartition("/")[0])
    assert code == "ResourceNotFoundException"


def test_latest_deploys_the_newest_active_version(given: Given) -> None:
    """R-CMP-8, R-CMP-9."""
    solution = given.solution(recipe=POPULARITY)
    assert refusal(given.campaign, version=f"{solution}/$LATEST")[0] == "InvalidInputException"
    given.version(solution)
    newest = given.version(solution)
    campaign = given.campaign(f"{solution}/$LATEST")
    assert campaign_of(given, campaign)["solutionVersionArn"] == newest
    given.version(solution)
    assert campaign_of(given, campaign)["solutionVersionArn"] == newest


def test_synced_campaign_follows_to_newer_versions(given: Given) -> None:
    """R-CMP-8, T-54, RT-102."""
    solution = given.solution(recipe=POPULARITY)
    first = given.version(solution)
    sync = {"syncWithLatestSolutionVersion": True}
    assert refusal(given.campaign, version=first, campaignConfig=sync)[0] == "InvalidInputException"
    campaign = given.campaign(f"{solution}/$LATEST", campaignConfig=sync)
    second = given.version(solution)
    shown = campaign_of(given, campaign)
    assert shown["solutionVersionArn"] == second
    assert shown["latestCampaignUpdate"]["status"] == "ACTIVE"


def test_failed_versions_cannot_be_deployed(given: Given) -> None:
    """R-CMP-6."""
    version = given.version(given.solution(given.imported_group(two_camps(users=24, events=50))))
    code, _ = refusal(given.campaign, version=version)
    assert code == "InvalidInputException"


def test_running_update_is_shown_and_the_old_version_serves(slow: Given, clock: ManualClock) -> None:
    """R-CMP-10 to R-CMP-13, R-CMP-16, E-25."""
    solution, first = trained_slowly(slow, clock)
    campaign = slow.campaign(first)
    assert refusal(slow.personalize.update_campaign, campaignArn=campaign, minProvisionedTPS=2)[0] == (
        "ResourceInUseException"
    )
    clock.advance(3600)
    second = slow.version(solution)
    clock.advance(3600)
    slow.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=second, minProvisionedTPS=3)
    for status in ("CREATE PENDING", "CREATE IN_PROGRESS"):
        shown = campaign_of(slow, campaign)
        assert (shown["status"], shown["solutionVersionArn"]) == ("ACTIVE", first)
        update = shown["latestCampaignUpdate"]
        assert (update["status"], update["solutionVersionArn"]) == (status, second)
        for call, extra in (
            (slow.personalize.update_campaign, {"minProvisionedTPS": 2}),
            (slow.personalize.delete_campaign, {}),
        ):
            assert refusal(call, campaignArn=campaign, **extra)[0] == "ResourceInUseException"
        clock.advance(40)
    clock.advance(3600)
    shown = campaign_of(slow, campaign)
    assert (shown["solutionVersionArn"], shown["minProvisionedTPS"]) == (second, 3)
    assert shown["latestCampaignUpdate"]["status"] == "ACTIVE"
    assert "campaignConfig" not in shown["latestCampaignUpdate"]


def test_sync_keeps_values_of_a_running_update(slow: Given, clock: ManualClock) -> None:
    """R-CMP-8, R-CMP-12: a version that becomes ACTIVE during an update is deployed with its values."""
    solution, _ = trained_slowly(slow, clock)
    campaign = slow.campaign(f"{solution}/$LATEST", campaignConfig={"syncWithLatestSolutionVersion": True})
    clock.advance(3600)
    newer = slow.version(solution)
    clock.advance(2300)
    slow.personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=3)
    clock.advance(160)
    assert campaign_of(slow, campaign)["latestCampaignUpdate"]["solutionVersionArn"] == newer
    clock.advance(600)
    shown = campaign_of(slow, campaign)
    assert (shown["solutionVersionArn"], shown["minProvisionedTPS"]) == (newer, 3)
    assert shown["campaignConfig"] == {"syncWithLatestSolutionVersion": True}


def trained_slowly(slow: Given, clock: ManualClock) -> tuple[str, str]:
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    clock.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    clock.advance(1000)
    solution = slow.solution(group, POPULARITY)
    version = slow.version(solution)
    assert refusal(slow.campaign, version=version)[0] == "ResourceInUseException"
    clock.advance(3600)
    return solution, version


def test_update_changes_only_given_members(given: Given, version: str) -> None:
    """R-CMP-22."""
    campaign = given.campaign(version)
    given.personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=7)
    shown = campaign_of(given, campaign)
    assert (shown["minProvisionedTPS"], shown["solutionVersionArn"]) == (7, version)
    code, _ = refusal(given.personalize.update_campaign, campaignArn=campaign)
    assert code == "InvalidInputException"


def test_update_to_a_version_of_another_group(given: Given, version: str) -> None:
    """R-CMP-15: datasets follow what is deployed."""
    campaign = given.campaign(version)
    sibling = given.version(given.solution(arn("dataset-group", "group"), SIMS, name="sibling"))
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=sibling)
    stranger = given.version(given.solution(given.imported_group(name="else"), POPULARITY, name="stranger"))
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=stranger)
    assert given.personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"] == stranger
    delete = given.personalize.delete_dataset
    assert refusal(delete, datasetArn=arn("dataset", "else/INTERACTIONS"))[0] == "ResourceInUseException"
    delete(datasetArn=arn("dataset", "group/INTERACTIONS"))
