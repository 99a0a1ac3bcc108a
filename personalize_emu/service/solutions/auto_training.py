"""Automatic training of solutions (R-SOL-8 to R-SOL-10, T-50 to T-52).

        ACTIVE ──within an hour──▶ first training ──N days──▶ next ──N days──▶ ...

A training is left out when no interactions have come in since the last one, when a version was created by hand
before the first, and when the solution cannot be trained.
"""

from __future__ import annotations

import logging

from personalize_emu.service.configuration.solution_config import schedule_days
from personalize_emu.service.core.context import Context
from personalize_emu.service.solutions.version_training import begin_training, training_inputs
from personalize_emu.service.state.entries import DueTraining
from personalize_emu.service.training.schedule import call_when_due, cancel_training, next_due
from personalize_emu.service.training.versions import versions_of
from personalize_emu.state.lifecycle import ACTIVE, CREATE_STOPPED, CREATE_STOPPING
from personalize_emu.state.resources import Solution
from personalize_emu.wire.errors import AwsError

log = logging.getLogger(__name__)
FIRST_TRAINING = 3600.0
"""Seconds until the first training: a version created by hand within the hour takes its place."""
_AUTOTRAIN = "AUTOTRAIN"


def schedule_training(context: Context, solution_arn: str) -> None:
    """Start the schedule of a solution anew; nothing with auto training switched off in the settings."""
    if context.settings.auto_training:
        now = context.clock.now()
        call_when_due(context, solution_arn, DueTraining(now + FIRST_TRAINING, unless_since=now), _train_solution)


def resume_schedule(context: Context, solution_arn: str, due: DueTraining) -> None:
    """Go on with a schedule after a restart."""
    if context.settings.auto_training:
        call_when_due(context, solution_arn, due, _train_solution)


def _train_solution(context: Context, arn: str, due: DueTraining) -> None:
    solution = context.state.store.get(Solution, arn)
    if solution is None or solution.status != ACTIVE:
        cancel_training(context, arn)
        return
    days = schedule_days(solution.solution_config or {})
    call_when_due(context, arn, next_due(context, due, days), _train_solution)
    if not _was_created_by_hand(context, solution, due.unless_since):
        _train_on_new_data(context, solution)


def _was_created_by_hand(context: Context, solution: Solution, since: float | None) -> bool:
    return since is not None and any(
        version.creation_date_time >= since and version.training_type == "MANUAL"
        for version in versions_of(context, solution)
    )


def _train_on_new_data(context: Context, solution: Solution) -> None:
    try:
        inputs = training_inputs(context, solution, _AUTOTRAIN)
        if inputs[0].interactions.data_version != _last_data_version(context, solution):
            begin_training(context, solution, inputs, mode=_AUTOTRAIN, training_type="AUTOMATIC")
    except AwsError as error:
        log.info("%s is not trained automatically: %s", solution.arn, error.message)


def _last_data_version(context: Context, solution: Solution) -> object:
    """Of the interactions at the last training that was not stopped; None without one."""
    stopped = (CREATE_STOPPED, CREATE_STOPPING)
    trained = [version for version in versions_of(context, solution) if version.status not in stopped]
    return context.state.versions[trained[-1].arn].data_version if trained else None
