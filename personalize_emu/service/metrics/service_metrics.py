"""The metrics that the service itself has in CloudWatch (CW-1 to CW-22).

    answered calls, ended jobs ──▶ MetricBuffer ──a moment later, on the clock──▶ CloudWatch

Counting is a few additions in the thread of the request; sending is a job of its own that nobody waits for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from personalize_emu.aws_services import MetricDatum, MetricsRefused
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.metrics.metric_subjects import CALL_METRICS, dimension_name, subject_of_job, target_of
from personalize_emu.service.state.metric_buffer import (
    BYTES,
    COUNT,
    SECONDS,
    Calls,
    MetricBuffer,
    Series,
    Statistic,
    Subject,
)
from personalize_emu.state.jobs import Job, JobFailed
from personalize_emu.state.lifecycle import Duration, measurement_delay
from personalize_emu.state.resources import DatasetImportJob, Stateful

NAMESPACE = "AWS/Personalize"
MINUTE = 60
"""Seconds. Data are stamped with the minute in which the first of them was measured."""
_NO_TIME = Duration(0, 0)


@dataclass(frozen=True)
class AnsweredCall:
    """One request and how it went. answer: its members, None when it was refused. seconds: from end to end."""

    operation: str
    params: Params
    answer: Mapping[str, Any] | None
    status: int
    seconds: float
    region: str
    account: str


def record_call(call: AnsweredCall, buffer: MetricBuffer, context_of: Callable[[], Context]) -> None:
    """Count a call of an operation that has metrics; its events or items do not matter (CW-22).

    Calls about what does not exist are nobody's. context_of: asked for the first call about something.
    """
    metrics = CALL_METRICS[call.operation]
    member, target = target_of(metrics, call.params)
    made = str(call.answer[metrics.makes]) if call.answer and metrics.makes else ""
    key = (call.region, call.account, call.operation, target, made)
    if not target or buffer.count_again(key, call.status, call.seconds):
        return
    context = context_of()
    subject = metrics.subjects[member](context, target)
    if subject is None:
        return
    if made and metrics.makes:
        subject = (*subject, (dimension_name(metrics.makes), made))
    if buffer.count_first(key, Calls(call.region, metrics.names, subject), call.status, call.seconds):
        _arrange_sending(context)


def record_end(context: Context, record: Stateful, *, failed: bool) -> None:
    """Something has been created, or could not be; imports and trainings are measured (CW-2, CW-3, CW-6, CW-7)."""
    context.state.tallies.job_ended(record.kind, failed=failed)
    subject = subject_of_job(context, record)
    if subject is None:
        return
    name = "DatasetImportJob" if isinstance(record, DatasetImportJob) else "SolutionTrainingJob"
    spent = context.clock.now() - record.creation_date_time
    _record(context, f"{name}ExecutionTime", SECONDS, subject, spent)
    if failed:
        _record(context, f"{name}Error", COUNT, subject, 1.0)


def record_import_size(context: Context, job: DatasetImportJob, size: int) -> None:
    """size: bytes of the files (CW-4)."""
    subject = subject_of_job(context, job)
    if subject is not None:
        _record(context, "DatasetSize", BYTES, subject, float(size))


def _record(context: Context, metric: str, unit: str, subject: Subject, value: float) -> None:
    if context.publishes_metrics and context.state.metrics.add(Series(context.region, metric, unit, subject), value):
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
        data += [_datum(series, statistic, one, minute) for one in _dimensions(series.subject)]
    try:
        for region, data in by_region.items():
            context.aws_services.publish(region, NAMESPACE, data)
    except MetricsRefused as error:
        raise JobFailed(f"The service's own metrics could not be sent to Amazon CloudWatch: {error}") from error


def _dimensions(subject: Subject) -> list[Subject]:
    """Each alone, and all together (CW-20)."""
    return [subject] if len(subject) == 1 else [*((one,) for one in subject), subject]


def _datum(series: Series, statistic: Statistic, dimensions: Subject, minute: datetime) -> MetricDatum:
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
