"""Metrics of the trained versions and recommenders of a dataset group, side by side, and what they were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from personalize_emu.emulator import Emulator
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.state.resources import DatasetGroup, Recommender, Solution, SolutionVersion

BASELINE_RECIPES = frozenset({"aws-popularity-count"})
MOST_VERSIONS = 12
"""The newest ones."""
FULL_WIDTH = 100.0


@dataclass(frozen=True)
class TrainedOn:
    """interactions, users, items: numbers. seconds: from creation to the end of training.

    hours: as billed; None for recommenders.
    """

    interactions: int
    users: int
    items: int
    seconds: float
    hours: float | None
    tuned: Mapping[str, str]


@dataclass(frozen=True)
class Version:
    """A solution version or recommender. trained: None before the end of its training."""

    name: str
    kind: str
    recipe: str
    status: str
    failure: str | None
    mode: str
    trained: TrainedOn | None
    metrics: Mapping[str, float]

    @property
    def is_baseline(self) -> bool:
        return self.recipe in BASELINE_RECIPES


@dataclass(frozen=True)
class MetricBar:
    """width: in percent of the largest value. uplift: over the baseline, in percent; None without one."""

    name: str
    value: float
    width: float
    is_baseline: bool
    uplift: float | None


@dataclass(frozen=True)
class Metric:
    """One metric of all versions that have it. baseline_width: as of a bar; None without a baseline."""

    name: str
    bars: tuple[MetricBar, ...]
    baseline_width: float | None


@dataclass(frozen=True)
class SolutionsPage:
    """versions: newest first. has_baseline: whether one of them recommends what is popular."""

    group: DatasetGroup
    versions: tuple[Version, ...]
    metrics: tuple[Metric, ...]
    has_baseline: bool
    older: int


def solutions_page(emulator: Emulator, group_arn: str) -> SolutionsPage | None:
    """None if there is no such dataset group."""
    state = emulator.state
    group = state.store.get(DatasetGroup, group_arn)
    if group is None:
        return None
    found = list(_versions(state, group_arn))
    shown = found[:MOST_VERSIONS]
    has_baseline = any(version.is_baseline and version.metrics for version in shown)
    return SolutionsPage(group, tuple(shown), tuple(_metrics(shown)), has_baseline, len(found) - len(shown))


def _versions(state: EmulatorState, group_arn: str) -> Iterator[Version]:
    records: list[SolutionVersion | Recommender] = [*state.store.all(SolutionVersion), *state.store.all(Recommender)]
    of_group = [record for record in records if record.dataset_group_arn == group_arn]
    for record in sorted(of_group, key=state.store.ordinal, reverse=True):
        trained = state.trained(record.arn)
        yield Version(
            name=_name(state, record),
            kind=record.kind.replace("-", " "),
            recipe=(record.recipe_arn or "AutoML").rpartition("/")[2],
            status=record.status,
            failure=record.failure_reason,
            mode=record.training_mode if isinstance(record, SolutionVersion) else "",
            trained=None if trained is None else _trained_on(record, trained),
            metrics={} if trained is None else dict(trained.metrics),
        )


def _name(state: EmulatorState, record: SolutionVersion | Recommender) -> str:
    if isinstance(record, Recommender):
        return record.name
    solution = state.store.get(Solution, record.solution_arn)
    return record.name if solution is None else f"{solution.name}/{record.arn.rpartition('/')[2]}"


def _trained_on(record: SolutionVersion | Recommender, trained: TrainedVersion) -> TrainedOn:
    data = trained.data
    end = record.last_updated_date_time if isinstance(record, SolutionVersion) else trained.since
    return TrainedOn(
        interactions=len(data.users),
        users=len(data.user_ids),
        items=len(trained.answered_ids),
        seconds=max(0.0, end - record.creation_date_time),
        hours=record.training_hours if isinstance(record, SolutionVersion) else None,
        tuned=trained.tuned,
    )


def _metrics(versions: Sequence[Version]) -> Iterator[Metric]:
    """In the order in which the versions have them."""
    names = dict.fromkeys(name for version in versions for name in version.metrics)
    for name in names:
        having = [version for version in versions if name in version.metrics]
        largest = max(version.metrics[name] for version in having)
        baseline = next((version.metrics[name] for version in having if version.is_baseline), None)
        width = FULL_WIDTH / largest if largest > 0 else 0.0
        bars = tuple(_bar(version, version.metrics[name], width, baseline) for version in having)
        yield Metric(name, bars, None if baseline is None else round(baseline * width, 2))


def _bar(version: Version, value: float, width: float, baseline: float | None) -> MetricBar:
    uplift = 100 * (value / baseline - 1) if baseline and not version.is_baseline else None
    return MetricBar(version.name, value, round(max(0.0, value * width), 2), version.is_baseline, uplift)
