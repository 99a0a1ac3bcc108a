"""PutActionInteractions through boto3 (spec 10 section 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.wire.errors import InvalidInputException
from tests.given import REGION, Given, arn, avro, field
from tests.refusals import refusal

AT = 1_700_000_000
INVALID = "InvalidInputException"
SCHEMA = avro(
    "ActionInteractions",
    field("USER_ID"),
    field("ACTION_ID"),
    field("EVENT_TYPE"),
    field("TIMESTAMP", "long"),
    field("IMPRESSION", ["string", "null"]),
    field("RECOMMENDATION_ID", ["string", "null"]),
    field("DEVICE", ["string", "null"], categorical=True),
    field("NUM_CLICKS", ["int", "null"]),
)


@dataclass
class RecordedActions:
    """A dataset of action interactions and its stored rows."""

    given: Given
    events: Any
    emulator: Emulator

    def __post_init__(self) -> None:
        self.group = self.given.group()
        self.dataset = self.given.dataset(self.group, self.given.schema(SCHEMA), "Action_Interactions")
        shown = self.given.personalize.describe_dataset(datasetArn=self.dataset)["dataset"]
        self.tracking_id = shown["trackingId"]

    def put(self, *interactions: dict[str, Any]) -> dict[str, Any]:
        return self.events.put_action_interactions(
            trackingId=self.tracking_id, actionInteractions=list(interactions)
        )

    def refused(self, *interactions: dict[str, Any], tracking_id: str = "", status: int = 400) -> tuple[str, str]:
        return refusal(
            self.events.put_action_interactions,
            status=status,
            trackingId=tracking_id or self.tracking_id,
            actionInteractions=list(interactions),
        )

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.emulator.state.contents(self.dataset).log.rows()]


def taken(action: str = "a1", **extra: Any) -> dict[str, Any]:
    return {"actionId": action, "sessionId": "s", "userId": "u", "timestamp": AT, "eventType": "Taken", **extra}


@pytest.fixture
def recorded(given: Given, events: Any, emulator: Emulator) -> RecordedActions:
    return RecordedActions(given, events, emulator)


def test_an_interaction_becomes_a_row(recorded: RecordedActions) -> None:
    """EV-5, EV-70 to EV-73, EV-31, EV-75, EV-78, R-DS-8: unknown actions are accepted."""
    answer = recorded.put(
        taken(
            recommendationId="RID-1",
            impression=["a1", "a2"],
            properties=json.dumps({"device": "phone", "numClicks": "3", "unknown": True}),
        )
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert set(answer) == {"ResponseMetadata"}
    assert recorded.rows == [
        {
            "USER_ID": "u",
            "ACTION_ID": "a1",
            "EVENT_TYPE": "TAKEN",
            "TIMESTAMP": AT,
            "IMPRESSION": "a1|a2",
            "RECOMMENDATION_ID": "RID-1",
            "DEVICE": "phone",
            "NUM_CLICKS": 3,
        }
    ]


@pytest.mark.parametrize(
    ("given_type", "stored"),
    [("Viewed", "VIEWED"), ("Not Taken", "NOT_TAKEN"), ("not_taken", "NOT_TAKEN"), ("TAKEN", "TAKEN")],
)
def test_event_types_are_normalised(recorded: RecordedActions, given_type: str, stored: str) -> None:
    """EV-74, D-119."""
    recorded.put(taken(eventType=given_type))
    assert recorded.rows[0]["EVENT_TYPE"] == stored


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (taken(eventType="Clicked"), "eventType must be one of: Viewed, Taken, Not Taken"),
        (taken(properties="[]"), "Error parsing properties json"),
        (taken(properties=json.dumps({"userId": "x"})), "reserved key userId"),
        (taken(properties=json.dumps({"impression": "x"})), "reserved key impression"),
        (taken(properties=json.dumps({"numClicks": "few"})), "numClicks"),
        (taken(impression=["語" * 256] * 25), "A maximum of 10240 bytes"),
    ],
)
def test_one_invalid_interaction_refuses_the_call(recorded: RecordedActions, bad: dict[str, Any], text: str) -> None:
    """EV-6, EV-74, EV-75, EV-76, EV-78, EV-32, EV-33, Q-47."""
    code, message = recorded.refused(taken("good"), bad)
    assert code == INVALID
    assert text in message
    assert recorded.rows == []


def test_model_constraints_are_validation_errors(recorded: RecordedActions) -> None:
    """EV-71, EV-72, EV-80, Q-46."""
    for broken in (
        recorded.refused(*[taken()] * 11),
        recorded.refused(taken(recommendationId="x" * 41)),
        recorded.refused(taken(impression=["x"] * 26)),
        recorded.refused(taken(properties="{}" + " " * 1023)),
        recorded.refused(taken("x" * 257)),
    ):
        assert broken[0] == "ValidationException"
    assert recorded.rows == []


def test_times_come_in_several_forms(recorded: RecordedActions) -> None:
    """EV-78, EV-25: seconds are truncated; milliseconds are recognised; times out of range are refused."""
    recorded.put(taken("a1", timestamp=AT + 0.9), taken("a2", timestamp=datetime.fromtimestamp(AT, UTC)))
    assert [row["TIMESTAMP"] for row in recorded.rows] == [AT, AT]
    request = {"trackingId": recorded.tracking_id, "actionInteractions": [taken("a3", timestamp=AT * 1000.0 + 999)]}
    recorded.emulator.call("PutActionInteractions", request)
    assert [row["TIMESTAMP"] for row in recorded.rows] == [AT, AT, AT]
    request = {"trackingId": recorded.tracking_id, "actionInteractions": [taken(timestamp=AT * 1_000_000.0)]}
    with pytest.raises(InvalidInputException, match="timestamp must be a time in seconds"):
        recorded.emulator.call("PutActionInteractions", request)


def test_repeated_interactions_are_stored_once(recorded: RecordedActions) -> None:
    """EV-78, EV-40, EV-41."""
    recorded.put(taken(eventId="1"), taken("other", eventId="1"), taken(eventId="2"), taken())
    recorded.put(taken("other"))
    assert [row["ACTION_ID"] for row in recorded.rows] == ["a1", "other"]


def test_event_ids_count_in_the_whole_group(recorded: RecordedActions) -> None:
    """EV-40: event ids are unique per group, over both event datasets, and are new again after deletion."""
    personalize = recorded.given.personalize
    recorded.given.dataset(recorded.group, recorded.given.schema(name="plain"))
    tracker = personalize.create_event_tracker(name="t", datasetGroupArn=recorded.group)
    plain = arn("dataset", "group/INTERACTIONS")

    def watch(**extra: Any) -> int:
        event = {"eventType": "watch", "itemId": "i", "sentAt": AT, **extra}
        recorded.events.put_events(trackingId=tracker["trackingId"], sessionId="s", userId="u", eventList=[event])
        return len(recorded.emulator.state.contents(plain).log)

    recorded.put(taken(eventId="1"))
    assert [watch(eventId="1"), watch(eventId="2"), watch(sentAt=AT + 1)] == [0, 1, 2]
    recorded.put(taken("a2", eventId="2"))
    assert len(recorded.rows) == 1
    personalize.delete_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])
    personalize.delete_dataset(datasetArn=plain)
    recorded.put(taken("a2", eventId="2"))
    assert len(recorded.rows) == 2
    recorded.given.group("other")
    other = recorded.given.dataset(arn("dataset-group", "other"), arn("schema", "schema"), "Action_Interactions")
    tracking_id = personalize.describe_dataset(datasetArn=other)["dataset"]["trackingId"]
    recorded.events.put_action_interactions(trackingId=tracking_id, actionInteractions=[taken(eventId="1")])
    assert len(recorded.emulator.state.contents(other).log) == 1


def test_session_id_replaces_missing_user_id(recorded: RecordedActions) -> None:
    """EV-78, EV-73, EV-42: session and user belong to each interaction."""
    nameless = {name: value for name, value in taken(sessionId="s2").items() if name != "userId"}
    recorded.put(taken(), nameless)
    assert [row["USER_ID"] for row in recorded.rows] == ["u", "s2"]
    contents = recorded.emulator.state.contents(recorded.dataset)
    assert contents.events_of("s2", 9).item_ids == ("a1",)
    recorded.put(taken(sessionId="s2", userId="w", actionId="a3"))
    assert contents.streamed(3).column("USER_ID").to_pylist() == ["u", "w", "w"]


def test_tracker_ids_are_not_dataset_tracking_ids(recorded: RecordedActions) -> None:
    """EV-70, EV-77, P-38: HTTP status 404; EV-7: PutEvents does not accept the dataset's tracking id."""
    recorded.given.dataset(recorded.group, recorded.given.schema(name="interactions"))
    tracker = recorded.given.personalize.create_event_tracker(name="t", datasetGroupArn=recorded.group)
    for tracking_id in (tracker["trackingId"], "none"):
        assert recorded.refused(taken(), tracking_id=tracking_id, status=404) == (
            "ResourceNotFoundException",
            f"Invalid tracking id: {tracking_id}",
        )
    event = {"eventType": "x", "itemId": "i", "sentAt": AT}
    request = {"trackingId": recorded.tracking_id, "sessionId": "s", "eventList": [event]}
    assert refusal(recorded.events.put_events, **request) == (INVALID, f"Invalid tracking id: {recorded.tracking_id}")


def test_dataset_being_updated_refuses_interactions(slow: Given, slow_emulator: Emulator) -> None:
    """EV-5, P-38: HTTP status 409 until it is ACTIVE, 404 after it was deleted."""
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group, slow.schema(SCHEMA), "ACTION_INTERACTIONS")
    assert dataset == arn("dataset", "group/ACTION_INTERACTIONS")
    tracking_id = slow.personalize.describe_dataset(datasetArn=dataset)["dataset"]["trackingId"]
    put = boto3.client("personalize-events", region_name=REGION).put_action_interactions
    request = {"trackingId": tracking_id, "actionInteractions": [taken()]}
    assert refusal(put, status=409, **request)[0] == "ResourceInUseException"
    slow_emulator.advance(60)
    put(**request)
    slow.personalize.delete_dataset(datasetArn=dataset)
    assert refusal(put, status=409, **request)[0] == "ResourceInUseException"
    slow_emulator.advance(60)
    assert refusal(put, status=404, **request)[0] == "ResourceNotFoundException"
