"""Entries: what belongs to a resource beside the members of its record, one class for each kind that needs one.

The store makes an entry with the record and drops it with the record (state/store.py). Fields are replaced whole, so
readers take no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from personalize_emu.service.state.attribution_ledger import Ledger
from personalize_emu.service.state.dataset_contents import DatasetContents, DataVersion, EventIds
from personalize_emu.service.state.trained_version import LastRefresh, TrainedVersion
from personalize_emu.service.state.training_selection import KnownColumns
from personalize_emu.state.throughput import TokenBucket


@dataclass(frozen=True)
class Progress:
    """How far a running job is: the name of its stage and the share of all its work, from 0 to 1."""

    stage: str
    share: float


@dataclass(frozen=True)
class ImportReport:
    """rows: all that the files of an import had. left_out: of them, those that do not conform to the schema (D-58).

    reasons: why, for the first of them. warnings: what is accepted and yet most likely wrong.
    """

    rows: int
    left_out: int
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class DueTraining:
    """A place in the schedule of automatic training; only the one in the entry of its resource counts.

    when: epoch seconds. unless_since: a version made by hand since then takes the place of this training; None
    but for the first of a schedule (R-SOL-8).
    """

    when: float
    unless_since: float | None = None


@dataclass(frozen=True)
class GroupKey:
    """The data key of a dataset group with a KMS key.

    key_arn: of the KMS key. wrapped: as KMS has encrypted the data key. plain: None after a restart, until KMS has
    decrypted it.
    """

    key_arn: str
    wrapped: bytes
    plain: bytes | None = field(repr=False)


@dataclass(eq=False)
class GroupKeys:
    """in_use: whether any group has a key, so that all others cost nothing.

    locked: what reads the data of a group that could not be decrypted at the start, by the ARN of the group.
    """

    in_use: bool = False
    locked: dict[str, Callable[[], None]] = field(default_factory=dict)


@dataclass(eq=False)
class GroupEntry:
    """Of a dataset group.

    event_schema_arn: the schema that its first event tracker brought along. rates: by operation, with the option
    `capacity`. key: None unless it was made with a KMS key that exists.
    """

    key: GroupKey | None = None

    event_ids: EventIds = field(default_factory=EventIds)
    event_schema_arn: str = ""
    rates: dict[str, TokenBucket] = field(default_factory=dict)


@dataclass(eq=False)
class DatasetEntry:
    """contents: None until the dataset is ACTIVE."""

    contents: DatasetContents | None = None

    @property
    def held(self) -> DatasetContents:
        """The contents of a dataset that is ACTIVE, or was."""
        assert self.contents is not None
        return self.contents


@dataclass(eq=False)
class ImportJobEntry:
    """report: None until the files are read."""

    report: ImportReport | None = None


@dataclass(eq=False)
class JobEntry:
    """Of what takes long: batch jobs and trainings. progress: None while no work is done. stop: set to end it early."""

    progress: Progress | None = None
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class ModelEntry(JobEntry):
    """Of a solution version or recommender.

    trained: what it answers from; None until the first training has succeeded. refresh: how its model follows the
    data; None for models that only a training changes. data_version: of the interactions when training was asked for.
    """

    trained: TrainedVersion | None = None
    refresh: LastRefresh | None = None
    data_version: DataVersion | None = None

    @property
    def served(self) -> TrainedVersion:
        """What it answers from, once a training has succeeded."""
        assert self.trained is not None
        return self.trained


@dataclass(eq=False)
class TrainableEntry:
    """Of a solution or recommender.

    known_columns: of the datasets there were when it was made (D-97). due_training: the next automatic one.
    """

    known_columns: KnownColumns | None = None
    due_training: DueTraining | None = None


@dataclass(eq=False)
class RecommenderEntry(ModelEntry, TrainableEntry):
    """A recommender is trained and answers in one."""


@dataclass(eq=False)
class RestartEntry:
    """Of a job that is begun again after a restart of the emulator.

    times: how often it had to be, since it was created. log_length: of an import, how many individual records there
    were when its first attempt began; None before that.
    """

    times: int = 0
    log_length: int | None = None


@dataclass(eq=False)
class AttributionEntry:
    """Of a metric attribution. ledger: what it has counted; None while it does not count."""

    ledger: Ledger | None = None
