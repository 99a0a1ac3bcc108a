"""What domain use cases ask of a request, and hide from its answer (spec 06 section 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personalize_emu.filters.encounters import folded
from personalize_emu.runtime.filtering import encounters_of
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.wire.errors import InvalidInputException


def require_ids_of_use_case(trained: TrainedVersion, params: Params) -> None:
    """R-90 to R-100, RT-20: an empty id counts as missing."""
    for member in trained.recipe.needs:
        if not params.get(member):
            raise InvalidInputException(f"{member} is required")


def without_hidden(
    context: Context, trained: TrainedVersion, user_id: str, scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32[items]: -inf for what the user purchased or watched lately (R-102).

    Imported and streamed events up to now count, whichever of them the model was trained on.
    """
    hidden_type = folded(trained.recipe.hidden_event)
    if hidden_type is None:
        return scores
    encounters = encounters_of(context, context.state.contents.get(trained.interactions_arn), user_id)
    number_of = trained.model.number_of
    hidden = [
        number_of[item_id]
        for item_id, event_type in encounters.pairs
        if event_type == hidden_type and item_id in number_of
    ]
    if not hidden:
        return scores
    scores = scores.copy()
    scores[hidden] = -np.inf
    return scores
