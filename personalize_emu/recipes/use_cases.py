"""Which recipe a domain use case is trained by (spec 06 section 4)."""

from __future__ import annotations

from functools import cache

from personalize_emu.recipes.base import Recipe
from personalize_emu.recipes.event_count import EventCount
from personalize_emu.recipes.registry import recipe_named


@cache
def use_case_recipe(name: str) -> Recipe | None:
    """The recipe behind `aws-ecomm-...` or `aws-vod-...`; None where it cannot be trained."""
    match name:
        case "aws-ecomm-popular-items-by-views" | "aws-ecomm-popular-items-by-purchases":
            return EventCount()
        case "aws-vod-most-popular":
            return recipe_named("aws-popularity-count")
        case (
            "aws-ecomm-frequently-bought-together"
            | "aws-ecomm-customers-who-viewed-x-also-viewed"
            | "aws-vod-because-you-watched-x"
        ):
            return recipe_named("aws-sims")
        case "aws-vod-more-like-x":
            return recipe_named("aws-similar-items")
        case "aws-ecomm-recommended-for-you" | "aws-vod-top-picks":
            return recipe_named("aws-user-personalization")
    return None
