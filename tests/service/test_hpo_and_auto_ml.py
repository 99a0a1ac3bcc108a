"""performHPO and performAutoML through boto3 (spec 07 sections 1.3 and 1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.emulator import Emulator
from personalize_emu.service.training.model_selection import candidates_of, metric_of
from tests.given import POPULARITY, SIMS, USER_PERSONALIZATION, Given, as_csv, two_camps

RANKING = "arn:aws:personalize:::recipe/aws-personalized-ranking"
SIMILAR = "arn:aws:personalize:::recipe/aws-similar-items"


def hpo(jobs: int | None = None, **ranges: list[dict[str, Any]]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if jobs is not None:
        config["hpoResourceConfig"] = {"maxNumberOfTrainingJobs": str(jobs), "maxParallelTrainingJobs": "2"}
    if ranges:
        named = {f"{kind}HyperParameterRanges": found for kind, found in ranges.items()}
        config["algorithmHyperParameterRanges"] = named
    return {"hpoConfig": config}


def tuned(given: Given, config: dict[str, Any], recipe: str = SIMS, **extra: Any) -> dict[str, Any]:
    version = given.version(given.solution(extra.pop("group", None), recipe, performHPO=True, solutionConfig=config))
    return described(given, version)


def described(given: Given, version: str) -> dict[str, Any]:
    return dict(given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"])


def test_best_values_are_shown(given: Given) -> None:
    """T-30, T-34, R-50: strings, unprefixed, of the recipe's own ranges where none are given."""
    shown = tuned(given, hpo(4))
    assert shown["status"] == "ACTIVE"
    assert shown["performHPO"] is True
    assert set(shown["tunedHPOParams"]) == {"algorithmHyperParameters"}
    found = shown["tunedHPOParams"]["algorithmHyperParameters"]
    assert set(found) == {"popularity_discount_factor", "min_cointeraction_count"}
    assert 0 <= float(found["popularity_discount_factor"]) <= 1
    assert 0 <= int(found["min_cointeraction_count"]) <= 10
    assert shown["trainingHours"] == round(4 * 1200 / 1e6, 3)


def test_ranges_of_the_published_example(given: Given) -> None:
    """R-51, R-52, T-30, T-33: prefixed names are understood; only what was asked for is searched and shown."""
    shown = tuned(
        given,
        hpo(
            2,
            integer=[{"name": "network.hidden_dimension", "minValue": 58, "maxValue": 58}],
            categorical=[{"name": "recency_mask", "values": ["False"]}],
        ),
        USER_PERSONALIZATION,
    )
    assert shown["tunedHPOParams"] == {
        "algorithmHyperParameters": {"hidden_dimension": "58", "recency_mask": "false"}
    }


def test_configured_values_are_the_first_candidate(given: Given) -> None:
    """T-35: one job, so there is no other."""
    config = hpo(1) | {"algorithmHyperParameters": {"popularity_discount_factor": "0.25"}}
    assert tuned(given, config)["tunedHPOParams"]["algorithmHyperParameters"] == {
        "popularity_discount_factor": "0.25",
        "min_cointeraction_count": "3",
    }


def test_objective_is_shown_and_ignored(given: Given) -> None:
    """T-32."""
    config = hpo(1)
    config["hpoConfig"]["hpoObjective"] = {"type": "Minimize", "metricName": "x", "metricRegex": "y"}
    shown = tuned(given, config)
    assert shown["solutionConfig"]["hpoConfig"]["hpoObjective"]["type"] == "Minimize"
    assert shown["status"] == "ACTIVE"


def test_parameters_without_effect_keep_their_defaults(given: Given) -> None:
    """R-67, R-68, T-34."""
    found = tuned(given, {}, SIMILAR)["tunedHPOParams"]["algorithmHyperParameters"]
    assert found == {"item_id_hidden_dim": "100", "item_metadata_hidden_dim": "100"}


def test_search_with_too_few_data_fails(given: Given) -> None:
    """T-80."""
    shown = tuned(given, hpo(40), group=given.imported_group(two_camps(users=24, items=50, events=50)))
    assert shown["status"] == "CREATE FAILED"
    assert shown["failureReason"] == "Dataset has fewer than 25 users with at least 2 interactions each."
    assert "tunedHPOParams" not in shown


def test_tuned_version_has_metrics_and_answers(given: Given, runtime: Any) -> None:
    """T-35, M-1."""
    config = hpo(3, integer=[{"name": "bptt", "minValue": 2, "maxValue": 4}])
    version = given.version(given.solution(recipe=USER_PERSONALIZATION, performHPO=True, solutionConfig=config))
    metrics = given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert 0 < metrics["normalized_discounted_cumulative_gain_at_25"] <= 1
    answer = runtime.get_recommendations(campaignArn=given.campaign(version), userId="u0")
    assert len(answer["itemList"]) == 25
    first = described(given, version)["tunedHPOParams"]["algorithmHyperParameters"]
    assert set(first) == {"bptt"}
    update = described(given, given.version(version.rpartition("/")[0], trainingMode="UPDATE"))
    assert update["tunedHPOParams"]["algorithmHyperParameters"] == first


