"""Creation times of items, stated or inferred (R-42, D-121)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import TrainingData


def creation_times(data: TrainingData) -> NDArray[np.int64]:
    """int64[items], epoch seconds: as stated, else the oldest interaction with the item, else the newest of all.

    So an item that nothing is known of counts as new. Without any interaction such an item was created at 0.
    """
    newest = int(data.timestamps.max(initial=0))
    times = np.full(len(data.catalog), np.iinfo(np.int64).max)
    np.minimum.at(times, data.items, data.timestamps)
    times[times == np.iinfo(np.int64).max] = newest
    if data.stated_creation is None:
        return times
    return np.where(data.stated_creation >= 0, data.stated_creation, times)
