"""Capacity: provisioned throughput with auto-scaling, and quotas of requests per second (RT-100, RT-101)."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.config import Config

from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.core.context import MustWait
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.throughput import Throughput, TokenBucket, take_from_all
from personalize_emu.wire.errors import ThrottlingException
from tests.domain_groups import recommender, shop
from tests.given import ACCOUNT, POPULARITY, REGION, USERS_SCHEMA, Given

EVENT = {"eventType": "watch", "itemId": "i", "sentAt": 1_700_000_000.0}


@pytest.fixture
def emulator(clock: ManualClock) -> Iterator[Emulator]:
    with mock_personalize(clock=clock, capacity="on") as emulator:
        yield emulator


def passed(call: Callable[[], object], times: int) -> int:
    """How many of so many calls are carried out; the others are throttled."""
    count = 0
    for _ in range(times):
        try:
            call()
        except ThrottlingException:
            continue
        count += 1
    return count


def requests_of(emulator: Emulator, **request: Any) -> Callable[[], object]:
    return lambda: emulator.call("GetRecommendations", {"numResults": 1, **request})


def deploy(given: Given, version: str, name: str, minimum: int) -> str:
    request = {"name": name, "solutionVersionArn": version, "minProvisionedTPS": minimum}
    return str(given.personalize.create_campaign(**request)["campaignArn"])


@pytest.fixture
def campaign(given: Given) -> str:
    """minProvisionedTPS is 1."""
    return given.deployed(POPULARITY)


def test_a_second_of_the_minimum_may_come_at_once(emulator: Emulator, given: Given, campaign: str) -> None:
    """R-CMP-5."""
    ask = requests_of(emulator, campaignArn=campaign)
    assert passed(ask, 3) == 1
    emulator.advance(0.5)
    assert passed(ask, 1) == 0
    emulator.advance(0.5)
    assert passed(ask, 2) == 1
    emulator.advance(10)
    assert passed(ask, 3) == 1
    given.personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=20)
    emulator.advance(1)
    assert passed(ask, 30) == 20


def test_request_that_is_continued_in_another_thread_is_metered_once(emulator: Emulator, campaign: str) -> None:
    request = {"campaignArn": campaign, "numResults": 1}
    with pytest.raises(MustWait):
        emulator.call("GetRecommendations", request, may_wait=False)
    assert emulator.call("GetRecommendations", request) is not None


def test_capacity_follows_the_use_after_a_minute_and_shrinks_after_five(emulator: Emulator, campaign: str) -> None:
    ask = requests_of(emulator, campaignArn=campaign)
    for _ in range(60):
        # Seven requests a second at 70 percent utilization need a capacity of ten.
        assert passed(ask, 7) == 1
        emulator.advance(1)
    assert passed(ask, 1) == 1
    emulator.advance(1)
    assert emulator.shown_state()["capacity"] == {campaign: {"minimum": 1, "provisioned": 10}}
    assert passed(ask, 20) == 10
    for minutes, provisioned in ((4, 10), (1, 1)):
        emulator.advance(60 * minutes)
        assert emulator.shown_state()["capacity"][campaign]["provisioned"] == provisioned
    assert passed(ask, 20) == 1


def test_campaigns_are_metered_one_by_one(emulator: Emulator, given: Given, campaign: str) -> None:
    version = given.personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    other = deploy(given, version, "other", 3)
    assert passed(requests_of(emulator, campaignArn=campaign), 5) == 1
    assert passed(requests_of(emulator, campaignArn=other), 5) == 3


def test_recommenders_have_a_minimum_of_their_own(emulator: Emulator, given: Given) -> None:
    """R-REC-2."""
    group = shop(given)
    config = {"minRecommendationRequestsPerSecond": 4}
    arns = [
        recommender(given, group, "ecomm-popular-items-by-views", "plain"),
        recommender(given, group, "ecomm-popular-items-by-views", "larger", recommenderConfig=config),
    ]
    asks = [requests_of(emulator, recommenderArn=each, userId="u") for each in arns]
    assert [passed(ask, 6) for ask in asks] == [1, 4]


def test_quotas_of_the_account_and_of_a_campaign(given: Given, emulator: Emulator, campaign: str) -> None:
    """Q-48, Q-49: at most 500 a second of each operation of a campaign, and 2,500 of all."""
    version = given.personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    given.personalize.delete_campaign(campaignArn=campaign)
    large = [deploy(given, version, f"c{number}", 1000) for number in range(5)]
    assert passed(requests_of(emulator, campaignArn=large[0]), 510) == 500
    emulator.advance(1)
    assert sum(passed(requests_of(emulator, campaignArn=each), 505) for each in large) == 2500
    emulator.advance(0.1)
    assert passed(requests_of(emulator, campaignArn=large[0]), 60) == 50


def test_account_quota_is_shared_by_its_campaigns(clock: ManualClock) -> None:
    with mock_personalize(clock=clock, capacity="on", quotas="runtime-tps=5,campaign-tps=4") as emulator:
        given = _given()
        first = given.deployed(POPULARITY)
        given.personalize.update_campaign(campaignArn=first, minProvisionedTPS=100)
        version = given.personalize.describe_campaign(campaignArn=first)["campaign"]["solutionVersionArn"]
        second = deploy(given, version, "second", 100)
        assert [passed(requests_of(emulator, campaignArn=each), 9) for each in (first, second)] == [4, 1]


def test_without_quotas_the_provisioned_capacity_still_holds(clock: ManualClock) -> None:
    with mock_personalize(clock=clock, capacity="on", quotas="off") as emulator:
        given = _given()
        campaign = given.deployed(POPULARITY)
        assert passed(requests_of(emulator, campaignArn=campaign), 5) == 1
        given.personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=700)
        emulator.advance(1)
        assert passed(requests_of(emulator, campaignArn=campaign), 710) == 700


def _given() -> Given:
    return Given(boto3.client("personalize", REGION), boto3.client("s3", REGION))


def test_events_are_metered_by_dataset_group(given: Given, emulator: Emulator) -> None:
    """Q-43: 1,000 requests a second."""
    schema = given.schema()
    puts = []
    for name in ("first", "second"):
        group = given.group(name)
        given.dataset(group, schema)
        tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        request = {"trackingId": tracker, "sessionId": "s", "userId": "u", "eventList": [EVENT]}
        puts.append(lambda request=request: emulator.call("PutEvents", request))
    assert passed(puts[0], 1010) == 1000
    assert passed(puts[1], 10) == 10
    emulator.advance(0.01)
    assert passed(puts[0], 20) == 10


def test_records_are_metered_by_operation_and_dataset_group(given: Given, emulator: Emulator) -> None:
    """Q-45: ten requests a second."""
    group = given.group()
    dataset = given.dataset(group, given.schema(USERS_SCHEMA, "users"), "Users")
    user = {"userId": "u", "properties": '{"age": 1}'}
    assert passed(lambda: emulator.call("PutUsers", {"datasetArn": dataset, "users": [user]}), 15) == 10


def test_a_throttled_event_is_not_stored(given: Given, clock: ManualClock) -> None:
    with mock_personalize(clock=clock, capacity="on", quotas="put-events-tps=1") as emulator:
        given = _given()
        group = given.group()
        dataset = given.dataset(group, given.schema())
        tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        request = {"trackingId": tracker, "sessionId": "s", "userId": "u", "eventList": [EVENT]}
        assert passed(lambda: emulator.call("PutEvents", request), 4) == 1
        contents = emulator.state.contents(dataset)
        assert contents is not None
        assert contents.streamed(4).num_rows == 1


def test_unknown_resources_are_not_found_rather_than_throttled(emulator: Emulator) -> None:
    client = boto3.client("personalize-runtime", REGION, config=Config(retries={"total_max_attempts": 1}))
    missing = f"arn:aws:personalize:{REGION}:{ACCOUNT}:campaign/none"
    for _ in range(3):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_recommendations(campaignArn=missing, userId="u")


def test_throttling_over_http_is_retried_by_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """RT-4, RT-101: HTTP 400 with a code that clients retry; the clock of the server advances meanwhile."""
    clock = ManualClock()
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _: clock.advance(1)))
    settings = Settings(pace="instant", capacity="on")
    with emulator_with_services(settings, clock) as emulator, LiveServer(emulator) as server:
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "endpoint_url": server.url}
        given = Given(boto3.client("personalize", REGION, **keys), boto3.client("s3", REGION, **keys))
        campaign = given.deployed(POPULARITY)
        once = boto3.client("personalize-runtime", REGION, config=Config(retries={"total_max_attempts": 1}), **keys)
        once.get_recommendations(campaignArn=campaign)
        with pytest.raises(once.exceptions.ClientError) as caught:
            once.get_recommendations(campaignArn=campaign)
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ThrottlingException", 400)
        patient = boto3.client("personalize-runtime", REGION, config=Config(retries={"mode": "standard"}), **keys)
        assert patient.get_recommendations(campaignArn=campaign)["ResponseMetadata"]["RetryAttempts"] == 1


def test_metering_is_the_same_for_the_same_calls() -> None:
    """Any number of threads pass as many requests as one."""
    with mock_personalize(clock=ManualClock(), capacity="on") as emulator:
        given = _given()
        campaign = given.deployed(POPULARITY)
        given.personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=50)
        counts: list[int] = []
        ask = requests_of(emulator, campaignArn=campaign)
        threads = [threading.Thread(target=lambda: counts.append(passed(ask, 30))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(counts) == 50


def test_a_refused_request_takes_no_token_of_other_buckets() -> None:
    full, empty = TokenBucket(), TokenBucket()
    full.fill(5, 0.0)
    empty.fill(0, 0.0)
    assert not take_from_all([full, empty])
    assert full.tokens == 5


def test_minutes_without_requests_are_counted() -> None:
    throughput = Throughput()
    throughput.count(0.0)
    throughput.requests = 420
    throughput.pass_time(59.9)
    assert throughput.capacity(1) == 1
    throughput.pass_time(60.0)
    assert throughput.capacity(1) == throughput.capacity(10) == 10
    throughput.pass_time(359.9)
    assert throughput.capacity(1) == 10
    throughput.pass_time(1e9)
    assert throughput.capacity(1) == 1
