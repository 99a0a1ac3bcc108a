"""Entries: what belongs to a resource beside the members of its record, one class for each kind that needs one.

The store makes an entry with the record and drops it with the record (state/store.py). Fields are replaced whole, so
readers take no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from personalize_emu.service.state.attribution_ledger import Ledger
from personalize_emu.service.state.dataset_contents import DatasetContents, DataVersion, EventIds
from personalize_emu.service.state.trained_version import LastRefresh, TrainedVersion
from personalize_emu.service.state.training_selection import KnownColumns
from personalize_emu.state.clock import Clock
from personalize_emu.state.lifecycle import FAILED, UPDATE_FAILED
from personalize_emu.state.resources import Stateful
from personalize_emu.state.store import Table
from personalize_emu.state.throughput import TokenBucket

MOST_LOG_LINES = 200
"""Of one resource; older ones are dropped."""


def counted(number: int, word: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


FAILED_STATES = FAILED | {UPDATE_FAILED, "FAILED"}
LogLevel = Literal["info", "warning", "error"]


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

    locked: what reads the data of a group that have not been decrypted since the start, by the ARN of the group; raises
    KeyUnavailable. retry_at: when that is tried again after it has failed, in seconds of `time.monotonic`.
    """

    in_use: bool = False
    locked: dict[str, Callable[[], None]] = field(default_factory=dict)
    retry_at: dict[str, float] = field(default_factory=dict)


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


@dataclass(frozen=True)
class LogLine:
    """time: epoch seconds of the emulator's clock."""

    time: float
    level: LogLevel
    text: str


@dataclass(eq=False)
class LogEntry:
    """The newest lines about one resource with a status. stage: the last one that was reported.

    states: last known status and its time, of the resource itself (empty name) and of its updates.
    """

    lines: list[LogLine] = field(default_factory=list)
    stage: str = ""
    states: dict[str, tuple[str, float]] = field(default_factory=dict)


class JobLogs:
    """What jobs have done, by the ARN of their resource. Any thread may call any method.

    Lines are of the run of the emulator: they are not kept in a data directory.
    """

    def __init__(self, clock: Clock, entries: Table[LogEntry]) -> None:
        self._clock = clock
        self._entries = entries

    def of(self, arn: str) -> tuple[LogLine, ...] | None:
        """Oldest first; None if no resource with a status has the ARN."""
        entry = self._entries.get(arn)
        return None if entry is None else tuple(entry.lines)

    def add(self, arn: str, text: str, level: LogLevel = "info") -> None:
        """Lines about a resource that does not exist are dropped."""
        entry = self._entries.get(arn)
        if entry is not None:
            _append(entry, LogLine(self._clock.now(), level, text))

    def report(self, arn: str, stage: str, share: float) -> None:
        """A line for each new stage of the work. share: of all the work, from 0 to 1."""
        entry = self._entries.get(arn)
        if entry is not None and entry.stage != stage:
            entry.stage = stage
            _append(entry, LogLine(self._clock.now(), "info", f"{stage} ({100 * share:.0f} %)"))

    def follow(self, record: Stateful) -> None:
        """A line for each status that is new. Called by the store with every new and every changed record."""
        entry = self._entries.get(record.arn)
        if entry is None:
            return
        for what, status, reason, when in _states(record):
            before = entry.states.get(what)
            if before is None or before[0] != status:
                entry.states[what] = (status, when)
                entry.stage = ""
                text = f"{what}{status}{_duration(before, when)}{f': {reason}' if reason else ''}"
                _append(entry, LogLine(when, "error" if status in FAILED_STATES else "info", text))


def _append(entry: LogEntry, line: LogLine) -> None:
    entry.lines.append(line)
    del entry.lines[:-MOST_LOG_LINES]


def _states(record: Stateful) -> Iterator[tuple[str, str, str | None, float]]:
    """Prefix of the line, status, failure reason and time."""
    yield "", record.status, record.failure_reason, record.last_updated_date_time
    for kind in ("campaign", "recommender", "solution", "dataset"):
        update: Mapping[str, Any] | None = getattr(record, f"latest_{kind}_update", None)
        if update is not None and "status" in update:
            when = float(update.get("lastUpdatedDateTime", record.last_updated_date_time))
            yield "update: ", str(update["status"]), update.get("failureReason"), when


def _duration(before: tuple[str, float] | None, when: float) -> str:
    return "" if before is None else f", {max(0.0, when - before[1]):.1f} s after {before[0]}"
