"""The service's own metrics in CloudWatch (CW-1 to CW-22), read with GetMetricStatistics as a dashboard would."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from personalize_emu.aws_services import MetricsRefused
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.domain_groups import recommender, shop
from tests.given import (
    BUCKET,
    ITEMS_SCHEMA,
    RANKING,
    REGION,
    ROLE,
    SIMS,
    USERS_SCHEMA,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

ONCE = Config(retries={"total_max_attempts": 1})
DATASET = arn("dataset", "group/INTERACTIONS")
TAKEN = avro(
    "ActionInteractions", field("USER_ID"), field("ACTION_ID"), field("EVENT_TYPE"), field("TIMESTAMP", "long")
)
STATISTICS = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One for all tests here, which keep to groups of their own."""
    with mock_personalize(clock=ManualClock(), quotas="off") as emulator:
        yield emulator


@pytest.fixture(scope="module")
def given(emulator: Emulator) -> Given:
    return Given(client("personalize"), client("s3"))


@pytest.fixture(scope="module")
def runtime(emulator: Emulator) -> Any:
    return client("personalize-runtime")


@pytest.fixture(scope="module")
def events(emulator: Emulator) -> Any:
    return client("personalize-events")


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION, config=ONCE)


def statistics(metric: str, unit: str = "Count", **dimensions: str) -> dict[str, float]:
    """Over an hour around the clock of the tests; empty when nothing was measured."""
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    (point,) = cloudwatch.get_metric_statistics(
        Namespace="AWS/Personalize",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=datetime.fromtimestamp(1_699_999_000, UTC),
        EndTime=datetime.fromtimestamp(1_700_010_000, UTC),
        Period=86400,
        Statistics=STATISTICS,
        Unit=unit,
    )["Datapoints"] or [{}]
    return {name: point[name] for name in STATISTICS if name in point}


def total(metric: str, unit: str = "Count", **dimensions: str) -> float:
    return statistics(metric, unit, **dimensions).get("Sum", 0.0)


def sent(emulator: Emulator) -> None:
    emulator.advance(2)


def test_cw1_cw3_cw4_cw20_imports(given: Given, emulator: Emulator) -> None:
    text = as_csv(two_camps())
    group = given.group("imported")
    dataset = given.dataset(group, given.schema(name="imported"))
    job = given.import_job(dataset, given.upload(text), "imported")
    sent(emulator)
    dimensions = {"DatasetGroupArn": group, "DatasetArn": dataset, "DatasetImportJobArn": job}
    for about in (dimensions, *({name: value} for name, value in dimensions.items())):
        assert total("DatasetImportJobRequests", **about) == 1
        assert total("DatasetImportJobError", **about) == 0
        assert total("DatasetSize", "Bytes", **about) == len(text)
        assert statistics("DatasetImportJobExecutionTime", "Seconds", **about)["SampleCount"] == 1


def test_cw2_imports_that_fail_and_calls_that_are_refused(given: Given, emulator: Emulator) -> None:
    dataset = given.dataset(given.group("broken"), given.schema(name="broken"))
    job = given.import_job(dataset, given.upload("USER_ID,ITEM_ID,TIMESTAMP\nu,i,soon\n"), "broken")
    refusal(given.import_job, dataset=dataset, location=f"s3://{BUCKET}/nothing")
    sent(emulator)
    assert total("DatasetImportJobRequests", DatasetArn=dataset) == 1
    assert total("DatasetImportJobError", DatasetArn=dataset) == 2
    assert total("DatasetImportJobError", DatasetImportJobArn=job) == 1
    assert total("DatasetSize", "Bytes", DatasetArn=dataset) == 0


def test_cw3_cw7_times_are_those_of_the_clock(slow: Given, slow_emulator: Emulator) -> None:
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group)
    slow_emulator.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    slow_emulator.advance(700)
    assert total("DatasetImportJobExecutionTime", "Seconds", DatasetArn=dataset) == 530
    solution = slow.solution(group, SIMS)
    slow_emulator.advance(60)
    slow.version(solution)
    slow_emulator.advance(3000)
    assert total("SolutionTrainingJobExecutionTime", "Seconds", SolutionArn=solution) == 2460


