"""A trained version that learns of new items, and of how often all of them were met, without a training (T-72)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from personalize_emu.recipes.base import History, TrainingData
from personalize_emu.recipes.creation import creation_times
from personalize_emu.recipes.exploration import Exposure, exposure_of
from personalize_emu.recipes.extension import extended, in_catalog, places_in
from personalize_emu.service.trained import TrainedVersion

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
