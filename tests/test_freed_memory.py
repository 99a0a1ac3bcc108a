"""Memory that long work has freed goes back to the system."""

from __future__ import annotations

import os
import subprocess

import pytest

from personalize_emu import freed_memory
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.jobs import Job, Jobs
from personalize_emu.state.lifecycle import Duration

BLOCK = 100_000
"""Bytes: less than what the C library maps for itself."""
MOST = 20
"""MB that may remain of 60."""


def resident() -> float:
    """MB of this process."""
    command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def work() -> bytearray:
    """Frees 60 MB below a block that stays."""
    freed = [bytearray(BLOCK) for _ in range(600)]
    kept = bytearray(BLOCK)
    freed.clear()
    return kept


def test_a_job_returns_what_it_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory, "LONG_WORK", 0)
    jobs, kept = Jobs(ManualClock()), list[bytearray]()
    before = resident()
    failures: list[str] = []
    jobs.start(Job("training", Duration(0, 0), lambda: True, work, kept.append, failures.append))
    assert (len(kept), failures) == (1, [])
    assert resident() - before < MOST
    jobs.close()


def test_failing_work_raises_its_error() -> None:
    def fail() -> None:
        raise ValueError("too few rows")

    with pytest.raises(ValueError, match="too few rows"):
        freed_memory.returning_memory(fail)
