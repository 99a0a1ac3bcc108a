"""GET /_emu/metrics, parsed with the Prometheus client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from personalize_emu.edge.application import create_app
from personalize_emu.edge.request_pipeline import answer
from personalize_emu.emulator import Emulator
from tests.given import SIMS, Given


def scraped(emulator: Emulator) -> dict[tuple[str, ...], float]:
    """Value by name and label values."""
    response = create_app(emulator).test_client().get("/_emu/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("personalize_emu_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_requests_and_records_are_counted(given: Given, runtime: Any, emulator: Emulator) -> None:
    campaign = given.deployed(SIMS)
    for _ in range(3):
        runtime.get_recommendations(campaignArn=campaign, itemId="i000")
    with pytest.raises(runtime.exceptions.InvalidInputException):
        runtime.get_recommendations(campaignArn=campaign)
    other = given.group("other")
    given.dataset(other, given.schema(name="other"))
    given.personalize.create_event_tracker(name="t", datasetGroupArn=other)
    found = scraped(emulator)
    assert found["requests_total", "GetRecommendations", "200"] == 3
    assert found["requests_total", "GetRecommendations", "400"] == 1
    assert found["request_seconds_count", "GetRecommendations"] == 4
    assert found["request_seconds_bucket", "+Inf", "GetRecommendations"] == 4
    assert 0 < found["request_seconds_sum", "GetRecommendations"] < 60
    assert found["creations_total", "dataset-import-job", "succeeded"] == 1
    assert found["trainings_total", "aws-sims"] == 1
    assert found["resources", "campaign", "ACTIVE"] == 1
    assert found["resources", "dataset-group", "ACTIVE"] == 2


def test_events_and_failures_are_counted_separately(given: Given, events: Any, emulator: Emulator) -> None:
    group = given.group()
    dataset = given.dataset(group)
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    one = {"eventType": "v", "itemId": "i", "sentAt": 1_700_000_000}
    events.put_events(trackingId=tracker, sessionId="s", eventList=[one] * 4)
    with pytest.raises(events.exceptions.InvalidInputException):
        events.put_events(trackingId="none", sessionId="s", eventList=[one] * 4)
    given.import_job(dataset, given.upload("USER_ID,ITEM_ID,TIMESTAMP\nu,i,soon\n"))
    found = scraped(emulator)
    assert found["records_total", "PutEvents"] == 4
    assert found["creations_total", "dataset-import-job", "failed"] == 1
    assert found["resources", "dataset-import-job", "CREATE FAILED"] == 1


def test_unknown_operations_are_counted_until_reset(emulator: Emulator) -> None:
    headers = {"x-amz-target": "AmazonPersonalize.Nothing"}
    assert answer(emulator, "POST", "/", "", headers, json.dumps({}).encode()).status == 400
    assert scraped(emulator)["requests_total", "unknown", "400"] == 1
    emulator.reset()
    assert scraped(emulator) == {}


def test_two_emulators_count_separately(given: Given, emulator: Emulator) -> None:
    given.group()
    with Emulator() as other:
        assert scraped(other) == {}
    assert scraped(emulator)["requests_total", "CreateDatasetGroup", "200"] == 1
