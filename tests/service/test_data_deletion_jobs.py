"""Data deletion jobs through boto3 (spec 02 R-DDJ; spec 03 section 12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from personalize_emu.aws_services import ObjectInfo
from personalize_emu.emulator import Emulator
from personalize_emu.service.dataset_jobs.deletions import MOST_BYTES, check_size
from personalize_emu.state.jobs import JobFailed
from tests.deletions import job_of, user_list, users_in
from tests.given import (
    BUCKET,
    POPULARITY,
    ROLE,
    USERS_SCHEMA,
    Given,
    Row,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

GROUP = arn("dataset-group", "group")
INTERACTIONS = arn("dataset", "group/INTERACTIONS")


def deleted(given: Given, *users: str, name: str = "deletion") -> int:
    """Number of records that a job for these users deletes from the group."""
    shown = job_of(given, given.deletion_job(GROUP, user_list(given, *users), name))
    assert shown["status"] == "COMPLETED"
    count: int = shown["numDeleted"]
    return count


def put_events(events: Any, tracking_id: str, user: str, *items: str, at: int = 2_000_000_000) -> None:
    events.put_events(
        trackingId=tracking_id,
        userId=user,
        sessionId="s",
        eventList=[{"eventType": "e", "itemId": item, "sentAt": at + place} for place, item in enumerate(items)],
    )


@pytest.fixture
def group(given: Given) -> str:
    return given.imported_group()


@pytest.fixture
def tracker(given: Given, group: str) -> str:
    answer = given.personalize.create_event_tracker(name="tracker", datasetGroupArn=group)
    tracking_id: str = answer["trackingId"]
    return tracking_id


def test_a_job_has_the_documented_members(given: Given, group: str) -> None:
    """R-DDJ-1, R-DDJ-2, R-DDJ-3, R-DDJ-4, R-DDJ-6."""
    location = user_list(given, "u0")
    job = given.deletion_job(group, location, tags=[{"tagKey": "a", "tagValue": "b"}])
    assert job == arn("data-deletion-job", "deletion")
    shown = job_of(given, job)
    assert {name: value for name, value in shown.items() if not name.endswith("DateTime")} == {
        "jobName": "deletion",
        "dataDeletionJobArn": job,
        "datasetGroupArn": group,
        "dataSource": {"dataLocation": location},
        "roleArn": ROLE,
        "status": "COMPLETED",
        "numDeleted": 20,
    }
    assert given.personalize.list_tags_for_resource(resourceArn=job)["tags"] == [{"tagKey": "a", "tagValue": "b"}]
    (summary,) = given.personalize.list_data_deletion_jobs()["dataDeletionJobs"]
    assert set(summary) == {
        "dataDeletionJobArn",
        "datasetGroupArn",
        "jobName",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
    }
    code, _ = refusal(given.deletion_job, group=group, location=location)
    assert code == "ResourceAlreadyExistsException"


def test_jobs_are_listed_newest_first_by_group(given: Given, group: str) -> None:
    """R-DDJ-6, P-71, P-73, P-74, P-44."""
    location = user_list(given, "u0")
    jobs = [given.deletion_job(group, location, name) for name in ("one", "two", "three")]
    other = given.deletion_job(given.group("other"), location, "four")
    shown = given.personalize.list_data_deletion_jobs(datasetGroupArn=group)["dataDeletionJobs"]
    assert [entry["dataDeletionJobArn"] for entry in shown] == jobs[::-1]
    (first,) = given.personalize.list_data_deletion_jobs(maxResults=1)["dataDeletionJobs"]
    assert first["dataDeletionJobArn"] == other
    unknown = given.personalize.list_data_deletion_jobs(datasetGroupArn=arn("dataset-group", "none"))
    assert unknown["dataDeletionJobs"] == []


def test_users_are_removed_from_all_datasets_of_the_group(
    given: Given, group: str, tracker: str, events: Any, emulator: Emulator
) -> None:
    """D-110, D-115, D-116, R-DDJ-7: bulk and individual records; ids that nobody has are ignored."""
    schema = avro("ActionInteractions", *map(field, ("USER_ID", "ACTION_ID", "EVENT_TYPE")), field("TIMESTAMP", "long"))
    actions = given.dataset(group, given.schema(schema, "actions"), "Action_Interactions")
    given.import_job(actions, given.upload("USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nu1,a,Taken,5\nu2,a,Taken,5\n"), "a")
    users = given.dataset(group, given.schema(USERS_SCHEMA, "users"), "Users")
    given.import_job(users, given.upload("USER_ID,AGE\nu1,7\nu2,7\nu3,7\n"), "u")
    events.put_users(datasetArn=users, users=[{"userId": "u1", "properties": '{"age": 8}'}])
    put_events(events, tracker, "u1", "i1", "i2")
    put_events(events, tracker, "u2", "i1")
    assert deleted(given, "u1", "nobody", "u3", "u1") == (20 + 20) + 2 + 1 + (2 + 1)
    for dataset in (INTERACTIONS, actions, users):
        left = users_in(emulator, dataset)
        assert "u2" in left
        assert not left & {"u1", "u3"}
    assert deleted(given, "u1", name="again") == 0


def test_users_of_other_groups_are_kept(given: Given, group: str, emulator: Emulator) -> None:
    """D-110, R-DSG-1."""
    given.imported_group(name="other")
    assert deleted(given, "u0") == 20
    assert "u0" in users_in(emulator, arn("dataset", "other/INTERACTIONS"))


def test_events_of_other_users_still_change_answers(
    given: Given, group: str, tracker: str, events: Any, runtime: Any, emulator: Emulator
) -> None:
    """D-113: a version trained before goes on; what was streamed after its training stays after its training."""
    put_events(events, tracker, "u4", "i004", at=5)
    campaign = given.campaign(given.version(given.solution(group, POPULARITY)))
    ranking = given.campaign(given.version(given.solution(group, name="p")), "p")

    def ranked(user: str) -> list[str]:
        answer = runtime.get_recommendations(campaignArn=ranking, userId=user, numResults=30)
        return [entry["itemId"] for entry in answer["itemList"]]

    put_events(events, tracker, "u4", "i001", "i003", "i005", "i007")
    put_events(events, tracker, "newcomer", "i001", "i003")
    before, strangers = ranked("newcomer"), ranked("nobody")
    assert before != strangers
    assert deleted(given, "u4") == 20 + 5
    assert ranked("newcomer") == before
    assert deleted(given, "newcomer", name="more") == 2
    assert ranked("newcomer") == strangers
    put_events(events, tracker, "newcomer", "i001", "i003")
    assert ranked("newcomer") == before
    assert runtime.get_recommendations(campaignArn=campaign, userId="u4")["itemList"]


def test_later_trainings_do_not_contain_removed_users(given: Given, runtime: Any, emulator: Emulator) -> None:
    """D-113, D-114: nor items that nobody else has met."""
    rows: list[Row] = [*two_camps(), *(("hermit", "only-here", 1_600_000_000 + step) for step in range(900))]
    group = given.imported_group(rows)
    solution = given.solution(group, POPULARITY)
    old = given.version(solution)
    campaign = given.campaign(old)

    def answers() -> list[str]:
        listed = runtime.get_recommendations(campaignArn=campaign, userId="hermit", numResults=500)["itemList"]
        return [entry["itemId"] for entry in listed]

    assert "only-here" in answers()
    assert deleted(given, "hermit") == 900
    assert "only-here" in answers()
    new = given.version(solution)
    assert {version: "hermit" in emulator.state.trained(version).data.user_ids for version in (old, new)} == {
        old: True,
        new: False,
    }
    given.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=new)
    assert "only-here" not in answers()


def test_a_removed_user_can_be_added_again(
    given: Given, group: str, tracker: str, events: Any, emulator: Emulator
) -> None:
    """D-117: also with events equal to those that were deleted."""
    put_events(events, tracker, "u1", "i1")
    assert deleted(given, "u1") == 21
    put_events(events, tracker, "u1", "i1")
    assert len(emulator.state.contents(INTERACTIONS).events_of("u1", 9)) == 1
    given.import_job(INTERACTIONS, given.upload(as_csv(two_camps())), "back")
    assert deleted(given, "u1", name="again") == 21


def test_a_folder_is_read_with_all_its_folders(given: Given, group: str) -> None:
    """D-46, D-111: only files whose names end in .csv."""
    user_list(given, "u0", key="gone/a.csv")
    user_list(given, "u1", key="gone/deep/er/b.CSV")
    user_list(given, "u2", key="gone/c.txt")
    given.upload("PAR1", "gone/d.parquet")
    user_list(given, "u3", key="elsewhere/e.csv")
    assert job_of(given, given.deletion_job(group, f"s3://{BUCKET}/gone/"))["numDeleted"] == 40


def test_values_are_read_as_in_imports(given: Given, group: str) -> None:
    """D-111, D-54, D-53, D-56: a header alone deletes nobody."""
    given.upload('\ufeffUSER_ID\r\n"u0"\r\n\r\nu1', "odd.csv")
    assert job_of(given, given.deletion_job(group, f"s3://{BUCKET}/odd.csv"))["numDeleted"] == 40
    assert deleted(given, name="nobody") == 0


@pytest.mark.parametrize(
    ("content", "key", "reason"),
    [
        ("USER\nu0\n", "users.csv", "Input CSV is missing the following columns:[USER_ID]."),
        ("USER_ID;AGE\nu0;1\n", "users.csv", "Input CSV is missing the following columns:[USER_ID]."),
        ("USER_ID\nu0\nu1,u2\n", "users.csv", "Input csv has rows that do not conform to the dataset schema."),
        ("USER_ID\nu0\n", "users.txt", "Invalid Data location."),
        ("USER_ID\n" + "u" * 257 + "\n", "users.csv", "Length cannot be more than 256 characters for USER_ID."),
    ],
)
def test_unusable_input_fails_the_job(
    given: Given, group: str, emulator: Emulator, content: str, key: str, reason: str
) -> None:
    """D-116, R-DDJ-3, R-GEN-11, D-46."""
    job = given.deletion_job(group, given.upload(content, key))
    shown = job_of(given, job)
    assert shown["status"] == "FAILED"
    assert shown["failureReason"].startswith(reason)
    assert "numDeleted" not in shown
    (summary,) = given.personalize.list_data_deletion_jobs()["dataDeletionJobs"]
    assert summary["failureReason"] == shown["failureReason"]
    assert "u0" in users_in(emulator, INTERACTIONS)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (
            "s3://no-such-bucket/users.csv",
            "Insufficient privileges for accessing data in Amazon S3. (there is no bucket no-such-bucket)",
        ),
        (f"s3://{BUCKET}/none.csv", f"Invalid Data location. (there is no object s3://{BUCKET}/none.csv and "),
        (f"s3://{BUCKET}/none/", f"Invalid Data location. (there is no object s3://{BUCKET}/none/ and "),
    ],
)
def test_a_location_that_cannot_be_read_fails_the_job(given: Given, group: str, location: str, reason: str) -> None:
    """D-116, E-7."""
    shown = job_of(given, given.deletion_job(group, location))
    assert shown["status"] == "FAILED"
    assert shown["failureReason"].startswith(reason)


def test_a_location_of_another_form_is_refused(given: Given, group: str) -> None:
    """D-42."""
    for location in ("http://bucket/users.csv", "s3:///users.csv"):
        code, message = refusal(given.deletion_job, group=group, location=location)
        assert code == "InvalidInputException"
        assert message.startswith("Invalid Data location.")
    assert given.personalize.list_data_deletion_jobs()["dataDeletionJobs"] == []


@pytest.mark.parametrize("by_default", [False, True])
def test_input_encrypted_with_a_customer_key_fails_the_job(given: Given, group: str, by_default: bool) -> None:
    """S-19, D-111."""
    key = arn("key", "1").replace(":personalize:", ":kms:")
    encryption: dict[str, Any] = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    if by_default:
        rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]}
        given.s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration=rules)
        encryption = {}
    given.s3.put_object(Bucket=BUCKET, Key="locked.csv", Body=b"USER_ID\nu0\n", **encryption)
    shown = job_of(given, given.deletion_job(group, f"s3://{BUCKET}/locked.csv"))
    assert (shown["status"], shown["failureReason"]) == (
        "FAILED",
        "Input data is encrypted with a customer managed KMS key, which is not supported: locked.csv.",
    )


def test_input_above_the_size_limit_fails_the_job() -> None:
    """Q-42, R-DDJ-5: all files together."""

    def files(sizes: Sequence[int]) -> list[ObjectInfo]:
        return [ObjectInfo(f"{number}.csv", size) for number, size in enumerate(sizes)]

    check_size(files([MOST_BYTES // 2, MOST_BYTES // 2]))
    with pytest.raises(JobFailed, match=r"Input data has 104857601 bytes\. A maximum of 104857600 bytes"):
        check_size(files([MOST_BYTES, 1]))


def test_exported_files_are_kept(given: Given, group: str) -> None:
    """D-118."""
    given.export_job(INTERACTIONS, ingestionMode="BULK")
    before = given.downloaded("exports/")
    assert deleted(given, "u0") == 20
    assert given.downloaded("exports/") == before
    given.export_job(INTERACTIONS, name="after", ingestionMode="ALL")
    (text,) = given.downloaded("exports/after/").values()
    assert "u0," not in text
