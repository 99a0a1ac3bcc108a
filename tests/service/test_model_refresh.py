"""Model refresh: new items join deployed models every two hours (R-72g, R-72h, R-110 to R-112, EV-48)."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import boto3
import numpy as np
import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.schema_files import schema_text
from personalize_emu.service.refresh.kinds import NewItems
from personalize_emu.state.clock import ManualClock
from tests.batch_requests import answers
from tests.deletions import user_list
from tests.domain_groups import RECIPE, cinema, cinema_rows, recommender, shop, shop_rows
from tests.given import INTERACTIONS_SCHEMA, ITEMS_SCHEMA, REGION, Given, arn, as_csv, two_camps
from tests.item_market import HOUR, NEWEST, SEEN, WEIGHTLESS, Market, market

LATER = NEWEST + 1000
V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"


@pytest.fixture
def ours(given: Given) -> Market:
    return market(given)


def versions(ours: Market) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ours.given.personalize.list_solution_versions()["solutionVersions"]
    return found


def test_new_items_join_and_other_scores_shrink_by_one_factor(ours: Market, clock: ManualClock) -> None:
    """R-72g, R-72h, R-111, R-112, EV-47, EV-48: new items of events and of the Items dataset, after two hours.

    Those of which nothing is known have equal scores. There is no new version, and metrics stay.
    """
    version = ours.version()
    campaign = ours.campaign(version, WEIGHTLESS)
    metrics = ours.given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    shown = versions(ours)
    tracking = ours.tracker()
    ours.put_item("fresh")
    for item in ("streamed-only", "a-rumour", "whispered"):
        ours.record_event(tracking, item, "somebody else")
    before = ours.scores(campaign)
    assert not {"fresh", "streamed-only"} & set(before)
    clock.advance(2 * HOUR - 1)
    assert ours.scores(campaign) == before
    clock.advance(1)
    after = ours.scores(campaign)
    assert set(after) - set(before) == {"fresh", "streamed-only", "a-rumour", "whispered"}
    ratios = np.array([after[item] / before[item] for item in before if before[item] > 0.01])
    assert ratios.max() - ratios.min() < 1e-4
    assert 0.5 < ratios.mean() < 1
    assert after["streamed-only"] == after["a-rumour"] == after["whispered"]
    assert list(after.values()) == sorted(after.values(), reverse=True)
    assert [item for item in after if item in before] == list(before)
    assert versions(ours) == shown
    assert ours.given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"] == metrics


def test_events_count_at_once_before_and_after_a_refresh(ours: Market, clock: ManualClock) -> None:
    """R-110, R-72b: for their user only; histories of before are not lost by an update."""
    campaign = ours.campaign(ours.version(), WEIGHTLESS)
    tracking = ours.tracker()
    for hours in (0, 2):
        ours.put_item(f"fresh{hours}")
        clock.advance(hours * HOUR)
        before, other = ours.ids(campaign, "u0", 5), ours.ids(campaign, "u1", 5)
        ours.record_event(tracking, before[0], time=LATER + hours)
        assert ours.ids(campaign, "u0", 5) != before
        assert ours.ids(campaign, "u1", 5) == other
    ours.record_event(tracking, "fresh2", time=LATER + 10)
    assert len(ours.ids(campaign)) == len(ours.ids(campaign, "u1"))


def test_no_refresh_without_new_data(
    ours: Market, emulator: Emulator, clock: ManualClock
) -> None:
    """R-72h: new items or interactions since the last update are needed."""
    version = ours.version()
    ours.campaign(version)
    served = emulator.state.trained(version)
    clock.advance(5 * HOUR)
    assert emulator.state.trained(version) is served
    ours.put_item("fresh")
    clock.advance(HOUR)
    updated = emulator.state.trained(version)
    assert updated is not served
    clock.advance(48 * HOUR)
    assert emulator.state.trained(version) is updated


def test_refreshed_model_replaces_the_old_one_in_memory(
    ours: Market, emulator: Emulator, clock: ManualClock
) -> None:
    """R-72h: large models are held once."""
    version = ours.version()
    ours.campaign(version)
    before = weakref.ref(emulator.state.versions[version].served)
    ours.put_item("fresh")
    clock.advance(2 * HOUR)
    gc.collect()
    assert before() is None


def test_only_deployed_versions_are_refreshed(ours: Market, clock: ManualClock) -> None:
    """R-72h: without a campaign, refreshes are paused."""
    version = ours.version(V2)
    ours.put_item("fresh")
    clock.advance(3 * HOUR)
    campaign = ours.campaign(version)
    filtered = ours.given.personalize.create_filter(
        name="fresh", datasetGroupArn=ours.group, filterExpression='INCLUDE ItemID WHERE Items.ITEM_ID IN ("fresh")'
    )["filterArn"]
    assert ours.list(campaign, filterArn=filtered) == []
    clock.advance(HOUR)
    (placeholder,) = ours.list(campaign, filterArn=filtered)
    assert placeholder == {"itemId": "fresh", "reason": ["Popular item"]}, "R-73: no score, and why it is there"


def test_newer_version_ends_refreshes_of_older_ones(ours: Market, emulator: Emulator, clock: ManualClock) -> None:
    """R-72h."""
    older = ours.version()
    campaign = ours.campaign(older, WEIGHTLESS)
    newer = ours.given.version(older.rpartition("/")[0])
    ours.put_item("fresh")
    clock.advance(2 * HOUR)
    assert "fresh" not in ours.ids(campaign)
    ours.given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=newer)
    clock.advance(2 * HOUR)
    assert "fresh" in ours.ids(campaign)
    assert emulator.state.versions[older].refresh is None


def test_rankings_get_new_items_by_training_only(ours: Market, clock: ManualClock) -> None:
    """R-111, R-112, R-74b, RT-87, EV-49: rankings leave new items unscored until a new version is deployed."""
    ranking = "arn:aws:personalize:::recipe/aws-personalized-ranking"
    version = ours.version(ranking)
    campaign = ours.campaign(version)
    ours.record_event(ours.tracker(), "streamed-only", "u1")

    def ranked() -> list[dict[str, Any]]:
        ask = ours.runtime.get_personalized_ranking
        answer: list[dict[str, Any]] = ask(campaignArn=campaign, userId="u1", inputList=["streamed-only", "i001"])[
            "personalizedRanking"
        ]
        return answer

    clock.advance(5 * HOUR)
    assert [item["itemId"] for item in ranked()] == ["i001", "streamed-only"]
    assert "score" not in ranked()[1]
    newer = ours.given.version(version.rpartition("/")[0])
    assert "score" not in ranked()[1]
    ours.given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=newer)
    assert all("score" in item for item in ranked())


def test_batch_job_refreshes_the_latest_version_first(ours: Market) -> None:
    """R-72h, B-55: of the latest version trained with FULL, whether or not it is deployed, and of no other."""
    older = ours.version()
    newer = ours.given.version(older.rpartition("/")[0])
    ours.put_item("fresh")
    config = {"batchInferenceJobConfig": {"itemExplorationConfig": WEIGHTLESS}}
    lines = {
        version: answers(ours.given, version, [{"userId": "u0"}], version[-8:], numResults=500, **config)
        for version in (older, newer)
    }
    listed = {version: line["output"]["recommendedItems"] for version, (line,) in lines.items()}
    assert "fresh" not in listed[older]
    assert "fresh" in listed[newer]
    assert [item for item in listed[newer] if item != "fresh"] == listed[older]


def test_refreshes_end_when_a_dataset_is_deleted(given: Given, emulator: Emulator, clock: ManualClock) -> None:
    """R-72h, R-DS-19: another dataset of the same name is another one."""
    ours = market(given)
    version = ours.version()
    given.personalize.delete_dataset(datasetArn=ours.items)
    assert given.dataset(ours.group, arn("schema", "items-schema"), "Items", "items") == ours.items
    ours.put_item("fresh")
    campaign = ours.campaign(version, WEIGHTLESS)
    clock.advance(4 * HOUR)
    assert "fresh" not in ours.ids(campaign)
    assert emulator.state.versions[version].refresh is None


def test_items_dataset_created_after_training_is_read(given: Given, clock: ManualClock) -> None:
    """R-112."""
    group = given.imported_group()
    version = given.version(given.solution(group, performAutoTraining=False))
    ours = Market(given, group, "")
    campaign = ours.campaign(version, WEIGHTLESS)
    later = given.dataset(group, given.schema(ITEMS_SCHEMA, "items-schema"), "Items", "items")
    events = boto3.client("personalize-events", region_name=REGION)
    events.put_items(datasetArn=later, items=[{"itemId": "fresh", "properties": json.dumps({"genre": "x"})}])
    clock.advance(2 * HOUR)
    assert set(ours.ids(campaign)) - set(SEEN) == {"fresh"}


def test_recommenders_are_refreshed_while_active(given: Given, clock: ManualClock) -> None:
    """R-94, R-103, R-REC-11: stopped recommenders keep their model."""
    group = shop(given)
    config = {"itemExplorationConfig": WEIGHTLESS}
    made = recommender(given, group, "ecomm-recommended-for-you", recommenderConfig=config)
    runtime, events = (boto3.client(f"personalize-{part}", region_name=REGION) for part in ("runtime", "events"))
    tracking = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]

    def put_event(item: str) -> None:
        event = {"eventType": "View", "itemId": item, "sentAt": LATER}
        events.put_events(trackingId=tracking, userId="else", sessionId="s", eventList=[event])

    def listed() -> set[str]:
        answer = runtime.get_recommendations(recommenderArn=made, userId="u0", numResults=500)
        return {item["itemId"] for item in answer["itemList"]}

    put_event("fresh")
    assert "fresh" not in listed()
    clock.advance(2 * HOUR)
    assert "fresh" in listed()
    given.personalize.stop_recommender(recommenderArn=made)
    put_event("fresher")
    clock.advance(2 * HOUR)
    given.personalize.start_recommender(recommenderArn=made)
    assert "fresher" not in listed()
    clock.advance(2 * HOUR)
    assert {"fresh", "fresher"} <= listed()


def test_refreshes_of_recommenders_leave_out_columns_added_later(given: Given, emulator: Emulator) -> None:
    """D-97, R-72h: as their trainings do."""
    rows = cinema_rows()
    made = recommender(given, cinema(given, rows), "vod-top-picks")
    wide = json.loads(schema_text("video-on-demand/items"))
    wide["fields"].append({"name": "PRICE", "type": ["null", "float"]})
    schema = given.schema(json.dumps(wide), "wide", domain="VIDEO_ON_DEMAND")
    given.personalize.update_dataset(datasetArn=arn("dataset", "video-on-demand/ITEMS"), schemaArn=schema)
    last = emulator.state.recommenders[made].refresh
    assert last is not None
    assert isinstance(last.refresh, NewItems)
    items = last.refresh.model.current_input().datasets["ITEMS"]
    assert "PRICE" in items.schema.names
    assert items.columns == {"ITEM_ID", "GENRES", "CREATION_TIMESTAMP"}


@pytest.mark.parametrize("implied", [False, True])
def test_items_shown_without_interaction_are_explored_less(given: Given, clock: ManualClock, implied: bool) -> None:
    """R-22, R-72e, EV-44, EV-45: impressions, stated or implied by a recommendationId, count at the next update."""
    ours = market_with_impressions(given)
    campaign = ours.campaign(ours.version(), {"explorationWeight": "1"})
    tracking = ours.tracker()

    def explored() -> float:
        lists = [ours.ids(campaign, f"u{number}", 10) for number in range(60)]
        return float(np.mean([len(set(ids) - set(SEEN)) for ids in lists]))

    before = explored()
    for number in range(20):
        shown: dict[str, Any] = {"impression": [f"new{place}" for place in range(8)]}
        if implied:
            answer = ours.runtime.get_recommendations(campaignArn=campaign, userId="u0", numResults=500)
            shown = {"recommendationId": answer["recommendationId"]}
        ours.record_event(tracking, "i000", "watcher", time=LATER + number, **shown)
    clock.advance(2 * HOUR)
    assert before > 1.5
    assert explored() < 0.3 * before


def market_with_impressions(given: Given) -> Market:
    schema = json.loads(INTERACTIONS_SCHEMA)
    schema["fields"].append({"name": "IMPRESSION", "type": ["null", "string"]})
    rows = as_csv(two_camps()).splitlines()
    return market(given, json.dumps(schema), "\n".join([f"{rows[0]},IMPRESSION", *(f"{row}," for row in rows[1:])]))


def test_model_stays_when_all_users_are_deleted(given: Given, emulator: Emulator, clock: ManualClock) -> None:
    """R-110: with nothing to train on, a refresh changes nothing, and refreshes go on."""
    personalize, events = given.personalize, boto3.client("personalize-events", region_name=REGION)
    group = given.group(domain="ECOMMERCE")
    schema = given.schema(schema_text("ecommerce/interactions"), domain="ECOMMERCE")
    given.dataset(group, schema)
    tracking = personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    events_by_user: dict[str, list[dict[str, Any]]] = {}
    for user, item, timestamp, event_type in shop_rows():
        events_by_user.setdefault(user, []).append({"eventType": event_type, "itemId": item, "sentAt": timestamp})
    for user, events_of_user in events_by_user.items():
        for start in range(0, len(events_of_user), 10):
            events.put_events(
                trackingId=tracking, sessionId=user, userId=user, eventList=events_of_user[start : start + 10]
            )
    made = personalize.create_recommender(
        name="r", datasetGroupArn=group, recipeArn=f"{RECIPE}ecomm-recommended-for-you"
    )["recommenderArn"]
    served = emulator.state.trained(made).model
    given.deletion_job(group, user_list(given, *events_by_user))
    clock.advance(4 * HOUR)
    assert emulator.state.trained(made).model is served
    assert emulator.state.recommenders[made].refresh is not None
