"""When data deletion jobs run, and what waits for them, through boto3 (spec 02 R-DDJ; spec 03 D-112)."""

from __future__ import annotations

import boto3
from botocore.config import Config

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.deletions import job_of, user_list, users_in
from tests.given import BUCKET, REGION, USERS_SCHEMA, Given, arn, as_csv, two_camps
from tests.refusals import refusal

INTERACTIONS = arn("dataset", "group/INTERACTIONS")


def slow_group(slow: Given, clock: ManualClock) -> str:
    """A group with an INTERACTIONS and a USERS dataset, all of them ACTIVE and empty."""
    group = slow.group()
    clock.advance(60)
    slow.dataset(group)
    slow.dataset(group, slow.schema(USERS_SCHEMA, "users"), "Users")
    clock.advance(60)
    return group


def test_a_job_passes_the_documented_states(slow: Given, clock: ManualClock, slow_emulator: Emulator) -> None:
    """R-DDJ-3, R-DDJ-4, R-DDJ-8, R-DSG-18, R-DS-14: the data is in use until the job is done."""
    refused = refusal(slow.deletion_job, group=slow.group("early"), location=f"s3://{BUCKET}/users.csv")
    assert refused[0] == "ResourceInUseException"
    group = slow_group(slow, clock)
    users = arn("dataset", "group/USERS")
    slow.import_job(users, slow.upload("USER_ID,AGE\nu0,1\nu1,1\n"))
    clock.advance(1000)
    wide = slow.schema(USERS_SCHEMA.replace("]", ', {"name": "X", "type": ["null", "int"]}]'), "wide")
    job = slow.deletion_job(group, user_list(slow, "u0"))
    for status in ("PENDING", "IN_PROGRESS"):
        shown = job_of(slow, job)
        assert shown["status"] == status
        assert "numDeleted" not in shown
        assert users_in(slow_emulator, users) == {"u0", "u1"}
        refused = refusal(slow.personalize.update_dataset, datasetArn=users, schemaArn=wide)
        assert refused == ("ResourceInUseException", f"Resource {users} is in use: data-deletion-job {job}.")
        clock.advance(100)
    clock.advance(3600)
    assert (job_of(slow, job)["status"], job_of(slow, job)["numDeleted"]) == ("COMPLETED", 1)
    assert users_in(slow_emulator, users) == {"u1"}


def test_a_job_runs_between_earlier_and_later_imports(
    slow: Given, clock: ManualClock, slow_emulator: Emulator
) -> None:
    """D-112, D-117."""
    group = slow_group(slow, clock)
    users = arn("dataset", "group/USERS")
    slow.import_job(INTERACTIONS, slow.upload(as_csv(two_camps())), "interactions")
    slow.import_job(users, slow.upload("USER_ID,AGE\nu0,1\nu1,1\n", "1.csv"), "before")
    clock.advance(400)
    job = slow.deletion_job(group, user_list(slow, "u0"))
    later = slow.import_job(users, slow.upload("USER_ID,AGE\nu0,2\n", "2.csv"), "after", importMode="INCREMENTAL")
    clock.advance(100)
    assert job_of(slow, job)["status"] == "PENDING"
    clock.advance(1800)
    assert job_of(slow, job)["status"] == "IN_PROGRESS"
    clock.advance(100)
    assert job_of(slow, job)["numDeleted"] == 21
    assert users_in(slow_emulator, users) == {"u1"}
    clock.advance(600)
    shown = slow.personalize.describe_dataset_import_job(datasetImportJobArn=later)["datasetImportJob"]
    assert shown["status"] == "ACTIVE"
    assert users_in(slow_emulator, users) == {"u0", "u1"}


def test_five_jobs_of_a_group_may_be_pending(slow: Given, clock: ManualClock) -> None:
    """R-DDJ-5, Q-19, E-1."""
    once = Config(retries={"total_max_attempts": 1})
    slow = Given(boto3.client("personalize", region_name=REGION, config=once), slow.s3)
    group, other = slow.group(), slow.group("other")
    clock.advance(60)
    location = user_list(slow, "u0")
    for number in range(5):
        slow.deletion_job(group, location, f"job{number}")
    assert refusal(slow.deletion_job, group=group, location=location, name="sixth") == (
        "LimitExceededException",
        "More than 5 resources with PENDING or IN_PROGRESS status.",
    )
    slow.deletion_job(other, location, "elsewhere")
    clock.advance(100)
    slow.deletion_job(group, location, "sixth")


def test_a_group_is_deleted_after_its_jobs_and_with_their_records(slow: Given, clock: ManualClock) -> None:
    """R-DSG-18."""
    group, other = slow.group(), slow.group("other")
    clock.advance(60)
    location = user_list(slow, "u0")
    job, kept = slow.deletion_job(group, location), slow.deletion_job(other, location, "kept")
    for _ in ("PENDING", "IN_PROGRESS"):
        assert refusal(slow.personalize.delete_dataset_group, datasetGroupArn=group) == (
            "ResourceInUseException",
            f"Resource {group} is in use: data-deletion-job {job}.",
        )
        clock.advance(100)
    clock.advance(3600)
    slow.personalize.delete_dataset_group(datasetGroupArn=group)
    assert refusal(slow.deletion_job, group=group, location=location, name="late")[0] == "ResourceInUseException"
    clock.advance(600)
    assert refusal(slow.personalize.describe_data_deletion_job, dataDeletionJobArn=job)[0] == (
        "ResourceNotFoundException"
    )
    assert job_of(slow, kept)["status"] == "COMPLETED"
