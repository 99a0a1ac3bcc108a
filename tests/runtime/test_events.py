"""PutEvents through boto3: validation, storage and effects (spec 10 section 2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.errors import InvalidInputException
from tests.clients import client
from tests.given import POPULARITY, USER_PERSONALIZATION, Given, arn, avro, field, two_camps
from tests.refusals import refusal

SENT_AT = 1_700_000_000
RICH = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("EVENT_TYPE"),
    field("EVENT_VALUE", ["float", "null"]),
    field("IMPRESSION"),
    field("NUM_RATINGS", ["int", "null"]),
    field("DEVICE", ["string", "null"], categorical=True),
)


@dataclass
class Tracker:
    """An event tracker on a group, and the stored rows."""

    given: Given
    events: Any
    emulator: Emulator
    group: str

    def __post_init__(self) -> None:
        made = self.given.personalize.create_event_tracker(name="t", datasetGroupArn=self.group)
        self.tracking_id = made["trackingId"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        dataset = arn("dataset", self.group.rpartition("/")[2] + "/INTERACTIONS")
        return [dict(row) for row in self.emulator.state.contents(dataset).log.rows()]

    def call(self, *events: dict[str, Any], **extra: Any) -> dict[str, Any]:
        return {"trackingId": self.tracking_id, "sessionId": "s", "eventList": list(events), **extra}

    def put(self, *events: dict[str, Any], **extra: Any) -> None:
        self.events.put_events(**self.call(*events, **extra))

    def refused(self, *events: dict[str, Any], **extra: Any) -> tuple[str, str]:
        return refusal(self.events.put_events, **self.call(*events, **extra))


def event(item: str | None = "i001", **extra: Any) -> dict[str, Any]:
    made = {"eventType": "watch", "sentAt": SENT_AT, **extra}
    return made if item is None else {**made, "itemId": item}


@pytest.fixture
def rich(given: Given, events: Any, emulator: Emulator) -> Tracker:
    group = given.group()
    given.dataset(group, given.schema(RICH))
    return Tracker(given, events, emulator, group)


def test_an_event_becomes_a_row(rich: Tracker) -> None:
    """EV-11 to EV-21, EV-31."""
    rich.put(
        event(
            eventValue=3.5,
            impression=["a", "b"],
            properties=json.dumps({"numRatings": 7, "DEVICE": "phone", "unknown": 1}),
        ),
        userId="u1",
    )
    assert rich.rows == [
        {
            "USER_ID": "u1",
            "ITEM_ID": "i001",
            "TIMESTAMP": SENT_AT,
            "EVENT_TYPE": "watch",
            "EVENT_VALUE": 3.5,
            "IMPRESSION": "a|b",
            "NUM_RATINGS": 7,
            "DEVICE": "phone",
        }
    ]


def test_session_id_replaces_missing_user_id(rich: Tracker) -> None:
    """EV-42, RT-43."""
    rich.put(event())
    assert rich.rows[0]["USER_ID"] == "s"


def test_item_and_value_may_stand_in_the_properties(rich: Tracker) -> None:
    """EV-26: the member wins."""
    rich.put(event(None, properties=json.dumps({"itemId": "p", "eventValue": "2"})), userId="u")
    rich.put(event("m", properties=json.dumps({"itemId": "p"})), userId="u")
    assert [(row["ITEM_ID"], row.get("EVENT_VALUE")) for row in rich.rows] == [("p", 2.0), ("m", None)]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (event(None), "ITEM_ID"),
        (event(properties="no json"), "Error parsing properties json"),
        (event(properties="[1]"), "Error parsing properties json"),
        (event(properties=json.dumps(json.dumps({"device": "tv"}))), "Error parsing properties json"),
        (event(properties=json.dumps({"numRatings": "many"})), "numRatings"),
        (event(properties=json.dumps({"userId": "x"})), "userId"),
    ],
)
def test_one_invalid_event_refuses_the_call(rich: Tracker, bad: dict[str, Any], text: str) -> None:
    """EV-6, EV-25, EV-26, EV-30, EV-32, EV-33, E-20."""
    code, message = rich.refused(event("good"), bad)
    assert code == "InvalidInputException"
    assert text in message
    assert rich.rows == []


def test_milliseconds_are_recognised(rich: Tracker) -> None:
    """EV-25. boto3 refuses such times itself, other clients do not."""
    rich.emulator.call("PutEvents", rich.call(event(sentAt=SENT_AT * 1000.0 + 999), userId="u"))
    assert [row["TIMESTAMP"] for row in rich.rows] == [SENT_AT]
    for never in (-1.0, SENT_AT * 1_000_000.0):
        with pytest.raises(InvalidInputException, match="sentAt"):
            rich.emulator.call("PutEvents", rich.call(event(sentAt=never), userId="u"))
    assert len(rich.rows) == 1


def test_columns_are_filled_from_request_members(given: Given, events: Any, emulator: Emulator) -> None:
    """EV-91; EV-90: the other required columns are missing, which is accepted despite EV-34 [dec]."""
    group = given.group()
    ids = (field("SESSION_ID"), field("EVENT_ID", ["null", "string"]), field("RECOMMENDATION_ID", ["null", "string"]))
    columns = (field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), *ids, field("DEVICE"))
    given.dataset(group, given.schema(avro("Interactions", *columns)))
    tracker = Tracker(given, events, emulator, group)
    tracker.put(event(eventId="e", recommendationId="RID"), userId="u", sessionId="visit")
    common = {"USER_ID": "u", "ITEM_ID": "i001", "TIMESTAMP": SENT_AT, "SESSION_ID": "visit"}
    assert tracker.rows == [{**common, "EVENT_ID": "e", "RECOMMENDATION_ID": "RID"}]


def test_session_column_of_another_type_is_not_filled(given: Given, events: Any, emulator: Emulator) -> None:
    """EV-90, EV-91: a numeric column of that name is not filled; the event is accepted."""
    group = given.group()
    columns = (field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("SESSION_ID", "int"))
    given.dataset(group, given.schema(avro("Interactions", *columns)))
    tracker = Tracker(given, events, emulator, group)
    tracker.put(event(), userId="u", sessionId="visit")
    assert [row.get("SESSION_ID") for row in tracker.rows] == [None]


def test_model_constraints_are_validation_errors(rich: Tracker) -> None:
    """EV-80, EV-13, EV-21."""
    for broken in (
        rich.refused(*[event()] * 11),
        rich.refused(event(impression=["x"] * 26)),
        rich.refused(event(eventType="t" * 257)),
    ):
        assert broken[0] == "ValidationException"
    assert rich.rows == []


def test_unknown_tracking_ids_are_invalid_input(rich: Tracker) -> None:
    """EV-7: PutEvents has no ResourceNotFoundException."""
    assert rich.refused(event(), trackingId="none") == (
        "InvalidInputException",
        "Invalid tracking id: none",
    )


def test_deleted_tracker_refuses_events(rich: Tracker) -> None:
    """R-ET-8, EV-7."""
    rich.put(event())
    (tracker,) = rich.given.personalize.list_event_trackers()["eventTrackers"]
    rich.given.personalize.delete_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])
    assert rich.refused(event())[0] == "InvalidInputException"
    assert len(rich.rows) == 1


@pytest.mark.parametrize(("pace", "accepted"), [("fast", True), ("real", False)])
def test_events_for_a_tracker_that_is_being_created(clock: ManualClock, pace: str, accepted: bool) -> None:
    """R-ET-7, EV-7: refused with pace real; with pace fast, programs that do not wait work."""
    with mock_personalize(clock=clock, pace=pace) as emulator:
        given = Given(client("personalize"), client("s3"))
        group = given.group()
        clock.advance(100)
        given.dataset(group, given.schema(RICH))
        clock.advance(100)
        tracker = Tracker(given, client("personalize-events"), emulator, group)
        (listed,) = given.personalize.list_event_trackers()["eventTrackers"]
        assert listed["status"] == "CREATE PENDING"
        if accepted:
            tracker.put(event())
        else:
            assert tracker.refused(event()) == ("InvalidInputException", f"Invalid tracking id: {tracker.tracking_id}")
            clock.advance(100)
            tracker.put(event())
        assert len(tracker.rows) == 1


def test_events_need_an_interactions_dataset(given: Given, events: Any, emulator: Emulator) -> None:
    """EV-24, R-DS-18: the dataset can be deleted while its tracker exists, and created again."""
    group, schema = given.group(), given.schema()
    given.dataset(group, schema)
    tracker = Tracker(given, events, emulator, group)
    tracker.put(event())
    given.personalize.delete_dataset(datasetArn=arn("dataset", "group/INTERACTIONS"))
    assert tracker.refused(event())[0] == "InvalidInputException"
    given.dataset(group, schema)
    assert tracker.rows == []
    tracker.put(event())
    assert len(tracker.rows) == 1


def test_repeated_events_are_stored_once(rich: Tracker) -> None:
    """EV-40, EV-41."""
    rich.put(event(eventId="1"), userId="u")
    rich.put(event("other", eventId="1"), userId="u")
    rich.put(event(eventId="2"), userId="u")
    rich.put(event(eventId="2", sentAt=SENT_AT + 1), userId="u")
    rich.put(event(sentAt=SENT_AT + 1), userId="u")
    assert [(row["ITEM_ID"], row["TIMESTAMP"]) for row in rich.rows] == [
        ("i001", SENT_AT),
        ("i001", SENT_AT + 1),
    ]


def ids(runtime: Any, campaign: str, user: str, count: int = 10) -> list[str]:
    answer = runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=count)
    return [item["itemId"] for item in answer["itemList"]]


def share_odd(items: list[str]) -> float:
    return sum(int(item[1:]) % 2 for item in items) / len(items)


@pytest.fixture
def films(given: Given, events: Any, emulator: Emulator) -> tuple[str, Tracker]:
    campaign = given.deployed(USER_PERSONALIZATION, name="films")
    return campaign, Tracker(given, events, emulator, arn("dataset-group", "films"))


def test_new_events_change_that_users_next_answer_only(films: tuple[str, Tracker], runtime: Any) -> None:
    """EV-47, R-72b, R-110."""
    campaign, tracker = films
    before, neighbour = ids(runtime, campaign, "u2"), ids(runtime, campaign, "u4")
    assert share_odd(before) == 0
    for number in range(8):
        tracker.put(event(f"i{2 * number + 1:03d}", sentAt=SENT_AT + number), userId="u2")
    after = ids(runtime, campaign, "u2")
    assert share_odd(after) > 0.5
    assert ids(runtime, campaign, "u4") == neighbour


def test_few_events_change_results_of_a_new_user(films: tuple[str, Tracker], runtime: Any) -> None:
    """R-72d, RT-41, RT-43, EV-49."""
    campaign, tracker = films
    for number in range(3):
        tracker.put(event(f"i{2 * number + 1:03d}", sentAt=SENT_AT + number), userId="fresh")
        tracker.put(event(f"i{2 * number:03d}", sentAt=SENT_AT + number), sessionId="anonymous")
    assert share_odd(ids(runtime, campaign, "fresh")) == 1
    assert share_odd(ids(runtime, campaign, "anonymous")) == 0


def test_late_events_count_at_their_own_time(
    given: Given, events: Any, emulator: Emulator, runtime: Any
) -> None:
    """EV-47, R-72b: what happened before all else is not the newest of a history, whenever it arrives."""
    rows = two_camps()
    twins = [(twin, item, time) for user, item, time in rows if user == "u2" for twin in ("late", "now")]
    group = given.imported_group([*rows, *twins])
    campaign, tracker = given.campaign(given.version(given.solution(group))), Tracker(given, events, emulator, group)
    for number in range(3):
        tracker.put(event(f"i{2 * number + 1:03d}", sentAt=1_500_000_000 + number), userId="late")
        tracker.put(event(f"i{2 * number + 1:03d}", sentAt=SENT_AT + number), userId="now")
    assert share_odd(ids(runtime, campaign, "late")) < share_odd(ids(runtime, campaign, "now"))


def test_events_of_exactly_the_threshold_count(given: Given, events: Any, emulator: Emulator, runtime: Any) -> None:
    """T-12, T-20: at least as much as the threshold, in what is trained on and in what is streamed."""
    group = given.group()
    schema = avro(
        "Interactions",
        field("USER_ID"),
        field("ITEM_ID"),
        field("TIMESTAMP", "long"),
        field("EVENT_VALUE", "float"),
    )
    rows = "".join(f"{user},{item},{time},3.0\n" for user, item, time in two_camps())
    location = given.upload("USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\n" + rows)
    given.import_job(given.dataset(group, given.schema(schema)), location)
    solution = given.solution(group, solutionConfig={"eventValueThreshold": "3.0"})
    campaign, tracker = given.campaign(given.version(solution)), Tracker(given, events, emulator, group)
    for number in range(3):
        odd, even = (event(f"i{2 * number + camp:03d}", sentAt=SENT_AT + number) for camp in (1, 0))
        tracker.put({**odd, "eventValue": 3.0}, userId="fresh")
        tracker.put({**even, "eventValue": 2.9}, userId="fresh")
    assert share_odd(ids(runtime, campaign, "fresh")) == 1


def test_events_on_unknown_items_change_nothing_yet(films: tuple[str, Tracker], runtime: Any) -> None:
    """EV-48."""
    campaign, tracker = films
    before = ids(runtime, campaign, "u2")
    tracker.put(event("brand new"), userId="u2")
    assert ids(runtime, campaign, "u2") == before


def test_popularity_waits_for_the_next_training(given: Given, events: Any, emulator: Emulator, runtime: Any) -> None:
    """EV-49, R-75, R-SOL-12."""
    campaign = given.deployed(POPULARITY, name="pop")
    tracker = Tracker(given, events, emulator, arn("dataset-group", "pop"))
    before = ids(runtime, campaign, "u0")
    for number in range(70):
        tracker.put(event("hit"), userId=f"n{number}")
    assert ids(runtime, campaign, "u0") == before
    solution = arn("solution", "pop")
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=given.version(solution))
    assert ids(runtime, campaign, "u0")[0] == "hit"


def test_streamed_events_alone_are_enough_to_train(rich: Tracker) -> None:
    """D-77, R-SOL-12, T-80."""
    for user in range(50):
        for number in range(2):
            batch = [event(f"i{(user + 3 * k) % 40}", sentAt=SENT_AT + 100 * number + k) for k in range(10)]
            rich.put(*batch, userId=f"u{user}")
    version = rich.given.version(rich.given.solution(rich.group, POPULARITY))
    shown = rich.given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown["status"] == "ACTIVE"
