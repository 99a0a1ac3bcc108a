"""The controls of an emulator in this process: faults, declared answers and recorded calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalize_emu.doubles import Doubles
from personalize_emu.doubles.answers.declared_answers import AnswerHandle
from personalize_emu.doubles.controls import Controls
from personalize_emu.doubles.faults import DeclaredRequestFault, request_fault
from personalize_emu.doubles.job_faults import DeclaredJobFault, job_fault
from personalize_emu.doubles.recorded_calls import RecordedCall


class InProcessControls(Controls):
    """What needs only the doubles; those who own them declare answers and deployments, which need the state."""

    doubles: Doubles

    def fail(
        self,
        operation: str,
        error: str | None = None,
        *,
        message: str | None = None,
        status: int | None = None,
        times: int | None = None,
        probability: float | None = None,
        latency: str | float | None = None,
        drop: bool = False,
        wrong_json: bool = False,
        where: Mapping[str, Any] | None = None,
        arn: str | None = None,
    ) -> DeclaredRequestFault:
        """Declare a fault of requests: `emulator.fail("PutEvents", "ThrottlingException", times=2)`.

        Args:
            operation: its name, or `*` for all.
            error: the code of a modelled error or of one common to AWS services, with its status and text unless
                `status` and `message` are given; with a status any code.
            times: how many requests are hit; by default all until the fault is removed.
            probability: that a matching request is hit; the draws depend on the seed only.
            latency: of the answer, in real time, such as `250ms`; alone or with other effects.
            drop: close the connection without an answer.
            wrong_json: cut off the body of the answer.
            where: members that the request must have; in objects and lists, at least the given ones.
            arn: must occur in the request.

        Raises:
            ValueError: the message says what is accepted.
        """
        given = {
            **{"operation": operation, "error": error, "message": message, "status": status, "times": times},
            **{"probability": probability, "latency": latency, "drop": drop, "wrongJson": wrong_json},
            **{"where": where, "arn": arn},
        }
        return self.doubles.faults.add(request_fault(given))

    def faults(self) -> list[DeclaredRequestFault]:
        """The faults of requests that have not been removed, with their hits, oldest first."""
        return self.doubles.faults.listed()

    def fail_job(
        self,
        kind: str,
        reason: str | None = None,
        *,
        hang: bool = False,
        times: int | str | None = None,
        name: str | None = None,
        arn: str | None = None,
    ) -> DeclaredJobFault:
        """Declare a fault of jobs: `emulator.fail_job("solution-version", "No space left")`.

        Args:
            kind: of the resource to create, such as `dataset-import-job`, or with `-update` of one to update.
            reason: the job ends in CREATE FAILED with this failure reason.
            hang: instead, the job stays CREATE IN_PROGRESS until the fault is removed, and then goes on.
            times: how many jobs are hit; by default one, `all` for every one.
            name: of the resource. arn: of the resource, or of one that it is created in or from.

        Raises:
            ValueError: the message says what is accepted.
        """
        given = {"kind": kind, "reason": reason, "hang": hang, "times": times, "name": name, "arn": arn}
        return self.doubles.job_faults.add(job_fault(given))

    def job_faults(self) -> list[DeclaredJobFault]:
        """The faults of jobs that have not been removed, with their hits, oldest first."""
        return self.doubles.job_faults.listed()

    def clear_faults(self) -> None:
        """Remove all faults, also of jobs. Answers that they delay in this process are given, jobs that hang go on."""
        self.doubles.clear_faults()

    def strict_answers(self, on: bool = True) -> None:
        self.doubles.answers.strict = on

    def answers(self) -> list[AnswerHandle]:
        return self.doubles.answers.listed()

    def clear_answers(self) -> None:
        self.doubles.answers.clear()

    def calls(self, operation: str | None = None) -> list[RecordedCall]:
        return self.doubles.calls.calls(operation)

    def clear_calls(self) -> None:
        self.doubles.calls.clear()
