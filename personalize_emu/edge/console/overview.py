"""The tree of dataset groups with what belongs to them, and the newest calls."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from personalize_emu.doubles.recorded_calls import RecordedCall
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.entries import ImportReport, Progress
from personalize_emu.state.lifecycle import FAILED, UPDATE_FAILED
from personalize_emu.state.resources import (
    BatchInferenceJob,
    BatchSegmentJob,
    Campaign,
    DataDeletionJob,
    Dataset,
    DatasetExportJob,
    DatasetGroup,
    DatasetImportJob,
    EventTracker,
    Filter,
    MetricAttribution,
    Recommender,
    Resource,
    Schema,
    Solution,
    SolutionVersion,
)

PARENTS: Mapping[type[Resource], str] = {
    Dataset: "dataset_group_arn",
    DatasetImportJob: "dataset_arn",
    DatasetExportJob: "dataset_arn",
    Solution: "dataset_group_arn",
    SolutionVersion: "solution_arn",
    Campaign: "solution_version_arn",
    BatchInferenceJob: "solution_version_arn",
    BatchSegmentJob: "solution_version_arn",
    Recommender: "dataset_group_arn",
    Filter: "dataset_group_arn",
    EventTracker: "dataset_group_arn",
    MetricAttribution: "dataset_group_arn",
    DataDeletionJob: "dataset_group_arn",
}
"""Kind to the field with the ARN of the resource that it is shown below; kinds in the order in which they are shown."""
MOST_CHILDREN = 8
"""Of one kind below one resource; older ones are counted only."""
MOST_CALLS = 25
LONGEST_PARAMS = 160
FAILED_STATES = FAILED | {UPDATE_FAILED, "FAILED"}
SETTLED_STATES = FAILED_STATES | {"ACTIVE", "INACTIVE", "COMPLETED", ""}
LATEST = "/$LATEST"


@dataclass(frozen=True)
class Node:
    """One resource in the tree. reasons: why it failed, rows left out and warnings. older: children not shown.

    answers: whether it is a campaign or recommender with a trained model.
    """

    kind: str
    name: str
    arn: str
    status: str
    reasons: tuple[str, ...]
    progress: Progress | None
    detail: str
    children: tuple[Node, ...]
    older: int
    answers: bool

    @property
    def tone(self) -> str:
        """Of the status: failed, running or settled."""
        if self.status in FAILED_STATES:
            return "failed"
        return "settled" if self.status in SETTLED_STATES else "running"

    @property
    def percent(self) -> int:
        return round(100 * self.progress.share) if self.progress else 0


@dataclass(frozen=True)
class Tree:
    """groups: newest first. others: what belongs to no dataset group, such as declared campaigns."""

    groups: tuple[Node, ...]
    others: tuple[Node, ...]
    running: int
    failed: int

    @property
    def fingerprint(self) -> str:
        return fingerprint_of((self.groups, self.others))


@dataclass(frozen=True)
class Call:
    """One call as shown. outcome: `200`, or the error and its message."""

    time: str
    operation: str
    status: int
    region: str
    params: str
    outcome: str


@dataclass(frozen=True)
class Calls:
    """newest: first the newest one. recorded: whether calls are kept at all."""

    newest: tuple[Call, ...]
    recorded: bool

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.newest)


def fingerprint_of(shown: object) -> str:
    """Differs when anything that is shown does."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def moment(seconds: float) -> str:
    """seconds: since the epoch. `2026-03-01 12:00:05`, in UTC; as a number where no calendar has such a year."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s"


def tree(emulator: Emulator) -> Tree:
    """What there is now, in all accounts and regions."""
    return _TreeOf(emulator).tree()


def newest_calls(emulator: Emulator) -> Calls:
    """The newest MOST_CALLS calls."""
    recorded = emulator.doubles.calls
    return Calls(tuple(_call(each) for each in reversed(recorded.newest(MOST_CALLS))), recorded.most > 0)


def _call(call: RecordedCall) -> Call:
    params = json.dumps(call.params, ensure_ascii=False)
    cut = params if len(params) <= LONGEST_PARAMS else params[:LONGEST_PARAMS] + " …"
    outcome = f"{call.status} {call.error or ''} {call.message or ''}".rstrip()
    return Call(moment(call.time), call.operation, call.status, call.region, cut, outcome)


class _TreeOf:
    """Makes the tree from records that other threads may add to."""

    def __init__(self, emulator: Emulator) -> None:
        self.state = emulator.state
        self.running = self.state.running()
        records = [each for each in self.state.store.records() if not isinstance(each, Schema)]
        self.arns = {record.arn for record in records}
        self.below: defaultdict[str, list[Resource]] = defaultdict(list)
        self.groups: list[Resource] = []
        self.others: list[Resource] = []
        for record in records:
            if isinstance(record, DatasetGroup):
                self.groups.append(record)
            else:
                self._place(record)

    def tree(self) -> Tree:
        groups, others = (tuple(self._nodes(each)) for each in (reversed(self.groups), self.others))
        tones = [node.tone for node in _all((*groups, *others))]
        return Tree(groups, others, tones.count("running"), tones.count("failed"))

    def _place(self, record: Resource) -> None:
        parent = str(getattr(record, PARENTS[type(record)]))
        if parent not in self.arns:
            parent = parent.removesuffix(LATEST)
        if parent in self.arns:
            self.below[parent].append(record)
        else:
            self.others.append(record)

    def _nodes(self, records: Iterable[Resource]) -> Iterable[Node]:
        return (self._node(record) for record in records)

    def _node(self, record: Resource) -> Node:
        by_kind: defaultdict[type[Resource], list[Resource]] = defaultdict(list)
        for child in self.below[record.arn]:
            by_kind[type(child)].append(child)
        shown = [child for kind in PARENTS for child in by_kind[kind][: -MOST_CHILDREN - 1 : -1]]
        return Node(
            kind=record.kind.replace("-", " "),
            name=str(getattr(record, "name", None) or getattr(record, "job_name", record.arn)),
            arn=record.arn,
            status=str(getattr(record, "status", "")),
            reasons=self._reasons(record),
            progress=self.running.get(record.arn),
            detail=_detail(record),
            children=tuple(self._nodes(shown)),
            older=len(self.below[record.arn]) - len(shown),
            answers=self._answers(record),
        )

    def _answers(self, record: Resource) -> bool:
        if isinstance(record, Campaign):
            return self.state.trained(record.solution_version_arn) is not None
        return isinstance(record, Recommender) and self.state.trained(record.arn) is not None

    def _reasons(self, record: Resource) -> tuple[str, ...]:
        failure = getattr(record, "failure_reason", None)
        updates = [getattr(record, f"latest_{kind}_update", None) for kind in ("campaign", "recommender", "solution")]
        reasons = [update["failureReason"] for update in updates if update and update.get("failureReason")]
        return (*((failure,) if failure else ()), *reasons, *_report_lines(self._report(record)))

    def _report(self, record: Resource) -> ImportReport | None:
        entry = self.state.import_jobs.get(record.arn)
        return None if entry is None else entry.report


def _report_lines(report: ImportReport | None) -> tuple[str, ...]:
    if report is None:
        return ()
    left_out = f"{report.left_out:,} of {report.rows:,} rows left out"
    reasons = "; ".join(report.reasons[:3])
    return (*((f"{left_out}: {reasons}",) if report.left_out else ()), *report.warnings)


def _detail(record: Resource) -> str:
    """What tells resources of a kind apart, beside the name."""
    match record:
        case Dataset():
            return record.dataset_type.replace("_", " ").capitalize()
        case DatasetGroup():
            return record.domain or "custom"
        case Solution() | SolutionVersion() | Recommender():
            return (record.recipe_arn or "AutoML").rpartition("/")[2]
        case Filter():
            return record.filter_expression
        case EventTracker():
            return record.tracking_id
        case _:
            return ""


def _all(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        yield from _all(node.children)
