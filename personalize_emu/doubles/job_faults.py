"""Faults of jobs: the next jobs of a kind fail with a reason, or stay in progress."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from personalize_emu.doubles.fault_list import DeclaredFault, FaultList
from personalize_emu.doubles.members import Members
from personalize_emu.service.state.job_outcomes import JobOutcome
from personalize_emu.state.job_holds import JobHold
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
    Solution,
    SolutionVersion,
)

_CREATED: tuple[type[Resource], ...] = (
    DatasetGroup,
    Dataset,
    DatasetImportJob,
    DatasetExportJob,
    DataDeletionJob,
    EventTracker,
    Filter,
    SolutionVersion,
    Campaign,
    Recommender,
    MetricAttribution,
    BatchInferenceJob,
    BatchSegmentJob,
)
_UPDATED: tuple[type[Resource], ...] = (Dataset, Solution, Campaign, Recommender)
KINDS: tuple[str, ...] = (*(each.kind for each in _CREATED), *(f"{each.kind}-update" for each in _UPDATED))
"""A solution is ACTIVE at once, so only its updates are jobs."""
DEFAULT_REASON = "A declared fault failed this job."


@dataclass(frozen=True, kw_only=True)
class JobFault:
    """What happens to which jobs.

    kind: one of KINDS. reason: the failure reason. hang: the job stays in progress until the fault is removed, and then
    goes on; it does not fail. times: how many jobs; None for all. name, arn: of the resource, or the ARN of one that it
    belongs to; empty for any.
    """

    kind: str
    reason: str = DEFAULT_REASON
    hang: bool = False
    times: int | None = 1
    name: str = ""
    arn: str = ""

    def matches(self, kind: str, record: Resource) -> bool:
        if kind != self.kind:
            return False
        values = {field.name: getattr(record, field.name) for field in fields(record)}
        if self.name and self.name not in (values.get("name"), values.get("job_name")):
            return False
        return not self.arn or any(value == self.arn for name, value in values.items() if name.endswith("_arn"))

    def members(self) -> dict[str, Any]:
        shown = {
            "kind": self.kind,
            "reason": "" if self.hang else self.reason,
            "hang": self.hang,
            "times": self.times or "all",
            "name": self.name,
            "arn": self.arn,
        }
        return {name: value for name, value in shown.items() if value}


DeclaredJobFault = DeclaredFault[JobFault]


def job_fault(given: Mapping[str, Any]) -> JobFault:
    """A fault from JSON members, with the names of `JobFault.members`; None means not given.

    Raises:
        ValueError: the message says what is accepted.
    """
    members = Members("a job fault", given)
    times = members.value("times", 1)
    fault = JobFault(
        kind=kind_of(members.text("kind")),
        reason=members.text("reason", "") or DEFAULT_REASON,
        hang=members.truth("hang"),
        times=None if times == "all" else members.whole("times", 1, 1_000_000_000) or 1,
        name=members.text("name", ""),
        arn=members.text("arn", ""),
    )
    members.refuse_others()
    if fault.hang and given.get("reason") is not None:
        raise ValueError("a job that hangs does not fail: give hang or a reason")
    return fault


def kind_of(text: str) -> str:
    """The kind that is meant by `solution-version`, `SolutionVersion`, `solution version` or `import`.

    Raises:
        ValueError: none; the message names those there are.
    """
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s_]+", "-", text.strip()).lower()
    for kind in (plain, f"{plain}-job", f"dataset-{plain}-job"):
        if kind in KINDS:
            return kind
    similar = get_close_matches(plain, KINDS, 1)
    hint = f"did you mean {similar[0]}? " if similar else ""
    raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {text!r:.200}. {hint}".strip())


class JobFaults(FaultList[JobFault]):
    """The faults of jobs of one emulator."""

    def __init__(self) -> None:
        super().__init__()
        self._holds: dict[int, JobHold] = {}

    def outcome_of(self, kind: str, record: Resource) -> JobOutcome | None:
        """Choose and count the fault of a job that starts: the oldest that matches. None if there is none."""
        if not self.active:
            return None
        with self.lock:
            for declared in self.active:
                fault = declared.fault
                if fault.matches(kind, record):
                    self.count(declared)
                    if fault.hang:
                        return JobOutcome(hold=self._holds.setdefault(declared.number, JobHold()))
                    return JobOutcome(fault.reason)
            return None

    def removed(self, faults: list[DeclaredJobFault]) -> None:
        """Jobs that hang go on."""
        with self.lock:
            holds = [self._holds.pop(each.number, None) for each in faults]
        for hold in holds:
            if hold is not None:
                hold.release()
