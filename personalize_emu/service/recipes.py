"""Operations on recipes, algorithms and feature transformations; the same for every account (R-RCP-4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from personalize_emu.service.catalog.recipe_catalog import LAST_UPDATED, all_recipes, recipe_by_arn
from personalize_emu.service.catalog.recipe_facts import Hyperparameter, RecipeFacts
from personalize_emu.service.core.context import Context
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException

Params = Mapping[str, Any]
DEFAULT_PAGE = 11
"""Recipes on a page without maxResults (R-30, recorded)."""


def list_recipes(context: Context, params: Params) -> dict[str, Any]:
    """R-30, R-35, P-75: by name; legacy recipes are left out (R-32).

    Pages are cut before the filter by domain, so one can be short or empty while more follow (P-68). Public programs
    read nextToken of the first page unconditionally.
    """
    summaries = [_summary(recipe) for recipe in all_recipes() if recipe.listed]
    answer = context.page(
        summaries,
        params,
        "recipes",
        query="ListRecipes",
        key=lambda summary: str(summary["name"]),
        default_size=DEFAULT_PAGE,
    )
    if "domain" in params:
        answer["recipes"] = [summary for summary in answer["recipes"] if summary.get("domain") == params["domain"]]
    return answer


def describe_recipe(_context: Context, params: Params) -> dict[str, Any]:
    """R-34, R-RCP-1."""
    recipe = required_recipe(params["recipeArn"])
    return {
        "recipe": {
            **_heading(recipe),
            "algorithmArn": recipe.algorithm_arn,
            "featureTransformationArn": recipe.feature_transformation_arn,
            "description": recipe.description,
            "recipeType": recipe.recipe_type,
        }
    }


def describe_algorithm(context: Context, params: Params) -> dict[str, Any]:
    """R-34, R-37, R-ALG-1."""
    arn = params["algorithmArn"]
    require_type(arn, "algorithm")
    recipe = next((recipe for recipe in all_recipes() if recipe.algorithm_arn == arn), None)
    if recipe is None:
        raise _unknown(arn)
    parameters = recipe.of_kind("algorithm")
    name = recipe.algorithm_name
    return {
        "algorithm": {
            "name": name,
            "algorithmArn": arn,
            "algorithmImage": {
                "name": name,
                "dockerURI": f"000000000000.dkr.ecr.{context.region}.amazonaws.com/{name}:latest",
            },
            "defaultHyperParameters": _defaults(parameters),
            "defaultHyperParameterRanges": _ranges(parameters),
            "defaultResourceConfig": {"maxNumberOfTrainingJobs": "40", "maxParallelTrainingJobs": "10"},
            "trainingInputMode": "File",
            "creationDateTime": recipe.created,
            "lastUpdatedDateTime": LAST_UPDATED,
        }
    }


def describe_feature_transformation(_context: Context, params: Params) -> dict[str, Any]:
    """R-34, R-37, R-FT-1. Recipes with the same transformation have the same parameters for it, or none."""
    arn = params["featureTransformationArn"]
    require_type(arn, "feature-transformation")
    users = [recipe for recipe in all_recipes() if recipe.feature_transformation_arn == arn]
    if not users:
        raise _unknown(arn)
    return {
        "featureTransformation": {
            "name": users[0].feature_transformation_name,
            "featureTransformationArn": arn,
            "defaultParameters": _defaults(
                parameter for recipe in users for parameter in recipe.of_kind("featurization")
            ),
            "creationDateTime": min(recipe.created for recipe in users),
            "lastUpdatedDateTime": LAST_UPDATED,
            "status": "ACTIVE",
        }
    }


def required_recipe(arn: str) -> RecipeFacts:
    """The recipe with an ARN.

    Raises:
        InvalidInputException: the ARN is of another resource type (R-GEN-7).
        ResourceNotFoundException: there is no such recipe (R-GEN-6).
    """
    require_type(arn, "recipe")
    recipe = recipe_by_arn(arn)
    if recipe is None:
        raise _unknown(arn)
    return recipe


def _summary(recipe: RecipeFacts) -> dict[str, Any]:
    """With the domain of use cases, which Describe does not show (R-30)."""
    heading = _heading(recipe)
    return heading if recipe.domain is None else heading | {"domain": recipe.domain}


def _heading(recipe: RecipeFacts) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "recipeArn": recipe.arn,
        "status": "ACTIVE",
        "creationDateTime": recipe.created,
        "lastUpdatedDateTime": LAST_UPDATED,
    }


def _defaults(parameters: Iterable[Hyperparameter]) -> dict[str, str]:
    return {parameter.name: parameter.default for parameter in parameters}


def _ranges(parameters: Iterable[Hyperparameter]) -> dict[str, list[dict[str, Any]]]:
    ranges: dict[str, list[dict[str, Any]]] = {
        "integerHyperParameterRanges": [],
        "continuousHyperParameterRanges": [],
        "categoricalHyperParameterRanges": [],
    }
    for parameter in parameters:
        ranges[f"{parameter.type}HyperParameterRanges"].append(_range(parameter))
    return ranges


def _range(parameter: Hyperparameter) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": parameter.name, "isTunable": parameter.tunable}
    if parameter.type == "categorical":
        return shown | {"values": list(parameter.values)}
    number = int if parameter.type == "integer" else float
    bounds = {"minValue": parameter.minimum, "maxValue": parameter.maximum}
    return shown | {member: number(bound) for member, bound in bounds.items() if bound is not None}


def require_type(arn: str, resource_type: str) -> None:
    parsed = parse_arn(arn)
    if parsed is None or parsed.resource_type != resource_type:
        raise InvalidInputException(f"Resource Arn {arn} is not of type {resource_type}.")


def _unknown(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Resource Arn {arn} does not exist.")
