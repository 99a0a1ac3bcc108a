"""Throughput of batch inference, from JSON lines to JSON lines."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from benchmarks.report import show
from personalize_emu.batch.executors import Workers, process_workers, workers_at
from personalize_emu.batch.inference import Inference
from personalize_emu.batch.lines import chunks_of
from personalize_emu.batch.transfer import CHUNK_BYTES, CHUNK_LINES
from personalize_emu.data.files.byte_streams import stream_of
from personalize_emu.recipes.contract.base import Kind, TrainingData, TrainingRun
from personalize_emu.recipes.registry import recipe_named
from personalize_emu.recipes.training.blas_threads import one_blas_thread
from personalize_emu.service.catalog.recipe_catalog import all_recipes
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.training_selection import EventSelection
from personalize_emu.settings import DASK_SCHEME, Settings

RECIPES = ("aws-user-personalization", "aws-personalized-ranking", "aws-sims", "aws-popularity-count")


YEAR = 365 * 86_400


def made_data(users: int, items: int, events: int) -> TrainingData:
    """Random histories of `events` items per user at intervals of an hour, starting at any time of a year.

    A few items are much more popular than the rest.
    """
    rng = np.random.default_rng(0)
    starts = 1_600_000_000 + rng.integers(0, YEAR, users)
    popularity = 1 / np.arange(1, items + 1) ** 0.8
    return TrainingData(
        catalog=tuple(f"item-{number:07d}" for number in range(items)),
        user_ids=tuple(f"user-{number:07d}" for number in range(users)),
        users=np.repeat(np.arange(users), events).astype(np.int32),
        items=rng.choice(items, users * events, p=popularity / popularity.sum()).astype(np.int32),
        timestamps=np.repeat(starts, events) + np.tile(np.arange(events) * 3600, users),
    )


def trained(name: str, data: TrainingData) -> TrainedVersion:
    recipe = recipe_named(name)
    if recipe is None:
        raise ValueError(f"{name} cannot be trained")
    with one_blas_thread():
        model = recipe.fit(data, TrainingRun({}))
    facts = next(facts for facts in all_recipes() if facts.name == name)
    return TrainedVersion(facts, recipe.kind, model, {}, data, "none", 0, EventSelection(None, None))


def queries(version: TrainedVersion, count: int) -> Iterator[bytes]:
    """One line per user or item, repeated if there are more lines; generated while they are read."""
    data, rng = version.data, np.random.default_rng(1)
    ids = data.catalog if version.kind is Kind.RELATED else data.user_ids
    name = "itemId" if version.kind is Kind.RELATED else "userId"
    for number in range(count):
        query: dict[str, object] = {name: ids[number % len(ids)]}
        if version.kind is Kind.RANKING:
            query["itemList"] = [data.catalog[item] for item in rng.integers(0, len(data.catalog), 50)]
        yield json.dumps(query).encode() + b"\n"


@dataclass(frozen=True)
class Rate:
    """Lines per second of wall time and of processor time of this process, and growth of its memory in MB."""

    clock: float
    processor: float
    growth: float


def rate(version: TrainedVersion, count: int, workers: Workers) -> Rate:
    answer = workers.carry(Inference(version, 25))
    chunks = chunks_of(stream_of(queries(version, count)), CHUNK_LINES, CHUNK_BYTES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, spent = time.perf_counter(), time.process_time()
    answered = workers.in_order(answer, (list(chunk.lines) for chunk in chunks))
    lines = sum(piece.text.count(b"\n") for piece in answered)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Rate(lines / (time.perf_counter() - began), lines / (time.process_time() - spent), growth / 1024)


def row(name: str, items: int, where: str, found: Rate) -> list[str]:
    return [name, f"{items:,}", where, f"{found.clock:,.0f}", f"{found.processor:,.0f}", f"{found.growth:,.0f}"]


def measured(name: str, version: TrainedVersion, lines: int, processes: int, dask: str) -> Iterator[list[str]]:
    """One table row for each executor."""
    items = len(version.data.catalog)
    rate(version, max(1, lines // 20), Workers())
    yield row(name, items, "1 thread", rate(version, lines, Workers()))
    if processes:
        with process_workers(processes) as workers:
            yield row(name, items, f"{processes} processes", rate(version, lines, workers))
    if dask:
        with workers_at(Settings(executor=dask)) as workers:
            rate(version, max(1, lines // 20), workers)
            yield row(name, items, "Dask", rate(version, lines, workers))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--users", type=int, default=6000)
    parser.add_argument("--items", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--events", type=int, default=30)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="also in N worker processes; 0: not")
    parser.add_argument("--dask", type=int, default=0, metavar="N", help="also on a cluster of N processes here")
    options = parser.parse_args()
    with ExitStack() as stack:
        dask = cluster(stack, options.dask) if options.dask else ""
        rows = []
        for items in options.items:
            data = made_data(options.users, items, options.events)
            for name in options.recipes:
                rows += measured(name, trained(name, data), options.lines, options.processes, dask)
    header = ["recipe", "items", "where", "lines a second", "lines a processor second", "memory grew by MB"]
    show(f"{options.lines:,} lines, 25 results, histories of {options.events} events", header, rows)
    return 0


def cluster(stack: ExitStack, processes: int) -> str:
    """The `executor` option of a Dask cluster that runs until the stack is closed."""
    from distributed import LocalCluster

    made = stack.enter_context(LocalCluster(n_workers=processes, threads_per_worker=1, dashboard_address="127.0.0.1:0"))
    return made.scheduler_address.replace("tcp://", DASK_SCHEME)


if __name__ == "__main__":
    sys.exit(main())
