"""The same seed and calls give the same bytes; emulators of one process do not see each other."""

from __future__ import annotations

import json
from typing import Any

from personalize_emu.aws_services import AccessDenied, AwsServices
from personalize_emu.edge.request_pipeline import answer
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.given import INTERACTIONS_SCHEMA, POPULARITY, arn

GROUP = arn("dataset-group", "g")


def no_clients(service: str, region: str) -> Any:
    raise AccessDenied(service)


def emulator(seed: int = 3) -> Emulator:
    return Emulator(Settings(pace="instant", seed=seed), clock=ManualClock(), aws_services=AwsServices(no_clients))


def post(emulator: Emulator, path: str, target: str, **params: Any) -> bytes:
    headers = {"x-amz-target": f"AmazonPersonalize.{target}"} if path == "/" else {}
    response = answer(emulator, "POST", path, "", headers, json.dumps(params).encode())
    assert response.status == 200, response.body
    return repr(response.headers).encode() + response.body


def story(emulator: Emulator) -> list[bytes]:
    """A whole path fed by streamed events, every answer with its headers."""
    answers: list[bytes] = []

    def control(target: str, **params: Any) -> dict[str, Any]:
        answers.append(post(emulator, "/", target, **params))
        body: dict[str, Any] = json.loads(answers[-1][answers[-1].index(b"{") :])
        return body

    control("CreateDatasetGroup", name="g")
    schema = control("CreateSchema", name="s", schema=INTERACTIONS_SCHEMA)["schemaArn"]
    control("CreateDataset", name="d", schemaArn=schema, datasetGroupArn=GROUP, datasetType="Interactions")
    tracker = control("CreateEventTracker", name="t", datasetGroupArn=GROUP)["trackingId"]
    for user in range(110):
        events = [
            {"eventType": "e", "itemId": f"i{(user * k) % 37}", "sentAt": 1_600_000_000 + 60 * k}
            for k in range(1, 11)
        ]
        body = {"trackingId": tracker, "sessionId": "s", "userId": f"u{user}", "eventList": events}
        answers.append(post(emulator, "/events", "", **body))
    solution = control("CreateSolution", name="s", datasetGroupArn=GROUP, recipeArn=POPULARITY)["solutionArn"]
    version = control("CreateSolutionVersion", solutionArn=solution)["solutionVersionArn"]
    control("GetSolutionMetrics", solutionVersionArn=version)
    campaign = control("CreateCampaign", name="c", solutionVersionArn=version)["campaignArn"]
    control("DescribeSolutionVersion", solutionVersionArn=version)
    control("ListSolutions", maxResults=1)
    answers.append(post(emulator, "/recommendations", "", campaignArn=campaign, userId="u1"))
    return answers


def test_the_same_seed_and_calls_give_the_same_bytes() -> None:
    first, second, other = emulator(), emulator(), emulator(seed=4)
    with first, second, other:
        recorded = story(first)
        assert recorded == story(second)
        assert recorded != story(other)


def test_a_reset_emulator_repeats_the_same_bytes() -> None:
    with emulator() as one:
        recorded = story(one)
        one.reset()
        assert one.health()["resources"] == {}
        assert story(one) == recorded


def test_emulators_of_one_process_are_independent() -> None:
    with emulator() as one, emulator() as other:
        post(one, "/", "CreateDatasetGroup", name="g")
        assert one.health()["resources"] == {"dataset-group": 1}
        assert other.health()["resources"] == {}
