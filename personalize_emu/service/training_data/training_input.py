"""The input of one training.

Datasets, columns, configuration and seed are fixed under the store's lock when the training is requested (T-28). Rows
are read later by a worker, without the lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from personalize_emu.data.records.interactions import collect_interactions
from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.columns import IMPRESSION
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, ACTIONS, INTERACTIONS, ITEMS, USERS
from personalize_emu.recipes.contract.base import Kind, Progress, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.training.training import MINIMUM_USERS, check_enough
from personalize_emu.recipes.training.tuning import Search
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts
from personalize_emu.service.catalog.recipe_facts import inputs_of
from personalize_emu.service.configuration.solution_config import NO_INTERACTIONS, resolved_hyperparameters
from personalize_emu.service.core.context import Context
from personalize_emu.service.core.group_keys import require_loaded_data
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.trained_version import ItemAttributes, TrainedVersion, informative_groups
from personalize_emu.service.state.training_selection import EventSelection, KnownColumns, training_data
from personalize_emu.service.training_data.actions import read_actions
from personalize_emu.service.training_data.dataset_input import (
    DatasetInput,
    creation_timestamps,
    dataset_input,
    item_attributes,
    item_features,
    item_ids,
    item_objective,
    refuse_reserved_event_types,
    refuse_too_many_event_types,
    user_profiles,
)
from personalize_emu.wire.errors import InvalidInputException

TYPES = (INTERACTIONS, ITEMS, USERS, ACTIONS, ACTION_INTERACTIONS)
ITEMS_ONLY = frozenset({"aws-semantic-similarity"})
"""Recipes that need no interactions (R-79)."""
ANY_NUMBER_OF_USERS = frozenset(
    {"aws-next-best-action", "aws-similar-items", "aws-trending-now", "aws-vod-trending-now"}
)
"""Recipes with a minimum of interactions and none of users (spec 06 section 1.1, R-98)."""


BY_ATTRIBUTE = "aws-item-attribute-affinity"
"""The recipe whose segments are requested by attributes of items (R-82)."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a training has read. attributes: of items, for BY_ATTRIBUTE.

    selection: which interactions are in `data`. log_length: number of streamed interactions read.
    data_version: of interactions and items.
    """

    data: TrainingData
    attributes: ItemAttributes | None
    selection: EventSelection
    log_length: int
    data_version: object


@dataclass(frozen=True, eq=False)
class TrainingInput:
    """config: a solutionConfig, or what a recommender has of one; it has been checked.

    event_type: the only one that counts, None for all. datasets: by type, those of the group that hold data.
    interactions: their contents, empty ones for recipes that need none.
    network_from: number of interactions from which on personal recipes train a recurrent network as well; 0: never.
    requested_at: epoch seconds. search: for better hyperparameters than those of the configuration (T-30).
    base: the version that mode UPDATE extends by new items, in place of a training (T-70).
    """

    facts: RecipeFacts
    recipe: Recipe
    config: Mapping[str, Any]
    event_type: str | None
    datasets: Mapping[str, DatasetInput]
    interactions_arn: str
    interactions: DatasetContents
    seed: int
    network_from: int
    requested_at: float
    search: Search | None = None
    base: TrainedVersion | None = None

    @property
    def items(self) -> DatasetContents | None:
        return self.datasets[ITEMS].contents if ITEMS in self.datasets else None

    @property
    def data_version(self) -> object:
        """Equal to an earlier one as long as neither interactions nor items have come in since."""
        return self.interactions.data_version, self.items and self.items.data_version

    def reads_only(self, held: Collection[DatasetContents]) -> bool:
        """Whether interactions and items are among the contents `held`: neither dataset has been deleted."""
        read = (self.interactions, self.items)
        return all(any(one is each for each in held) for one in read if one is not None)

    @property
    def selection(self) -> EventSelection:
        """Which interactions count, and how much. Use cases ignore the case of event types."""
        return EventSelection.of(self.event_type, self.config, any_case=self.facts.domain is not None)

    def run(self, progress: Progress) -> TrainingRun:
        """With every hyperparameter of the recipe."""
        hyperparameters = resolved_hyperparameters(self.facts, self.config)
        return TrainingRun(hyperparameters, self.seed, progress, self.requested_at, self.network_from)

    @property
    def context_fields(self) -> tuple[Field, ...]:
        """Metadata columns of interactions that the recipe reads as context (R-21)."""
        inputs, interactions = inputs_of(self.facts), self.datasets.get(INTERACTIONS)
        return interactions.fields_for(inputs) if interactions and inputs.context else ()

    def read(self, selection: EventSelection, log_length: int) -> TrainingData:
        """Interactions and metadata; of streamed interactions the first `log_length`.

        Raises:
            JobFailed: event types, or too many of them, that cannot be trained on (D-17, D-25).
        """
        bulk, streamed = self.interactions.bulk, self.interactions.streamed(log_length)
        found = collect_interactions(
            bulk, streamed, event_value_threshold=selection.threshold, more_columns=self._interaction_columns
        )
        if self.facts.name not in ITEMS_ONLY:
            refuse_reserved_event_types(bulk, streamed, found.event_types)
        refuse_too_many_event_types(bulk, streamed, found.event_types)
        return self._with_metadata(training_data(found, selection, item_ids(self.items), self.context_fields))

    def snapshot(self) -> Snapshot:
        """Everything that a training reads, as of now.

        Raises:
            JobFailed: as `read`; the items have no informative attribute (E-15).
        """
        data_version, log_length, selection = self.data_version, len(self.interactions.log), self.selection
        data, items, attributes = self.read(selection, log_length), self.datasets.get(ITEMS), None
        if items is not None:
            wanted = self.config.get("optimizationObjective", {})
            data = replace(data, objective=item_objective(items, wanted, data.catalog))
        if items is not None and self.facts.name == BY_ATTRIBUTE:
            attributes = item_attributes(items)
            data = replace(data, attributes=informative_groups(attributes, data.catalog))
        if self.recipe.kind is Kind.ACTIONS:
            data = replace(data, actions=read_actions(self.datasets))
        return Snapshot(data, attributes, selection, log_length, data_version)

    def check_enough(self, data: TrainingData) -> None:
        """Raises NotEnoughData: fewer interactions or users than the recipe needs (R-40, T-80 to T-83)."""
        if self.facts.name not in ITEMS_ONLY:
            least = 0 if self.facts.name in ANY_NUMBER_OF_USERS else MINIMUM_USERS
            check_enough(data, event_type=self.event_type, minimum_users=least)

    @property
    def _interaction_columns(self) -> tuple[str, ...]:
        """Read in addition to ids, times and event types."""
        names, interactions = tuple(field.name for field in self.context_fields), self.datasets.get(INTERACTIONS)
        shown = inputs_of(self.facts).impressions and interactions is not None and IMPRESSION in interactions.columns
        return (*names, IMPRESSION) if shown else names

    def _with_metadata(self, data: TrainingData) -> TrainingData:
        inputs, items, users = inputs_of(self.facts), self.datasets.get(ITEMS), self.datasets.get(USERS)
        if items is not None and inputs.items:
            data = replace(
                data,
                item_features=item_features(items, data.catalog, inputs, self.facts.name),
                stated_creation=creation_timestamps(items, data.catalog),
            )
        return replace(data, profiles=user_profiles(users, inputs)) if users is not None and inputs.users else data


def training_input(
    context: Context,
    group_arn: str,
    facts: RecipeFacts,
    recipe: Recipe,
    config: Mapping[str, Any],
    *,
    event_type: str | None,
    known: KnownColumns | None,
) -> TrainingInput:
    """Fix the input of a training, under the store's lock. known: see `columns_in_training`.

    Raises:
        InvalidInputException: there is no Interactions dataset, and the recipe needs one (E-12), or the data are
            encrypted with a key that cannot be used.
    """
    require_loaded_data(context, group_arn)
    columns = config.get("trainingDataConfig", {})
    found = {kind: dataset_input(context, group_arn, kind, columns, known) for kind in TYPES}
    datasets = {kind: dataset for kind, dataset in found.items() if dataset is not None}
    if INTERACTIONS not in datasets and facts.name not in ITEMS_ONLY:
        raise InvalidInputException(NO_INTERACTIONS)
    group_name = group_arn.rpartition("/")[2]
    return TrainingInput(
        facts=facts,
        recipe=recipe,
        config=config,
        event_type=event_type,
        datasets=datasets,
        interactions_arn=context.arn("dataset", f"{group_name}/{INTERACTIONS}"),
        interactions=datasets[INTERACTIONS].contents if INTERACTIONS in datasets else DatasetContents(),
        seed=context.settings.seed,
        network_from=context.settings.network_from,
        requested_at=context.clock.now(),
    )
