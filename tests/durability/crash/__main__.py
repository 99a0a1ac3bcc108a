"""Kills a server with SIGKILL at random moments, and looks for every change that it had answered.

    python -m tests.durability.crash --times 500 --seed 7

One data directory goes through all rounds. In each, clients make, change and delete what they can, until the server is
killed, and with it an export to an archive; then the directory is opened and compared with what the clients have had
answers for, and a directory is filled from the archive.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.durability.crash.answered import Answered
from tests.durability.crash.rounds import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.durability.crash", description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        run(chosen.times, chosen.seed, Path(folder), report)
    return 0


def report(kills: int, known: Answered) -> None:
    print(f"{kills} kills, nothing lost: {known}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
