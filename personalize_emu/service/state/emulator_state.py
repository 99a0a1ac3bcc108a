"""Everything one emulator remembers, in one object that a reset replaces whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from personalize_emu.service.state.column_indexes import ColumnIndexes
from personalize_emu.service.state.dataset_contents import BulkLayer, DatasetContents, EventJournal
from personalize_emu.service.state.entries import (
    AttributionEntry,
    DatasetEntry,
    GroupEntry,
    GroupKeys,
    ImportJobEntry,
    JobEntry,
    JobLogs,
    LogEntry,
    ModelEntry,
    Progress,
    RecommenderEntry,
    RestartEntry,
    TrainableEntry,
)
from personalize_emu.service.state.job_outcomes import ChooseOutcome, own_outcome
from personalize_emu.service.state.measurements import Counters, MetricBuffer
from personalize_emu.service.state.remembered_answers import FinishedList, RememberedScores
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.state.usage_ledger import UsageLedger
from personalize_emu.state.bounded_cache import BoundedCache
from personalize_emu.state.clock import Clock
from personalize_emu.state.jobs import Jobs
from personalize_emu.state.lifecycle import CREATE_PENDING
from personalize_emu.state.resources import (
    RESOURCE_TYPES,
    BatchInferenceJob,
    BatchSegmentJob,
    Campaign,
    DataDeletionJob,
    Dataset,
    DatasetExportJob,
    DatasetGroup,
    DatasetImportJob,
    EventTracker,
    MetricAttribution,
    Recommender,
    Solution,
    SolutionVersion,
    Stateful,
)
from personalize_emu.state.served_recommendations import ServedRecommendations
from personalize_emu.state.store import Index, Store, Table
from personalize_emu.state.throughput import Throughput, TokenBucket

Keepable = BulkLayer | TrainedVersion


@dataclass(frozen=True)
class Keeping:
    """How state is kept in a data directory; by default it is not.

    prepare: write large values of the resource with that ARN to files, without the store's lock; raises JobFailed. A
    commit writes those that were not prepared. journal: of the dataset with that position in the order of creation, in
    the group with that ARN.
    """

    prepare: Callable[[str, Keepable], None] = lambda _arn, _value: None
    journal: Callable[[int, str], EventJournal | None] = lambda _number, _group_arn: None


@dataclass(frozen=True)
class EmulatorState:
    """Records, one table for each kind with more than its record, jobs and counters.

    Work that was started in one state writes into that state only, so after a reset late results are lost
    instead of appearing in the next. The same holds for a deleted resource: see `Table`.
    """

    store: Store
    jobs: Jobs
    groups: Table[GroupEntry]
    datasets: Table[DatasetEntry]
    import_jobs: Table[ImportJobEntry]
    batch_jobs: Table[JobEntry]
    restarts: Table[RestartEntry]
    solutions: Table[TrainableEntry]
    versions: Table[ModelEntry]
    recommenders: Table[RecommenderEntry]
    attributions: Table[AttributionEntry]
    throughput: Table[Throughput]
    logs: JobLogs
    """What the jobs of every resource with a status have done."""
    trackers: Index
    """Tracking id to event tracker ARN."""
    indexes: ColumnIndexes = field(default_factory=ColumnIndexes)
    answers: ServedRecommendations = field(default_factory=ServedRecommendations)
    counters: Counters = field(default_factory=Counters)
    metrics: MetricBuffer = field(default_factory=MetricBuffer)
    """The service's own, on their way to CloudWatch."""
    usage: UsageLedger = field(default_factory=UsageLedger)
    """What the service would bill for."""
    scores: BoundedCache[RememberedScores] = field(default_factory=lambda: BoundedCache(0))
    lists: BoundedCache[FinishedList] = field(default_factory=lambda: BoundedCache(0))
    scoring: threading.Lock = field(default_factory=threading.Lock)
    """Held while a model scores for a request: two at a time would only compete for the interpreter lock."""
    outcome_of: ChooseOutcome = own_outcome
    metering: threading.Lock = field(default_factory=threading.Lock)
    """Held while a request is metered, with the option `capacity`."""
    account_rates: dict[str, TokenBucket] = field(default_factory=dict)
    """By account and region."""
    keeping: Keeping = field(default_factory=Keeping)
    group_keys: GroupKeys = field(default_factory=GroupKeys)

    def contents(self, dataset_arn: str) -> DatasetContents | None:
        """What a dataset holds; None before it is ACTIVE and when it does not exist."""
        entry = self.datasets.get(dataset_arn)
        return None if entry is None else entry.contents

    def all_contents(self) -> list[DatasetContents]:
        """What all datasets hold now."""
        return [entry.contents for _, entry in self.datasets.items() if entry.contents is not None]

    def model_entry(self, arn: str) -> ModelEntry | None:
        """Of a solution version or recommender."""
        return self.versions.get(arn) or self.recommenders.get(arn)

    def trainable_entry(self, arn: str) -> TrainableEntry | None:
        """Of a solution or recommender."""
        return self.solutions.get(arn) or self.recommenders.get(arn)

    def trained(self, arn: str) -> TrainedVersion | None:
        """What a solution version or recommender answers from; None before its training and when it does not exist."""
        entry = self.model_entry(arn)
        return None if entry is None else entry.trained

    def job_entry(self, arn: str) -> JobEntry | None:
        """Of a training or batch job, by the ARN of its resource."""
        return self.model_entry(arn) or self.batch_jobs.get(arn)

    def running(self) -> dict[str, Progress]:
        """Trainings and batch jobs at work now, by the ARN of their resource."""
        entries = [*self.versions.items(), *self.recommenders.items(), *self.batch_jobs.items()]
        return {arn: entry.progress for arn, entry in entries if entry.progress is not None}


