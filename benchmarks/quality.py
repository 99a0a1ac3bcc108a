"""Metrics of every recipe on real data: ten seeds of the service's own split, and ten folds over all users.

    python -m benchmarks.quality [FOLDER]

FOLDER holds interactions.csv (USER_ID, ITEM_ID, TIMESTAMP, ...); the default is
../shared/data/movielens-small beside the repository.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from personalize_emu.recipes.base import Recipe, TrainingData
from personalize_emu.recipes.registry import all_recipes
from personalize_emu.recipes.split import Split, cut_user, rows_of_users, user_coins
from personalize_emu.recipes.training import measure, no_progress, train

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "shared/data/movielens-small"
SEEDS = range(10)
FOLDS = 10
SHOWN = {
    "MRR@25": "mean_reciprocal_rank_at_25",
    "NDCG@5": "normalized_discounted_cumulative_gain_at_5",
    "NDCG@10": "normalized_discounted_cumulative_gain_at_10",
    "NDCG@25": "normalized_discounted_cumulative_gain_at_25",
    "P@10": "precision_at_10",
    "coverage": "coverage",
}


def read(folder: Path) -> TrainingData:
    with (folder / "interactions.csv").open(newline="", encoding="utf-8") as lines:
        rows = [(row["USER_ID"], row["ITEM_ID"], int(row["TIMESTAMP"])) for row in csv.DictReader(lines)]
    user_ids, users = np.unique([user for user, _, _ in rows], return_inverse=True)
    catalog, items = np.unique([item for _, item, _ in rows], return_inverse=True)
    times = np.array([moment for _, _, moment in rows], np.int64)
    order = np.lexsort((np.arange(len(rows)), times, users))
    return TrainingData(
        tuple(map(str, catalog)),
        tuple(map(str, user_ids)),
        users[order].astype(np.int32),
        items[order].astype(np.int32),
        times[order],
    )


def seeded(recipe: Recipe, data: TrainingData) -> Iterator[tuple[dict[str, float], float]]:
    """Metrics and wall time of each training: both fits and the evaluation between them."""
    for seed in SEEDS:
        started = time.perf_counter()
        metrics = dict(train(recipe, data, {}, seed).metrics)
        yield metrics, time.perf_counter() - started


def folded(recipe: Recipe, data: TrainingData) -> Iterator[dict[str, float]]:
    """Every user is a test user once."""
    folds = (user_coins(data.user_ids, 2026) * FOLDS).astype(int)
    testable = data.visits.lengths >= 2
    for fold in range(FOLDS):
        held_out = np.flatnonzero((folds == fold) & testable)
        split = Split(rows_of_users(data, folds != fold), tuple(cut_user(data.visits, int(user)) for user in held_out))
        model = recipe.fit(split.training, {}, np.random.default_rng(fold), no_progress)
        yield measure(recipe.kind, model, split)


def report(name: str, runs: list[dict[str, float]], note: str) -> None:
    cells = []
    for metric in SHOWN.values():
        values = [run[metric] for run in runs]
        cells.append(f"{np.mean(values):.4f} ±{np.std(values, ddof=1):.4f}")
    print(f"{name:28} " + "  ".join(f"{cell:>14}" for cell in cells) + f"  {note}", flush=True)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER
    data = read(folder)
    print(f"{folder.name}: {len(data.items)} rows, {len(data.visits)} visits, {len(data.user_ids)} users,")
    print(f"{len(data.catalog)} items; mean and standard deviation over {len(SEEDS)} seeds, then {FOLDS} folds\n")
    print(f"{'':28} " + "  ".join(f"{name:>14}" for name in SHOWN) + "  wall s")
    for recipe in all_recipes():
        runs = list(seeded(recipe, data))
        report(recipe.name, [metrics for metrics, _ in runs], f"{np.median([wall for _, wall in runs]):.2f}")
        report("  folds", list(folded(recipe, data)), "")


if __name__ == "__main__":
    main()
