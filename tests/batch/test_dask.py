"""Batch jobs on a Dask cluster with two worker processes have the same output in the same order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import boto3
import cloudpickle
import pytest
from distributed import LocalCluster

from personalize_emu.batch import inference_jobs, segment_jobs
from personalize_emu.batch.executors import Workers, workers_at
from personalize_emu.batch.inference import Inference
from personalize_emu.batch.segments import Segments
from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.batch_mixture import Mixture
from tests.batch_requests import failure, inference_request, json_lines, output_text
from tests.given import REGION, SIMS, Given

ITEM_AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"
QUERIES = [{"itemId": f"i{number % 60:03d}"} for number in range(1100)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


def mocked(executor: str) -> MockPersonalize:
    return MockPersonalize(Settings(pace="instant", quotas="off", executor=executor), ManualClock())


def clients() -> Given:
    return Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))


def answered_here(*_: object) -> None:
    raise AssertionError("the lines were answered in the server")


def test_dask_output_equals_server_output(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """B-43: in the order of the input."""
    text = json_lines(QUERIES)
    with mocked(""):
        given = clients()
        version = given.version(given.solution(given.imported_group(), SIMS))
        alone = output_text(given, version, text, "alone")
    monkeypatch.setattr(Inference, "__call__", answered_here)
    with mocked(cluster.scheduler_address.replace("tcp://", "dask://")):
        given = clients()
        version = given.version(given.solution(given.imported_group(), SIMS))
        spread = output_text(given, version, text, "spread")
    assert spread == alone
    assert [json.loads(line)["input"] for line in spread.splitlines()] == QUERIES


def test_jobs_with_filters_and_attributes_run_in_the_cluster(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B-52, B-57, B-71."""
    with mocked("") as emulator:
        mixture = Mixture(clients())
        here = mixture.outputs("here")
        spread = replace(emulator.settings, executor=cluster.scheduler_address.replace("tcp://", "dask://"))
        monkeypatch.setattr(inference_jobs, "workers_at", lambda _: workers_at(spread))
        monkeypatch.setattr(segment_jobs, "workers_at", lambda _: workers_at(spread))
        monkeypatch.setattr(Inference, "__call__", answered_here)
        monkeypatch.setattr(Segments, "__call__", answered_here)
        assert mixture.outputs("there") == here


def test_segments_can_be_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickled Inference gives the same output."""
    sent: list[bytes] = []

    def carried(work: Any) -> Any:
        sent.append(cloudpickle.dumps(work))
        return cloudpickle.loads(sent[-1])

    given_workers = Workers(carry=carried)
    with mocked(""):
        given = clients()
        version = given.version(given.solution(given.imported_group(), ITEM_AFFINITY))
        lines = json_lines(QUERIES[:7])
        here = segment_text(given, version, lines, "here")
        monkeypatch.setattr(segment_jobs, "workers_at", lambda *_, **__: nullcontext(given_workers))
        assert segment_text(given, version, lines, "there") == here
    assert len(sent) == 1


def segment_text(given: Given, version: str, lines: str, name: str) -> str:
    request = inference_request(version, given.upload(lines, f"in/{name}"), name)
    given.personalize.create_batch_segment_job(**request)
    return given.downloaded(f"out/{name}.out")[f"out/{name}.out"]


def test_missing_cluster_fails_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalize_emu.dask_cluster.CONNECT_SECONDS", 0.2)
    with mocked("dask://127.0.0.1:9"):
        given = clients()
        version = given.version(given.solution(given.imported_group(), SIMS))
        path = given.upload(json_lines(QUERIES[:1]), "in/few")
        assert failure(given, version, path) == "No Dask scheduler answers at dask://127.0.0.1:9."


def test_the_option_is_the_address_of_a_scheduler() -> None:
    for wrong in ("dask://host", "tcp://host:1", "dask://host:1/x"):
        with pytest.raises(ValueError, match="executor must be"):
            Settings(executor=wrong)
