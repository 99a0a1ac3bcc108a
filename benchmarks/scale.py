"""Time and memory of training on millions of generated interactions.

Sixty per cent of a user's interactions are in a part of the catalog of the user's own, the others follow popularity.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from benchmarks.report import show
from personalize_emu.recipes.contract.base import TrainingData, TrainingRun
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.training import train

CORNERS = 200
AT_HOME = 0.6
POPULARITY_TAIL = 2.5
"""Exponent of the popularity distribution: few items get most interactions."""


def generated_interactions(rows: int, users: int, items: int, seed: int) -> TrainingData:
    """About `rows` interactions, a log-normal number per user."""
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0, 1, users)
    lengths = np.maximum(2, (activity / activity.sum() * rows).astype(np.int64))
    who = np.repeat(np.arange(users, dtype=np.int32), lengths)
    popular = (items * rng.random(len(who)) ** POPULARITY_TAIL).astype(np.int64)
    corner = rng.integers(CORNERS, size=users)[who]
    at_home = rng.random(len(who)) < AT_HOME
    what = np.where(at_home, (corner + CORNERS * (popular // CORNERS)) % items, popular)
    return TrainingData(
        catalog=tuple(f"i{number:07}" for number in range(items)),
        user_ids=tuple(f"u{number:08}" for number in range(users)),
        users=who,
        items=what.astype(np.int32),
        timestamps=np.arange(len(who), dtype=np.int64) + 1_600_000_000,
    )


def gigabytes() -> float:
    """Peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--interactions", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recipe", default="aws-user-personalization")
    parser.add_argument("--network-from", type=int, default=0, help="visits from which a network joins, 0 for never")
    asked = parser.parse_args()
    recipe = recipe_named(asked.recipe)
    if recipe is None:
        parser.error(f"no recipe {asked.recipe}")
    data = generated_interactions(asked.interactions, asked.users, asked.items, asked.seed)
    stages: list[list[str]] = []
    began, worked = time.perf_counter(), time.process_time()

    def progress(stage: str, share: float) -> None:
        del share
        stages.append(
            [stage, f"{time.perf_counter() - began:.1f}", f"{time.process_time() - worked:.1f}", f"{gigabytes():.1f}"]
        )

    trained = train(recipe, data, TrainingRun({}, asked.seed, progress, sequential_from=asked.network_from))
    title = f"{recipe.name}: {len(data.items):,} interactions, {asked.users:,} users, {asked.items:,} items"
    show(title, ["at the start of", "seconds", "processor seconds", "most memory, GB"], stages)
    show("Metrics", ["metric", "value"], [[name, f"{value:.4f}"] for name, value in trained.metrics.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
