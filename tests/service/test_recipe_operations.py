"""ListRecipes, DescribeRecipe, DescribeAlgorithm and DescribeFeatureTransformation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from personalize_emu.aws_services import AwsServices
from personalize_emu.service.catalog.recipe_catalog import LAST_UPDATED, all_recipes
from personalize_emu.service.core.context import Context
from personalize_emu.service.recipes import (
    describe_algorithm,
    describe_feature_transformation,
    describe_recipe,
    list_recipes,
)
from personalize_emu.service.state.emulator_state import new_state
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.identifiers import Identifiers
from personalize_emu.wire.errors import (
    InvalidInputException,
    InvalidNextTokenException,
    ResourceNotFoundException,
)

PREFIX = "arn:aws:personalize:::"
LISTED = [
    "aws-ecomm-customers-who-viewed-x-also-viewed",
    "aws-ecomm-frequently-bought-together",
    "aws-ecomm-popular-items-by-purchases",
    "aws-ecomm-popular-items-by-views",
    "aws-ecomm-recommended-for-you",
    "aws-item-affinity",
    "aws-item-attribute-affinity",
    "aws-next-best-action",
    "aws-personalized-ranking",
    "aws-personalized-ranking-v2",
    "aws-popularity-count",
    "aws-semantic-similarity",
    "aws-similar-items",
    "aws-sims",
    "aws-trending-now",
    "aws-user-personalization",
    "aws-user-personalization-v2",
    "aws-vod-because-you-watched-x",
    "aws-vod-more-like-x",
    "aws-vod-most-popular",
    "aws-vod-top-picks",
    "aws-vod-trending-now",
]
MODEL = get_session().get_service_model("personalize")


def no_client(service: str, region: str) -> Any:
    raise AssertionError(f"recipes need no {service}")


@pytest.fixture
def context() -> Context:
    clock = ManualClock()
    return Context(
        state=new_state(clock),
        settings=Settings(),
        clock=clock,
        identifiers=Identifiers(0),
        aws_services=AwsServices(no_client),
        page_secret=b"secret",
        account="123456789012",
        region="eu-west-1",
    )


def assert_shape(operation: str, answer: dict[str, Any]) -> None:
    """The answer holds nothing but modelled members of the modelled types."""
    output = MODEL.operation_model(operation).output_shape
    assert not ParamValidator().validate(answer, output).has_errors()


def pages(context: Context, **params: Any) -> Iterator[list[str]]:
    while True:
        answer = list_recipes(context, params)
        assert_shape("ListRecipes", answer)
        yield [recipe["name"] for recipe in answer["recipes"]]
        if "nextToken" not in answer:
            return
        params["nextToken"] = answer["nextToken"]


def test_r30_r32_recipes_by_name_without_the_legacy_ones(context: Context) -> None:
    assert [name for page in pages(context) for name in page] == LISTED


def test_p68_r30_default_page_has_eleven_recipes_and_a_token(context: Context) -> None:
    assert list(pages(context)) == [LISTED[:11], LISTED[11:]]
    assert list(pages(context, maxResults=100)) == [LISTED]


def test_p68_p75_pages_are_cut_before_the_domain_filter(context: Context) -> None:
    """As programs that read `nextToken` of the first page unconditionally need it, with a domain, too."""
    shop = [name for name in LISTED if name.startswith("aws-ecomm-")]
    videos = [name for name in LISTED if name.startswith("aws-vod-")]
    assert list(pages(context, domain="ECOMMERCE")) == [shop, []]
    assert list(pages(context, domain="VIDEO_ON_DEMAND")) == [[], videos]
    assert list(pages(context, domain="VIDEO_ON_DEMAND", maxResults=100)) == [videos]
    assert list(pages(context, domain="ECOMMERCE", maxResults=3)) == [shop[:3], shop[3:], *[[]] * 6]


def test_p66_p69_pages(context: Context) -> None:
    cut = list(pages(context, maxResults=5))
    assert [len(page) for page in cut] == [5, 5, 5, 5, 2]
    assert [name for page in cut for name in page] == LISTED
    token = list_recipes(context, {"maxResults": 5})["nextToken"]
    with pytest.raises(InvalidNextTokenException):
        list_recipes(context, {"maxResults": 5, "nextToken": token, "domain": "ECOMMERCE"})


@pytest.mark.parametrize(("domain", "prefix"), [("ECOMMERCE", "aws-ecomm-"), ("VIDEO_ON_DEMAND", "aws-vod-")])
def test_p75_r_rcp_3_use_cases_of_one_domain(context: Context, domain: str, prefix: str) -> None:
    answer = list_recipes(context, {"domain": domain, "recipeProvider": "SERVICE", "maxResults": 100})
    assert [recipe["name"] for recipe in answer["recipes"]] == [name for name in LISTED if name.startswith(prefix)]
    assert {recipe["domain"] for recipe in answer["recipes"]} == {domain}


def test_r30_summaries(context: Context) -> None:
    summaries = list_recipes(context, {"maxResults": 100})["recipes"]
    assert len(summaries) == len(LISTED)
    assert {summary["lastUpdatedDateTime"] for summary in summaries} == {LAST_UPDATED}
    for summary in summaries:
        assert summary["status"] == "ACTIVE"
        assert ("domain" in summary) == summary["name"].startswith(("aws-ecomm-", "aws-vod-"))


@pytest.mark.parametrize("facts", all_recipes(), ids=lambda facts: facts.name)
def test_r34_r37_algorithms_and_transformations_of_recipes_can_be_described(context: Context, facts: Any) -> None:
    answer = describe_recipe(context, {"recipeArn": facts.arn})
    assert_shape("DescribeRecipe", answer)
    recipe = answer["recipe"]
    assert recipe["description"].endswith(".")
    assert recipe["recipeType"] == facts.recipe_type
    algorithm = describe_algorithm(context, {"algorithmArn": recipe["algorithmArn"]})
    assert_shape("DescribeAlgorithm", algorithm)
    assert algorithm["algorithm"]["creationDateTime"] == recipe["creationDateTime"]
    transformation = describe_feature_transformation(
        context, {"featureTransformationArn": recipe["featureTransformationArn"]}
    )
    assert_shape("DescribeFeatureTransformation", transformation)


def test_r34_describe_recipe(context: Context) -> None:
    recipe = describe_recipe(context, {"recipeArn": PREFIX + "recipe/aws-sims"})["recipe"]
    assert recipe.pop("description")
    assert recipe == {
        "name": "aws-sims",
        "recipeArn": PREFIX + "recipe/aws-sims",
        "algorithmArn": PREFIX + "algorithm/aws-sims",
        "featureTransformationArn": PREFIX + "feature-transformation/sims",
        "status": "ACTIVE",
        "recipeType": "RELATED_ITEMS",
        "creationDateTime": 1_560_124_800.0,
        "lastUpdatedDateTime": LAST_UPDATED,
    }


def test_r37_describe_algorithm(context: Context) -> None:
    arn = PREFIX + "algorithm/aws-user-personalization"
    assert describe_algorithm(context, {"algorithmArn": arn})["algorithm"] == {
        "name": "aws-user-personalization",
        "algorithmArn": arn,
        "algorithmImage": {
            "name": "aws-user-personalization",
            "dockerURI": "000000000000.dkr.ecr.eu-west-1.amazonaws.com/aws-user-personalization:latest",
        },
        "defaultHyperParameters": {"hidden_dimension": "149", "bptt": "32", "recency_mask": "true"},
        "defaultHyperParameterRanges": {
            "integerHyperParameterRanges": [
                {"name": "hidden_dimension", "minValue": 32, "maxValue": 256, "isTunable": True},
                {"name": "bptt", "minValue": 2, "maxValue": 32, "isTunable": True},
            ],
            "continuousHyperParameterRanges": [],
            "categoricalHyperParameterRanges": [
                {"name": "recency_mask", "values": ["true", "false"], "isTunable": True}
            ],
        },
        "defaultResourceConfig": {"maxNumberOfTrainingJobs": "40", "maxParallelTrainingJobs": "10"},
        "trainingInputMode": "File",
        "creationDateTime": 1_560_124_800.0,
        "lastUpdatedDateTime": LAST_UPDATED,
    }


def test_r37_an_algorithm_without_parameters(context: Context) -> None:
    arn = PREFIX + "algorithm/aws-popularity-count"
    algorithm = describe_algorithm(context, {"algorithmArn": arn})["algorithm"]
    assert algorithm["defaultHyperParameters"] == {}
    assert set(map(len, algorithm["defaultHyperParameterRanges"].values())) == {0}


def test_r37_describe_feature_transformation(context: Context) -> None:
    def parameters(name: str) -> dict[str, str]:
        arn = PREFIX + "feature-transformation/" + name
        answer = describe_feature_transformation(context, {"featureTransformationArn": arn})
        transformation = answer["featureTransformation"]
        assert (transformation["name"], transformation["status"]) == (name, "ACTIVE")
        defaults: dict[str, str] = transformation["defaultParameters"]
        return defaults

    assert parameters("JSON-percentile-filtering") == {
        "min_user_history_length_percentile": "0.0",
        "max_user_history_length_percentile": "0.99",
    }
    assert parameters("sims")["max_item_interaction_count_percentile"] == "0.9"
    assert parameters("aws-trending-now") == {"trend_discovery_frequency": "2 hours"}
    assert parameters("similar-items") == {}


DESCRIBES = (
    (describe_recipe, "recipeArn", "recipe"),
    (describe_algorithm, "algorithmArn", "algorithm"),
    (describe_feature_transformation, "featureTransformationArn", "feature-transformation"),
)


@pytest.mark.parametrize(("describe", "member", "kind"), DESCRIBES)
def test_r_gen_6_unknown_arns(context: Context, describe: Any, member: str, kind: str) -> None:
    for arn in (f"{PREFIX}{kind}/none", f"arn:aws:personalize:us-east-1:1:{kind}/aws-sims"):
        with pytest.raises(ResourceNotFoundException) as caught:
            describe(context, {member: arn})
        assert caught.value.message == f"Resource Arn {arn} does not exist."


@pytest.mark.parametrize(("describe", "member", "kind"), DESCRIBES)
def test_r_gen_7_arns_of_another_type(context: Context, describe: Any, member: str, kind: str) -> None:
    for arn in (PREFIX + "solution/aws-sims", PREFIX + "x", f"{PREFIX}{kind}s/aws-sims"):
        with pytest.raises(InvalidInputException) as caught:
            describe(context, {member: arn})
        assert caught.value.message == f"Resource Arn {arn} is not of type {kind}."


def test_r30_r34_through_a_client(personalize: Any) -> None:
    listed = personalize.get_paginator("list_recipes").paginate(PaginationConfig={"PageSize": 7})
    assert [recipe["name"] for page in listed for recipe in page["recipes"]] == LISTED
    recipe = personalize.describe_recipe(recipeArn=PREFIX + "recipe/aws-item-affinity")["recipe"]
    assert recipe["creationDateTime"].timestamp() == 1_626_307_200
    algorithm = personalize.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
    assert algorithm["defaultHyperParameters"] == {"hidden_dimension": "149"}
    transformation = personalize.describe_feature_transformation(
        featureTransformationArn=recipe["featureTransformationArn"]
    )["featureTransformation"]
    assert transformation["defaultParameters"] == {}
