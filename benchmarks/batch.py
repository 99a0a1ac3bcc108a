"""Users a second that a batch inference job answers, line by line from JSON to JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np

from benchmarks.report import show
from personalize_emu.batch.inference import Inference
from personalize_emu.batch.lines import chunks_of
from personalize_emu.batch.transfer import CHUNK_BYTES, CHUNK_LINES
from personalize_emu.batch.workers import Workers
from personalize_emu.recipes.base import Kind, TrainingData
from personalize_emu.recipes.blas_threads import one_blas_thread
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training import no_progress
from personalize_emu.service.event_selection import EventSelection
from personalize_emu.service.recipe_catalog import all_recipes
from personalize_emu.service.trained import TrainedVersion

RECIPES = ("aws-user-personalization", "aws-personalized-ranking", "aws-sims", "aws-popularity-count")


def made_data(users: int, items: int, events: int) -> TrainingData:
    """Random histories of `events` items a user; a few items are much more popular than the rest."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, items + 1) ** 0.8
    return TrainingData(
        catalog=tuple(f"item-{number:07d}" for number in range(items)),
        user_ids=tuple(f"user-{number:07d}" for number in range(users)),
        users=np.repeat(np.arange(users), events).astype(np.int32),
        items=rng.choice(items, users * events, p=popularity / popularity.sum()).astype(np.int32),
        timestamps=np.tile(np.arange(events) * 3600 + 1_600_000_000, users),
    )


def trained(name: str, data: TrainingData) -> TrainedVersion:
    recipe = recipe_named(name)
    if recipe is None:
        raise ValueError(f"{name} cannot be trained")
    with one_blas_thread():
        model = recipe.fit(data, {}, np.random.default_rng(0), no_progress)
    facts = next(facts for facts in all_recipes() if facts.name == name)
    return TrainedVersion(facts, recipe.kind, model, {}, data, "none", 0, EventSelection(None, None))


def queries(version: TrainedVersion, count: int) -> bytes:
    """One line a user, or an item; more lines than there are users go round."""
    data, rng = version.data, np.random.default_rng(1)
    ids = data.catalog if version.kind is Kind.RELATED else data.user_ids
    name = "itemId" if version.kind is Kind.RELATED else "userId"
    lines = []
    for number in range(count):
        query: dict[str, object] = {name: ids[number % len(ids)]}
        if version.kind is Kind.RANKING:
            query["itemList"] = [data.catalog[item] for item in rng.integers(0, len(data.catalog), 50)]
        lines.append(json.dumps(query))
    return "\n".join(lines).encode()


def rate(version: TrainedVersion, text: bytes, threads: int) -> tuple[float, float]:
    """Lines a second of the clock and of the processors."""
    answer = Inference(version, 25)
    pieces: Iterator[list[bytes]] = (
        list(chunk.lines) for chunk in chunks_of(BytesIO(text), CHUNK_LINES, CHUNK_BYTES)
    )
    with ThreadPoolExecutor(threads) as executor:
        workers = Workers(executor, 2 * threads) if threads > 1 else Workers()
        began, spent = time.perf_counter(), time.process_time()
        lines = sum(answered.text.count(b"\n") for answered in workers.in_order(answer, pieces))
        return lines / (time.perf_counter() - began), lines / (time.process_time() - spent)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--users", type=int, default=6000)
    parser.add_argument("--items", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--events", type=int, default=30)
    parser.add_argument("--lines", type=int, default=20_000)
    options = parser.parse_args()
    rows = []
    for items in options.items:
        data = made_data(options.users, items, options.events)
        for name in RECIPES:
            version = trained(name, data)
            text = queries(version, options.lines)
            rate(version, text[: len(text) // 10], 1)
            for threads in (1, 2):
                clock, processor = rate(version, text, threads)
                rows.append([name, f"{items:,}", str(threads), f"{clock:,.0f}", f"{processor:,.0f}"])
    header = ["recipe", "items", "threads", "lines a second", "lines a processor second"]
    show(f"{options.lines:,} lines, 25 results, histories of {options.events} events", header, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
