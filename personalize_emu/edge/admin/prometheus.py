"""`GET /_emu/metrics`: the counters of one emulator in the Prometheus text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from personalize_emu.emulator import Emulator
from personalize_emu.service.state.measurements import BOUNDS, Counts
from personalize_emu.state.resources import Stateful

CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "personalize_emu_"
_ENDS = (*(str(bound) for bound in BOUNDS), "+Inf")


def metrics_text(emulator: Emulator) -> bytes:
    """Counters since the start or the last reset, and the current resources by state."""
    registry = CollectorRegistry()
    registry.register(_Counts(emulator))
    return generate_latest(registry)


class _Counts(Collector):
    """Reads the emulator when metrics are collected, so that requests only increment plain counters."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def collect(self) -> Iterator[Metric]:
        counts = self._emulator.state.counters.counts()
        yield _requests(counts)
        yield _latencies(counts)
        yield _records(counts)
        yield _ended_jobs(counts)
        yield _trainings(counts)
        yield _resources(self._emulator)


def _requests(counts: Counts) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}requests", "Requests answered.", labels=("operation", "status"))
    for (operation, status), number in sorted(counts.requests.items()):
        family.add_metric((operation, str(status)), number)
    return family


def _latencies(counts: Counts) -> Metric:
    family = HistogramMetricFamily(
        f"{PREFIX}request_seconds", "Processing time of requests, without network.", labels=("operation",)
    )
    for operation, (buckets, total) in sorted(counts.latencies.items()):
        sums = [sum(buckets[: place + 1]) for place in range(len(buckets))]
        family.add_metric((operation,), list(zip(_ENDS, map(float, sums), strict=True)), total)
    return family


def _records(counts: Counts) -> Metric:
    family = CounterMetricFamily(
        f"{PREFIX}records", "Events, interactions, items, users and actions accepted.", labels=("operation",)
    )
    for operation, number in sorted(counts.records.items()):
        family.add_metric((operation,), number)
    return family


def _ended_jobs(counts: Counts) -> Metric:
    family = CounterMetricFamily(
        f"{PREFIX}creations", "Finished creations of resources and jobs.", labels=("kind", "outcome")
    )
    for (kind, outcome), number in sorted(counts.jobs.items()):
        family.add_metric((kind, outcome), number)
    return family


def _trainings(counts: Counts) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}trainings", "Models trained and deployed.", labels=("recipe",))
    for recipe, number in sorted(counts.trainings.items()):
        family.add_metric((recipe,), number)
    return family


def _resources(emulator: Emulator) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}resources", "Resources by state.", labels=("kind", "status"))
    found = Counter(
        (record.kind, record.status if isinstance(record, Stateful) else "ACTIVE")
        for record in emulator.state.store.records()
    )
    for (kind, status), number in sorted(found.items()):
        family.add_metric((kind, status), number)
    return family
