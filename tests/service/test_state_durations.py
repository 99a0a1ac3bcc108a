"""Every state lasts as long as it should, of every kind, on a clock that only the test moves (R-GEN-10, R-GEN-19)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.lifecycle import course_of, creation_duration, deletion_duration
from personalize_emu.state.resources import RESOURCE_TYPES, Stateful
from tests.attributions import WATCHED, attribution, metric
from tests.batch_requests import inference_request
from tests.domain_groups import recommender, shop
from tests.given import ITEMS_SCHEMA, REGION, SIMS, Given, arn, two_camps

ITEM_AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"
Create = Callable[[Given], str]
GROUP, INTERACTIONS = arn("dataset-group", "group"), arn("dataset", "group/INTERACTIONS")


def version_of(given: Given, solution: str) -> str:
    (version,) = given.personalize.list_solution_versions(solutionArn=arn("solution", solution))["solutionVersions"]
    found: str = version["solutionVersionArn"]
    return found


def segment_job(given: Given) -> str:
    request = inference_request(version_of(given, "segments"), given.upload('{"itemId": "i001"}\n', "asked.json"))
    found: str = given.personalize.create_batch_segment_job(**request)["batchSegmentJobArn"]
    return found


def inference_job(given: Given) -> str:
    request = inference_request(version_of(given, "sims"), given.upload('{"itemId": "i001"}\n', "asked.json"))
    found: str = given.personalize.create_batch_inference_job(**request)["batchInferenceJobArn"]
    return found


def filter_of(given: Given) -> str:
    text = 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("watch")'
    found: str = given.personalize.create_filter(name="f", datasetGroupArn=GROUP, filterExpression=text)["filterArn"]
    return found


def tracker(given: Given) -> str:
    found: str = given.personalize.create_event_tracker(name="t", datasetGroupArn=GROUP)["eventTrackerArn"]
    return found


CREATIONS: dict[str, Create] = {
    "dataset-group": lambda given: given.group("another"),
    "dataset": lambda given: given.dataset(GROUP, given.schema(ITEMS_SCHEMA, "items"), "Items"),
    "dataset-import-job": lambda given: given.import_job(INTERACTIONS, given.upload(watched(), "w.csv"), "more"),
    "dataset-export-job": lambda given: given.export_job(INTERACTIONS),
    "data-deletion-job": lambda given: given.deletion_job(GROUP, given.upload("USER_ID\nu1\n", "gone.csv")),
    "event-tracker": tracker,
    "filter": filter_of,
    "metric-attribution": lambda given: attribution(given, GROUP, metric()),
    "solution-version": lambda given: given.version(given.solution(GROUP, SIMS, "new", performAutoTraining=False)),
    "campaign": lambda given: given.campaign(version_of(given, "sims")),
    "recommender": lambda given: recommender(given, arn("dataset-group", "ecommerce"), "ecomm-popular-items-by-views"),
    "batch-inference-job": inference_job,
    "batch-segment-job": segment_job,
}
AT_ONCE = {"solution"}
"""R-SOL-5."""
SECONDS = {
    "dataset-group": (15, 30),
    "dataset": (5, 20),
    "dataset-import-job": (30, 500),
    "dataset-export-job": (30, 300),
    "data-deletion-job": (60, 1800),
    "event-tracker": (5, 20),
    "filter": (5, 20),
    "metric-attribution": (5, 20),
    "solution-version": (60, 2400),
    "campaign": (30, 480),
    "recommender": (60, 2400),
    "batch-inference-job": (60, 1200),
    "batch-segment-job": (60, 1200),
}
"""Pending and in progress, with the pace `real`."""
RECORDED_MINUTES = {
    "dataset-group": (0.25, 1),
    "dataset": (0.25, 0.5),
    "dataset-import-job": (4, 17),
    "solution-version": (20, 222),
    "batch-segment-job": (7, 47),
    "batch-inference-job": (13, 27),
}
"""R-GEN-19: from the shortest to the longest that was seen of the service."""


def watched() -> str:
    rows = "".join(f"{user},{item},{time},watch,1.0,,\n" for user, item, time in two_camps())
    return "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,RECOMMENDATION_ID,EVENT_ATTRIBUTION_SOURCE\n" + rows


@pytest.fixture(scope="module")
def state() -> Iterator[tuple[Given, Emulator]]:
    """With what each kind needs, at rest."""
    with mock_personalize(clock=ManualClock(), pace="real") as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        shop(given, wait=lambda: emulator.advance(1000))
        given.group()
        emulator.advance(60)
        given.dataset(GROUP, given.schema(WATCHED))
        emulator.advance(60)
        given.import_job(INTERACTIONS, given.upload(watched()))
        emulator.advance(1000)
        for name, recipe in (("sims", SIMS), ("segments", ITEM_AFFINITY)):
            given.version(given.solution(GROUP, recipe, name, performAutoTraining=False))
        emulator.advance(3000)
        yield given, emulator


def status_of(emulator: Emulator, resource: str) -> str:
    (record,) = [each for each in emulator.state.store.records() if each.arn == resource]
    assert isinstance(record, Stateful)
    return record.status


def test_every_kind_is_tested() -> None:
    kinds = {kind.kind for kind in RESOURCE_TYPES if issubclass(kind, Stateful)}
    assert set(CREATIONS) | AT_ONCE == kinds


@pytest.mark.parametrize("kind", sorted(CREATIONS))
def test_states_of_a_creation_last_as_long_as_configured(state: tuple[Given, Emulator], kind: str) -> None:
    """R-GEN-10, R-GEN-19, R-DDJ-3: to the second before, and from the second on."""
    given, emulator = state
    course, (waiting, working) = course_of(kind), SECONDS[kind]
    resource = CREATIONS[kind](given)
    for state, seconds in ((course.pending, waiting), (course.in_progress, working)):
        assert status_of(emulator, resource) == state
        emulator.advance(seconds - 0.5)
        assert status_of(emulator, resource) == state
        emulator.advance(0.5)
    assert status_of(emulator, resource) == course.done


@pytest.mark.parametrize("kind", RECORDED_MINUTES)
def test_creations_last_as_long_as_those_recorded(kind: str) -> None:
    shortest, longest = RECORDED_MINUTES[kind]
    assert shortest * 60 <= sum(SECONDS[kind]) <= longest * 60


def test_solutions_are_active_at_once(state: tuple[Given, Emulator]) -> None:
    """R-SOL-5."""
    given, emulator = state
    assert status_of(emulator, given.solution(GROUP, SIMS, "at-once", performAutoTraining=False)) == "ACTIVE"


@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_a_scale_stretches_every_state(scale: float) -> None:
    """R-GEN-19."""
    plain, scaled = Settings(pace="real"), Settings(pace="real", real_pace_scale=scale)
    for kind in CREATIONS:
        one, other = creation_duration(plain, kind), creation_duration(scaled, kind)
        assert (other.waiting, other.working) == (one.waiting * scale, one.working * scale)
    assert deletion_duration(scaled).working == deletion_duration(plain).working * scale
