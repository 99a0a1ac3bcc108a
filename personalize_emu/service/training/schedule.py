"""The schedule of automatic trainings: one next training a resource, on the emulator's clock (T-50 to T-52)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from personalize_emu.service.core.context import Context
from personalize_emu.service.state.entries import DueTraining

DAY = 86_400.0


def next_due(context: Context, due: DueTraining, days: int) -> DueTraining:
    """The next place in a schedule of so many days. What a leap of the clock has passed over is not made up for."""
    missed = max(context.clock.now() - due.when, 0.0) // (days * DAY)
    return DueTraining(due.when + (missed + 1) * days * DAY)


def cancel_training(context: Context, arn: str) -> None:
    entry = context.state.trainable_entry(arn)
    if entry is not None:
        entry.due_training = None


def call_when_due(
    context: Context, arn: str, due: DueTraining, action: Callable[[Context, str, DueTraining], None]
) -> None:
    """Have `action` called at its time, unless another training of the resource is scheduled before then.

    It is called under the store's lock.
    """
    state = context.state
    later = replace(context, deferred=[])

    def ring() -> None:
        try:
            with state.store.lock:
                now = state.trainable_entry(arn)
                if now is not None and now.due_training is due:
                    action(later, arn, due)
        finally:
            # The next place in the schedule is one of them.
            later.run_deferred()

    entry = state.trainable_entry(arn)
    if entry is None:
        return
    entry.due_training = due
    # The clock may run callbacks at once, which need the lock that a handler holds.
    context.afterwards(partial(state.jobs.at, due.when, ring))
