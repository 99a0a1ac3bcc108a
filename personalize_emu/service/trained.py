"""A trained solution version or recommender: the model, its metrics and the histories it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from personalize_emu.data.avro import Field
from personalize_emu.recipes.base import Kind, Model, TrainingData
from personalize_emu.recipes.exploration import Exposure
from personalize_emu.recipes.next_best_action import ActionModel
from personalize_emu.service.event_selection import EventSelection
from personalize_emu.service.item_attributes import ItemAttributes
from personalize_emu.service.recipe_catalog import RecipeFacts


@dataclass(frozen=True, eq=False)
class TrainedVersion:
    """Immutable; swapped in whole when training succeeds.

    interactions_arn: the dataset whose log holds the events streamed since.
    log_length: records of that log already part of `data`; later ones are added at request time.
    selection: which of those later events count for this version.
    """

    recipe: RecipeFacts
    kind: Kind
    model: Model
    metrics: Mapping[str, float]
    data: TrainingData
    interactions_arn: str
    log_length: int
    selection: EventSelection
    attributes: ItemAttributes | None = None
    """Of the items at training, where segments are asked for by them."""
    tuned: Mapping[str, str] = field(default_factory=dict)
    """Values of hyperparameters that were searched for, by name (T-34)."""
    exposure: Exposure | None = None
    """How well each item of the model is known, where that matters."""
    mark: object = None
    """Of what was read for it, to be told apart from what is there later."""
    arn: str = ""
    """The solution version or recommender that answers from it."""
    since: float = 0.0
    """Epoch seconds at which it began to do so."""
    context_fields: tuple[Field, ...] = ()
    """Columns of the interactions that requests may tell the present values of (RT-60)."""

    @property
    def group_name(self) -> str:
        """Of the dataset group it was trained on."""
        return self.interactions_arn.split("/")[1]

    @property
    def answered_ids(self) -> tuple[str, ...]:
        """Of the items, or the actions, that answers consist of."""
        return self.model.actions if isinstance(self.model, ActionModel) else self.model.catalog

    @property
    def number_of_answer(self) -> Mapping[str, int]:
        """Id to its place in `answered_ids`."""
        return self.model.action_number_of if isinstance(self.model, ActionModel) else self.model.number_of

    @property
    def shows_scores(self) -> bool:
        """Whether answers carry scores: domain use cases never do (RT-31)."""
        return self.model.has_scores and self.recipe.domain is None

    @cached_property
    def user_number_of(self) -> Mapping[str, int]:
        return {user: number for number, user in enumerate(self.data.user_ids)}
