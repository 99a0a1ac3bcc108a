"""The schedule of model refreshes: when one runs, what replaces the served model, and when they end.

    training ──period──▶ refresh ──period──▶ refresh ──period──▶ ...

A refresh does nothing while the data version is that of the last one, and while it is paused. The schedule ends with
the next training of the same version or recommender, with the deletion of either, and when the refresh is no longer
current. What a refresh does to a model is in kinds.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from personalize_emu.service.core.context import Context
from personalize_emu.service.refresh.kinds import refresh_of
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import ModelEntry
from personalize_emu.service.state.trained_version import LastRefresh, Refresh, TrainedVersion
from personalize_emu.service.training_data.training_input import TrainingInput
from personalize_emu.state.clock import Clock
from personalize_emu.state.jobs import Job
from personalize_emu.state.lifecycle import Duration

_NO_TIME = Duration(0, 0)


def serve(
    context: Context,
    arn: str,
    trained: TrainedVersion,
    source: TrainingInput,
    current_input: Callable[[], TrainingInput],
) -> None:
    """Answer for the version or recommender `arn` from a new model, and schedule its refreshes.

    Called under the store's lock. source: what it was trained on. current_input: what another training would read.
    """
    state, clock = context.state, context.clock
    entry = state.model_entry(arn)
    if entry is None:
        return
    trained = replace(trained, arn=arn, since=clock.now())
    refresh = refresh_of(context, arn, trained, source, current_input)
    entry.trained = trained
    entry.refresh = None if refresh is None else LastRefresh(refresh, refresh.trained_data_version)
    state.store.touch(arn)
    state.counters.trained(trained.recipe.name)
    if refresh is not None:
        RefreshSchedule(state, clock, arn, refresh).schedule(clock.now() + refresh.refresh_period)


def resume(
    context: Context, arn: str, source: TrainingInput, current_input: Callable[[], TrainingInput], data_version: object
) -> None:
    """Go on refreshing a model that was served before a restart, under the store's lock; otherwise as `serve`.

    data_version: of its last refresh. Refreshes that would have come in between are lost.
    """
    state, entry = context.state, context.state.model_entry(arn)
    if entry is None or entry.trained is None:
        return
    refresh = refresh_of(context, arn, entry.trained, source, current_input)
    if refresh is not None:
        entry.refresh = LastRefresh(refresh, data_version)
        schedule = RefreshSchedule(state, context.clock, arn, refresh)
        since = entry.trained.since
        context.afterwards(lambda: schedule.schedule_after(since))


def refresh_now(state: EmulatorState, arn: str) -> None:
    """Refresh a model out of schedule when there are new data, also while refreshes are paused. Slow, without lock."""
    with state.store.lock:
        entry = state.model_entry(arn)
        last = None if entry is None else entry.refresh
        if entry is None or last is None or not last.refresh.is_current():
            return
        data_version, trained = last.refresh.data_version(), entry.served
    if data_version != last.data_version:
        swap_model(state, arn, last.refresh, last.refresh.refreshed(trained), data_version)


def swap_model(
    state: EmulatorState, arn: str, refresh: Refresh, refreshed: TrainedVersion, data_version: object
) -> None:
    """Answer from the refreshed model, unless a training or a deletion came first."""
    with state.store.lock:
        entry = refreshed_entry(state, arn, refresh)
        if entry is not None and refresh.is_current():
            entry.trained = refreshed
            entry.refresh = LastRefresh(refresh, data_version)
            state.store.touch(arn)


def refreshed_entry(state: EmulatorState, arn: str, refresh: Refresh) -> ModelEntry | None:
    """Of the version or recommender; None once its model is not refreshed in this way any more."""
    entry = state.model_entry(arn)
    return entry if entry is not None and entry.refresh is not None and entry.refresh.refresh is refresh else None


@dataclass(frozen=True, eq=False)
class RefreshSchedule:
    """The refreshes of one model, from a training to the next."""

    state: EmulatorState
    clock: Clock
    arn: str
    refresh: Refresh

    def schedule(self, when: float) -> None:
        """when: epoch seconds on the emulator's clock."""
        self.state.jobs.at(when, lambda: self._due(when))

    def schedule_after(self, when: float) -> None:
        """The next one after that due at `when`; those that a leap of the clock passed over are lost."""
        period = self.refresh.refresh_period
        missed = max(self.clock.now() - when, 0.0) // period
        self.schedule(when + (missed + 1) * period)

    def _due(self, when: float) -> None:
        """Start a refresh if there is something to do. The next one is scheduled whatever is raised here."""
        state, arn, job = self.state, self.arn, None
        with state.store.lock:
            entry = refreshed_entry(state, arn, self.refresh)
            if entry is None or entry.refresh is None:
                return
            try:
                if not self.refresh.is_current():
                    entry.refresh = None
                    state.store.touch(arn)
                    return
                data_version = self.refresh.data_version()
                if data_version != entry.refresh.data_version and not self.refresh.is_paused():
                    job = self._job(entry.served, data_version, when)
            finally:
                if job is None and entry.refresh is not None:
                    self.schedule_after(when)
        if job is not None:
            state.jobs.start(job)

    def _job(self, trained: TrainedVersion, data_version: object, when: float) -> Job[TrainedVersion]:
        """In the background: the clock that starts it has other callbacks to run."""

        def work() -> TrainedVersion:
            self.refresh.require_readable_data()
            refreshed = self.refresh.refreshed(trained)
            self.state.keeping.prepare(self.arn, refreshed)
            return refreshed

        def succeeded(refreshed: TrainedVersion) -> None:
            swap_model(self.state, self.arn, self.refresh, refreshed, data_version)
            self.schedule_after(when)

        def failed(_: str) -> None:
            self.schedule_after(when)

        return Job(
            f"refresh {self.arn}",
            _NO_TIME,
            lambda: True,
            work,
            succeeded,
            failed,
            in_background=True,
        )
