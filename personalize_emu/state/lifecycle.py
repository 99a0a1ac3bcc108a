"""Lifecycles of resources as data: sequences of states and their durations.

Statuses have a blank before the second word and an underscore in IN_PROGRESS (R-GEN-8).
"""

from __future__ import annotations

from dataclasses import dataclass

from personalize_emu.settings import Settings

CREATE_PENDING = "CREATE PENDING"
CREATE_IN_PROGRESS = "CREATE IN_PROGRESS"
CREATE_FAILED = "CREATE FAILED"
CREATE_STOPPING = "CREATE STOPPING"
CREATE_STOPPED = "CREATE STOPPED"
ACTIVE = "ACTIVE"
STOP_PENDING = "STOP PENDING"
STOP_IN_PROGRESS = "STOP IN_PROGRESS"
INACTIVE = "INACTIVE"
START_PENDING = "START PENDING"
START_IN_PROGRESS = "START IN_PROGRESS"
UPDATE_PENDING = "UPDATE PENDING"
UPDATE_IN_PROGRESS = "UPDATE IN_PROGRESS"
UPDATE_FAILED = "UPDATE FAILED"
DELETE_PENDING = "DELETE PENDING"
DELETE_IN_PROGRESS = "DELETE IN_PROGRESS"

CREATING = frozenset({CREATE_PENDING, CREATE_IN_PROGRESS})
UPDATING = frozenset({UPDATE_PENDING, UPDATE_IN_PROGRESS})
DELETING = frozenset({DELETE_PENDING, DELETE_IN_PROGRESS})
FAILED = frozenset({CREATE_FAILED, CREATE_STOPPED})
DELETABLE = frozenset({ACTIVE, INACTIVE, CREATE_FAILED, CREATE_STOPPED})
"""States in which no operation is in progress and a resource may be deleted (R-GEN-14)."""


@dataclass(frozen=True)
class Course:
    """The states of an operation that takes time."""

    pending: str
    in_progress: str
    done: str
    failed: str

    @property
    def under_way(self) -> frozenset[str]:
        return frozenset({self.pending, self.in_progress})


_CREATION = Course(CREATE_PENDING, CREATE_IN_PROGRESS, ACTIVE, CREATE_FAILED)
DATA_DELETION = Course("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED")
"""Data deletion jobs have their own statuses (R-DDJ-3)."""


def course_of(kind: str) -> Course:
    """The states of the creation of a resource."""
    return DATA_DELETION if kind == "data-deletion-job" else _CREATION


@dataclass(frozen=True)
class Duration:
    """Minimum seconds a resource is pending and in progress; slow work may take longer."""

    waiting: float
    working: float


# Recorded durations of the service (R-GEN-19), in seconds; [E] where none is recorded.
_REAL_CREATION = {
    "dataset-group": Duration(15, 30),
    "dataset": Duration(5, 20),
    "dataset-import-job": Duration(30, 500),
    "dataset-export-job": Duration(30, 300),
    "data-deletion-job": Duration(60, 1800),
    "event-tracker": Duration(5, 20),
    "solution": Duration(5, 20),
    "filter": Duration(5, 20),
    "solution-version": Duration(60, 2400),
    "campaign": Duration(30, 480),
    "recommender": Duration(60, 2400),
    "metric-attribution": Duration(5, 20),
    "batch-inference-job": Duration(60, 1200),
    "batch-segment-job": Duration(60, 1200),
}
_REAL_DATASET_UPDATE = Duration(10, 110)
_REAL_DELETION = Duration(10, 50)
_REAL_STOPPING = Duration(0, 60)
_REAL_SWITCHING = Duration(10, 110)
_FAST = Duration(0.1, 0.1)
_INSTANT = Duration(0, 0)


def creation_duration(settings: Settings, kind: str) -> Duration:
    """Duration of the creation of a resource."""
    return _paced(settings, _REAL_CREATION[kind])


def dataset_update_duration(settings: Settings) -> Duration:
    """Duration of UpdateDataset (D-98)."""
    return _paced(settings, _REAL_DATASET_UPDATE)


def deletion_duration(settings: Settings) -> Duration:
    return _paced(settings, _REAL_DELETION)


def stopping_duration(settings: Settings) -> Duration:
    """Minimum duration of the state CREATE STOPPING."""
    return _paced(settings, _REAL_STOPPING)


def switching_duration(settings: Settings) -> Duration:
    """Duration of starting or stopping a recommender."""
    return _paced(settings, _REAL_SWITCHING)


def publication_delay(settings: Settings, now: float, window: float) -> Duration:
    """How long measurements are gathered before they are sent: with the pace `real` to the end of a window."""
    if settings.pace == "real":
        return Duration(window - now % window, 0)
    return _INSTANT if settings.pace == "instant" else Duration(1, 0)


def measurement_delay(settings: Settings, now: float, window: float) -> float:
    """Seconds for which the service's own measurements are gathered: with the pace `real` to the end of a window."""
    return window - now % window if settings.pace == "real" else 1.0


def _paced(settings: Settings, real: Duration) -> Duration:
    if settings.pace == "instant":
        return _INSTANT
    if settings.pace == "fast":
        return _FAST
    scale = settings.real_pace_scale
    return Duration(real.waiting * scale, real.working * scale)
