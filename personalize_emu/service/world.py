"""Everything one emulator remembers, in one object that a reset replaces whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from personalize_emu.service.contents import DatasetContents
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.state.clock import Clock
from personalize_emu.state.jobs import Jobs
from personalize_emu.state.store import Store


@dataclass(frozen=True)
class Progress:
    """How far a running job is: the name of its stage and the share of all its work, from 0 to 1."""

    stage: str
    share: float


@dataclass(frozen=True)
class World:
    """Records and jobs, the data of datasets by dataset ARN, and trained versions by version ARN.

    Work that was started in one world writes into that world only, so after a reset late results are lost
    instead of appearing in the next.
    """

    store: Store
    jobs: Jobs
    contents: dict[str, DatasetContents] = field(default_factory=dict)
    trained: dict[str, TrainedVersion] = field(default_factory=dict)
    trackers: dict[str, str] = field(default_factory=dict)
    """Tracking id to event tracker ARN."""
    progress: dict[str, Progress] = field(default_factory=dict)
    """Of the jobs at work now, by ARN of their resource."""


def new_world(clock: Clock) -> World:
    return World(Store(), Jobs(clock))
