"""Where one training runs, and the cluster of the option `executor` for those parts of it that can be spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from personalize_emu.dask_cluster import Cluster, ClusterFailed, cluster_at
from personalize_emu.recipes.contract.base import Progress, TrainingData
from personalize_emu.recipes.training.training_place import TrainingPlace
from personalize_emu.recipes.training.training_task import Task, result_of
from personalize_emu.service.core.context import Context
from personalize_emu.service.training_data.training_input import TrainingInput
from personalize_emu.state.jobs import JobFailed


@dataclass(frozen=True, eq=False)
class InCluster:
    """Tasks of a training in the workers of a cluster."""

    cluster: Cluster

    @property
    def width(self) -> int:
        return self.cluster.threads

    def carried(self, data: TrainingData) -> AbstractContextManager[Any]:
        return self.cluster.carried(data)

    def done(self, task: Task, reference: Any, progress: Progress) -> Any:
        return self.cluster.call(result_of, task, reference, progress)


@contextmanager
def training_place(context: Context, inputs: Sequence[TrainingInput]) -> Iterator[TrainingPlace]:
    """The place of a training. It asks a cluster only where recipes or hyperparameters are chosen.

    Raises:
        JobFailed: the cluster cannot be reached, or has lost the work.
    """
    executor, processes = context.settings.executor, context.training_processes
    nothing_to_choose = len(inputs) == 1 and (inputs[0].search is None or inputs[0].base is not None)
    if not executor or nothing_to_choose:
        yield TrainingPlace(processes)
        return
    try:
        with cluster_at(executor) as cluster:
            yield TrainingPlace(processes, InCluster(cluster))
    except ClusterFailed as error:
        raise JobFailed(str(error)) from error