def test_search_can_be_stopped(slow: Given, slow_emulator: Emulator) -> None:
    """R-SV-12, T-64."""
    group = slow.group()
    slow_emulator.advance(3600)
    dataset = slow.dataset(group)
    slow_emulator.advance(3600)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    slow_emulator.advance(7200)
    version = slow.version(slow.solution(group, SIMS, performHPO=True, performAutoTraining=False))
    assert described(slow, version)["status"] == "CREATE PENDING"
    slow.personalize.stop_solution_version_creation(solutionVersionArn=version)
    assert described(slow, version)["status"] == "CREATE STOPPED"


# --- AutoML ---------------------------------------------------------------------------------------------------------


def auto_ml(given: Given, group: str | None = None, **config: Any) -> dict[str, Any]:
    """The description of the solution, after its first version was trained."""
    extra = {"solutionConfig": {"autoMLConfig": config}} if config else {}
    solution = given.personalize.create_solution(
        name="auto", datasetGroupArn=group or given.imported_group(), performAutoML=True, **extra
    )["solutionArn"]
    shown = given.personalize.describe_solution(solutionArn=solution)["solution"]
    assert "autoMLResult" not in shown
    given.version(solution)
    return dict(given.personalize.describe_solution(solutionArn=solution)["solution"])


def test_auto_ml_finds_the_better_recipe(given: Given, runtime: Any) -> None:
    """T-40, T-41: in two camps who is personal wins; the best is tuned as if performHPO had been given."""
    group = given.imported_group(two_camps(users=26, items=20, events=39))
    shown = auto_ml(given, group, metricName="no such metric", recipeList=[POPULARITY, USER_PERSONALIZATION])
    assert (shown["performAutoML"], shown["performHPO"]) == (True, True)
    assert "recipeArn" not in shown
    assert shown["autoMLResult"] == {"bestRecipeArn": USER_PERSONALIZATION}
    version = described(given, shown["latestSolutionVersion"]["solutionVersionArn"])
    assert version["recipeArn"] == USER_PERSONALIZATION
    assert set(version["tunedHPOParams"]["algorithmHyperParameters"]) == {"hidden_dimension", "bptt", "recency_mask"}
    campaign = given.campaign(version["solutionVersionArn"])
    listed = runtime.get_recommendations(campaignArn=campaign, userId="u0")["itemList"]
    assert "score" in listed[0]
    metrics = given.personalize.get_solution_metrics(solutionVersionArn=version["solutionVersionArn"])["metrics"]
    assert metrics["coverage"] > 0


def test_auto_ml_compares_only_listed_recipes(given: Given) -> None:
    """T-40, T-17: nothing to tune, so nothing tuned is shown."""
    shown = auto_ml(given, recipeList=[POPULARITY])
    assert shown["autoMLResult"] == {"bestRecipeArn": POPULARITY}
    version = described(given, shown["latestSolutionVersion"]["solutionVersionArn"])
    assert version["recipeArn"] == POPULARITY
    assert "tunedHPOParams" not in version


def test_default_candidates_and_metric_of_auto_ml() -> None:
    """T-17, T-40, T-41."""
    assert candidates_of({}) == (USER_PERSONALIZATION, POPULARITY)
    assert candidates_of({"autoMLConfig": {"recipeList": [POPULARITY, POPULARITY]}}) == (POPULARITY,)
    assert metric_of({"autoMLConfig": {"metricName": "coverage"}}) == "coverage"
    assert metric_of({}) == "normalized_discounted_cumulative_gain_at_25"


def test_auto_ml_with_too_few_data_fails(given: Given) -> None:
    """T-40, T-80."""
    group = given.imported_group(two_camps(users=24, items=50, events=50))
    shown = auto_ml(given, group)
    assert "autoMLResult" not in shown
    version = described(given, shown["latestSolutionVersion"]["solutionVersionArn"])
    assert version["failureReason"] == "Dataset has fewer than 25 users with at least 2 interactions each."


@pytest.mark.parametrize("recipe", [POPULARITY, "arn:aws:personalize:::recipe/aws-user-personalization-v2"])
def test_recipes_without_tunable_parameters_are_trained_without_search(given: Given, recipe: str) -> None:
    """T-33, R-56, T-34: nothing has been tuned, so nothing is shown."""
    version = given.version(given.solution(given.imported_group(), recipe, performHPO=True))
    shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert (shown["status"], shown["performHPO"]) == ("ACTIVE", True)
    assert "tunedHPOParams" not in shown
