"""Recommendation of cold items from metadata: hides a tenth of the items and ranks them for each user.

    python -m benchmarks.cold_items [FOLDER [SEEDS]]

FOLDER has interactions.csv, item-meta.csv (ITEM_ID, GENRE, YEAR) and movies.csv (movieId, title, genres); the default
is ../shared/data/movielens-small next to the repository. Each of SEEDS (default 10: 0 to 9) hides another tenth. The
hidden items are ranked for every user who interacted with one of them; models are trained and tuned on the other items.
NDCG is the usual one (the ideal list has all relevant items), recall is hits divided by relevant items.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.user_folds import DEFAULT_FOLDER, read
from personalize_emu.recipes.contract.base import History, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Categories, Features, Numbers, Texts
from personalize_emu.recipes.numerics.logits import standardised
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.scorers.ease import fit_ease
from personalize_emu.recipes.scorers.histories import Kernel
from personalize_emu.recipes.training.blas_threads import one_blas_thread
from personalize_emu.recipes.wrappers.cold_items import fit_cold_items

SEEDS = 10
HIDDEN_SHARE = 0.1
LENGTH = 25
WHOLE_HISTORY = Kernel(reach=1_000_000, decay=0.0, recency=False)
REGULARISATION = 100.0
FEW_EVENTS = 3

Scores = NDArray[np.float32]
Fitted = Callable[[Sequence[History]], Scores]
"""float32[histories, items]: scores of a fitted model."""


@dataclass(frozen=True, eq=False)
class Split:
    """data: without interactions of hidden items. histories: of users with both kinds. truths: their hidden items."""

    data: TrainingData
    hidden: NDArray[np.int64]
    histories: list[History]
    truths: list[NDArray[np.int32]]


def with_metadata(data: TrainingData, folder: Path, *, titles: bool) -> TrainingData:
    """The training data with the hidden items added to the catalog."""
    with (folder / "item-meta.csv").open(newline="", encoding="utf-8") as lines:
        rows = {row["ITEM_ID"]: row for row in csv.DictReader(lines)}
    with (folder / "movies.csv").open(newline="", encoding="utf-8") as lines:
        names = {row["movieId"]: row["title"] for row in csv.DictReader(lines)}
    catalog = tuple(sorted(rows))
    number_of = {item: number for number, item in enumerate(catalog)}
    new_number = np.array([number_of[item] for item in data.catalog], np.int32)
    years = np.array([float(rows[item]["YEAR"][:4] or "nan") for item in catalog])
    features = Features(
        len(catalog),
        (_genres([rows[item]["GENRE"].split("|") for item in catalog]),),
        (Numbers("YEAR", np.where(years > 0, years, np.nan)),),
        (Texts("TITLE", tuple(names.get(item, "") for item in catalog)),) if titles else (),
    )
    return replace(data, catalog=catalog, items=new_number[data.items], item_features=features)


def _genres(genres: list[list[str]]) -> Categories:
    values = sorted({genre for several in genres for genre in several})
    owners = np.repeat(np.arange(len(genres)), [len(several) for several in genres])
    places = [values.index(genre) for several in genres for genre in several]
    members = sp.csr_matrix((np.ones(len(places), np.float32), (owners, places)), (len(genres), len(values)))
    return Categories("GENRE", tuple(values), members)


def split_items(data: TrainingData, seed: int) -> Split:
    count = len(data.catalog)
    hidden = np.sort(np.random.default_rng(seed).permutation(count)[: round(HIDDEN_SHARE * count)])
    is_hidden = np.isin(np.arange(count), hidden)
    kept = data.of_rows(~is_hidden[data.items])
    histories, truths = [], []
    for user in range(len(data.user_ids)):
        items = data.items[data.offsets[user] : data.offsets[user + 1]]
        truth = np.unique(items[is_hidden[items]])
        if len(truth) and kept.offsets[user + 1] > kept.offsets[user]:
            rows = kept.interactions.of_user(user)
            histories.append(History(kept.interactions.items[rows], kept.interactions.timestamps[rows]))
            truths.append(truth)
    return Split(kept, hidden, histories, truths)


def from_metadata(data: TrainingData, _seed: int) -> Fitted:
    """EASE on interactions, extended to new items by metadata."""
    ease = fit_ease(data.interactions, len(data.user_ids), len(data.catalog), REGULARISATION)

    def scores(histories: Sequence[History]) -> Scores:
        return standardised(ease.scores_many(histories, WHOLE_HISTORY))

    cold = fit_cold_items(data)

    def placed(histories: Sequence[History]) -> Scores:
        table = scores(histories)
        cold.place(table)
        return table

    return placed


def by_recipe(data: TrainingData, seed: int) -> Fitted:
    recipe = recipe_named("aws-user-personalization")
    assert recipe is not None
    return recipe.fit(data, TrainingRun({}, seed)).scores_many


def for_few_events(data: TrainingData, seed: int) -> Fitted:
    """The recipe with only the newest events of each user."""
    scores_of = by_recipe(data, seed)
    return lambda histories: scores_of(
        [History(each.items[-FEW_EVENTS:], each.timestamps[-FEW_EVENTS:]) for each in histories]
    )


def for_nobody(data: TrainingData, seed: int) -> Fitted:
    """The recipe without events of the user: popularity estimated from metadata."""
    scores_of = by_recipe(data, seed)
    nothing = History(np.zeros(0, np.int32), np.zeros(0, np.int64))
    return lambda histories: np.repeat(scores_of([nothing]), len(histories), axis=0)


def quality(scores: Scores, truths: Sequence[NDArray[np.int32]], hidden: NDArray[np.int64]) -> tuple[float, float]:
    """NDCG@25 and recall@25."""
    discounts = 1 / np.log2(np.arange(2, LENGTH + 2))
    ndcg, recall = [], []
    for row, truth in zip(scores[:, hidden], truths, strict=True):
        hits = np.isin(hidden[np.argsort(-row, kind="stable")[:LENGTH]], truth)
        ndcg.append(float(discounts[: len(hits)][hits].sum() / discounts[: len(truth)].sum()))
        recall.append(float(hits.sum() / len(truth)))
    return float(np.mean(ndcg)), float(np.mean(recall))


def measured(
    fit: Callable[[TrainingData, int], Fitted], data: TrainingData, seeds: int
) -> Iterator[tuple[float, float, float]]:
    """NDCG, recall and CPU seconds of fitting and scoring, for every seed."""
    for seed in range(seeds):
        split = split_items(data, seed)
        started = time.process_time()
        scores = fit(split.data, seed)(split.histories)
        taken = time.process_time() - started
        yield *quality(scores, split.truths, split.hidden), taken


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else SEEDS
    data = read(folder)
    plain, titled = (with_metadata(data, folder, titles=titles) for titles in (False, True))
    print(f"{folder.name}: {len(plain.catalog)} items, a tenth hidden; mean ± deviation of {seeds} seeds\n")
    print(f"{'':52}{'NDCG@25':>15}{'recall@25':>16}{'CPU s':>8}")
    rows: tuple[tuple[str, Callable[[TrainingData, int], Fitted], TrainingData], ...] = (
        ("genres and year", from_metadata, plain),
        ("genres, year and title", from_metadata, titled),
        ("aws-user-personalization, genres and year", by_recipe, plain),
        (f"  knowing {FEW_EVENTS} events of each user", for_few_events, plain),
        ("  knowing nothing of the user", for_nobody, plain),
    )
    with one_blas_thread():
        for name, fit, source in rows:
            runs = np.array(list(measured(fit, source, seeds)))
            cells = [f"{runs[:, place].mean():.4f} ±{runs[:, place].std(ddof=1):.4f}" for place in (0, 1)]
            print(f"{name:52}{cells[0]:>15}{cells[1]:>16}{np.median(runs[:, 2]):>8.2f}", flush=True)


if __name__ == "__main__":
    main()
