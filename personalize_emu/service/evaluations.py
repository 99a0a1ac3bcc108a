"""Models that look at new interactions between trainings (R-76a, R-98, R-103, R-110 to R-114).

        trained ──period──▶ evaluation ──period──▶ evaluation ──▶ ...

The periods are on the emulator's clock and begin with the training; what the intervals of a trend end with is the
latest interaction of the data. All interactions there are at an evaluation count in it, imported and streamed ones
alike, and none that come later. An evaluation passes when nothing has come in since the last one. The series ends
with another training, and when the version or its interactions are gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from personalize_emu.data.interactions import collect_interactions
from personalize_emu.service.contents import DataMark, DatasetContents
from personalize_emu.service.context import Context
from personalize_emu.service.event_selection import training_data
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.service.world import World
from personalize_emu.state.clock import Clock
from personalize_emu.state.jobs import Job
from personalize_emu.state.lifecycle import ACTIVE, Duration
from personalize_emu.state.resources import Recommender

_AT_ONCE = Duration(0, 0)


@dataclass(frozen=True, eq=False)
class _Evaluation:
    """The next one of a series. arn: of the version or recommender. mark: of the data at the last one."""

    world: World
    clock: Clock
    arn: str
    trained: TrainedVersion
    contents: DatasetContents
    period: float
    when: float
    mark: DataMark | None = None

    @property
    def is_wanted(self) -> bool:
        world, trained = self.world, self.trained
        is_served = world.trained.get(self.arn) is trained
        return is_served and world.contents.get(trained.interactions_arn) is self.contents

    @property
    def is_idle(self) -> bool:
        """What is stopped keeps its model (R-REC-11)."""
        recommender = self.world.store.get(Recommender, self.arn)
        return recommender is not None and recommender.status != ACTIVE


def begin_evaluations(context: Context, arn: str, trained: TrainedVersion) -> None:
    """After a training; does nothing for models that only a training changes."""
    world, clock, period = context.world, context.clock, trained.model.evaluation_period
    contents = world.contents.get(trained.interactions_arn)
    if period is not None and contents is not None:
        first = _Evaluation(world, clock, arn, trained, contents, period, clock.now() + period)
        _schedule(first)


def _schedule(evaluation: _Evaluation) -> None:
    evaluation.world.jobs.at(evaluation.when, partial(_ring, evaluation))


def _schedule_next(evaluation: _Evaluation) -> None:
    missed = max(evaluation.clock.now() - evaluation.when, 0.0) // evaluation.period
    _schedule(replace(evaluation, when=evaluation.when + (missed + 1) * evaluation.period))


def _ring(evaluation: _Evaluation) -> None:
    """Look at the data when there is something new in them."""
    world, mark = evaluation.world, evaluation.contents.mark
    with world.store.lock:
        if not evaluation.is_wanted:
            return
        if mark == evaluation.mark or evaluation.is_idle:
            _schedule_next(evaluation)
            return

    def succeeded(evaluated: TrainedVersion) -> None:
        with world.store.lock:
            if evaluation.is_wanted:
                world.trained[evaluation.arn] = evaluated
                _schedule_next(replace(evaluation, trained=evaluated, mark=mark))

    def failed(reason: str) -> None:
        del reason
        _schedule_next(evaluation)

    name = f"evaluate {evaluation.arn}"
    work = partial(_evaluated, evaluation.trained, evaluation.contents)
    world.jobs.start(Job(name, _AT_ONCE, lambda: True, work, succeeded, failed))


def _evaluated(trained: TrainedVersion, contents: DatasetContents) -> TrainedVersion:
    """The version with the interactions of now; items stay known once they were (R-111)."""
    log_length, selection = len(contents.log), trained.selection
    rows = contents.rows_to_train_on(log_length)
    found = collect_interactions(contents.bulk, rows, event_value_threshold=selection.threshold)
    data = training_data(found, selection, set(trained.model.catalog))
    return replace(trained, model=trained.model.evaluated_on(data), data=data, log_length=log_length)
