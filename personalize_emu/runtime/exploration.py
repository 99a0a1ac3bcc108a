"""Exploration of items in recommendations (R-72e, R-72f, R-73a, spec 09 section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.filters.columns import Mask
from personalize_emu.recipes.wrappers.exploration import Exploration, Explored, explored, nothing_explored, seed_of
from personalize_emu.service.configuration.campaign_config import resolved_exploration
from personalize_emu.service.core.context import Context
from personalize_emu.service.refresh.kinds import TWO_HOURS
from personalize_emu.service.state.trained_version import TrainedVersion

PART_OF_CATALOG = frozenset({"aws-user-personalization-v2"})
"""Recipes that score only a part of the items (R-73) and give reasons for items (RT-75)."""
_FIXED: Mapping[str, Exploration] = MappingProxyType(
    {
        "aws-user-personalization-v2": Exploration(0.001, 30.0),
        # The defaults of User-Personalization, with its default age of cold items.
        "aws-hrnn-coldstart": Exploration.of_weight(0.3, 5.0),
    }
)
"""Recipes with a fixed exploration configuration (R-73a)."""


@dataclass(frozen=True, eq=False)
class Explorer:
    """Explores for one deployment of `trained` within one update window.

    key: seed of the draws of all users; contains nothing random. terms: None without exploration.
    """

    trained: TrainedVersion
    terms: Exploration | None
    key: tuple[object, ...]

    def explored(self, user_id: str, scores: NDArray[np.float32]) -> Explored:
        """scores: float32[items], by relevance alone. Deterministic for each user (RT-35)."""
        exposure = self.trained.exposure
        if self.terms is None or exposure is None:
            return nothing_explored(scores)
        return explored(scores, exposure, self.terms, seed_of(*self.key, user_id), scored_items(self.trained))


def explorer(context: Context, trained: TrainedVersion, config: Mapping[str, Any] | None) -> Explorer:
    """config: of the campaign, the recommender or the batch job."""
    window = window_of(context, trained)
    key = ("exploration", context.settings.seed, trained.group_name, trained.recipe.name, window)
    return Explorer(trained, _terms(trained, config), key)


def window_of(context: Context, trained: TrainedVersion) -> int:
    """The number of the update window since the version answers; draws are the same within one."""
    return int((context.clock.now() - trained.since) // TWO_HOURS)


def scored_items(trained: TrainedVersion) -> Mask | None:
    """bool[items]: items that have a score without exploration; None for all (R-73)."""
    return trained.model.trained_items if trained.recipe.name in PART_OF_CATALOG else None


def _terms(trained: TrainedVersion, config: Mapping[str, Any] | None) -> Exploration | None:
    wanted = resolved_exploration(trained.recipe, config)
    if wanted is None:
        return _FIXED.get(trained.recipe.name)
    return Exploration.of_weight(wanted["explorationWeight"], wanted["explorationItemAgeCutOff"])
