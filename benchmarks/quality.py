"""How good recommendations are: by global temporal splits of several data sets, beside tuned peers.

    python -m benchmarks.quality [--cuts N] [--only TEXT] [--development] [--without PEER] [--recipe NAME]
                                 [--label NAME] [--write PAGE] [--user-folds] [--peers-only]

`--cuts` (default 20) takes fewer cuts for a quick look, `--only` the data sets whose name contains TEXT, `--without`
leaves out a peer, and `--development` takes the cuts on which choices are made rather than those reported. Results of
peers are kept in the cache of `benchmarks.datasets`; those of recipes under `--label`, so that two versions can be
compared; `--peers-only` measures no recipe. `--write` puts the tables between the marks of a page, and `--user-folds`
adds those of `benchmarks.user_folds`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import user_folds
from benchmarks.datasets import CACHE, SOURCES, Source, load
from benchmarks.peers import Setting
from benchmarks.report import table
from benchmarks.temporal import (
    DEVELOPMENT,
    REPORTED,
    Cut,
    Recommend,
    Scores,
    cuts,
    inner,
    joined,
    ratio_interval,
    scored,
)
from benchmarks.temporal_peers import Peer, Stopwatch, peers, recipe_peer
from personalize_emu.recipes.contract.base import TrainingData

RECIPES = ("aws-user-personalization-v2",)
BEGIN, END = "<!-- temporal -->", "<!-- end of temporal -->"
HEADER = ("", "NDCG@10", "service's NDCG@10", "MRR@25", "recall@25", "train s", "answer ms")


@dataclass(frozen=True, eq=False)
class Result:
    """scores: of all queries of a data set. train: processor seconds of one training. answer: milliseconds a query."""

    scores: Scores
    train: float
    answer: float

    def cells(self) -> list[str]:
        means = (self.scores.ndcg, self.scores.service_ndcg, self.scores.reciprocal_rank, self.scores.recall)
        figures = [f"{values.mean():.3f}".lstrip("0") for values in means]
        return [*figures, f"{self.train:.2f}", f"{self.answer:.2f}"]


def measured(peer: Peer, setting: Setting, found: Sequence[Cut]) -> Result:
    parts, training, answering = [], Stopwatch(), Stopwatch()
    recommend: Recommend | None = None
    for number, cut in enumerate(found):
        if number % peer.every == 0:
            base, fits = cut, number // peer.every + 1
            with training:
                recommend = peer.fit(cut.training, setting)
        assert recommend is not None
        with answering:
            parts.append(scored(cut, _translated(recommend, base, cut)))
    scores = joined(parts)
    return Result(scores, training.seconds / fits, 1000 * answering.seconds / max(1, len(scores.users)))


def _translated(recommend: Recommend, base: Cut, cut: Cut) -> Recommend:
    """What a model trained at an earlier cut answers, in the catalog of this one."""
    if base is cut:
        return recommend
    here = {item: number for number, item in enumerate(cut.training.catalog)}
    to_cut = np.array([here[item] for item in base.training.catalog], np.int32)
    to_base = np.full(len(cut.training.catalog), -1, np.int32)
    to_base[to_cut] = np.arange(len(to_cut), dtype=np.int32)

    def translated(histories: Sequence) -> list[np.ndarray]:
        known = []
        for history in histories:
            numbers = to_base[history.items]
            kept = numbers >= 0
            known.append(type(history)(numbers[kept], history.timestamps[kept], history.user_id))
        return [to_cut[ranked] for ranked in recommend(known)]

    return translated


def tuned(peer: Peer, data: TrainingData, first: Cut, sessions: bool) -> Setting:
    """The setting of greatest NDCG@10 on cuts inside the training data of the first cut."""
    if len(peer.settings) == 1:
        return peer.settings[0]
    found = [cut for cut in inner(first, data, sessions) if cut.queries]
    gains = [measured(peer, setting, found).scores.ndcg.mean() for setting in peer.settings]
    return peer.settings[int(np.argmax(gains))]


class Cache:
    """Results by what they depend on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "results"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, *parts: object) -> Path:
        key = hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]
        return self.folder / f"{key}.npz"

    def read(self, path: Path) -> Result | None:
        if not path.exists():
            return None
        with np.load(path) as kept:
            return Result(Scores(*kept["scores"].astype(np.float64)), float(kept["train"]), float(kept["answer"]))

    def write(self, path: Path, result: Result) -> None:
        scores = result.scores
        rows = np.stack([scores.users, scores.ndcg, scores.service_ndcg, scores.reciprocal_rank, scores.recall])
        np.savez_compressed(path, scores=rows, train=result.train, answer=result.answer)


