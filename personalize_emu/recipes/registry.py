"""Every recipe that can be trained, by its name in the service."""

from __future__ import annotations

from functools import cache

from personalize_emu.recipes.base import Recipe
from personalize_emu.recipes.hrnn import Hrnn
from personalize_emu.recipes.hrnn_metadata import hrnn_with_metadata
from personalize_emu.recipes.next_best_action import NextBestAction
from personalize_emu.recipes.personalized import personal_recipes
from personalize_emu.recipes.popularity_count import PopularityCount
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

    Segments and actions are asked otherwise, what reads nothing but texts cannot be trained without any, and HRNN has
    kin that are the same without metadata.
    """
    recipes = [Hrnn(), PopularityCount(), TrendingNow(), *personal_recipes(), sims(), similar_items()]
    return tuple(sorted(recipes, key=lambda recipe: recipe.name))
