"""Training mode UPDATE through boto3 (T-70 to T-73, R-115, R-SV-8)."""

from __future__ import annotations

import boto3
import numpy as np

from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.given import REGION, Given
from tests.item_market import HOUR, NEWEST, WEIGHTLESS, market
from tests.refusals import refusal

COLDSTART = "arn:aws:personalize:::recipe/aws-hrnn-coldstart"
V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"


def test_update_adds_new_items_to_the_full_version(given: Given, emulator: Emulator, clock: ManualClock) -> None:
    """T-70, T-72, T-73, R-72h, R-115: evaluated like a full one, and the end of automatic updates."""
    ours = market(given)
    full = ours.version()
    solution = full.rpartition("/")[0]
    campaign = ours.campaign(full, WEIGHTLESS)
    tracking = ours.tracker()
    ours.put_item("fresh")
    ours.record_event(tracking, "heard-of", "somebody else")
    before = ours.scores(campaign)
    update = given.version(solution, trainingMode="UPDATE")
    shown = given.personalize.describe_solution_version(solutionVersionArn=update)["solutionVersion"]
    assert (shown["status"], shown["trainingMode"], shown["trainingType"]) == ("ACTIVE", "UPDATE", "MANUAL")
    metrics = given.personalize.get_solution_metrics(solutionVersionArn=update)["metrics"]
    assert set(metrics) == set(given.personalize.get_solution_metrics(solutionVersionArn=full)["metrics"])
    assert ours.scores(campaign) == before
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=update)
    after = ours.scores(campaign)
    assert set(after) - set(before) == {"fresh", "heard-of"}
    ratios = np.array([after[item] / before[item] for item in before if before[item] > 0.01])
    assert ratios.max() - ratios.min() < 1e-4
    assert ratios.mean() < 1
    ours.put_item("fresher")
    clock.advance(4 * HOUR)
    assert ours.scores(campaign) == after
    assert [entry.refresh for _, entry in emulator.state.versions.items()] == [None, None]
    again = given.version(solution, trainingMode="UPDATE")
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=again)
    assert "fresher" in ours.scores(campaign)


def test_events_since_the_full_training_count(given: Given) -> None:
    """T-72, R-110: users are known as well as before."""
    ours = market(given)
    full = ours.version()
    campaign = ours.campaign(full, WEIGHTLESS)
    tracking = ours.tracker()
    for place, item in enumerate(("i003", "i005")):
        ours.record_event(tracking, item, "nobody", NEWEST + place)
    asked = ours.ids(campaign, "nobody")
    update = given.version(full.rpartition("/")[0], trainingMode="UPDATE")
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=update)
    assert ours.ids(campaign, "nobody") == asked


def test_update_is_refused_for_other_recipes(given: Given) -> None:
    """T-70, T-71: also with an ACTIVE version trained with FULL; and never a second version of anything else."""
    group = given.imported_group()
    solution = given.solution(group, V2, performAutoTraining=False)
    given.version(solution)
    assert refusal(given.version, solution=solution, trainingMode="UPDATE")[0] == "InvalidInputException"


def test_update_of_hrnn_coldstart() -> None:
    """T-70, R-15: HRNN-Coldstart, where withdrawn recipes are allowed, shows cold items and takes new ones in."""
    with MockPersonalize(Settings(pace="instant", legacy_recipes=True), None):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        runtime, events = (boto3.client(f"personalize-{part}", region_name=REGION) for part in ("runtime", "events"))
        warm = [(f"u{n:02}", f"i{(n + step) % 30:02}", 500_000 + 60 * step) for n in range(150) for step in range(8)]
        cold = [(f"u{n % 150:02}", f"c{n % 110:03}", 1_000_000 + 60 * n) for n in range(330)]
        group = given.imported_group([*warm, *cold])
        full = given.version(given.solution(group, COLDSTART, performAutoTraining=False))
        tracking = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        event = {"eventType": "x", "itemId": "fresh", "sentAt": 1_100_000}
        events.put_events(trackingId=tracking, userId="else", sessionId="s", eventList=[event])
        campaign = given.campaign(given.version(full.rpartition("/")[0], trainingMode="UPDATE"))
        answer = runtime.get_recommendations(campaignArn=campaign, userId="u00", numResults=500)["itemList"]
        assert {"fresh", "c000", "i00"} < {item["itemId"] for item in answer}
        firsts = [runtime.get_recommendations(campaignArn=campaign, userId=f"u{n:02}")["itemList"] for n in range(10)]
        assert any(item["itemId"].startswith(("c", "fresh")) for items in firsts for item in items)
