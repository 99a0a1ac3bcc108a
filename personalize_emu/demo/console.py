"""Console output of the demo: numbered steps, tables, and progress bars."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from tqdm import tqdm

POLL_SECONDS = 0.05


class Console:
    """Writes to `out`; progress bars are shown only if `out` is a terminal."""

    def __init__(self, out: TextIO, steps: int) -> None:
        self.out = out
        self._steps = steps
        self._step = 0
        self.title = "before the first step"
        self.bars = out.isatty()

    def step(self, title: str) -> None:
        self._step += 1
        self.title = title
        self.line()
        self.line(f"[{self._step:2}/{self._steps}] {title}")

    def line(self, text: str = "") -> None:
        self.out.write(f"{text}\n")
        self.out.flush()

    def say(self, text: str) -> None:
        self.line(f"        {text}")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table; numbers are right-aligned."""
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for row in (header, ["-" * width for width in widths], *rows):
            cells = (
                cell.rjust(width) if _is_number(cell) else cell.ljust(width)
                for cell, width in zip(row, widths, strict=True)
            )
            self.say("  ".join(cells).rstrip())

    def wait(self, what: str, status: Callable[[], str], share: Callable[[], float]) -> str:
        """Poll `status` until it is ACTIVE or a failure, and return it.

        Args:
            share: progress from 0 to 1, shown as a bar.
        """
        began = time.monotonic()
        seen: list[str] = []
        with tqdm(
            total=100,
            desc=f"        {what}",
            file=self.out,
            disable=not self.bars,
            leave=False,
            bar_format="{desc:<44.44} {bar:30} {percentage:3.0f} %",
        ) as bar:
            while not seen or seen[-1] != "ACTIVE":
                answer = status()
                if not seen or seen[-1] != answer:
                    seen.append(answer)
                if "FAILED" in answer or answer == "ACTIVE":
                    break
                bar.update(max(0, int(100 * share()) - bar.n))
                time.sleep(POLL_SECONDS)
        self.say(f"{what}: {' > '.join(seen)} ({time.monotonic() - began:.1f} s)")
        return seen[-1]


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdigit()
