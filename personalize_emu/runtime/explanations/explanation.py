"""Explains one recommendation: the parts of its score, and what each item of the user's history does to it.

The utility is what items are ranked by, a logit. It is the sum of the parts: the weighted columns of the base scorers,
and what the models around the ensemble and exploration add. The share, the score that clients see, is the softmax of
the utility over all items with a score; shares do not add up from parts, which is why both are given.

What an item of the history does is measured by leaving it out: the utility with the whole history less the utility
without any event of that item. Items that tell the same can each have a small effect although together they have a
large one, so effects do not add up to the utility.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Kind, Model, ScorePart
from personalize_emu.runtime.deployments import Deployment, campaign_deployment, recommender_deployment
from personalize_emu.runtime.exploration import explorer, scored_items
from personalize_emu.runtime.model_inputs import history_of
from personalize_emu.runtime.recommend import without_hidden
from personalize_emu.runtime.responses import softmax_of
from personalize_emu.service.core.context import Context
from personalize_emu.wire.errors import InvalidInputException, ResourceNotFoundException

LEFT_OUT = 10
"""Items of the history, the newest first, that are left out one at a time."""
METHOD = "utility with the whole history less the utility without any event of the item"
KINDS = frozenset({Kind.PERSONALIZED, Kind.RANKING, Kind.POPULAR})

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Effect:
    """What the utility loses without an item of the history."""

    item_id: str
    effect: float


@dataclass(frozen=True)
class Explanation:
    """utility: a logit, the sum of `parts`. rank: 1 for the item of greatest utility; filters and promotions are left
    aside. share: of the softmax, as clients see it; None where they see none. history: newest first.
    """

    arn: str
    user_id: str
    item_id: str
    utility: float
    rank: int
    share: float | None
    parts: tuple[ScorePart, ...]
    history: tuple[Effect, ...]

    def members(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "arn": self.arn,
            "userId": self.user_id,
            "itemId": self.item_id,
            "utility": self.utility,
            "rank": self.rank,
            "share": self.share,
            "parts": [{"source": part.source, "value": part.value} for part in self.parts],
            "history": [{"itemId": each.item_id, "effect": each.effect} for each in self.history],
            "historyMethod": METHOD,
        }


def explain(context: Context, arn: str, user_id: str, item_id: str) -> Explanation:
    """Explain an item for a user; both may be such as lists never show.

    Args:
        arn: of a campaign or recommender that answers for users.

    Raises:
        ResourceNotFoundException: no such deployment, or the model does not know the item.
        InvalidInputException: it is not ACTIVE, does not answer for users, or must not recommend the item.
    """
    deployment = _deployment(context, arn)
    trained = deployment.trained
    ranks_lists = trained.kind is Kind.RANKING
    # A campaign's ranking influence is for recommendations only.
    model = trained.model if ranks_lists else deployment.model
    number = model.number_of.get(item_id)
    if number is None:
        raise ResourceNotFoundException(f"The model of {arn} does not know the item {item_id}")
    history = history_of(context.state, trained, user_id)
    scores = model.scores(history)
    final, scored = scores, model.trained_items if ranks_lists else scored_items(trained)
    if not ranks_lists:
        explored = explorer(context, trained, deployment.config).explored(
            user_id, without_hidden(context, trained, user_id, scores)
        )
        final = explored.scores
        if scored is not None:
            scored = scored.copy()
            scored[explored.lifted] = True
    if not np.isfinite(final[number]):
        raise InvalidInputException(f"The item {item_id} must not be recommended to the user {user_id}")
    shown = final if scored is None else np.where(scored, final, np.float32(-np.inf))
    return Explanation(
        arn,
        user_id,
        item_id,
        float(final[number]),
        1 + int(np.count_nonzero(final > final[number])),
        softmax_of(shown, np.array([number], np.int32))[0] if model.has_scores and np.isfinite(shown[number]) else None,
        _parts(model, history, number, float(final[number]) - float(scores[number])),
        tuple(_effects(model, history, number, float(scores[number]))),
    )


def _deployment(context: Context, arn: str) -> Deployment:
    if ":recommender/" not in arn:
        return campaign_deployment(context, arn, "an explanation", KINDS)
    deployment = recommender_deployment(context, arn)
    if deployment.trained.kind not in KINDS:
        raise InvalidInputException(f"Recommender {arn} does not answer for users")
    return deployment


def _parts(model: Model, history: History, number: int, explored: float) -> tuple[ScorePart, ...]:
    """explored: what exploration adds, 0 for most items."""
    parts = model.parts(history, number)
    return (*parts, ScorePart("exploration", explored)) if explored else parts


def _effects(model: Model, history: History, number: int, utility: float) -> Sequence[Effect]:
    items = list(dict.fromkeys(history.items[::-1].tolist()))[:LEFT_OUT]
    if not items:
        return []
    without = [history.items != item for item in items]
    scores = model.scores_many(
        [replace(history, items=history.items[kept], timestamps=history.timestamps[kept]) for kept in without]
    )[:, number].tolist()
    return [Effect(model.catalog[item], utility - score) for item, score in zip(items, scores, strict=True)]
