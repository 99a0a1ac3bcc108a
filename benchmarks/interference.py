"""Latency of GetRecommendations at a steady rate while the server trains, imports, or runs a batch job.

The load is an open loop: requests are due at fixed times, and a latency counts from the time at which the request was
due, so that a stall of the server delays all requests that fall into it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.group_to_answer import BUCKET, ROLE, GroupToAnswer, avro
from benchmarks.processes import served
from benchmarks.report import show
from benchmarks.serving.shop import HEADERS

RECIPE = "aws-user-personalization-v2"
USERS, ITEMS, INTERACTIONS = 610, 9_000, 100_000
"""About as many as MovieLens-small has."""
SCHEMA = avro(
    "Interactions",
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
)


@dataclass(frozen=True)
class Load:
    """GetRecommendations for one user after the other, `rate` times a second, over `clients` connections."""

    url: str
    campaign: str
    rate: float
    clients: int

    def milliseconds(self, stop: threading.Event) -> list[float]:
        """Sorted latencies of all requests until `stop` is set."""
        found: list[float] = []
        began = time.perf_counter() + 0.05
        threads = [
            threading.Thread(target=self._ask, args=(place, began, stop, found)) for place in range(self.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(1000 * delay for delay in found)

    def _ask(self, number: int, began: float, stop: threading.Event, delays: list[float]) -> None:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        while not stop.is_set():
            due = began + number / self.rate
            time.sleep(max(0.0, due - time.perf_counter()))
            body = json.dumps({"campaignArn": self.campaign, "userId": f"user-{number % USERS}"})
            connection.request("POST", "/recommendations", body.encode(), HEADERS)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {text[:200]!r}")
            delays.append(time.perf_counter() - due)
            number += self.clients
        connection.close()


def beside(load: Load, work: Callable[[], object]) -> tuple[float, list[float]]:
    """Seconds that `work` took, and the latencies meanwhile."""
    stop, seconds = threading.Event(), [0.0]

    def timed() -> None:
        began = time.perf_counter()
        try:
            work()
        finally:
            seconds[0] = time.perf_counter() - began
            stop.set()

    worker = threading.Thread(target=timed)
    worker.start()
    latencies = load.milliseconds(stop)
    worker.join()
    return seconds[0], latencies


class Jobs:
    """A group with interactions, and what its jobs read, uploaded before anything is measured."""

    def __init__(self, path: GroupToAnswer, rows: int, lines: int) -> None:
        self._path, self._personalize = path, path.personalize
        self.group = path.group()
        with TemporaryDirectory() as folder:
            first = Path(folder) / "first.csv"
            first.write_text(interactions(INTERACTIONS, seed=0))
            path.load(self.group, "Interactions", SCHEMA, first)
        self._upload("many.csv", interactions(rows, seed=1))
        self._upload("lines.jsonl", "\n".join(f'{{"userId":"user-{line % USERS}"}}' for line in range(lines)))
        self.version = path.train(self.group, RECIPE)
        self.dataset = self._personalize.list_datasets(datasetGroupArn=self.group)["datasets"][0]["datasetArn"]

    def _upload(self, key: str, text: str) -> None:
        self._path.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())

    def train(self, number: int) -> None:
        self._path.train(self.group, RECIPE, f"again-{number}")

    def load_rows(self, number: int) -> None:
        self._personalize.create_dataset_import_job(
            jobName=f"many-{number}",
            datasetArn=self.dataset,
            roleArn=ROLE,
            dataSource={"dataLocation": f"s3://{BUCKET}/many.csv"},
        )

    def infer(self, number: int) -> None:
        self._personalize.create_batch_inference_job(
            jobName=f"batch-{number}",
            solutionVersionArn=self.version,
            roleArn=ROLE,
            jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/lines.jsonl"}},
            jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/answers-{number}/"}},
        )


def interactions(rows: int, seed: int) -> str:
    """CSV: users and items drawn with unequal popularity, over ten years."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, ITEMS + 1) ** 0.8
    items = rng.choice(ITEMS, rows, p=shares / shares.sum())
    columns: Iterable[Any] = zip(
        rng.integers(0, USERS, rows).tolist(),
        items.tolist(),
        rng.integers(10**9, 13 * 10**8, rows).tolist(),
        strict=True,
    )
    return "USER_ID,ITEM_ID,TIMESTAMP\n" + "".join(f"user-{user},item-{item},{when}\n" for user, item, when in columns)


def rows_of(options: argparse.Namespace, name: str, *server: str) -> list[list[str]]:
    """name: of the kind of answers. server: options of the server."""
    with served("--pace", "instant", *server) as url:
        path = GroupToAnswer(url)
        jobs = Jobs(path, options.rows, options.lines)
        load = Load(url, path.deploy("load", jobs.version), options.rate, options.clients)
        # Every user once, so that what is remembered is remembered.
        beside(load, partial(time.sleep, USERS / options.rate + 0.5))
        idle = partial(time.sleep, options.seconds)
        rows = [_row(f"{name}, idle", *beside(load, idle))]
        for what, job in (("training", jobs.train), ("import", jobs.load_rows), ("batch job", jobs.infer)):
            runs = [beside(load, partial(job, number)) for number in range(options.runs)]
            latencies = sorted(chain.from_iterable(run[1] for run in runs))
            rows.append(_row(f"{name}, {what}", sum(run[0] for run in runs), latencies))
        return rows


def _row(name: str, seconds: float, latencies: list[float]) -> list[str]:
    points = [latencies[int(len(latencies) * share)] for share in (0.5, 0.95, 0.99)]
    return [name, f"{seconds:.1f}", f"{len(latencies):,}", *(f"{point:.1f}" for point in (*points, latencies[-1]))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interference", description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the idle server")
    parser.add_argument("--runs", type=int, default=3, help="of each job")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the import")
    parser.add_argument("--lines", type=int, default=10_000, help="of the batch job")
    options = parser.parse_args()
    rows = rows_of(options, "remembered") + rows_of(options, "first time", "--remembered-bytes", "0")
    header = ["answers, and what runs beside", "seconds", "requests", "median ms", "95 % ms", "99 % ms", "slowest ms"]
    show(f"GetRecommendations, {options.rate:g} a second", header, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
