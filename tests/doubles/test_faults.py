"""Faults of requests, through boto3 clients in process and over HTTP."""

from __future__ import annotations

import socket
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.retries.bucket import TokenBucket

from personalize_emu import mock_personalize
from personalize_emu.doubles.fault_list import MOST_FAULTS
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from tests.given import REGION, arn

EVENT = {"eventType": "click", "sentAt": 1_700_000_000}
ONCE = {"total_max_attempts": 1}


@dataclass(frozen=True)
class Place:
    """An emulator and how clients reach it. url: None in process."""

    emulator: Emulator
    url: str | None

    def client(self, service: str = "personalize", retries: Any = ONCE, **config: Any) -> Any:
        options = Config(retries=retries, **config)
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
        return boto3.client(service, REGION, endpoint_url=self.url, config=options, **keys)


@pytest.fixture(params=["in process", "over HTTP"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "in process":
        with mock_personalize(seed=5) as emulator:
            yield Place(emulator, None)
    else:
        with LiveServer() as server:
            yield Place(server.emulator, server.url)


def code_of(call: Callable[[], object]) -> tuple[str, int]:
    """The error code and the status of a call; "" and 200 if it succeeds."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "", 200


def codes(call: Callable[[], object], times: int) -> list[str]:
    return [code_of(call)[0] for _ in range(times)]


@pytest.mark.parametrize(
    ("service", "call", "code", "status"),
    [
        ("personalize", "list_schemas", "ThrottlingException", 400),
        ("personalize", "list_schemas", "LimitExceededException", 400),
        ("personalize", "list_schemas", "ResourceNotFoundException", 400),
        ("personalize", "list_schemas", "ServiceUnavailable", 503),
        ("personalize", "list_schemas", "InternalServerException", 500),
        ("personalize", "list_schemas", "InternalFailure", 500),
        ("personalize", "list_schemas", "AccessDeniedException", 400),
        ("personalize", "list_schemas", "ExpiredTokenException", 400),
        ("personalize-runtime", "get_recommendations", "ResourceNotFoundException", 404),
        ("personalize-runtime", "get_recommendations", "RequestTimeout", 408),
        ("personalize-runtime", "get_recommendations", "ThrottlingException", 400),
        ("personalize-events", "put_events", "ResourceInUseException", 409),
        ("personalize-events", "put_events", "ServiceUnavailable", 503),
    ],
)
def test_errors_have_the_status_and_form_of_their_service(
    place: Place, service: str, call: str, code: str, status: int
) -> None:
    """P-37, P-38, P-62, P-63: the same code has another status on another endpoint."""
    requests = {
        "list_schemas": {},
        "get_recommendations": {"campaignArn": arn("campaign", "c"), "userId": "u"},
        "put_events": {"trackingId": "t", "sessionId": "s", "eventList": [EVENT]},
    }
    name = "".join(word.capitalize() for word in call.split("_"))
    place.emulator.fail(name, code, message="try later")
    client = place.client(service)
    with pytest.raises(ClientError) as caught:
        getattr(client, call)(**requests[call])
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert answer["Error"]["Message"] == "try later"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]


def test_modelled_errors_are_raised_as_classes_of_the_client(place: Place) -> None:
    place.emulator.fail("CreateDatasetGroup", "ResourceAlreadyExistsException", times=1)
    client = place.client()
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException, match="already exists"):
        client.create_dataset_group(name="shop")
    assert client.list_dataset_groups()["datasetGroups"] == []
    client.create_dataset_group(name="shop")


def test_faults_apply_one_after_another_and_count_their_hits(place: Place) -> None:
    first = place.emulator.fail("ListSchemas", "ThrottlingException", times=2)
    second = place.emulator.fail("*", "InternalFailure", times=1)
    last = place.emulator.fail("ListSchemas", "TeapotException", status=418, times=1)
    client = place.client()
    assert codes(client.list_schemas, 5) == [
        "ThrottlingException", "ThrottlingException", "InternalFailure", "TeapotException", ""
    ]  # fmt: skip
    assert [each.hits for each in (first, second, last)] == [2, 1, 1]
    assert [each.members() for each in place.emulator.faults()] == [
        {"id": 1, "operation": "ListSchemas", "error": "ThrottlingException", "times": 2, "hits": 2},
        {"id": 2, "operation": "*", "error": "InternalFailure", "times": 1, "hits": 1},
        {"id": 3, "operation": "ListSchemas", "error": "TeapotException", "status": 418, "times": 1, "hits": 1},
    ]


def test_faults_match_arns_and_members(place: Place) -> None:
    shop, news = arn("campaign", "shop"), arn("campaign", "news")
    runtime, events = place.client("personalize-runtime"), place.client("personalize-events")
    place.emulator.fail("GetRecommendations", "ThrottlingException", arn=shop)
    place.emulator.fail("GetRecommendations", "InternalFailure", where={"userId": "u2"})
    place.emulator.fail("PutEvents", "ServiceUnavailable", where={"eventList": [{"eventType": "buy"}]})

    def recommend(campaign: str, user: str) -> str:
        return code_of(lambda: runtime.get_recommendations(campaignArn=campaign, userId=user))[0]

    def put(kind: str) -> str:
        event = {**EVENT, "eventType": kind}
        return code_of(lambda: events.put_events(trackingId="t", sessionId="s", eventList=[EVENT, event]))[0]

    assert recommend(shop, "u1") == "ThrottlingException"
    assert recommend(news, "u2") == "InternalFailure"
    assert recommend(news, "u1") == "ResourceNotFoundException"
    assert put("buy") == "ServiceUnavailable"
    assert put("look") != "ServiceUnavailable"


def test_faults_end_when_they_are_removed_cleared_or_reset(place: Place) -> None:
    client = place.client()
    fault = place.emulator.fail("ListSchemas", "ThrottlingException")
    assert codes(client.list_schemas, 1) == ["ThrottlingException"]
    fault.remove()
    fault.remove()
    assert codes(client.list_schemas, 1) == [""]
    with place.emulator.fail("ListSchemas", "ThrottlingException"):
        assert codes(client.list_schemas, 1) == ["ThrottlingException"]
    assert codes(client.list_schemas, 1) == [""]
    place.emulator.fail("ListSchemas", "ThrottlingException")
    place.emulator.clear_faults()
    assert (codes(client.list_schemas, 1), place.emulator.faults()) == ([""], [])
    place.emulator.fail("ListSchemas", "ThrottlingException")
    place.emulator.reset()
    assert (codes(client.list_schemas, 1), place.emulator.faults()) == ([""], [])


def test_draws_depend_on_the_seed_alone(place: Place) -> None:
    client = place.client()

    def drawn() -> list[str]:
        place.emulator.reset()
        place.emulator.fail("ListSchemas", "ThrottlingException", probability=0.3)
        return codes(client.list_schemas, 40)

    first = drawn()
    assert 4 < first.count("ThrottlingException") < 20
    assert drawn() == first


def test_another_seed_draws_others() -> None:
    drawn = set()
    for seed in (1, 2):
        with mock_personalize(seed=seed) as emulator:
            emulator.fail("ListSchemas", "ThrottlingException", probability=0.5)
            drawn.add(tuple(codes(Place(emulator, None).client().list_schemas, 20)))
    assert len(drawn) == 2


def test_dropped_connections_are_seen_as_closed_and_the_request_is_not_carried_out(place: Place) -> None:
    client = place.client()
    place.emulator.fail("CreateDatasetGroup", drop=True, times=1)
    with pytest.raises(ConnectionClosedError):
        client.create_dataset_group(name="shop")
    assert client.list_dataset_groups()["datasetGroups"] == []


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_dropped_connections_are_retried(place: Place, mode: str, no_sleep: list[float]) -> None:
    place.emulator.fail("CreateDatasetGroup", drop=True, times=2)
    client = place.client(retries={"mode": mode, "total_max_attempts": 3})
    client.create_dataset_group(name="shop")
    assert [each.hits for each in place.emulator.faults()] == [2]
    assert len(no_sleep) == 2


def test_a_dropped_connection_is_closed_without_a_byte() -> None:
    with LiveServer() as server:
        server.emulator.fail("ListSchemas", drop=True)
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AmazonPersonalize.ListSchemas\r\n"
            connection.sendall(f"{head}content-length: 2\r\n\r\n{{}}".encode())
            assert connection.recv(1000) == b""


def test_broken_bodies_are_not_json_and_the_request_is_carried_out(place: Place) -> None:
    client = place.client()
    texts: list[bytes] = []
    record = lambda response_dict, **_: texts.append(response_dict["body"])  # noqa: E731
    client.meta.events.register("before-parse.personalize", record)
    place.emulator.fail("*", wrong_json=True, times=1)
    answer = client.create_dataset_group(name="shop")
    assert "datasetGroupArn" not in answer
    assert texts == [b'{"datasetGroupArn":"arn:aws:personalize:u']
    assert [each["name"] for each in client.list_dataset_groups()["datasetGroups"]] == ["shop"]


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that botocore would have slept between attempts."""
    slept: list[float] = []
    # In adaptive mode the client also slows itself down after throttling.
    monkeypatch.setattr(TokenBucket, "_sleep_amount", lambda *_: 0)
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=slept.append))
    return slept


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailable", "InternalFailure"])
def test_retry_modes_of_boto3_overcome_two_faults(place: Place, mode: str, code: str, no_sleep: list[float]) -> None:
    """P-42, P-64."""
    place.emulator.fail("CreateDatasetGroup", code, times=2)
    client = place.client(retries={"mode": mode, "total_max_attempts": 3})
    answer = client.create_dataset_group(name="shop")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(no_sleep) == 2
    place.emulator.fail("CreateDatasetGroup", code, times=3)
    assert code_of(lambda: client.create_dataset_group(name="news"))[0] == code
    assert [each.hits for each in place.emulator.faults()] == [2, 3]


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_errors_of_the_client_are_not_retried(place: Place, mode: str, no_sleep: list[float]) -> None:
    place.emulator.fail("CreateDatasetGroup", "InvalidInputException", times=1)
    client = place.client(retries={"mode": mode, "total_max_attempts": 3})
    assert code_of(lambda: client.create_dataset_group(name="shop"))[0] == "InvalidInputException"
    assert no_sleep == []


