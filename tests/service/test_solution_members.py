"""Each member of CreateSolution and of solutionConfig, and its bounds, through boto3 (spec 07 section 1, spec 06)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.lifecycle import creation_duration
from tests.given import (
    ACCOUNT,
    POPULARITY,
    REGION,
    USER_PERSONALIZATION,
    Given,
    arn,
    as_csv,
    avro,
    field,
    two_camps,
)
from tests.refusals import refusal

V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
SEMANTIC = "arn:aws:personalize:::recipe/aws-semantic-similarity"
INVALID, BROKEN = "InvalidInputException", "ValidationException"
ITEMS = avro(
    "Items",
    field("ITEM_ID"),
    field("TITLE", itemName=True),
    field("PLOT", ["string", "null"], textual=True),
    field("PRICE", "float"),
)
TYPED = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("EVENT_TYPE"),
    field("EVENT_VALUE", ["float", "null"]),
)


def typed_csv(*kinds: str) -> str:
    rows = (f"{u},{i},{t},{kinds[n % len(kinds)]},1.0\n" for n, (u, i, t) in enumerate(two_camps(users=120)))
    return "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n" + "".join(rows)


@pytest.fixture(scope="module")
def given() -> Iterator[Given]:
    """A group with typed interactions and items; tests make solutions of names of their own."""
    with mock_personalize(clock=ManualClock(), quotas="off"):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        group = given.group()
        given.import_job(given.dataset(group, given.schema(TYPED)), given.upload(typed_csv("watch", "click")))
        items = given.dataset(group, given.schema(ITEMS, "items"), "Items")
        given.import_job(items, given.upload("ITEM_ID,TITLE,PLOT,PRICE\ni000,a,b,1\n", "items.csv"), "items")
        yield given


GROUP = arn("dataset-group", "group")
names = (f"s{number}" for number in range(1000))


def create(given: Given, recipe: str | None = POPULARITY, **members: Any) -> dict[str, Any]:
    """The solution as it is described."""
    request = {"name": next(names), "datasetGroupArn": GROUP, **({"recipeArn": recipe} if recipe else {}), **members}
    made = given.personalize.create_solution(**request)["solutionArn"]
    shown: dict[str, Any] = given.personalize.describe_solution(solutionArn=made)["solution"]
    return shown


def refused(given: Given, recipe: str | None = POPULARITY, **members: Any) -> str:
    request = {"name": next(names), "datasetGroupArn": GROUP, **({"recipeArn": recipe} if recipe else {}), **members}
    return refusal(given.personalize.create_solution, **request)[0]


def configured(given: Given, recipe: str = USER_PERSONALIZATION, **config: Any) -> Any:
    """The configuration as it is described."""
    return create(given, recipe, solutionConfig=config)["solutionConfig"]


def misconfigured(given: Given, recipe: str = USER_PERSONALIZATION, **config: Any) -> str:
    return refused(given, recipe, solutionConfig=config)


def test_name_and_group(given: Given) -> None:
    """T-1, T-2."""
    longest = "A-_9" + "x" * 59
    assert create(given, name=longest)["solutionArn"] == f"arn:aws:personalize:{REGION}:{ACCOUNT}:solution/{longest}"
    for name in (longest + "x", "-x", "_x", "a b", "é"):
        assert refused(given, name=name) == BROKEN
    assert create(given)["datasetGroupArn"] == GROUP
    assert refused(given, datasetGroupArn=GROUP + "x" * 256) == BROKEN
    assert refused(given, datasetGroupArn=arn("dataset-group", "none")) == "ResourceNotFoundException"


def test_recipe_or_automl(given: Given) -> None:
    """T-3, T-5: one of them and not both."""
    assert create(given)["performAutoML"] is False
    assert create(given, None, performAutoML=True)["performAutoML"] is True
    assert refused(given, None) == INVALID
    assert refused(given, None, performAutoML=False) == INVALID
    assert refused(given, performAutoML=True) == INVALID


def test_defaults(given: Given) -> None:
    """T-4, T-6: no tuning, and training by the schedule."""
    plain = create(given, USER_PERSONALIZATION)
    assert (plain["performHPO"], plain["performAutoTraining"]) == (False, True)
    other = create(given, USER_PERSONALIZATION, performHPO=True, performAutoTraining=False)
    assert (other["performHPO"], other["performAutoTraining"]) == (True, False)


def test_incremental_update_is_for_one_recipe(given: Given) -> None:
    """T-7, R-SV-19: whatever the text of a solution version says, it is for semantic similarity."""
    assert create(given, SEMANTIC, performIncrementalUpdate=True)["performIncrementalUpdate"] is True
    for recipe in (USER_PERSONALIZATION, POPULARITY, V2):
        assert refused(given, recipe, performIncrementalUpdate=True) == INVALID
        assert create(given, recipe, performIncrementalUpdate=False)["performIncrementalUpdate"] is False
    assert "performIncrementalUpdate" not in create(given)


def test_versions_copy_the_incremental_update(given: Given) -> None:
    """R-SV-19: the value of the solution, shown where it was given."""
    for members in ({"performIncrementalUpdate": False}, {}):
        version = given.version(create(given, **members)["solutionArn"])
        shown = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
        assert shown.get("performIncrementalUpdate") == members.get("performIncrementalUpdate")


def test_configuration_and_tags(given: Given) -> None:
    """T-9, T-10."""
    assert create(given, solutionConfig={})["solutionConfig"] == {}
    tags = [{"tagKey": f"k{number}", "tagValue": ""} for number in range(201)]
    assert refused(given, tags=tags) == BROKEN
    assert refused(given, tags=tags[:200]) == "TooManyTagsException"
    made = create(given, tags=tags[:50])["solutionArn"]
    assert len(given.personalize.list_tags_for_resource(resourceArn=made)["tags"]) == 50


def test_hpo_config_is_described_as_given(given: Given) -> None:
    """T-14, R-50: ranges are asked for by names without prefixes (shown with them, R-51), numbers of jobs as texts."""
    config = {
        "hpoObjective": {"type": "Maximize", "metricName": "coverage", "metricRegex": ".*"},
        "hpoResourceConfig": {"maxNumberOfTrainingJobs": "4", "maxParallelTrainingJobs": "2"},
        "algorithmHyperParameterRanges": {
            "integerHyperParameterRanges": [{"name": "bptt", "minValue": 2, "maxValue": 22}],
            "continuousHyperParameterRanges": [],
            "categoricalHyperParameterRanges": [{"name": "recency_mask", "values": ["true", "false"]}],
        },
    }
    shown = create(given, USER_PERSONALIZATION, performHPO=True, solutionConfig={"hpoConfig": config})
    found = shown["solutionConfig"]["hpoConfig"]
    for ranges in found["algorithmHyperParameterRanges"].values():
        for each in ranges:
            each["name"] = each["name"].rpartition(".")[2]
    assert found == config
    shape = given.personalize.meta.service_model.shape_for("HPOConfig")
    assert set(shape.members) == set(config)


def test_hyperparameters_are_texts(given: Given) -> None:
    """T-15, R-50: at most 100, with names of 256 and values of 1000 characters."""
    wanted = {"hidden_dimension": "55", "recency_mask": "false"}
    assert configured(given, algorithmHyperParameters=wanted) == {"algorithmHyperParameters": wanted}
    assert misconfigured(given, algorithmHyperParameters={f"p{n}": "1" for n in range(101)}) == BROKEN
    assert misconfigured(given, algorithmHyperParameters={"x" * 257: "1"}) == BROKEN
    assert misconfigured(given, algorithmHyperParameters={"hidden_dimension": "1" * 1001}) == BROKEN
    assert misconfigured(given, algorithmHyperParameters={f"p{n}": "1" for n in range(100)}) == INVALID
    members = given.personalize.meta.service_model.shape_for("SolutionConfig").members
    assert members["algorithmHyperParameters"].value.type_name == "string"


def test_feature_transformation_parameters_are_texts(given: Given) -> None:
    """T-16, R-50."""
    wanted = {"min_user_history_length_percentile": "0.0"}
    assert configured(given, featureTransformationParameters=wanted) == {"featureTransformationParameters": wanted}
    assert misconfigured(given, featureTransformationParameters={f"p{n}": "1" for n in range(101)}) == BROKEN
    assert misconfigured(given, featureTransformationParameters={"x" * 257: "1"}) == BROKEN


def test_objective(given: Given) -> None:
    """T-18: attributes of 1 to 150 characters, four sensitivities."""
    for sensitivity in ("OFF", "LOW", "MEDIUM", "HIGH"):
        wanted = {"itemAttribute": "PRICE", "objectiveSensitivity": sensitivity}
        assert configured(given, optimizationObjective=wanted) == {"optimizationObjective": wanted}
    wrong = {"itemAttribute": "PRICE", "objectiveSensitivity": "EXTREME"}
    assert misconfigured(given, optimizationObjective=wrong) == BROKEN
    assert misconfigured(given, optimizationObjective={"itemAttribute": "x" * 151}) == BROKEN


def test_training_columns(given: Given) -> None:
    """T-19: up to three dataset types with up to 50 columns each, by names of up to 150 characters."""
    wanted = {"excludedDatasetColumns": {"ITEMS": ["TITLE"]}}
    assert configured(given, V2, trainingDataConfig=wanted) == {"trainingDataConfig": wanted}
    for columns in (
        {name: ["X"] for name in ("ITEMS", "USERS", "INTERACTIONS", "ACTIONS")},
        {"ITEMS": ["C"] * 51},
        {"ITEMS": ["x" * 151]},
        {"ITEMS": ["A-B"]},
        {"IT3MS": ["X"]},
    ):
        for member in ("excludedDatasetColumns", "includedDatasetColumns"):
            assert misconfigured(given, V2, trainingDataConfig={member: columns}) == BROKEN, columns


@pytest.mark.parametrize("expression", ["", "rate(7)", "cron(0 0 * * ? *)", "rate(a days)", "rate(1234567 days)", "x"])
def test_schedules_have_a_form(given: Given, expression: str) -> None:
    """T-19a."""
    wanted = {"schedulingExpression": "rate(3 days)"}
    assert configured(given, autoTrainingConfig=wanted) == {"autoTrainingConfig": wanted}
    if expression:
        assert misconfigured(given, autoTrainingConfig={"schedulingExpression": expression}) == BROKEN


def test_interactions_outside_the_selection_change_no_answer(given: Given) -> None:
    """T-25: rows that the selection leaves out do not matter to a v2 recipe."""
    only = "\n".join(line for line in typed_csv("watch", "click").splitlines() if "click" not in line)
    other = given.group("watched")
    given.import_job(given.dataset(other, arn("schema", "schema")), given.upload(only, "only.csv"), "only")
    items = given.dataset(other, arn("schema", "items"), "Items")
    given.import_job(items, given.upload("ITEM_ID,TITLE,PLOT,PRICE\ni000,a,b,1\n", "only-items.csv"), "only-items")
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    answers = []
    for name, members in (("selected", {"eventType": "watch"}), ("alone", {"datasetGroupArn": other})):
        solution = create(given, V2, **members)
        campaign = given.campaign(given.version(solution["solutionArn"]), name)
        answers.append(runtime.get_recommendations(campaignArn=campaign, userId="u0")["itemList"])
    assert answers[0] == answers[1]


def test_training_durations_with_pace_real() -> None:
    """T-66: from 20 minutes to 3 h 42 min with the pace real; with instant nobody sees a version pending."""
    taken = creation_duration(Settings(pace="real"), "solution-version")
    assert 20 * 60 <= taken.waiting + taken.working <= 222 * 60
    assert creation_duration(Settings(pace="instant"), "solution-version").waiting == 0


def test_limits_of_versions_and_solutions(slow: Given, slow_emulator: Emulator, monkeypatch: Any) -> None:
    """T-85: 20 versions at work in account and region, 10 solutions in a group, each with its own number."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    group = slow.group()
    slow_emulator.advance(60)
    dataset = slow.dataset(group)
    slow_emulator.advance(60)
    slow.import_job(dataset, slow.upload(as_csv(two_camps())))
    slow_emulator.advance(1000)
    solutions = [slow.solution(group, POPULARITY, f"s{n}", performAutoTraining=False) for n in range(10)]
    code, text = refusal(slow.solution, group=group, recipe=POPULARITY, name="s10")
    assert (code, text.rpartition("): ")[2]) == (
        "LimitExceededException",
        "More than 10 resources in ACTIVE state. Please delete some and try again.",
    )
    for number in range(20):
        slow.version(solutions[number % 10])
    code, text = refusal(slow.version, solution=solutions[0])
    assert (code, text.rpartition("): ")[2]) == (
        "LimitExceededException",
        "More than 20 resources with PENDING or IN_PROGRESS status.",
    )


def test_list_recipes_accepts_the_documented_inputs(given: Given) -> None:
    """R-35."""
    listed = given.personalize.list_recipes
    everything = [recipe["name"] for recipe in listed()["recipes"]]
    assert [recipe["name"] for recipe in listed(recipeProvider="SERVICE")["recipes"]] == everything
    assert refusal(listed, recipeProvider="CUSTOMER")[0] == BROKEN
    shop = listed(domain="ECOMMERCE")["recipes"]
    assert shop
    assert all(recipe["name"].startswith("aws-ecomm-") and recipe["domain"] == "ECOMMERCE" for recipe in shop)
    assert refusal(listed, domain="RETAIL")[0] == BROKEN
    assert len(listed(maxResults=1)["recipes"]) == 1
    assert refusal(listed, maxResults=101)[0] == BROKEN
    assert refusal(listed, nextToken="x")[0] == "InvalidNextTokenException"
    errors = given.personalize.meta.service_model.operation_model("ListRecipes").error_shapes
    assert {shape.name for shape in errors} == {"InvalidInputException", "InvalidNextTokenException"}
