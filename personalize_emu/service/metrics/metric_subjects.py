"""What the service's own metrics are called, and the resources that they are about (spec 12 section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.state.metric_buffer import CallNames, Subject
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.resources import (
    Campaign,
    Dataset,
    DatasetImportJob,
    EventTracker,
    Recommender,
    Resource,
    Solution,
    SolutionVersion,
)

R = TypeVar("R", bound=Resource)
SubjectOf = Callable[[Context, str], Subject | None]
"""The value of a request's member to what the request is about; None when that does not exist."""


@dataclass(frozen=True)
class CallMetrics:
    """subjects: by the member of the request that names it, the first that is given counts.

    makes: the member of the answer with the ARN of what a call makes, which then is a dimension, too.
    """

    names: CallNames
    subjects: Mapping[str, SubjectOf]
    makes: str | None = None


def subject_of_job(context: Context, record: Resource) -> Subject | None:
    """Of imports and trainings; other jobs are not measured."""
    if isinstance(record, SolutionVersion):
        return (("SolutionArn", record.solution_arn), ("SolutionVersionArn", record.arn))
    if isinstance(record, DatasetImportJob):
        dataset = _dataset(context, record.dataset_arn)
        return (*dataset, ("DatasetImportJobArn", record.arn)) if dataset else None
    return None


def dimension_name(member: str) -> str:
    """`campaignArn` is the dimension `CampaignArn`."""
    return member[0].upper() + member[1:]


def target_of(metrics: CallMetrics, params: Params) -> tuple[str, str]:
    """The member of a request that says what it is about, and its value; both empty where there is none."""
    for member in metrics.subjects:
        value = params.get(member)
        if isinstance(value, str) and value:
            return member, value
    return "", ""


def _itself(member: str, kind: type[Resource]) -> Mapping[str, SubjectOf]:
    def subject(context: Context, arn: str) -> Subject | None:
        return ((dimension_name(member), arn),) if _existing(context, kind, arn) else None

    return {member: subject}


def _dataset(context: Context, arn: str) -> Subject | None:
    dataset = _existing(context, Dataset, arn)
    return None if dataset is None else _dimensions_of(dataset)


def _tracker(context: Context, tracking_id: str) -> Subject | None:
    tracker = _existing(context, EventTracker, context.state.trackers.get(tracking_id) or "")
    if tracker is None:
        return None
    group_name = tracker.dataset_group_arn.rpartition("/")[2]
    dataset = _existing(context, Dataset, context.arn("dataset", f"{group_name}/{INTERACTIONS}"))
    return (*_dimensions_of(dataset), ("EventTrackerArn", tracker.arn)) if dataset else None


def _actions_tracker(context: Context, tracking_id: str) -> Subject | None:
    found = (dataset for dataset in context.all(Dataset) if dataset.tracking_id == tracking_id)
    return next(map(_dimensions_of, found), None)


def _existing(context: Context, kind: type[R], arn: str) -> R | None:
    """As `Context.find`, but never raises: requests that are refused name anything."""
    parsed = parse_arn(arn)
    if parsed is None or (parsed.account, parsed.region) != (context.account, context.region):
        return None
    return context.state.store.get(kind, arn)


def _dimensions_of(dataset: Dataset) -> Subject:
    return (("DatasetGroupArn", dataset.dataset_group_arn), ("DatasetArn", dataset.arn))


def _answered(
    name: str,
    subjects: Mapping[str, SubjectOf],
    *,
    requests: tuple[str, ...] = (),
    latency: str | None = None,
    sum_only: bool = False,
) -> CallMetrics:
    names = CallNames(
        requests=requests or (f"{name}Requests",),
        client_errors=f"{name}4xxErrors",
        server_errors=f"{name}5xxErrors",
        latency=latency or f"{name}Latency",
        sum_only=sum_only,
    )
    return CallMetrics(names, subjects)


def _begun(name: str, subjects: Mapping[str, SubjectOf], makes: str) -> CallMetrics:
    """Of calls that begin a job; their errors are one metric, which the job's own error counts to."""
    return CallMetrics(CallNames((f"{name}Requests",), f"{name}Error", f"{name}Error", None), subjects, makes)


_CAMPAIGN = _itself("campaignArn", Campaign)

CALL_METRICS: Mapping[str, CallMetrics] = MappingProxyType(
    {
        "CreateDatasetImportJob": _begun("DatasetImportJob", {"datasetArn": _dataset}, makes="datasetImportJobArn"),
        "CreateSolutionVersion": _begun(
            "SolutionTrainingJob", _itself("solutionArn", Solution), makes="solutionVersionArn"
        ),
        "GetRecommendations": _answered(
            "GetRecommendations",
            {**_CAMPAIGN, **_itself("recommenderArn", Recommender)},
            requests=("GetRecommendations",),
            sum_only=True,
        ),
        # The present guide and the vendor's monitoring say the first (CW-8), the guide of 2023 says the second.
        "GetPersonalizedRanking": _answered(
            "GetPersonalizedRanking",
            _CAMPAIGN,
            requests=("GetPersonalizedRanking", "GetPersonalizedRankingRequests"),
        ),
        "GetActionRecommendations": _answered("GetActionRecommendations", _CAMPAIGN),
        "PutEvents": _answered("PutEvents", {"trackingId": _tracker}, latency="PutEventLatency"),
        "PutItems": _answered("PutItems", {"datasetArn": _dataset}),
        "PutUsers": _answered("PutUsers", {"datasetArn": _dataset}),
        "PutActions": _answered("PutActions", {"datasetArn": _dataset}),
        "PutActionInteractions": _answered("PutActionInteractions", {"trackingId": _actions_tracker}),
    }
)
"""CW-1 to CW-18 and CW-21, by operation."""