def test_the_time_out_of_a_client_is_reached() -> None:
    with LiveServer() as server:
        server.emulator.fail("CreateDatasetGroup", latency="1h", times=1)
        client = Place(server.emulator, server.url).client(read_timeout=0.2)
        with pytest.raises(ReadTimeoutError):
            client.create_dataset_group(name="shop")
        assert [each["name"] for each in client.list_dataset_groups()["datasetGroups"]] == ["shop"]


def test_delayed_answers_hold_no_thread_of_the_server() -> None:
    """More delayed requests than there are threads for their kind."""
    with LiveServer() as server:
        server.emulator.fail("ListSchemas", latency="1h", times=8)
        place = Place(server.emulator, server.url)
        impatient = place.client(read_timeout=0.05)
        for _ in range(8):
            with pytest.raises(ReadTimeoutError):
                impatient.list_schemas()
        assert place.client(read_timeout=30).list_schemas()["schemas"] == []


def test_latency_is_added_to_errors_and_to_other_faults(place: Place) -> None:
    place.emulator.fail("ListSchemas", latency="20ms")
    place.emulator.fail("ListSchemas", "ThrottlingException", latency=0.01)
    assert codes(place.client().list_schemas, 2) == ["ThrottlingException"] * 2
    assert [each.hits for each in place.emulator.faults()] == [2, 2]
    injection = place.emulator.doubles.faults.hit("ListSchemas", {})
    assert injection is not None
    assert injection.delay == pytest.approx(0.03)


