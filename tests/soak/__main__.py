"""Uses a server with a data directory for ten minutes over 64 connections; fails when anything grows or goes wrong.

    python -m tests.soak --minutes 10 --connections 64

Most connections send mixed calls without pause. Three import, train, deploy, run batch jobs, export and delete, again
and again. What is kept does not grow with time, so memory, descriptors and threads must not either.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.soak.calls import Answers
from tests.soak.process_use import Sample
from tests.soak.run import Soaked, soak

SHOWN_EVERY = 30
"""Samples."""
MB = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=64)
    chosen = parser.parse_args()
    print(f"{chosen.minutes:g} minutes, {chosen.connections} connections")  # noqa: T201
    with TemporaryDirectory() as folder:
        found = soak(60 * chosen.minutes, chosen.connections, Path(folder) / "state", shown)
    report(found)
    return 1 if found.faults() else 0


def shown(one: Sample, answers: Answers) -> None:
    if int(one.seconds) % SHOWN_EVERY == 0:
        print(f"{one.seconds:5.0f} s: {described(one)}; {answers.count.total():,} answers", flush=True)  # noqa: T201


def described(one: Sample) -> str:
    return (
        f"{one.resident / MB:.0f} MB resident, {one.descriptors} descriptors, {one.threads} threads, "
        f"{one.disk / MB:.1f} MB on disk"
    )


def report(found: Soaked) -> None:
    lines = [
        *(f"{number:9,} {name}" for name, number in found.answers.count.most_common()),
        f"second tenth: {described(found.use.before)}",
        f"last tenth:   {described(found.use.after)}",
        *(found.faults() or ["no fault"]),
    ]
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
