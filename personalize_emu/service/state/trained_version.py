"""A trained solution version or recommender: the model, its metrics, the histories it was trained with.

And how its model follows the data between trainings, which refresh/kinds.py implements.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.data.schemas.avro import Field
from personalize_emu.filters.binding import Bound, Compared, OneOf
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.expressions import Constant
from personalize_emu.filters.records import Records, View
from personalize_emu.recipes.contract.base import Kind, Model, TrainingData
from personalize_emu.recipes.next_best_action import ActionModel
from personalize_emu.recipes.wrappers.exploration import Exposure
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts
from personalize_emu.service.state.training_selection import EventSelection
from personalize_emu.state.jobs import JobFailed


@dataclass(frozen=True, eq=False)
class TrainedVersion:
    """The model of a solution version or recommender. Immutable; replaced whole by a training or a refresh.

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
    """Item attributes at the training, for recipes that make segments by attribute."""
    tuned: Mapping[str, str] = field(default_factory=dict)
    """Values of hyperparameters that were searched for, by name (T-34)."""
    exposure: Exposure | None = None
    """How often each item was seen, and how old it is, for recipes that explore."""
    data_version: object = None
    """Of the interactions and items that it was trained on."""
    arn: str = ""
    """The solution version or recommender that answers from it."""
    since: float = 0.0
    """Epoch seconds from which on it does."""
    context_fields: tuple[Field, ...] = ()
    """Columns of the interactions whose current values requests may give as context (RT-60)."""

    @property
    def group_name(self) -> str:
        """Of the dataset group it was trained on."""
        return self.interactions_arn.split("/")[1]

    @property
    def answered_ids(self) -> tuple[str, ...]:
        """Ids of the items, or the actions, that are recommended."""
        return self.model.actions if isinstance(self.model, ActionModel) else self.model.catalog

    @property
    def number_of_answer(self) -> Mapping[str, int]:
        """Id to its index in `answered_ids`."""
        return self.model.action_number_of if isinstance(self.model, ActionModel) else self.model.number_of

    @property
    def returns_scores(self) -> bool:
        """Whether responses have scores: those of domain use cases never do (RT-31)."""
        return self.model.has_scores and self.recipe.domain is None

    @cached_property
    def user_number_of(self) -> Mapping[str, int]:
        return {user: number for number, user in enumerate(self.data.user_ids)}


class Refresh(ABC):
    """One way in which a served model follows its data. All but `refreshed` are called under the store's lock."""

    @property
    @abstractmethod
    def refresh_period(self) -> float:
        """Seconds on the emulator's clock between two refreshes, and from the training to the first."""

    @property
    def trained_data_version(self) -> object:
        """Data version of the training; None where the first refresh takes place in any case."""
        return None

    @abstractmethod
    def data_version(self) -> object:
        """Of the data now; while it stays the same there is nothing to do."""

    @abstractmethod
    def is_current(self) -> bool:
        """False once the data were deleted, or another model has replaced this one: refreshes end."""

    @abstractmethod
    def is_paused(self) -> bool:
        """Whether a refresh that is due now is left out."""

    @abstractmethod
    def require_readable_data(self) -> None:
        """Raises JobFailed: the KMS key of the data cannot be used. Runs in a worker."""

    @abstractmethod
    def refreshed(self, trained: TrainedVersion) -> TrainedVersion:
        """The model that replaces `trained`. Slow; runs in a worker."""


@dataclass(frozen=True, eq=False)
class LastRefresh:
    """How a model is refreshed, and the data version of the last time."""

    refresh: Refresh
    data_version: object


NO_ATTRIBUTE = (
    "Did not find any attribute to train on. There may not be any attribute in the items dataset, or all attribute "
    "values either have same or all distinct values."
)
MOST_VALUES = 1000
"""Of one column that metrics are measured on, so that a column of prices does not make a query for each item."""


@dataclass(frozen=True, eq=False)
class ItemAttributes:
    """Attributes of items at the training of a version, which segments are made from (R-82).

    records: the Items dataset, frozen. fields: its columns that segments can be made of, by upper-case name.
    """

    records: Records
    fields: Mapping[str, Field]

    def along(self, catalog: Sequence[str]) -> View:
        return View(self.records, catalog)

    def groups(self, catalog: Sequence[str]) -> tuple[NDArray[np.int32], ...]:
        """The catalog numbers of the items that share a value, for every value of every column."""
        view = self.along(catalog)
        masks = [
            having(view, field, value)
            for field in self.fields.values()
            for value in self.records.column(field.name).distinct()[:MOST_VALUES]
        ]
        return tuple(np.flatnonzero(mask).astype(np.int32) for mask in masks if mask.any())


def informative_groups(attributes: ItemAttributes, catalog: Sequence[str]) -> tuple[NDArray[np.int32], ...]:
    """As `attributes.groups`. At least one group must contain some, but not all, of the described items.

    Raises:
        JobFailed: all items are alike, or all are different (E-15).
    """
    groups = attributes.groups(catalog)
    described = np.unique(np.concatenate(groups)).size if groups else 0
    if not any(1 < len(group) < described for group in groups):
        raise JobFailed(NO_ATTRIBUTE)
    return groups


def having(view: View, field: Field, value: Constant) -> Mask:
    """bool[ids of the view]: the items with a value, or with a category of that name (B-29)."""
    condition: Bound = OneOf(field.name, frozenset({value}))
    if isinstance(value, Decimal):
        condition = Compared(field.name, "=", value)
    return view.mask(((condition,),))
