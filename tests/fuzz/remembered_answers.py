"""Compares answers with and without remembering: `python -m tests.fuzz.remembered_answers` for many requests."""

from __future__ import annotations

import argparse
import sys

from personalize_emu.settings import Settings
from tests.mixed_requests import answers

REMEMBERED = Settings(pace="instant", quotas="off", auto_training=False)
COMPUTED = Settings(pace="instant", quotas="off", auto_training=False, remembered_bytes=0)


def differences(**script: int) -> list[str]:
    """The steps of a script whose status, headers or body differ. script: see `answers`."""
    both = zip(answers(REMEMBERED, **script), list(answers(COMPUTED, **script)), strict=True)
    return [f"{kind}: {one} and {other}" for (kind, one), (_, other) in both if one != other]


def main() -> int:
    """Exit code 1 if any answer differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--events", type=int, default=600)
    parser.add_argument("--records", type=int, default=50)
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--changes", type=int, default=20)
    script = vars(parser.parse_args())
    found = differences(**script)
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{sum(script.values()) - script['seed']} steps, {len(found)} answers differ\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
