"""A trained solution version: the model, its metrics and the histories it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from personalize_emu.recipes.base import Model, TrainingData
from personalize_emu.service.recipe_catalog import RecipeFacts


@dataclass(frozen=True, eq=False)
class TrainedVersion:
    """Immutable; swapped in whole when training succeeds.

    interactions_arn: the dataset whose log holds the events streamed since.
    log_length: records of that log already part of `data`; later ones are added at request time.
    event_types: the event types the version was trained on, None for all.
    """

    recipe: RecipeFacts
    model: Model
    metrics: Mapping[str, float]
    data: TrainingData
    interactions_arn: str
    log_length: int
    event_types: frozenset[str] | None
    event_value_threshold: float | None

    @cached_property
    def user_number_of(self) -> Mapping[str, int]:
        return {user: number for number, user in enumerate(self.data.user_ids)}
