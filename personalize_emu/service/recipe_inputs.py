"""What each recipe reads beside who met what (spec 06 section 1.1, R-21 to R-23)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from personalize_emu.service.recipe_facts import RecipeFacts


@dataclass(frozen=True)
class RecipeInputs:
    """items, users: the metadata of these datasets. texts: textual columns of items, too (R-23).

    context: metadata columns of the interactions (R-21). impressions: what was shown beside what was chosen (R-22).
    """

    items: bool = False
    texts: bool = False
    users: bool = False
    context: bool = False
    impressions: bool = False


NOTHING = RecipeInputs()
_ITEMS = RecipeInputs(items=True, texts=True)
_PERSONAL = RecipeInputs(items=True, texts=True, users=True, context=True)
_SHOWN = RecipeInputs(items=True, texts=True, users=True, context=True, impressions=True)
_WITHOUT_TEXTS = RecipeInputs(items=True, users=True, context=True)

_INPUTS: Mapping[str, RecipeInputs] = MappingProxyType(
    {
        "aws-user-personalization": _SHOWN,
        "aws-user-personalization-v2": _PERSONAL,
        "aws-personalized-ranking": _PERSONAL,
        "aws-personalized-ranking-v2": _PERSONAL,
        "aws-similar-items": _ITEMS,
        "aws-semantic-similarity": _ITEMS,
        "aws-hrnn-metadata": _WITHOUT_TEXTS,
        "aws-hrnn-coldstart": _WITHOUT_TEXTS,
        "aws-next-best-action": RecipeInputs(items=True, users=True),
        "aws-item-affinity": RecipeInputs(items=True, texts=True, users=True),
        "aws-item-attribute-affinity": _ITEMS,
        "aws-ecomm-recommended-for-you": _SHOWN,
        "aws-vod-top-picks": _SHOWN,
        "aws-vod-more-like-x": _ITEMS,
    }
)


def inputs_of(facts: RecipeFacts) -> RecipeInputs:
    """Recipes that are not listed count interactions and nothing else."""
    return _INPUTS.get(facts.name, NOTHING)
