"""Metric attributions as resources: metrics of events, by source (R-MA, spec 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from personalize_emu.data.schemas.columns import EVENT_TYPE
from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.service.access.role_access import REPORT, require_access, require_role
from personalize_emu.service.access.s3_inputs import output_folder
from personalize_emu.service.attribution.event_attribution import probe
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import dataset_of_type, records_of_group, schemas_of_group
from personalize_emu.service.lifecycle.creation import (
    begin_creation,
    create_untagged,
    creation_queues,
    require_active,
    require_active_or_creating,
    require_created,
)
from personalize_emu.service.lifecycle.deletion import begin_deletion, require_deletable
from personalize_emu.service.state.attribution_ledger import InvalidMetric, Ledger, check_expression, measured_types
from personalize_emu.state.resources import Dataset, DatasetGroup, MetricAttribution
from personalize_emu.wire.errors import InvalidInputException, ResourceAlreadyExistsException

MOST_METRICS = 10
"""Q-17."""

Metrics = tuple[Mapping[str, Any], ...]


def create_metric_attribution(context: Context, params: Params) -> dict[str, Any]:
    group = context.get(DatasetGroup, params["datasetGroupArn"])
    require_active(group)
    metrics = _with_added(context, group.arn, (), params["metrics"])
    _check_output(context, params["metricsOutputConfig"])
    record = create_untagged(
        context,
        MetricAttribution,
        params,
        dataset_group_arn=group.arn,
        metrics=metrics,
        metrics_output_config=params["metricsOutputConfig"],
    )
    ledger = Ledger(record.arn, group.arn)

    def begin_counting(_: None) -> None:
        context.state.attributions[record.arn].ledger = ledger

    measured = _measured_datasets(context, group.arn, metrics)
    begin_creation(
        context,
        record,
        partial(probe, context, record),
        begin_counting,
        queues=creation_queues(*measured),
        ready=partial(require_created, context, *(dataset.arn for dataset in measured)),
    )
    return {"metricAttributionArn": record.arn}


def describe_metric_attribution(context: Context, params: Params) -> dict[str, Any]:
    return {"metricAttribution": context.get(MetricAttribution, params["metricAttributionArn"]).members()}


def list_metric_attributions(context: Context, params: Params) -> dict[str, Any]:
    found = records_of_group(context, MetricAttribution, params)
    return context.list_page(found, params, "metricAttributions", query="ListMetricAttributions")


def list_metric_attribution_metrics(context: Context, params: Params) -> dict[str, Any]:
    """In the order of their definition (P-73); of every attribution when the request names none (P-74)."""
    found = context.all(MetricAttribution)
    if "metricAttributionArn" in params:
        named = context.find(MetricAttribution, params["metricAttributionArn"])
        found = [] if named is None else [named]
    metrics = [
        {**metric, "_key": f"{context.state.store.ordinal(record):016d}{place:04d}"}
        for record in found
        for place, metric in enumerate(record.metrics)
    ]
    return context.page(
        metrics, params, "metrics", query="ListMetricAttributionMetrics", key=lambda item: str(item["_key"])
    )


def update_metric_attribution(context: Context, params: Params) -> dict[str, Any]:
    """Takes effect at once (R-MA-4). Removal comes before addition (MA-6)."""
    if "metricAttributionArn" not in params:
        raise InvalidInputException("metricAttributionArn is required.")
    record = context.get(MetricAttribution, params["metricAttributionArn"])
    require_active(record)
    if not {"addMetrics", "removeMetrics", "metricsOutputConfig"} & params.keys():
        raise InvalidInputException("Provide addMetrics, removeMetrics or metricsOutputConfig.")
    kept = _without_removed(record.metrics, params.get("removeMetrics", ()))
    metrics = _with_added(context, record.dataset_group_arn, kept, params.get("addMetrics", ()))
    output = params.get("metricsOutputConfig", record.metrics_output_config)
    if "metricsOutputConfig" in params:
        _check_output(context, output)
    context.state.store.change(
        record, metrics=metrics, metrics_output_config=output, last_updated_date_time=context.clock.now()
    )
    return {"metricAttributionArn": record.arn}


def delete_metric_attribution(context: Context, params: Params) -> None:
    """Stops counting at once; what has been sent or written stays (MA-6)."""
    record = context.get(MetricAttribution, params["metricAttributionArn"])
    require_deletable(record)
    context.state.attributions[record.arn].ledger = None
    begin_deletion(context, record)


def _without_removed(metrics: Metrics, names: Iterable[str]) -> Metrics:
    """Raises InvalidInputException for a name that is not there (R-MA-5)."""
    unknown = set(names) - {metric["metricName"] for metric in metrics}
    if unknown:
        raise InvalidInputException(f"There is no metric named {min(unknown)}.")
    return tuple(metric for metric in metrics if metric["metricName"] not in set(names))


def _with_added(context: Context, group_arn: str, old: Metrics, new: Iterable[Mapping[str, Any]]) -> Metrics:
    """All metrics, of which `old` have been checked before.

    Raises:
        InvalidInputException: the group has no event types, a metric has no meaning there, two new ones have
            one name, or there are too many (R-MA-5, R-MA-6, MA-3, MA-12).
        ResourceAlreadyExistsException: there is a metric of that name (R-MA-5).
    """
    added = tuple(new)
    taken = {metric["metricName"] for metric in old}
    for name in (metric["metricName"] for metric in added):
        if name in taken:
            raise ResourceAlreadyExistsException(f"A metric named {name} already exists.")
    if len({metric["metricName"] for metric in added}) < len(added):
        raise InvalidInputException("The names of metrics must be unique.")
    if len(old) + len(added) > MOST_METRICS:
        raise InvalidInputException(f"A metric attribution has at most {MOST_METRICS} metrics.")
    _check_metrics(context, group_arn, added)
    return old + added


def _measured_datasets(context: Context, group_arn: str, metrics: Metrics) -> list[Dataset]:
    """Those there are that metrics are computed from."""
    found = (dataset_of_type(context, group_arn, kind) for kind in sorted(measured_types(metrics)) if kind)
    return [dataset for dataset in found if dataset is not None]


def _check_metrics(context: Context, group_arn: str, metrics: Metrics) -> None:
    """Items that are yet to be imported add 0 until they are (MA-12)."""
    schemas = schemas_of_group(context, group_arn)
    events = dataset_of_type(context, group_arn, INTERACTIONS)
    if events is None or EVENT_TYPE not in schemas[INTERACTIONS].names:
        raise InvalidInputException("A metric attribution requires an INTERACTIONS dataset with a column EVENT_TYPE.")
    require_active_or_creating(events)
    for metric in metrics:
        try:
            check_expression(metric["expression"], schemas)
        except InvalidMetric as error:
            raise InvalidInputException(str(error)) from error


def _check_output(context: Context, output: Mapping[str, Any]) -> None:
    """Rights and the form of a destination in S3 (MA-7, S-9)."""
    require_role(context, output["roleArn"])
    if "s3DataDestination" in output:
        folder = output_folder(output["s3DataDestination"]["path"])
        require_access(context, output["roleArn"], REPORT, folder.bucket, [folder.key])
