"""Everything one emulator remembers, in one object that a reset replaces whole."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from personalize_emu.service.state.attribution_ledger import Ledger
from personalize_emu.service.state.column_indexes import ColumnIndexes
from personalize_emu.service.state.dataset_contents import DataMark, DatasetContents
from personalize_emu.service.state.event_identity import EventIds
from personalize_emu.service.state.metric_buffer import MetricBuffer
from personalize_emu.service.state.refresh_series import Series
from personalize_emu.service.state.tallies import Tallies
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.training_columns import KnownColumns
from personalize_emu.state.clock import Clock
from personalize_emu.state.jobs import Jobs
from personalize_emu.state.served_recommendations import GivenAnswers
from personalize_emu.state.store import Store


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
    """A place in the schedule of automatic training; only the one in the state's table counts.

    when: epoch seconds. unless_since: a version made by hand since then takes the place of this training; None
    but for the first of a schedule (R-SOL-8).
    """

    when: float
    unless_since: float | None = None


@dataclass(frozen=True)
class EmulatorState:
    """Records and jobs, the data of datasets by dataset ARN, and trained versions by version ARN.

    Work that was started in one state writes into that state only, so after a reset late results are lost
    instead of appearing in the next.
    """

    store: Store
    jobs: Jobs
    contents: dict[str, DatasetContents] = field(default_factory=dict)
    trained: dict[str, TrainedVersion] = field(default_factory=dict)
    known_columns: dict[str, KnownColumns] = field(default_factory=dict)
    """Of the datasets there were when a solution or recommender was made, by its ARN (D-97)."""
    trackers: dict[str, str] = field(default_factory=dict)
    """Tracking id to event tracker ARN."""
    event_schemas: dict[str, str] = field(default_factory=dict)
    """Dataset group ARN to the ARN of the schema that its first event tracker brought along."""
    stops: dict[str, threading.Event] = field(default_factory=dict)
    """Of trainings that have not ended, by ARN of their resource: set when one is asked to stop."""
    data_marks: dict[str, DataMark] = field(default_factory=dict)
    """What the interactions were when a version's training was asked for, by version ARN."""
    due_trainings: dict[str, DueTraining] = field(default_factory=dict)
    """The next automatic training of solutions and recommenders, by ARN."""
    series: dict[str, Series] = field(default_factory=dict)
    """Of models that are kept up with the data between their trainings, by ARN of version or recommender."""
    progress: dict[str, Progress] = field(default_factory=dict)
    """Of the jobs at work now, by ARN of their resource."""
    import_reports: dict[str, ImportReport] = field(default_factory=dict)
    """Of the import jobs that have read their files, by ARN."""
    event_ids: dict[str, EventIds] = field(default_factory=dict)
    """By dataset group ARN."""
    indexes: ColumnIndexes = field(default_factory=ColumnIndexes)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    """Of metric attributions that count, by ARN."""
    answers: GivenAnswers = field(default_factory=GivenAnswers)
    tallies: Tallies = field(default_factory=Tallies)
    metrics: MetricBuffer = field(default_factory=MetricBuffer)
    """The service's own, on their way to CloudWatch."""


def new_state(clock: Clock) -> EmulatorState:
    return EmulatorState(Store(), Jobs(clock))
