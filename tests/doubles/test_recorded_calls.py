"""Recorded calls: what programs have asked, and what they were answered."""

from __future__ import annotations

import dataclasses
from typing import Any

import boto3
import pytest

from personalize_emu.doubles import recorded_calls
from personalize_emu.doubles.recorded_calls import RecordedCall, RecordedCalls
from personalize_emu.edge.request_pipeline import answer
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.models import operations
from personalize_emu.wire.render import Response
from tests.given import Given, two_camps
from tests.refusals import refusal


def test_calls_have_parsed_parameters_and_answers(emulator: Emulator, personalize: Any, clock: ManualClock) -> None:
    personalize.create_dataset_group(name="shop", tags=[{"tagKey": "a", "tagValue": "b"}])
    emulator.advance(60)
    assert refusal(personalize.create_dataset_group, name="shop")[0] == "ResourceAlreadyExistsException"
    first, second = emulator.calls("CreateDatasetGroup")
    group = "arn:aws:personalize:us-east-1:123456789012:dataset-group/shop"
    assert first == RecordedCall(
        operation="CreateDatasetGroup",
        params={"name": "shop", "tags": [{"tagKey": "a", "tagValue": "b"}]},
        answer={"datasetGroupArn": group},
        error=None,
        message=None,
        status=200,
        time=clock.now() - 60,
        region="us-east-1",
        account="123456789012",
    )
    assert (second.answer, second.status, second.time) == (None, 400, clock.now())
    assert second.error == "ResourceAlreadyExistsException"
    assert second.message == f"Another resource with Arn {group} already exists."


def test_calls_of_the_events_service_have_the_events(
    emulator: Emulator, given: Given, personalize: Any, events: Any
) -> None:
    group = given.imported_group(two_camps())
    tracking_id = personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "click", "itemId": "i001", "sentAt": 1_700_000_000}
    emulator.clear_calls()
    events.put_events(trackingId=tracking_id, sessionId="s", userId="u1", eventList=[event])
    events.put_events(trackingId=tracking_id, sessionId="s", userId="u2", eventList=[event, event])
    assert [call.params["userId"] for call in emulator.calls("PutEvents")] == ["u1", "u2"]
    assert emulator.calls("PutEvents")[0].params["eventList"] == [event]
    assert emulator.calls("PutEvents")[0].answer == {}


def test_statuses_and_errors_are_those_of_the_runtime_service(emulator: Emulator, runtime: Any) -> None:
    missing = "arn:aws:personalize:us-east-1:123456789012:campaign/none"
    refusal(runtime.get_recommendations, campaignArn=missing, userId="u1", status=404)
    (call,) = emulator.calls()
    assert (call.operation, call.error, call.status) == ("GetRecommendations", "ResourceNotFoundException", 404)
    assert call.message == f"The given campaign ARN could not be found: {missing}"


def test_calls_have_the_region_of_the_request(emulator: Emulator) -> None:
    boto3.client("personalize", region_name="eu-west-1").list_schemas()
    assert [call.region for call in emulator.calls("ListSchemas")] == ["eu-west-1"]


def test_calls_are_frozen_and_do_not_change_what_is_recorded(emulator: Emulator, personalize: Any) -> None:
    personalize.list_schemas()
    (call,) = emulator.calls()
    with pytest.raises(dataclasses.FrozenInstanceError):
        call.status = 500  # type: ignore[misc]
    call.params["added"] = True
    assert emulator.calls()[0].params == {}


def test_calls_answered_by_faults_and_declarations_are_recorded(emulator: Emulator, runtime: Any) -> None:
    campaign = emulator.campaign("home-page", ["a"])
    with emulator.fail("GetRecommendations", "AccessDeniedException"):
        refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1")
    runtime.get_recommendations(campaignArn=campaign, userId="u1")
    denied, answered = emulator.calls("GetRecommendations")
    assert denied.error == "AccessDeniedException"
    assert answered.answer is not None
    assert answered.answer["itemList"] == [{"itemId": "a", "score": 1.0}]


def test_operation_that_does_not_exist_is_refused_with_similar_ones(emulator: Emulator) -> None:
    with pytest.raises(ValueError, match=r"not 'PutEvent'; did you mean PutEvents"):
        emulator.calls("PutEvent")


def test_requests_without_operation_or_valid_body_are_recorded() -> None:
    with Emulator(Settings()) as emulator:
        answer(emulator, "POST", "/nowhere", "", {}, b"{}")
        answer(emulator, "POST", "/recommendations", "", {}, b"{not json")
        nowhere, malformed = emulator.calls()
        assert (nowhere.operation, nowhere.params, nowhere.status) == ("unknown", {}, 404)
        assert (malformed.operation, malformed.params) == ("GetRecommendations", {})
        assert malformed.error == "SerializationException"
        assert emulator.calls("unknown") == [nowhere]


@pytest.mark.parametrize("most", [0, 3])
def test_number_of_calls_is_bounded_by_the_setting(most: int) -> None:
    with Emulator(Settings(recorded_calls=most)) as emulator:
        for number in range(5):
            body = f'{{"campaignArn": "arn:aws:personalize:r:a:campaign/c{number}"}}'.encode()
            answer(emulator, "POST", "/recommendations", "", {}, body)
        expected = [f"arn:aws:personalize:r:a:campaign/c{number}" for number in range(5 - most, 5)]
        assert [call.params["campaignArn"] for call in emulator.calls()] == expected


def test_bytes_of_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_calls, "MOST_BYTES", 1000)
    calls = RecordedCalls(100)
    for size in (600, 300, 400, 2000, 10):
        body = b'{"nextToken": "' + b"x" * size + b'"}'
        calls.add(operations()["ListSchemas"], body, Response(200, (), b"{}"), 0.0, "r", "a")
    assert [len(call.params["nextToken"]) for call in calls.calls()] == [10]


def test_reset_and_clear_forget_calls(emulator: Emulator, personalize: Any) -> None:
    personalize.list_schemas()
    emulator.clear_calls()
    assert emulator.calls() == []
    personalize.list_schemas()
    emulator.reset()
    assert emulator.calls() == []
