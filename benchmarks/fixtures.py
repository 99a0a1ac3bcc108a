"""What the fixtures for tests take: for the first test of a process, and for each test after it."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.report import show
from personalize_emu import mock_personalize

TESTS = 10
ROWS, USERS, ITEMS = 2_000, 100, 80


class Times:
    """Milliseconds of processor time of each step, test by test."""

    def __init__(self) -> None:
        self._steps: dict[str, list[float]] = {}

    def measure(self, step: str, action: Callable[[], object]) -> None:
        began = time.process_time()
        action()
        self._steps.setdefault(step, []).append(1000 * (time.process_time() - began))

    def rows(self) -> list[list[str]]:
        """Of the first test, and median and maximum of all others."""
        return [
            [step, f"{first:.0f}", f"{statistics.median(later):.1f}", f"{max(later):.1f}"]
            for step, (first, *later) in self._steps.items()
        ]


def interactions() -> list[tuple[str, str, int]]:
    chance = random.Random(1)
    return [
        (f"user-{chance.randrange(USERS)}", f"item-{chance.randrange(ITEMS)}", 1_700_000_000 + 60 * number)
        for number in range(ROWS)
    ]


def main() -> int:
    times, rows = Times(), interactions()
    for _ in range(TESTS):
        mock = mock_personalize()
        times.measure("personalize_emu, set up", mock.start)
        from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns

        times.measure(f"trained_campaign of {ROWS:,} rows", lambda: TrainedCampaigns()(rows))
        times.measure("personalize_emu, torn down", mock.stop)
    for _ in range(TESTS):
        with mock_personalize() as emulator:
            TrainedCampaigns()(rows)
            times.measure("emulator.reset()", emulator.reset)
    from moto import mock_aws

    for _ in range(TESTS):
        mocked = mock_aws()
        times.measure("moto: mock_aws, set up", mocked.start)
        times.measure("moto: mock_aws, torn down", mocked.stop)
    title = f"Fixtures, milliseconds of processor time, {TESTS} tests in one process"
    show(title, ["what", "first test", "later tests, median", "slowest"], times.rows())
    return 0


if __name__ == "__main__":
    sys.exit(main())
