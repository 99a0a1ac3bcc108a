"""HRNN-Metadata and HRNN-Coldstart, the legacy recipes that also read metadata (R-14, R-15, R-65, R-66).

Both are HRNN for items with interactions. New items are placed by their metadata; context and user metadata are read
as in the other personal recipes. HRNN-Coldstart is for catalogs with many new items: it explores in its answers, and
refuses data without cold items, or with too many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import NotEnoughData, TrainingData, TrainingRun
from personalize_emu.recipes.contract.hyperparameters import number
from personalize_emu.recipes.hrnn import Hrnn

DAY = 86_400
FEWEST_COLD, MOST_COLD = 100, 80_000
"""R-66."""


@dataclass(frozen=True)
class HrnnColdstart(Hrnn):
    """Trains where the number of cold items is within bounds."""

    def check(self, data: TrainingData, run: TrainingRun) -> None:
        """R-66. The texts are our own."""
        count = int(np.count_nonzero(cold_items(data, run)))
        if count < FEWEST_COLD:
            raise NotEnoughData(f"Dataset has {count} cold start items, fewer than {FEWEST_COLD}.")
        if count > MOST_COLD:
            raise NotEnoughData(f"Dataset has {count} cold start items, more than {MOST_COLD}.")


def cold_items(data: TrainingData, run: TrainingRun) -> NDArray[np.bool_]:
    """bool[items]: those with few interactions, all of them of late (R-66).

    Few is fewer than `cold_start_max_interactions`; of late is within `cold_start_max_duration` days before now, or
    before the first interaction of the item that came last (`cold_start_relative_from`).
    """
    counts = np.bincount(data.items, minlength=len(data.catalog))
    known = counts > 0
    first = np.full(len(data.catalog), np.iinfo(np.int64).max)
    np.minimum.at(first, data.items, data.timestamps)
    from_now = run.hyperparameters.get("cold_start_relative_from", "latestItem") == "currentTime"
    end = run.now if from_now else float(first[known].max(initial=0))
    span = number(run.hyperparameters, "cold_start_max_duration", 5.0) * DAY
    few = counts < number(run.hyperparameters, "cold_start_max_interactions", 15)
    recent: NDArray[np.bool_] = end - first.astype(np.float64) < span
    return known & few & recent


def hrnn_with_metadata() -> tuple[Hrnn, ...]:
    return (
        Hrnn("aws-hrnn-metadata", 43, reads_items=True),
        HrnnColdstart("aws-hrnn-coldstart", 149, reads_items=True),
    )
