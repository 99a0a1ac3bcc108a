"""Recommenders through boto3 (spec 02 R-REC, spec 06 section 4)."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.domain_groups import RECIPE, cinema, cinema_rows, events_csv, recommender, shop, shop_rows, typed
from tests.given import REGION, SIMS, Given, arn, avro, field, two_camps
from tests.refusals import refusal

VIEWS = "ecomm-popular-items-by-views"
FOR_YOU = "ecomm-recommended-for-you"
METRICS = [
    "coverage",
    "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_10",
    "normalized_discounted_cumulative_gain_at_25",
    "normalized_discounted_cumulative_gain_at_5",
    "precision_at_10",
    "precision_at_25",
    "precision_at_5",
]
AT_LEAST = {"minRecommendationRequestsPerSecond": 1}
"""What Describe shows where a request named no throughput (R-REC-7)."""


def recommender_of(given: Given, name: str = "recommender") -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_recommender(recommenderArn=arn("recommender", name))
    return answer["recommender"]


def test_recommender_has_the_documented_members(given: Given) -> None:
    """R-REC-1, R-REC-3, R-REC-4, R-REC-7, R-GEN-1, M-40: metrics as GetSolutionMetrics has them."""
    group = shop(given)
    made = recommender(given, group, VIEWS)
    assert made == arn("recommender", "recommender")
    shown = recommender_of(given)
    assert set(shown) == {
        "recommenderArn",
        "datasetGroupArn",
        "name",
        "recipeArn",
        "recommenderConfig",
        "creationDateTime",
        "lastUpdatedDateTime",
        "status",
        "modelMetrics",
    }
    assert (shown["status"], shown["recommenderConfig"], shown["recipeArn"]) == ("ACTIVE", AT_LEAST, RECIPE + VIEWS)
    assert list(shown["modelMetrics"]) == METRICS
    assert all(0 <= value <= 1 and round(value, 4) == value for value in shown["modelMetrics"].values())
    (summary,) = given.personalize.list_recommenders()["recommenders"]
    assert set(summary) == set(shown) - {"modelMetrics"}


def test_configuration_is_described_as_given(given: Given) -> None:
    """R-REC-2, R-101."""
    config = {
        "itemExplorationConfig": {"explorationWeight": "0.2", "explorationItemAgeCutOff": "1"},
        "minRecommendationRequestsPerSecond": 2,
        "trainingDataConfig": {"excludedDatasetColumns": {"Interactions": ["EVENT_TYPE"]}},
    }
    recommender(given, shop(given), FOR_YOU, recommenderConfig=config)
    assert recommender_of(given)["recommenderConfig"] == config


def test_recommenders_are_listed_by_group_newest_first(given: Given) -> None:
    """P-73, P-74."""
    group = shop(given)
    names = [recommender(given, group, VIEWS, name=f"r{number}") for number in range(3)]
    listed = given.personalize.list_recommenders(datasetGroupArn=group)["recommenders"]
    assert [entry["recommenderArn"] for entry in listed] == names[::-1]
    other = given.personalize.list_recommenders(datasetGroupArn=arn("dataset-group", "none"))
    assert other["recommenders"] == []


@pytest.mark.parametrize(
    ("use_case", "config"),
    [
        (FOR_YOU, {"itemExplorationConfig": {"explorationItemAgeCutOff": "0.5"}}),
        (FOR_YOU, {"itemExplorationConfig": {"explorationWeight": "2"}}),
        (VIEWS, {"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["PRICE"]}}}),
        (VIEWS, {"trainingDataConfig": {"excludedDatasetColumns": {"INTERACTIONS": ["NOTHING"]}}}),
        (VIEWS, {"enableMetadataWithRecommendations": True}),
        ("sims", {}),
        ("vod-most-popular", {}),
    ],
)
def test_invalid_configurations_are_refused(given: Given, use_case: str, config: dict[str, Any]) -> None:
    """R-REC-13, R-101, R-107, T-28, R-CMP-20."""
    code, _ = refusal(recommender, given=given, group=shop(given), use_case=use_case, recommenderConfig=config)
    assert code == "InvalidInputException"
    assert given.personalize.list_recommenders()["recommenders"] == []


def test_custom_groups_and_use_cases_are_kept_apart(given: Given) -> None:
    """R-REC-13, R-DSG-10, R-107."""
    assert refusal(recommender, given=given, group=given.imported_group(), use_case=VIEWS) == (
        "InvalidInputException",
        "Please use a domains-specific Dataset Group to create the Recommender",
    )
    group = shop(given)
    assert refusal(given.solution, group=group, recipe=RECIPE + VIEWS)[0] == "InvalidInputException"
    assert given.version(given.solution(group, SIMS))


def test_use_cases_require_their_datasets(given: Given) -> None:
    """R-96, R-99, R-REC-16, E-12."""
    films = cinema(given, films=False)
    for use_case in ("vod-more-like-x", "vod-top-picks"):
        assert refusal(recommender, given=given, group=films, use_case=use_case)[0] == "InvalidInputException"
    empty = given.group("empty", domain="ECOMMERCE")
    code, text = refusal(recommender, given=given, group=empty, use_case=VIEWS)
    assert (code, text[:46]) == ("InvalidInputException", "Dataset group must contain an INTERACTIONS dat")


def test_unknown_groups_and_recipes_and_taken_names(given: Given) -> None:
    """R-GEN-4, R-GEN-6, R-GEN-20, R-REC-15, Q-11, E-2."""
    group = shop(given)
    missing = refusal(recommender, given=given, group=arn("dataset-group", "none"), use_case=VIEWS)
    assert missing[0] == "ResourceNotFoundException"
    assert refusal(recommender, given=given, group=group, use_case="ecomm-none")[0] == "ResourceNotFoundException"
    for number in range(5):
        recommender(given, group, VIEWS, name=f"r{number}")
    taken = refusal(recommender, given=given, group=group, use_case=VIEWS, name="r1")
    assert taken[0] == "ResourceAlreadyExistsException"
    assert refusal(recommender, given=given, group=group, use_case=VIEWS, name="r5") == (
        "LimitExceededException",
        "More than 5 resources in ACTIVE state. Please delete some and try again.",
    )


@pytest.mark.parametrize(
    ("use_case", "rows", "reason"),
    [
        (
            "ecomm-popular-items-by-purchases",
            typed(two_camps(), "View", "Purchase"),
            "Dataset has fewer than 1000 interactions after filtering by event type: Purchase",
        ),
        (VIEWS, typed(two_camps(), "View", "VIEW"), None),
        (FOR_YOU, typed(two_camps(), "View", "Purchase", "Heart"), None),
        (
            VIEWS,
            typed(two_camps(users=24, events=50), "View"),
            "Dataset has fewer than 25 users with at least 2 interactions each.",
        ),
    ],
)
def test_too_few_data_fail_with_the_service_text(
    given: Given, use_case: str, rows: Any, reason: str | None
) -> None:
    """R-40, R-106, R-REC-16, T-82, E-14, R-REC-6: event types count whatever their case."""
    recommender(given, shop(given, rows), use_case)
    shown = recommender_of(given)
    assert shown.get("failureReason") == reason
    assert shown["status"] == ("CREATE FAILED" if reason else "ACTIVE")
    assert ("modelMetrics" in shown) == (reason is None)
    given.personalize.delete_recommender(recommenderArn=arn("recommender", "recommender"))


def test_more_like_x_requires_users(given: Given) -> None:
    """R-40, R-96."""
    recommender(given, cinema(given, typed(two_camps(users=24, events=50), "Click")), "vod-more-like-x")
    assert recommender_of(given)["failureReason"] == (
        "Dataset has fewer than 25 users with at least 2 interactions each."
    )


def test_a_recommender_passes_the_documented_states(slow: Given, runtime_of_slow: Any, clock: ManualClock) -> None:
    """R-REC-5, R-REC-6, R-REC-10, R-REC-11, R-REC-14, R-GEN-17, R-DS-17, RT-22, RT-110."""
    group = shop(slow, wait=lambda: clock.advance(1000))
    clock.advance(1000)
    made = recommender(slow, group, VIEWS)
    personalize = slow.personalize
    seen = []

    def pass_through(*seconds: int) -> None:
        for step in seconds:
            clock.advance(step)
            shown = recommender_of(slow)
            seen.append(shown["status"])
            assert ("modelMetrics" in shown) == (shown["status"][:6] not in ("CREATE", "DELETE"))
            if shown["status"] not in ("ACTIVE", "INACTIVE"):
                for call in (
                    personalize.start_recommender,
                    personalize.stop_recommender,
                    personalize.delete_recommender,
                ):
                    assert refusal(call, recommenderArn=made)[0] == "ResourceInUseException"
            if shown["status"] != "ACTIVE":
                assert refusal(runtime_of_slow.get_recommendations, recommenderArn=made, userId="u1") == (
                    "InvalidInputException",
                    f"Recommender {made} is not ACTIVE",
                )

    pass_through(0)
    dataset = arn("dataset", "ecommerce/INTERACTIONS")
    assert refusal(personalize.delete_dataset, datasetArn=dataset)[0] == "ResourceInUseException"
    pass_through(60, 2400)
    metrics = recommender_of(slow)["modelMetrics"]
    assert refusal(personalize.start_recommender, recommenderArn=made)[0] == "InvalidInputException"
    assert personalize.stop_recommender(recommenderArn=made)["recommenderArn"] == made
    pass_through(0, 10, 110)
    assert refusal(personalize.stop_recommender, recommenderArn=made)[0] == "InvalidInputException"
    config = {"minRecommendationRequestsPerSecond": 2}
    personalize.update_recommender(recommenderArn=made, recommenderConfig=config)
    assert refusal(personalize.start_recommender, recommenderArn=made)[0] == "ResourceInUseException"
    clock.advance(2500)
    assert (recommender_of(slow)["recommenderConfig"], recommender_of(slow)["status"]) == (config, "INACTIVE")
    assert personalize.start_recommender(recommenderArn=made)["recommenderArn"] == made
    pass_through(0, 10, 110)
    assert recommender_of(slow)["modelMetrics"] == metrics
    assert runtime_of_slow.get_recommendations(recommenderArn=made, userId="u1")["itemList"]
    personalize.stop_recommender(recommenderArn=made)
    clock.advance(120)
    personalize.delete_recommender(recommenderArn=made)
    pass_through(0, 10)
    clock.advance(60)
    assert refusal(personalize.describe_recommender, recommenderArn=made)[0] == "ResourceNotFoundException"
    assert seen == [
        "CREATE PENDING",
        "CREATE IN_PROGRESS",
        "ACTIVE",
        "STOP PENDING",
        "STOP IN_PROGRESS",
        "INACTIVE",
        "START PENDING",
        "START IN_PROGRESS",
        "ACTIVE",
        "DELETE PENDING",
        "DELETE IN_PROGRESS",
    ]


@pytest.fixture
def runtime_of_slow(slow: Given) -> Any:
    return boto3.client("personalize-runtime", region_name=REGION)


def test_update_replaces_the_configuration(given: Given) -> None:
    """R-REC-8, R-REC-9, R-REC-18."""
    made = recommender(given, shop(given), FOR_YOU, recommenderConfig={"minRecommendationRequestsPerSecond": 2})
    assert "latestRecommenderUpdate" not in recommender_of(given)
    config = {"itemExplorationConfig": {"explorationWeight": "0"}}
    answer = given.personalize.update_recommender(recommenderArn=made, recommenderConfig=config)
    assert answer["recommenderArn"] == made
    shown = recommender_of(given)
    assert shown["recommenderConfig"] == config | AT_LEAST
    update = shown["latestRecommenderUpdate"]
    assert set(update) == {"recommenderConfig", "creationDateTime", "lastUpdatedDateTime", "status"}
    assert (update["recommenderConfig"], update["status"]) == (config | AT_LEAST, "ACTIVE")
    bad = {"itemExplorationConfig": {"explorationWeight": "-1"}}
    code, _ = refusal(given.personalize.update_recommender, recommenderArn=made, recommenderConfig=bad)
    assert code == "InvalidInputException"


def test_old_configuration_serves_until_the_update_is_active(slow: Given, clock: ManualClock) -> None:
    """R-REC-9: nothing else can be done to it meanwhile."""
    group = shop(slow, wait=lambda: clock.advance(1000))
    clock.advance(1000)
    made = recommender(slow, group, VIEWS)
    clock.advance(4000)
    config = {"minRecommendationRequestsPerSecond": 9}
    slow.personalize.update_recommender(recommenderArn=made, recommenderConfig=config)
    for status in ("CREATE PENDING", "CREATE IN_PROGRESS"):
        shown = recommender_of(slow)
        assert (shown["status"], shown["recommenderConfig"]) == ("ACTIVE", AT_LEAST)
        assert shown["latestRecommenderUpdate"]["status"] == status
        for call, extra in (
            (slow.personalize.update_recommender, {"recommenderConfig": {}}),
            (slow.personalize.stop_recommender, {}),
            (slow.personalize.delete_recommender, {}),
        ):
            assert refusal(call, recommenderArn=made, **extra)[0] == "ResourceInUseException"
        clock.advance(100)
    clock.advance(4000)
    assert recommender_of(slow)["recommenderConfig"] == config


def test_changed_training_columns_train_a_new_model(given: Given) -> None:
    """R-REC-9: other settings keep the model, and so does an update that fails (R-CMP-14)."""
    made = recommender(given, shop(given), VIEWS)
    before = recommender_of(given)["modelMetrics"]
    given.import_job(arn("dataset", "ecommerce/INTERACTIONS"), changed_data(given), "changed")
    update = given.personalize.update_recommender
    update(recommenderArn=made, recommenderConfig={"minRecommendationRequestsPerSecond": 2})
    assert recommender_of(given)["modelMetrics"] == before
    columns = {"trainingDataConfig": {"excludedDatasetColumns": {"INTERACTIONS": ["EVENT_TYPE"]}}}
    update(recommenderArn=made, recommenderConfig=columns)
    shown = recommender_of(given)
    assert shown["modelMetrics"] != before
    given.import_job(arn("dataset", "ecommerce/INTERACTIONS"), changed_data(given, "Purchase"), "useless")
    update(recommenderArn=made, recommenderConfig={})
    failed = recommender_of(given)
    assert failed["latestRecommenderUpdate"]["status"] == "CREATE FAILED"
    assert failed["latestRecommenderUpdate"]["failureReason"] == (
        "Dataset has fewer than 1000 interactions after filtering by event type: View"
    )
    assert (failed["status"], failed["recommenderConfig"]) == ("ACTIVE", columns | AT_LEAST)
    assert failed["modelMetrics"] == shown["modelMetrics"]


def changed_data(given: Given, event_type: str = "View") -> str:
    return given.upload(events_csv(typed(two_camps(users=90, items=20), event_type)), "changed.csv")


def test_recommender_is_trained_every_seven_days(given: Given, clock: ManualClock) -> None:
    """R-REC-11, R-REC-12, R-103: counted from the creation; not while it is stopped."""
    made = recommender(given, shop(given), VIEWS)
    seen = [recommender_of(given)["modelMetrics"]]
    dataset = arn("dataset", "ecommerce/INTERACTIONS")
    given.import_job(dataset, changed_data(given), "changed")
    for seconds in (7 * 86_400 - 1, 1):
        clock.advance(seconds)
        seen.append(recommender_of(given)["modelMetrics"])
    assert seen[0] == seen[1] != seen[2]
    assert recommender_of(given)["status"] == "ACTIVE"
    given.personalize.stop_recommender(recommenderArn=made)
    given.import_job(dataset, given.upload(events_csv(shop_rows())), "back")
    clock.advance(7 * 86_400)
    given.personalize.start_recommender(recommenderArn=made)
    assert recommender_of(given)["modelMetrics"] == seen[2]
    clock.advance(7 * 86_400)
    assert recommender_of(given)["modelMetrics"] == seen[0]
    given.import_job(dataset, changed_data(given, "Purchase"), "useless")
    clock.advance(7 * 86_400)
    assert recommender_of(given)["modelMetrics"] == seen[0]
    given.personalize.delete_recommender(recommenderArn=made)
    clock.advance(7 * 86_400)


def test_group_deletion_requires_deletion_of_recommenders(given: Given) -> None:
    """R-DSG-12, R-DS-17, R-REC-14: an ACTIVE recommender lets its dataset go."""
    group = cinema(given, cinema_rows(), films=False)
    made = recommender(given, group, "vod-most-popular")
    given.personalize.delete_dataset(datasetArn=arn("dataset", "video-on-demand/INTERACTIONS"))
    assert refusal(given.personalize.delete_dataset_group, datasetGroupArn=group) == (
        "ResourceInUseException",
        f"Resource {group} is in use: recommender {made}.",
    )
    given.personalize.delete_recommender(recommenderArn=made)
    given.personalize.delete_dataset_group(datasetGroupArn=group)


def test_recommenders_have_tags(given: Given) -> None:
    """R-REC-17, R-TAG-1, R-TAG-10."""
    tags = [{"tagKey": "team", "tagValue": "shop"}]
    made = recommender(given, shop(given), VIEWS, tags=tags)
    assert given.personalize.list_tags_for_resource(resourceArn=made)["tags"] == tags
    given.personalize.untag_resource(resourceArn=made, tagKeys=["team"])
    assert given.personalize.list_tags_for_resource(resourceArn=made)["tags"] == []


def test_new_columns_are_read_after_an_update_of_the_training_columns(
    given: Given, clock: ManualClock, emulator: Emulator
) -> None:
    """D-97: not by the weekly training before."""
    rows = cinema_rows()
    made = recommender(given, cinema(given, rows), "vod-top-picks")
    films = arn("dataset", "video-on-demand/ITEMS")
    wide = avro(
        "Items",
        field("ITEM_ID"),
        field("GENRES", categorical=True),
        field("CREATION_TIMESTAMP", "long"),
        field("PRICE", ["null", "float"]),
    )
    schema = given.schema(wide, "wide", domain="VIDEO_ON_DEMAND")
    given.personalize.update_dataset(datasetArn=films, schemaArn=schema)
    lines = [f"{film},Drama,1600000000,{number}" for number, film in enumerate(sorted({row[1] for row in rows}))]
    text = "\n".join(["ITEM_ID,GENRES,CREATION_TIMESTAMP,PRICE", *lines, ""])
    given.import_job(films, given.upload(text, "wide.csv"), "wide")

    def numbers() -> list[str]:
        features = emulator.state.trained(made).data.item_features
        return [] if features is None else [column.name for column in features.numbers]

    first = emulator.state.trained(made)
    clock.advance(7 * 86_400)
    assert emulator.state.trained(made) is not first
    assert numbers() == []
    columns = {"trainingDataConfig": {"excludedDatasetColumns": {"INTERACTIONS": ["EVENT_TYPE"]}}}
    given.personalize.update_recommender(recommenderArn=made, recommenderConfig=columns)
    assert numbers() == ["PRICE"]
    clock.advance(7 * 86_400)
    assert numbers() == ["PRICE"]
