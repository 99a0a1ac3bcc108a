"""What the service would bill for: data taken in, trainings, requests by five minutes, deployments over time, batches.

    operations, jobs ──▶ UsageLedger ──▶ service/usage.py: quantities and cost by resource

Resources that have been deleted keep their usage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Campaign, Recommender, SolutionVersion
from personalize_emu.state.store import Store

WINDOW = 300
"""Seconds in which requests are averaged for billing."""
NO_RECIPE = ""


@dataclass(frozen=True)
class Deployed:
    """A campaign or recommender between two changes.

    rate: provisioned requests a second. since, until: epoch seconds of the emulator's clock; until is None while it is
    deployed.
    """

    arn: str
    recipe_arn: str
    rate: int
    since: float
    until: float | None = None


@dataclass(frozen=True)
class Training:
    """hours: training hours as DescribeSolutionVersion shows them. interactions: read by the training."""

    arn: str
    recipe_arn: str
    interactions: int
    hours: float


@dataclass(frozen=True)
class Batch:
    """lines: of the input that were answered, by recommendations or by a segment."""

    arn: str
    recipe_arn: str
    lines: int


@dataclass(frozen=True)
class Usage:
    """A copy of the ledger at one moment.

    ingested: bytes by ARN of the import job or dataset, or by tracking id. requests: answered requests by ARN and
    window (epoch seconds // WINDOW).
    """

    ingested: Mapping[str, int]
    requests: Mapping[tuple[str, int], int]
    deployments: tuple[Deployed, ...]
    trainings: tuple[Training, ...]
    batches: tuple[Batch, ...]


class UsageLedger:
    """Any thread may call any method; adding takes a dictionary access."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._changes = 0
        self._ingested: Counter[str] = Counter()
        self._requests: dict[tuple[str, int], int] = {}
        self._deployments: list[Deployed] = []
        self._current: dict[str, int] = {}
        self._trainings: list[Training] = []
        self._batches: list[Batch] = []

    def ingest(self, source: str, size: int) -> None:
        """size: bytes."""
        with self._lock:
            self._changes += 1
            self._ingested[source] += size

    def request(self, arn: str, now: float) -> None:
        """One request that a campaign or recommender has answered."""
        key = (arn, int(now) // WINDOW)
        with self._lock:
            self._changes += 1
            self._requests[key] = self._requests.get(key, 0) + 1

    def train(self, training: Training) -> None:
        with self._lock:
            self._changes += 1
            self._trainings.append(training)

    def run_batch(self, batch: Batch) -> None:
        with self._lock:
            self._changes += 1
            self._batches.append(batch)

    def deploy(self, arn: str, recipe_arn: str, rate: int, now: float) -> None:
        """What is deployed from now on; equal terms change nothing."""
        with self._lock:
            place = self._current.get(arn)
            if place is not None:
                present = self._deployments[place]
                if (present.recipe_arn, present.rate) == (recipe_arn, rate):
                    return
                self._deployments[place] = replace(present, until=now)
            self._changes += 1
            self._current[arn] = len(self._deployments)
            self._deployments.append(Deployed(arn, recipe_arn, rate, now))

    def release(self, arn: str, now: float) -> None:
        """The end of a deployment; nothing if there is none."""
        with self._lock:
            place = self._current.pop(arn, None)
            if place is not None:
                self._changes += 1
                self._deployments[place] = replace(self._deployments[place], until=now)

    @property
    def changes(self) -> int:
        """Differs from an earlier one when something has been added or removed since."""
        return self._changes

    def restore(self, usage: Usage) -> None:
        """Replace everything by what another ledger had."""
        with self._lock:
            self._changes += 1
            self._ingested, self._requests = Counter(usage.ingested), dict(usage.requests)
            self._trainings, self._batches = list(usage.trainings), list(usage.batches)
            self._deployments = list(usage.deployments)
            self._current = {each.arn: place for place, each in enumerate(self._deployments) if each.until is None}

    def agree_with(self, store: Store, now: float) -> None:
        """Deploy what is deployed in a store, and release what is not any more."""
        for arn in list(self._current):
            if store.get(Campaign, arn) is None and store.get(Recommender, arn) is None:
                self.release(arn, now)
        for campaign in store.all(Campaign):
            self._campaign_changed(store, campaign)
        for recommender in store.all(Recommender):
            self._recommender_changed(recommender)

    def forget(self, is_gone: Callable[[str], bool]) -> None:
        """Remove what was used by some resources. is_gone: of an ARN or a tracking id."""
        usage = self.usage()
        self.restore(
            Usage(
                {source: size for source, size in usage.ingested.items() if not is_gone(source)},
                {key: count for key, count in usage.requests.items() if not is_gone(key[0])},
                tuple(each for each in usage.deployments if not is_gone(each.arn)),
                tuple(each for each in usage.trainings if not is_gone(each.arn)),
                tuple(each for each in usage.batches if not is_gone(each.arn)),
            )
        )

    def usage(self) -> Usage:
        with self._lock:
            return Usage(
                ingested=dict(self._ingested),
                requests=dict(self._requests),
                deployments=tuple(self._deployments),
                trainings=tuple(self._trainings),
                batches=tuple(self._batches),
            )

    def observe(self, store: Store) -> None:
        """Follow the deployments of a store; must be called before the first is inserted."""
        store.observe(Campaign, lambda campaign: self._campaign_changed(store, campaign))
        store.observe(Recommender, self._recommender_changed)

    def _campaign_changed(self, store: Store, campaign: Campaign) -> None:
        """A campaign is billed while it can answer, also while it is updated."""
        if campaign.status != ACTIVE:
            self.release(campaign.arn, campaign.last_updated_date_time)
            return
        version = store.get(SolutionVersion, campaign.solution_version_arn)
        recipe_arn = version.recipe_arn if version is not None else None
        now = campaign.last_updated_date_time
        self.deploy(campaign.arn, recipe_arn or NO_RECIPE, campaign.min_provisioned_tps, now)

    def _recommender_changed(self, recommender: Recommender) -> None:
        """A stopped recommender is not billed."""
        if recommender.status != ACTIVE:
            self.release(recommender.arn, recommender.last_updated_date_time)
            return
        rate = int(recommender.recommender_config.get("minRecommendationRequestsPerSecond", 1))
        self.deploy(recommender.arn, recommender.recipe_arn, rate, recommender.last_updated_date_time)
