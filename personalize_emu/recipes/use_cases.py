"""Which recipe a domain use case is trained by (spec 06 section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from personalize_emu.recipes.base import Recipe
from personalize_emu.recipes.event_count import EventCount
from personalize_emu.recipes.registry import recipe_named

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
