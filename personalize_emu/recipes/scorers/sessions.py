"""Sessions, cut by a time scale that follows from how long the data reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.interactions import Interactions

SCALES = 6.0
"""Time scales in the time that the middle 98 % of the interactions span."""
SESSIONS = 8
"""Sessions in a time scale."""

DAY, LONGEST_MEAN, SHORT_SHARE = 86_400, 20.0, 0.9


def users_are_sessions(interactions: Interactions) -> bool:
    """Whether every user is one session: few interactions, of nearly everybody within a day."""
    lengths = interactions.lengths
    several = np.flatnonzero(lengths >= 2)
    if not len(several) or lengths[several].mean() > LONGEST_MEAN:
        return False
    first, last = interactions.offsets[several], interactions.offsets[several + 1] - 1
    return bool((interactions.timestamps[last] - interactions.timestamps[first] < DAY).mean() > SHORT_SHARE)


def in_sessions(interactions: Interactions, origin: int, scale: float) -> Interactions:
    """The same interactions, every session a user: what one user did in one bucket of time."""
    bucket = ((interactions.timestamps - origin) / scale * SESSIONS).astype(np.int64)
    begins = np.ones(len(interactions), np.bool_)
    begins[1:] = (np.diff(interactions.users) != 0) | (np.diff(bucket) != 0)
    offsets = np.append(np.flatnonzero(begins), len(interactions)).astype(np.int64)
    return replace(interactions, users=(np.cumsum(begins) - 1).astype(np.int32), offsets=offsets)


def time_scale(timestamps: NDArray[np.int64]) -> tuple[int, float]:
    """(earliest time, time scale), in seconds."""
    if not len(timestamps):
        return 0, 1.0
    low, high = np.quantile(timestamps, (0.01, 0.99))
    return int(timestamps.min()), max(1.0, float(high - low) / SCALES)


def newest_times(timestamps: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """int64[histories]: of each the newest timestamp, 0 for an empty one."""
    return np.array([int(times[-1]) if len(times) else 0 for times in timestamps], np.int64)
