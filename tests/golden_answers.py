"""Answers of one revision kept in a file, and compared with those of another.

    python -m tests.golden_answers --write FILE      at the old revision
    python -m tests.golden_answers --compare FILE    at the new one

The requests are those of mixed_requests.py, 300 of each kind unless told otherwise. Everything must be equal but the
last digits of numbers, because a sum in another order is rounded otherwise.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from personalize_emu.settings import Settings
from tests.mixed_requests import KINDS, answers

SETTINGS = Settings(pace="instant", quotas="off", auto_training=False)
SEED = 11
TOLERANCE = 1e-6
"""Absolute and relative difference of two numbers that still count as equal."""
MOST_SHOWN = 20


def recorded(each: int) -> Iterator[str]:
    """One JSON line a step: kind, status and body. each: requests of each kind."""
    script = {"requests": each * len(KINDS), "events": each, "records": 50, "moves": 40, "changes": 12}
    for kind, response in answers(SETTINGS, SEED, **script):
        status, body = (None, "null") if response is None else (response.status, response.body.decode())
        yield json.dumps([kind, status, json.loads(body or "null")])


def differences(old: list[str], new: list[str]) -> list[str]:
    """A line of text for each step that differs."""
    if len(old) != len(new):
        return [f"{len(old)} steps were written, {len(new)} were made: use the same --each"]
    return [
        f"step {number}: {one}\n    now {other}"
        for number, (one, other) in enumerate(zip(old, new, strict=True))
        if not is_same(json.loads(one), json.loads(other))
    ]


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal but for rounding."""
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def main() -> int:
    """Exit code 1 if any answer differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden_answers", description=__doc__.partition("\n")[0])
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--write", type=Path, metavar="FILE")
    either.add_argument("--compare", type=Path, metavar="FILE")
    parser.add_argument("--each", type=int, default=300, help="requests of each kind")
    options = parser.parse_args()
    lines = list(recorded(options.each))
    if options.write:
        options.write.write_text("\n".join(lines) + "\n")
        return 0
    found = differences(options.compare.read_text().splitlines(), lines)
    sys.stdout.write("".join(f"{line[:2000]}\n" for line in found[:MOST_SHOWN]))
    sys.stdout.write(f"{len(lines)} steps, {len(found)} answers differ\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
