"""Outcomes of jobs that are chosen from outside, instead of what their work gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from personalize_emu.state.job_holds import JobHold
from personalize_emu.state.jobs import Job, JobFailed
from personalize_emu.state.resources import Resource


@dataclass(frozen=True)
class JobOutcome:
    """reason: the job fails with it; None if it ends as its work does. hold: keeps it in progress until released."""

    reason: str | None = None
    hold: JobHold | None = None

    def applied(self, job: Job[Any]) -> Job[Any]:
        work = job.work if self.reason is None else partial(_fail, self.reason)
        return replace(job, work=work, hold=self.hold)


ChooseOutcome = Callable[[str, Resource], JobOutcome | None]
"""Given the kind of a job and its resource when the job starts; None for the outcome of its work. Kinds are those of
resources, and with the suffix `-update` updates of resources."""


def own_outcome(_kind: str, _record: Resource) -> None:
    """Every job ends as its work does."""


def _fail(reason: str) -> NoReturn:
    raise JobFailed(reason)
