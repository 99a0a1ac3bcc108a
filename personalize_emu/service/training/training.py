"""From the data of a group to a trained version.

Which event types, and how many of them and of columns about events, one training can take (D-17, D-24, Q-23).

A trained version that learns of new items, and of how often all of them were met, without a training (T-72).

A training while it runs: what it is at, and telling it to stop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from personalize_emu.data.records.interactions import collect_interactions
from personalize_emu.data.schemas.columns import EVENT_TYPE
from personalize_emu.data.schemas.dataset_types import INTERACTIONS, required_columns, reserved_columns
from personalize_emu.recipes.contract.action_data import ActionData
from personalize_emu.recipes.contract.base import (
    NETWORK_FROM,
    NOW,
    History,
    Kind,
    NotEnoughData,
    Progress,
    Recipe,
    TrainingData,
)
from personalize_emu.recipes.contract.creation_time import creation_times
from personalize_emu.recipes.contract.features import Objective
from personalize_emu.recipes.training.training import MINIMUM_USERS, check_enough
from personalize_emu.recipes.training.training_process import measure_where_it_fits, train_where_it_fits
from personalize_emu.recipes.training.tuning import Search
from personalize_emu.recipes.wrappers.catalog_extension import extended, in_catalog, places_in
from personalize_emu.recipes.wrappers.exploration import Exposure, exposure_of
from personalize_emu.service.catalog.recipe_catalog import RecipeFacts
from personalize_emu.service.configuration.solution_config import resolved_hyperparameters
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import JobEntry
from personalize_emu.service.state.entries import Progress as ShownProgress
from personalize_emu.service.state.event_selection import EventSelection, training_data
from personalize_emu.service.state.trained_version import ItemAttributes, TrainedVersion, informative_groups
from personalize_emu.service.training.training_inputs import MetadataReading
from personalize_emu.state.jobs import JobFailed, JobStopped

log = logging.getLogger(__name__)
T = TypeVar("T")

_WITHOUT_INTERACTIONS = frozenset({"aws-semantic-similarity"})
"""These need items only (R-79)."""
_WITHOUT_LEAST_USERS = frozenset(
    {"aws-next-best-action", "aws-similar-items", "aws-trending-now", "aws-vod-trending-now"}
)
"""These need interactions only, of however few users (spec 06 section 1.1, R-98)."""


@dataclass(frozen=True)
class TrainingInput:
    """What one training run reads, fixed when it starts."""

    facts: RecipeFacts
    recipe: Recipe
    config: Mapping[str, Any]
    event_type: str | None
    interactions_arn: str
    interactions: DatasetContents
    items: DatasetContents | None
    seed: int
    reading: MetadataReading | None = None
    """What is read beside the interactions, when training begins."""
    attributes: Callable[[], ItemAttributes | None] = lambda: None
    """Of items, read when training begins; for recipes that are asked by them."""
    actions: Callable[[], ActionData] | None = None
    """Read when training begins; for recipes that answer actions."""
    objective: Callable[[Sequence[str]], Objective | None] = lambda _: None
    """Along a catalog, read when training begins (T-26)."""
    network_from: int = 0
    """Interactions from which on personal recipes train a recurrent network as well; 0 for never."""
    now: float = 0.0
    """Epoch seconds at which training was asked for."""
    base: TrainedVersion | None = None
    """What is updated by new items instead of training a model anew (T-70)."""
    search: Search | None = None
    """For better hyperparameters than those of the configuration (T-30)."""
    rivals: tuple[TrainingInput, ...] = ()
    """Of which the best by `metric` is to be trained instead of this (T-40)."""
    metric: str = ""

    @property
    def mark(self) -> object:
        """Differs from an earlier one when interactions or items have come in since."""
        return self.interactions.mark, self.items and self.items.mark

    def is_there(self, held: Collection[DatasetContents]) -> bool:
        """Whether no dataset that this reads has been deleted. held: what all datasets hold now."""
        return all(any(one is each for each in held) for one in (self.interactions, self.items) if one is not None)


def train_version(source: TrainingInput, progress: Progress) -> TrainedVersion:
    """Raises JobFailed with the service's text when there is too little data (T-80 to T-83)."""
    progress("reading interactions", 0.0)
    selection = EventSelection.of(
        source.event_type, source.config, any_case=source.facts.domain is not None
    )
    mark, log_length = source.mark, len(source.interactions.log)
    data = read_data(source, selection, log_length)
    attributes = source.attributes()
    if attributes is not None:
        data = replace(data, attributes=informative_groups(attributes, data.catalog))
    parameters = resolved_hyperparameters(source.facts, source.config) | _beside(source)
    if source.actions is not None:
        data = replace(data, actions=source.actions())
    try:
        _check_enough(source, data)
        if source.base is not None:
            parameters |= source.base.tuned
            metrics = measure_where_it_fits(source.recipe, data, parameters, source.seed, progress)
            return replace(with_new_items(source.base, data), metrics=metrics, mark=mark)
        trained = train_where_it_fits(source.recipe, data, parameters, source.seed, progress, source.search)
    except NotEnoughData as error:
        raise JobFailed(str(error)) from error
    return TrainedVersion(
        recipe=source.facts,
        kind=source.recipe.kind,
        model=trained.model,
        metrics=trained.metrics,
        tuned=trained.tuned,
        data=replace(data, context=None),
        interactions_arn=source.interactions_arn,
        log_length=log_length,
        selection=selection,
        attributes=attributes,
        exposure=first_exposure(data) if source.recipe.kind is Kind.PERSONALIZED else None,
        mark=mark,
        context_fields=source.reading.context_fields if source.reading else (),
    )


