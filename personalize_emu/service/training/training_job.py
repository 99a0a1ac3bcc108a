"""The training of a solution version or a recommender, step by step (R-SV, spec 07).

    under the store's lock     inputs are fixed (training_data/training_input.py), a record is made, the job starts
    in a worker, no lock       run: choose_recipe → read → fit, which searches, evaluates and fits; or extend_base
    under the store's lock     deploy: the model answers from now on, and is refreshed

What differs between the two is in solutions/version_training.py and deployments/recommender_training.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from personalize_emu.recipes.contract.base import Kind, NotEnoughData, Progress, TrainingData, within
from personalize_emu.recipes.contract.creation_time import creation_times
from personalize_emu.recipes.training.training_place import TrainingPlace
from personalize_emu.recipes.training.tuning import METRIC
from personalize_emu.recipes.wrappers.exploration import Exposure, exposure_of
from personalize_emu.service.core.context import Context
from personalize_emu.service.lifecycle.creation import with_progress
from personalize_emu.service.refresh.kinds import with_new_items
from personalize_emu.service.refresh.refresh import serve
from personalize_emu.service.state.entries import counted
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.training.model_selection import CHOOSING, best_input
from personalize_emu.service.training.training_cluster import training_place
from personalize_emu.service.training_data.training_input import Snapshot, TrainingInput
from personalize_emu.state.jobs import JobFailed


@dataclass(frozen=True, eq=False)
class TrainingJob(ABC):
    """One training.

    inputs: what it reads; of several, one for each recipe that AutoML may choose (T-40).
    """

    context: Context
    inputs: tuple[TrainingInput, ...]

    @property
    @abstractmethod
    def arn(self) -> str:
        """Of the version or recommender that is trained."""

    @property
    def metric(self) -> str:
        """Which AutoML compares recipes by."""
        return METRIC

    @abstractmethod
    def current_input(self) -> TrainingInput:
        """What another training would read now, for refreshes of the model."""

    def run(self) -> TrainedVersion:
        """The slow part.

        Raises:
            JobFailed: there are too few data (T-80 to T-83).
            JobStopped: between two stages, after a stop, a reset or the end of the emulator (T-64).
        """
        trained = with_progress(self.context.state, self.arn, self.train)
        self.context.state.keeping.prepare(self.arn, trained)
        return trained

    def train(self, progress: Progress) -> TrainedVersion:
        with training_place(self.context, self.inputs) as place:
            return self.train_at(place, progress)

    def train_at(self, place: TrainingPlace, progress: Progress) -> TrainedVersion:
        source, progress = self.choose_recipe(place, progress)
        progress("reading interactions", 0.0)
        snapshot = source.snapshot()
        self.log_data(snapshot.data)
        try:
            source.check_enough(snapshot.data)
            if source.base is not None:
                return self.extend_base(place, source, source.base, snapshot, progress)
            return self.fit(place, source, snapshot, progress)
        except NotEnoughData as error:
            raise JobFailed(str(error)) from error

    def log_data(self, data: TrainingData) -> None:
        """A line with what is trained on."""
        counts = ((data.users, "interaction"), (data.user_ids, "user"), (data.catalog, "item"))
        text = ", ".join(counted(len(each), name) for each, name in counts)
        self.context.state.logs.add(self.arn, f"{text} to train on")

    def log_metrics(self, metrics: Mapping[str, float], tuned: Mapping[str, str]) -> None:
        """Lines with what was measured, and with the hyperparameters that were found."""
        for title, values in (("tuned", tuned), ("measured", metrics)):
            if values:
                text = ", ".join(f"{name} {value}" for name, value in values.items())
                self.context.state.logs.add(self.arn, f"{title}: {text}")

    def choose_recipe(self, place: TrainingPlace, progress: Progress) -> tuple[TrainingInput, Progress]:
        """The best of several inputs, and the progress to report of the steps after it."""
        if len(self.inputs) == 1:
            return self.inputs[0], progress
        return best_input(self.inputs, self.metric, progress, place), within(progress, CHOOSING, 1.0)

    def fit(
        self, place: TrainingPlace, source: TrainingInput, snapshot: Snapshot, progress: Progress
    ) -> TrainedVersion:
        """Search for hyperparameters (T-30), evaluate on held-out users, fit on all users (M-11, M-14).

        In a process, unless there are few rows and none is ready; the trials of a search in several, or in a cluster.
        """
        data = snapshot.data
        trained = place.train(source.recipe, data, source.run(progress), source.search)
        self.log_metrics(trained.metrics, trained.tuned)
        return TrainedVersion(
            recipe=source.facts,
            kind=source.recipe.kind,
            model=trained.model,
            metrics=trained.metrics,
            tuned=trained.tuned,
            data=replace(data, context=None),
            interactions_arn=source.interactions_arn,
            log_length=snapshot.log_length,
            selection=snapshot.selection,
            attributes=snapshot.attributes,
            exposure=_exposure(data) if source.recipe.kind is Kind.PERSONALIZED else None,
            data_version=snapshot.data_version,
            context_fields=source.context_fields,
        )

    def extend_base(
        self,
        place: TrainingPlace,
        source: TrainingInput,
        base: TrainedVersion,
        snapshot: Snapshot,
        progress: Progress,
    ) -> TrainedVersion:
        """Training mode UPDATE: the base with new items, and metrics on current data (T-70 to T-73)."""
        run = source.run(progress)
        run = replace(run, hyperparameters={**run.hyperparameters, **base.tuned})
        metrics = place.metrics(source.recipe, snapshot.data, run)
        self.log_metrics(metrics, base.tuned)
        return replace(with_new_items(base, snapshot.data), metrics=metrics, data_version=snapshot.data_version)

    def deploy(self, trained: TrainedVersion) -> dict[str, Any]:
        """Answer from the model, under the store's lock. Returns the fields of the record that show it."""
        serve(self.context, self.arn, trained, self.inputs[0], self.current_input)
        return {}


def _exposure(data: TrainingData) -> Exposure:
    """Ages of items are measured from the latest interaction of the training (R-72f)."""
    return exposure_of(data, creation_times(data), int(data.timestamps.max(initial=0)))
