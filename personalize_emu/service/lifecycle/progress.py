"""Progress of running jobs, and the way to stop them (R-SV-12, T-64)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from personalize_emu.recipes.contract.base import Progress
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import JobEntry
from personalize_emu.service.state.entries import Progress as ShownProgress
from personalize_emu.state.jobs import JobStopped

log = logging.getLogger(__name__)
T = TypeVar("T")


def with_progress(state: EmulatorState, arn: str, work: Callable[[Progress], T]) -> T:
    """The result of `work`, whose stages are shown in the state while it runs. arn: of the resource it is for.

    Raises:
        JobStopped: between two stages, when a stop was asked for, or the emulator was reset or closed.
    """
    entry = state.job_entry(arn) or JobEntry()

    def report(stage: str, share: float) -> None:
        if entry.stop.is_set() or state.jobs.closed:
            raise JobStopped(f"stopped before {stage}")
        entry.progress = ShownProgress(stage, share)
        log.debug("%s: %s, %d%%", arn, stage, round(100 * share))

    try:
        return work(report)
    finally:
        entry.progress = None
