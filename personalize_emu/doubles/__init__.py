"""Test doubles of one emulator: what tests declare instead of the behaviour of the service."""

from __future__ import annotations

from personalize_emu.doubles.answers.declared_answers import DeclaredAnswers
from personalize_emu.doubles.fault_files import FaultFile
from personalize_emu.doubles.faults import Faults
from personalize_emu.doubles.job_faults import JobFaults
from personalize_emu.doubles.recorded_calls import RecordedCalls
from personalize_emu.settings import Settings


class Doubles:
    """Owned by the emulator and replaced by each reset.

    Args:
        settings: of the emulator; the seed keys random choices.
        file: faults to declare.
    """

    def __init__(self, settings: Settings, file: FaultFile) -> None:
        self.answers = DeclaredAnswers(strict=settings.strict_answers)
        self.calls = RecordedCalls(settings.recorded_calls)
        self.faults = Faults(settings.seed)
        self.job_faults = JobFaults()
        for fault in file.faults:
            self.faults.add(fault)
        for job_fault in file.job_faults:
            self.job_faults.add(job_fault)

    def clear_faults(self) -> None:
        self.faults.clear()
        self.job_faults.clear()

    def close(self) -> None:
        """Let everything that waits for a fault go on; called after a reset and when the emulator is closed."""
        self.clear_faults()
