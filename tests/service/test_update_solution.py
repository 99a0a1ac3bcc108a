"""UpdateSolution through boto3 (spec 02 R-SOL-13 to R-SOL-16, R-SOL-22; spec 07 T-53)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.given import POPULARITY, Given, arn, as_csv, avro, field, two_camps
from tests.refusals import refusal

TYPED = avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"))
BUYS = {"eventsConfig": {"eventParametersList": [{"eventType": "buy", "weight": 1.0}]}}
DAILY = {"autoTrainingConfig": {"schedulingExpression": "rate(1 day)"}}


def solution_of(given: Given, solution: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_solution(solutionArn=solution)
    return answer["solution"]


def typed_group(given: Given, wait: Any = lambda: None) -> str:
    group = given.group()
    wait()
    dataset = given.dataset(group, given.schema(TYPED))
    wait()
    rows = [line + (",EVENT_TYPE" if line.startswith("USER") else ",buy") for line in as_csv(two_camps()).split()]
    given.import_job(dataset, given.upload("\n".join(rows)))
    wait()
    return group


def test_update_changes_only_given_members(given: Given) -> None:
    """R-SOL-13, R-SOL-14, R-SOL-22, R-SV-11, T-53: versions keep the configuration they were trained with."""
    config = {"algorithmHyperParameters": {}, **DAILY}
    solution = given.solution(typed_group(given), POPULARITY, solutionConfig=config)
    version = given.version(solution)
    assert "latestSolutionUpdate" not in solution_of(given, solution)
    answer = given.personalize.update_solution(solutionArn=solution, solutionUpdateConfig=BUYS)
    assert answer["solutionArn"] == solution
    shown = solution_of(given, solution)
    assert shown["solutionConfig"] == config | BUYS
    assert (shown["performAutoTraining"], shown["status"]) == (True, "ACTIVE")
    update = shown["latestSolutionUpdate"]
    assert (update["status"], update["solutionUpdateConfig"]) == ("ACTIVE", BUYS)
    assert set(update) == {"status", "solutionUpdateConfig", "creationDateTime", "lastUpdatedDateTime"}
    given.personalize.update_solution(solutionArn=solution, performAutoTraining=False)
    shown = solution_of(given, solution)
    assert (shown["performAutoTraining"], shown["solutionConfig"]) == (False, config | BUYS)
    assert shown["latestSolutionUpdate"]["performAutoTraining"] is False
    assert "solutionUpdateConfig" not in shown["latestSolutionUpdate"]
    old = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    new = given.personalize.describe_solution_version(solutionVersionArn=given.version(solution))["solutionVersion"]
    assert (old["solutionConfig"], new["solutionConfig"]) == (config, config | BUYS)


def test_old_configuration_applies_until_the_update_is_active(slow: Given, clock: ManualClock) -> None:
    """R-SOL-14 to R-SOL-17, R-SV-10, T-53: versions can be made, but it is not deleted or updated."""
    group = typed_group(slow, lambda: clock.advance(1000))
    solution = slow.solution(group, POPULARITY, performAutoTraining=False)
    slow.personalize.update_solution(solutionArn=solution, solutionUpdateConfig=BUYS)
    for status in ("CREATE PENDING", "CREATE IN_PROGRESS"):
        shown = solution_of(slow, solution)
        assert (shown["status"], shown["solutionConfig"]) == ("ACTIVE", {})
        assert shown["latestSolutionUpdate"]["status"] == status
        version = slow.version(solution)
        for call, extra in (
            (slow.personalize.update_solution, {"performAutoTraining": True}),
            (slow.personalize.delete_solution, {}),
        ):
            assert refusal(call, solutionArn=solution, **extra)[0] == "ResourceInUseException"
        slow.personalize.stop_solution_version_creation(solutionVersionArn=version)
        clock.advance(10)
    clock.advance(60)
    shown = solution_of(slow, solution)
    assert (shown["solutionConfig"], shown["latestSolutionUpdate"]["status"]) == (BUYS, "ACTIVE")
    assert shown["lastUpdatedDateTime"] > shown["creationDateTime"]
    slow.personalize.delete_solution(solutionArn=solution)
    for call, extra in ((slow.version, {}), (slow.personalize.update_solution, {"performAutoTraining": True})):
        member = "solution" if call == slow.version else "solutionArn"
        assert refusal(call, **{member: solution}, **extra)[0] == "ResourceInUseException"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"performIncrementalUpdate": True},
        {"solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}},
        {"solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(0 days)"}}},
    ],
)
def test_updates_that_are_refused(given: Given, change: dict[str, Any]) -> None:
    """R-SOL-11, R-SOL-22, T-51."""
    solution = given.solution(recipe=POPULARITY)
    assert refusal(given.personalize.update_solution, solutionArn=solution, **change)[0] == "InvalidInputException"
    assert "latestSolutionUpdate" not in solution_of(given, solution)


def test_unknown_solution_is_not_found(given: Given) -> None:
    """R-GEN-6, R-GEN-7."""
    call = given.personalize.update_solution
    missing = refusal(call, solutionArn=arn("solution", "none"), performAutoTraining=True)
    assert missing[0] == "ResourceNotFoundException"
    other = refusal(call, solutionArn=arn("campaign", "none"), performAutoTraining=True)
    assert other[0] == "InvalidInputException"
