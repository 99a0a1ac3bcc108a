"""The kinds of model refresh (R-72h, R-76a, R-79b, R-80a, R-103, R-110 to R-114).

| kind                | recipes                                         | period    | what changes                     |
| ------------------- | ----------------------------------------------- | --------- | -------------------------------- |
| TrendingWindow      | trending-now                                    | see R-76a | the trend, of all interactions   |
| NewItems            | user-personalization, -v2, recommended-for-you, | 2 hours   | new items become cold items, and |
|                     | top-picks                                       |           | all items are counted anew       |
| NewActions          | next-best-action                                | 2 hours   | new actions join, without scores |
| IncrementalTraining | semantic-similarity                             | 30 min    | new and changed items join       |

A refresh makes no version and measures nothing. Hyperparameters and what was learned stay as they were trained.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from personalize_emu.data.records.interactions import collect_interactions
from personalize_emu.data.schemas.dataset_types import ACTIONS
from personalize_emu.recipes.contract.base import History, Kind, TrainingData
from personalize_emu.recipes.contract.creation_time import creation_times
from personalize_emu.recipes.next_best_action import ActionModel
from personalize_emu.recipes.wrappers.catalog_extension import extended, in_catalog, places_in
from personalize_emu.recipes.wrappers.exploration import Exposure, exposure_of
from personalize_emu.service.core.context import Context
from personalize_emu.service.core.group_keys import require_readable_data
from personalize_emu.service.state.trained_version import Refresh, TrainedVersion
from personalize_emu.service.state.training_selection import training_data
from personalize_emu.service.training_data.actions import MAX_ACTIONS
from personalize_emu.service.training_data.training_input import TrainingInput
from personalize_emu.state.lifecycle import ACTIVE, CREATE_STOPPING, CREATING
from personalize_emu.state.resources import Campaign, Recommender, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException

TWO_HOURS = 7200.0
HALF_AN_HOUR = 1800.0
LONG_AGO = np.iinfo(np.int64).min // 2
"""Creation time of items that the data no longer have: before every cut-off, so that they are not explored."""


@dataclass(frozen=True, eq=False)
class RefreshedModel:
    """Where a model comes from, without the model itself, which refreshes replace.

    arn: of the version or recommender that answers from it. source: what it was trained on.
    data_version: of the training. evaluation_period: see `Model`.
    current_input: what another training would read now; raises InvalidInputException where nothing is left.
    """

    context: Context
    arn: str
    source: TrainingInput
    data_version: object
    evaluation_period: float | None
    current_input: Callable[[], TrainingInput]

    @property
    def version(self) -> SolutionVersion | None:
        """None for recommenders."""
        return self.context.state.store.get(SolutionVersion, self.arn)

    @property
    def is_stopped(self) -> bool:
        """Whether this is a recommender that is not ACTIVE: a stopped one keeps its model (R-REC-11)."""
        recommender = self.context.state.store.get(Recommender, self.arn)
        return recommender is not None and recommender.status != ACTIVE

    @property
    def is_deployed(self) -> bool:
        """Whether an ACTIVE campaign answers from this version."""
        campaigns = self.context.state.store.all(Campaign)
        return any(one.solution_version_arn == self.arn and one.status == ACTIVE for one in campaigns)

    def has_newer(self, states: frozenset[str]) -> bool:
        """Whether a newer version of the same solution is in one of these states."""
        store, version = self.context.state.store, self.version
        return version is not None and any(
            other.solution_arn == version.solution_arn
            and store.ordinal(other) > store.ordinal(version)
            and other.status in states
            for other in store.all(SolutionVersion)
        )

    def readable_input(self) -> TrainingInput | None:
        """None while there is nothing to train on: all users may have been deleted."""
        try:
            return self.current_input()
        except InvalidInputException:
            return None


@dataclass(frozen=True, eq=False)
class ModelRefresh(Refresh):
    """What the kinds have in common."""

    model: RefreshedModel

    @staticmethod
    @abstractmethod
    def applies(model: RefreshedModel, trained: TrainedVersion) -> bool:
        """Whether a model, as it was trained, is refreshed in this way."""

    @property
    def source(self) -> TrainingInput:
        return self.model.source

    def require_readable_data(self) -> None:
        record = self.model.context.state.store.find(self.model.arn)
        if record is not None:
            require_readable_data(self.model.context, record)


class TrendingWindow(ModelRefresh):
    """The last interval of the trend ends with the latest interaction of the data.

    A refresh counts all interactions, imported and streamed. Items that have lost theirs stay in the catalog (R-111).
    """

    @staticmethod
    def applies(model: RefreshedModel, trained: TrainedVersion) -> bool:
        del model
        return trained.model.evaluation_period is not None

    @property
    def refresh_period(self) -> float:
        return self.model.evaluation_period or TWO_HOURS

    def data_version(self) -> object:
        return self.source.interactions.data_version

    def is_current(self) -> bool:
        return self.model.context.state.contents(self.source.interactions_arn) is self.source.interactions

    def is_paused(self) -> bool:
        return self.model.is_stopped

    def refreshed(self, trained: TrainedVersion) -> TrainedVersion:
        contents, selection = self.source.interactions, trained.selection
        log_length = len(contents.log)
        streamed = contents.streamed(log_length)
        found = collect_interactions(contents.bulk, streamed, event_value_threshold=selection.threshold)
        data = training_data(found, selection, set(trained.model.catalog))
        return replace(trained, model=trained.model.evaluated_on(data), data=data, log_length=log_length)


class NewItems(ModelRefresh):
    """For the latest version of a solution while an ACTIVE campaign deploys it, and for ACTIVE recommenders.

    Not for versions trained with UPDATE (R-115).
    """

    refresh_period = TWO_HOURS

    @staticmethod
    def applies(model: RefreshedModel, trained: TrainedVersion) -> bool:
        version = model.version
        by_hand = version is not None and version.training_mode == "UPDATE"
        return not by_hand and trained.recipe.auto_update and trained.kind is Kind.PERSONALIZED

    @property
    def trained_data_version(self) -> object:
        return self.model.data_version

    def data_version(self) -> object:
        source = self.model.readable_input()
        return None if source is None else source.data_version

    def is_current(self) -> bool:
        held = self.model.context.state.all_contents()
        return self.source.reads_only(held) and not self.model.has_newer(frozenset({ACTIVE}))

    def is_paused(self) -> bool:
        """While the model is not deployed, and while a newer version is being trained."""
        if self.model.version is None:
            return self.model.is_stopped
        return not self.model.is_deployed or self.model.has_newer(CREATING | {CREATE_STOPPING})

    def refreshed(self, trained: TrainedVersion) -> TrainedVersion:
        source = self.model.readable_input()
        if source is None:
            return trained
        return with_new_items(trained, source.read(trained.selection, len(source.interactions.log)))


class NewActions(ModelRefresh):
    """New actions join in the order of their ids, up to MAX_ACTIONS, and have no score before the next training."""

    refresh_period = TWO_HOURS

    @staticmethod
    def applies(model: RefreshedModel, trained: TrainedVersion) -> bool:
        return isinstance(trained.model, ActionModel) and ACTIONS in model.source.datasets

    def data_version(self) -> object:
        return self.source.datasets[ACTIONS].contents.data_version

    def is_current(self) -> bool:
        actions = self.source.datasets[ACTIONS]
        return self.model.context.state.contents(actions.arn) is actions.contents

    def is_paused(self) -> bool:
        return False

    def refreshed(self, trained: TrainedVersion) -> TrainedVersion:
        source = self.model.readable_input()
        if source is None or ACTIONS not in source.datasets or not isinstance(trained.model, ActionModel):
            return trained
        new = sorted(source.datasets[ACTIONS].records.row_of.keys() - set(trained.model.actions))
        room = max(0, MAX_ACTIONS - len(trained.model.actions))
        return replace(trained, model=trained.model.with_actions(new[:room]))


class IncrementalTraining(ModelRefresh):
    """On unless performIncrementalUpdate was false when the version was trained (R-79b, R-SOL-11, T-7)."""

    refresh_period = HALF_AN_HOUR

    @staticmethod
    def applies(model: RefreshedModel, trained: TrainedVersion) -> bool:
        version = model.version
        wanted = version is not None and version.perform_incremental_update is not False
        return wanted and trained.recipe.name == "aws-semantic-similarity" and model.source.items is not None

    @property
    def trained_data_version(self) -> object:
        return self.model.data_version

    def data_version(self) -> object:
        return self.source.data_version

    def is_current(self) -> bool:
        return any(self.source.items is held for held in self.model.context.state.all_contents())

    def is_paused(self) -> bool:
        return False

    def refreshed(self, trained: TrainedVersion) -> TrainedVersion:
        data = self.model.current_input().read(trained.selection, trained.log_length)
        return replace(trained, model=trained.model.evaluated_on(data), data=data)


KINDS: tuple[type[ModelRefresh], ...] = (TrendingWindow, NewItems, NewActions, IncrementalTraining)


def refresh_of(
    context: Context,
    arn: str,
    trained: TrainedVersion,
    source: TrainingInput,
    current_input: Callable[[], TrainingInput],
) -> Refresh | None:
    """The one kind that applies to a model; None for models that only a training changes."""
    period = trained.model.evaluation_period
    model = RefreshedModel(context, arn, source, trained.data_version, period, current_input)
    return next((kind(model) for kind in KINDS if kind.applies(model, trained)), None)


def with_new_items(trained: TrainedVersion, data: TrainingData) -> TrainedVersion:
    """The version for all items of `data`, the data of now, besides those it has (T-72).

    Histories and learned parameters stay. Interactions of each item are counted anew, for exploration; items that
    the data no longer have are not explored.
    """
    model = extended(trained.model, data.catalog, data.item_features)
    newest = trained.exposure.newest if trained.exposure else int(data.timestamps.max(initial=0))
    current = exposure_of(data, creation_times(data), newest)
    places = places_in(model.catalog, data.catalog)
    exposures = np.zeros(len(model.catalog), np.int64)
    created = np.full(len(model.catalog), LONG_AGO)
    exposures[places], created[places] = current.exposures, current.created
    refreshed = replace(
        trained,
        model=model,
        data=trained.data if model.catalog == trained.data.catalog else in_catalog(trained.data, model.catalog),
        exposure=Exposure(exposures, created, newest),
    )
    _fill_caches(refreshed)
    return refreshed


def _fill_caches(trained: TrainedVersion) -> None:
    """So that the first request does not wait for them."""
    trained.model.scores(History(np.zeros(0, np.int32), np.zeros(0, np.int64)))
    for mapping in (trained.model.number_of, trained.user_number_of):
        len(mapping)
