"""Jobs that read S3 are begun again after a restart, and end as they would have without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_emu.durability.encryption.locked_groups import RESTARTED
from personalize_emu.durability.recovery import MOST_RESTARTS
from personalize_emu.edge.testing.server_control import ServerControl
from personalize_emu.operations import RESUMED
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import DatasetImportJob
from tests.domain_groups import RECIPE
from tests.durability.restarts import contents, events, given, started
from tests.durability.test_services import Services, killed_at_the_end
from tests.given import BUCKET, ITEMS_SCHEMA, RANKING, ROLE, as_csv, two_camps

ENDED = ("ACTIVE", "COMPLETED", "CREATE FAILED", "FAILED")


def batch_jobs(services: Services, versions: dict[str, str], name: str) -> tuple[str, str]:
    """An inference job and a segment job, whose output is in the folder `name`."""
    makes, personalize = services.given, services.personalize
    output: dict[str, Any] = {
        "jobName": name, "roleArn": ROLE, "jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/{name}/"}}
    }  # fmt: skip
    queries = makes.upload('{"userId": "u1", "itemList": ["i001", "i002"]}\n', "queries.json")
    items = makes.upload('{"itemId": "i001"}\n', "items.json")
    inference = personalize.create_batch_inference_job(
        solutionVersionArn=versions["ranking"], jobInput={"s3DataSource": {"path": queries}}, **output
    )
    segment = personalize.create_batch_segment_job(
        solutionVersionArn=versions["segments"], jobInput={"s3DataSource": {"path": items}}, **output
    )
    return inference["batchInferenceJobArn"], segment["batchSegmentJobArn"]


def ended(services: Services, arns: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Each job once it has ended. arns: by the name of its kind in requests."""
    for kind, arn in arns.items():
        member = f"{kind}Job"
        describe = getattr(services.personalize, DESCRIBES[kind])
        while (job := describe(**{f"{member}Arn": arn})[member])["status"] not in ENDED:
            pass
        yield job


DESCRIBES = {
    "datasetImport": "describe_dataset_import_job",
    "datasetExport": "describe_dataset_export_job",
    "dataDeletion": "describe_data_deletion_job",
    "batchInference": "describe_batch_inference_job",
    "batchSegment": "describe_batch_segment_job",
}


def test_jobs_that_read_s3_end_after_a_restart(tmp_path: Path) -> None:
    """With their identifiers, in their order, and with the files that such jobs write when nothing interrupts them."""
    assert len(DESCRIBES) == len(RESUMED)
    with killed_at_the_end(tmp_path) as (services, url):
        makes, control = services.given, ServerControl(url)
        group = makes.imported_group()
        dataset = services.personalize.list_datasets(datasetGroupArn=group)["datasets"][0]["datasetArn"]
        ranking = makes.version(makes.solution(group, RANKING, "ranking"))
        segments = makes.version(makes.solution(group, RECIPE + "item-affinity", "segments"))
        versions = {"ranking": ranking, "segments": segments}
        for kind in RESUMED:
            control.fail_job(kind.kind, hang=True, times="all")
        arns = dict(zip(("batchInference", "batchSegment"), batch_jobs(services, versions, "a"), strict=True))
        arns["datasetExport"] = makes.export_job(dataset, ingestionMode="ALL")
        table = makes.upload(as_csv([("new", "i001", 1_700_000_000), *two_camps()]), "more.csv")
        arns["datasetImport"] = makes.import_job(dataset, table, "more")
        # Waits for the import.
        arns["dataDeletion"] = makes.deletion_job(group, makes.upload("USER_ID\nnew\n", "users.csv"))
    with killed_at_the_end(tmp_path) as (services, _):
        jobs = list(ended(services, arns))
        assert [job["status"] for job in jobs] == ["ACTIVE"] * 4 + ["COMPLETED"], jobs
        assert jobs[-1]["numDeleted"] == 1
        list(ended(services, dict(zip(arns, batch_jobs(services, versions, "b"), strict=False))))
        first, second = (services.given.downloaded(f"{name}/") for name in "ab")
        assert sorted(first.values()) == sorted(second.values())
        assert services.given.downloaded("exports/")


def interrupted_import(folder: Path, clock: ManualClock) -> tuple[str, str]:
    """An import that is at work, and its dataset. Individual records that arrive meanwhile are newer (D-84)."""
    with started(folder, clock):
        dataset = given().dataset(given().group(), given().schema(ITEMS_SCHEMA), "Items")
    with started(folder, clock, pace="real") as emulator:
        job = given().import_job(dataset, given().upload("ITEM_ID,GENRE\ni1,old\n", "items.csv"))
        emulator.advance(31)
        events().put_items(datasetArn=dataset, items=[{"itemId": "i1", "properties": '{"genre": "new"}'}])
    return job, dataset


def test_records_that_came_during_an_import_are_newer_than_its_rows(tmp_path: Path) -> None:
    """D-84, also when the import is begun again."""
    clock = ManualClock()
    job, dataset = interrupted_import(tmp_path, clock)
    with started(tmp_path, clock, resumes_jobs=True) as emulator:
        given().upload("ITEM_ID,GENRE\ni1,old\n", "items.csv")
        emulator.resume_jobs()
        found = emulator.state.store.get(DatasetImportJob, job)
        assert found is not None
        assert found.status == "ACTIVE", found
        assert contents(emulator)[dataset][4] == {}, "rows of the log that the import supersedes"


@pytest.mark.parametrize("restarts", [MOST_RESTARTS, MOST_RESTARTS + 1])
def test_a_job_that_is_at_work_at_every_restart_fails_in_the_end(restarts: int, tmp_path: Path) -> None:
    """It may be what ends the process each time."""
    clock = ManualClock()
    job, _ = interrupted_import(tmp_path, clock)
    for _ in range(restarts - 1):
        with started(tmp_path, clock, pace="real", resumes_jobs=True) as emulator:
            given().upload("ITEM_ID,GENRE\ni1,old\n", "items.csv")
            emulator.resume_jobs()
            emulator.advance(31)
    with started(tmp_path, clock, resumes_jobs=True) as emulator:
        found = emulator.state.store.get(DatasetImportJob, job)
        assert found is not None
        wanted = ("CREATE PENDING", None) if restarts <= MOST_RESTARTS else ("CREATE FAILED", RESTARTED)
        assert (found.status, found.failure_reason) == wanted


def test_a_job_whose_input_is_gone_fails_with_that_reason(tmp_path: Path) -> None:
    clock = ManualClock()
    job, _ = interrupted_import(tmp_path, clock)
    with started(tmp_path, clock, resumes_jobs=True) as emulator:
        assert "1 jobs begun again" in str(emulator.loaded)
        emulator.resume_jobs()
        found = emulator.state.store.get(DatasetImportJob, job)
        assert found is not None
        assert found.status == "CREATE FAILED"
        assert found.failure_reason
        assert found.failure_reason != RESTARTED
