"""What a process and its children use, from /proc: memory, descriptors and threads."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PAGE = 4096


@dataclass(frozen=True)
class Sample:
    """seconds: since the calls began. resident: bytes of the process and its children. disk: bytes of the directory."""

    seconds: float
    resident: int
    descriptors: int
    threads: int
    disk: int


def sample(process: int, directory: Path, seconds: float) -> Sample:
    resident = sum(_resident(number) for number in (process, *children(process)))
    descriptors = len(list((PROC / str(process) / "fd").iterdir()))
    threads = len(list((PROC / str(process) / "task").iterdir()))
    return Sample(seconds, resident, descriptors, threads, size_of(directory))


def _resident(process: int) -> int:
    try:
        return int((PROC / str(process) / "statm").read_text().split()[1]) * PAGE
    except FileNotFoundError:
        # It has just ended.
        return 0


def children(process: int) -> list[int]:
    found = []
    for task in (PROC / str(process) / "task").iterdir():
        # Threads may end meanwhile.
        with suppress(FileNotFoundError):
            found += [int(number) for number in (task / "children").read_text().split()]
    return found


def size_of(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        # Files are removed meanwhile.
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


@dataclass(frozen=True)
class Use:
    """Medians of two windows of a run, each a tenth of it: the second tenth, and the last."""

    before: Sample
    after: Sample

    def faults(self) -> list[str]:
        """What has grown: memory by more than a fifth, descriptors or threads by more than come and go with jobs."""
        found = []
        if self.after.resident > 1.2 * self.before.resident:
            found.append(f"memory has grown from {self.before.resident:,} to {self.after.resident:,} bytes")
        for name in ("descriptors", "threads"):
            before, after = getattr(self.before, name), getattr(self.after, name)
            if after > before + SPARE:
                found.append(f"{name} have grown from {before} to {after}")
        return found


SPARE = 4
"""Descriptors and threads that jobs under way may have."""


def use_of(samples: Sequence[Sample], seconds: float) -> Use:
    """Raises ValueError: there are no samples of a window."""
    tenth = seconds / 10
    first = [each for each in samples if tenth <= each.seconds < 2 * tenth]
    last = [each for each in samples if each.seconds >= 9 * tenth]
    if not first or not last:
        raise ValueError("the run was too short to see anything")
    return Use(_median(first), _median(last))


def _median(samples: Sequence[Sample]) -> Sample:
    def of(value: Callable[[Sample], int]) -> int:
        return int(statistics.median(map(value, samples)))

    return Sample(
        samples[0].seconds,
        of(lambda each: each.resident),
        of(lambda each: each.descriptors),
        of(lambda each: each.threads),
        of(lambda each: each.disk),
    )