def new_state(
    clock: Clock,
    remembered_bytes: int = 0,
    outcome_of: ChooseOutcome = own_outcome,
    keeping: Keeping | None = None,
) -> EmulatorState:
    """remembered_bytes: of remembered scores and lists together."""
    store, usage = Store(), UsageLedger()
    usage.observe(store)
    kinds = [kind for kind in RESOURCE_TYPES if issubclass(kind, Stateful)]
    logs = JobLogs(clock, store.table(LogEntry, *kinds))
    for kind in kinds:
        store.observe(kind, logs.follow)
    answers = ServedRecommendations()
    for deployment in (Campaign, Recommender):
        store.observe(deployment, partial(_begin_deployment, answers))
    return EmulatorState(
        usage=usage,
        scores=BoundedCache(remembered_bytes // 2),
        lists=BoundedCache(remembered_bytes // 2),
        store=store,
        jobs=Jobs(clock),
        outcome_of=outcome_of,
        keeping=keeping or Keeping(),
        groups=store.table(GroupEntry, DatasetGroup),
        datasets=store.table(DatasetEntry, Dataset),
        import_jobs=store.table(ImportJobEntry, DatasetImportJob),
        batch_jobs=store.table(JobEntry, BatchInferenceJob, BatchSegmentJob),
        restarts=store.table(
            RestartEntry, DatasetImportJob, DatasetExportJob, DataDeletionJob, BatchInferenceJob, BatchSegmentJob
        ),
        solutions=store.table(TrainableEntry, Solution),
        versions=store.table(ModelEntry, SolutionVersion),
        recommenders=store.table(RecommenderEntry, Recommender),
        attributions=store.table(AttributionEntry, MetricAttribution),
        logs=logs,
        answers=answers,
        throughput=store.table(Throughput, Campaign, Recommender),
        trackers=store.index(EventTracker, "tracking_id"),
    )


def _begin_deployment(answers: ServedRecommendations, record: Campaign | Recommender) -> None:
    """Of a deployment that is being created; called with every new and changed one."""
    if record.status == CREATE_PENDING:
        answers.start_over(record.arn)
