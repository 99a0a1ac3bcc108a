"""Models that look at new interactions between trainings (R-76a, R-98, R-103, R-110 to R-114).

What the intervals of a trend end with is the latest interaction of the data. All interactions there are at an
evaluation count in it, imported and streamed ones alike, and none that come later.

Updates every two hours of what is deployed: new items become cold items (R-72h, R-110 to R-112).

The latest version of a solution is updated, unless it was trained with UPDATE, while an ACTIVE campaign deploys it;
recommenders are updated while they are ACTIVE. An update makes no version and measures nothing.

Incremental training: new and changed items join what is served within half an hour (R-79b, R-SOL-11, T-7).

It is on unless performIncrementalUpdate was false when the version was trained.

New actions join a Next-Best-Action model every two hours, without a score before the next training (R-80a).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from personalize_emu.data.records.interactions import collect_interactions
from personalize_emu.data.schemas.dataset_types import ACTIONS
from personalize_emu.recipes.contract.base import Kind
from personalize_emu.recipes.next_best_action import ActionModel
from personalize_emu.service.core.context import Context
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.event_selection import training_data
from personalize_emu.service.state.refresh_series import Refreshing
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.training.action_records import MOST_ACTIONS, action_records
from personalize_emu.service.training.training import TrainingInput, read_data, with_new_items
from personalize_emu.state.lifecycle import ACTIVE, CREATE_STOPPING, CREATING
from personalize_emu.state.resources import Campaign, Recommender, SolutionVersion
from personalize_emu.wire.errors import InvalidInputException


def evaluations_of(context: Context, arn: str, trained: TrainedVersion) -> Refreshing | None:
    """None for models that do not look at interactions by themselves."""
    state, period = context.state, trained.model.evaluation_period
    contents = state.contents(trained.interactions_arn)
    if period is None or contents is None:
        return None
    return Refreshing(
        period=period,
        mark=lambda: contents.mark,
        goes_on=lambda: state.contents(trained.interactions_arn) is contents,
        rests=partial(is_stopped, state, arn),
        refreshed=partial(_evaluated, contents),
    )


def is_stopped(state: EmulatorState, arn: str) -> bool:
    """Whether `arn` is a recommender that is not ACTIVE: what is stopped keeps its model (R-REC-11)."""
    recommender = state.store.get(Recommender, arn)
    return recommender is not None and recommender.status != ACTIVE


def _evaluated(contents: DatasetContents, trained: TrainedVersion) -> TrainedVersion:
    """The version with the interactions of now; items stay known once they were (R-111)."""
    log_length, selection = len(contents.log), trained.selection
    streamed = contents.streamed(log_length)
    found = collect_interactions(contents.bulk, streamed, event_value_threshold=selection.threshold)
    data = training_data(found, selection, set(trained.model.catalog))
    return replace(trained, model=trained.model.evaluated_on(data), data=data, log_length=log_length)


PERIOD = 7200.0
"""Seconds between two updates."""

Sources = Callable[[], TrainingInput]
"""What a training would read at the moment."""


def updates_of(
    context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources
) -> Refreshing | None:
    """source: what it was trained on. None for what is not updated by itself."""
    state = context.state
    version = state.store.get(SolutionVersion, arn)
    by_hand = version is not None and version.training_mode == "UPDATE"
    if by_hand or not trained.recipe.auto_update or trained.kind is not Kind.PERSONALIZED:
        return None
    return Refreshing(
        period=PERIOD,
        mark=partial(_mark, sources),
        goes_on=lambda: source.is_there(state.all_contents()) and not _newer(state, arn, frozenset({ACTIVE})),
        rests=partial(_rests, state, arn),
        refreshed=partial(_updated, sources),
        known=trained.mark,
    )


def _readable(sources: Sources) -> TrainingInput | None:
    """None while there is nothing to train on: all users may have been deleted. The model then stays as it is."""
    try:
        return sources()
    except InvalidInputException:
        return None


def _mark(sources: Sources) -> object:
    source = _readable(sources)
    return None if source is None else source.mark


def _updated(sources: Sources, trained: TrainedVersion) -> TrainedVersion:
    source = _readable(sources)
    if source is None:
        return trained
    source = replace(source, objective=lambda _: None)
    return with_new_items(trained, read_data(source, trained.selection, len(source.interactions.log)))


def _rests(state: EmulatorState, arn: str) -> bool:
    """While nobody is answered from it, and while a newer version is on its way."""
    version = state.store.get(SolutionVersion, arn)
    if version is None:
        return is_stopped(state, arn)
    deployed = any(
        campaign.solution_version_arn == arn and campaign.status == ACTIVE for campaign in state.store.all(Campaign)
    )
    return not deployed or _newer(state, arn, CREATING | {CREATE_STOPPING})


def _newer(state: EmulatorState, arn: str, states: frozenset[str]) -> bool:
    """Whether a newer version of the same solution is in one of these states."""
    store = state.store
    version = store.get(SolutionVersion, arn)
    if version is None:
        return False
    return any(
        other.solution_arn == version.solution_arn
        and store.ordinal(other) > store.ordinal(version)
        and other.status in states
        for other in store.all(SolutionVersion)
    )


ITEM_PERIOD = 1800.0
"""Seconds between two looks at the items."""
_RECIPES = frozenset({"aws-semantic-similarity"})


def increments_of(
    context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources
) -> Refreshing | None:
    """source: what it was trained on. None for what is not trained incrementally."""
    state, items = context.state, source.items
    version = state.store.get(SolutionVersion, arn)
    if trained.recipe.name not in _RECIPES or version is None or items is None:
        return None
    if version.perform_incremental_update is False:
        return None
    return Refreshing(
        period=ITEM_PERIOD,
        mark=lambda: source.mark,
        goes_on=lambda: any(items is held for held in state.all_contents()),
        rests=lambda: False,
        refreshed=partial(_with_items_of_now, sources),
        known=trained.mark,
    )


def _with_items_of_now(sources: Sources, trained: TrainedVersion) -> TrainedVersion:
    data = read_data(sources(), trained.selection, trained.log_length)
    return replace(trained, model=trained.model.evaluated_on(data), data=data)


ACTION_PERIOD = 7200.0
"""Seconds."""


def action_updates_of(context: Context, trained: TrainedVersion) -> Refreshing | None:
    """None for models that do not answer actions."""
    state, group_arn = context.state, context.arn("dataset-group", trained.group_name)
    dataset = dataset_of_type(context, group_arn, ACTIONS)
    contents = state.contents(dataset.arn) if dataset else None
    if not isinstance(trained.model, ActionModel) or dataset is None or contents is None:
        return None
    arn = dataset.arn
    return Refreshing(
        period=ACTION_PERIOD,
        mark=lambda: contents.mark,
        goes_on=lambda: state.contents(arn) is contents,
        rests=lambda: False,
        refreshed=partial(_with_new_actions, context, group_arn),
    )


def _with_new_actions(context: Context, group_arn: str, trained: TrainedVersion) -> TrainedVersion:
    records = action_records(context, group_arn)
    if records is None or not isinstance(trained.model, ActionModel):
        return trained
    new = sorted(records.row_of.keys() - set(trained.model.actions))
    room = max(0, MOST_ACTIONS - len(trained.model.actions))
    return replace(trained, model=trained.model.with_actions(new[:room]))