def _beside(source: TrainingInput) -> dict[str, str]:
    """What recipes are told beside their hyperparameters."""
    return {NOW: str(source.now), NETWORK_FROM: str(source.network_from)}


def read_data(source: TrainingInput, selection: EventSelection, log_length: int) -> TrainingData:
    """What datasets hold now, of streamed interactions the first `log_length`."""
    reading, streamed = source.reading, source.interactions.streamed(log_length)
    found = collect_interactions(
        source.interactions.bulk,
        streamed,
        event_value_threshold=selection.threshold,
        more_columns=reading.interaction_columns if reading else (),
    )
    if source.facts.name not in _WITHOUT_INTERACTIONS:
        refuse_reserved_event_types(source.interactions.bulk, streamed, found.event_types)
    refuse_too_many_event_types(source.interactions.bulk, streamed, found.event_types)
    data = training_data(found, selection, item_ids(source.items), reading.context_fields if reading else ())
    data = reading.described(data) if reading else data
    return replace(data, objective=source.objective(data.catalog))


def item_ids(items: DatasetContents | None) -> set[str]:
    """Ids of the Items dataset, bulk and individual."""
    if items is None:
        return set()
    ids = {row["ITEM_ID"] for row in items.log.rows()}
    if items.bulk is not None:
        ids.update(_texts(items.bulk.column("ITEM_ID")))
    return ids


def _texts(column: pa.ChunkedArray) -> list[str]:
    texts: list[str] = column.to_pylist()
    return texts


def _check_enough(source: TrainingInput, data: TrainingData) -> None:
    if source.facts.name not in _WITHOUT_INTERACTIONS:
        least = 0 if source.facts.name in _WITHOUT_LEAST_USERS else MINIMUM_USERS
        check_enough(data, event_type=source.event_type, minimum_users=least)


MOST = 10
"""Optional columns and distinct event types together (Q-23)."""
_UNCOUNTED = frozenset(
    {"USER_ID", "ITEM_ID", "TIMESTAMP", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"}
)
"""Required columns, and reserved ones other than EVENT_TYPE and EVENT_VALUE (D-24)."""

_KEYWORDS = frozenset({*required_columns(INTERACTIONS, None), *reserved_columns(INTERACTIONS, None)})
"""Names that cannot be values, spelt as they are here."""


def refuse_reserved_event_types(bulk: pa.Table | None, streamed: pa.Table, event_types: Collection[str]) -> None:
    """Importing them is accepted (D-17); data without the column have no event types to refuse.

    streamed: the columns that have a value. event_types: the distinct ones that occur.

    Raises:
        JobFailed: there are interactions, and none of them has a usable event type.
    """
    imported = bulk is not None and EVENT_TYPE in bulk.column_names and bulk.num_rows > 0
    typed = imported or EVENT_TYPE in streamed.column_names
    if typed and _KEYWORDS.issuperset(event_types):
        raise JobFailed("All values in the event_type column are either reserved keywords or null")


def refuse_too_many_event_types(bulk: pa.Table | None, streamed: pa.Table, event_types: Collection[str]) -> None:
    """Nothing is wrong with importing such data; it is the training that fails (D-25).

    Raises:
        JobFailed: more than `MOST`.
    """
    columns = set((streamed if bulk is None else bulk).column_names)
    optional = len(columns - _UNCOUNTED)
    if optional + len(event_types) > MOST:
        raise JobFailed(
            f"Dataset has {optional} optional metadata columns and {len(event_types)} distinct event types. "
            f"Together there can be at most {MOST}."
        )


LONG_AGO = np.iinfo(np.int64).min // 2
"""When what is no longer there was created: before every cut-off."""


def first_exposure(data: TrainingData) -> Exposure:
    """At a training, from whose latest interaction ages are measured from then on (R-72f)."""
    return exposure_of(data, creation_times(data), int(data.timestamps.max(initial=0)))


def with_new_items(trained: TrainedVersion, data: TrainingData) -> TrainedVersion:
    """The version for all items of `data`, the data of now, besides those it has.

    What it was trained with stays as it is: histories, and what it says of its items. Items that the data no longer
    have are not explored.
    """
    model = extended(trained.model, data.catalog, data.item_features)
    newest = trained.exposure.newest if trained.exposure else int(data.timestamps.max(initial=0))
    now = exposure_of(data, creation_times(data), newest)
    places = places_in(model.catalog, data.catalog)
    meetings = np.zeros(len(model.catalog), np.int64)
    created = np.full(len(model.catalog), LONG_AGO)
    meetings[places], created[places] = now.meetings, now.created
    found = replace(
        trained,
        model=model,
        data=trained.data if model.catalog == trained.data.catalog else in_catalog(trained.data, model.catalog),
        exposure=Exposure(meetings, created, newest),
    )
    _warm(found)
    return found


def _warm(trained: TrainedVersion) -> None:
    """Make now what the first request would wait for otherwise."""
    trained.model.scores(History(np.zeros(0, np.int32), np.zeros(0, np.int64)))
    for mapping in (trained.model.number_of, trained.user_number_of):
        len(mapping)


def watched(state: EmulatorState, arn: str, train: Callable[[Progress], T]) -> T:
    """Train, and show in the state what the training of the resource `arn` is at.

    Between two stages it looks whether it is still wanted. Raises JobStopped when it is not: a stop was asked
    for, or the emulator was reset or closed.
    """
    entry = state.job_entry(arn) or JobEntry()

    def report(stage: str, share: float) -> None:
        if entry.stop.is_set() or state.jobs.closed:
            raise JobStopped(f"stopped before {stage}")
        entry.progress = ShownProgress(stage, share)
        log.debug("%s: %s, %d%%", arn, stage, round(100 * share))

    try:
        return train(report)
    finally:
        entry.progress = None
