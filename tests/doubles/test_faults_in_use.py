"""What faults are for: a fallback list, a circuit breaker and an event queue of an application, tested with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, REGION, Given

BESTSELLERS = ["b1", "b2"]


@dataclass
class CircuitBreaker:
    """Refuses calls for a while after some failures in a row; then lets one through to see."""

    now: Callable[[], float]
    most_failures: int = 3
    pause: float = 30.0
    failures: int = 0
    opened_at: float = 0.0

    def lets_through(self) -> bool:
        return self.failures < self.most_failures or self.now() >= self.opened_at + self.pause

    def note(self, *, failed: bool) -> None:
        self.failures = self.failures + 1 if failed else 0
        if self.failures >= self.most_failures:
            self.opened_at = self.now()


@dataclass
class Shelf:
    """The recommendations of a page, or the bestsellers when there are none."""

    runtime: Any
    campaign: str
    breaker: CircuitBreaker

    def items(self, user: str) -> list[str]:
        if not self.breaker.lets_through():
            return BESTSELLERS
        try:
            answer = self.runtime.get_recommendations(campaignArn=self.campaign, userId=user, numResults=2)
            found = [item["itemId"] for item in answer["itemList"]]
        except (ClientError, BotoCoreError, KeyError):
            self.breaker.note(failed=True)
            return BESTSELLERS
        self.breaker.note(failed=False)
        return found


@dataclass
class EventQueue:
    """Sends events in order; those that could not be sent stay."""

    events: Any
    tracking_id: str
    waiting: list[dict[str, Any]] = field(default_factory=list)

    def flush(self) -> None:
        while self.waiting:
            event = self.waiting[0]
            try:
                self.events.put_events(trackingId=self.tracking_id, sessionId="s", userId="u", eventList=[event])
            except (ClientError, BotoCoreError):
                return
            self.waiting.pop(0)


@dataclass(frozen=True)
class Scene:
    emulator: Emulator
    given: Given
    client: Callable[[str], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    emulator = emulator_with_services(Settings(pace="instant"), ManualClock())
    with emulator, LiveServer(emulator) as server:
        yield server


@pytest.fixture(scope="module")
def prepared(server: LiveServer) -> Scene:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "endpoint_url": server.url}
    given = Given(boto3.client("personalize", REGION, **keys), boto3.client("s3", REGION, **keys))
    given.deployed(POPULARITY)
    return Scene(server.emulator, given, lambda service: boto3.client(service, REGION, config=config, **keys))


@pytest.fixture
def scene(prepared: Scene) -> Iterator[Scene]:
    yield prepared
    prepared.emulator.clear_faults()


@pytest.fixture
def shelf(scene: Scene) -> Shelf:
    campaign = scene.given.personalize.list_campaigns()["campaigns"][0]["campaignArn"]
    return Shelf(scene.client("personalize-runtime"), campaign, CircuitBreaker(scene.emulator.clock.now))


@pytest.mark.parametrize(
    "fault",
    [
        {"error": "ThrottlingException"},
        {"error": "ServiceUnavailable"},
        {"error": "ResourceNotFoundException"},
        {"error": "ExpiredTokenException"},
        {"drop": True},
        {"wrong_json": True},
        {"latency": "1h"},
    ],
    ids=str,
)
def test_the_fallback_list_is_shown_whatever_goes_wrong(scene: Scene, shelf: Shelf, fault: dict[str, Any]) -> None:
    assert shelf.items("u") != BESTSELLERS
    scene.emulator.fail("GetRecommendations", **fault, times=1)
    assert shelf.items("u") == BESTSELLERS
    assert shelf.items("u") != BESTSELLERS


def test_the_circuit_breaker_spares_a_failing_service(scene: Scene, shelf: Shelf) -> None:
    fault = scene.emulator.fail("GetRecommendations", "ServiceUnavailable")
    assert [shelf.items("u") for _ in range(10)] == [BESTSELLERS] * 10
    assert fault.hits == 3
    scene.emulator.advance(30)
    assert shelf.items("u") == BESTSELLERS
    assert shelf.items("u") == BESTSELLERS
    assert fault.hits == 4
    fault.remove()
    assert shelf.items("u") == BESTSELLERS
    scene.emulator.advance(30)
    assert [shelf.items("u") != BESTSELLERS for _ in range(2)] == [True, True]


def test_rare_faults_do_not_open_the_circuit(scene: Scene, shelf: Shelf) -> None:
    fault = scene.emulator.fail("GetRecommendations", "InternalFailure", times=2)
    shown = [shelf.items("u") for _ in range(4)]
    assert [items == BESTSELLERS for items in shown] == [True, True, False, False]
    assert fault.hits == 2


def test_a_request_that_is_continued_in_another_thread_is_hit_once(scene: Scene, shelf: Shelf) -> None:
    """The event loop gives up a request whose scores are not remembered, after its faults were applied."""
    fault = scene.emulator.fail("GetRecommendations", latency="1ms", times=4)
    assert [shelf.items(f"new {number}") != BESTSELLERS for number in range(3)] == [True] * 3
    assert fault.hits == 3
    assert shelf.items("new 0") != BESTSELLERS
    assert fault.used_up


@pytest.mark.parametrize("fault", [{"error": "ThrottlingException"}, {"drop": True}], ids=str)
def test_no_event_is_lost_or_stored_twice(scene: Scene, fault: dict[str, Any]) -> None:
    """EV-40: an event that is sent again has the same id."""
    group = scene.given.personalize.list_dataset_groups()["datasetGroups"][0]["datasetGroupArn"]
    trackers = scene.given.personalize.list_event_trackers(datasetGroupArn=group)["eventTrackers"]
    if trackers:
        described = scene.given.personalize.describe_event_tracker(eventTrackerArn=trackers[0]["eventTrackerArn"])
        tracking_id = described["eventTracker"]["trackingId"]
    else:
        tracking_id = scene.given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    ids = [f"{next(iter(fault))}-{number}" for number in range(6)]
    queue = EventQueue(scene.client("personalize-events"), tracking_id, [event(each) for each in ids])
    before = stored_events(scene)
    scene.emulator.fail("PutEvents", **fault, where={"eventList": [{"eventId": ids[2]}]}, times=2)
    left = []
    for _ in range(3):
        queue.flush()
        left.append(len(queue.waiting))
    assert left == [4, 4, 0]
    assert stored_events(scene) == before + 6


def event(event_id: str) -> dict[str, Any]:
    return {"eventId": event_id, "eventType": "watch", "itemId": event_id, "sentAt": 1_700_000_000}


def stored_events(scene: Scene) -> int:
    contents: Sequence[Any] = scene.emulator.state.all_contents()
    return sum(each.data_version.log_length for each in contents)
