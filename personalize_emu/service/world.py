"""Everything one emulator remembers, in one object that a reset replaces whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from personalize_emu.service.contents import DatasetContents
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.state.clock import Clock
from personalize_emu.state.jobs import Jobs
from personalize_emu.state.store import Store


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


def new_world(clock: Clock) -> World:
    return World(Store(), Jobs(clock))
