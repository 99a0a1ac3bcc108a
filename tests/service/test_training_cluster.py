"""Trials of hyperparameters and candidates of AutoML in a Dask cluster (T-30, T-35, T-40): the same results as in the
server, and an end with a reason where workers end.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from distributed import Client, Event, LocalCluster

from personalize_emu.dask_cluster import Cluster, ClusterFailed, cluster_at
from personalize_emu.edge.testing.mock import MockPersonalize
from personalize_emu.recipes.training import training_place, tuning
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, REGION, SIMS, USER_PERSONALIZATION, Given, two_camps

SECONDS = 30
"""More than anything here takes."""


class NotWantedAnyMore(Exception):
    """What a watcher raises to stop a training."""


@pytest.fixture(scope="module")
def dask() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


@pytest.fixture
def cluster(dask: LocalCluster) -> Iterator[Cluster]:
    """With both workers, as earlier tests have killed some."""
    connect: Any = Client
    with connect(dask.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2, SECONDS)
    with cluster_at(address(dask)) as cluster:
        yield cluster


def address(dask: LocalCluster) -> str:
    return str(dask.scheduler_address).replace("tcp://", "dask://")


def unwatched(_stage: str, _share: float) -> None:
    """For those who do not stop."""


def done_here(*_: object) -> None:
    raise AssertionError("done in the server")


def trained(executor: str, **solution: Any) -> dict[str, Any]:
    """What a solution and its version show, except times, and the metrics."""
    with MockPersonalize(Settings(pace="instant", quotas="off", executor=executor), ManualClock()):
        given = Given(boto3.client("personalize", REGION), boto3.client("s3", REGION))
        group = given.imported_group(two_camps(users=40, items=20, events=39))
        made = given.personalize.create_solution(
            name="searched", datasetGroupArn=group, performAutoTraining=False, **solution
        )
        version = given.version(made["solutionArn"])
        shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
        found = {name: shown.get(name) for name in ("status", "failureReason", "recipeArn", "tunedHPOParams")}
        if shown["status"] == "ACTIVE":
            found["metrics"] = given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
        return found


SEARCHED = {
    "recipeArn": SIMS,
    "performHPO": True,
    "solutionConfig": {
        "hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "5", "maxParallelTrainingJobs": "4"}}
    },
}
CHOSEN = {
    "performAutoML": True,
    "solutionConfig": {"autoMLConfig": {"recipeList": [POPULARITY, USER_PERSONALIZATION]}},
}


@pytest.mark.parametrize("solution", [SEARCHED, CHOSEN], ids=["hpo", "auto-ml"])
def test_the_cluster_finds_what_the_server_finds(
    dask: LocalCluster, monkeypatch: pytest.MonkeyPatch, solution: Mapping[str, Any]
) -> None:
    here = trained("", **solution)
    monkeypatch.setattr(tuning, "_scores", done_here)
    monkeypatch.setattr(training_place, "validation_metrics", done_here)
    there = trained(address(dask), **solution)
    assert there == here
    assert there["status"] == "ACTIVE"
    assert there["tunedHPOParams"]


def test_a_cluster_that_is_missing_fails_searches_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalize_emu.dask_cluster.CONNECT_SECONDS", 0.2)
    failed = trained("dask://127.0.0.1:9", **SEARCHED)
    assert failed["status"] == "CREATE FAILED"
    assert failed["failureReason"] == "No Dask scheduler answers at dask://127.0.0.1:9."
    assert trained("dask://127.0.0.1:9", recipeArn=POPULARITY)["status"] == "ACTIVE"


def kill_once(job: Mapping[str, Any], data: Path, progress: object) -> Any:
    if not data.exists():
        data.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job["result"]


def kill_always(job: Mapping[str, Any], data: Path, progress: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_call_is_repeated_where_its_worker_ends(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.carried(tmp_path / "killed") as reference:
        assert cluster.call(kill_once, {"result": 5}, reference, unwatched) == 5
    assert (tmp_path / "killed").exists()


def test_a_call_that_ends_every_worker_fails_with_a_reason(
    dask: LocalCluster, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask.scheduler, "allowed_failures", 0)
    with (
        pytest.raises(ClusterFailed, match="Workers of the Dask cluster have ended during the work"),
        cluster.carried(tmp_path) as reference,
    ):
        cluster.call(kill_always, {}, reference, unwatched)


def work_until_stopped(job: Mapping[str, Any], data: object, progress: Callable[[str, float], None]) -> None:
    signalled: Any = Event
    signalled(job["begun"]).set()
    try:
        while True:
            progress("working", 0.5)
    finally:
        signalled(job["ended"]).set()


def test_t64_a_call_that_nobody_wants_ends_in_its_worker(dask: LocalCluster, cluster: Cluster) -> None:
    connect: Any = Client
    signalled: Any = Event
    with connect(dask.scheduler_address, set_as_default=False) as client:
        begun, ended = signalled("begun", client=client), signalled("ended", client=client)

        def stop(_stage: str, _share: float) -> None:
            if begun.is_set():
                raise NotWantedAnyMore

        with pytest.raises(NotWantedAnyMore), cluster.carried(0) as reference:
            cluster.call(work_until_stopped, {"begun": "begun", "ended": "ended"}, reference, stop)
        assert ended.wait(timeout=SECONDS)


def watched_from_a_thread(job: Mapping[str, Any], data: object, progress: Callable[[str, float], None]) -> str:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(progress, "working", 0.5).result()
    return "not stopped"


def test_threads_of_the_work_may_report_progress() -> None:
    """Trials do, in workers that are new, too."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as dask,
        cluster_at(address(dask)) as cluster,
        cluster.carried(0) as reference,
    ):
        assert cluster.call(watched_from_a_thread, {}, reference, unwatched) == "not stopped"


def test_data_that_are_lost_are_sent_again(cluster: Cluster) -> None:
    """Copies end with their workers, and a release is the same without their end."""
    with cluster.carried("data") as carried:
        carried.reference.cancel()
        assert cluster.call(lambda _job, data, _progress: data, {}, carried, unwatched) == "data"


def test_what_work_raises_is_raised_here(cluster: Cluster) -> None:
    with pytest.raises(KeyError, match="result"), cluster.carried(Path("/")) as reference:
        cluster.call(kill_once, {}, reference, unwatched)
