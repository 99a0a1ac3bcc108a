"""The schedule of automatic trainings: the next one of each solution or recommender, on the emulator's clock (T-50)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from personalize_emu.service.core.context import Context
from personalize_emu.service.state.entries import DueTraining

DAY = 86_400.0


def next_due(context: Context, due: DueTraining, days: int) -> DueTraining:
    """The training after `due`, which comes every `days`. Those that a leap of the clock passed over are lost."""
    missed = max(context.clock.now() - due.when, 0.0) // (days * DAY)
    return DueTraining(due.when + (missed + 1) * days * DAY)


def cancel_training(context: Context, arn: str) -> None:
    entry = context.state.trainable_entry(arn)
    if entry is not None:
        entry.due_training = None
        context.state.store.touch(arn)


def call_when_due(
    context: Context, arn: str, due: DueTraining, action: Callable[[Context, str, DueTraining], None]
) -> None:
    """Call `action` at its time, under the store's lock, unless the training is cancelled or replaced before."""
    state, later = context.state, replace(context, deferred=[])
    entry = state.trainable_entry(arn)
    if entry is None:
        return

    def at_its_time() -> None:
        try:
            with state.store.lock:
                # Looked up again: the clock must not keep what a deleted resource held in memory.
                current = state.trainable_entry(arn)
                if current is not None and current.due_training is due:
                    action(later, arn, due)
        finally:
            # What `action` put off includes the schedule of the training after this one.
            later.run_deferred()

    entry.due_training = due
    state.store.touch(arn)
    # The clock may run callbacks at once, and they need the lock that the caller holds.
    context.afterwards(lambda: state.jobs.at(due.when, at_its_time))
