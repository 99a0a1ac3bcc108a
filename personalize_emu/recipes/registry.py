"""Every recipe that can be trained, by its name in the service, and the recipe of each use case (spec 06)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from personalize_emu.recipes.contract.base import Recipe
from personalize_emu.recipes.hrnn import Hrnn
from personalize_emu.recipes.hrnn_metadata import hrnn_with_metadata
from personalize_emu.recipes.next_best_action import NextBestAction
from personalize_emu.recipes.personalized import personal_recipes
from personalize_emu.recipes.popularity_count import EventCount, PopularityCount
from personalize_emu.recipes.segments import segment_recipes
from personalize_emu.recipes.semantic_similarity import SemanticSimilarity
from personalize_emu.recipes.similar_items import similar_items
from personalize_emu.recipes.sims import sims
from personalize_emu.recipes.trending_now import TrendingNow


@cache
def recipe_named(name: str) -> Recipe | None:
    """The recipe of that name (`aws-sims`), None where it cannot be trained."""
    known = (*all_recipes(), *segment_recipes(), *hrnn_with_metadata(), NextBestAction(), SemanticSimilarity())
    return next((recipe for recipe in known if recipe.name == name), None)


@cache
def all_recipes() -> tuple[Recipe, ...]:
    """One of each that answers users or items, by name.

    Segments and actions are queried otherwise, a recipe that reads texts only cannot be trained without any, and
    HRNN has kin that are the same without metadata.
    """
    recipes = [Hrnn(), PopularityCount(), TrendingNow(), *personal_recipes(), sims(), similar_items()]
    return tuple(sorted(recipes, key=lambda recipe: recipe.name))


_BEHIND: Mapping[str, str] = {
    "aws-ecomm-frequently-bought-together": "aws-sims",
    "aws-ecomm-customers-who-viewed-x-also-viewed": "aws-sims",
    "aws-ecomm-recommended-for-you": "aws-user-personalization",
    "aws-vod-because-you-watched-x": "aws-sims",
    "aws-vod-more-like-x": "aws-similar-items",
    "aws-vod-most-popular": "aws-popularity-count",
    "aws-vod-top-picks": "aws-user-personalization",
    "aws-vod-trending-now": "aws-trending-now",
}
_COUNTED = frozenset({"aws-ecomm-popular-items-by-views", "aws-ecomm-popular-items-by-purchases"})


@cache
def use_case_recipe(name: str) -> Recipe | None:
    """The recipe behind `aws-ecomm-...` or `aws-vod-...`; None for any other name."""
    if name in _COUNTED:
        return EventCount()
    return recipe_named(_BEHIND[name]) if name in _BEHIND else None
