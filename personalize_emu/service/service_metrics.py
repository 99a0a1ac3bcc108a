"""The metrics that the service itself has in CloudWatch: names, dimensions, counting, sending (spec 12, CW-1 to CW-22).

    answered calls, ended jobs ──▶ MetricBuffer ──a moment later, on the clock──▶ CloudWatch

Counting takes a few additions in the thread of the request. Sending is a job of its own that no request waits for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from personalize_emu.aws_services import MetricDatum, MetricsRefused
from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.state.measurements import (
    BYTES,
    COUNT,
    SECONDS,
    CallNames,
    Calls,
    Dimensions,
    MetricBuffer,
    Series,
    Statistic,
)
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.jobs import Job, JobFailed
from personalize_emu.state.lifecycle import Duration, measurement_delay
from personalize_emu.state.resources import (
    Campaign,
    Dataset,
    DatasetImportJob,
    EventTracker,
    Recommender,
    Resource,
    Solution,
    SolutionVersion,
    Stateful,
)

R = TypeVar("R", bound=Resource)
DimensionsOf = Callable[[Context, str], Dimensions | None]
"""The value of a request's member to the dimensions of its metrics; None when the resource does not exist."""


@dataclass(frozen=True)
class CallMetrics:
    """dimensions_of: by the member of the request that names the resource; the first that is given counts.

    makes: the member of the response with the ARN of what a call creates, which is a further dimension.
    """

    names: CallNames
    dimensions_of: Mapping[str, DimensionsOf]
    makes: str | None = None


def dimensions_of_job(context: Context, record: Resource) -> Dimensions | None:
    """Of imports and trainings; other jobs have no metrics."""
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
    """The member of a request that names its resource, and its value; both empty where there is none."""
    for member in metrics.dimensions_of:
        value = params.get(member)
        if isinstance(value, str) and value:
            return member, value
    return "", ""


def _itself(member: str, kind: type[Resource]) -> Mapping[str, DimensionsOf]:
    def dimensions(context: Context, arn: str) -> Dimensions | None:
        return ((dimension_name(member), arn),) if _existing(context, kind, arn) else None

    return {member: dimensions}


def _dataset(context: Context, arn: str) -> Dimensions | None:
    dataset = _existing(context, Dataset, arn)
    return None if dataset is None else _dataset_dimensions(dataset)


def _tracker(context: Context, tracking_id: str) -> Dimensions | None:
    tracker = _existing(context, EventTracker, context.state.trackers.get(tracking_id) or "")
    if tracker is None:
        return None
    group_name = tracker.dataset_group_arn.rpartition("/")[2]
    dataset = _existing(context, Dataset, context.arn("dataset", f"{group_name}/{INTERACTIONS}"))
    return (*_dataset_dimensions(dataset), ("EventTrackerArn", tracker.arn)) if dataset else None


def _actions_tracker(context: Context, tracking_id: str) -> Dimensions | None:
    found = (dataset for dataset in context.all(Dataset) if dataset.tracking_id == tracking_id)
    return next(map(_dataset_dimensions, found), None)


def _existing(context: Context, kind: type[R], arn: str) -> R | None:
    """As `Context.find`, but never raises, since refused requests may name anything."""
    parsed = parse_arn(arn)
    if parsed is None or (parsed.account, parsed.region) != (context.account, context.region):
        return None
    return context.state.store.get(kind, arn)


def _dataset_dimensions(dataset: Dataset) -> Dimensions:
    return (("DatasetGroupArn", dataset.dataset_group_arn), ("DatasetArn", dataset.arn))