@dataclass(frozen=True)
class Look:
    """What is looked at: cuts of which range, how many; label: under which results of recipes are kept."""

    share: tuple[float, float]
    count: int
    label: str | None

    def results(self, source: Source, cache: Path, names: Sequence[str], others: Sequence[Peer]) -> dict[str, Result]:
        data = load(source, cache)
        if data is None:
            return {}
        found = [cut for cut in cuts(data, self.share, self.count, source.sessions) if cut.queries]
        kept, results = Cache(cache), {}
        for peer in (*map(recipe_peer, names), *others):
            ours = peer.name in names
            label = (self.label,) if ours else peer.settings
            path = kept.path(source.name, self.share, self.count, peer.name, *label)
            result = kept.read(path) if self.label or not ours else None
            if result is None:
                setting = tuned(peer, data, found[0], source.sessions)
                result = measured(peer, setting, found)
                if self.label or not ours:
                    kept.write(path, result)
            results[peer.name] = result
        return results


def report(results: dict[str, dict[str, Result]], names: Sequence[str]) -> str:
    """results: by data set, by recommender."""
    parts = []
    for source, found in results.items():
        first = next(iter(found.values())).scores
        title = f"{source}: {len(first.users):,} queries of {len(np.unique(first.users)):,} users"
        parts.append(table(title, HEADER, [(name, *result.cells()) for name, result in found.items()]))
    parts += [pooled(results, name) for name in names]
    return "\n\n".join(parts)


def pooled(results: dict[str, dict[str, Result]], name: str) -> str:
    lines = []
    for source, found in results.items():
        others = {other: result for other, result in found.items() if not other.startswith("aws-")}
        best = max(others, key=lambda other: float(others[other].scores.ndcg.mean()))
        exact, low, high = ratio_interval([found[name].scores], [others[best].scores])
        lines.append((source, best, f"{exact:.2f}", f"{low:.2f} to {high:.2f}"))
    best_of = [
        max((r for o, r in found.items() if not o.startswith("aws-")), key=lambda r: float(r.scores.ndcg.mean()))
        for found in results.values()
    ]
    exact, low, high = ratio_interval([found[name].scores for found in results.values()], [r.scores for r in best_of])
    lines.append(("all, mean of the ratios", "", f"{exact:.3f}", f"{low:.2f} to {high:.2f}"))
    return table(f"{name} against the best peer", ("data set", "best peer", "ratio", "95 % of resamples"), lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--peers-only", action="store_true")
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--label")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--user-folds", action="store_true")
    chosen = parser.parse_args(arguments)
    names = [] if chosen.peers_only else chosen.recipe or list(RECIPES)
    look = Look(DEVELOPMENT if chosen.development else REPORTED, chosen.cuts, chosen.label)
    others = [peer for peer in peers() if peer.name not in chosen.without]
    results = {}
    for source in SOURCES:
        if chosen.only in source.name and (found := look.results(source, chosen.cache, names, others)):
            results[source.name] = found
            print(table(source.name, HEADER, [(name, *each.cells()) for name, each in found.items()]), flush=True)
    text = report(results, names)
    print(text)
    if chosen.write:
        user_folds.write(chosen.write, text, BEGIN, END)
    if chosen.user_folds:
        user_folds.main(["--write", str(chosen.write)] if chosen.write else [])


if __name__ == "__main__":
    main()