class AnnouncedWait(threading.Event):
    """begun: set when a thread begins to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait(timeout)


@pytest.mark.parametrize("end", ["clear_faults", "reset", "close"])
def test_answers_delayed_in_process_are_given_when_faults_end(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_personalize() as emulator:
        client = Place(emulator, None).client()
        emulator.fail("ListSchemas", latency="1h")
        released = AnnouncedWait()
        monkeypatch.setattr(emulator.doubles.faults, "_released", released)
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(client.list_schemas()["schemas"]))
        thread.start()
        assert released.begun.wait(30)
        getattr(emulator, end)()
        thread.join(30)
        assert answers == [[]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"operation": "PutEvent", "error": "ThrottlingException"}, "did you mean PutEvents"),
        ({"operation": "put_events", "error": "ThrottlingException"}, "did you mean PutEvents"),
        ({"operation": "PutEvents", "error": "Throttled"}, "ThrottlingException"),
        ({"operation": "PutEvents", "error": "LimitExceededException"}, "has no error LimitExceededException"),
        ({"operation": "PutEvents", "error": "a\r\nb", "status": 400}, "error code"),
        ({"operation": "PutEvents"}, "needs an error, latency, drop or wrongJson"),
        ({"operation": "PutEvents", "error": "ThrottlingException", "times": 0}, "times must be a whole number"),
        ({"operation": "PutEvents", "error": "ThrottlingException", "times": True}, "times must be"),
        ({"operation": "PutEvents", "error": "ThrottlingException", "probability": 0}, "must be more than 0"),
        ({"operation": "PutEvents", "error": "ThrottlingException", "status": 200}, "status must be"),
        ({"operation": "PutEvents", "latency": "soon"}, "a duration is"),
        ({"operation": "PutEvents", "drop": True, "error": "ThrottlingException"}, "dropped connection has no answer"),
        ({"operation": "PutEvents", "drop": True, "message": "no"}, "need an error"),
        ({"operation": "PutEvents", "drop": True, "where": {"campaignArn": "a"}}, "no member 'campaignArn'"),
        ({"operation": "PutEvents", "drop": True, "where": ["a"]}, "where must be an object"),
    ],
)
def test_malformed_faults_are_refused(emulator: Emulator, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emulator.fail(**given)
    assert emulator.faults() == []


def test_faults_are_bounded(emulator: Emulator, personalize: Any) -> None:
    emulator.fail("ListSchemas", "InvalidInputException", times=1)
    for _ in range(MOST_FAULTS - 1):
        emulator.fail("ListSchemas", "ThrottlingException")
    with pytest.raises(ValueError, match="remove some first"):
        emulator.fail("ListSchemas", "ThrottlingException")
    assert codes(personalize.list_schemas, 1) == ["InvalidInputException"]
    emulator.fail("ListSchemas", "ThrottlingException")
    assert len(emulator.faults()) == MOST_FAULTS


def test_injected_faults_are_counted_in_the_metrics(place: Place) -> None:
    place.emulator.fail("ListSchemas", "ServiceUnavailable", times=1)
    codes(place.client().list_schemas, 2)
    counts = place.emulator.state.counters.counts().requests
    assert (counts["ListSchemas", 503], counts["ListSchemas", 200]) == (1, 1)