def test_cw5_cw6_cw7_trainings(given: Given, emulator: Emulator) -> None:
    solution = given.solution(given.imported_group(name="trained"), SIMS, "trained")
    version = given.version(solution)
    poor = given.solution(given.imported_group([("u", "i", n) for n in range(1000)], "poor"), name="poor")
    failed = given.version(poor)
    refusal(given.version, solution=solution, trainingMode="UPDATE")
    sent(emulator)
    assert total("SolutionTrainingJobRequests", SolutionArn=solution, SolutionVersionArn=version) == 1
    assert statistics("SolutionTrainingJobExecutionTime", "Seconds", SolutionVersionArn=version)["SampleCount"] == 1
    assert total("SolutionTrainingJobError", SolutionVersionArn=version) == 0
    assert total("SolutionTrainingJobError", SolutionVersionArn=failed) == 1
    assert total("SolutionTrainingJobError", SolutionArn=solution) == 1


def test_cw8_to_cw13_answers_of_campaigns(
    given: Given, runtime: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = given.imported_group(name="asked")
    related = given.campaign(given.version(given.solution(group, SIMS, "related")), "related")
    ranked = given.campaign(given.version(given.solution(group, RANKING, "ranked")), "ranked")
    for _ in range(3):
        runtime.get_recommendations(campaignArn=related, itemId="i000")
    refusal(runtime.get_recommendations, campaignArn=related)
    runtime.get_personalized_ranking(campaignArn=ranked, userId="u1", inputList=["i000", "i001"])
    refusal(runtime.get_personalized_ranking, campaignArn=ranked, userId="u1", inputList=[])
    # Another item, because the answer for the first one is remembered.
    monkeypatch.setattr("personalize_emu.runtime.rank.ranked", lambda *_: 1 / 0)
    monkeypatch.setattr("personalize_emu.runtime.recommend.chosen_items", lambda *_: 1 / 0)
    refusal(runtime.get_personalized_ranking, status=500, campaignArn=ranked, userId="u1", inputList=["i000"])
    refusal(runtime.get_recommendations, status=500, campaignArn=related, itemId="i001")
    sent(emulator)
    assert total("GetRecommendations", CampaignArn=related) == 3
    assert total("GetRecommendationsRequests", CampaignArn=related) == 0
    # What the guide calls it now, and the vendor's monitoring asks for, and what the guide of 2023 called it.
    for name in ("GetPersonalizedRanking", "GetPersonalizedRankingRequests"):
        ranking = statistics(name, CampaignArn=ranked)
        assert ranking == {"SampleCount": 1, "Sum": 1, "Average": 1, "Minimum": 1, "Maximum": 1}
    for name, campaign, calls in (("GetRecommendations", related, 3), ("GetPersonalizedRanking", ranked, 1)):
        assert total(f"{name}4xxErrors", CampaignArn=campaign) == 1
        assert total(f"{name}5xxErrors", CampaignArn=campaign) == 1
        latency = statistics(f"{name}Latency", "Milliseconds", CampaignArn=campaign)
        assert latency["SampleCount"] == calls
        assert 0 < latency["Minimum"] <= latency["Average"] <= latency["Maximum"] < 60_000


def test_cw14_to_cw16_cw20_cw22_calls_count_not_events(
    given: Given, events: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = given.group("streamed")
    dataset = given.dataset(group, given.schema(name="streamed"))
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)
    one = {"eventType": "v", "itemId": "i", "sentAt": 1_700_000_000}
    request = {"trackingId": tracker["trackingId"], "sessionId": "s", "eventList": [one] * 5}
    events.put_events(**request)
    events.put_events(**request)
    refusal(events.put_events, **request | {"eventList": [one | {"properties": "[]"}]})
    monkeypatch.setattr("personalize_emu.runtime.events.put_events._arrival", lambda *_: 1 / 0)
    refusal(events.put_events, status=500, **request)
    sent(emulator)
    dimensions = {"DatasetGroupArn": group, "DatasetArn": dataset, "EventTrackerArn": tracker["eventTrackerArn"]}
    for about in (dimensions, *({name: value} for name, value in dimensions.items())):
        assert total("PutEventsRequests", **about) == 2
        assert total("PutEvents4xxErrors", **about) == 1
        assert total("PutEvents5xxErrors", **about) == 1
        assert statistics("PutEventLatency", "Milliseconds", **about)["SampleCount"] == 2
        assert total("PutEventsLatency", "Milliseconds", **about) == 0


@pytest.mark.parametrize(
    ("operation", "dataset_type", "schema", "records"),
    [
        ("PutItems", "Items", ITEMS_SCHEMA, {"items": [{"itemId": "i", "properties": '{"genre": "a"}'}]}),
        ("PutUsers", "Users", USERS_SCHEMA, {"users": [{"userId": "u", "properties": '{"age": 3}'}]}),
    ],
)
def test_cw17_cw18_records(
    given: Given,
    events: Any,
    emulator: Emulator,
    operation: str,
    dataset_type: str,
    schema: str,
    records: dict[str, Any],
) -> None:
    group = given.group(operation)
    dataset = given.dataset(group, given.schema(schema, operation), dataset_type)
    call = getattr(events, f"put_{dataset_type.lower()}")
    call(datasetArn=dataset, **records)
    ((member, (record,)),) = records.items()
    refusal(call, datasetArn=dataset, **{member: [record | {"properties": "[]"}]})
    sent(emulator)
    both = {"DatasetGroupArn": group, "DatasetArn": dataset}
    for about in (both, {"DatasetArn": dataset}, {"DatasetGroupArn": group}):
        assert total(f"{operation}Requests", **about) == 1
        assert total(f"{operation}4xxErrors", **about) == 1
        assert total(f"{operation}5xxErrors", **about) == 0
        assert statistics(f"{operation}Latency", "Milliseconds", **about)["SampleCount"] == 1


def test_cw21_recommenders_and_actions(given: Given, runtime: Any, events: Any, emulator: Emulator) -> None:
    made = recommender(given, shop(given), "ecomm-popular-items-by-views")
    runtime.get_recommendations(recommenderArn=made, userId="u0")
    refusal(runtime.get_recommendations, recommenderArn=made)
    group = given.group("actions")
    kind = field("KIND", "string", categorical=True)
    schema = given.schema(avro("Actions", field("ACTION_ID"), kind), "actions")
    actions = given.dataset(group, schema, "Actions")
    taken = given.dataset(group, given.schema(TAKEN, "taken"), "Action_Interactions")
    events.put_actions(datasetArn=actions, actions=[{"actionId": "a", "properties": '{"kind": "a"}'}])
    tracking = given.personalize.describe_dataset(datasetArn=taken)["dataset"]["trackingId"]
    one = {"actionId": "a", "userId": "u", "sessionId": "s", "timestamp": 1_700_000_000, "eventType": "Taken"}
    events.put_action_interactions(trackingId=tracking, actionInteractions=[one])
    refusal(events.put_action_interactions, trackingId=tracking, actionInteractions=[one | {"eventType": "Seen"}])
    sent(emulator)
    assert total("GetRecommendations", RecommenderArn=made) == 1
    assert total("GetRecommendations4xxErrors", RecommenderArn=made) == 1
    assert statistics("GetRecommendationsLatency", "Milliseconds", RecommenderArn=made)["SampleCount"] == 1
    assert total("PutActionsRequests", DatasetArn=actions) == 1
    assert total("PutActionInteractionsRequests", DatasetGroupArn=group, DatasetArn=taken) == 1
    assert total("PutActionInteractions4xxErrors", DatasetArn=taken) == 1


def test_calls_about_unknown_resources_are_not_counted(runtime: Any, emulator: Emulator) -> None:
    refusal(runtime.get_recommendations, status=404, campaignArn=arn("campaign", "none"), userId="u")
    sent(emulator)
    assert total("GetRecommendations4xxErrors", CampaignArn=arn("campaign", "none")) == 0


def test_service_metrics_can_be_disabled(emulator: Emulator) -> None:
    with mock_personalize(clock=ManualClock(), service_metrics=False) as other:
        personalize = boto3.client("personalize", region_name=REGION)
        Given(personalize, None).dataset()
        refusal(personalize.create_dataset_import_job, jobName="j", datasetArn=DATASET, dataSource={}, roleArn=ROLE)
        sent(other)
        assert total("DatasetImportJobError", DatasetArn=DATASET) == 0


def test_errors_of_cloudwatch_are_tolerated(
    given: Given, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise MetricsRefused("no")

    monkeypatch.setattr(emulator.aws_services, "publish", refused)
    dataset = given.dataset(given.group("unsent"), given.schema(name="unsent"))
    refusal(given.import_job, dataset=dataset, location=f"s3://{BUCKET}/nothing", name="unsent")
    sent(emulator)
    assert "could not be sent to Amazon CloudWatch: no" in caplog.text
