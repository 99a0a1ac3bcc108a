"""What happens to a model from one training to the next.

Models kept up with the data between their trainings (R-72h, R-76a, R-103, R-110 to R-114).

        trained ──period──▶ refreshed ──period──▶ refreshed ──▶ ...

A turn passes when nothing has come in since the last one. The series ends with another training, and when what it
reads is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from personalize_emu.service.core.context import Context
from personalize_emu.service.refresh.rhythms import (
    Sources,
    action_updates_of,
    evaluations_of,
    increments_of,
    updates_of,
)
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import ModelEntry
from personalize_emu.service.state.refresh_series import Refreshing, Series
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.training.training import TrainingInput
from personalize_emu.state.clock import Clock
from personalize_emu.state.jobs import Job
from personalize_emu.state.lifecycle import Duration


def serve(context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources) -> None:
    """Answer for the version or recommender `arn` from a new model, and keep that up with the data.

    source: what it was trained on. sources: what another training would read.
    """
    entry = context.state.model_entry(arn)
    if entry is None:
        return
    trained = replace(trained, arn=arn, since=context.clock.now())
    refreshing = _refreshing_of(context, arn, trained, source, sources)
    entry.trained = trained
    context.state.tallies.trained(trained.recipe.name)
    _begin_refreshing(context, arn, entry, refreshing)


def _refreshing_of(
    context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources
) -> Refreshing | None:
    """Each model is kept up in one way at most."""
    return (
        evaluations_of(context, arn, trained)
        or updates_of(context, arn, trained, source, sources)
        or action_updates_of(context, trained)
        or increments_of(context, arn, trained, source, sources)
    )


_NO_TIME = Duration(0, 0)


def _begin_refreshing(context: Context, arn: str, entry: ModelEntry, refreshing: Refreshing | None) -> None:
    """After a training of the version or recommender `arn`; None for models that only a training changes."""
    state, clock = context.state, context.clock
    entry.refresh = None if refreshing is None else Series(refreshing, refreshing.known)
    if refreshing is not None:
        _schedule(state, clock, arn, refreshing, clock.now() + refreshing.period)


def refresh_now(state: EmulatorState, arn: str) -> None:
    """Take a turn out of order when there is something new, whether or not the series rests. Slow."""
    with state.store.lock:
        entry = state.model_entry(arn)
        series = None if entry is None else entry.refresh
        if entry is None or series is None or not series.refreshing.goes_on():
            return
        mark, trained = series.refreshing.mark(), entry.served
    if mark != series.mark:
        _serve(state, arn, series.refreshing, series.refreshing.refreshed(trained), mark)


def _schedule(state: EmulatorState, clock: Clock, arn: str, refreshing: Refreshing, when: float) -> None:
    state.jobs.at(when, partial(_ring, state, clock, arn, refreshing, when))


def _schedule_next(state: EmulatorState, clock: Clock, arn: str, refreshing: Refreshing, when: float) -> None:
    missed = max(clock.now() - when, 0.0) // refreshing.period
    _schedule(state, clock, arn, refreshing, when + (missed + 1) * refreshing.period)


def _ring(state: EmulatorState, clock: Clock, arn: str, refreshing: Refreshing, when: float) -> None:
    """Refresh the model when there is something new. The next turn comes whatever happens in this one."""
    following = partial(_schedule_next, state, clock, arn, refreshing, when)
    with state.store.lock:
        entry = state.model_entry(arn)
        series = None if entry is None else entry.refresh
        if entry is None or series is None or series.refreshing is not refreshing:
            return
        job: Job[TrainedVersion] | None = None
        try:
            if not refreshing.goes_on():
                entry.refresh = None
                return
            mark = refreshing.mark()
            if mark != series.mark and not refreshing.rests():
                job = _job(state, arn, entry.served, refreshing, mark, following)
        finally:
            if job is None and entry.refresh is not None:
                following()
    if job is not None:
        state.jobs.start(job)


def _job(
    state: EmulatorState,
    arn: str,
    trained: TrainedVersion,
    refreshing: Refreshing,
    mark: object,
    following: Callable[[], None],
) -> Job[TrainedVersion]:
    """In the background, since what starts it is the clock, and that has others to call."""

    def succeeded(refreshed: TrainedVersion) -> None:
        _serve(state, arn, refreshing, refreshed, mark)
        following()

    def failed(_: str) -> None:
        following()

    work = partial(refreshing.refreshed, trained)
    return Job(f"refresh {arn}", _NO_TIME, lambda: True, work, succeeded, failed, in_background=True)


def _serve(state: EmulatorState, arn: str, refreshing: Refreshing, refreshed: TrainedVersion, mark: object) -> None:
    """Unless another training has come first, or the end."""
    with state.store.lock:
        entry = state.model_entry(arn)
        series = None if entry is None else entry.refresh
        if entry is not None and series is not None and series.refreshing is refreshing and refreshing.goes_on():
            entry.trained = refreshed
            entry.refresh = Series(refreshing, mark)
