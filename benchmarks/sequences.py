"""Leave-one-out evaluation: the last item of each user is ranked among all items without interactions of the user.

    python -m benchmarks.sequences [FILE] [--only NAME] [--events N]

FILE has one user a line, the items in order, or one line an interaction, `user item`, sorted by user and time; without
it sequences are made. Peers are measured where they are installed. One thread, processor seconds of all of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.made_sequences import made_sequences
from benchmarks.report import show
from personalize_emu.recipes.contract.base import History, TrainingData, TrainingRun
from personalize_emu.recipes.personalized import personal_recipes
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.blas_threads import one_blas_thread
from personalize_emu.recipes.training.training import train

LENGTH = 10
BATCH = 256
ALWAYS, NEVER = 1, 0

Score = Callable[[Sequence[History]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Task:
    """data: all but the last item of each user, which is in `truth`, int64[users]."""

    data: TrainingData
    histories: tuple[History, ...]
    truth: NDArray[np.int64]


def read(path: Path) -> list[NDArray[np.int64]]:
    lines = [np.array(line.split(), np.int64) for line in path.read_text("utf-8").splitlines() if line.strip()]
    if all(len(line) == 2 for line in lines):
        pairs = np.stack(lines)
        starts = np.flatnonzero(np.r_[True, np.diff(pairs[:, 0]) != 0])
        return np.split(pairs[:, 1], starts[1:])
    return lines


def task_of(sequences: Sequence[NDArray[np.int64]]) -> Task:
    lengths = np.array([len(sequence) for sequence in sequences])
    numbers, items = np.unique(np.concatenate(sequences), return_inverse=True)
    parts = np.split(items.astype(np.int32), np.cumsum(lengths)[:-1])
    users = np.repeat(np.arange(len(parts), dtype=np.int32), lengths - 1)
    times = [3600 * np.arange(length - 1, dtype=np.int64) for length in lengths]
    known = [part[:-1] for part in parts]
    catalog, user_ids = tuple(f"{number:07}" for number in numbers), tuple(f"{user:07}" for user in range(len(parts)))
    data = TrainingData(catalog, user_ids, users, np.concatenate(known), np.concatenate(times))
    histories = tuple(History(items, when) for items, when in zip(known, times, strict=True))
    return Task(data, histories, np.array([part[-1] for part in parts], np.int64))


def ranks(score: Score, task: Task) -> NDArray[np.int64]:
    """Number of candidate items ranked before the right one."""
    found = []
    for start in range(0, len(task.truth), BATCH):
        histories, truth = task.histories[start : start + BATCH], task.truth[start : start + BATCH]
        scores = score(histories)
        right = scores[np.arange(len(truth)), truth].copy()
        for row, history in zip(scores, histories, strict=True):
            row[history.items] = -np.inf
        found.append((scores > right[:, None]).sum(axis=1))
    return np.concatenate(found)


def popularity(task: Task) -> Score:
    counts = np.bincount(task.data.items, minlength=len(task.data.catalog)).astype(np.float32)
    return lambda histories: np.tile(counts, (len(histories), 1))


def factors(task: Task) -> Score:
    """ALS of the package implicit with the best of a few settings."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    shape = len(task.data.user_ids), len(task.data.catalog)
    matrix = csr_matrix((np.ones(len(task.data.items), np.float32), (task.data.users, task.data.items)), shape)
    model = AlternatingLeastSquares(
        factors=128, regularization=0.1, alpha=10, iterations=15, num_threads=1, random_state=1
    )
    model.fit(matrix, show_progress=False)
    rows = {id(history): user for user, history in enumerate(task.histories)}

    def score(histories: Sequence[History]) -> NDArray[np.float32]:
        owners = [rows[id(history)] for history in histories]
        return np.asarray(model.user_factors)[owners] @ np.asarray(model.item_factors).T

    return score


def transformer(loss: str, seconds: float) -> Callable[[Task], Score]:
    def fitted(task: Task) -> Score:
        from benchmarks import transformer as peer

        known = [history.items for history in task.histories]
        *_, model = peer.trained(known, len(task.data.catalog), seconds, getattr(peer, loss))
        return lambda histories: peer.scores(model, [history.items for history in histories]).copy()

    return fitted


def personal(network_from: int) -> Callable[[Task], Score]:
    """As in the training of a solution: evaluated on a tenth of the users, then fitted on all."""

    def fitted(task: Task) -> Score:
        recipe = next(recipe for recipe in personal_recipes() if recipe.name == "aws-user-personalization-v2")
        recipe = replace(recipe, network_from=network_from)
        return train(recipe, task.data, TrainingRun({})).model.scores_many

    return fitted


def recurrent(task: Task) -> Score:
    recipe = recipe_named("aws-hrnn")
    assert recipe is not None
    return recipe.fit(task.data, TrainingRun({})).scores_many


CONTESTANTS: dict[str, Callable[[Task], Score]] = {
    "popularity": popularity,
    "implicit ALS": factors,
    "SASRec, 150 s": transformer("one_sampled", 150),
    "SASRec, 400 s": transformer("one_sampled", 400),
    "SASRec, 900 s": transformer("one_sampled", 900),
    "gSASRec, 400 s": transformer("many_sampled", 400),
    "gSASRec, 900 s": transformer("many_sampled", 900),
    "aws-hrnn": recurrent,
    "v2 without the network": personal(NEVER),
    "v2": personal(ALWAYS),
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--only", choices=CONTESTANTS, action="append")
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    events = options.events
    users, items = max(200, events // 160), max(200, events // 300)
    sequences = read(options.file) if options.file else made_sequences(users, items, events)
    task = task_of(sequences)
    rows = []
    for name in options.only or CONTESTANTS:
        began = time.process_time()
        with one_blas_thread():
            try:
                score = CONTESTANTS[name](task)
            except ModuleNotFoundError as missing:
                print(f"{name} is left out: {missing}")
                continue
            trained = time.process_time()
            before = ranks(score, task)
        gains = np.where(before < LENGTH, 1 / np.log2(before + 2), 0)
        each = (time.process_time() - trained) / len(task.truth) * 1000
        hits = float(np.mean(before < LENGTH))
        rows.append([name, f"{gains.mean():.4f}", f"{hits:.4f}", f"{trained - began:.0f}", f"{each:.2f}"])
        print(" | ".join(rows[-1]), flush=True)
    size = f"{len(task.data.items):,} interactions, {len(task.truth):,} users, {len(task.data.catalog):,} items"
    show(f"Next item, {size}", ["model", "NDCG@10", "HR@10", "training, s", "a user, ms"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
