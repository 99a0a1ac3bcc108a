"""From the data of a group to a trained version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from personalize_emu.data.interactions import collect_interactions
from personalize_emu.recipes.action_data import ActionData
from personalize_emu.recipes.base import NETWORK_FROM, NOW, Kind, NotEnoughData, Progress, Recipe, TrainingData
from personalize_emu.recipes.features import Objective
from personalize_emu.recipes.training import MINIMUM_USERS, check_enough
from personalize_emu.recipes.training_process import measure_where_it_fits, train_where_it_fits
from personalize_emu.recipes.tuning import Search
from personalize_emu.service.contents import DatasetContents
from personalize_emu.service.event_selection import EventSelection, training_data
from personalize_emu.service.event_variety import refuse_reserved_event_types, refuse_too_many_event_types
from personalize_emu.service.item_attributes import ItemAttributes, informative_groups
from personalize_emu.service.metadata_reading import MetadataReading
from personalize_emu.service.new_items import first_exposure, with_new_items
from personalize_emu.service.recipe_catalog import RecipeFacts
from personalize_emu.service.solution_config import resolved_hyperparameters
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.state.jobs import JobFailed

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

    def is_there(self, contents: Mapping[str, DatasetContents]) -> bool:
        """Whether no dataset that this reads has been deleted."""
        held = contents.values()
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
