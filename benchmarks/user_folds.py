"""Recommendation quality compared with tuned peers, over folds that test every user once.

    python -m benchmarks.user_folds [FOLDER] [--quick] [--write PAGE]

FOLDER holds interactions.csv (USER_ID, ITEM_ID, TIMESTAMP, ...) and, if there are any, metadata of the items in
item-meta.csv (ITEM_ID, ...); the default is ../shared/data/movielens-small beside the repository. `--quick` takes two
folds and two settings of each peer; `--write` puts the tables between the marks of a page. The peers need the extra
`benchmarks`.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from benchmarks.hits import LIST_LENGTH, Lists, hits_of, interval, ndcg_of, reciprocal_ranks_of
from benchmarks.peers import peers, trained, tuned
from benchmarks.report import table
from personalize_emu.recipes.contract.base import HeldOut, History, Kind, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.features import Categories, Features, Numbers
from personalize_emu.recipes.contract.split import Split, cut_user, hash_draws, rows_of_users
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.blas_threads import one_blas_thread

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "shared/data/movielens-small"
FOLDS, SEED = 10, 2026
QUICK_FOLDS, QUICK_SETTINGS = 2, 2
USER_RECIPES = ("aws-user-personalization", "aws-user-personalization-v2")
ITEM_RECIPES = ("aws-sims", "aws-similar-items")
READ_METADATA = ("aws-user-personalization-v2", "aws-similar-items")
"""Recipes that are also trained with item metadata."""
WITH_METADATA = ", with metadata"
ODD_NUMBERS = 0.1
"""A column is numeric if fewer values than this share are not numbers."""
BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"
HEADER = ("", "MRR@25", "NDCG@5", "NDCG@10", "NDCG@25", "standard NDCG@10", "P@10", "coverage", "train s")
RECORDED = (
    ("recorded: User-Personalization (M-52)", ".269", ".228", ".269", ".332", "", ".057", ".079", ""),
    ("recorded: SIMS (M-53)", ".167", ".189", ".223", ".290", "", ".059", ".186", ""),
    ("recorded: Personalized-Ranking (M-54)", ".054", ".058", ".071", ".096", "", ".013", ".004", ""),
)


@dataclass
class Tally:
    """Results of one recommender in all folds so far."""

    lists: list[list[np.ndarray]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, lists: Lists, seconds: float) -> None:
        self.lists.append(list(lists))
        self.seconds.append(seconds)

    def ndcg_at_10(self, truths: Lists) -> np.ndarray:
        return ndcg_of(hits_of([ranked for fold in self.lists for ranked in fold], truths), 10)

    def cells(self, truths: Lists, catalog_size: int) -> list[str]:
        hits = hits_of([ranked for fold in self.lists for ranked in fold], truths)
        coverage = np.mean([len(np.unique(np.concatenate(fold))) / catalog_size for fold in self.lists])
        figures = [
            reciprocal_ranks_of(hits).mean(),
            *(ndcg_of(hits, cutoff).mean() for cutoff in (5, 10, 25)),
            ndcg_of(hits, 10, truths).mean(),
            hits[:, :10].mean(),
            coverage,
        ]
        return [*(f"{figure:.3f}".lstrip("0") for figure in figures), f"{np.median(self.seconds):.1f}"]


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


def read_metadata(folder: Path, catalog: Sequence[str]) -> Features | None:
    """Metadata of the catalog: numbers, and categories separated by bars; None without a file."""
    path = folder / "item-meta.csv"
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as lines:
        described = {row["ITEM_ID"]: row for row in csv.DictReader(lines)}
    names = [name for name in next(iter(described.values())) if name != "ITEM_ID"]
    columns = {name: [described.get(item, {}).get(name) or "" for item in catalog] for name in names}
    numbers = {name: numbers_in(texts) for name, texts in columns.items()}
    odd = {name: np.mean(np.isnan(values)) for name, values in numbers.items()}
    return Features(
        len(catalog),
        tuple(categories_of(name, texts) for name, texts in columns.items() if odd[name] > ODD_NUMBERS),
        tuple(Numbers(name, values) for name, values in numbers.items() if odd[name] <= ODD_NUMBERS),
    )


def numbers_in(texts: Sequence[str]) -> np.ndarray:
    """float64, NaN for values that are not numbers."""

    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return np.nan

    return np.array([number(text) for text in texts])


def categories_of(name: str, texts: Sequence[str]) -> Categories:
    several = [sorted({part for part in text.split("|") if part}) for text in texts]
    values = sorted({part for parts in several for part in parts})
    place = {value: number for number, value in enumerate(values)}
    rows = np.repeat(np.arange(len(texts)), [len(parts) for parts in several])
    columns = [place[part] for parts in several for part in parts]
    members = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(texts), len(values)))
    return Categories(name, tuple(values), members)


def folds(data: TrainingData, taken: int = FOLDS) -> Iterator[Split]:
    """The first so many of ten."""
    fold_of = (hash_draws(data.user_ids, SEED) * FOLDS).astype(int)
    testable = data.interactions.lengths >= 2
    for fold in range(taken):
        held_out = np.flatnonzero((fold_of == fold) & testable)
        yield Split(
            rows_of_users(data, fold_of != fold),
            tuple(cut_user(data.interactions, int(user), data.user_ids[user]) for user in held_out),
        )


def recipe_of(name: str) -> Recipe:
    recipe = recipe_named(name)
    if recipe is None:
        raise ValueError(name)
    return recipe


def ours(recipe: Recipe, split: Split) -> Iterator[tuple[Lists, float]]:
    """Recommendations of one training, with items of the history, then without."""
    started = time.process_time()
    with one_blas_thread():
        model = recipe.fit(split.training, TrainingRun({}))
    seconds = time.process_time() - started
    histories = [_asked(recipe.kind, user) for user in split.test_users]
    scores = model.scores_many(histories)
    for without in (False, True):
        for row, user in zip(scores, split.test_users, strict=True):
            if without:
                row[user.history.items] = -np.inf
        yield [top_k(row, LIST_LENGTH) for row in scores], seconds


def _asked(kind: Kind, user: HeldOut) -> History:
    if kind is not Kind.RELATED:
        return user.history
    return History(user.history.items[-1:], user.history.timestamps[-1:])


class Comparison:
    """Evaluate all recommenders on all folds: for users with and without items of the history, and for items."""

    def __init__(self, data: TrainingData, metadata: Features | None, quick: bool) -> None:
        self.data, self.metadata = data, metadata
        self.folds = QUICK_FOLDS if quick else FOLDS
        self.peers = peers(QUICK_SETTINGS if quick else None)
        self.without: dict[str, Tally] = defaultdict(Tally)
        self.within: dict[str, Tally] = defaultdict(Tally)
        self.related_without: dict[str, Tally] = defaultdict(Tally)
        self.related_within: dict[str, Tally] = defaultdict(Tally)
        self.truths: list[np.ndarray] = []

    def run(self) -> None:
        for number, split in enumerate(folds(self.data, self.folds)):
            self.truths.extend(user.truth for user in split.test_users)
            self._ours(split)
            self._peers(split)
            print(f"fold {number + 1} of {self.folds}", flush=True)

    def _ours(self, split: Split) -> None:
        for name in (*USER_RECIPES, "aws-popularity-count", *ITEM_RECIPES):
            self._add(name, split, name)
        if self.metadata is not None:
            described = replace(split, training=replace(split.training, item_features=self.metadata))
            for name in READ_METADATA:
                self._add(name, described, name + WITH_METADATA)

    def _add(self, name: str, split: Split, row: str) -> None:
        within, without = ours(recipe_of(name), split)
        for found, tallies in zip((within, without), self._tallies(name in ITEM_RECIPES), strict=True):
            tallies[row].add(*found)

    def _tallies(self, related: bool) -> tuple[dict[str, Tally], dict[str, Tally]]:
        """With what the users had, and without."""
        return (self.related_within, self.related_without) if related else (self.within, self.without)

    def _peers(self, split: Split) -> None:
        for peer in self.peers:
            setting, within_setting, without_setting = tuned(peer, split.training)
            model = trained(peer, setting, split.training, split.test_users)
            self.without[peer.name].add(model.recommended(leave_out=True), model.seconds)
            self.within[peer.name].add(model.recommended(leave_out=False), model.seconds)
            model = trained(peer, within_setting, split.training, split.test_users)
            self.related_within[peer.name].add(model.related()[0], model.seconds)
            if without_setting != within_setting:
                model = trained(peer, without_setting, split.training, split.test_users)
            self.related_without[peer.name].add(model.related()[1], model.seconds)

    def text(self) -> str:
        size = len(self.data.catalog)
        parts = [
            f"{len(self.data.items):,} events, {len(self.data.interactions):,} interactions of "
            f"{len(self.data.user_ids):,} users, {size:,} items; "
            f"{len(self.truths):,} test users in {self.folds} folds (seed {SEED})."
        ]
        for title, tallies in (
            ("What next, without what the user had", self.without),
            ("What next, with what the user had", self.within),
            ("Like the newest item, without what the user had", self.related_without),
            ("Like the newest item, with what the user had", self.related_within),
        ):
            rows = [(name, *tally.cells(self.truths, size)) for name, tally in tallies.items()]
            recorded = [row for row in RECORDED if ("SIMS" in row[0]) == ("aws-sims" in tallies)]
            parts.append(table(title, HEADER, [*rows, *recorded]))
        compared = [(self.without, USER_RECIPES[1:], ""), (self.related_without, ITEM_RECIPES, "without")]
        for tallies, names, seen in [*compared, (self.related_within, ITEM_RECIPES, "with")]:
            parts.extend(self._against(name, tallies, seen) for name in (*names, names[-1] + WITH_METADATA))
        return "\n\n".join(parts)

    def _against(self, name: str, tallies: dict[str, Tally], seen: str) -> str:
        if name not in tallies:
            return f"{name}: there are no metadata."
        mine = tallies[name].ndcg_at_10(self.truths)
        found = {peer.name: tallies[peer.name].ndcg_at_10(self.truths) for peer in self.peers}
        best = max(found, key=lambda peer: float(found[peer].mean()))
        low, high = interval(mine - found[best])
        condition = f", {seen} what the user had" if seen else ""
        return (
            f"{name} against {best}, the best peer{condition}: NDCG@10 × {mine.mean() / found[best].mean():.2f}, "
            f"a difference of {(mine - found[best]).mean():+.3f} (95 % of resamples: {low:+.3f} to {high:+.3f})."
        )


def write(page: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put `text` between the markers of `page`."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.user_folds")
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args(arguments)
    data = read(chosen.folder)
    comparison = Comparison(data, read_metadata(chosen.folder, data.catalog), chosen.quick)
    comparison.run()
    text = comparison.text()
    print(text)
    if chosen.write:
        write(chosen.write, text)


if __name__ == "__main__":
    main()
