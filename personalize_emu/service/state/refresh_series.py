"""What is done to a served model, over and over, between its trainings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from personalize_emu.service.state.trained_version import TrainedVersion


@dataclass(frozen=True, eq=False)
class Refreshing:
    """One rhythm of one model.

    period: seconds on the emulator's clock; the first begins with the training.
    mark: tells the states of the data apart; while it stays the same there is nothing to do.
    goes_on: False once there is nothing left to refresh the model from, or nobody left to do it for.
    rests: whether a turn passes without anything being done.
    refreshed: the slow part, run in the background; what it is given is what is served.
    known: the mark of the data that the model was trained on; None where the first turn is not to pass.

    All but `refreshed` are asked under the store's lock.
    """

    period: float
    mark: Callable[[], object]
    goes_on: Callable[[], bool]
    rests: Callable[[], bool]
    refreshed: Callable[[TrainedVersion], TrainedVersion]
    known: object = None


@dataclass(frozen=True, eq=False)
class Series:
    """The refreshing of a model from one training to the next. mark: of the data at the last time."""

    refreshing: Refreshing
    mark: object