def _answered(
    name: str,
    dimensions_of: Mapping[str, DimensionsOf],
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
    return CallMetrics(names, dimensions_of)


def _begun(name: str, dimensions_of: Mapping[str, DimensionsOf], makes: str) -> CallMetrics:
    """Metrics of calls that start a job; their errors and the job's are one metric."""
    return CallMetrics(CallNames((f"{name}Requests",), f"{name}Error", f"{name}Error", None), dimensions_of, makes)


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
        # The present guide has the first name (CW-8), the guide of 2023 the second.
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


NAMESPACE = "AWS/Personalize"
MINUTE = 60
"""Seconds. Data are stamped with the minute in which the first of them was measured."""
_NO_TIME = Duration(0, 0)


@dataclass(frozen=True)
class AnsweredCall:
    """A request and its outcome. answer: its members, None for errors. seconds: from end to end. size: bytes sent."""

    operation: str
    params: Params
    answer: Mapping[str, Any] | None
    status: int
    seconds: float
    region: str
    account: str
    size: int = 0


def record_call(call: AnsweredCall, buffer: MetricBuffer, context_of: Callable[[], Context]) -> None:
    """Count a call of an operation that has metrics, however many events or items it has (CW-22).

    Calls about resources that do not exist are not counted. context_of: called for the first call about a resource.
    """
    metrics = CALL_METRICS[call.operation]
    member, target = target_of(metrics, call.params)
    made = str(call.answer[metrics.makes]) if call.answer and metrics.makes else ""
    key = (call.region, call.account, call.operation, target, made)
    if not target or buffer.count_again(key, call.status, call.seconds):
        return
    context = context_of()
    dimensions = metrics.dimensions_of[member](context, target)
    if dimensions is None:
        return
    if made and metrics.makes:
        dimensions = (*dimensions, (dimension_name(metrics.makes), made))
    if buffer.count_first(key, Calls(call.region, metrics.names, dimensions), call.status, call.seconds):
        _arrange_sending(context)


def record_job_end(context: Context, record: Stateful, *, failed: bool) -> None:
    """Count the end of a creation; imports and trainings have metrics (CW-2, CW-3, CW-6, CW-7)."""
    context.state.counters.job_ended(record.kind, failed=failed)
    dimensions = dimensions_of_job(context, record)
    if dimensions is None:
        return
    name = "DatasetImportJob" if isinstance(record, DatasetImportJob) else "SolutionTrainingJob"
    spent = context.clock.now() - record.creation_date_time
    _record(context, f"{name}ExecutionTime", SECONDS, dimensions, spent)
    if failed:
        _record(context, f"{name}Error", COUNT, dimensions, 1.0)


def record_import_size(context: Context, job: DatasetImportJob, size: int) -> None:
    """size: bytes of the files (CW-4)."""
    dimensions = dimensions_of_job(context, job)
    if dimensions is not None:
        _record(context, "DatasetSize", BYTES, dimensions, float(size))


def _record(context: Context, metric: str, unit: str, dimensions: Dimensions, value: float) -> None:
    if context.publishes_metrics and context.state.metrics.add(Series(context.region, metric, unit, dimensions), value):
        _arrange_sending(context)


def _arrange_sending(context: Context) -> None:
    now = context.clock.now()
    when = now + measurement_delay(context.settings, now, MINUTE)
    context.state.jobs.at(when, partial(_begin_sending, context, now // MINUTE * MINUTE))


def _begin_sending(context: Context, minute: float) -> None:
    work = partial(_send, context, context.state.metrics.take(), datetime.fromtimestamp(minute, UTC))
    job = Job(
        "send metrics",
        _NO_TIME,
        lambda: True,
        work,
        lambda _: None,
        lambda _: None,
        in_background=True,
        log_level=logging.DEBUG,
    )
    context.state.jobs.start(job)


def _send(context: Context, measured: Sequence[tuple[Series, Statistic]], minute: datetime) -> None:
    by_region: dict[str, list[MetricDatum]] = {}
    for series, statistic in measured:
        data = by_region.setdefault(series.region, [])
        data += [_datum(series, statistic, one, minute) for one in _dimension_sets(series.dimensions)]
    try:
        for region, data in by_region.items():
            context.aws_services.publish(region, NAMESPACE, data)
    except MetricsRefused as error:
        raise JobFailed(f"The service's own metrics could not be sent to Amazon CloudWatch: {error}") from error


def _dimension_sets(dimensions: Dimensions) -> list[Dimensions]:
    """Each alone, and all together (CW-20)."""
    return [dimensions] if len(dimensions) == 1 else [*((one,) for one in dimensions), dimensions]


def _datum(series: Series, statistic: Statistic, dimensions: Dimensions, minute: datetime) -> MetricDatum:
    datum: dict[str, Any] = {
        "MetricName": series.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
        "Timestamp": minute,
        "Unit": series.unit,
    }
    if series.sum_only:
        return datum | {"Value": statistic.total}
    values = {
        "SampleCount": statistic.count,
        "Sum": statistic.total,
        "Minimum": statistic.least,
        "Maximum": statistic.most,
    }
    return datum | {"StatisticValues": values}
