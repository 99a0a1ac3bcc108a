"""Selects the items of a response, including promoted items (spec 09 section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.filters.columns import Mask
from personalize_emu.recipes.contract.base import Model
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.wrappers.exploration import Explored, seed_of
from personalize_emu.runtime.exploration import scored_items
from personalize_emu.runtime.filtering import requested_filter
from personalize_emu.runtime.responses import best_items
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.wire.errors import InvalidInputException

Items = list[dict[str, Any]]
EXPLORATION = "Exploration"

WITHOUT_PROMOTIONS = frozenset({"aws-vod-trending-now"})
"""RT-53."""


@dataclass(frozen=True)
class Promotion:
    """share: percent of the response. mask: bool[items] that may be promoted."""

    name: str | None
    share: int
    mask: Mask

    def count_of(self, results: int) -> int:
        """Number of promoted items among `results`, if there are enough (RT-54)."""
        return max(results * self.share // 100, 1)


@dataclass(frozen=True)
class Constraints:
    """Constraints on the items of a response. kept: bool[items], None without a filter."""

    count: int
    kept: Mask | None
    promotion: Promotion | None
    seed: int


def requested_constraints(context: Context, trained: TrainedVersion, params: Params, count: int) -> Constraints:
    """Raises InvalidInputException, and ResourceNotFoundException for unknown filters (RT-53, RT-58, spec 08)."""
    user_id, item_id = params.get("userId"), params.get("itemId")
    wanted = requested_filter(context, trained, params, user_id=user_id, item_id=item_id)
    promotion = None
    for request in params.get("promotions", ()):
        promotion = _promotion(context, trained, request, user_id, item_id)
    # Positions of promoted items are random, but equal requests get equal responses (RT-35, RT-55).
    source = context.settings.seed, trained.group_name, trained.recipe.name
    seed = seed_of("promotion", *source, user_id, item_id, count, promotion.name if promotion else "")
    return Constraints(count, wanted.over_catalog() if wanted else None, promotion, seed)


def chosen_items(explored: Explored, trained: TrainedVersion, constraints: Constraints) -> Items:
    """The items of the response, best first, with promoted items at random positions.

    explored: -inf scores for items that must not appear.
    """
    if scored_items(trained) is not None:
        return _chosen_with_reasons(explored, trained, constraints)
    scores, model = explored.scores, trained.model
    promoted = _promoted(scores, trained, constraints)
    allowed = _all_of(constraints.kept, ~_mask_of(model, promoted) if promoted else None)
    count = constraints.count - len(promoted)
    ordinary = best_items(scores, model.catalog, count, show_scores=trained.returns_scores, allowed=allowed)
    return _mixed(promoted, ordinary, constraints.seed)


def _chosen_with_reasons(explored: Explored, trained: TrainedVersion, constraints: Constraints) -> Items:
    """As `chosen_items`, for recipes that score a part of the items and give reasons (R-73, RT-75)."""
    scores, model, promotion = explored.scores, trained.model, constraints.promotion
    scored = model.trained_items.copy()
    scored[explored.lifted] = True
    candidates = scored if promotion is None else scored | promotion.mask
    shown = np.where(candidates, scores, np.float32(-np.inf))
    promoted = _promoted(shown, trained, constraints)
    taken = _mask_of(model, promoted)
    rest = constraints.count - len(promoted)
    allowed = _all_of(constraints.kept, scored, ~taken)
    ordinary = best_items(shown, model.catalog, rest, show_scores=trained.returns_scores, allowed=allowed)
    reasons = {model.catalog[number]: [EXPLORATION] for number in explored.lifted.tolist()}
    ordinary = [item | {"reason": reasons.get(item["itemId"], [])} for item in ordinary]
    if constraints.kept is not None and len(ordinary) < rest:
        open_places = constraints.kept & ~scored & ~taken & np.isfinite(scores)
        ordinary += _placeholders(trained, open_places, rest - len(ordinary))
    return _mixed([item | {"reason": ["Promoted item"]} for item in promoted], ordinary, constraints.seed)


def _promotion(
    context: Context, trained: TrainedVersion, request: Params, user_id: str | None, item_id: str | None
) -> Promotion:
    if trained.recipe.name in WITHOUT_PROMOTIONS:
        raise InvalidInputException(f"Recipe {trained.recipe.name} does not support promotions")
    if "percentPromotedItems" not in request or "filterArn" not in request:
        raise InvalidInputException("A promotion requires percentPromotedItems and filterArn")
    wanted = requested_filter(context, trained, request, user_id=user_id, item_id=item_id)
    mask = wanted.over_catalog() if wanted else np.zeros(len(trained.model.catalog), np.bool_)
    return Promotion(request.get("name"), request["percentPromotedItems"], mask)


def _promoted(scores: NDArray[np.float32], trained: TrainedVersion, constraints: Constraints) -> Items:
    promotion = constraints.promotion
    if promotion is None:
        return []
    count = promotion.count_of(constraints.count)
    catalog, returns_scores = trained.model.catalog, trained.returns_scores
    items = best_items(scores, catalog, count, show_scores=returns_scores, allowed=promotion.mask)
    return items if promotion.name is None else [item | {"promotionName": promotion.name} for item in items]


def _placeholders(trained: TrainedVersion, allowed: Mask, count: int) -> Items:
    """Popular items without score, added if a filter leaves too few items with scores (R-73)."""
    popularity = np.bincount(trained.data.items, minlength=len(allowed)).astype(np.float32)
    numbers = top_k(np.where(allowed, popularity, np.float32(-np.inf)), count)
    catalog = trained.model.catalog
    return [{"itemId": catalog[number], "reason": ["Popular item"]} for number in numbers]


def _mixed(promoted: Items, ordinary: Items, seed: int) -> Items:
    """Merge both lists, each in its order; the positions of promoted items are random (RT-55)."""
    if not promoted:
        return ordinary
    size = len(promoted) + len(ordinary)
    places = set(np.random.default_rng(seed).choice(size, len(promoted), replace=False).tolist())
    first, others = iter(promoted), iter(ordinary)
    return [next(first) if place in places else next(others) for place in range(size)]


def _mask_of(model: Model, items: Items) -> Mask:
    mask = np.zeros(len(model.catalog), np.bool_)
    mask[[model.number_of[item["itemId"]] for item in items]] = True
    return mask


def _all_of(*masks: Mask | None) -> Mask | None:
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    both: Mask = np.logical_and.reduce(given) if len(given) > 1 else given[0]
    return both
