"""Solutions, solution versions and their metrics through boto3 (spec 02 R-SOL, R-SV; spec 07)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.given import (
    POPULARITY,
    SIMS,
    USER_PERSONALIZATION,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

METRICS = [
    "coverage",
    "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_10",
    "normalized_discounted_cumulative_gain_at_25",
    "normalized_discounted_cumulative_gain_at_5",
    "precision_at_10",
    "precision_at_25",
    "precision_at_5",
]


def solution_of(given: Given, solution: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_solution(solutionArn=solution)
    return answer["solution"]


def version_of(given: Given, version: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_solution_version(solutionVersionArn=version)
    return answer["solutionVersion"]


def test_solution_without_configuration_has_the_recorded_members(given: Given) -> None:
    """R-SOL-5, R-SOL-6, R-SOL-24, T-11, P-28."""
    solution = given.solution(performAutoTraining=False)
    shown = solution_of(given, solution)
    assert set(shown) == {
        "name",
        "solutionArn",
        "performHPO",
        "performAutoML",
        "performAutoTraining",
        "recipeArn",
        "datasetGroupArn",
        "solutionConfig",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
    }
    assert (shown["performHPO"], shown["performAutoML"], shown["performAutoTraining"]) == (False, False, False)
    assert shown["solutionConfig"] == {}
    assert shown["status"] == "ACTIVE"
    assert shown["creationDateTime"] == shown["lastUpdatedDateTime"]
    (summary,) = given.personalize.list_solutions()["solutions"]
    assert set(summary) == {
        "name",
        "solutionArn",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
        "recipeArn",
    }


def test_automatic_training_is_on_by_default(given: Given) -> None:
    """R-SOL-8, T-50."""
    assert solution_of(given, given.solution())["performAutoTraining"] is True


def test_configuration_is_described_as_given(given: Given) -> None:
    """R-SOL-24, R-SV-11."""
    config = {
        "algorithmHyperParameters": {"popularity_discount_factor": "0.7"},
        "featureTransformationParameters": {"max_user_history_length_percentile": "0.9"},
    }
    solution = given.solution(recipe=SIMS, solutionConfig=config)
    assert solution_of(given, solution)["solutionConfig"] == config
    assert version_of(given, given.version(solution))["solutionConfig"] == config


def test_percentiles_that_leave_no_users_are_refused(given: Given) -> None:
    """R-71, R-54."""
    bounds = {"min_user_history_length_percentile": ".9", "max_user_history_length_percentile": ".1"}
    code, text = refusal(given.solution, solutionConfig={"featureTransformationParameters": bounds})
    assert code == "InvalidInputException"
    assert text == (
        "featureTransformationParameters has min_user_history_length_percentile 0.9 above "
        "max_user_history_length_percentile 0.1, which leaves nothing to train on. "
        "Lower min_user_history_length_percentile or raise max_user_history_length_percentile."
    )
    assert given.personalize.list_solutions()["solutions"] == []


def test_solution_requires_imported_interactions(given: Given) -> None:
    """R-SOL-12, E-12, T-84."""
    text = (
        "Dataset group must contain an INTERACTIONS dataset with successfully completed dataset import job "
        "or EVENT_INTERACTIONS"
    )
    group = given.group()
    assert refusal(given.solution, group=group) == ("InvalidInputException", text)
    given.dataset(group)
    assert refusal(given.solution, group=group) == ("InvalidInputException", text)


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        ("arn:aws:personalize:::recipe/aws-none", "ResourceNotFoundException"),
        ("arn:aws:personalize:::algorithm/aws-sims", "InvalidInputException"),
        ("arn:aws:personalize:::recipe/aws-hrnn", "InvalidInputException"),
        ("arn:aws:personalize:::recipe/aws-vod-top-picks", "InvalidInputException"),
    ],
)
def test_invalid_recipes_are_refused(given: Given, recipe: str, code: str) -> None:
    """R-GEN-6, R-GEN-7, R-32, R-SOL-20."""
    assert refusal(given.solution, recipe=recipe)[0] == code


def test_version_has_the_recorded_name_and_members(given: Given) -> None:
    """R-SV-1, R-SV-2, R-SV-4, R-SV-7, R-SV-9, T-60 to T-65."""
    solution = given.solution(name="films")
    version = given.version(solution)
    assert re.fullmatch(re.escape(arn("solution", "films/")) + "[0-9a-f]{8}", version)
    shown = version_of(given, version)
    assert shown["name"] == "films/" + version.rpartition("/")[2]
    assert (shown["status"], shown["trainingMode"], shown["trainingType"]) == ("ACTIVE", "FULL", "MANUAL")
    assert shown["trainingHours"] > 0
    assert {"failureReason", "tunedHPOParams", "eventType"}.isdisjoint(shown)
    (summary,) = given.personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    assert set(summary) == {
        "solutionVersionArn",
        "status",
        "trainingMode",
        "trainingType",
        "creationDateTime",
        "lastUpdatedDateTime",
    }
    latest = solution_of(given, solution)["latestSolutionVersion"]
    assert latest == summary


def test_versions_are_listed_oldest_first(given: Given) -> None:
    """P-72, P-73, P-44."""
    solution = given.solution(recipe=POPULARITY)
    versions = [given.version(solution) for _ in range(3)]
    listed = given.personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    assert [version["solutionVersionArn"] for version in listed] == versions
    assert solution_of(given, solution)["latestSolutionVersion"]["solutionVersionArn"] == versions[-1]
    code, _ = refusal(given.personalize.list_solution_versions, solutionArn=arn("solution", "none"))
    assert code == "ResourceNotFoundException"


def test_version_names_are_unique_in_a_solution(given: Given) -> None:
    """R-SV-3."""
    solution = given.solution(recipe=POPULARITY)
    version = given.version(solution, name="first")
    assert version_of(given, version)["name"] == "first"
    assert refusal(given.version, solution=solution, name="first")[0] == "ResourceAlreadyExistsException"


def test_metrics_have_the_names_and_the_rounding_of_the_service(given: Given) -> None:
    """M-1 to M-3, M-58."""
    version = given.version()
    answer = given.personalize.get_solution_metrics(solutionVersionArn=version)
    assert answer["solutionVersionArn"] == version
    assert list(answer["metrics"]) == METRICS
    for value in answer["metrics"].values():
        assert 0 <= value <= 1
        assert round(value, 4) == value


def test_states_and_metrics_while_training(slow: Given, clock: ManualClock) -> None:
    """R-SV-6, R-SV-16, R-DS-17, R-SOL-17, E-37."""
    group = slow.group()
    clock.advance(60)
    dataset = slow.dataset(group)
    clock.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    clock.advance(1000)
    solution = slow.solution(group)
    assert solution_of(slow, solution)["status"] == "ACTIVE"
    version = slow.version(solution)
    seen = []
    for seconds in (0, 60, 2400):
        clock.advance(seconds)
        seen.append(version_of(slow, version)["status"])
        if seconds < 2400:
            code, _ = refusal(slow.personalize.get_solution_metrics, solutionVersionArn=version)
            assert code == "ResourceInUseException"
            assert "trainingHours" not in version_of(slow, version)
            assert refusal(slow.personalize.delete_solution, solutionArn=solution)[0] == "ResourceInUseException"
            assert refusal(slow.personalize.delete_dataset, datasetArn=dataset)[0] == "ResourceInUseException"
    assert seen == ["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"]
    slow.personalize.get_solution_metrics(solutionVersionArn=version)


def test_too_few_users_fail_the_training(given: Given) -> None:
    """R-SV-15, R-SV-16, T-80, T-81, E-13."""
    rows = two_camps(users=24, events=50)
    version = given.version(given.solution(given.imported_group(rows)))
    shown = version_of(given, version)
    assert shown["status"] == "CREATE FAILED"
    assert shown["failureReason"] == "Dataset has fewer than 25 users with at least 2 interactions each."
    assert refusal(given.personalize.get_solution_metrics, solutionVersionArn=version)[0] == (
        "ResourceNotFoundException"
    )


def test_rows_equal_in_all_columns_count_once(given: Given) -> None:
    """D-82, T-80, T-83."""
    rows = two_camps()[:600]
    version = given.version(given.solution(given.imported_group(rows + rows)))
    assert version_of(given, version)["failureReason"] == "Dataset has fewer than 1000 interactions"


TYPED = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("EVENT_TYPE"),
    field("EVENT_VALUE", ["float", "null"]),
)


def typed_group(given: Given) -> str:
    """The first 30 users buy, with values 0 to 9; all others look."""
    group = given.group()
    dataset = given.dataset(group, given.schema(TYPED))
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE"]
    for number, (user, item, time) in enumerate(two_camps(users=60, events=40)):
        kind = "buy" if int(user[1:]) < 30 else "look"
        lines.append(f"{user},{item},{time},{kind},{number % 10 if kind == 'buy' else ''}")
    given.import_job(dataset, given.upload("\n".join(lines)))
    return group


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        ({"eventType": "buy"}, None),
        ({"eventType": "none"}, "Dataset has fewer than 1000 interactions after filtering by event type: none"),
        (
            {"eventType": "buy", "solutionConfig": {"eventValueThreshold": "5"}},
            "Dataset has fewer than 1000 interactions after filtering by event type: buy",
        ),
        ({"solutionConfig": {"eventValueThreshold": "1"}}, None),
        ({"solutionConfig": {"eventValueThreshold": "2"}}, "Dataset has fewer than 1000 interactions"),
        (
            {"solutionConfig": {"eventsConfig": {"eventParametersList": [{"eventType": "look"}]}}},
            None,
        ),
    ],
)
def test_event_types_and_values_select_interactions(
    given: Given, selection: dict[str, Any], reason: str | None
) -> None:
    """T-8, T-12, T-13, T-20, T-21, T-82, E-14."""
    version = given.version(given.solution(typed_group(given), recipe=POPULARITY, **selection))
    assert version_of(given, version).get("failureReason") == reason


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.3, 0.1)])
def test_event_weights_add_metrics(given: Given, weights: tuple[float, float]) -> None:
    """M-3, M-28, T-13, T-23."""
    events = [{"eventType": kind, "weight": weight} for kind, weight in zip(("buy", "look"), weights, strict=True)]
    config = {"eventsConfig": {"eventParametersList": events}}
    version = given.version(given.solution(typed_group(given), recipe=POPULARITY, solutionConfig=config))
    metrics = given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    added = {f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}" for k in (5, 10, 25)}
    assert set(metrics) == set(METRICS) | added


def test_update_mode_requires_a_full_version(given: Given) -> None:
    """T-70, T-71, R-SV-8."""
    for recipe in (USER_PERSONALIZATION, SIMS):
        solution = given.solution(given.imported_group(name=recipe[-4:]), recipe, name=recipe[-4:])
        code, _ = refusal(given.version, solution=solution, trainingMode="UPDATE")
        assert code == "InvalidInputException"


def test_deleting_a_solution_deletes_its_versions(given: Given) -> None:
    """R-SOL-17, R-SV-13."""
    version = given.version(given.solution(recipe=POPULARITY))
    campaign = given.campaign(version)
    solution = version.rpartition("/")[0]
    assert refusal(given.personalize.delete_solution, solutionArn=solution) == (
        "ResourceInUseException",
        f"Resource {solution} is in use: campaign {campaign}.",
    )
    given.personalize.delete_campaign(campaignArn=campaign)
    given.personalize.delete_solution(solutionArn=solution)
    assert given.personalize.list_solution_versions()["solutionVersions"] == []
    assert refusal(given.personalize.get_solution_metrics, solutionVersionArn=version)[0] == (
        "ResourceNotFoundException"
    )


def test_datasets_can_be_deleted_while_trained_versions_exist(given: Given) -> None:
    """R-DS-19, R-DS-20."""
    version = given.version(given.solution(recipe=POPULARITY))
    given.personalize.delete_dataset(datasetArn=arn("dataset", "group/INTERACTIONS"))
    assert given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
