"""What begins while something else goes, and what goes while something else begins (R-GEN-16, R-GEN-20).

The histories of test_lifecycle_machine.py found most of these; here they are told one by one, through boto3.
"""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import BatchInferenceJob, BatchSegmentJob
from tests.batch_requests import inference_request
from tests.given import ITEMS_SCHEMA, POPULARITY, ROLE, USER_PERSONALIZATION, Given, arn, as_csv, two_camps
from tests.refusals import refusal

GENRE = 'INCLUDE ItemID WHERE Items.GENRE IN ("x")'


@pytest.fixture
def group(slow: Given, clock: ManualClock) -> str:
    """With an INTERACTIONS and an ITEMS dataset that have what training needs."""
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    slow.dataset(group, slow.schema(ITEMS_SCHEMA, "items"), "Items")
    clock.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    clock.advance(1000)
    return group


def trained(slow: Given, clock: ManualClock, group: str, name: str, recipe: str = POPULARITY) -> tuple[str, str]:
    solution = slow.solution(group, recipe, name, performAutoTraining=False)
    version = slow.version(solution)
    clock.advance(2500)
    return solution, version


def test_nothing_is_created_from_a_solution_being_deleted(slow: Given, clock: ManualClock, group: str) -> None:
    """R-GEN-20, R-CMP-6, R-CMP-8: though its versions are ACTIVE to the last."""
    solution, version = trained(slow, clock, group, "s", USER_PERSONALIZATION)
    slow.personalize.delete_solution(solutionArn=solution)
    described = slow.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert described["status"] == "ACTIVE"
    expected = ("ResourceInUseException", f"Resource {solution} is in DELETE PENDING state.")
    assert refusal(slow.campaign, version=version) == expected
    assert refusal(slow.campaign, version=f"{solution}/$LATEST") == expected
    path = slow.upload('{"userId": "u1"}\n', "users.json")
    create = slow.personalize.create_batch_inference_job
    assert refusal(create, **inference_request(version, path)) == expected
    assert refusal(slow.version, solution=solution) == expected


def test_a_solution_is_kept_while_a_campaign_update_targets_it(slow: Given, clock: ManualClock, group: str) -> None:
    """R-SOL-17, R-CMP-12, R-CMP-15."""
    old, version = trained(slow, clock, group, "old")
    new, target = trained(slow, clock, group, "new")
    campaign = slow.campaign(version)
    clock.advance(600)
    slow.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=target)
    delete = slow.personalize.delete_solution
    expected = ("ResourceInUseException", f"Resource {new} is in use: campaign {campaign}.")
    assert refusal(delete, solutionArn=new) == expected
    assert refusal(delete, solutionArn=old)[0] == "ResourceInUseException"
    clock.advance(600)
    assert refusal(delete, solutionArn=new) == expected
    delete(solutionArn=old)


def test_filters_ignore_datasets_being_deleted(slow: Given, group: str) -> None:
    """R-DS-18, R-FLT-5: or the filter would be left without, and hold up later ones."""
    slow.personalize.delete_dataset(datasetArn=arn("dataset", "group/ITEMS"))
    create = slow.personalize.create_filter
    refused = refusal(create, name="f", datasetGroupArn=group, filterExpression=GENRE)
    assert refused[0] == "InvalidInputException"


def segment_job(version: str) -> BatchSegmentJob:
    return BatchSegmentJob(
        job_name="j",
        batch_segment_job_arn=arn("batch-segment-job", "j"),
        solution_version_arn=version,
        job_input={},
        job_output={},
        role_arn=ROLE,
        num_results=25,
        status="CREATE PENDING",
        creation_date_time=0.0,
        last_updated_date_time=0.0,
    )


@pytest.mark.parametrize("kind", ["inference", "segment"])
def test_resources_read_by_a_batch_job_cannot_be_deleted(
    slow: Given, clock: ManualClock, slow_emulator: Emulator, group: str, kind: str
) -> None:
    """R-SOL-23, R-DS-17, P-76: until they are finished, and their records stay when everything is gone."""
    solution, version = trained(slow, clock, group, "s", USER_PERSONALIZATION)
    job = _begun(slow, slow_emulator, version, kind)
    text = f"is in use: batch-{kind}-job {job}."
    for delete in _deletions(slow, solution):
        code, message = refusal(delete)
        assert (code, message.endswith(text)) == ("ResourceInUseException", True)
    clock.advance(2000)
    store = slow_emulator.state.store
    if kind == "segment":
        store.change(segment_job(version), status="ACTIVE")
    for delete in _deletions(slow, solution):
        delete()
    clock.advance(60)
    assert refusal(slow.personalize.describe_solution, solutionArn=solution)[0] == "ResourceNotFoundException"
    record = store.get(BatchSegmentJob if kind == "segment" else BatchInferenceJob, job)
    assert record is not None


def _begun(slow: Given, emulator: Emulator, version: str, kind: str) -> str:
    if kind == "segment":
        record = segment_job(version)
        emulator.state.store.insert(record)
        return record.arn
    path = slow.upload('{"userId": "u1"}\n', "users.json")
    answer = slow.personalize.create_batch_inference_job(**inference_request(version, path))
    arn_: str = answer["batchInferenceJobArn"]
    return arn_


def _deletions(slow: Given, solution: str) -> list[Any]:
    delete_solution, delete_dataset = slow.personalize.delete_solution, slow.personalize.delete_dataset
    return [
        lambda: delete_solution(solutionArn=solution),
        lambda: delete_dataset(datasetArn=arn("dataset", "group/ITEMS")),
    ]
