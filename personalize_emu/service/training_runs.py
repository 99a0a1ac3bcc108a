"""A training while it runs: what it is at, and telling it to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from personalize_emu.recipes.base import Progress as Report
from personalize_emu.service.world import Progress, World
from personalize_emu.state.jobs import JobStopped

log = logging.getLogger(__name__)
T = TypeVar("T")


def watched(world: World, arn: str, train: Callable[[Report], T]) -> T:
    """Train, and show in the world what the training of the resource `arn` is at.

    Between two stages it looks whether it is still wanted. Raises JobStopped when it is not: a stop was asked
    for, or the emulator was reset or closed.
    """
    stop = world.stops.get(arn, threading.Event())

    def report(stage: str, share: float) -> None:
        if stop.is_set() or world.jobs.closed:
            raise JobStopped(f"stopped before {stage}")
        world.progress[arn] = Progress(stage, share)
        log.debug("%s: %s, %d%%", arn, stage, round(100 * share))

    try:
        return train(report)
    finally:
        world.progress.pop(arn, None)
        world.stops.pop(arn, None)
